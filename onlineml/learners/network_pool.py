"""Pools of networks: their parameters, and the way to the kernel through their descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Estimator
from onlineml.estimator import Diagnostics
from onlineml.kernels.arena import Descriptor, Ints
from onlineml.kernels.mlp_steps import RULES
from onlineml.learners.members import Ensemble, window_rule
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_HIDDEN = ((16,), (64,), (32, 32))
_STEPS = (("sgd", 0.05), ("adam", 0.02), ("adam", 0.005), ("adam", 0.001))
_COMBINERS = ("hedge", "best")


class NetworkPool(Ensemble):
    """An ensemble of networks, some of which learn a row (`onlineml.kernels.net_pool`)."""

    _network: ClassVar[type[Estimator]]

    networks: Sequence[Estimator] | None
    n_trained: int | None
    combiner: str
    discount: float
    smoothing: float
    least_loss: float
    warm_up: int
    delta: float
    trust_: Array
    n_learned_: Ints
    _descriptors: list[Descriptor]

    base = None
    max_bytes = None

    @property
    def n_members(self) -> int:  # type: ignore[override]  # others are told how many
        """Number of networks."""
        return len(self._given())

    def _given(self) -> Sequence[Estimator]:
        if self.networks is not None:
            return self.networks
        kind: Any = self._network
        return [
            kind(hidden=hidden, optimizer=rule, learning_rate=rate)
            for hidden in _HIDDEN
            for rule, rate in _STEPS
        ]

    def _n_trained(self) -> int:
        return self.n_members if self.n_trained is None else self.n_trained

    def _base(self) -> Estimator:
        return self._base_at(0)

    def _base_at(self, place: int) -> Estimator:
        return self._given()[place]

    def _check(self) -> None:
        given, kind = self.networks, self._network
        if given is not None and not (given and all(isinstance(net, kind) for net in given)):
            raise wrong("networks", given, f"at least one {kind.__name__}, or None")
        for net in self._given():
            net._accept_parameters()
            _check_plain(net)
        n = self.n_members
        if not 1 <= self._n_trained() <= n:
            due = f"a whole number from 1 to {n}, that of the networks, or None"
            raise wrong("n_trained", self.n_trained, due)
        if self.combiner not in _COMBINERS:
            raise wrong("combiner", self.combiner, f"one of {list(_COMBINERS)}")
        for name in ("discount", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number in (0, 1)")
        if not 0 <= self.smoothing <= 1:
            raise wrong("smoothing", self.smoothing, "a share in [0, 1]")
        if not 0 <= self.least_loss < np.inf:
            raise wrong("least_loss", self.least_loss, "a number >= 0")
        whole("warm_up", self.warm_up, 0)

    def _settings(self) -> tuple[float, ...]:
        hedged = self.combiner == "hedge"
        own = self._n_trained(), self.warm_up, self.least_loss, self.discount, self.smoothing
        return float(hedged), *map(float, own), *window_rule(self.delta).tolist()

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.trust_[:] = 1.0 / self.n_members

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if not self.is_started:
            return
        due = [self.schema_.n_features] * len(self.trust_)
        came = [member.schema_.n_features for member in self.members_]
        if came != due:
            self.reset()
            raise wrong("state['members_']", f"{came} features", f"networks of {due}")

    def _room_of_answers(self) -> int:
        """Numbers that a network says of a row."""
        return 1

    def _n_scratch(self) -> int:
        return self.n_members + self._room_of_answers()

    # ---------------------------------------------------------------- kernel

    def _parts(self) -> list[npt.NDArray[np.int64]]:
        self._descriptors = [member._ready()._many for member in self.members_]
        return [descriptor._slots for descriptor in self._descriptors]

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if self._width >= 0 and any(
            vars(member).get("_many") is not known
            for member, known in zip(self.members_, self._descriptors)
        ):
            self._forget_caches()  # somebody else has used a network
        super()._run(X, y, weight, out, serve, fit)

    # ---------------------------------------------------------------- what it does

    def diagnostics(self) -> Diagnostics:
        """What the networks weigh in the answer of "hedge"."""
        if not self.is_started:
            return {}
        return {"network_shares": dict(zip(map(_named, self.members_), self.trust_.tolist()))}


def _check_plain(net: Any) -> None:
    """Raise `ValueError` for a network that the pool's kernels cannot step."""
    if net.layer_norm or net.privacy is not None or net.optimizer not in RULES:
        due = f"networks of the rules {list(RULES)}, without layer_norm and privacy"
        raise wrong("networks", net, due)


def _named(net: Any) -> str:
    widths = "-".join(map(str, net.hidden))
    return f"{widths} {net.optimizer} {net.learning_rate:g}"
