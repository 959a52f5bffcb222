"""Learned state that lives in an object beside the estimator's arrays."""

from __future__ import annotations

from typing import Any, ClassVar

from onlineml.estimator import Estimator


class Held(Estimator):
    """An estimator whose state is in what it holds: a cache that learns, and is read when asked.

    It is made from the arrays where it is missing; before these are looked at, it is read back.
    """

    #: Attribute that holds it.
    _holder: ClassVar[str]

    def _keep(self) -> None:
        """Bring the arrays up to date with what is held, if anything is."""
        raise NotImplementedError

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
        vars(self).pop(self._holder, None)
        return super().reset()
