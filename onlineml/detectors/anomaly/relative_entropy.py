"""How unlike the distribution of the last values is to those seen before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.usual_range import moved, width_of
from onlineml.parameters import whole
from onlineml.schema import wrong

_LIMIT, _FADING, _SIZE, _SEEN = range(4)  # of the settings
_N = 0  # of the counts: values so far


class Model(NamedTuple):
    """The last values, and the distributions that were seen.

    `past` (R, 1) is a ring of which the last `size` values are the window. `seen` has a histogram a
    hypothesis; `weights` tell how often each was seen of late, 0 where there is none. `ranges`
    (2, 1) are the least and the largest usual value, between which the bins lie.
    """

    counts: Ints
    past: Array
    ranges: Array
    seen: Array
    weights: Array
    size: int


@entry
def _relative_entropy(d: int) -> int:
    settings = f1(d, 0)
    model = Model(i1(d, 1), f2(d, 2), f2(d, 3), f2(d, 4), f1(d, 5), int(settings[_SIZE]))
    return _rows(opened(d), settings, model, scratch(d)[0])


@jit
def _rows(call: Call, settings: Array, model: Model, room: Array) -> int:
    histogram = room[: model.seen.shape[1]]
    trusted = settings[_SEEN]
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        known = not np.isnan(x) and model.counts[_N] >= model.past.shape[0]
        if known:
            _count(x, model, histogram)
        if call.serve:
            call.out[i, 0] = _nearest(histogram, trusted, model)[1] if known else 0.0
        if call.fit and call.weight[i] > 0.0 and not np.isnan(x):
            _learn(x, known, settings, model, histogram)
    return call.last


@jit
def _count(x: float, model: Model, histogram: Array) -> None:
    """The histogram of the window that would end in `x`."""
    length, n_bins = model.past.shape[0], histogram.shape[0]
    low = model.ranges[0, 0]
    width = width_of(low, model.ranges[1, 0])
    histogram[:] = 0.0
    for age in range(model.size):
        value = x if age == 0 else model.past[(model.counts[_N] - age) % length, 0]
        place = (value - low) / width * n_bins
        histogram[int(min(max(place, 0.0), n_bins - 1.0))] += 1.0


@jit
def _nearest(histogram: Array, least: float, model: Model) -> tuple[int, float]:
    """The hypothesis of weight above `least` that explains best, and its statistic; -1, 0 if none.

    The statistic is 2 W times the relative entropy, half a value being added to each bin of the
    hypothesis, lest one be impossible.
    """
    n_bins, size = histogram.shape[0], float(model.size)
    best, found = np.inf, -1
    for k in range(model.weights.shape[0]):
        if model.weights[k] <= least:
            continue
        total = 0.0
        for b in range(n_bins):
            if histogram[b] > 0.0:
                share = (model.seen[k, b] + 0.5) / (size + 0.5 * n_bins)
                total += histogram[b] * np.log(histogram[b] / size / share)
        if 2.0 * total < best:
            best, found = 2.0 * total, k
    return (found, max(best, 0.0)) if found >= 0 else (-1, 0.0)


@jit
def _learn(x: float, known: bool, settings: Array, model: Model, histogram: Array) -> None:
    length = model.past.shape[0]
    if known:
        for k in range(model.weights.shape[0]):
            model.weights[k] *= settings[_FADING]
        at, statistic = _nearest(histogram, 0.0, model)
        if at < 0 or statistic > settings[_LIMIT]:
            at = int(np.argmin(model.weights))
            model.seen[at] = histogram
            model.weights[at] = 0.0
        model.weights[at] += 1.0
    model.past[model.counts[_N] % length, 0] = x
    model.counts[_N] += 1
    # bins of another range are not those of the histograms
    if model.counts[_N] % length == 0 and moved(model.past, model.ranges):
        model.weights[:] = 0.0


class RelativeEntropy(Detector):
    """How badly the distributions seen before explain the last values.

    The last `window_size` values are counted in bins and tested against the histograms of earlier
    windows that were seen more often than `min_seen`: the score is the likelihood-ratio statistic
    of the best of them, about a chi-square variable with n_bins - 1 degrees of freedom where
    nothing has changed. A histogram that none explains becomes a new hypothesis. For series of
    numbers; it sees stretches of unusual values rather than a single one. A missing value scores 0
    and is not learned. Scores begin after ten windows. Time per event, and memory, are
    O(window_size + n_bins n_hypotheses).

    Parameters
    ----------
    window_size
        Values that make a histogram.
    n_bins
        Bins of equal width over the range of all but the 2 % most extreme values of ten windows;
        what lies beyond falls into the outer ones.
    alpha
        Share of windows that a right hypothesis may fail to explain.
    min_seen
        How often a histogram must have been seen of late before it is a normal one. Windows
        overlap, so that a stretch of odd values is seen several times.
    n_hypotheses
        Most histograms that are kept; a new one takes the place of that seen least of late.
    fading_factor
        Share that each event keeps of how often hypotheses were seen.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` and `n_bins` are whole numbers >= 2,
        `n_hypotheses` is one >= 1, 0 < `alpha` < 1, `min_seen` >= 0, and 0 < `fading_factor` <= 1.
        For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import RelativeEntropy
    >>> rng = np.random.default_rng(0)
    >>> model = RelativeEntropy().fit_many(rng.normal(0, 1, 2000))
    >>> usual = model.score_fit_many(rng.normal(0, 1, 100)).mean()
    >>> changed = model.score_fit_many(rng.normal(3, 1, 30)).max()
    >>> bool(usual < 13 < changed)
    True

    Notes
    -----
    Departs from [1]_ and its code in the Numenta benchmark: the statistic is given, not whether it
    passes the limit; `min_seen` is not 1, with which any stretch is normal after two events;
    hypotheses are bounded in number and forgotten; the range of the values is found and followed
    (where it moves, the hypotheses, whose bins were others, are given up); and half a value is
    added to each bin of a hypothesis. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Wang, Viswanathan, Choudur, Talwar, Satterfield, Schwan (2011), Statistical techniques
       for online anomaly detection in data centers, IFIP/IEEE IM, section III.
       doi:10.1109/INM.2011.5990537
    """

    _kernel = _relative_entropy
    _n_inputs = 1
    _excuses = {  # noqa: RUF012 - read only
        "finds_spikes": "a single far value hardly changes a histogram",
    }
    _state = (
        Field("counts_", (1,), np.int64),
        Field("past_", ("R", 1)),
        Field("ranges_", (2, 1), fill=np.nan),
        Field("seen_", ("H", "B")),
        Field("weights_", ("H",)),
    )

    def __init__(
        self,
        *,
        window_size: int = 52,
        n_bins: int = 5,
        alpha: float = 0.01,
        min_seen: float = 100.0,
        n_hypotheses: int = 32,
        fading_factor: float = 0.9995,
    ) -> None:
        self.window_size = window_size
        self.n_bins = n_bins
        self.alpha = alpha
        self.min_seen = min_seen
        self.n_hypotheses = n_hypotheses
        self.fading_factor = fading_factor

    def _check(self) -> None:
        for name, least in (("window_size", 2), ("n_bins", 2), ("n_hypotheses", 1)):
            whole(name, getattr(self, name), least)
        if not 0 < self.alpha < 1:
            raise wrong("alpha", self.alpha, "a number between 0 and 1")
        if not self.min_seen >= 0:
            raise wrong("min_seen", self.min_seen, "a number >= 0")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"R": 10 * self.window_size, "H": self.n_hypotheses, "B": self.n_bins}

    def _settings(self) -> tuple[float, ...]:
        from scipy.special import chdtri

        limit = float(chdtri(self.n_bins - 1, self.alpha))
        return limit, float(self.fading_factor), float(self.window_size), float(self.min_seen)

    def _n_scratch(self) -> int:
        return self.n_bins
