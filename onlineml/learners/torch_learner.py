"""What the learners around a torch module share: scaling, targets of the batch, replay."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import OnlineNet
from onlineml.nn.torch_batches import BATCH, HELD, TorchBatches
from onlineml.nn.torch_estimator import Singles
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
    Field("replay_", ("R", "F"), np.float32),
    Field("replay_y_", ("R",)),
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
    replay_size: int
    replay_rows: int
    random_: Ints
    known_: Array
    mean_: Array
    m2_: Array
    held_y_: Array
    replay_: Singles
    replay_y_: Array

    # ---------------------------------------------------------------- hooks of the roles

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
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 0):
                raise wrong(name, value, "a whole number >= 0")
        if self.replay_size < self.replay_rows:
            due = f"at least replay_rows, {self.replay_rows}"
            raise wrong("replay_size", self.replay_size, due)

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "R": self.replay_size}

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        return schema.n_features, self._n_net_outputs()

    def _start(self, schema: Schema) -> None:
        self.random_ = seeded(self.seed, 1)
        super()._start(schema)

    # ---------------------------------------------------------------- rows

    def _scaled(self, X: Array, weight: Array) -> Singles:
        scaled = np.empty(X.shape, np.float32)
        scale(X, weight, self.known_, self.mean_, self.m2_, scaled)
        return scaled

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        self._answer_to(self._network().outputs(scaled), out, serve)

    def _hold(self, scaled: Singles, y: Array, weight: Array) -> None:
        place = int(self.counts_[HELD])
        self.held_y_[place : place + len(y)] = y
        super()._hold(scaled, y, weight)

    def _step(self, net: OnlineNet) -> None:
        """Learn the batch, with some of the past; then offer it to the replay."""
        X, y, weight = self.held_, self.held_y_, self.held_weight_
        past = min(int(self.counts_[SEEN]), self.replay_size)
        if self.replay_rows and past:
            drawn = [below(self.random_, 0, past) for _ in range(self.replay_rows)]
            X = np.concatenate([X, self.replay_[drawn]])
            y = np.concatenate([y, self.replay_y_[drawn]])
            weight = np.concatenate([weight, np.ones(len(drawn))])
        net.step(X, self._loss_of(y, weight))
        for i in range(self.batch_size) if self.replay_size else ():
            self._offer(i)

    def _offer(self, i: int) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        n = int(self.counts_[SEEN])
        place = n if n < self.replay_size else below(self.random_, 0, n + 1)
        if place < self.replay_size:
            self.replay_[place], self.replay_y_[place] = self.held_[i], self.held_y_[i]
        self.counts_[SEEN] += 1
