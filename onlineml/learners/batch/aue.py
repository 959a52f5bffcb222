"""AUE: members that are weighted by their error on the newest batch, and learn it too."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.learners.batch.quality import chance_error, squared_error
from onlineml.schema import wrong

_TINY = 1e-9  # keeps weights finite where errors are 0


class AUE(BatchEnsemble):
    """Accuracy-updated ensemble: a new member a batch, and the old ones learn the batch too.

    With `MSE_k` the squared error of a member on the newest batch before it learns it, and `MSE_r`
    that of answering with the shares of the classes, a member's vote weighs `1 / (MSE_r + MSE_k)`,
    that of the new one `1 / MSE_r`. Once there are `n_members`, the new one replaces that of least
    weight. Time per event is that of `n_members` fits and predictions; memory is that of the
    members and of `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Most members.
    batch_size
        Rows from one update to the next.
    variant
        "AUE2" [2]_ as above; or "AUE1" [1]_: votes `1 / MSE_k`, and only members with an error
        below `MSE_r` learn the batch.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` and `batch_size` are
        whole numbers >= 1 and `variant` is "AUE1" or "AUE2".

    Examples
    --------
    >>> from onlineml.learners import AUE
    >>> model = AUE(batch_size=4, n_members=2)
    >>> X, y = [[1.0], [2.0], [8.0], [9.0]], ["low", "low", "high", "high"]
    >>> model.fit_many(X * 2, y * 2).predict_one([7.5])
    'high'

    Notes
    -----
    Departures: no bound on the memory of members beside their own. In "AUE1" the new member has
    the weight `1 / MSE_r` instead of one from cross-validation.

    References
    ----------
    .. [1] Brzezinski, Stefanowski (2011), Accuracy updated ensemble for data streams with concept
       drift, HAIS, section 3. doi:10.1007/978-3-642-21222-2_19
    .. [2] Brzezinski, Stefanowski (2014), Reacting to different types of concept drift: the
       accuracy updated ensemble algorithm, IEEE TNNLS 25(1), algorithm 1, equations 1 to 4.
       doi:10.1109/TNNLS.2013.2251352
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        variant: Literal["AUE1", "AUE2"] = "AUE2",
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.variant = variant

    def _check(self) -> None:
        super()._check()
        if self.variant not in ("AUE1", "AUE2"):
            raise wrong("variant", self.variant, "'AUE1' or 'AUE2'")

    def _n_slots(self) -> int:
        return self.n_members

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        by_chance = chance_error(y, weight, int(self.seen_[0]))
        extra = by_chance if self.variant == "AUE2" else 0.0
        slot, learners = self._free_slot(), []
        for k in self._in_use():
            error = squared_error(self._ask(k, X), y, weight)
            self.vote_[k] = 1.0 / (extra + error + _TINY)
            if self.variant == "AUE2" or error < by_chance:
                learners.append(k)
        if slot < 0:
            slot = int(np.argmin(self.vote_))
        for k in learners:
            if k != slot:
                self._teach(k, X, y, weight)
        self._train_new(slot, X, y, weight)
        self.born_[slot] = self.n_updates_[0]
        self.vote_[slot] = 1.0 / (by_chance + _TINY)
