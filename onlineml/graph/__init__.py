"""Estimators wired into one estimator: chains, and graphs of named nodes with signals."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Its module bears the same name, and would take its place when it is imported.
from onlineml.graph.chain import chain as chain  # noqa: E402
