"""A module that was trained elsewhere, with room for more inputs and outputs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from onlineml.nn.online_net import as_array, padded
from onlineml.nn.options import torch


def as_function(module: Any) -> Any:
    """A module as a function `(n_inputs, n_outputs) -> module`: of copies, with that many."""
    if module is None or not isinstance(module, torch().nn.Module):
        return module
    return lambda n_inputs, n_outputs: _resized(module, n_inputs, n_outputs)


def _resized(module: Any, n_inputs: int, n_outputs: int) -> Any:
    """A copy whose last layer has so many outputs, and so has the first one inputs.

    More outputs, and more inputs of a first layer that is Linear, count for nothing at first.
    """
    library, made = torch(), deepcopy(module)
    linear = [name for name, part in made.named_modules() if isinstance(part, library.nn.Linear)]
    leaves = [name for name, part in made.named_modules() if not [*part.children()]]
    for name in dict.fromkeys([*linear[:1], *linear[-1:]]):
        old = made.get_submodule(name)
        wide, high = old.in_features, old.out_features
        wide = max(wide, n_inputs) if name == leaves[0] else wide
        high = max(high, n_outputs) if name == linear[-1] else high
        if (wide, high) != (old.in_features, old.out_features):
            new = library.nn.Linear(wide, high, old.bias is not None)
            shapes = {k: value.shape for k, value in new.state_dict().items()}
            kept = {k: padded(as_array(v), shapes[k]) for k, v in old.state_dict().items()}
            new.load_state_dict({k: library.from_numpy(array) for k, array in kept.items()})
            if not name:  # the module is that layer
                return new
            parent, _, own = name.rpartition(".")
            setattr(made.get_submodule(parent), own, new)
    return made
