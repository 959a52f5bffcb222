"""SEA: one new member a batch, which takes the place of the worst."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier
from onlineml.kernels import jit
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.learners.batch.quality import accuracy
from onlineml.schema import wrong


@jit
def _diversity_quality(out: Array, votes: Array, y: Array, weight: Array) -> float:
    """Reward for being right where the ensemble is in doubt, and the reverse [1, section 3.2]."""
    quality, total = 0.0, 0.0
    for i in range(y.shape[0]):
        first, second = 0.0, 0.0
        for c in range(votes.shape[1]):
            if votes[i, c] > first:
                first, second = votes[i, c], first
            elif votes[i, c] > second:
                second = votes[i, c]
        true = votes[i, int(y[i])]
        if out[i, 0] != y[i]:
            said = votes[i, int(out[i, 0])] if out[i, 0] >= 0.0 else 0.0
            quality -= weight[i] * (1.0 - abs(true - said))
        elif true == first:
            quality += weight[i] * (1.0 - abs(first - second))
        else:
            quality += weight[i] * (1.0 - abs(first - true))
        total += weight[i]
    return quality / total


class SEAEnsemble(BatchEnsemble):
    """A new member from every batch; once the ensemble is full, it replaces the worst one.

    Members vote with equal weights. Each `batch_size` rows, the members are judged on the batch,
    the worst of a full ensemble goes, and a member that learned the batch comes. Time per event is
    that of one fit and of `n_members` predictions; memory is that of the members and of
    `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Most members.
    batch_size
        Rows from one update to the next.
    quality
        What the worst is worst in: "accuracy" on the batch, or the paper's "diversity", accuracy
        that counts more where the vote is close.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` and `batch_size` are
        whole numbers >= 1 and `quality` is "accuracy" or "diversity".

    Examples
    --------
    >>> from onlineml.learners import SEAEnsemble
    >>> model = SEAEnsemble(batch_size=4, n_members=2)
    >>> X, y = [[1.0], [2.0], [8.0], [9.0]], ["low", "low", "high", "high"]
    >>> model.fit_many(X * 2, y * 2).predict_one([7.5])
    'high'

    Notes
    -----
    Departures from [1]_: a new member enters at once, where the paper judges it first on the
    batch after its own; votes are class probabilities, not labels.

    References
    ----------
    .. [1] Street, Kim (2001), A streaming ensemble algorithm (SEA) for large-scale
       classification, KDD, section 3. doi:10.1145/502512.502568
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        quality: Literal["accuracy", "diversity"] = "accuracy",
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.quality = quality

    def _check(self) -> None:
        super()._check()
        if self.quality not in ("accuracy", "diversity"):
            raise wrong("quality", self.quality, "'accuracy' or 'diversity'")

    def _n_slots(self) -> int:
        return self.n_members

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        slot = self._free_slot()
        if slot < 0:
            slot = int(np.argmin(self._qualities(X, y, weight)))
        self._train_new(slot, X, y, weight)
        self.born_[slot] = self.n_updates_[0]
        self.vote_[slot] = 1.0

    def _qualities(self, X: Array, y: Array, weight: Array) -> npt.NDArray[np.float64]:
        outs = [self._ask(k, X) for k in range(self.n_members)]
        if self.quality == "accuracy":
            return np.array([accuracy(out, y, weight) for out in outs])
        votes = np.zeros((len(X), int(self.seen_[0])))
        for out in outs:
            votes[np.arange(len(X)), out[:, 0].astype(np.int64)] += 1.0 / self.n_members
        return np.array([_diversity_quality(out, votes, y, weight) for out in outs])
