"""KitNet: an ensemble of small autoencoders, and one that watches their errors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import (
    ANSWER_AND_SCORES,
    Call,
    Field,
    Ints,
    f1,
    f2,
    i1,
    opened,
    scratch,
)
from onlineml.kernels.by_window import N_ROWS, ROOM, first_room, turn
from onlineml.kernels.faded_moments import learn
from onlineml.kernels.random import seeded
from onlineml.kernels.spanning_groups import distances, joined
from onlineml.kernels.tied_autoencoder import Tied, decode, draw, encode, error_of, step
from onlineml.kernels.usual_range import moved, width_of
from onlineml.kernels.views import matrix_in
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_SPREAD = 2.0  # what the usual range of a feature becomes: hidden units are then nearly linear
_FAR, _TAME = 50.0, 2.0  # how far off values count at most, and are learned at most
_CLIP = 10.0  # deviations that an error is learned to be off
_PASSES = 3  # over the window, when networks are made anew
_N_GROUPS = 3  # of the counts, after those of rows
_MOST, _RATIO, _RATE, _LEAST = range(4)  # of the settings
# Rows of the scratch room: scaled values, NaN where missing and then 0; hidden units; what they
# leave; errors of the groups; and these, scaled, and what is left of them.
_KNOWN, _Z, _HIDDEN, _REST, _ERRORS, _TOP_Z, _TOP_REST, _N_ROOMS = range(8)


class Nets(NamedTuple):
    """Groups of features, the autoencoder of each, the one of their errors, and the window.

    Group `g` is the features `order[ends[g - 1]:ends[g]]`; rows of `weights` are in that order.
    """

    counts: Ints
    order: Ints
    ends: Ints
    weights: Array
    inner: Array
    outer: Array
    top: Tied
    errors: tuple[Array, Array, Array]
    ranges: Array
    recent: Array
    random: Ints


@entry
def _kitnet(d: int) -> int:
    nets = Nets(
        i1(d, 1), i1(d, 2), i1(d, 3), f2(d, 4), f2(d, 5), f1(d, 6),
        Tied(f2(d, 7), f1(d, 8), f1(d, 9)), (f1(d, 10), f1(d, 11), f1(d, 12)), f2(d, 13),
        f2(d, 14), i1(d, 15),
    )  # fmt: skip
    floats = scratch(d)[0]
    room = matrix_in(floats, 0, _N_ROOMS, floats.shape[0] // _N_ROOMS)
    return _rows(opened(d), f1(d, 0), nets, room)


@jit
def _rows(call: Call, settings: Array, nets: Nets, room: Array) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            _serve(settings, nets, call.X[i], room, call.out[i], call.serve == ANSWER_AND_SCORES)
        if call.fit and row_tells(call, i):
            _learn(settings, nets, call.X[i], call.weight[i], room)
            _remember(settings, nets, call.X[i], room)
    return call.last


# ------------------------------------------------------------------------------- networks


@jit
def _n_hidden(n: int, ratio: float) -> int:
    return max(math.ceil(ratio * n), 1)


@jit
def _group(nets: Nets, g: int, ratio: float) -> tuple[Tied, int, int]:
    """The autoencoder of group `g`, its first feature in the order, and the one after its last."""
    first, last = nets.ends[g - 1] if g > 0 else 0, nets.ends[g]
    h = _n_hidden(last - first, ratio)
    net = Tied(nets.weights[first:last, :h], nets.inner[g, :h], nets.outer[first:last])
    return net, first, last


@jit
def _top(nets: Nets, ratio: float) -> Tied:
    """The autoencoder of the groups' errors."""
    n, top = nets.counts[_N_GROUPS], nets.top
    h = _n_hidden(n, ratio)
    return Tied(top.weights[:n, :h], top.inner[:h], top.outer[:n])


@jit
def _scale(nets: Nets, x: Array, n: int, most: float, room: Array) -> None:
    """The first `n` features of the order in units of their ranges, at most `most`."""
    known, z = room[_KNOWN], room[_Z]
    for a in range(n):
        j = nets.order[a]
        low, high = nets.ranges[0, j], nets.ranges[1, j]
        value = _SPREAD * (x[j] - 0.5 * low - 0.5 * high) / width_of(low, high)
        missing = np.isnan(value)
        known[a] = np.nan if missing else min(max(value, -most), most)
        z[a] = 0.0 if missing else known[a]


@jit
def _reproduce(net: Tied, known: Array, z: Array, hidden: Array, rest: Array) -> float:
    encode(net, z, hidden)
    decode(net, known, z, hidden, rest)
    return error_of(known, rest)


@jit
def _look(settings: Array, nets: Nets, x: Array, most: float, rate: float, room: Array) -> None:
    """Errors of all groups, and what the network above leaves of them; steps where `rate` > 0."""
    n, hidden = nets.counts[_N_GROUPS], room[_HIDDEN]
    _scale(nets, x, nets.ends[n - 1], most, room)
    for g in range(n):
        net, a, b = _group(nets, g, settings[_RATIO])
        known, z, rest = room[_KNOWN, a:b], room[_Z, a:b], room[_REST, a:b]
        h = hidden[: net.inner.shape[0]]
        room[_ERRORS, g] = _reproduce(net, known, z, h, rest)
        if rate > 0.0:
            step(net, z, h, rest, rate)
    _, mean, variance = nets.errors
    errors, z, rest = room[_ERRORS, :n], room[_TOP_Z, :n], room[_TOP_REST, :n]
    for g in range(n):
        gap = (errors[g] - mean[g]) / np.sqrt(variance[g]) if variance[g] > 1e-24 else 0.0
        z[g] = 0.0 if np.isnan(gap) else min(max(gap, -most), most)
    top = _top(nets, settings[_RATIO])
    h = hidden[: top.inner.shape[0]]
    _reproduce(top, errors, z, h, rest)
    if rate > 0.0:
        step(top, z, h, rest, rate)


# ------------------------------------------------------------------------------- scores


@jit
def _serve(settings: Array, nets: Nets, x: Array, room: Array, out: Array, explain: bool) -> None:
    for k in range(out.shape[0] if explain else 1):
        out[k] = 0.0
    n = nets.counts[_N_GROUPS]
    if n == 0:
        return
    _look(settings, nets, x, _FAR, 0.0, room)
    errors, z, rest = room[_ERRORS, :n], room[_TOP_Z, :n], room[_TOP_REST, :n]
    n_known, left = 0, error_of(errors, rest)
    for g in range(n):
        n_known += not np.isnan(errors[g])
    for g in range(n):
        if not np.isnan(errors[g]):
            part = z[g] / n_known
            if left > 0.0:
                part += rest[g] * rest[g] / (n_known * left)
            out[0] += part
            if explain:
                _divide(nets, g, part, room[_REST], out)


@jit
def _divide(nets: Nets, g: int, part: float, rest: Array, out: Array) -> None:
    """Divide what a group contributes among its features, by the squares of what is left."""
    total, first = 0.0, nets.ends[g - 1] if g > 0 else 0
    for a in range(first, nets.ends[g]):
        total += rest[a] * rest[a]
    for a in range(first, nets.ends[g]):
        if total > 0.0:
            out[1 + nets.order[a]] = part * rest[a] * rest[a] / total


# ------------------------------------------------------------------------------- learning


@jit
def _learn(settings: Array, nets: Nets, x: Array, w: float, room: Array) -> None:
    n = nets.counts[_N_GROUPS]
    if n > 0:
        _look(settings, nets, x, _TAME, min(settings[_RATE] * w, 1.0), room)
        learn(room[_ERRORS, :n], w, settings[_LEAST], _CLIP, *nets.errors)


@jit
def _remember(settings: Array, nets: Nets, x: Array, room: Array) -> None:
    """Keep the row; at the end of a window, see whether the data lie where they did."""
    counts = nets.counts
    for j in range(x.shape[0]):
        nets.recent[counts[N_ROWS], j] = x[j]
    counts[N_ROWS] += 1
    if counts[N_ROWS] == counts[ROOM]:
        recent = turn(counts, nets.recent, nets.ranges)
        if moved(recent, nets.ranges):
            _map(settings, nets, recent, room)
            for g in range(counts[_N_GROUPS]):
                draw(_group(nets, g, settings[_RATIO])[0], nets.random, 0)
            draw(_top(nets, settings[_RATIO]), nets.random, 0)
            for part in nets.errors:
                part[:] = 0.0
            for _ in range(_PASSES):
                for i in range(recent.shape[0]):
                    _learn(settings, nets, recent[i], 1.0, room)


@jit
def _map(settings: Array, nets: Nets, recent: Array, room: Array) -> None:
    """Group the features whose ranges are known."""
    n = 0
    for j in range(recent.shape[1]):
        if not np.isnan(nets.ranges[0, j]):
            nets.order[n] = j
            n += 1
    columns = np.empty((n, recent.shape[0]))
    for i in range(recent.shape[0]):
        _scale(nets, recent[i], n, _TAME, room)
        columns[:, i] = room[_Z, :n]
    owner = joined(distances(columns), int(settings[_MOST]))
    features, end, g = nets.order[:n].copy(), 0, 0
    for a in range(n):
        if owner[a] == a:
            for b in range(a, n):
                if owner[b] == a:
                    nets.order[end] = features[b]
                    end += 1
            nets.ends[g] = end
            g += 1
    nets.counts[_N_GROUPS] = g


class KitNet(Detector):
    """KitNet: what small autoencoders, each of a few features that vary together, do not reproduce.

    Every group of features has an autoencoder, and another one reproduces their errors. All keep
    learning, a step an event. The score is the mean error of the groups, in deviations from its
    own mean, plus the root mean square of what the network above leaves of them. Every
    `window_size` events it is seen whether features lie where they did; if not, they are grouped
    anew, and networks learned anew from that window. Scores are 0 until the first window is full;
    it is short, of 8 rows, and each takes twice the rows of the last up to `window_size`. Time per
    event is O(n_features * hidden_ratio * group_size), and O(n_features ** 2 * window_size) when
    features are grouped; memory is 8 bytes * n_features * (n_features + window_size).

    Parameters
    ----------
    group_size
        Most features of an autoencoder.
    hidden_ratio
        Hidden units of an autoencoder for each of its inputs.
    learning_rate
        Length of a step, as a share of the one that would reproduce a row at once, or nearly.
    window_size
        Rows that ranges and groups are taken from.
    fading_factor
        What mean and deviation of the errors forget by, an event.
    seed
        Seed of the first weights; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `group_size` is a whole number >= 1, `window_size` one >= 2, and
        `hidden_ratio`, `learning_rate` and `fading_factor` lie in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import KitNet
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 1)) + 0.1 * rng.normal(size=(2000, 4))  # all nearly equal
    >>> model = KitNet().fit_many(X)
    >>> model.score_one([1.0, 1.0, 1.0, 1.0]) < 1 < 4 < model.score_one([1.0, 1.0, -1.0, 1.0])
    True
    >>> model.explain_one([1.0, 1.0, -1.0, 1.0]).argmax()
    np.int64(2)

    Notes
    -----
    Autoencoders have tied weights, as in the code of [1]_, hyperbolic tangents inside and a linear
    output. Departures: it never stops learning; features are scaled by their usual ranges of a
    window (without 1 % of the rows at either end), not by all that was seen, and learned as being
    at most twice that range wide, so that one huge row does no harm; groups are grown along the
    minimum spanning tree of one minus the absolute correlation, nearest first, as long as they are
    not too large, where cutting a dendrogram leaves many single features; steps are normalized; the
    mean error is part of the score, as the network above learns that errors rise together. What is
    missing counts as the middle of the range and has no error. Codes of nominal values are taken as
    numbers. The contributions of the features sum to the score.

    As it never stops learning, it learns to reproduce anomalies that come in numbers, too. Where
    they may, `GatedDetector(base=KitNet())` keeps most of them from it: on the first 10,000 rows of
    Shuttle, 7 % of them anomalies, ROC AUC is .993 with the gate and .857 without.

    References
    ----------
    .. [1] Mirsky, Doitshman, Elovici, Shabtai (2018), Kitsune: an ensemble of autoencoders for
       online network intrusion detection, NDSS, section V. arXiv:1802.09089
    """

    _kernel = _kitnet
    _explains = True
    _state = (
        Field("counts_", (4,), np.int64),
        Field("order_", ("F",), np.int64),
        Field("ends_", ("F",), np.int64),
        Field("weights_", ("F", "H")),
        Field("inner_", ("F", "H")),
        Field("outer_", ("F",)),
        Field("top_weights_", ("F", "F")),
        Field("top_inner_", ("F",)),
        Field("top_outer_", ("F",)),
        Field("error_n_", ("F",)),
        Field("error_mean_", ("F",)),
        Field("error_variance_", ("F",)),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("random_", (1,), np.int64),
    )

    counts_: Ints
    order_: Ints
    ends_: Ints
    random_: Ints

    def __init__(
        self,
        *,
        group_size: int = 10,
        hidden_ratio: float = 0.5,
        learning_rate: float = 0.3,
        window_size: int = 250,
        fading_factor: float = 0.999,
        seed: int | None = 0,
    ) -> None:
        self.group_size = group_size
        self.hidden_ratio = hidden_ratio
        self.learning_rate = learning_rate
        self.window_size = window_size
        self.fading_factor = fading_factor
        self.seed = seed

    @property
    def groups(self) -> list[list[int]]:
        """The groups: places of the features in each; none before the first window is full."""
        if not self.is_started:
            return []
        ends = self.ends_[: self.counts_[_N_GROUPS]]
        return [part.tolist() for part in np.split(self.order_, ends)[:-1]]

    def _check(self) -> None:
        whole("group_size", self.group_size, 1)
        if not 0 < self.hidden_ratio <= 1:
            raise wrong("hidden_ratio", self.hidden_ratio, "a number in (0, 1]")
        if not 0 < self.learning_rate <= 1:
            raise wrong("learning_rate", self.learning_rate, "a number in (0, 1]")
        whole("window_size", self.window_size, 2)
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"H": math.ceil(self.hidden_ratio * self.group_size), "W": self.window_size}

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(self.window_size)
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        least = 1.0 - float(self.fading_factor)
        return float(self.group_size), float(self.hidden_ratio), float(self.learning_rate), least

    def _n_scratch(self) -> int:
        return _N_ROOMS * (self.schema_.n_features + self._size("H"))
