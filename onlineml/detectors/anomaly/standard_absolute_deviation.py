"""Distance of a number from a running mean or median, in standard deviations."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, f1, opened
from onlineml.kernels.faded_moments import learn, share
from onlineml.schema import wrong

_CENTERS = ("mean", "median")
_PER_DENSITY = 1.2533141373155001  # 1 / the density of a standard normal variable at its median


@entry
def _standard_absolute_deviation(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4))


@jit
def _rows(
    call: Call, settings: Array, n: Array, mean: Array, variance: Array, median: Array
) -> int:
    least, floor, clip, around_median = 1.0 - settings[0], settings[1], settings[2], settings[3]
    for i in range(call.first, call.last):
        x, w = call.X[i, 0], call.weight[i]
        if call.serve:
            gap = abs(x - (median[0] if around_median else mean[0]))
            known = n[0] > 0.0 and not np.isnan(x)
            call.out[i, 0] = gap / max(np.sqrt(variance[0]), floor) if known else 0.0
        if call.fit and w > 0.0 and not np.isnan(x):
            if n[0] == 0.0:
                median[0] = x
            learn(call.X[i], w, least, clip, n, mean, variance)
            step = share(w / n[0], w, least) * _PER_DENSITY * np.sqrt(variance[0])
            median[0] += step * np.sign(x - median[0])
    return call.last


class StandardAbsoluteDeviation(Detector):
    """Distance from the running mean, or median, in standard deviations, with forgetting.

    For series of numbers. A missing value scores 0 and is not learned. Time and memory per event
    are O(1).

    Parameters
    ----------
    center
        "mean", or "median": the latter is not drawn to the side where values lie far off.
    fading_factor
        Share of the past that each event keeps: what is usual is what about the last
        1 / (1 - fading_factor) events were. 1 forgets nothing.
    min_std
        Floor of the standard deviation, in the units of the values.
    clip
        Most standard deviations that a value is learned to be off, so that a single far one does
        not hide the next ones; `inf` for no limit.

    Raises
    ------
    ValueError
        At the first event, unless `center` is "mean" or "median", 0 < `fading_factor` <= 1, and
        `min_std` and `clip` are > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import StandardAbsoluteDeviation
    >>> values = np.random.default_rng(0).normal(20.0, 2.0, 1000)
    >>> model = StandardAbsoluteDeviation().fit_many(values)
    >>> [round(model.score_one(x), 1) for x in (20.0, 24.0, 30.0)]
    [0.0, 2.1, 5.2]

    Notes
    -----
    Of [1]_, with an exponentially forgetting mean, variance and median in place of those of a
    sample. The first events count alike, until there are 1 / (1 - fading_factor). Around the mean
    it says of a number what `DeviationFromMean` says of a feature. The median moves up or down by a
    step that grows with the deviation, as in [2]_ with the density that a normal variable has at
    its median. Values are cut at `clip` once there are 20.

    References
    ----------
    .. [1] Iglewicz, Hoaglin (1993), How to detect and handle outliers, ASQC Quality Press,
       section 3.
    .. [2] Chen, Lambert, Pinheiro (2000), Incremental quantile estimation for massive tracking,
       KDD, section 3. doi:10.1145/347090.347195
    """

    _kernel = _standard_absolute_deviation
    _n_inputs = 1
    _state = (
        Field("n_", (1,)),
        Field("mean_", (1,)),
        Field("variance_", (1,)),
        Field("median_", (1,)),
    )

    def __init__(
        self,
        *,
        center: str = "mean",
        fading_factor: float = 0.999,
        min_std: float = 1e-12,
        clip: float = 10.0,
    ) -> None:
        self.center = center
        self.fading_factor = fading_factor
        self.min_std = min_std
        self.clip = clip

    def _check(self) -> None:
        if self.center not in _CENTERS:
            raise wrong("center", self.center, f"one of {_CENTERS}")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")
        for name in ("min_std", "clip"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")

    def _settings(self) -> tuple[float, ...]:
        around_median = float(self.center == "median")
        return float(self.fading_factor), float(self.min_std), float(self.clip), around_median
