"""How improbable a value is if the last ones were normally distributed."""

from __future__ import annotations

import math

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.normal_tail import surprise
from onlineml.kernels.sliding_moments import slide, window_sums
from onlineml.parameters import whole
from onlineml.schema import wrong

_FEW = 20.0  # values from which on a deviation is known well enough to be cut


@entry
def _windowed_gaussian(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f2(d, 2), f1(d, 3), i1(d, 4))


@jit
def _rows(
    call: Call, settings: Array, values: Array, suffixes: Array, newer: Array, at: Ints
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        n, mean, squares = window_sums(suffixes, newer, at[0])
        deviation = math.sqrt(squares / max(n, 1.0))
        if call.serve:
            far = abs(x - mean) / max(deviation, settings[0])
            # of both tails; under the floor of the deviation squares could be too many for floats
            known = n > 1.0 and not np.isnan(x)
            call.out[i, 0] = surprise(min(far, 1e100)) if known else 0.0
        if call.fit and call.weight[i] > 0.0 and not np.isnan(x):
            if n > _FEW and deviation > 1e-12:
                most = settings[1] * deviation
                x = min(max(x, mean - most), mean + most)
            slide(values, suffixes, newer, at, 0, x)
    return call.last


class WindowedGaussian(Detector):
    """How improbable a value is under the normal distribution of the last values.

    The score is -log10 of the probability of a value at least as far from the mean: 3 is one in a
    thousand. For series of numbers. A missing value scores 0 and is not learned. Time per event is
    O(1) on average, and O(window_size) once a window; memory is O(window_size).

    Parameters
    ----------
    window_size
        How many past values are looked at.
    min_std
        Floor of the standard deviation, in the units of the values.
    clip
        Most standard deviations that a value is learned to be off, so that a single far one does
        not hide the next ones; `inf` for no limit.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 2, and `min_std` and `clip`
        are > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import WindowedGaussian
    >>> values = np.random.default_rng(0).normal(20.0, 2.0, 1000)
    >>> model = WindowedGaussian().fit_many(values)
    >>> [round(model.score_one(x), 1) for x in (20.0, 24.0, 30.0)]
    [0.0, 1.4, 6.6]

    Notes
    -----
    Departs from the reference implementation [1]_: the window slides at every value, not by 100 at
    a time; both tails count together, which doubles the probability; its logarithm is given, as
    one minus the probability is 1 from 8 deviations on; values are cut at `clip` once there are 20.
    Mean and variance stay exact whatever has passed through the window. A weight other than 0
    counts as 1.

    References
    ----------
    .. [1] Lavin, Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta
       Anomaly Benchmark, IEEE ICMLA, section IV (detector "windowed Gaussian" of its code).
       doi:10.1109/ICMLA.2015.141
    """

    _kernel = _windowed_gaussian
    _n_inputs = 1
    _state = (
        Field("values_", ("W",)),
        Field("suffixes_", ("W+1", 3)),
        Field("newer_", (3,)),
        Field("at_", (1,), np.int64),
    )

    def __init__(
        self, *, window_size: int = 1000, min_std: float = 1e-12, clip: float = 10.0
    ) -> None:
        self.window_size = window_size
        self.min_std = min_std
        self.clip = clip

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)
        for name in ("min_std", "clip"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "W+1": self.window_size + 1}

    def _settings(self) -> tuple[float, ...]:
        return float(self.min_std), float(self.clip)
