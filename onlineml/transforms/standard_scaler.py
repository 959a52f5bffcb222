"""Features of mean 0 and standard deviation 1."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, keep_row, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.kernels.taking_back import lacks, note_loss, without


@entry
def _standard_scaler(d: int) -> int:
    return _rows(opened(d), f1(d, 0), i1(d, 1), i1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5))


@lean
def _rows(
    call: Call, settings: Array, nominal: Ints, n_values: Ints, n: Array, mean: Array, m2: Array
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            for j in range(x.shape[0]):
                if nominal[j]:
                    call.out[i, j] = passed_on(x[j], n_values[j])
                else:
                    call.out[i, j] = _scaled(x[j], settings, n[j], mean[j], m2[j])
        if call.fit and call.weight[i] < 0.0:
            if not _holds(x, call.weight[i], nominal, n):
                return i
            _take_back(x, call.weight[i], nominal, n, mean, m2, call.out[i])
        elif call.fit:
            note_values(x, nominal, n_values)
            if call.weight[i] > 0.0:
                _learn(x, call.weight[i], nominal, n, mean, m2)
        keep_row(call, i)
    return call.last


@lean
def _scaled(value: float, settings: Array, n: float, mean: float, m2: float) -> float:
    if not abs(value) <= LARGEST:
        return float(np.nan)
    if n == 0.0:
        return 0.0
    gap = value - mean if settings[0] else value
    if not settings[1]:
        return gap
    return gap / np.sqrt(m2 / n) if m2 > 0.0 else 0.0


@lean
def _learn(x: Array, w: float, nominal: Ints, n: Array, mean: Array, m2: Array) -> None:
    for j in range(x.shape[0]):
        if nominal[j] or not abs(x[j]) <= LARGEST:
            continue
        n[j] += w
        gap = x[j] - mean[j]
        mean[j] += w / n[j] * gap
        m2[j] += w * gap * (x[j] - mean[j])


@lean
def _holds(x: Array, w: float, nominal: Ints, n: Array) -> bool:
    for j in range(x.shape[0]):
        if not nominal[j] and abs(x[j]) <= LARGEST and lacks(n[j], w):
            return False
    return True


@lean
def _take_back(
    x: Array, w: float, nominal: Ints, n: Array, mean: Array, m2: Array, loss: Array
) -> None:
    for j in range(x.shape[0]):
        if not nominal[j] and abs(x[j]) <= LARGEST:
            before = m2[j]
            n[j], mean[j], m2[j] = without(x[j], w, n[j], mean[j], m2[j])
            note_loss(loss, n[j], before, m2[j])


class StandardScaler(Transformer):
    """Numeric features minus their running mean, over their running standard deviation.

    A feature that has not been seen, or has been constant, gives 0; a missing value stays missing;
    nominal features pass unchanged. Values beyond 1e50 count as missing. Time per event and memory
    are O(n_features).

    Parameters
    ----------
    with_mean
        Whether to subtract the mean.
    with_std
        Whether to divide by the standard deviation (of the population).

    Raises
    ------
    ValueError
        At the first row, for `with_mean` or `with_std` that is neither true nor false.

    Examples
    --------
    >>> from onlineml.transforms import StandardScaler
    >>> scaler = StandardScaler().fit_many([[1.0, 5.0], [3.0, 5.0]])
    >>> scaler.transform_one([4.0, 6.0])
    array([2., 0.])

    References
    ----------
    .. [1] West (1979), Updating mean and variance estimates: an improved method, Communications of
       the ACM 22(9), 532-535. doi:10.1145/359146.359153
    """

    _kernel = _standard_scaler
    _takes_back = True
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("m2_", ("F",)),
    )

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    def _settings(self) -> tuple[float, ...]:
        return (float(self.with_mean), float(self.with_std))

    def _n_outputs(self) -> int:
        return self._size("F")
