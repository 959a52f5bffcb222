"""Distance from the running mean, in standard deviations."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array, Call, Field, f1, opened
from onlineml.kernels.faded_moments import learn
from onlineml.schema import wrong


@entry
def _deviation_from_mean(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f1(d, 2), f1(d, 3))


@jit
def _rows(call: Call, settings: Array, n: Array, mean: Array, variance: Array) -> int:
    least, floor, clip = 1.0 - settings[0], settings[1], settings[2]
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            call.out[i, 0] = 0.0
            for j in range(x.shape[0]):
                deviation = _deviation(x[j], n[j], mean[j], variance[j], floor)
                call.out[i, 0] = max(call.out[i, 0], deviation)
                if call.serve == ANSWER_AND_SCORES:
                    call.out[i, 1 + j] = deviation
        w = call.weight[i]
        if call.fit and w > 0.0:
            learn(x, w, least, clip, n, mean, variance)
    return call.last


@jit
def _deviation(x: float, n: float, mean: float, variance: float, floor: float) -> float:
    if n <= 0.0 or np.isnan(x):
        return 0.0
    return float(abs(x - mean) / max(np.sqrt(variance), floor))


class DeviationFromMean(Detector):
    """Largest deviation of a feature from its running mean, in standard deviations.

    What each feature contributes is its own deviation. Time and memory per event are
    O(n_features). Missing values deviate by 0 and are not learned.

    Parameters
    ----------
    fading_factor
        Share of the past that each event keeps: mean and variance are those of about the last
        1 / (1 - fading_factor) events. 1 forgets nothing.
    min_std
        Floor of the standard deviation, in the units of the features.
    clip
        Most standard deviations that a value is learned to be off, so that a single far one hardly
        changes what is normal; a lasting change is still learned within
        O(log(distance) / (1 - fading_factor)) events. `inf` for no limit.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `fading_factor` <= 1, `min_std` > 0, and `clip` > 0.

    Examples
    --------
    >>> from onlineml.detectors import DeviationFromMean
    >>> model = DeviationFromMean().fit_many([[1.0, 50.0], [3.0, 50.5], [2.0, 49.5]] * 20)
    >>> model.score_one([2.0, 50.1]) < 1 < 10 < model.score_one([2.0, 60.0])
    True
    >>> model.explain_one([2.0, 60.0]).argmax()
    np.int64(1)

    Notes
    -----
    Population, not sample, variance. The first events count alike, as in [1]_, until there are
    1 / (1 - fading_factor) of them; then the update is that of [2]_. Values are cut at `clip` once
    a feature has been seen 20 times. Nominal values are taken as
    their codes.

    References
    ----------
    .. [1] Welford (1962), Note on a method for calculating corrected sums of squares and products,
       Technometrics 4(3), 419-420. doi:10.1080/00401706.1962.10490022
    .. [2] Finch (2009), Incremental calculation of weighted mean and variance, equations 140-143.
    """

    _kernel = _deviation_from_mean
    _explains = True
    _state = (Field("n_", ("F",)), Field("mean_", ("F",)), Field("variance_", ("F",)))

    def __init__(
        self, *, fading_factor: float = 0.999, min_std: float = 1e-12, clip: float = 10.0
    ) -> None:
        self.fading_factor = fading_factor
        self.min_std = min_std
        self.clip = clip

    def _check(self) -> None:
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")
        if not self.min_std > 0:
            raise wrong("min_std", self.min_std, "a number > 0")
        if not self.clip > 0:
            raise wrong("clip", self.clip, "a number > 0")

    def _settings(self) -> tuple[float, ...]:
        return float(self.fading_factor), float(self.min_std), float(self.clip)
