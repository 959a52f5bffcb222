"""Differentiable ensemble of experts: linear experts that rows choose by fixed random keys."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, f4, i1, i2, opened
from onlineml.kernels.one_hot import expand, meet
from onlineml.kernels.random import normal, seeded
from onlineml.kernels.top_k import soft_top_k, top_k
from onlineml.kernels.votes import answer_from_logs
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_ROUTINGS = ("soft", "hard")
_CAP = 250.0  # bound of an expert's output
_LEAST_COSINE = 1e-6  # votes stay positive: with few keys even the nearest may look away


class _Model(NamedTuple):
    """The state. Rows are spread out to places (see `kernels.one_hot`), `D` of them."""

    nominal: Ints
    n_values: Ints
    in_use: Ints  # (D,) whether a row has shown the place
    power: Array  # (F, 2) weight and mean square of a feature
    generators: Ints  # (K,)
    keys: Array  # (D, K)
    key_square: Array  # (K,)
    experts: Array  # (K, D, C)
    weight: Array  # (K, C) of the rows that an expert has learned of a class


class _Route(NamedTuple):
    """Room for the way of one row."""

    z: Array  # (D,)
    cosine: Array  # (K,)
    chosen: Ints  # (K,)
    share: Array  # (K,) of the chosen, in their order
    outputs: Array  # (C,)


@entry
def _dee(d: int) -> int:
    keys, in_use, experts = f3(d, 7), i2(d, 4), f4(d, 9)
    room, n_keys, n_classes = keys.shape[1], keys.shape[2], experts.shape[3]
    n = keys.shape[0] * room
    model = _Model(
        i1(d, 2), i1(d, 3), in_use.reshape(n), f2(d, 5), i1(d, 6), keys.reshape((n, n_keys)),
        f1(d, 8), experts.reshape((n_keys, n, n_classes)),
        f2(d, 10),
    )  # fmt: skip
    route = _Route(
        np.empty(n), np.empty(n_keys), np.empty(n_keys, np.int64), np.empty(n_keys),
        np.empty(n_classes),
    )  # fmt: skip
    return _rows(opened(d), f1(d, 0), i1(d, 1), room, model, route)


@jit
def _rows(call: Call, settings: Array, seen: Ints, room: int, model: _Model, route: _Route) -> int:
    k, epsilon, rate, decay = int(settings[0]), settings[1], settings[2], settings[3]
    scaled, soft, averaged = settings[4] > 0.0, settings[5] > 0.0, settings[6] > 0.0
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            _read(model, room, x, scaled, route.z)
            m = _choose(model, route, k, soft, epsilon)
            _vote(model, route, m, seen[0], call.out[i])
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            seen[0] = max(seen[0], c + 1)
            if w > 0.0:
                _meet(model, room, x, w, route.z)
                _read(model, room, x, scaled, route.z)
                m = _choose(model, route, k, soft, epsilon)
                _learn(model, route, m, c, w, rate, decay, averaged)
    return call.last


@jit
def _read(model: _Model, room: int, x: Array, scaled: bool, z: Array) -> None:
    """Row `x` in units of the features' root mean squares; 0 where missing."""
    expand(x, model.nominal, room, model.n_values, z)
    for j in range(x.shape[0]):
        unit = 1.0
        if scaled and not model.nominal[j]:
            unit = 1.0 / np.sqrt(model.power[j, 1]) if model.power[j, 1] > 0.0 else 0.0
        for p in range(j * room, (j + 1) * room):
            z[p] = z[p] * unit if model.in_use[p] and not np.isnan(z[p]) else 0.0


@jit
def _meet(model: _Model, room: int, x: Array, w: float, z: Array) -> None:
    """Learn the scale of the features; keys grow to places that are new."""
    meet(x, model.nominal, room, model.n_values)
    expand(x, model.nominal, room, model.n_values, z)
    for j in range(x.shape[0]):
        value = z[j * room]
        if not np.isnan(value):
            model.power[j, 0] += w
            model.power[j, 1] += w / model.power[j, 0] * (value * value - model.power[j, 1])
        for p in range(j * room, (j + 1) * room):
            if not np.isnan(z[p]) and not model.in_use[p]:
                model.in_use[p] = 1
                for e in range(model.generators.shape[0]):
                    model.keys[p, e] = normal(model.generators, e)
                    model.key_square[e] += model.keys[p, e] * model.keys[p, e]


# ------------------------------------------------------------------------------- routing


@jit
def _choose(model: _Model, route: _Route, k: int, soft: bool, epsilon: float) -> int:
    """Fill `chosen` and `share`; how many experts are chosen."""
    cosine, square = route.cosine, 0.0
    for e in range(cosine.shape[0]):
        cosine[e] = 0.0
    for p in range(route.z.shape[0]):
        value = route.z[p]
        if value != 0.0:
            square += value * value
            for e in range(cosine.shape[0]):
                cosine[e] += value * model.keys[p, e]
    if square > 0.0:
        for e in range(cosine.shape[0]):
            cosine[e] /= np.sqrt(square * model.key_square[e])
    if soft and k < cosine.shape[0]:
        return soft_top_k(cosine, k, epsilon, route.chosen, route.share)
    top_k(cosine, route.chosen[:k])
    for a in range(k):
        route.share[a] = 1.0
    return k


# ------------------------------------------------------------------------------- experts


@jit
def _vote(model: _Model, route: _Route, m: int, n_classes: int, scores: Array) -> None:
    """The chosen experts' mean output, by share and cosine."""
    total = 0.0
    for c in range(n_classes):
        scores[1 + c] = 0.0
    for a in range(m):
        e = route.chosen[a]
        say = route.share[a] * max(route.cosine[e], _LEAST_COSINE)
        total += say
        for c in range(n_classes):
            route.outputs[c] = 0.0
        for p in range(route.z.shape[0]):
            if route.z[p] != 0.0:
                for c in range(n_classes):
                    route.outputs[c] += route.z[p] * model.experts[e, p, c]
        for c in range(n_classes):
            scores[1 + c] += say * _CAP * np.tanh(route.outputs[c] / _CAP)
    for c in range(n_classes):
        scores[1 + c] /= total


@jit
def _learn(
    model: _Model, route: _Route, m: int, c: int, w: float, rate: float, decay: float,
    averaged: bool,
) -> None:  # fmt: skip
    """Step the chosen experts' weights of class `c` by the sign of the gradient."""
    for a in range(m):
        e = route.chosen[a]
        model.weight[e, c] += w
        part = w / model.weight[e, c] if averaged else w
        keep = (1.0 - part if averaged else 1.0) / (1.0 + rate * decay * w)
        for p in range(route.z.shape[0]):
            if route.z[p] != 0.0 or averaged:
                step = rate * part * np.sign(route.z[p])
                model.experts[e, p, c] = model.experts[e, p, c] * keep + step


class DEE(Classifier):
    """Experts that learn one class at a time without forgetting the others.

    Each expert has a key, a random direction that never moves; a row goes to the experts whose keys
    are nearest to it, by angle. Only they learn it, and only their weights of its class move, by
    the sign of each feature: a memory of prototypes by region, which is why the order of the
    classes hardly matters. Numeric features should be centered (put `StandardScaler`
    before). Time per event is O(n_features * (n_experts + n_chosen * n_classes)); memory is
    O(n_experts * n_features * n_classes). A nominal feature counts as its one-hot encoding.

    Parameters
    ----------
    n_experts
        How many experts there are.
    n_chosen
        How many a row goes to.
    routing
        "soft": by optimal transport, so that experts at the border take part by their share;
        "hard": the nearest.
    epsilon
        Softness of the soft choice, in squared units of the cosine distance.
    learning_rate
        Length of a step.
    averaged
        Whether an expert's weights for a class are the mean of its steps, not their sum: a class
        of which it has learned many rows then is not louder than the others.
    weight_decay
        A step multiplies the weights that it touches by 1 / (1 + learning_rate * weight_decay).
    scaled
        Whether numeric features are measured in units of their root mean square so far.
    seed
        Seed of the keys.

    Raises
    ------
    ValueError
        At the first event, unless `n_experts` is a whole number >= 1, `n_chosen` one from 1 to
        `n_experts`, `epsilon` and `learning_rate` are > 0, `weight_decay` >= 0, and `routing` is
        "soft" or "hard".

    Examples
    --------
    >>> from onlineml.learners import DEE
    >>> model = DEE(n_experts=16, n_chosen=4, seed=1)
    >>> for x, y in [([-1.0, 0.1], "left")] * 5 + [([1.0, 0.1], "right")] * 5:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([-0.9, 0.0])
    'left'

    Notes
    -----
    The loss is minus the vote for the true class, without a softmax: other classes do not move.
    Departures from [1]_: weights are the mean of the steps unless `averaged` is false; a step after
    each row, not after a batch; weights begin at 0, not at random numbers that small steps never
    overcome, so that the learning rate only sets the scale of the scores until outputs reach their
    bound of 250; features are scaled; weight decay is apart from the sign and shrinks; cosines
    below 1e-6 count as that; the auxiliary classifiers, which take no part in predictions, and the
    loss of the keys, which do not move, are left out. Soft routing solves for the fixed point that
    hundreds of Sinkhorn steps approach: with two targets it is one equation in one unknown.
    Probabilities are a softmax of the vote, not calibrated. A missing value counts as 0, one beyond
    1e50 as missing.

    References
    ----------
    .. [1] Wójcik, Kościukiewicz, Kajdanowicz, Gonczarek (2023), Domain-agnostic neural architecture
       for class incremental continual learning in document processing platform, ACL industry
       track. Section 3. arXiv:2307.05399
    .. [2] Xie et al. (2020), Differentiable top-k with optimal transport, NeurIPS. Section 3.
       arXiv:2002.06504
    """

    _kernel = _dee
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("in_use_", ("F", "V"), np.int64),
        Field("power_", ("F", 2)),
        Field("generators_", ("K",), np.int64),
        Field("keys_", ("F", "V", "K")),
        Field("key_square_", ("K",)),
        Field("experts_", ("K", "F", "V", "C")),
        Field("weight_", ("K", "C")),
    )

    def __init__(
        self,
        *,
        n_experts: int = 128,
        n_chosen: int = 16,
        routing: Literal["soft", "hard"] = "soft",
        epsilon: float = 5e-4,
        learning_rate: float = 0.1,
        averaged: bool = True,
        weight_decay: float = 1e-4,
        scaled: bool = True,
        seed: int | None = None,
    ) -> None:
        self.n_experts = n_experts
        self.n_chosen = n_chosen
        self.routing = routing
        self.epsilon = epsilon
        self.learning_rate = learning_rate
        self.averaged = averaged
        self.weight_decay = weight_decay
        self.scaled = scaled
        self.seed = seed

    def _check(self) -> None:
        whole("n_experts", self.n_experts, 1)
        whole("n_chosen", self.n_chosen, 1, self.n_experts)
        if self.routing not in _ROUTINGS:
            raise wrong("routing", self.routing, f"one of {list(_ROUTINGS)}")
        for name in ("epsilon", "learning_rate"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")
        if not self.weight_decay >= 0:
            raise wrong("weight_decay", self.weight_decay, "a number >= 0")

    def _coupling(self) -> str:
        return "to find those that a row reaches takes longer than they take to learn it"

    def _sizes(self) -> dict[str, int]:
        return {"K": self.n_experts}

    def _start(self, schema: Schema) -> None:
        self.generators_ = seeded(self.seed, self.n_experts)

    def _settings(self) -> tuple[float, ...]:
        return (
            self.n_chosen, self.epsilon, self.learning_rate, self.weight_decay,
            float(self.scaled), float(self.routing == "soft"), float(self.averaged),
        )  # fmt: skip
