"""Weights of rows, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.schema import as_floats, wrong

#: A heavier row would leave no digit to one of weight 1; a lighter one counts as `_LIGHTEST`, as
#: sums of weights, and their squares, divide.
HEAVIEST, _LIGHTEST = 1e15, 1e-100


def as_weights(weight: Any, n_rows: int) -> Array | None:
    """`weight` as one number a row; None where it is None, and all weigh 1."""
    if weight is None:
        return None
    array = as_floats(weight, "weight")
    if array.shape != (n_rows,):
        raise wrong("weight", array.shape, f"one weight a row, shape ({n_rows},)")
    usable = (array >= 0.0) & (array <= HEAVIEST)
    if not usable.all():
        raise wrong("weight", float(array[~usable][0]), f"weights from 0 to {HEAVIEST:g}")
    light = (array > 0.0) & (array < _LIGHTEST)
    return np.where(light, _LIGHTEST, array) if light.any() else array
