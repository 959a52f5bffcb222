"""Distance from the nearest of the normal rows of late, as a small network encodes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.faded_moments import learn
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import FURTHEST, Learner, forward_to_learn, learner, step_back
from onlineml.kernels.random import normal
from onlineml.network import (
    check_layout,
    check_net,
    lay_out,
    net_scratch,
    net_settings,
    net_sizes,
    start_net,
)
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_FIRST = 16  # rows that are remembered before the network learns for the first time
_CLIP = 3.0  # deviations that a score is learned to be off
_LEAST, _NOISE, _NEIGHBORS, _DISCOUNT, _BETA, _ONE_IN, _PASSES, _LAYER = range(-8, 0)  # of settings
_KEPT, _NEXT, _NEW, _ROOM, _STRANGE = range(5)  # of the counts
_MEAN, _DEVIATION = range(2)  # of the scale


class Memory(NamedTuple):
    """The rows that are remembered, their codes, and the scale on which rows are encoded.

    Counts are: rows, the next place, rows since the network learned, rows after which it learns
    again, and strange rows.
    """

    counts: Ints
    rows: Array
    codes: Array
    scale: Array
    features: tuple[Array, Array, Array]
    scores: tuple[Array, Array, Array]


@entry
def _mem_stream(d: int) -> int:
    features = f1(d, 13), f1(d, 14), f1(d, 15)
    scores = f1(d, 16), f1(d, 17), f1(d, 18)
    memory = Memory(i1(d, 9), f2(d, 10), f2(d, 11), f2(d, 12), features, scores)
    return _rows(opened(d), learner(d, 1), memory)


@jit
def _rows(call: Call, m: Learner, memory: Memory) -> int:
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        if not (call.serve or fit):
            continue
        code, score = _encoded(x, m, memory.scale), 0.0
        if code.shape[0] > 0 and memory.counts[_ROOM] > _FIRST:
            score = _distance(code, -1, m.settings, memory)
        if call.serve:
            call.out[i, 0] = score
        if fit:
            if _is_let_in(score, m.settings, memory):
                _remember(x, code, m, memory)
            learn(x, call.weight[i], m.settings[_LEAST], FURTHEST, *memory.features)
    return call.last


@jit
def _enter(x: Array, scale: Array, m: Learner) -> int:
    """Write what the network sees of `x`, cut to ten deviations; how many values there are."""
    n = 0
    for j in range(x.shape[0]):
        if scale[_DEVIATION, j] > 0.0 and abs(x[j]) <= LARGEST:
            z = (x[j] - scale[_MEAN, j]) / scale[_DEVIATION, j]
            m.places[n], m.values[n] = j, min(max(z, -FURTHEST), FURTHEST)
            n += 1
    return n


@jit
def _encoded(x: Array, m: Learner, scale: Array) -> Array:
    """What the encoding layer makes of `x`; nothing where nothing is known of its features."""
    n = _enter(x, scale, m)
    if n == 0:
        return m.values[:0]
    forward(m.net, m.signals, m.places, m.values, n, False, m.random)
    layer, start = int(m.settings[_LAYER]), 0
    for k in range(1, layer):
        start += m.net.shape[k]
    return m.signals.units[start : start + m.net.shape[layer]]


@jit
def _distance(code: Array, own: int, settings: Array, memory: Memory) -> float:
    """Mean distance to the nearest codes but `own`, each counting less than the one before it."""
    n, found = memory.counts[_KEPT], 0
    distances = np.zeros(n)
    for k in range(code.shape[0]):
        for i in range(n):
            distances[i] += abs(memory.codes[k, i] - code[k])
    nearest = np.empty(int(settings[_NEIGHBORS]))
    for i in range(n):
        distance = distances[i]
        if i == own or (found == nearest.shape[0] and distance >= nearest[found - 1]):
            continue
        found = min(found + 1, nearest.shape[0])
        at = found - 1
        while at > 0 and nearest[at - 1] > distance:
            nearest[at] = nearest[at - 1]
            at -= 1
        nearest[at] = distance
    total, weights, weight = 0.0, 0.0, 1.0
    for k in range(found):
        total, weights = total + weight * nearest[k], weights + weight
        weight *= settings[_DISCOUNT]
    return float(total / weights)


@jit
def _is_let_in(score: float, settings: Array, memory: Memory) -> bool:
    """Whether a row of that score is to be remembered; learns what scores are usual."""
    _, mean, variance = memory.scores
    strange = score > 0.0 and score > mean[0] + settings[_BETA] * np.sqrt(variance[0])
    _note(score, memory)
    memory.counts[_STRANGE] += strange
    return bool(not strange or memory.counts[_STRANGE] % int(settings[_ONE_IN]) == 0)


@jit
def _note(score: float, memory: Memory) -> None:
    if score > 0.0:
        learn(np.array([score]), 1.0, 1.0 / memory.rows.shape[0], _CLIP, *memory.scores)


@jit
def _remember(x: Array, code: Array, m: Learner, memory: Memory) -> None:
    """Put a row in the place of the oldest; after a memory full of them, learn them."""
    counts, size = memory.counts, memory.rows.shape[0]
    at = counts[_NEXT]
    memory.rows[at] = x
    for k in range(code.shape[0]):
        memory.codes[k, at] = code[k]
    counts[_KEPT], counts[_NEXT] = max(counts[_KEPT], at + 1), (at + 1) % size
    counts[_NEW] += 1
    if counts[_NEW] >= min(counts[_ROOM], size):
        counts[_NEW], counts[_ROOM] = 0, min(2 * counts[_ROOM], 2 * size)
        _learn_again(m, memory)


@jit
def _learn_again(m: Learner, memory: Memory) -> None:
    """Train the network on the rows that are remembered, on the present scale; encode them anew.

    Scores are then others: what is usual is what the rows score among each other.
    """
    n, mean, variance = memory.features
    for j in range(n.shape[0]):
        memory.scale[_MEAN, j] = mean[j]
        memory.scale[_DEVIATION, j] = np.sqrt(variance[j]) if variance[j] > 1e-24 else 0.0
    for _ in range(int(m.settings[_PASSES])):
        for i in range(memory.counts[_KEPT]):
            _train(memory.rows[i], m, memory.scale)
    for i in range(memory.counts[_KEPT]):
        code = _encoded(memory.rows[i], m, memory.scale)
        memory.codes[:, i] = 0.0
        for k in range(code.shape[0]):
            memory.codes[k, i] = code[k]
    for part in memory.scores:
        part[0] = 0.0
    for i in range(memory.counts[_KEPT]):
        _note(_distance(memory.codes[:, i], i, m.settings, memory), memory)


@jit
def _train(x: Array, m: Learner, scale: Array) -> None:
    """One step towards reproducing `x` from a noisy copy."""
    n = _enter(x, scale, m)
    if n == 0:
        return
    clean = m.values[:n].copy()
    for a in range(n):
        m.values[a] += m.settings[_NOISE] * normal(m.random, 0)
    forward_to_learn(m, n, False)
    found, deltas, loss = outputs(m.net, m.signals), output_deltas(m.net, m.signals), 0.0
    deltas[:] = 0.0
    for a in range(n):
        j = m.places[a]
        deltas[j] = found[j] - clean[a]
        loss += 0.5 * deltas[j] * deltas[j]
    step_back(m, n, 1.0, loss)


class MemStream(Detector):
    """Distance from the nearest normal rows in memory, as a denoising autoencoder encodes rows.

    The memory holds the last `memory_size` rows that were not strange; the score is the mean
    distance (sum of absolute differences) from the nearest of their codes. An autoencoder is
    trained on the memory whenever all of it is new, and the memory encoded again: encoder and scale
    follow the stream, and codes that are compared are of one encoder.
    Time per event is O(memory_size n_code + n_passes n_weights), the second once a memory for all;
    memory is O(memory_size n_features + n_weights).

    Parameters
    ----------
    memory_size
        Rows that are remembered.
    n_neighbors, discount
        How many of the nearest count, and by what factor each less than the one before; the paper
        has 3, among which a few anomalies in memory are enough to hide others.
    beta
        Rows are strange from a score on that lies so many deviations above the mean of late.
    one_in
        Of so many strange rows one is remembered all the same: a lasting change becomes normal.
    hidden
        Widths of the hidden layers; the one in the middle encodes.
    noise
        Deviation of what is added to the inputs in training, in deviations of a feature.
    n_passes
        How often the memory is gone through in training.
    activation
        "relu", "leaky_relu" (slope 0.01), or the paper's "tanh", in which far rows look alike.
    optimizer
        "sgd", "momentum" (0.9) or "adam".
    learning_rate
        Length of a step.
    fading_factor
        What means and deviations of features forget by, an event.
    seed
        Seed of first weights and of noise; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `memory_size` is a whole number >= 16, `n_neighbors` and
        `one_in` are whole numbers >= 1, `n_passes` is one >= 0, `hidden` are whole numbers >= 1,
        one at least, `activation` and `optimizer` are among the above, `learning_rate` > 0,
        `discount` and `fading_factor` lie in (0, 1], and `beta` and `noise` are >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import MemStream
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> model = MemStream().fit_many(X)
    >>> model.score_one([0.0, 0.0, 0.0]) < 10 < 40 < model.score_one([4.0, -4.0, 4.0])
    True

    Notes
    -----
    Departures from [1]_: training begins with 16 rows and is repeated, so that no clean sample is
    needed and the encoder does not age; what is strange is measured by the scores of late, where
    the paper has a fixed threshold; rows are remembered beside their codes. Values are cut to ten
    deviations. A missing value enters as the mean; a feature that has not varied does not count.
    Codes of nominal values are taken as numbers. A weight other than 0 counts as 1 in the memory.

    References
    ----------
    .. [1] Bhatia, Jain, Srivastava, Kawaguchi, Hooi (2022), MemStream: memory-based streaming
       anomaly detection, WWW, algorithm 1. arXiv:2106.03837
    """

    _kernel = _mem_stream
    _state = (
        Field("places_", ("F",), np.int64),
        Field("known_", ("F", 1), np.int64),  # whether an input has weights
        Field("standing_", (4, "F")),  # part of every network's layout, not used by this one
        Field("random_", (2,), np.int64),
        Field("n_steps_", (1,)),
        Field("shape_", ("S",), np.int64),
        Field("weights_", ("P",)),
        Field("moments_", ("M", "P")),
        Field("counts_", (5,), np.int64),
        Field("rows_", ("R", "F"), fill=np.nan),
        Field("codes_", ("E", "R")),
        Field("scale_", (2, "F")),
        Field("faded_n_", ("F",)),
        Field("faded_mean_", ("F",)),
        Field("faded_variance_", ("F",)),
        Field("scores_n_", (1,)),
        Field("scores_mean_", (1,)),
        Field("scores_variance_", (1,)),
    )

    known_: Ints
    random_: Ints
    shape_: Ints
    weights_: Array
    moments_: Array
    counts_: Ints

    def __init__(
        self,
        *,
        memory_size: int = 256,
        n_neighbors: int = 10,
        discount: float = 1.0,
        beta: float = 3.0,
        one_in: int = 10,
        hidden: Sequence[int] = (32,),
        noise: float = 0.1,
        n_passes: int = 2,
        activation: Literal["relu", "leaky_relu", "tanh"] = "leaky_relu",
        optimizer: Literal["sgd", "momentum", "adam"] = "adam",
        learning_rate: float = 0.001,
        fading_factor: float = 0.999,
        seed: int | None = 0,
    ) -> None:
        self.memory_size = memory_size
        self.n_neighbors = n_neighbors
        self.discount = discount
        self.beta = beta
        self.one_in = one_in
        self.hidden = hidden
        self.noise = noise
        self.n_passes = n_passes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.fading_factor = fading_factor
        self.seed = seed

    def _check(self) -> None:
        check_net(self)
        least = {"memory_size": _FIRST, "n_neighbors": 1, "one_in": 1, "n_passes": 0}
        for name, due in least.items():
            whole(name, getattr(self, name), due)
        for name in ("discount", "fading_factor"):
            if not 0 < getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in (0, 1]")
        for name in ("beta", "noise"):
            if not 0 <= getattr(self, name) < np.inf:
                raise wrong(name, getattr(self, name), "a number >= 0")

    def _sizes(self) -> dict[str, int]:
        encoding = self.hidden[len(self.hidden) // 2]
        return net_sizes(self) | {"R": self.memory_size, "E": encoding}

    def _settings(self) -> tuple[float, ...]:
        own = (
            1.0 - self.fading_factor, self.noise, self.n_neighbors, self.discount, self.beta,
            self.one_in, self.n_passes, 1 + len(self.hidden) // 2,
        )  # fmt: skip
        return *net_settings(self), *(float(number) for number in own)

    def _n_scratch(self) -> int:
        return net_scratch(self)

    def _start(self, schema: Schema) -> None:
        start_net(self, schema.n_features)
        self.counts_[_ROOM] = _FIRST

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        lay_out(self, 1, len(self.known_))

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started:
            check_layout(self, len(self.known_))
