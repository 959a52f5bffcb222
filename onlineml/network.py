"""What estimators with a network inside share: parameters, first weights, room for what is new.

Functions over an estimator with the fields `STATE` of `onlineml.kernels.mlp_rows` and the
parameters `hidden`, `activation`, `optimizer`, `learning_rate` and `seed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.kernels.mlp import ACTIVATIONS, n_weights, relaid
from onlineml.kernels.mlp_bounded import BOUNDED, MOMENTS
from onlineml.kernels.mlp_rows import SCALE, fill_hidden
from onlineml.kernels.mlp_steps import REACH, RULES
from onlineml.kernels.private_mlp import draw_input
from onlineml.kernels.random import seeded
from onlineml.schema import wrong

#: Rules of networks whose kernels know the bounded ones.
ALL_RULES = {**RULES, **BOUNDED}
_N_MOMENTS = {**RULES, **MOMENTS}


def check_net(model: Any, rules: Mapping[str, int] = RULES) -> None:
    """Raise `ValueError` for parameters that cannot be used."""
    check_widths(model.hidden)
    for name, known in (("activation", ACTIVATIONS), ("optimizer", rules)):
        if getattr(model, name) not in known:
            raise wrong(name, getattr(model, name), f"one of {list(known)}")
    if not 0 < model.learning_rate < np.inf:
        raise wrong("learning_rate", model.learning_rate, "a number > 0")
    if model.optimizer == "intentional" and model.learning_rate > 1:
        raise wrong("learning_rate", model.learning_rate, "a share in (0, 1] of the error")


def check_restraint(model: Any) -> None:
    """Raise `ValueError` for an `l2` or a `dropout` that cannot be used."""
    if not 0 <= model.l2 < np.inf:
        raise wrong("l2", model.l2, "a number >= 0")
    if not 0 <= model.dropout < 1:
        raise wrong("dropout", model.dropout, "a share in [0, 1)")


def check_widths(hidden: Any) -> None:
    """Raise `ValueError` for what are no hidden layers."""
    if not (isinstance(hidden, Sequence) and hidden and all(_is_width(n) for n in hidden)):
        raise wrong("hidden", hidden, "whole numbers >= 1, one a hidden layer")


def _is_width(n: object) -> bool:
    return isinstance(n, int) and n >= 1


def net_sizes(model: Any) -> dict[str, int]:
    """First sizes of the axes; the arrays of weights are made by `start_net`."""
    return {"M": _N_MOMENTS[model.optimizer], "S": len(model.hidden) + 2, "P": 0}


def net_settings(model: Any, l2: float = 0.0, dropout: float = 0.0) -> tuple[float, ...]:
    """The numbers that the kernel reads from slot 0."""
    kinds = float(ACTIVATIONS[model.activation]), float(ALL_RULES[model.optimizer])
    rate, rates = float(model.learning_rate), [float(dropout)] * len(model.hidden)
    return *kinds, rate, rate * REACH.get(model.optimizer, 0.0), float(l2), *rates


def net_scratch(model: Any) -> int:
    """Room that the kernel writes on: a row's values, and the signals of all units."""
    return int(model.schema_.n_features + 3 * model.shape_[1:].sum())


def norm_scratch(model: Any) -> int:
    """Room behind that of `net_scratch` where layers are normalized."""
    return int(model.shape_[1:].sum() + len(model.shape_) - 1) if model.layer_norm else 0


def private_scratch(model: Any) -> int:
    """Room behind all that where rows are private: a gradient, and what is left free before."""
    if model.privacy is None:
        return 0
    return int(model.shape_[1:].sum() + len(model.shape_) + len(model.weights_))


def start_net(model: Any, n_outputs: int) -> None:
    """Make the weights of a network that has seen no row."""
    model.random_[:] = seeded(model.seed, 2)
    model.shape_[:] = model.known_.size, *model.hidden, n_outputs
    model.weights_ = np.zeros(n_weights(model.shape_))
    model.moments_ = np.zeros((_N_MOMENTS[model.optimizer], len(model.weights_)))
    fill_hidden(model.shape_, model.weights_, model.random_)


def start_hiding(model: Any, numeric: list[int]) -> None:
    """What a private network has from the start: weights of numeric features, room for noise."""
    if model.privacy is not None:
        model.history_ = np.zeros((model.privacy.n_vectors, len(model.weights_)))
        meet_inputs(model, numeric)


def meet_inputs(model: Any, numeric: list[int]) -> None:
    """Draw the first weights of numeric features, where they lack, before any row shows one.

    A private network takes features as they are.
    """
    model.standing_[SCALE] = 1.0
    for j in numeric:
        draw_input(model.shape_, model.known_, model.weights_, model.random_, j, 0)


def lay_out(model: Any, room: int, n_outputs: int) -> None:
    """Make room for the inputs of `known_`, which had `room` for nominal values, and outputs."""
    old, rooms = model.shape_.copy(), (room, model.known_.shape[1])
    model.shape_[[0, -1]] = model.known_.size, n_outputs
    model.weights_ = relaid(model.weights_, old, model.shape_, rooms)
    model.moments_ = relaid(model.moments_, old, model.shape_, rooms)
    if "history_" in vars(model):
        model.history_ = relaid(model.history_, old, model.shape_, rooms)
    model._forget_caches()


def check_layout(model: Any, n_outputs: int | None = None) -> None:
    """Raise where a state's arrays are not those of the network that the parameters describe.

    Without `n_outputs`, any number of outputs will do.
    """
    if not model.is_started:
        return
    last = model.shape_[-1] if n_outputs is None else n_outputs
    shape = [model.known_.size, *model.hidden, last]
    due = (_N_MOMENTS[model.optimizer], int(n_weights(np.array(shape))))
    came = model.moments_.shape
    if model.shape_.tolist() != shape or came != due or len(model.weights_) != due[1]:
        widths = model.shape_.tolist()
        model.reset()
        raise wrong("state['shape_']", widths, f"layers {shape}, with moments of shape {due}")
