"""Online machine learning on drifting data streams.

The names of the quick start are loaded when they are first used; everything else is imported from
its room: `from onlineml.learners import HoeffdingTreeClassifier`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onlineml.evaluation import prequential as prequential
    from onlineml.graph import Graph as Graph
    from onlineml.graph import chain as chain
    from onlineml.persistence import load as load
    from onlineml.persistence import save as save

__version__ = "0.1.0"
__all__ = ["Graph", "__version__", "chain", "load", "prequential", "save"]

_ROOMS = {
    "Graph": "graph",
    "chain": "graph",
    "load": "persistence",
    "prequential": "evaluation",
    "save": "persistence",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
