"""How unlikely a row is by a density matrix of random Fourier features, kept at low rank."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.faded_moments import learn, share
from onlineml.kernels.principal_axes import follow, project, straighten
from onlineml.kernels.random import normal, seeded
from onlineml.schema import Schema, wrong

_CLIP = 10.0  # standard deviations that a value is taken, and learned, to be off at most
_LEAST, _GAMMA, _EVERY = range(3)  # of the settings
_N, _SINCE = range(2)  # of the counts: rows, and those since the axes were made
_SMALLEST = 1e-12  # a density below counts as this


class State(NamedTuple):
    """Moments of the features; frequencies; the leading axes of the density matrix."""

    counts: Ints
    moments: tuple[Array, Array, Array]
    frequencies: Array
    drawn: Array
    axes: Array
    spreads: Array


@entry
def _inqmad(d: int) -> int:
    moments = f1(d, 2), f1(d, 3), f1(d, 4)
    state = State(i1(d, 1), moments, f2(d, 5), f2(d, 6), f2(d, 7), f1(d, 8))
    return _rows(opened(d), f1(d, 0), state, scratch(d)[0])


@jit
def _rows(call: Call, settings: Array, m: State, room: Array) -> int:
    size = m.axes.shape[1]
    phi, along = room[:size], room[size : size + m.axes.shape[0]]
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        if not (call.serve or fit):
            continue
        n_known = _map(x, settings[_GAMMA], m, phi)
        project(m.axes, phi, along)
        if call.serve:
            known = n_known > 0 and m.counts[_N] > 0
            density = max(_density(along, m.spreads, size), _SMALLEST)
            call.out[i, 0] = max(-math.log(density), 0.0) if known else 0.0
        if fit:
            if n_known > 0:
                _learn(phi, along, call.weight[i], settings, m)
            learn(x, call.weight[i], settings[_LEAST], _CLIP, *m.moments)
    return call.last


@jit
def _map(x: Array, gamma: float, m: State, phi: Array) -> int:
    """Write the features of the standardized row, of length 1; how many of its values are known.

    What is missing counts as the mean, and the others for more.
    """
    _, mean, variance = m.moments
    n_features, n = m.frequencies.shape
    phi[:] = 0.0
    n_known, n_varied = 0, 0
    for j in range(n_features):
        if variance[j] <= 1e-24:
            continue
        n_varied += 1
        if not np.isnan(x[j]):
            z = (x[j] - mean[j]) / np.sqrt(variance[j])
            z = min(max(z, -_CLIP), _CLIP)
            n_known += 1
            for k in range(n):
                phi[k] += z * m.frequencies[j, k]
    if n_known == 0:
        return 0
    width = np.sqrt(2.0 * gamma / n_varied)
    scale = 1.0 / np.sqrt(n)
    for k in range(n):
        angle = width * phi[k]
        phi[k], phi[n + k] = scale * math.cos(angle), scale * math.sin(angle)
    return n_known


@jit
def _density(along: Array, spreads: Array, size: int) -> float:
    """Expectation of the density matrix in the state of the row; beside its axes it is even."""
    density, mass, inside, n_axes = 0.0, 0.0, 0.0, 0
    for i in range(along.shape[0]):
        if spreads[i] > 0.0:
            square = along[i] * along[i]
            density += spreads[i] * square
            mass, inside, n_axes = mass + spreads[i], inside + square, n_axes + 1
    if n_axes < size:
        density += max(1.0 - mass, 0.0) * max(1.0 - inside, 0.0) / (size - n_axes)
    return density


@jit
def _learn(phi: Array, along: Array, w: float, settings: Array, m: State) -> None:
    counts = m.counts
    counts[_N] += 1
    counts[_SINCE] += 1
    follow(m.drawn, along, phi, share(1.0 / counts[_N], w, settings[_LEAST]))
    if counts[_SINCE] >= min(1 + counts[_N] // 8, int(settings[_EVERY])):
        counts[_SINCE] = 0
        straighten(m.drawn, m.axes, m.spreads, phi)


@jit
def _draw(frequencies: Array, first: int, random: Ints) -> None:
    for j in range(first, frequencies.shape[0]):
        for k in range(frequencies.shape[1]):
            frequencies[j, k] = normal(random, 0)


class INQMAD(Detector):
    """Surprise of a row: minus the logarithm of its density, by a quantum density matrix.

    A row becomes a state of length 1: cosines and sines of random frequencies, whose inner products
    are a Gaussian kernel of the standardized rows. The density matrix is the mean of the states'
    outer products, in which the past fades; the density of a row is what that matrix expects of its
    state: the mean squared kernel to the rows before. Only the leading `rank` axes of the matrix
    are kept, and followed as rows go by. Time per event is O(n_components (n_features + rank)),
    memory too.

    Parameters
    ----------
    n_components
        Numbers of a state; even.
    rank
        Axes of the density matrix that are kept.
    gamma
        Of the kernel exp(-gamma * mean squared difference), over the features, in standard
        deviations.
    fading_factor
        Share of the past that the density matrix, and the features' mean and deviation, keep from
        one event to the next.
    seed
        Seed of the frequencies; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_components` is an even number >= 2, `rank` a whole number
        from 1 to `n_components`, `gamma` > 0, and 0 < `fading_factor` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import INQMAD
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = INQMAD().fit_many(X)
    >>> model.score_one([0.0, 0.1]) < 1.5 < 4 < model.score_one([4.0, -4.0])
    True

    Notes
    -----
    Departures from [1]_: frequencies stay as they were drawn, on features that are standardized
    anew all the time, so that there is no first sample to fit them to; cosines and sines in pairs,
    so that states have length 1; the axes of the matrix are followed by orthogonal iteration
    instead of keeping all of it, and what they leave is taken to be even in all other directions.
    A missing value counts as the mean; features that have not varied do not count; values count
    as at most 10 deviations off. Codes of nominal values are taken as numbers. A row without any
    value scores 0 and is not learned.

    References
    ----------
    .. [1] Gallego-Mejia, Bustos-Brinez, Gonzalez (2022), InQMAD: incremental quantum measurement
       anomaly detection. arXiv:2210.05061
    .. [2] Rahimi, Recht (2007), Random features for large-scale kernel machines, NIPS, section 3.
    """

    _kernel = _inqmad
    _state = (
        Field("counts_", (2,), np.int64),
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("variance_", ("F",)),
        Field("frequencies_", ("F", "H")),
        Field("drawn_", ("R", "D")),
        Field("axes_", ("R", "D")),
        Field("spreads_", ("R",)),
        Field("random_", (1,), np.int64),
    )

    frequencies_: Array
    random_: Ints

    def __init__(
        self,
        *,
        n_components: int = 256,
        rank: int = 32,
        gamma: float = 1.0,
        fading_factor: float = 0.998,
        seed: int | None = 0,
    ) -> None:
        self.n_components = n_components
        self.rank = rank
        self.gamma = gamma
        self.fading_factor = fading_factor
        self.seed = seed

    def _check(self) -> None:
        n = self.n_components
        if n < 2 or n % 2:
            raise wrong("n_components", n, "an even number >= 2")
        if not 1 <= self.rank <= n:
            raise wrong("rank", self.rank, f"a whole number from 1 to n_components, {n}")
        if not 0 < self.gamma < np.inf:
            raise wrong("gamma", self.gamma, "a number > 0")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"H": self.n_components // 2, "D": self.n_components, "R": self.rank}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)
        _draw(self.frequencies_, 0, self.random_)

    def _admit(self, schema: Schema) -> None:
        first = self.schema_.n_features if self.is_started else schema.n_features
        super()._admit(schema)
        _draw(self.frequencies_, first, self.random_)

    def _settings(self) -> tuple[float, ...]:
        return 1.0 - float(self.fading_factor), float(self.gamma), float(self.rank)

    def _n_scratch(self) -> int:
        return self.n_components + self.rank
