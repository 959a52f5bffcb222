"""How networks of torch are made and trained.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from onlineml.nn.captured import check_compile, check_graphs
from onlineml.schema import wrong


class Options(NamedTuple):
    """How a network is made and trained."""

    module: Any  # (n_inputs, n_outputs) -> module; None for a perceptron
    hidden: Sequence[int]
    optimizer: Any  # a name in torch.optim, or a class of that kind
    learning_rate: float
    optimizer_params: Mapping[str, Any]
    scheduler: str | None  # a name in torch.optim.lr_scheduler
    scheduler_params: Mapping[str, Any]
    clip_norm: float | None
    device: str
    mixed_precision: bool
    seed: int | None
    activation: str = "ReLU"  # of the perceptron: a name in torch.nn
    cell: str = ""  # of a recurrent network
    n_models: int = 1  # of networks side by side
    alike: bool = False  # whether these begin with the same weights
    compile: bool = False
    cuda_graphs: Any = False  # True, False or "auto"


def torch() -> Any:
    """The library; an error that names the extra where it is missing."""
    if find_spec("torch") is None:
        raise ImportError('networks of torch need it: pip install "onlineml[neural]"')
    import torch as library

    return library


def check_options(options: Options) -> None:
    """Raise `ValueError` for options that cannot be used."""
    library = torch()
    name, later = options.optimizer, options.scheduler
    if not (_knows(library.optim, name) or callable(name)):
        raise wrong("optimizer", name, "a name in torch.optim, such as 'Adam', or a class")
    if not _knows(library.nn, options.activation):
        raise wrong("activation", options.activation, "a name in torch.nn, such as 'ReLU'")
    if not 0 < options.learning_rate < np.inf:
        raise wrong("learning_rate", options.learning_rate, "a number > 0")
    if later is not None and not _knows(library.optim.lr_scheduler, later):
        raise wrong("scheduler", later, "a name in torch.optim.lr_scheduler, or None")
    if options.clip_norm is not None and not options.clip_norm > 0:
        raise wrong("clip_norm", options.clip_norm, "a number > 0, or None")
    check_device(library, options.device)
    captures(options)
    check_compile(options.compile, options.device)


def _knows(module: Any, name: Any) -> bool:
    return isinstance(name, str) and hasattr(module, name)


def captures(options: Options, draws: bool = False) -> bool:
    """Whether steps are captured as CUDA graphs; `ValueError` where they cannot be, but shall."""
    return check_graphs(
        options.cuda_graphs, options.device, options.optimizer, options.scheduler,
        is_own=options.module is not None, draws=draws,
    )  # fmt: skip


def check_device(library: Any, device: str) -> None:
    """Raise `ValueError` for a device that is not there."""
    try:
        library.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise wrong("device", device, f"a device that is there ({error})") from None
