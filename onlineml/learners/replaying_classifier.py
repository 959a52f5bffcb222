"""A classifier that learns each row several times over, among rows of the past."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import jit
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.schema import Schema, wrong

_NOTHING = np.empty((0, 1))


@jit
def _remember(
    x: Array, label: float, weight: float, rows: Array, tags: Array, count: Ints, recent: bool,
    random: Ints,
) -> None:  # fmt: skip
    """Put a row into the memory: over the oldest, or over any so that all rows are as likely."""
    room, place = rows.shape[0], count[0]
    if place >= room:
        place = place % room if recent else below(random, 0, place + 1)
    count[0] += 1
    if place < room:
        rows[place] = x
        tags[place, 0], tags[place, 1] = label, weight


@jit
def _draw(
    x: Array, label: float, weight: float, rows: Array, tags: Array, count: Ints, batch_size: int,
    random: Ints, X: Array, y: Array, weights: Array,
) -> None:  # fmt: skip
    """Fill batches: each begins with the row itself, the others are drawn from the memory."""
    known = min(count[0], rows.shape[0])
    for i in range(X.shape[0]):
        if i % batch_size == 0:
            X[i], y[i], weights[i] = x, label, weight
        else:
            k = below(random, 0, known)
            X[i], y[i], weights[i] = rows[k], tags[k, 0], tags[k, 1]


class ReplayingClassifier(Classifier):
    """Learns each row `n_steps` times, each time with `batch_size` - 1 rows of the past.

    For labels that are few and dear: a network that takes one step a label learns too slowly from
    them. Time per event is that of `n_steps * batch_size` events of the base; memory is that of the
    base and of `capacity` rows.

    Parameters
    ----------
    base
        The unfitted classifier.
    n_steps
        Batches that are learned a row.
    batch_size
        Rows of a batch, of which one is new; the base learns them one by one.
    capacity
        Rows that are remembered.
    keep
        "all": any row seen is as likely as another to be remembered; "recent": the last ones are.
    seed
        Of what is remembered and drawn.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier, `n_steps`, `batch_size` and `capacity`
        are whole numbers >= 1, and `keep` is "all" or "recent".

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import MLPClassifier, ReplayingClassifier
    >>> X = np.random.default_rng(1).normal(size=(1100, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = ReplayingClassifier(base=MLPClassifier(seed=1), seed=1).fit_many(X[:100], y[:100])
    >>> bool((model.predict_many(X[100:]) == y[100:]).mean() > 0.9)
    True

    Notes
    -----
    Experience replay as in [1]_; the memory is the reservoir of [2]_. A base that is not a network
    may count a row as often as it is replayed: naive Bayes and trees do.

    References
    ----------
    .. [1] Chaudhry, Rohrbach, Elhoseiny et al. (2019), On tiny episodic memories in continual
       learning. Algorithm 1. arXiv:1902.10486
    .. [2] Vitter (1985), Random sampling with a reservoir, ACM TOMS 11(1), 37-57. Algorithm R.
    """

    _state = (
        Field("rows_", ("M", "F"), fill=np.nan),
        Field("tags_", ("M", 2)),  # label and weight of a row
        Field("count_", (1,), np.int64),
        Field("random_", (1,), np.int64),
    )

    base_: Classifier
    rows_: Array
    tags_: Array
    count_: Ints
    random_: Ints

    def __init__(
        self,
        *,
        base: Classifier,
        n_steps: int = 8,
        batch_size: int = 16,
        capacity: int = 1000,
        keep: Literal["all", "recent"] = "all",
        seed: int | None = None,
    ) -> None:
        self.base = base
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.capacity = capacity
        self.keep = keep
        self.seed = seed

    def _check(self) -> None:
        if not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier")
        for name in ("n_steps", "batch_size", "capacity"):
            if not getattr(self, name) >= 1:
                raise wrong(name, getattr(self, name), "an integer >= 1")
        if self.keep not in ("all", "recent"):
            raise wrong("keep", self.keep, "'all' or 'recent'")

    def _sizes(self) -> dict[str, int]:
        return {"M": self.capacity}

    def _start(self, schema: Schema) -> None:
        self.base_ = self.base.clone()
        self.base_._begin(schema)
        self.random_[:] = seeded(self.seed, 1)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        self.base_._admit_targets(list(news))

    def _n_outputs(self) -> int:
        return self.base_._n_outputs()

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self.base_._run(X, y, weight, out, serve, False)
            return
        n = self.n_steps * self.batch_size
        batch = np.empty((n, X.shape[1])), np.empty(n), np.empty(n)
        for i in range(len(X)):
            here = slice(i, i + 1)
            if serve:
                self.base_._run(X[here], y[here], weight[here], out[here], serve, False)
            if weight[i] > 0.0:
                self._learn_row(X[i], y[i], weight[i], batch)

    def _learn_row(
        self, x: Array, label: float, weight: float, batch: tuple[Array, Array, Array]
    ) -> None:
        memory = self.rows_, self.tags_, self.count_
        recent = self.keep == "recent"
        _remember(x, label, weight, *memory, recent, self.random_)
        _draw(x, label, weight, *memory, self.batch_size, self.random_, *batch)
        self.base_._run(*batch, _NOTHING, 0, True)
