"""Missing values filled in."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, keep_row, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.kernels.taking_back import lacks, rest, without


@entry
def _mean_imputer(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2), f1(d, 3), f1(d, 4), f2(d, 5))


@lean
def _rows(call: Call, nominal: Ints, n_values: Ints, n: Array, mean: Array, counts: Array) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            for j in range(x.shape[0]):
                value = passed_on(x[j], n_values[j]) if nominal[j] else x[j]
                if not abs(value) <= LARGEST:
                    value = mean[j] if n[j] > 0.0 else np.nan
                call.out[i, j] = value
        if call.fit and call.weight[i] < 0.0:
            if not _holds(x, call.weight[i], nominal, n, counts):
                return i
            _take_back(x, call.weight[i], nominal, n, mean, counts)
        elif call.fit:
            note_values(x, nominal, n_values)
            if call.weight[i] > 0.0:
                _learn(x, call.weight[i], nominal, n, mean, counts)
        keep_row(call, i)
    return call.last


@lean
def _learn(x: Array, w: float, nominal: Ints, n: Array, mean: Array, counts: Array) -> None:
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue
        if nominal[j] == 0:
            n[j] += w
            mean[j] += w / n[j] * (x[j] - mean[j])
        elif 0.0 <= x[j] < counts.shape[1]:
            value = int(x[j])
            counts[j, value] += w
            gap = counts[j, value] - counts[j, int(mean[j])]
            if n[j] == 0.0 or gap > 0.0 or (gap == 0.0 and value < mean[j]):
                mean[j] = value
            n[j] += w


@lean
def _holds(x: Array, w: float, nominal: Ints, n: Array, counts: Array) -> bool:
    """Whether a row of weight `-w` can be taken back."""
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue
        if nominal[j] == 0:
            if lacks(n[j], w):
                return False
        elif not 0.0 <= x[j] < counts.shape[1] or lacks(counts[j, int(x[j])], w):
            return False
    return True


@lean
def _take_back(x: Array, w: float, nominal: Ints, n: Array, mean: Array, counts: Array) -> None:
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue
        if nominal[j] == 0:
            n[j], mean[j], _ = without(x[j], w, n[j], mean[j], 0.0)
        else:
            counts[j, int(x[j])] = rest(counts[j, int(x[j])], w)
            n[j] = rest(n[j], w)
            mean[j] = np.argmax(counts[j])


class MeanImputer(Transformer):
    """Missing values replaced by the mean so far, or the most frequent value of nominal features.

    Of values that are as frequent, the one with the lowest code. A feature that has not been seen
    stays missing. Time per event is O(n_features), memory
    O(n_features * n_values). Numbers beyond 1e50 count as missing.

    Raises
    ------
    ValueError
        For rows that do not fit those before, and infinite numbers in them; nothing else can be
        wrong.

    Examples
    --------
    >>> from onlineml.transforms import MeanImputer
    >>> imputer = MeanImputer().fit_many([[1.0, 8.0], [3.0, float("nan")]])
    >>> imputer.transform_one([float("nan"), float("nan")])
    array([2., 8.])
    """

    _kernel = _mean_imputer
    _takes_back = True
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("counts_", ("F", "V")),
    )

    def _n_outputs(self) -> int:
        return self._size("F")
