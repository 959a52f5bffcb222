"""The estimators that the package exports, found by looking into its rooms."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import TypeGuard

from onlineml.estimator import Estimator

#: Rooms whose exports may be estimators.
ROOMS = (
    "transforms",
    "detectors",
    "learners",
    "active",
    "unlearning",
    "rl",
    "graph",
    "integrations",
)


@cache
def estimators() -> dict[str, type[Estimator]]:
    """Exported estimator classes by name, each one's file loaded: what checks and listings walk."""
    found = (getattr(room, name) for room in _rooms() for name in room.__all__)
    return dict(sorted((item.__name__, item) for item in found if _is_estimator(item)))


def estimator(name: str) -> type[Estimator] | None:
    """The exported estimator of that name, no other file loaded; None where there is none.

    The allow-list of files and of the command line.
    """
    for room in _rooms():
        if name in room.__all__:
            found = getattr(room, name)
            return found if _is_estimator(found) else None
    return None


def _rooms() -> Iterator[ModuleType]:
    return (importlib.import_module(f"onlineml.{room}") for room in ROOMS)


def _is_estimator(item: object) -> TypeGuard[type[Estimator]]:
    return isinstance(item, type) and issubclass(item, Estimator)


def nearest(name: str, known: Iterable[str]) -> str:
    """Words for an error: the known names that are most like `name`."""
    names = list(known)
    by_folded = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), by_folded, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(by_folded[match] for match in close) + "?"
    return "one of " + ", ".join(sorted(names))
