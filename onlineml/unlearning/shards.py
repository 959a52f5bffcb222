"""Models of parts of the people: a request trains only one of them again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.parameters import whole
from onlineml.receipt import Receipt, refused, worst
from onlineml.schema import Schema, wrong
from onlineml.unlearning.called import Called
from onlineml.unlearning.fingerprints import fingerprint, several
from onlineml.unlearning.roles import Replayable

_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def shards_of(tags: Ints, n_shards: int) -> Ints:
    """The shard of each fingerprint: the same for all rows of a person, all as large.

    Examples
    --------
    >>> shards_of(np.array([7, 8, 7]), 4).tolist()
    [1, 0, 1]
    """
    z = tags.astype(np.uint64) * np.uint64(_MIX[0])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX[1])
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX[2])
    return ((z ^ (z >> np.uint64(31))) % np.uint64(n_shards)).astype(np.int64)


class Shards(Called):
    """What `Sharded` makes, whatever its role: one model with a log for each shard."""

    _state = (Field("n_", (1,), np.int64),)

    n_: Ints
    members_: list[Any]

    def __init__(
        self, *, model: Any, n_shards: int = 10, horizon: int = 100_000, every: int | None = None
    ) -> None:
        self.model = model
        self.n_shards = n_shards
        self.horizon = horizon
        self.every = every

    def _check(self) -> None:
        if not isinstance(self.model, self._role):
            raise wrong("model", self.model, f"a {self._role.__name__.lower()}")
        whole("n_shards", self.n_shards, 1)
        self._member()._accept_parameters()

    def _member(self) -> Any:
        return Replayable(self.model.clone(), horizon=self.horizon, every=self.every)

    def _start(self, schema: Schema) -> None:
        self.members_ = [self._member().start(schema) for _ in range(self.n_shards)]

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        for member in self.members_:
            member._admit(schema)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if serve and fit:  # what one row teaches a shard is in the answer to the next
            for i in range(len(X)):
                here = slice(i, i + 1)
                self._say(X[here], out[here], serve)
                self._learn_rows(X[here], y[here], weight[here])
        elif serve:
            self._say(X, out, serve)
        else:
            self._learn_rows(X, y, weight)

    def _learn_rows(self, X: Array, y: Array, weight: Array) -> None:
        tags = self._came(len(X))
        if tags is None:
            tags = np.arange(self.n_[0], self.n_[0] + len(X))
        self.n_ += len(X)
        targets, shards = self._as_targets(y), shards_of(tags, self.n_shards)
        for shard in np.unique(shards):
            mine = np.flatnonzero(shards == shard)
            self.members_[shard].fit_many(
                X[mine], targets[mine], weight=weight[mine], ids=tags[mine]
            )

    def _as_targets(self, y: Array) -> Any:
        """Targets as the members take them."""
        return y

    def _say(self, X: Array, out: Array, serve: int) -> None:
        """The mean of the shards that have learned anything."""
        raise NotImplementedError

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        if id is not None:
            tag = fingerprint(id)
            shard = shards_of(np.array([tag]), self.n_shards)[0]
            found: Receipt = self.members_[shard].unlearn_one(id=tag)
            return found
        if x is None:
            raise wrong("x", x, "a row, or the id that it was learned with")
        self._rows(x, fit=True, one=True)
        faded = []
        for member in self.members_:
            receipt: Receipt = member.unlearn_one(x, y, weight=weight)
            if receipt.kind == "replayed":
                return receipt
            faded += [receipt] if receipt.forgotten else []
        if faded:  # one of these shards learned it, if any did
            return worst(faded)
        return refused("no shard's log holds it: it was never learned, is forgotten, or is older")

    def unlearn_many(self, ids: Any) -> list[Receipt]:
        """Forget the rows of many ids, with one replay a shard; a receipt for each.

        Returns
        -------
        list
            One `Receipt` an id, in order.

        Raises
        ------
        ValueError
            For ids that are neither whole numbers nor text.
        """
        asked = several(ids)
        if not self.is_started:
            return [refused("nothing has been learned") for _ in asked]
        tags = np.array([fingerprint(id) for id in asked], np.int64)
        shards, receipts = shards_of(tags, self.n_shards), [worst([refused("")])] * len(asked)
        for shard in np.unique(shards):
            mine = np.flatnonzero(shards == shard).tolist()
            found = self.members_[shard].unlearn_many(tags[mine].tolist())
            for i, receipt in zip(mine, found):
                receipts[i] = receipt
        return receipts


class ShardedClassifier(Shards, Classifier):
    """A classifier for each shard of the people; made by `Sharded`.

    Time per event and memory are those of `Sharded`.

    Parameters
    ----------
    model
        The unfitted classifier.
    n_shards, horizon, every
        As in `Sharded`.

    Raises
    ------
    ValueError
        At the first row, as `Sharded`.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.unlearning import Sharded
    >>> type(Sharded(GaussianNB(), n_shards=3)).__name__
    'ShardedClassifier'
    """

    _role = Classifier

    def _as_targets(self, y: Array) -> Any:
        labels = np.empty(len(self.classes_), object)
        labels[:] = self.classes_
        return labels[y.astype(np.int64)]

    def _say(self, X: Array, out: Array, serve: int) -> None:
        shares = np.zeros((len(X), len(self.classes_)))
        places = {label: place for place, label in enumerate(self.classes_)}
        for member in self.members_:
            if member.n_rows:
                known = [places[label] for label in member.classes_]
                shares[:, known] += member.predict_proba_many(X)
        total = shares.sum(1, keepdims=True)
        out[:, 0] = shares.argmax(1) if len(self.classes_) else -1.0
        if serve != ANSWER:
            out[:, 1:] = shares / np.where(total > 0.0, total, 1.0)


class ShardedRegressor(Shards, Regressor):
    """A regressor for each shard of the people; made by `Sharded`.

    Time per event and memory are those of `Sharded`.

    Parameters
    ----------
    model
        The unfitted regressor.
    n_shards, horizon, every
        As in `Sharded`.

    Raises
    ------
    ValueError
        At the first row, as `Sharded`.

    Examples
    --------
    >>> from onlineml.learners import LinearRegression
    >>> from onlineml.unlearning import Sharded
    >>> type(Sharded(LinearRegression(), n_shards=3)).__name__
    'ShardedRegressor'
    """

    _role = Regressor

    def _say(self, X: Array, out: Array, serve: int) -> None:
        found = [member.predict_many(X) for member in self.members_ if member.n_rows]
        out[:, 0] = np.mean(found, 0) if found else 0.0


def Sharded(  # noqa: N802 - named as what it makes
    model: Estimator, *, n_shards: int = 10, horizon: int = 100_000, every: int | None = None
) -> Any:
    """Models that each learn the rows of some people: to forget a person trains one again.

    People are known by the id of their rows, and divided by its hash. Each shard is a `Replayable`
    model of its own, so a request takes 1 / `n_shards` of the rows; answers are means over the
    shards. They cost `n_shards` times as much, and each model has seen fewer rows. Time per event
    is that of one `Replayable` model to learn, of `n_shards` to answer; memory is that of
    `n_shards`.

    Parameters
    ----------
    model
        The unfitted classifier or regressor; each shard gets a clone.
    n_shards
        Number of shards.
    horizon
        Rows of each shard that can be forgotten.
    every
        Rows between the states that are kept of each, as in `Replayable`.

    Returns
    -------
    An estimator of the role of `model`, whose rows are learned with ids as those of `Replayable`.

    Raises
    ------
    ValueError
        For a model of another role, an `n_shards` that is not a whole number >= 1, and what
        `Replayable` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeClassifier
    >>> from onlineml.unlearning import Sharded
    >>> X = np.random.default_rng(0).normal(size=(3000, 2))
    >>> people = [f"person {i % 50}" for i in range(3000)]
    >>> model = Sharded(HoeffdingTreeClassifier(), n_shards=5)
    >>> model = model.fit_many(X, X[:, 0] > X[:, 1], ids=people)
    >>> receipt = model.unlearn_one(id="person 7")
    >>> receipt.kind, receipt.rows < 1000
    ('replayed', True)

    Notes
    -----
    Departures: slices are the checkpoints of `Replayable`, and shards are by hash, so that nothing
    need be known of a person before the first row. Rows without an id are divided by their number.
    Labels that only forgotten rows had stay known, with probability 0.

    References
    ----------
    .. [1] Bourtoule et al. (2021), Machine unlearning, IEEE S&P. Section IV. arXiv:1912.03817
    """
    for role, kind in ((Classifier, ShardedClassifier), (Regressor, ShardedRegressor)):
        if isinstance(model, role):
            made = kind(model=model, n_shards=n_shards, horizon=horizon, every=every)
            made._accept_parameters()
            return made
    raise wrong("model", model, "a classifier or a regressor")
