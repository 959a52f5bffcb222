"""Scores become tail probabilities, beyond any that was seen, by extreme value theory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, i2, i3, opened
from onlineml.kernels.ranks import N, kth, links_by, list_sizes, n_below
from onlineml.kernels.ranks import slide as slide_ranks
from onlineml.kernels.sliding_moments import slide as slide_moments
from onlineml.kernels.sliding_moments import window_sums
from onlineml.parameters import whole
from onlineml.schema import wrong

_LEVEL, _Q, _ONE_IN, _DRIFT = range(4)  # of the settings
_SHAPE, _SCALE, _BEND = range(3)  # of the tails
_CUT = 0.2  # share of the peaks, the highest, whose heights do not count
_ROUNDS, _FALSE = 4, 0.1  # of fits, and share of peaks left out wrongly among those left out
_EVERY = 16  # peaks after which, at the latest, the tail is fitted again
_FEW = 10  # peaks from which on there is a tail
_GRID, _STEPS = 24, 24  # places where the likelihood is looked at, and halvings around the best
_LEAST, _FACTOR = 1e-3, 2.0  # the first of these places, in units of 1 / mean, and their ratio
_USUAL = 0.2  # shapes are about as large: a few peaks, one of them far off, do not tell another


class Past(NamedTuple):
    """Of each feature: the window as ranks, its last peaks and their tail, the local level."""

    values: Array
    links: Ints
    leaps: Ints
    places: Ints
    path: Ints
    random: Ints
    peaks: Array
    n_peaks: Ints
    n_strange: Ints
    tails: Array
    locals: Array
    suffixes: Array
    newer: Array
    at: Ints


@entry
def _dspot_calibrator(d: int) -> int:
    past = Past(
        f2(d, 1), i3(d, 2), i3(d, 3), i2(d, 4), i2(d, 5), i1(d, 6), f2(d, 7), i1(d, 8),
        i1(d, 9), f2(d, 10), f2(d, 11), f3(d, 12), f2(d, 13), i1(d, 14),
    )  # fmt: skip
    return _rows(opened(d), f1(d, 0), past)


@jit
def _rows(call: Call, settings: Array, past: Past) -> int:
    for i in range(call.first, call.last):
        for j in range(call.X.shape[1]):
            x = call.X[i, j]
            level = _local_level(j, settings, past)
            if call.serve:
                call.out[i, j] = x if np.isnan(x) else 1.0 - _tail(x - level, j, settings, past)
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x):
                _learn(x - level, level, j, settings, past)
    return call.last


@jit
def _local_level(j: int, settings: Array, past: Past) -> float:
    """What values of feature `j` are measured from: 0, or the mean of the last ones."""
    if settings[_DRIFT] == 0.0:
        return 0.0
    return window_sums(past.suffixes[j], past.newer[j], past.at[j])[1]


@jit
def _threshold(j: int, settings: Array, past: Past) -> float:
    """Where the tail begins; infinity while there are too few values to say."""
    n = past.places[j, N]
    if n * (1.0 - settings[_LEVEL]) < 1.0:
        return np.inf
    return float(kth(past.values[j], past.links[j], past.leaps[j], int(settings[_LEVEL] * n)))


@jit
def _share_above(value: float, j: int, past: Past) -> float:
    """Conformal p-value of `value`: the share of values not below, itself one of them."""
    n = past.places[j, N]
    n_above = n - n_below(past.values[j], past.links[j], past.leaps[j], value, False)
    return float((n_above + 1.0) / (n + 1.0))


@jit
def _tail(x: float, j: int, settings: Array, past: Past) -> float:
    """Probability of a value not below `x`."""
    begin = _threshold(j, settings, past)
    if x <= begin or past.n_peaks[j] < _FEW:
        return _share_above(x, j, past)
    return _share_above(begin, j, past) * math.exp(-_log_odds(x - begin, past.tails[j]))


@jit
def _quantile(q: float, j: int, settings: Array, past: Past) -> float:
    """The value that is exceeded with probability `q`; infinity while that cannot be told."""
    begin = _threshold(j, settings, past)
    if begin == np.inf or past.n_peaks[j] < _FEW:
        return np.inf
    log_odds = math.log(max(_share_above(begin, j, past) / q, 1.0))
    shape, bend = past.tails[j, _SHAPE], past.tails[j, _BEND]
    far = 2.0 * log_odds / (1.0 + math.sqrt(1.0 + 4.0 * bend * log_odds))
    if shape > 0.0:
        far = math.expm1(shape * log_odds) / shape
    return float(begin + past.tails[j, _SCALE] * far)


@jit
def _learn(x: float, level: float, j: int, settings: Array, past: Past) -> None:
    begin = _threshold(j, settings, past)
    most = _quantile(settings[_Q], j, settings, past)
    if settings[_DRIFT] > 0.0:
        near = min(x, most) + level
        slide_moments(past.locals[j], past.suffixes[j], past.newer[j], past.at, j, near)
    if x > most:
        past.n_strange[j] += 1
        if past.n_strange[j] % int(settings[_ONE_IN]) != 0:
            return
    elif x > begin:
        peaks, n = past.peaks[j], past.n_peaks[j]
        peaks[n % peaks.shape[0]] = x - begin
        past.n_peaks[j] = n + 1
        if n % min(1 + n // _EVERY, _EVERY) == 0:
            _fit(peaks[: min(n + 1, peaks.shape[0])], past.tails[j])
    slide_ranks(
        past.values[j], past.links[j], past.leaps[j], past.places[j], past.path, past.random, j, x
    )


@jit
def _fit(peaks: Array, tail: Array) -> None:
    """Shape, scale and bend of the tail that `peaks`, all positive, are of.

    Of the highest only their number counts, and of those that the tail so found takes for none of
    its values not even that: it is then found anew, without them.
    """
    heights = np.sort(peaks)
    n = heights.shape[0]
    n_whole = n - int(_CUT * n)
    for _ in range(_ROUNDS):
        _fit_lower(heights[:n], n_whole, tail)
        n_left = _n_usual(heights[:n], n_whole, tail)
        if n_left == n:
            break
        n = n_left


@jit
def _n_usual(heights: Array, n_whole: int, tail: Array) -> int:
    """How many of the peaks, in order, are not beyond what the tail of the lower ones bears.

    Of those said to be beyond, a share `_FALSE` is not, on average: Benjamini and Hochberg's rule.
    """
    n, odds = heights.shape[0], _log_odds(heights[n_whole - 1], tail)
    for i in range(n_whole, n):
        p = math.exp(odds - _log_odds(heights[i], tail))
        if p * (n - n_whole) <= _FALSE * (n - i):
            return i
    return int(n)


@jit
def _log_odds(height: float, tail: Array) -> float:
    """Minus the logarithm of the share of peaks that are as high."""
    y = height / tail[_SCALE]
    if tail[_SHAPE] == 0.0:
        return float(y + tail[_BEND] * y * y)
    return float(math.log1p(tail[_SHAPE] * y) / tail[_SHAPE])


@jit
def _fit_lower(heights: Array, n_whole: int, tail: Array) -> None:
    """The tail of peaks in order; of those from place `n_whole` on only the number counts."""
    y = heights.copy()
    y[n_whole:] = y[n_whole - 1]
    scale = y.sum() / n_whole
    y /= scale
    tail[_SHAPE], tail[_SCALE], tail[_BEND] = 0.0, scale, 0.0
    theta, heavier = _most_likely(y, n_whole, False)
    bend, lighter = _most_likely(y, n_whole, True)
    if heavier > lighter:
        tail[_SHAPE] = np.log1p(theta * y).sum() / n_whole
        tail[_SCALE] = scale * tail[_SHAPE] / theta
    elif lighter > 0.0:
        tail[_SCALE] = scale * (1.0 + bend * (y * y).sum() / n_whole)
        tail[_BEND] = bend * tail[_SCALE] / scale


@jit
def _most_likely(y: Array, n_whole: int, lighter: bool) -> tuple[float, float]:
    """The form of the tail of values `y`, and what its likelihood gains; 0 where it gains nothing.

    For a given form the best scale is known, so that one number is to be found: on a grid first,
    then by golden sections around its best place.
    """
    best, at = 0.0, -1
    for k in range(_GRID):
        gain = _gain(_LEAST * _FACTOR**k, y, n_whole, lighter)
        if gain > best:
            best, at = gain, k
    if at < 0:
        return 0.0, 0.0
    low, high = _LEAST * _FACTOR ** (at - 1), _LEAST * _FACTOR ** (at + 1)
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    a, b = high - golden * (high - low), low + golden * (high - low)
    gain_a, gain_b = _gain(a, y, n_whole, lighter), _gain(b, y, n_whole, lighter)
    for _ in range(_STEPS):
        if gain_a > gain_b:
            high, b, gain_b = b, a, gain_a
            a = high - golden * (high - low)
            gain_a = _gain(a, y, n_whole, lighter)
        else:
            low, a, gain_a = a, b, gain_b
            b = low + golden * (high - low)
            gain_b = _gain(b, y, n_whole, lighter)
    return 0.5 * (low + high), best


@jit
def _gain(form: float, y: Array, n_whole: int, lighter: bool) -> float:
    """Log-likelihood of a tail, less that of the exponential one, a value.

    Values from place `n_whole` on are as high or higher. `form` is shape over scale, with a penalty
    for large shapes, which many values outweigh; or, of lighter tails, half of the rise of the
    hazard over its beginning.
    """
    total, n_cut = 0.0, y.shape[0] - n_whole
    if lighter:
        for i in range(n_whole):
            total += math.log1p(2.0 * form * y[i])
        gain = total / n_whole - math.log1p(form * (y * y).sum() / n_whole)
        return float(gain - 0.5 * (form / _USUAL) ** 2 / n_whole)
    for i in range(n_whole):
        total += math.log1p(form * y[i])
    cut = n_cut * math.log1p(form * y[n_whole - 1])
    shape, unusual = (total + cut) / n_whole, (total + cut) / n_whole / _USUAL
    likelihood = -math.log(shape / form) - total / n_whole
    return float(likelihood - 0.5 * unusual * unusual / n_whole)


class DSPOTCalibrator(Transformer):
    """Each feature as one minus the probability of a value as high, far beyond those seen.

    Values above a high quantile of the window are peaks; their excesses follow, whatever the
    distribution, nearly a generalized Pareto one, whose tail tells how improbable values are that
    never came. For scores of a detector this gives p-values below 1 / window_size, which control
    of false discoveries needs; `thresholds` gives the scores that are exceeded with a given
    probability. Below that quantile, and before there are ten peaks, values are ranked as by
    `ConformalCalibrator`. A missing value stays missing. Time per event is O(n_features
    log(window_size)), and O(n_features n_peaks) at every sixteenth peak; memory is
    O(n_features (window_size log(window_size) + n_peaks + drift_size)).

    Parameters
    ----------
    window_size
        How many past values the quantile, and ranks below it, are those of.
    level
        The quantile of the window where the tail begins.
    n_peaks
        How many past peaks the tail is fitted to.
    q
        Values less probable than this are strange.
    one_in
        Of so many strange values one enters the window, none the peaks: anomalies leave little
        trace, and yet a lasting change is learned.
    drift_size
        Values are measured from the mean of so many before (DSPOT); 0 for streams whose level does
        not drift (SPOT).

    Raises
    ------
    ValueError
        At the first row, for `window_size` or `one_in` that is not a whole number >= 1,
        `n_peaks` not one >= 10, `drift_size` not one >= 0, a `level` outside of (0, 1), and a
        `q` outside of (0, 1 - level).

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.transforms import DSPOTCalibrator
    >>> scores = np.random.default_rng(0).exponential(size=(20_000, 1))
    >>> model = DSPOTCalibrator().fit_many(scores)
    >>> bool(1 - model.transform_one([12.0])[0] < 1e-4)  # it is 6e-6; ranks could not tell
    True
    >>> bool(5 < model.thresholds(q=0.001)[0] < 8)  # it is log(1000), 6.9
    True

    Notes
    -----
    Departures from [1]_: quantile, peaks and level are those of windows, so that everything
    forgets; one in `one_in` strange values is not left out, so that no change of level can lock the
    model; where the tail is lighter than exponential, its hazard rises along a straight line, as a
    normal variable's nearly does, so that no value is impossible; the heights of the highest fifth
    of the peaks do not count, only their number, nor that where the others' tail rejects them [4]_,
    so that a tenth of what it rejects is its own. With the defaults two anomalies in a hundred thus
    do no harm; probabilities of 0.001 are right within a factor of about 2 (2.5 for t with three
    degrees of freedom), and too large where values end. The likelihood is reduced to one unknown as
    in [2]_, with normal priors of the shape and of the bend in the manner of [3]_. A weight other
    than 0 counts as 1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Siffer, Fouque, Termier, Largouet (2017), Anomaly detection in streams with extreme value
       theory, KDD, algorithms 1 to 3. doi:10.1145/3097983.3098144
    .. [2] Grimshaw (1993), Computing maximum likelihood estimates for the generalized Pareto
       distribution, Technometrics 35(2), 185-191. doi:10.1080/00401706.1993.10485040
    .. [3] Martins, Stedinger (2000), Generalized maximum-likelihood generalized extreme-value
       quantile estimators for hydrologic data, Water Resources Research 36(3), 737-744.
       doi:10.1029/1999WR900330
    .. [4] Benjamini, Hochberg (1995), Controlling the false discovery rate, Journal of the Royal
       Statistical Society B 57(1), 289-300, section 3.1. doi:10.1111/j.2517-6161.1995.tb02031.x
    """

    _kernel = _dspot_calibrator
    _state = (
        Field("values_", ("F", "W")),
        *links_by("F"),
        Field("peaks_", ("F", "P")),
        Field("n_peaks_", ("F",), np.int64),
        Field("n_strange_", ("F",), np.int64),
        Field("tails_", ("F", 3)),
        Field("locals_", ("F", "D")),
        Field("suffixes_", ("F", "D+1", 3)),
        Field("newer_", ("F", 3)),
        Field("at_", ("F",), np.int64),
    )

    def __init__(
        self,
        *,
        window_size: int = 1000,
        level: float = 0.9,
        n_peaks: int = 300,
        q: float = 1e-4,
        one_in: int = 10,
        drift_size: int = 0,
    ) -> None:
        self.window_size = window_size
        self.level = level
        self.n_peaks = n_peaks
        self.q = q
        self.one_in = one_in
        self.drift_size = drift_size

    def _check(self) -> None:
        least = {"window_size": 1, "n_peaks": _FEW, "one_in": 1, "drift_size": 0}
        for name, due in least.items():
            whole(name, getattr(self, name), due)
        if not 0 < self.level < 1:
            raise wrong("level", self.level, "a number between 0 and 1")
        if not 0 < self.q < 1 - self.level:
            raise wrong("q", self.q, f"a probability below 1 - level, {1 - self.level:.4g}")

    def _sizes(self) -> dict[str, int]:
        n, d = self.window_size, max(self.drift_size, 1)
        return list_sizes(n) | {"P": self.n_peaks, "D": d, "D+1": d + 1}

    def _settings(self) -> tuple[float, ...]:
        return float(self.level), float(self.q), float(self.one_in), float(self.drift_size)

    def _n_outputs(self) -> int:
        return self._size("F")

    def thresholds(self, q: float = 1e-3) -> Array:
        """Values that are exceeded with probability `q`, shape `(n_features,)`.

        Infinity while there are too few peaks; never below the quantile where the tail begins.

        Raises
        ------
        ValueError
            For a `q` outside of (0, 1).
        """
        if not 0 < q < 1:
            raise wrong("q", q, "a probability between 0 and 1")
        if not self.is_started:
            return np.empty(0)
        past = Past(*(getattr(self, field.name) for field in self._state))
        return _thresholds(float(q), np.array(self._settings()), past)


@jit
def _thresholds(q: float, settings: Array, past: Past) -> Array:
    found = np.empty(past.values.shape[0])
    for j in range(found.shape[0]):
        found[j] = _local_level(j, settings, past) + _quantile(q, j, settings, past)
    return found
