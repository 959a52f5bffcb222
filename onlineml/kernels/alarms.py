"""What the kernels of drift detectors share: their flags, and which rows tell anything."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Call

DRIFT, WARNING = 1, 2  # flags; 0 is nothing


@jit
def tells(call: Call, i: int) -> bool:
    """Whether row `i`, of one number, tells anything: it is there, and its weight is not 0."""
    return call.weight[i] > 0.0 and not np.isnan(call.X[i, 0])


@jit
def row_tells(call: Call, i: int) -> bool:
    """Whether row `i` has a value in any column, and a weight that is not 0."""
    if call.weight[i] > 0.0:
        for j in range(call.X.shape[1]):
            if not np.isnan(call.X[i, j]):
                return True
    return False


@jit
def stronger(a: int, b: int) -> int:
    """The more serious of two flags."""
    return DRIFT if a == DRIFT or b == DRIFT else max(a, b)


@jit
def graded(value: float, warning_limit: float, drift_limit: float) -> int:
    """The flag for a value that should not exceed the limits."""
    if value > drift_limit:
        return DRIFT
    return WARNING if value > warning_limit else 0
