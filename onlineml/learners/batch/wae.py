"""WAE: members weighted by accuracy and by age, pruned for accuracy or diversity."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier
from onlineml.learners.batch.ensemble import BatchEnsemble
from onlineml.schema import wrong


class WAE(BatchEnsemble):
    """Weighted aging ensemble: a new member a batch, whose weight falls as it gets older.

    A member's vote weighs its accuracy on the newest batch over the square root of its age in
    batches; members whose share of the votes is below `theta` / `n_members` leave. Once there are
    more than `n_members`, the one goes whose loss leaves the most diverse ensemble (or the least
    accurate one). Time per event is that of one fit and `n_members` predictions, plus O(n_members)
    to judge the diversity; memory is that of the members and of `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Most members.
    batch_size
        Rows from one update to the next.
    pruning
        "diversity": the rest has the highest generalized diversity; "accuracy": the worst goes.
    theta
        A member goes when its share of the votes is below this part of an equal share.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` and `batch_size` are
        whole numbers >= 1, 0 <= `theta` < 1, and `pruning` is "diversity" or "accuracy".

    Examples
    --------
    >>> from onlineml.learners import WAE
    >>> model = WAE(batch_size=4, n_members=2)
    >>> X, y = [[1.0], [2.0], [8.0], [9.0]], ["low", "low", "high", "high"]
    >>> model.fit_many(X * 2, y * 2).predict_one([7.5])
    'high'

    Notes
    -----
    Departures from [1]_: the threshold is relative to an equal share, so that it does not depend
    on the number of members; the new member is judged on the batch that it has learned.

    References
    ----------
    .. [1] Wozniak, Kasprzak, Cal (2013), Weighted aging classifier ensemble for the incremental
       drifted data streams, FQAS, section 3. doi:10.1007/978-3-642-40769-7_49
    .. [2] Partridge, Krzanowski (1997), Software diversity: practical statistics for its
       measurement and exploitation, Information and Software Technology 39(10).
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        pruning: Literal["diversity", "accuracy"] = "diversity",
        theta: float = 0.1,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.pruning = pruning
        self.theta = theta

    def _check(self) -> None:
        super()._check()
        if self.pruning not in ("diversity", "accuracy"):
            raise wrong("pruning", self.pruning, "'diversity' or 'accuracy'")
        if not 0 <= self.theta < 1:
            raise wrong("theta", self.theta, "a number >= 0 and < 1")

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        slot = self._free_slot()
        slot = self.n_members if slot < 0 else slot
        self._train_new(slot, X, y, weight)
        self.born_[slot] = self.n_updates_[0]
        slots = self._in_use()
        wrongs = np.array([self._ask(k, X)[:, 0] != y for k in slots.tolist()])
        errors = (wrongs * weight).sum(1) / weight.sum()  # no dot: its order of sums may vary
        if len(slots) > self.n_members:
            gone = self._weakest(wrongs, errors, weight)
            slots, errors = self._without(gone, slots, errors)
        age = self.n_updates_[0] - self.born_[slots] + 1
        self.vote_[slots] = (1.0 - errors) / np.sqrt(age)
        floor = self.theta * self.vote_.sum() / len(slots)
        faint = slots[self.vote_[slots] < floor]
        self.vote_[faint], self.born_[faint] = 0.0, 0

    def _without(
        self, gone: int, slots: npt.NDArray[np.int64], errors: Array
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """The slots but one; the newest member moves from the last slot to the free one."""
        free = int(slots[gone])
        errors = errors.copy()
        if free != self.n_members:
            self._move(self.n_members, free)
            errors[gone] = errors[-1]
        self.born_[self.n_members] = 0
        return slots[:-1], errors[:-1]

    def _weakest(self, wrongs: npt.NDArray[np.bool_], errors: Array, weight: Array) -> int:
        """Position of the member to lose."""
        if self.pruning == "accuracy":
            return int(np.argmax(errors))
        n_wrong = wrongs.sum(0)
        rest = [generalized_diversity(n_wrong - own, len(wrongs) - 1, weight) for own in wrongs]
        return int(np.argmax(rest))


def generalized_diversity(n_wrong: npt.NDArray[np.int64], n_members: int, weight: Array) -> float:
    """`1 - p(2) / p(1)` of [2] in `WAE`: one random member fails, and two of them do.

    1 where failures never meet, 0 where all members fail together, or none ever does.
    """
    if n_members < 2:
        return 0.0
    one = float((weight * (n_wrong / n_members)).sum())
    two = float((weight * (n_wrong * (n_wrong - 1) / (n_members * (n_members - 1)))).sum())
    return 1.0 - two / one if one > 0.0 else 0.0
