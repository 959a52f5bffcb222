"""Learn++.NIE: each batch trains a small ensemble on balanced samples, judged by all classes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier, Schema
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.kernels.random import seeded
from onlineml.learners.batch.aged_errors import check_aging, vote_by_aged_errors
from onlineml.learners.batch.ensemble import BatchEnsemble, add_votes, settle
from onlineml.learners.batch.quality import mean_recall, recalls
from onlineml.learners.batch.resampling import draw_without_replacement, rows_of
from onlineml.parameters import whole
from onlineml.schema import wrong


class LearnPPNIE(BatchEnsemble):
    """Learn++ for nonstationary and imbalanced environments: bagged samples, all classes alike.

    A batch trains `n_bags` classifiers; each learns as many rows of every class as the smallest
    class has, drawn without replacement. They form one member, which votes as in `LearnPPCDS` by
    its errors over time; the error counts classes alike, however few rows they have. Once there are
    `n_members`, the oldest goes. Time per event is that of `n_members * n_bags` predictions, and at
    most `n_bags` fits; memory is that of as many classifiers and of `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the classifiers; None = `GaussianNB()`.
    n_members
        Most members, each of `n_bags` classifiers.
    batch_size
        Rows from one update to the next.
    n_bags
        Classifiers that one batch trains.
    error
        1 minus the "mean" of the classes' recalls, or minus their geometric mean, "g_mean".
    pruning
        Who goes once there are `n_members`: the member of most "age" or of least "vote".
    slope, crossing
        The sigmoid over a member's age in batches, 1/2 at `crossing`.
    seed
        Seed of the samples.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members`, `batch_size` and
        `n_bags` are whole numbers >= 1, `slope` and `crossing` are finite, and `error` and
        `pruning` are among the above.

    Examples
    --------
    >>> from onlineml.learners import LearnPPNIE
    >>> model = LearnPPNIE(batch_size=6, n_bags=3, seed=1)
    >>> X, y = [[1.0], [2.0], [8.0], [1.5], [2.5], [9.0]], ["low", "low", "high"] * 2
    >>> model.fit_many(X * 3, y * 3).predict_one([7.5])
    'high'

    Notes
    -----
    Follows section 3.3 of [1]_, whose weighted recall with equal weights is "mean". Departures:
    any number of classes; votes are class probabilities; at most `n_members`, the paper keeps
    all; errors below 0.001 count as 0.001.

    References
    ----------
    .. [1] Ditzler, Polikar (2013), Incremental learning of concept drift from streaming imbalanced
       data, IEEE TKDE 25(10). doi:10.1109/TKDE.2012.136
    """

    _state = (
        *BatchEnsemble._state,
        Field("sums_", ("K", 2)),
        Field("rng_", (1,), np.int64),
    )

    sums_: Array
    rng_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        n_bags: int = 5,
        error: Literal["mean", "g_mean"] = "mean",
        pruning: Literal["age", "vote"] = "age",
        slope: float = 0.5,
        crossing: float = 10.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.n_bags = n_bags
        self.error = error
        self.pruning = pruning
        self.slope = slope
        self.crossing = crossing
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        whole("n_bags", self.n_bags, 1)
        check_aging(self.pruning, self.slope, self.crossing)
        if self.error not in ("mean", "g_mean"):
            raise wrong("error", self.error, "'mean' or 'g_mean'")

    def _n_slots(self) -> int:
        return self.n_members * self.n_bags

    def _sizes(self) -> dict[str, int]:
        return super()._sizes() | {"K": self.n_members}

    def _start(self, schema: Schema) -> None:
        self.rng_ = seeded(self.seed, 1)
        super()._start(schema)

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        member = self._place_for_new(self.pruning, self.n_bags)
        here = slice(member * self.n_bags, (member + 1) * self.n_bags)
        for k in range(here.start, here.stop):
            sample = self._balanced_sample(y)
            self._train_new(k, X[sample], y[sample], weight[sample])
        self.born_[here], self.sums_[member] = self.n_updates_[0], 0.0
        used = np.flatnonzero(self.born_[:: self.n_bags])
        error = np.array([self._error(m, X, y, weight) for m in used.tolist()])
        age, sums = self.n_updates_[0] - self.born_[used * self.n_bags], self.sums_[used]
        vote = np.empty(len(used))
        vote_by_aged_errors(error, age, float(self.slope), float(self.crossing), sums, vote)
        self.sums_[used] = sums
        self.vote_.reshape(-1, self.n_bags)[used] = vote[:, None] / self.n_bags

    def _balanced_sample(self, y: Array) -> Ints:
        """As many rows of each class as the smallest in the batch has, in the batch's order."""
        present = [own for own in rows_of(y, int(self.seen_[0])) if len(own)]
        n = min(map(len, present))
        drawn = [draw_without_replacement(self.rng_, 0, n, own) for own in present]
        return np.sort(np.concatenate(drawn))

    def _error(self, member: int, X: Array, y: Array, weight: Array) -> float:
        """1 minus a mean of the recalls of a member's joint answers."""
        first = member * self.n_bags
        out, n_classes = np.zeros((len(X), self._n_outputs())), int(self.seen_[0])
        for k in range(first, first + self.n_bags):
            add_votes(self._ask(k, X), 1.0, out)
        settle(out, n_classes, ANSWER)
        if self.error == "mean":
            return 1.0 - mean_recall(out, y, weight, n_classes)
        found = recalls(out, y, weight, n_classes)
        found = found[~np.isnan(found)]
        return 1.0 - float(np.exp(np.log(found).mean())) if found.all() else 1.0
