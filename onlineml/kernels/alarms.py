"""What the kernels of all drift detectors ask of a call."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Call


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
