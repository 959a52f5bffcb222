"""AWE: members weighted by how much better than chance they are on the newest batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.learners.batch.quality import chance_error, squared_error
from onlineml.schema import wrong


class AWE(BatchEnsemble):
    """Accuracy-weighted ensemble: a new member a batch, votes by the error on that batch.

    The weight of a member is `MSE_r - MSE_k`, how much lower its squared error on the newest batch
    is than that of answering with the shares of the classes; members that are no better do not
    vote. The new member's own error comes from cross-validation on its batch. Once there are
    `n_members`, the one of least weight goes. Time per event is that of `n_folds` fits and
    `n_members` predictions; memory is that of the members and of `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Most members.
    batch_size
        Rows from one update to the next.
    n_folds
        Folds of the new member's cross-validation.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` and `batch_size` are
        whole numbers >= 1 and `n_folds` is a whole number from 2 to `batch_size`.

    Examples
    --------
    >>> from onlineml.learners import AWE
    >>> model = AWE(batch_size=4, n_members=2, n_folds=2)
    >>> X, y = [[1.0], [8.0], [2.0], [9.0]], ["low", "high", "low", "high"]
    >>> model.fit_many(X * 2, y * 2).predict_one([7.5])
    'high'

    Notes
    -----
    Follows algorithm 1 of [1]_. Departures: folds are blocks of consecutive rows, 5 of them by
    default instead of 10; when no member is better than chance, the newest one answers.

    References
    ----------
    .. [1] Wang, Fan, Yu, Han (2003), Mining concept-drifting data streams using ensemble
       classifiers, KDD, section 3, equations 8 to 10. doi:10.1145/956750.956778
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        n_folds: int = 5,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.n_folds = n_folds

    def _check(self) -> None:
        super()._check()
        if not 2 <= self.n_folds <= self.batch_size:
            raise wrong("n_folds", self.n_folds, "a whole number from 2 to batch_size")

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        by_chance = chance_error(y, weight, int(self.seen_[0]))
        for k in self._in_use():
            error = squared_error(self._ask(k, X), y, weight)
            self.vote_[k] = max(by_chance - error, 0.0)
        new = len(self.members_) - 1
        vote = max(by_chance - self._validated_error(new, X, y, weight), 0.0)
        self._train_new(new, X, y, weight)
        slot = self._free_slot()
        if slot < 0:
            slot = int(np.argmin(self.vote_[: self.n_members]))
            if self.vote_[slot] > vote:
                return
        self._move(new, slot)
        self.vote_[slot] = vote

    def _validated_error(self, slot: int, X: Array, y: Array, weight: Array) -> float:
        """Squared error of a new member by cross-validation."""
        ends = np.linspace(0, len(X), self.n_folds + 1).astype(int).tolist()
        total = 0.0
        for first, last in pairwise(ends):
            self._renew(slot)
            self._teach(slot, X[:first], y[:first], weight[:first])
            self._teach(slot, X[last:], y[last:], weight[last:])
            held = slice(first, last)
            error = squared_error(self._ask(slot, X[held]), y[held], weight[held])
            total += error * float(weight[held].sum())
        return total / float(weight.sum())
