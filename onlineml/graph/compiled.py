"""Kernels of a model and its parts, compiled before its time is taken."""

from __future__ import annotations

from onlineml.estimator import Estimator


def compile_kernels(model: Estimator) -> None:
    """Compile the kernels of a model and its parts, so that its time is that of its work."""
    if model._kernel is not None:
        _ = model._kernel.call
    for value in vars(model).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Estimator):
                compile_kernels(part)
