"""Distances of a series' last stretch to its nearest earlier ones, as conformal ranks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, i2, opened, scratch
from onlineml.kernels.plausible import plausible
from onlineml.kernels.ranks import N, kth, links_by, list_sizes, n_below, slide
from onlineml.parameters import whole
from onlineml.schema import wrong

_CLIP = 5.0  # deviations that a value is learned to be off what those before it foretell
_RIDGE = 1e-9  # share of the mean variance that is added, lest a covariance be singular


class Model(NamedTuple):
    """Series, whitened training shingles, and the ordered scores of the last shingles.

    `series` holds the last 2 W + D - 1 values, the newest last: W shingles of training, then W of
    calibration. `whitened` has a column a training shingle.
    """

    n: Ints
    series: Array
    moments: Array
    means: Array
    factor: Array
    whitened: Array
    scores: Array
    links: Ints
    leaps: Ints
    places: Ints
    path: Ints
    random: Ints


@entry
def _knn_cad(d: int) -> int:
    model = Model(
        i1(d, 1), f1(d, 2), f2(d, 3), f1(d, 4), f2(d, 5), f2(d, 6), f1(d, 7), i2(d, 8), i2(d, 9),
        i1(d, 10), i2(d, 11), i1(d, 12),
    )  # fmt: skip
    return _rows(opened(d), int(f1(d, 0)[0]), model, scratch(d)[0])


@jit
def _rows(call: Call, k: int, model: Model, room: Array) -> int:
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        if call.serve:
            call.out[i, 0] = 0.0 if np.isnan(x) else _score(x, k, model, room)
        if call.fit and call.weight[i] > 0.0:
            _learn(call.X[i], k, model, room)
    return call.last


@jit
def _score(x: float, k: int, model: Model, room: Array) -> float:
    """Share of the last shingles that are nearer to their training; a bit more above all."""
    n = model.places[N]
    if n == 0:
        return 0.0
    strangeness = _strangeness(x, 0, k, model, room)
    passed = n_below(model.scores, model.links, model.leaps, strangeness, False)
    above = 0.0
    if passed == n:
        above = 1.0 - kth(model.scores, model.links, model.leaps, n - 1) / strangeness
    return float((passed + above) / (n + 1.0))


@jit
def _strangeness(x: float, age: int, k: int, model: Model, room: Array) -> float:
    """Sum of the `k` least squared distances of a shingle to the training ones.

    The shingle is the one that would end in `x`, or with `age` > 0 the one that ends in the value
    which is the `age`-th from the end, itself not counted among the training ones.
    """
    size, window = model.whitened.shape
    point, squares, end = room[:size], room[size : size + window], model.series.shape[0] - age + 1
    if age == 0:
        end = model.series.shape[0]
        point[: size - 1] = model.series[end - size + 1 :]
        point[size - 1] = x
    else:
        point[:] = model.series[end - size : end]
    _whiten(model.factor, point)
    squares[:] = 0.0
    for j in range(size):
        for i in range(window):
            gap = model.whitened[j, i] - point[j]
            squares[i] += gap * gap
    return _sum_of_least(squares, k if age == 0 else k + 1)


@jit
def _sum_of_least(squares: Array, k: int) -> float:
    """Sum of the `k` least; they come to stand in front, the largest of them first."""
    for at in range(k // 2 - 1, -1, -1):
        _sift(squares, at, k)
    for i in range(k, squares.shape[0]):
        if squares[i] < squares[0]:
            squares[0] = squares[i]
            _sift(squares, 0, k)
    total = 0.0
    for i in range(k):
        total += squares[i]
    return total


@jit
def _sift(heap: Array, at: int, n: int) -> None:
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and heap[child + 1] > heap[child]:
            child += 1
        if heap[at] >= heap[child]:
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@jit
def _learn(row: Array, k: int, model: Model, room: Array) -> None:
    series, (size, window) = model.series, model.whitened.shape
    n_values, length = model.n[0], series.shape[0]
    if n_values == 0 and np.isnan(row[0]):
        return
    x = plausible(row, series[length - 1], model.moments)
    if model.places[N] > 0:
        x = _foretold(x, model, room[:size])
        strangeness = _strangeness(x, 0, k, model, room)
        slide(
            model.scores, model.links, model.leaps, model.places, model.path, model.random, 0,
            strangeness,
        )  # fmt: skip
    for i in range(length - 1):
        series[i] = series[i + 1]
    series[length - 1] = x
    model.n[0] += 1
    n_shingles = model.n[0] - size + 1
    if n_shingles == window:
        _train(0, model)
        _first_scores(k, model, room)
    elif n_shingles > 2 * window:
        if n_shingles % max(window // 2, 1) == 0:
            _train(window, model)
        else:
            _replace((n_shingles - 1) % window, window, model)


@jit
def _foretold(x: float, model: Model, point: Array) -> float:
    """`x`, cut at some deviations from what the values before it foretell: linear regression."""
    last = point.shape[0] - 1
    point[:last] = model.series[model.series.shape[0] - last :]
    point[last] = x
    point -= model.means
    _whiten(model.factor, point)
    beyond = point[last] - min(max(point[last], -_CLIP), _CLIP)
    return float(x - beyond * model.factor[last, last])


@jit
def _train(lag: int, model: Model) -> None:
    """Take the W shingles that end `lag` values ago for training, and their covariance."""
    size, window = model.whitened.shape
    first = model.series.shape[0] - lag - window - size + 1
    means, covariance = model.means, model.factor
    for j in range(size):
        means[j] = model.series[first + j : first + j + window].mean()
    trace = 0.0
    for a in range(size):
        for b in range(a + 1):
            total = 0.0
            for i in range(window):
                left = model.series[first + a + i] - means[a]
                total += left * (model.series[first + b + i] - means[b])
            covariance[a, b] = total / window
        trace += covariance[a, a]
    ridge = _RIDGE * trace / size if trace > 0.0 else 1.0
    for a in range(size):
        covariance[a, a] += ridge
    _factorize(covariance)
    for i in range(window):  # a shingle keeps its column until another takes its place
        n_shingles = model.n[0] - size + 1
        _put(first + i, (n_shingles - lag - window + i) % window, model)


@jit
def _factorize(a: Array) -> None:
    """The lower triangle of `a` becomes its Cholesky factor."""
    for i in range(a.shape[0]):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = np.sqrt(total) if i == j else total / a[j, j]


@jit
def _whiten(factor: Array, point: Array) -> None:
    """Solve `factor z = point` in place."""
    for i in range(point.shape[0]):
        total = point[i]
        for j in range(i):
            total -= factor[i, j] * point[j]
        point[i] = total / factor[i, i]


@jit
def _put(first: int, column: int, model: Model) -> None:
    """The shingle that begins at `first` of the series becomes a training one."""
    size = model.whitened.shape[0]
    point = model.series[first : first + size].copy()
    _whiten(model.factor, point)
    model.whitened[:, column] = point


@jit
def _replace(column: int, lag: int, model: Model) -> None:
    """The shingle that ended `lag` values ago takes the place of the oldest."""
    _put(model.series.shape[0] - lag - model.whitened.shape[0], column, model)


@jit
def _first_scores(k: int, model: Model, room: Array) -> None:
    """The first training shingles are scored among themselves."""
    for age in range(model.whitened.shape[1], 0, -1):
        strangeness = _strangeness(0.0, age, k, model, room)
        slide(
            model.scores, model.links, model.leaps, model.places, model.path, model.random, 0,
            strangeness,
        )  # fmt: skip


class KNNCAD(Detector):
    """Conformal rank of the distance between a series' last stretch and its nearest earlier ones.

    The last `shingle_size` values are a point; its strangeness is the sum of the squared
    Mahalanobis distances to the nearest of `window_size` earlier points. The score is the share of
    the last `window_size` points that were less strange, in [0, 1). A far value is seen as long as
    it is in the stretch. For series of numbers. A missing value scores 0 and is taken for the one
    before. Scores begin after window_size + shingle_size - 1 values. Time per event is
    O(window_size shingle_size), memory too.

    Parameters
    ----------
    shingle_size
        Values of a stretch.
    n_neighbors
        Nearest points that count.
    window_size
        Points that are compared with; they lie `window_size` to 2 `window_size` events back.

    Raises
    ------
    ValueError
        At the first event, unless `shingle_size` and `n_neighbors` are whole numbers >= 1, and
        `window_size` is a whole number > `n_neighbors`. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import KNNCAD
    >>> t = np.arange(2000)
    >>> values = np.sin(t / 4) + np.random.default_rng(0).normal(0, 0.1, 2000)
    >>> model = KNNCAD().fit_many(values)
    >>> model.score_one(np.sin(2000 / 4)) < 0.9 < 0.99 < model.score_one(np.sin(2000 / 4) + 1)
    True

    Notes
    -----
    Departs from [1]_ and its code in the Numenta benchmark: points are whitened by the Cholesky
    factor of their covariance, once, so that a distance costs `shingle_size` multiplications
    and not their square; the covariance is taken around the mean, with 1e-9 of ridge, so that it is
    never singular and no digits are lost at high levels; scores are not set to 0.5 for a while
    after an alarm; a point stranger than all others is above them by one minus the ratio of the
    greatest strangeness to its own, so that scores do not tie; values are learned cut at 10
    deviations of a forgetting mean, then at 5 of what the values before foretell by the covariance,
    so that a far value does not widen it. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Burnaev, Ishimtsev (2016), Conformalized density- and distance-based anomaly detection in
       time-series data, arXiv:1608.04585, section 3.3 and algorithm 1.
    """

    _kernel = _knn_cad
    _n_inputs = 1
    _excuses = {  # noqa: RUF012 - read only
        "finds_spikes": "a far value stays in the shingles of those that follow",
    }
    _state = (
        Field("n_", (1,), np.int64),
        Field("series_", ("V2",)),
        Field("moments_", (3, 1)),
        Field("means_", ("D",)),
        Field("factor_", ("D", "D")),
        Field("whitened_", ("D", "W")),
        Field("scores_", ("W",)),
        *links_by(),
    )

    def __init__(
        self, *, shingle_size: int = 19, n_neighbors: int = 27, window_size: int = 500
    ) -> None:
        self.shingle_size = shingle_size
        self.n_neighbors = n_neighbors
        self.window_size = window_size

    def _check(self) -> None:
        for name in ("shingle_size", "n_neighbors"):
            whole(name, getattr(self, name), 1)
        least = self.n_neighbors + 1
        if self.window_size < least:
            due = f"a whole number >= {least}, more than n_neighbors"
            raise wrong("window_size", self.window_size, due)

    def _sizes(self) -> dict[str, int]:
        n, size = self.window_size, self.shingle_size
        return list_sizes(n) | {"D": size, "V2": 2 * n + size - 1}

    def _settings(self) -> tuple[float, ...]:
        return (float(self.n_neighbors),)

    def _n_scratch(self) -> int:
        return self.shingle_size + self.window_size
