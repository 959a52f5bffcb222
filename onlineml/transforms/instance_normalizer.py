"""Each row by itself brought to length one, or to mean zero and deviation one."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.schema import wrong

_KINDS = ("norm", "standard")


@entry
def _instance_normalizer(d: int) -> int:
    return _rows(opened(d), f1(d, 0), i1(d, 1))


@jit
def _rows(call: Call, settings: Array, nominal: Ints) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            center, scale = _measures(call.X[i], nominal, settings)
            for j in range(call.X.shape[1]):
                x = call.X[i, j]
                call.out[i, j] = x if nominal[j] else (x / scale[0] - center) / scale[1]
    return call.last


@jit
def _measures(x: Array, nominal: Ints, settings: Array) -> tuple[float, tuple[float, float]]:
    """The center of a row's numbers over their greatest, and that and the scale to divide by."""
    most, total, n = 0.0, 0.0, 0
    for j in range(x.shape[0]):
        if not (nominal[j] or np.isnan(x[j])):
            most, n = max(most, abs(x[j])), n + 1
    if most == 0.0:
        return 0.0, (1.0, 1.0)
    center, power = 0.0, settings[1]
    if settings[0] > 0.0:
        for j in range(x.shape[0]):
            if not (nominal[j] or np.isnan(x[j])):
                center += x[j] / most / n
        power = 2.0
    for j in range(x.shape[0]):
        if not (nominal[j] or np.isnan(x[j])):
            total += abs(x[j] / most - center) ** power
    if settings[0] > 0.0:
        total /= n
    scale = total ** (1.0 / power) if power < np.inf else 1.0
    return center, (most, scale if scale > 1e-12 else np.inf)


class InstanceNormalizer(Transformer):
    """Each row divided by its norm, or brought to mean 0 and deviation 1 over its features.

    What counts is then the direction of a row, or its shape, not how large its values are: for
    spectra, shingles of a series, counts of words. Nothing is learned. Missing values stay missing
    and do not count; nominal features pass unchanged; a row of zeros, or of equal values where the
    mean is taken off, becomes zeros. Time per event and memory
    are O(n_features).

    Parameters
    ----------
    to
        "norm" (length 1) or "standard" (mean 0, population deviation 1).
    power
        The p of the p-norm, at least 1; infinity for the greatest value. Only for "norm".

    Raises
    ------
    ValueError
        At the first row, for a `to` that is none of the two, and a `power` below 1 or NaN.

    Examples
    --------
    >>> from onlineml.transforms import InstanceNormalizer
    >>> InstanceNormalizer().transform_one([3.0, 4.0])
    array([0.6, 0.8])
    >>> InstanceNormalizer(to="standard").transform_one([1.0, 3.0])
    array([-1.,  1.])
    """

    _kernel = _instance_normalizer
    _state = (Field("nominal_", ("F",), np.int64),)

    def __init__(self, *, to: Literal["norm", "standard"] = "norm", power: float = 2.0) -> None:
        self.to = to
        self.power = power

    def _check(self) -> None:
        if self.to not in _KINDS:
            raise wrong("to", self.to, f"one of {_KINDS}")
        if not self.power >= 1:
            raise wrong("power", self.power, "a number >= 1")

    def _settings(self) -> tuple[float, ...]:
        return float(_KINDS.index(self.to)), float(self.power)

    def _n_outputs(self) -> int:
        return self._size("F")
