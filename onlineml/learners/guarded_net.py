"""What multilayer perceptrons share that keep rows private where their `privacy` says so."""

from __future__ import annotations

from onlineml.kernels.arena import Ints
from onlineml.kernels.mlp_steps import RULES
from onlineml.learners.privacy import Guarded
from onlineml.network import (
    ALL_RULES,
    check_layout,
    check_net,
    check_restraint,
    meet_inputs,
    net_scratch,
    net_settings,
    net_sizes,
    norm_scratch,
    private_scratch,
)


class GuardedNet(Guarded):
    """A multilayer perceptron: parameters, sizes and settings."""

    l2: float
    dropout: float
    layer_norm: bool
    shape_: Ints

    def _check(self) -> None:
        check_net(self, ALL_RULES)
        check_restraint(self)
        self._check_privacy(*RULES)

    def _sizes(self) -> dict[str, int]:
        return net_sizes(self) | self._private_sizes()

    def _settings(self) -> tuple[float, ...]:
        self._check_promise()
        return *net_settings(self, self.l2, self.dropout), float(self.layer_norm)

    def _n_scratch(self) -> int:
        return net_scratch(self) + norm_scratch(self) + private_scratch(self)

    def _meet(self, numeric: list[int]) -> None:
        if self.is_started:
            meet_inputs(self, numeric)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        check_layout(self)
