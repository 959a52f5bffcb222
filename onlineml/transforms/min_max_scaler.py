"""Features between 0 and 1."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, keep_row, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.nominal import note_values, passed_on


@entry
def _min_max_scaler(d: int) -> int:
    return _rows(opened(d), f1(d, 0)[0] > 0.0, i1(d, 1), i1(d, 2), f1(d, 3), f1(d, 4))


@lean
def _rows(
    call: Call, clip: bool, nominal: Ints, n_values: Ints, lowest: Array, highest: Array
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            for j in range(x.shape[0]):
                if nominal[j]:
                    call.out[i, j] = passed_on(x[j], n_values[j])
                else:
                    call.out[i, j] = _scaled(x[j], clip, lowest[j], highest[j])
        if call.fit:
            note_values(x, nominal, n_values)
            for j in range(x.shape[0]):
                if call.weight[i] > 0.0 and nominal[j] == 0 and abs(x[j]) <= LARGEST:
                    lowest[j] = x[j] if np.isnan(lowest[j]) else min(lowest[j], x[j])
                    highest[j] = x[j] if np.isnan(highest[j]) else max(highest[j], x[j])
        keep_row(call, i)
    return call.last


@lean
def _scaled(value: float, clip: bool, lowest: float, highest: float) -> float:
    if not abs(value) <= LARGEST:
        return float(np.nan)
    if not lowest < highest:  # never seen, or constant
        return 0.0
    share = (value - lowest) / (highest - lowest)
    return float(min(max(share, 0.0), 1.0)) if clip else share


class MinMaxScaler(Transformer):
    """Numeric features as their share of the way from the least to the largest value so far.

    A feature that has not been seen, or has been constant, gives 0; a missing value stays missing;
    nominal features pass unchanged. Values beyond 1e50 count as missing. Time per event and memory
    are O(n_features).

    Parameters
    ----------
    clip
        Whether a value outside of what has been seen gives 0 or 1, or a share beyond them.

    Raises
    ------
    ValueError
        At the first row, for a `clip` that is neither true nor false.

    Examples
    --------
    >>> from onlineml.transforms import MinMaxScaler
    >>> scaler = MinMaxScaler().fit_many([[10.0], [30.0]])
    >>> scaler.transform_many([[15.0], [99.0]]).tolist()
    [[0.25], [1.0]]
    """

    _kernel = _min_max_scaler
    _keeps = "keeps the least and the largest value, not those next to them"
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("lowest_", ("F",), fill=np.nan),
        Field("highest_", ("F",), fill=np.nan),
    )

    def __init__(self, *, clip: bool = True) -> None:
        self.clip = clip

    def _settings(self) -> tuple[float, ...]:
        return (float(self.clip),)

    def _n_outputs(self) -> int:
        return self._size("F")
