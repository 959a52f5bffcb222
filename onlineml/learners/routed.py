"""Mixtures that send a row to a few experts, and may come to do so whatever else they learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from onlineml.kernels.arena import Ints


@runtime_checkable
class Routed(Protocol):
    """A mixture whose experts learn nothing from each other, and so can be replayed apart.

    Its state beside its experts depends on a row that it learned when settled by `n_learned_` only.
    """

    experts_: list[Any]
    n_learned_: Ints  # (n_experts,) rows that each has learned

    @property
    def _choices(self) -> Ints:
        """Experts that learned the first rows of the last call, (rows, n); -1 where none did.

        Of as many rows as a block has, and of none if the mixture never settles.
        """

    def _is_settled(self, state: Mapping[str, Any]) -> bool:
        """Whether in this state, and ever after, a row's experts depend on the row alone."""
