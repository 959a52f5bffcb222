"""What the learners around a torch module share: scaling, targets of the batch, what is kept."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.learners.penalty import Penalty, Restraint
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import Arrays, OnlineNet
from onlineml.nn.torch_batches import BATCH, HELD, TorchBatches
from onlineml.nn.torch_estimator import Singles
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

SEEN, KNOWN = 1, 2  # of counts: rows offered to the replay; classes
_FAR = 10.0  # standard deviations beyond which a value counts as this far

#: What is known of each feature: values that were there, their mean, and squares about it.
SCALES = (Field("known_", ("F",)), Field("mean_", ("F",)), Field("m2_", ("F",)))
STATE = (
    *BATCH,
    *SCALES,
    Field("counts_", (3,), np.int64),
    Field("random_", (1,), np.int64),
    Field("held_y_", ("B",)),
    # rows as they came, since what the network gets changes with their scale
    Field("raw_", ("Q", "F"), fill=np.nan),  # those of the batch
    Field("replay_", ("R", "F"), fill=np.nan),
    Field("replay_y_", ("R",)),
    Field("recent_", ("S", "F"), fill=np.nan),  # some of those since `consolidate`
    Field("since_", (1,), np.int64),  # how many there were
)


@jit
def scale(X: Array, weight: Array, known: Array, mean: Array, m2: Array, out: Singles) -> None:
    """Standardize rows, each by what was known before it; take those of some weight in."""
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            x = X[i, j]
            out[i, j] = 0.0
            if np.isnan(x):
                continue
            if known[j] > 1.0 and m2[j] > 0.0:
                z = (x - mean[j]) / np.sqrt(m2[j] / known[j])
                out[i, j] = np.float32(min(max(z, -_FAR), _FAR))
            if weight[i] > 0.0:
                known[j] += 1.0
                gap = x - mean[j]
                mean[j] += gap / known[j]
                m2[j] += gap * (x - mean[j])


class TorchLearner(TorchBatches):
    """An estimator around a network of torch; `TorchClassifier` and `TorchRegressor` add a role."""

    _state: ClassVar[tuple[Field, ...]] = STATE

    loss: Any
    standardize: bool
    replay_size: int
    replay_rows: int
    penalty: Penalty | None
    random_: Ints
    known_: Array
    mean_: Array
    m2_: Array
    held_y_: Array
    raw_: Array
    replay_: Array
    replay_y_: Array
    recent_: Array
    since_: Ints
    kept_: Arrays
    _restraint: tuple[OnlineNet, Restraint] | None = None

    # ---------------------------------------------------------------- hooks of the roles

    def _n_classes(self) -> int | None:
        """Classes that are known; None where the outputs are numbers."""
        return None

    def _n_net_outputs(self) -> int:
        """Outputs of the network."""
        return 1

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        """Write the answers that the outputs of some rows give."""
        raise NotImplementedError

    def _loss_of(self, y: Any, weight: Any) -> Loss:
        """The loss of a batch."""
        raise NotImplementedError

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        super()._check()
        for name in ("replay_size", "replay_rows"):
            whole(name, getattr(self, name), 0)
        if self.replay_size < self.replay_rows:
            due = f"at least replay_rows, {self.replay_rows}"
            raise wrong("replay_size", self.replay_size, due)
        if self.penalty is not None:
            if not isinstance(self.penalty, Penalty):
                raise wrong("penalty", self.penalty, "EWC, LwF or None")
            self.penalty._accept_parameters()

    def _sizes(self) -> dict[str, int]:
        n_recent = 0 if self.penalty is None else self.penalty.rows_wanted
        n_raw = self.batch_size if self.replay_size or n_recent else 0
        return {**super()._sizes(), "R": self.replay_size, "S": n_recent, "Q": n_raw}

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        return schema.n_features, self._n_net_outputs()

    def _start(self, schema: Schema) -> None:
        self.random_ = seeded(self.seed, 1)
        self.kept_ = {}
        super()._start(schema)

    # ---------------------------------------------------------------- rows

    def _scaled(self, X: Array, weight: Array) -> Singles:
        if not self.standardize:
            return np.nan_to_num(X).astype(np.float32)
        scaled = np.empty(X.shape, np.float32)
        scale(X, weight, self.known_, self.mean_, self.m2_, scaled)
        return scaled

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        self._answer_to(self._network().outputs(scaled), out, serve)

    def _hold(self, X: Array, scaled: Singles, y: Array, weight: Array) -> None:
        rows = slice(int(self.counts_[HELD]), int(self.counts_[HELD]) + len(y))
        self.held_y_[rows] = y
        if len(self.raw_):
            self.raw_[rows] = X
        super()._hold(X, scaled, y, weight)

    def _step(self, net: OnlineNet) -> None:
        """Learn the batch, with some of the past; then see what is kept of it."""
        X, y, weight = self.held_, self.held_y_, self.held_weight_
        past = min(int(self.counts_[SEEN]), self.replay_size)
        if self.replay_rows and past:
            drawn = [below(self.random_, 0, past) for _ in range(self.replay_rows)]
            X = np.concatenate([X, self._as_scaled(self.replay_[drawn])])
            y = np.concatenate([y, self.replay_y_[drawn]])
            weight = np.concatenate([weight, np.ones(len(drawn))])
        net.step(X, self._restrained(net, X, y, self._loss_of(y, weight)))
        for i in range(self.batch_size) if self.replay_size else ():
            self._offer(i)
        if self.penalty is not None:
            self._count(self.penalty)

    def _as_scaled(self, X: Array) -> Singles:
        """Rows in the present units of the network; they teach nothing about these."""
        return self._scaled(X, np.zeros(len(X)))

    def _offer(self, i: int) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        n = int(self.counts_[SEEN])
        place = n if n < self.replay_size else below(self.random_, 0, n + 1)
        if place < self.replay_size:
            self.replay_[place], self.replay_y_[place] = self.raw_[i], self.held_y_[i]
        self.counts_[SEEN] += 1

    # ---------------------------------------------------------------- what must not be forgotten

    def consolidate(self) -> Self:
        """Say that the rows to come are another task: `penalty` then guards what is known now.

        Nothing happens where no row has been learned since the last time. Rows of a batch that is
        not yet full are learned with the next task. Raises `ValueError` without a penalty.
        """
        if self.penalty is None:
            raise wrong("penalty", None, "EWC or LwF, which consolidate")
        if self.is_started and self.since_[0]:
            rows = self._as_scaled(self.recent_[: int(self.since_[0])])
            net, n_classes = self._network(), self._n_classes()
            self.kept_ = self.penalty.consolidated(net, self.kept_, rows, n_classes)
            self._restraint = None
            self.since_[0] = 0
        return self

    def _restrained(self, net: OnlineNet, X: Singles, y: Array, loss: Loss) -> Loss:
        """The loss of rows with what the penalty adds."""
        if not self.kept_:
            return loss
        assert self.penalty is not None
        if self._restraint is None or self._restraint[0] is not net:
            self._restraint = net, self.penalty.restraint(net, self.kept_)
        return self._restraint[1](X, y, self._n_classes(), loss)

    def _count(self, penalty: Penalty) -> None:
        """Take note of the batch, of a sample of its rows where the penalty wants one."""
        for i in range(self.batch_size):
            n, room = int(self.since_[0]), len(self.recent_)
            if room:
                place = n if n < room else below(self.random_, 0, n + 1)
                if place < room:
                    self.recent_[place] = self.raw_[i]
            self.since_[0] += 1
        if penalty.every is not None and self.since_[0] >= penalty.every:
            self.consolidate()
