"""What the learners around a torch module share: scaling, batches by row count, replay, state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from onlineml.estimator import Estimator
from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.nn.online_net import OnlineNet, Options, check_options
from onlineml.schema import Schema, wrong

HELD, SEEN, KNOWN = range(3)  # counts: rows of the batch that fills, offered to the replay; classes
_FAR = 10.0  # standard deviations beyond which a value counts as this far
Singles = npt.NDArray[np.float32]

STATE = (
    Field("counts_", (3,), np.int64),
    Field("random_", (1,), np.int64),
    Field("known_", ("F",)),  # values of a feature that were there
    Field("mean_", ("F",)),
    Field("m2_", ("F",)),
    Field("held_", ("B", "F"), np.float32),
    Field("held_y_", ("B",)),
    Field("held_weight_", ("B",)),
    Field("replay_", ("R", "F"), np.float32),
    Field("replay_y_", ("R",)),
)


@jit
def _scale(X: Array, weight: Array, known: Array, mean: Array, m2: Array, out: Singles) -> None:
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


class TorchLearner(Estimator):
    """An estimator around a network of torch; `TorchClassifier` and `TorchRegressor` add a role."""

    _state: ClassVar[tuple[Field, ...]] = STATE
    _tolerance = 1e-4  # rows side by side are summed in another order than alone

    module: Any
    hidden: Sequence[int]
    optimizer: Any
    learning_rate: float
    optimizer_params: Mapping[str, Any] | None
    scheduler: str | None
    scheduler_params: Mapping[str, Any] | None
    loss: Any
    batch_size: int
    replay_size: int
    replay_rows: int
    clip_norm: float | None
    device: str
    mixed_precision: bool
    seed: int | None
    counts_: Ints
    random_: Ints
    known_: Array
    mean_: Array
    m2_: Array
    held_: Singles
    held_y_: Array
    held_weight_: Array
    replay_: Singles
    replay_y_: Array
    net_: dict[str, npt.NDArray[Any]]

    # ---------------------------------------------------------------- hooks of the roles

    def _n_net_outputs(self) -> int:
        """Outputs of the network."""
        return 1

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        """Write the answers that the outputs of some rows give."""
        raise NotImplementedError

    def _loss_of(self, y: Any, weight: Any) -> Callable[[Any], Any]:
        """The loss of a batch, as a function of the outputs."""
        raise NotImplementedError

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        for name, least in (("batch_size", 1), ("replay_size", 0), ("replay_rows", 0)):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise wrong(name, value, f"a whole number >= {least}")
        if self.replay_size < self.replay_rows:
            due = f"at least replay_rows, {self.replay_rows}"
            raise wrong("replay_size", self.replay_size, due)
        check_options(self._options())

    def _options(self) -> Options:
        return Options(
            self.module, self.hidden, self.optimizer, self.learning_rate,
            dict(self.optimizer_params or {}), self.scheduler, dict(self.scheduler_params or {}),
            self.clip_norm, self.device, self.mixed_precision, self.seed,
        )  # fmt: skip

    def _sizes(self) -> dict[str, int]:
        return {"B": self.batch_size, "R": self.replay_size}

    def _start(self, schema: Schema) -> None:
        self.random_ = seeded(self.seed, 1)
        self.net_ = OnlineNet(self._options(), schema.n_features, self._n_net_outputs()).arrays()

    def _network(self) -> OnlineNet:
        """The network: a cache, made from `net_` where it is missing."""
        if "_net" not in vars(self):
            self._net = OnlineNet(self._options(), *self.net_["sizes"].tolist())
            self._net.load(self.net_)
        return self._net

    def _keep(self) -> None:
        """Bring `net_` up to date with the network."""
        if "_net" in vars(self):
            self.net_ = self._net.arrays()

    def get_state(self) -> dict[str, Any]:
        """Learned state: a tree of arrays and plain values."""
        self._keep()
        return super().get_state()

    def __getstate__(self) -> dict[str, Any]:
        self._keep()
        return super().__getstate__()

    def _forget_caches(self) -> None:
        self._keep()
        super()._forget_caches()

    def reset(self) -> Any:
        """Forget everything that was learned."""
        vars(self).pop("_net", None)
        return super().reset()

    def _admit(self, schema: Schema) -> None:
        widens = self.is_started and schema.n_features > self.schema_.n_features
        if widens:  # first, as it may be impossible
            net = self._network()
            grown = net.widened(schema.n_features, net.sizes[1])
        super()._admit(schema)
        if widens:
            self.net_ = grown.arrays()

    def _widen_outputs(self) -> None:
        """Give the network the outputs that are due."""
        grown = self._network().widened(self.schema_.n_features, self._n_net_outputs())
        vars(self).pop("_net")
        self.net_ = grown.arrays()

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        first = 0
        while first < len(X):
            last = len(X)
            if fit and len(X) > 1:
                last = self._end_of_batch(weight, first)
                last = first + self._n_of_known(y[first:last], weight[first:last])
            net = self._network()
            rows = slice(first, last)
            scaled = self._scaled(X[rows], weight[rows] if fit else np.zeros(last - first))
            if serve:
                self._answer_to(net.outputs(scaled), out[rows], serve)
            if fit:
                told = weight[rows] > 0.0
                self._hold(scaled[told], y[rows][told], weight[rows][told])
                if self.counts_[HELD] == self.batch_size:
                    self._step(self._network())
            first = last

    def _end_of_batch(self, weight: Array, first: int) -> int:
        """The row after which a step is due, or the last one."""
        left = self.batch_size - int(self.counts_[HELD])
        told = np.flatnonzero(weight[first : first + left] > 0.0)
        if len(told) < left:  # some rows do not count: look further
            told = np.flatnonzero(weight[first:] > 0.0)
        return first + int(told[left - 1]) + 1 if len(told) >= left else len(weight)

    def _scaled(self, X: Array, weight: Array) -> Singles:
        """Rows as the network gets them; those of some weight are taken in."""
        scaled = np.empty(X.shape, np.float32)
        _scale(X, weight, self.known_, self.mean_, self.m2_, scaled)
        return scaled

    def _n_of_known(self, y: Array, weight: Array) -> int:
        """Rows up to the first one whose target changes what can be answered, that one too."""
        return len(y)

    def _hold(self, scaled: Singles, y: Array, weight: Array) -> None:
        place = int(self.counts_[HELD])
        rows = slice(place, place + len(scaled))
        self.held_[rows], self.held_y_[rows], self.held_weight_[rows] = scaled, y, weight
        self.counts_[HELD] += len(scaled)

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
        self.counts_[HELD] = 0

    def _offer(self, i: int) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        n = int(self.counts_[SEEN])
        place = n if n < self.replay_size else below(self.random_, 0, n + 1)
        if place < self.replay_size:
            self.replay_[place], self.replay_y_[place] = self.held_[i], self.held_y_[i]
        self.counts_[SEEN] += 1

    # ---------------------------------------------------------------- embeddings

    def embed_one(self, x: Any) -> Singles:
        """What the network makes of a row before its last layer, `(n_units,)`."""
        embedded: Singles = self.embed_many([x])[0]
        return embedded

    def embed_many(self, X: Any) -> Singles:
        """What the network makes of rows before its last layer, `(n_rows, n_units)`.

        Raises `ValueError` before any data has come.
        """
        if not self.is_started:
            raise wrong("X", "rows", "data to start with (fit, or start)")
        rows = self._rows(X, fit=False)[1]
        scaled = self._scaled(rows, np.zeros(len(rows)))
        embedded: Singles = self._network().embedded(scaled)
        return embedded


def named_loss(loss: Any, known: Mapping[str, str]) -> Any:
    """The function of torch that a name stands for."""
    from onlineml.nn.online_net import torch

    if not isinstance(loss, str):
        return loss
    if loss not in known:
        raise wrong("loss", loss, f"one of {list(known)}, or a function")
    return getattr(torch().nn.functional, known[loss])
