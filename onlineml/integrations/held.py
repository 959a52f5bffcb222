"""Models of other libraries that learn row by row, as part of an estimator's state."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

_PAGE = 4096  # bytes

#: Why a wrapper is excused from a check of estimators.
EXCUSES = {
    "check_resumes_from_file": "its file holds a pickle: it needs trusted_pickle=True, twice",
}


class Held:
    """A model of another library: copied whole, compared by content, measured by its pickle."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and alike(self.model, other.model)

    __hash__ = None  # type: ignore[assignment]  # what changes has no hash

    def __sizeof__(self) -> int:
        """In whole pages: a counter that gains a digit is no growth."""
        return -(-len(pickle.dumps(self.model)) // _PAGE) * _PAGE


Seen = dict[tuple[int, int], tuple[Any, Any]]  # pairs by their places, kept so that these stay


def alike(a: Any, b: Any, seen: Seen | None = None) -> bool:
    """Whether two objects of any kind have the same content, NaN being like NaN."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    seen = {} if seen is None else seen
    if (id(a), id(b)) in seen:  # they hold themselves
        return True
    seen[id(a), id(b)] = a, b
    if isinstance(a, np.ndarray) and a.dtype.names:  # there may be anything between the fields
        return a.dtype == b.dtype and all(alike(a[name], b[name], seen) for name in a.dtype.names)
    if isinstance(a, np.ndarray) and a.dtype != object:
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key], seen) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(alike(x, y, seen) for x, y in zip(a, b))
    if isinstance(a, int | float | complex | str | bytes | set | frozenset):
        return bool(a == b or (a != a and b != b))
    return _same_parts(a.__reduce_ex__(4), b.__reduce_ex__(4), seen)


def _same_parts(a: Any, b: Any, seen: Seen) -> bool:
    """What pickle would take apart: how to make the object, its state and its items."""
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    ours, theirs = ([list(p) if hasattr(p, "__next__") else p for p in parts] for parts in (a, b))
    return alike(ours, theirs, seen)
