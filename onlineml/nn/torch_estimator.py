"""What estimators around a torch module share: its life, its arrays, batches by row count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.estimator import Estimator
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.nn.online_net import Arrays, OnlineNet, Options, check_options, torch
from onlineml.schema import Schema, wrong

HELD = 0  # of counts: rows of the batch that fills
Singles = npt.NDArray[np.float32]

#: The batch that fills, rows as the network gets them; an estimator adds its `counts_`.
BATCH = (Field("held_", ("B", "F"), np.float32), Field("held_weight_", ("B",)))


class TorchEstimator(Estimator):
    """An estimator around a network of torch; `TorchClassifier` and others add a role."""

    _tolerance = 1e-4  # rows side by side are summed in another order than alone

    module: Any
    hidden: Sequence[int]
    optimizer: Any
    learning_rate: float
    optimizer_params: Mapping[str, Any] | None
    scheduler: str | None
    scheduler_params: Mapping[str, Any] | None
    batch_size: int
    clip_norm: float | None
    device: str
    mixed_precision: bool
    seed: int | None
    counts_: Ints
    held_: Singles
    held_weight_: Array
    net_: Arrays

    # ---------------------------------------------------------------- hooks

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        """Inputs and outputs of the network."""
        raise NotImplementedError

    def _scaled(self, X: Array, weight: Array) -> Singles:
        """Rows in the units of the network; those of some weight are taken in."""
        raise NotImplementedError

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        """Write what is answered to some rows."""
        raise NotImplementedError

    def _hold(self, scaled: Singles, y: Array, weight: Array) -> None:
        """Put rows, no more than there is room for, into the batch."""
        place = int(self.counts_[HELD])
        rows = slice(place, place + len(scaled))
        self.held_[rows], self.held_weight_[rows] = scaled, weight
        self.counts_[HELD] += len(scaled)

    def _step(self, net: OnlineNet) -> None:
        """Learn the batch, which is full."""
        raise NotImplementedError

    def _told(self, X: Array, weight: Array) -> npt.NDArray[np.bool_]:
        """Which rows are learned."""
        return weight > 0.0

    def _n_of_known(self, y: Array, told: npt.NDArray[np.bool_]) -> int:
        """Rows up to the first one whose target changes what can be answered, that one too."""
        return len(y)

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        if not (isinstance(self.batch_size, int) and self.batch_size >= 1):
            raise wrong("batch_size", self.batch_size, "a whole number >= 1")
        check_options(self._options())

    def _options(self) -> Options:
        return Options(
            self.module, self.hidden, self.optimizer, self.learning_rate,
            dict(self.optimizer_params or {}), self.scheduler, dict(self.scheduler_params or {}),
            self.clip_norm, self.device, self.mixed_precision, self.seed,
        )  # fmt: skip

    def _sizes(self) -> dict[str, int]:
        return {"B": self.batch_size}

    def _start(self, schema: Schema) -> None:
        self.net_ = OnlineNet(self._options(), *self._net_sizes(schema)).arrays()

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
            grown = self._network().widened(*self._net_sizes(schema))
        super()._admit(schema)
        if widens:
            self.net_ = grown.arrays()

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        told = self._told(X, weight) if fit else np.zeros(len(X), np.bool_)
        first = 0
        while first < len(X):
            last = len(X)
            if fit and len(X) > 1:
                last = self._end_of_batch(told, first)
                last = first + self._n_of_known(y[first:last], told[first:last])
            rows = slice(first, last)
            scaled = self._scaled(X[rows], weight[rows] if fit else np.zeros(last - first))
            if serve:
                self._answer_rows(scaled, out[rows], serve)
            if fit:
                learned = told[rows]
                self._hold(scaled[learned], y[rows][learned], weight[rows][learned])
                if self.counts_[HELD] == self.batch_size:
                    self._step(self._network())
                    self.counts_[HELD] = 0
            first = last

    def _end_of_batch(self, told: npt.NDArray[np.bool_], first: int) -> int:
        """The row after which a step is due, or the last one."""
        left = self.batch_size - int(self.counts_[HELD])
        places = np.flatnonzero(told[first : first + left])
        if len(places) < left:  # some rows do not count: look further
            places = np.flatnonzero(told[first:])
        return first + int(places[left - 1]) + 1 if len(places) >= left else len(told)

    # ---------------------------------------------------------------- embeddings

    def embed_one(self, x: Any) -> Singles:
        """What the network makes of a row on its way, `(n_units,)`."""
        embedded: Singles = self.embed_many([x])[0]
        return embedded

    def embed_many(self, X: Any) -> Singles:
        """What the network makes of rows on their way, `(n_rows, n_units)`.

        It is what enters the last layer, or in an autoencoder what leaves the narrowest one.
        Raises `ValueError` before any data has come.
        """
        if not self.is_started:
            raise wrong("X", "rows", "data to start with (fit, or start)")
        rows = self._rows(X, fit=False)[1]
        return self._embedded(self._scaled(rows, np.zeros(len(rows))))

    def _embedded(self, scaled: Singles) -> Singles:
        embedded: Singles = self._network().embedded(scaled)
        return embedded


def named_loss(loss: Any, known: Mapping[str, str]) -> Any:
    """The function of torch that a name stands for."""
    if not isinstance(loss, str):
        return loss
    if loss not in known:
        raise wrong("loss", loss, f"one of {list(known)}, or a function")
    return getattr(torch().nn.functional, known[loss])


#: Losses of numbers, by name.
LOSSES = {"mse": "mse_loss", "huber": "smooth_l1_loss", "mae": "l1_loss"}
