"""Kernels of a model and its parts, compiled before its time is taken."""

from __future__ import annotations

from collections.abc import Iterator

from onlineml.estimator import Estimator
from onlineml.kernels import Entry


def kernels_of(model: Estimator) -> Iterator[Entry]:
    """The kernels of a model and of the parts that it is made of."""
    if model._kernel is not None:
        yield model._kernel
    for value in vars(model).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Estimator):
                yield from kernels_of(part)


def compile_kernels(model: Estimator) -> None:
    """Compile the kernels of a model and its parts, so that its time is that of its work."""
    for kernel in kernels_of(model):
        _ = kernel.call
