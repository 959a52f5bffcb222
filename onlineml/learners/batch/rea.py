"""REA: small classes are joined by those of their earlier rows that still fit."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import jit
from onlineml.kernels.arena import Field, Ints
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.learners.batch.quality import squared_error
from onlineml.learners.batch.resampling import distance, keep_rows, newest, rows_of
from onlineml.parameters import whole
from onlineml.schema import wrong

_LEAST = 1e-9  # an error of 0 would give an infinite vote


@jit
def _count_neighbors(
    candidates: Array, X: Array, y: Array, c: int, nominal: Ints, n_neighbors: int
) -> Ints:
    """For each candidate, how many of its nearest rows of the batch are of class `c`."""
    found = np.zeros(len(candidates), np.int64)
    n = min(n_neighbors, len(X))
    nearest, codes, gaps = np.empty(n), np.empty(n), np.empty(len(X))
    simple = nominal.sum() == 0 and not (np.isnan(X).any() or np.isnan(candidates).any())
    columns = X.T.copy()
    for i in range(len(candidates)):
        if simple:
            _plain_distances(candidates[i], columns, gaps)
        else:
            for m in range(len(X)):
                gaps[m] = distance(candidates[i], X[m], nominal)
        held, bound = 0, np.inf
        for m in range(len(X)):
            if gaps[m] < bound or held < n:
                held = _insert(gaps[m], y[m], nearest, codes, held)
                bound = nearest[n - 1] if held == n else np.inf
        for m in range(held):
            if codes[m] == c:
                found[i] += 1
    return found


@jit
def _plain_distances(a: Array, columns: Array, gaps: Array) -> None:
    """Squared distances to many rows that miss nothing and are numbers only, all at once."""
    gaps[:] = 0.0
    for j in range(a.shape[0]):
        for m in range(gaps.shape[0]):
            gap = a[j] - columns[j, m]
            gaps[m] += gap * gap


@jit
def _insert(gap: float, code: float, nearest: Array, codes: Array, held: int) -> int:
    """Put one row among the nearest so far, the first of equals in front; how many they are."""
    n = nearest.shape[0]
    at = held if held < n else n - 1
    while at > 0 and nearest[at - 1] > gap:
        nearest[at], codes[at] = nearest[at - 1], codes[at - 1]
        at -= 1
    nearest[at], codes[at] = gap, code
    return int(min(held + 1, n))


class REA(BatchEnsemble):
    """Recursive ensemble approach: a new member a batch, small classes joined by earlier rows.

    The newest `memory_size` rows of each class are kept. Where a class has fewer rows in a batch
    than `balance` asks, the kept rows join it that have the most neighbors of the class in the
    batch. A member votes with the logarithm of the inverse of its squared error on the batch. Once
    there are `n_members`, the one of least vote goes. Time per event is that of a fit and
    `n_members` predictions, and O(`memory_size` * n_features) to find neighbors; memory is that of
    the members, of `batch_size` rows and of `memory_size` rows a class.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Most members.
    batch_size
        Rows from one update to the next.
    balance
        Share that a class is to have beside the largest one: 0.5 = as many rows.
    n_neighbors
        Neighbors that are looked at.
    memory_size
        Rows that are kept of each class.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members`, `batch_size`,
        `n_neighbors` and `memory_size` are whole numbers >= 1, and 0 <= `balance` < 1.

    Examples
    --------
    >>> from onlineml.learners import REA
    >>> X, y = [[1.0], [2.0], [8.0], [1.5], [2.5], [9.0]], ["low", "low", "high"] * 2
    >>> REA(batch_size=6).fit_many(X * 3, y * 3).predict_one([7.5])
    'high'

    Notes
    -----
    Follows section 3 of [1]_. Departures: any number of classes, each of which may be small; the
    paper keeps all rows of the minority and all members; among rows with as many neighbors, the
    newest are taken.

    References
    ----------
    .. [1] Chen, He (2011), Towards incremental learning of nonstationary imbalanced data stream: a
       multiple selectively recursive approach, Evolving Systems 2(1).
       doi:10.1007/s12530-010-9021-y
    """

    _state = (
        *BatchEnsemble._state,
        Field("nominal_", ("F",), np.int64),
        Field("past_", ("C", "R", "F"), fill=np.nan),
        Field("past_weight_", ("C", "R")),
        Field("n_past_", ("C",), np.int64),
    )

    nominal_: Ints
    past_: Array
    past_weight_: Array
    n_past_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        balance: float = 0.5,
        n_neighbors: int = 10,
        memory_size: int = 200,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.balance = balance
        self.n_neighbors = n_neighbors
        self.memory_size = memory_size

    def _check(self) -> None:
        super()._check()
        if not 0 <= self.balance < 1:
            raise wrong("balance", self.balance, "a number >= 0 and < 1")
        for name in ("n_neighbors", "memory_size"):
            whole(name, getattr(self, name), 1)

    def _n_slots(self) -> int:
        return self.n_members

    def _sizes(self) -> dict[str, int]:
        return super()._sizes() | {"R": self.memory_size}

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        slot = self._free_slot()
        if slot < 0:
            slot = int(np.argmin(self.vote_))
        self._train_new(slot, *self._joined(X, y, weight))
        self.born_[slot] = self.n_updates_[0]
        for k in self._in_use().tolist():
            error = squared_error(self._ask(k, X), y, weight)
            self.vote_[k] = max(-np.log(max(error, _LEAST)), 0.0)
        keep_rows(X, y, weight, self.past_, self.past_weight_, self.n_past_)

    def _joined(self, X: Array, y: Array, weight: Array) -> tuple[Array, Array, Array]:
        """The batch, with earlier rows of its small classes."""
        rows, codes, weights = [X], [y], [weight]
        by_class = rows_of(y, int(self.seen_[0]))
        due = int(max(map(len, by_class)) * self.balance / (1.0 - self.balance))
        for c, own in enumerate(by_class):
            places = newest(self.memory_size, int(self.n_past_[c]), self.memory_size)
            kept = self.past_[c, places]
            n = min(due - len(own), len(kept))
            if n > 0:
                near = _count_neighbors(kept, X, y, c, self.nominal_, self.n_neighbors)
                best = np.argsort(near, kind="stable")[len(kept) - n :]  # last: the newest
                rows.append(kept[np.sort(best)])
                codes.append(np.full(n, float(c)))
                weights.append(self.past_weight_[c, places[np.sort(best)]])
        return np.concatenate(rows), np.concatenate(codes), np.concatenate(weights)
