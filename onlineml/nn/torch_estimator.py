"""What estimators around a torch module share: its life, its arrays, embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onlineml.nn.held import Held
from onlineml.nn.online_net import Arrays, OnlineNet
from onlineml.nn.options import Options, check_options, torch
from onlineml.schema import Schema, wrong

Singles = npt.NDArray[np.float32]

#: Losses of numbers, by name.
LOSSES = {"mse": "mse_loss", "huber": "smooth_l1_loss", "mae": "l1_loss"}


class TorchEstimator(Held):
    """An estimator around a network of torch; `TorchClassifier` and others add a role."""

    _tolerance = 1e-4  # rows side by side are summed in another order than alone
    _net_kind: ClassVar[Any] = OnlineNet
    _holder = "_net"

    module: Any
    hidden: Any
    optimizer: Any
    learning_rate: float
    optimizer_params: Mapping[str, Any] | None
    scheduler: str | None
    scheduler_params: Mapping[str, Any] | None
    clip_norm: float | None
    device: str
    mixed_precision: bool
    compile: bool = False
    cuda_graphs: Any = False
    seed: int | None
    net_: Arrays

    # ---------------------------------------------------------------- hooks

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        """Inputs and outputs of the network."""
        raise NotImplementedError

    def _embedded(self, X: npt.NDArray[np.float64]) -> Singles:
        """What the network makes of rows on their way."""
        raise NotImplementedError

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        check_options(self._options())

    def _options(self) -> Options:
        return Options(
            self.module, self._widths(), self.optimizer, self.learning_rate,
            dict(self.optimizer_params or {}), self.scheduler, dict(self.scheduler_params or {}),
            self.clip_norm, self.device, self.mixed_precision, self.seed,
            compile=self.compile, cuda_graphs=self.cuda_graphs,
        )  # fmt: skip

    def _widths(self) -> Sequence[int]:
        widths: Sequence[int] = self.hidden
        return widths

    def _start(self, schema: Schema) -> None:
        self.net_ = self._net_kind(self._options(), *self._net_sizes(schema)).arrays()

    def _network(self) -> Any:
        """The network: a cache, made from `net_` where it is missing."""
        if "_net" not in vars(self):
            self._net = self._net_kind(self._options(), *self.net_["sizes"].tolist())
            self._net.load(self.net_)
        return self._net

    def _ready(self) -> Self:
        if self.is_started:
            self._network()  # parameters that do not fit what was learned are found out here
        return super()._ready()

    def _keep(self) -> None:
        """Bring `net_` up to date with the network."""
        if "_net" in vars(self):
            self.net_ = self._net.arrays()

    def _admit(self, schema: Schema) -> None:
        widens = self.is_started and schema.n_features > self.schema_.n_features
        if widens:  # first, as it may be impossible
            grown = self._network().widened(*self._net_sizes(schema))
        super()._admit(schema)
        if widens:
            self.net_ = grown.arrays()

    def _widen_outputs(self) -> None:
        """Give the network the outputs that are due."""
        grown = self._network().widened(*self._net_sizes(self.schema_))
        vars(self).pop("_net")
        self.net_ = grown.arrays()

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
        return self._embedded(rows)


def named_loss(loss: Any, known: Mapping[str, str]) -> Any:
    """The function of torch that a name stands for."""
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss not in known:
        raise wrong("loss", loss, f"one of {list(known)}, or a function")
    return getattr(torch().nn.functional, known[loss])
