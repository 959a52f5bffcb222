"""Compiled functions that are taken from the cache folder without setting up the compiler.

Before it looks into its cache, numba loads the implementations of all that it can compile, SciPy's
linear algebra among them: a third of a CPU-second, as much as everything else that a start costs.
Code that is compiled needs the compiler's run-time library only. Where something is to be compiled
after all, numba sets itself up then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys


def kept(function: Callable[..., Any], **options: Any) -> Any:
    """As `numba.njit(cache=True, **options)`, for functions of this package."""
    compiled = numba.njit(**options)(function)
    compiled._cache = _Cache(function)
    return compiled


class _Cache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Numba's cache of a function, which leaves the compiler as it is."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is kept for a signature, or None."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)
        return None
