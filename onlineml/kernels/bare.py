"""`bare`: the compiler for kernels that hand many arrays from function to function.

An array's references are counted wherever it is read from a tuple or handed on, also those of a
descriptor, which have no owner: a call each, hundreds of them an event where a tuple of thirty
arrays goes through a dozen functions. Functions made here count none; they cannot allocate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from onlineml.kernels import _compiled

F = TypeVar("F", bound=Callable[..., Any])


def bare(function: F) -> F:
    """As `jit`, without reference counts: for functions that allocate nothing."""
    return _compiled(function, _nrt=False)
