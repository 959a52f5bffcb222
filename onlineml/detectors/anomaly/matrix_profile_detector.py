"""How unlike the last stretch of a series is to everything before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.plausible import plausible
from onlineml.parameters import whole
from onlineml.schema import wrong

_FLAT = 1e-9  # deviation, as a share of the mean, below which a stretch is constant
_END, _KNOWN, _N = range(3)  # where the next value goes, how many are looked at, how many came


class Model(NamedTuple):
    """The series, and what is known of the stretches that end at each of its values.

    `values` has room for two windows: where it is full, the last one moves to the front. `means`
    are those of stretches, less `base`; `inverses` their 1 / deviation, 0 where constant;
    `dots[lag]` is the product of the last stretch with the one that ends `lag` values before.
    """

    counts: Ints
    values: Array
    means: Array
    inverses: Array
    dots: Array
    base: Array
    moments: Array
    size: int


@entry
def _matrix_profile_detector(d: int) -> int:
    size = int(f1(d, 0)[0])
    model = Model(i1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5), f1(d, 6), f2(d, 7), size)
    return _rows(opened(d), model, scratch(d)[0][:size])


@jit
def _rows(call: Call, model: Model, stretch: Array) -> int:
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        if call.serve:
            call.out[i, 0] = 0.0 if np.isnan(x) else _distance(x, model, stretch)
        if call.fit and call.weight[i] > 0.0 and not (model.counts[_N] == 0 and np.isnan(x)):
            _learn(call.X[i], model)
    return call.last


@jit
def _distance(x: float, model: Model, stretch: Array) -> float:
    """Distance of the stretch that would end in `x` to the one most like it."""
    end, size = model.counts[_END], model.size
    nearest = size // 4 + 1  # stretches that overlap by more are much the same
    longest = model.counts[_KNOWN] - size  # lags of which there are products
    if longest + 1 < size + nearest:
        return 0.0
    values, base = model.values, model.base[0]
    stretch[:-1], stretch[size - 1] = values[end - size + 1 : end], x
    mean, inverse = _shape(stretch, base)
    best, new, old, first = -1.0, x - base, values[end - size] - base, end - size
    for lag in range(nearest, longest + 1):
        product = model.dots[lag] + new * (values[end - lag] - base)
        product -= old * (values[first - lag] - base)
        alike = _correlation(product, end - lag, mean, inverse, model)
        if alike > best:
            best = alike
    if longest + 1 < model.dots.shape[0]:
        first = end - longest - size
        product = _product(stretch, values[first : first + size], base)
        best = max(best, _correlation(product, end - longest - 1, mean, inverse, model))
    return float(np.sqrt(max(2.0 * (1.0 - best), 0.0)))


@jit
def _correlation(product: float, at: int, mean: float, inverse: float, model: Model) -> float:
    """Of a stretch with the one that ends at `at`; constant ones are only alike to each other."""
    if inverse == 0.0:
        return 1.0 if model.inverses[at] == 0.0 else 0.0
    return float((product / model.size - mean * model.means[at]) * inverse * model.inverses[at])


@jit
def _shape(stretch: Array, base: float) -> tuple[float, float]:
    """Mean of a stretch, less `base`, and 1 / its deviation."""
    total, squares, size = 0.0, 0.0, stretch.shape[0]
    for i in range(size):
        total += stretch[i] - base
    mean = total / size
    for i in range(size):
        gap = stretch[i] - base - mean
        squares += gap * gap
    deviation = np.sqrt(squares / size)
    return mean, 0.0 if deviation <= _FLAT * abs(mean) else 1.0 / deviation


@jit
def _product(a: Array, b: Array, base: float) -> float:
    total = 0.0
    for i in range(a.shape[0]):
        total += (a[i] - base) * (b[i] - base)
    return total


@jit
def _learn(row: Array, model: Model) -> None:
    counts, values, size = model.counts, model.values, model.size
    end, window = counts[_END], values.shape[0] // 2
    x = plausible(row, values[max(end - 1, 0)], model.moments)
    if counts[_N] == 0:
        model.base[0] = x
    values[end] = x
    counts[_N] += 1
    counts[_END] += 1
    counts[_KNOWN] = min(counts[_KNOWN] + 1, window)
    if counts[_KNOWN] >= size:
        stretch = values[end - size + 1 : end + 1]
        model.means[end], model.inverses[end] = _shape(stretch, model.base[0])
    if counts[_END] == 2 * window:
        _move(model)
    elif counts[_N] % size == 0:  # lest rounding errors pile up, or outlive a huge value
        _multiply(0, model)
    elif counts[_KNOWN] > size:
        _follow(end, model)


@jit
def _follow(end: int, model: Model) -> None:
    """From the products of the stretch before to those of the one that ends at `end`."""
    values, base, size = model.values, model.base[0], model.size
    longest = model.counts[_KNOWN] - size
    if model.counts[_N] <= values.shape[0] // 2:  # the window fills up: one more lag
        _multiply(longest, model)
        longest -= 1
    new, old, first = values[end] - base, values[end - size] - base, end - size
    for lag in range(longest + 1):
        model.dots[lag] += new * (values[end - lag] - base) - old * (values[first - lag] - base)


@jit
def _multiply(shortest: int, model: Model) -> None:
    """The products of the last stretch from lag `shortest` on, by their definition."""
    values, size, first = model.values, model.size, model.counts[_END] - model.size
    for lag in range(shortest, model.counts[_KNOWN] - size + 1):
        before = values[first - lag : first - lag + size]
        model.dots[lag] = _product(values[first : first + size], before, model.base[0])


@jit
def _move(model: Model) -> None:
    """The last window moves to the front, and is measured from its own median."""
    window = model.values.shape[0] // 2
    model.values[:window] = model.values[window:]
    model.values[window:] = 0.0
    model.counts[_END] = window
    model.base[0] = np.median(model.values[:window])
    for end in range(model.size - 1, window):
        stretch = model.values[end - model.size + 1 : end + 1]
        model.means[end], model.inverses[end] = _shape(stretch, model.base[0])
    _multiply(0, model)


class MatrixProfileDetector(Detector):
    """Distance of the last stretch of a series to the earlier one that is most like it.

    Stretches of `subsequence_size` values are compared by shape: each is brought to mean 0 and
    deviation 1. The score is their Euclidean distance over the root of their size, between 0 (such
    a shape has been seen) and 2 (only its opposite has). A far value is seen as long as it is in
    the stretch. For series of numbers whose shapes repeat: of noise with spikes, the stretches
    with a spike in the same place are the most alike. A missing value scores 0 and is taken for
    the one before. Time per event is O(window_size), memory
    O(window_size + subsequence_size).

    Parameters
    ----------
    subsequence_size
        Values of a stretch: about those of the shapes that repeat.
    window_size
        How many earlier stretches are looked at.

    Raises
    ------
    ValueError
        At the first event, unless `subsequence_size` is a whole number >= 3, and `window_size`
        one >= 2 `subsequence_size`. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import MatrixProfileDetector
    >>> t = np.arange(1000)
    >>> values = np.sin(t / 4) + np.random.default_rng(0).normal(0, 0.1, 1000)
    >>> model = MatrixProfileDetector(subsequence_size=25).fit_many(values)
    >>> before = model.score_one(np.sin(1000 / 4))
    >>> odd = model.fit_many(np.zeros(12)).score_one(0.0)
    >>> before < 0.3 < 0.6 < odd
    True

    Notes
    -----
    The last value of the left matrix profile [1]_, kept up to date as in [2]_, section 4: products
    of stretches follow from those one value earlier. They are computed anew once in
    `subsequence_size` events, so that no rounding error lives on. Stretches that overlap by more
    than three quarters are not compared. A constant stretch is like constant ones and uncorrelated
    to all others. Values are learned cut at 10 deviations of a forgetting mean. A weight other than
    0 counts as 1.

    References
    ----------
    .. [1] Yeh et al. (2016), Matrix Profile I: all pairs similarity joins for time series, IEEE
       ICDM, sections III and IV. doi:10.1109/ICDM.2016.0179
    .. [2] Zhu et al. (2016), Matrix Profile II: exploiting a novel algorithm and GPUs, IEEE ICDM,
       section III (STOMP). doi:10.1109/ICDM.2016.0085
    """

    _kernel = _matrix_profile_detector
    _n_inputs = 1
    _excuses = {  # noqa: RUF012 - read only
        "finds_spikes": "two stretches of noise with a spike in the same place are alike in shape",
    }
    _state = (
        Field("counts_", (3,), np.int64),
        Field("values_", ("V2",)),
        Field("means_", ("V2",)),
        Field("inverses_", ("V2",)),
        Field("dots_", ("W+1",)),
        Field("base_", (1,)),
        Field("moments_", (3, 1)),
    )

    def __init__(self, *, subsequence_size: int = 50, window_size: int = 1000) -> None:
        self.subsequence_size = subsequence_size
        self.window_size = window_size

    def _check(self) -> None:
        whole("subsequence_size", self.subsequence_size, 3)
        least = 2 * self.subsequence_size
        if self.window_size < least:
            due = f"a whole number >= {least}, two stretches"
            raise wrong("window_size", self.window_size, due)

    def _sizes(self) -> dict[str, int]:
        window = self.window_size + self.subsequence_size
        return {"V2": 2 * window, "W+1": self.window_size + 1}

    def _settings(self) -> tuple[float, ...]:
        return (float(self.subsequence_size),)

    def _n_scratch(self) -> int:
        return self.subsequence_size
