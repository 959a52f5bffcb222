"""Distance from the running mean, as the running covariance measures it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import (
    ANSWER_AND_SCORES,
    Array,
    Call,
    Field,
    Ints,
    f1,
    f2,
    i1,
    opened,
    scratch,
)
from onlineml.kernels.faded_moments import share as faded_share
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.principal_axes import follow, product, project, straighten
from onlineml.kernels.views import matrix_in
from onlineml.schema import Schema, wrong

_SMALLEST = 1e-24  # a variance below counts as none
_FLOOR = 1e-9  # of a pivot: rounding, or missing values, can make a correlation matrix indefinite
_N_ROWS, _SINCE = range(2)  # of the counts: rows learned, and those since the last factorization
_LEAST, _CLIP = range(2)  # of the settings


class _Normal(NamedTuple):
    """What is known of the rows: moments, and what distances are measured with.

    `factor` is the Cholesky factor of the shrunken correlation matrix, as it was when the standard
    deviations were `std`; 0 stands for a feature that has not varied. Instead of
    `pairs`, `covariance` and `factor`, those of low rank have `drawn`, `axes`, `spreads` and
    `rest`, the mean square beside the axes.
    """

    counts: Ints
    n: Array
    mean: Array
    variance: Array
    std: Array
    pairs: Array
    covariance: Array
    factor: Array
    drawn: Array
    axes: Array
    spreads: Array
    rest: Array


@entry
def _mahalanobis_detector(d: int) -> int:
    normal = _Normal(
        i1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5), f2(d, 6), f2(d, 7), f2(d, 8), f2(d, 9),
        f2(d, 10), f1(d, 11), f1(d, 12),
    )  # fmt: skip
    return _rows(opened(d), f1(d, 0), normal, *scratch(d))


@jit
def _rows(call: Call, settings: Array, normal: _Normal, room: Array, which: Ints) -> int:
    n_features, n_axes = normal.mean.shape[0], normal.axes.shape[0]
    z, solved = room[:n_features], room[n_features : 2 * n_features]
    along, room = room[2 * n_features :][:n_axes], room[2 * n_features + n_axes :]
    for i in range(call.first, call.last):
        fit = call.fit and row_tells(call, i)
        if not (call.serve or fit):
            continue
        n_known = _standardize(normal, call.X[i], z, which)
        if n_axes > 0:
            square = _low_rank(normal, settings, z, n_known, along, solved)
        else:
            square = _full(normal.factor, z, which[:n_known], solved, room)
        distance = np.sqrt(square)
        if call.serve:
            call.out[i, 0] = distance
            if call.serve == ANSWER_AND_SCORES:
                for j in range(n_features):
                    part = z[j] * solved[j]
                    call.out[i, 1 + j] = part / distance if distance > 0.0 else 0.0
        if fit:
            cut = settings[_CLIP] * np.sqrt(1.0 * n_known)
            share = cut / distance if distance > cut else 1.0
            _learn(normal, settings, call.X[i], call.weight[i], share, z, n_known, along)
    return call.last


@jit
def _standardize(normal: _Normal, x: Array, z: Array, which: Ints) -> int:
    """Write `x` in standard deviations, 0 where it tells nothing; which features do, how many."""
    n_known = 0
    for j in range(x.shape[0]):
        z[j] = 0.0
        if normal.std[j] > 0.0 and abs(x[j]) <= LARGEST:
            z[j] = (x[j] - normal.mean[j]) / normal.std[j]
            which[n_known] = j
            n_known += 1
    return n_known


# ------------------------------------------------------------------------------- full covariance


@jit
def _full(factor: Array, z: Array, which: Ints, solved: Array, room: Array) -> float:
    """Squared distance; `solved` is the precision matrix times `z`, of the known features."""
    n, n_features, n_active = which.shape[0], z.shape[0], 0
    for j in range(n_features):
        n_active += factor[j, j] > 0.0
    if n == n_active:
        return _solve(factor, z, solved)
    part, picked = matrix_in(room, 0, n, n), room[n * n :][:n]
    for a in range(n):
        picked[a] = z[which[a]]
        for b in range(a + 1):
            k = which[b] + 1
            part[a, b] = product(factor[which[a], :k], factor[which[b], :k])
    _factorize(part)
    square = _solve(part, picked, solved[:n])
    picked[:] = solved[:n]
    solved[:] = 0.0
    for a in range(n):
        solved[which[a]] = picked[a]
    return square


@jit
def _solve(factor: Array, z: Array, solved: Array) -> float:
    """Solve for `z` by the lower triangle, then its transpose; the square between the two."""
    for a in range(z.shape[0]):
        pivot = factor[a, a]
        solved[a] = (z[a] - product(factor[a, :a], solved[:a])) / pivot if pivot > 0.0 else 0.0
    square = product(solved, solved)
    for a in range(z.shape[0] - 1, -1, -1):
        if factor[a, a] > 0.0:
            solved[a] /= factor[a, a]
            for b in range(a):
                solved[b] -= solved[a] * factor[a, b]
    return square


@jit
def _factorize(matrix: Array) -> None:
    """Cholesky, in place, of the lower triangle; rows whose diagonal is 0 are left out."""
    for a in range(matrix.shape[0]):
        if matrix[a, a] > 0.0:
            for b in range(a):
                if matrix[b, b] > 0.0:
                    gap = matrix[a, b] - product(matrix[a, :b], matrix[b, :b])
                    matrix[a, b] = gap / matrix[b, b]
            pivot = matrix[a, a] - product(matrix[a, :a], matrix[a, :a])
            matrix[a, a] = np.sqrt(max(pivot, _FLOOR))


@jit
def _shrink(normal: _Normal, shrunk: float) -> None:
    """The correlation matrix, `shrunk` to that of independent features, and its factor."""
    factor = normal.factor
    for j in range(factor.shape[0]):
        known = normal.std[j] > 0.0
        for k in range(j):
            factor[j, k] = 0.0
            if known and normal.std[k] > 0.0:
                correlation = normal.covariance[j, k] / (normal.std[j] * normal.std[k])
                factor[j, k] = (1.0 - shrunk) * correlation
        factor[j, j] = 1.0 if known else 0.0
    _factorize(factor)


# ------------------------------------------------------------------------------- low rank


@jit
def _low_rank(
    normal: _Normal, settings: Array, z: Array, n_known: int, along: Array, solved: Array
) -> float:
    """As `_full`, for the axes and one variance in all other directions."""
    project(normal.axes, z, along)
    shrunk = _shrinkage(normal, settings)
    noise = max((1.0 - shrunk) * normal.rest[0] + shrunk, _FLOOR)
    for j in range(z.shape[0]):
        solved[j] = z[j] / noise
    for i in range(along.shape[0]):
        if normal.spreads[i] > 0.0:
            variance = max((1.0 - shrunk) * normal.spreads[i] + shrunk, _FLOOR)
            gain = along[i] * (1.0 / variance - 1.0 / noise)
            for j in range(z.shape[0]):
                solved[j] += gain * normal.axes[i, j]
    return max(product(z, solved), 0.0) if n_known > 0 else 0.0


@jit
def _beside(normal: _Normal, z: Array, along: Array, n_known: int) -> float:
    """Mean square of `z` in the directions beside the axes."""
    square, n = product(z, z), n_known
    for i in range(along.shape[0]):
        if normal.spreads[i] > 0.0:
            square -= along[i] * along[i]
            n -= 1
    return max(square, 0.0) / n if n > 0 else 0.0


# ------------------------------------------------------------------------------- both


@jit
def _shrinkage(normal: _Normal, settings: Array) -> float:
    """Share of independence: large while there are few rows for so many features."""
    n_features = normal.mean.shape[0]
    n = 1.0 * normal.counts[_N_ROWS]
    if settings[_LEAST] > 0.0:
        n = min(n, 1.0 / settings[_LEAST])
    return float(n_features / (n_features + n))


@jit
def _learn(
    normal: _Normal, settings: Array, x: Array, w: float, share: float, z: Array, n_known: int,
    along: Array,
) -> None:  # fmt: skip
    """Take in `x`, drawn to the mean by the factor `share`."""
    least, counts = settings[_LEAST], normal.counts
    counts[_N_ROWS] += 1
    counts[_SINCE] += 1
    _learn_covariance(normal, x, w, least, share)
    for j in range(x.shape[0]):
        if abs(x[j]) <= LARGEST:
            normal.n[j] += w
            step = faded_share(w / normal.n[j], w, least)
            gap = _gap(normal, x, j, share)
            normal.mean[j] += step * gap
            normal.variance[j] = (1.0 - step) * (normal.variance[j] + step * gap * gap)
    size = normal.axes.shape[0]
    if size > 0:
        step = faded_share(1.0 / counts[_N_ROWS], w, least)
        z *= share
        along *= share
        normal.rest[0] += step * (_beside(normal, z, along, n_known) - normal.rest[0])
        follow(normal.drawn, along, z, step)
    else:
        size = x.shape[0]
    if counts[_SINCE] > min(counts[_N_ROWS], size) // 8:
        counts[_SINCE] = 0
        for j in range(x.shape[0]):
            known = normal.variance[j] > _SMALLEST
            normal.std[j] = np.sqrt(normal.variance[j]) if known else 0.0
        if normal.axes.shape[0] > 0:
            straighten(normal.drawn, normal.axes, normal.spreads, z)
        else:
            _shrink(normal, _shrinkage(normal, settings))


@jit
def _gap(normal: _Normal, x: Array, j: int, share: float) -> float:
    gap = x[j] - normal.mean[j]
    return float(share * gap if normal.std[j] > 0.0 else gap)


@jit
def _learn_covariance(normal: _Normal, x: Array, w: float, least: float, share: float) -> None:
    """Faded mean products of two features' gaps, of the rows that have both."""
    for j in range(normal.pairs.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue
        own = _gap(normal, x, j, share)
        for k in range(j):
            if abs(x[k]) <= LARGEST:
                normal.pairs[j, k] += w
                step = faded_share(w / normal.pairs[j, k], w, least)
                other = _gap(normal, x, k, share)
                past = normal.covariance[j, k]
                normal.covariance[j, k] = (1.0 - step) * (past + step * own * other)


class MahalanobisDetector(Detector):
    """Mahalanobis distance from the mean of the recent past.

    Mean and covariance fade by a factor an event. Time per event is O(n_features ** 2), memory
    24 bytes * n_features ** 2; with `n_components` both are O(n_components * n_features). What the
    features contribute sums to the score; a feature that makes up for another one's deviation
    contributes less than 0.

    Parameters
    ----------
    fading_factor
        Share of the past that each event keeps: about the last 1 / (1 - fading_factor) events
        count. 1 forgets nothing.
    n_components
        Rank: so many leading directions have a variance of their own, and all others share one.
        None for the full covariance matrix.
    clip
        A row further off than `clip` times sqrt(n_features) is drawn towards the mean to that
        distance, in the direction that it has, before it is learned.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `fading_factor` <= 1, `n_components` is a whole number >= 1
        or None, and `clip` > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import MahalanobisDetector
    >>> a, b = np.random.default_rng(0).normal(size=(2, 1000))
    >>> model = MahalanobisDetector().fit_many(np.column_stack([a, a + 0.1 * b]))
    >>> model.score_one([2.0, 2.0]) < 3 < 10 < model.score_one([1.0, -1.0])
    True

    Notes
    -----
    Features are standardized, and their correlation matrix is shrunk to that of independent ones by
    n_features / (n_features + n), for n events that count. It is factorized anew after every
    1 + n_features / 8 events; with `n_components`, the axes of an orthogonal
    iteration are made orthogonal again after every 1 + n_components / 8. A row that misses values
    is compared in the others, which takes O(n_features ** 3); at low rank what it misses counts as
    being at the mean. Each covariance is of the rows that have both features. A feature that has
    not varied yet does not count. The bound `clip` makes mean and covariance M-estimates [2]_: one
    huge row does no harm, and a lasting change is learned within O(log(distance)) times
    1 / (1 - fading_factor) events. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Mahalanobis (1936), On the generalised distance in statistics, Proceedings of the
       National Institute of Sciences of India 2, 49-55.
    .. [2] Maronna (1976), Robust M-estimators of multivariate location and scatter, Annals of
       Statistics 4(1), 51-67, equations 1.1 to 1.3. doi:10.1214/aos/1176343347
    """

    _kernel = _mahalanobis_detector
    _explains = True
    _state = (
        Field("counts_", (2,), np.int64),
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("variance_", ("F",)),
        Field("std_", ("F",)),
        Field("pairs_", ("G", "G")),
        Field("covariance_", ("G", "G")),
        Field("factor_", ("G", "G")),
        Field("drawn_", ("R", "F")),
        Field("axes_", ("R", "F")),
        Field("spreads_", ("R",)),
        Field("rest_", (1,)),
    )

    def __init__(
        self,
        *,
        fading_factor: float = 0.999,
        n_components: int | None = None,
        clip: float = 3.0,
    ) -> None:
        self.fading_factor = fading_factor
        self.n_components = n_components
        self.clip = clip

    def _check(self) -> None:
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")
        if self.n_components is not None and self.n_components < 1:
            raise wrong("n_components", self.n_components, "a number of directions >= 1, or None")
        if not self.clip > 0:
            raise wrong("clip", self.clip, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"G": 0, "R": 0 if self.n_components is None else int(self.n_components)}

    def _start(self, schema: Schema) -> None:
        if self.n_components is None:
            self._enlarge("G", schema.n_features)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        if self.n_components is None and self._size("G") < schema.n_features:
            self._enlarge("G", schema.n_features)

    def _settings(self) -> tuple[float, ...]:
        return 1.0 - float(self.fading_factor), float(self.clip)

    def _n_scratch(self) -> int:
        size = self.schema_.n_features
        return 2 * size + self._size("R") + self._size("G") * (self._size("G") + 1)
