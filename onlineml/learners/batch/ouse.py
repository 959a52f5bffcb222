"""OUSE: members of the newest batch only, with the small classes' rows of many batches."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Schema
from onlineml.kernels import jit
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.learners.batch.resampling import keep_rows, newest, rows_of
from onlineml.parameters import whole


@jit
def _draw_with_replacement(rng: Ints, k: int, positions: Ints, drawn: Ints) -> None:
    for i in range(len(drawn)):
        drawn[i] = positions[below(rng, k, len(positions))]


class OUSE(BatchEnsemble):
    """Over- and undersampling ensemble: all members learn anew at each batch, from balanced sets.

    The newest `memory_size` rows of each class are kept. At each batch, every member is made anew:
    it learns the kept rows of all classes but the batch's largest, at most as many of each as that
    has, and a random sample of the largest, of the size of the second. So members know only the
    newest concept of the large class. Time per event is that of 2 `n_members` fits and `n_members`
    predictions; memory is that of the members, of `batch_size` rows and of `memory_size` rows a
    class.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Number of members.
    batch_size
        Rows from one update to the next.
    memory_size
        Rows that are kept of each class.
    seed
        Seed of the samples.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, and `n_members`, `batch_size`
        and `memory_size` are whole numbers >= 1.

    Examples
    --------
    >>> from onlineml.learners import OUSE
    >>> X, y = [[1.0], [2.0], [8.0], [1.5], [2.5], [9.0]], ["low", "low", "high"] * 2
    >>> OUSE(batch_size=6, seed=1).fit_many(X * 3, y * 3).predict_one([7.5])
    'high'

    Notes
    -----
    Follows section 3 of [1]_. Departures: any number of classes; samples are drawn with
    replacement instead of being disjoint, since the kept rows of the small class soon outnumber a
    part of the large one; memory is bounded.

    References
    ----------
    .. [1] Gao, Ding, Fan, Han, Yu (2008), Classifying data streams with skewed class distributions
       and concept drifts, IEEE Internet Computing 12(6). doi:10.1109/MIC.2008.119
    """

    _state = (
        *BatchEnsemble._state,
        Field("past_", ("C", "R", "F"), fill=np.nan),
        Field("past_weight_", ("C", "R")),
        Field("n_past_", ("C",), np.int64),
        Field("rng_", (1,), np.int64),
    )

    past_: Array
    past_weight_: Array
    n_past_: Ints
    rng_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        memory_size: int = 200,
        seed: int | None = None,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.memory_size = memory_size
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        whole("memory_size", self.memory_size, 1)

    def _n_slots(self) -> int:
        return self.n_members

    def _sizes(self) -> dict[str, int]:
        return super()._sizes() | {"R": self.memory_size}

    def _start(self, schema: Schema) -> None:
        self.rng_ = seeded(self.seed, 1)
        super()._start(schema)

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        keep_rows(X, y, weight, self.past_, self.past_weight_, self.n_past_)
        by_class = rows_of(y, int(self.seen_[0]))
        large = int(np.argmax([len(own) for own in by_class]))
        rows, codes, weights = self._kept(large, len(by_class[large]))
        n = int(np.bincount(codes.astype(np.int64)).max()) if len(codes) else len(y)
        drawn = np.empty(n, np.int64)
        for k in range(self.n_members):
            _draw_with_replacement(self.rng_, 0, by_class[large], drawn)
            self._train_new(
                k,
                np.concatenate([X[drawn], rows]),
                np.concatenate([y[drawn], codes]),
                np.concatenate([weight[drawn], weights]),
            )
            self.born_[k], self.vote_[k] = self.n_updates_[0], 1.0

    def _kept(self, large: int, n: int) -> tuple[Array, Array, Array]:
        """The newest `n` rows of every class but one, with codes and weights."""
        others = [c for c in range(int(self.seen_[0])) if c != large]
        places = [newest(self.memory_size, int(self.n_past_[c]), n) for c in others]
        at = np.concatenate([np.empty(0, np.int64), *places])
        codes = np.repeat(np.array(others, np.int64), [len(own) for own in places])
        return self.past_[codes, at], codes.astype(np.float64), self.past_weight_[codes, at]
