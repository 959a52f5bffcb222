"""The estimators that the package exports, found by looking into its rooms."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterable
from functools import cache

from onlineml.estimator import Estimator

#: Rooms whose exports may be estimators; a room is created when its first file comes.
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
    """Exported estimator classes by name: the allow-list of files, checks and the CLI."""
    found: dict[str, type[Estimator]] = {}
    for room in ROOMS:
        if importlib.util.find_spec(f"onlineml.{room}") is None:
            continue
        module = importlib.import_module(f"onlineml.{room}")
        exported = (getattr(module, name) for name in module.__all__)
        found |= {
            item.__name__: item
            for item in exported
            if isinstance(item, type) and issubclass(item, Estimator)
        }
    return dict(sorted(found.items()))


def nearest(name: str, known: Iterable[str]) -> str:
    """Words for an error: the known names that are most like `name`."""
    names = list(known)
    by_folded = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), by_folded, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(by_folded[match] for match in close) + "?"
    return "one of " + ", ".join(sorted(names))
