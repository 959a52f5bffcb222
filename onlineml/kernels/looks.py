"""Which numbers can be learned: in one look at many."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array
from onlineml.kernels.linear import LARGEST


@lean
def looked_at(cells: Array) -> tuple[bool, int]:
    """Whether any number is infinite, and how many are plausible: neither missing nor huge."""
    infinite, n = False, 0
    for i in range(cells.shape[0]):
        infinite |= abs(cells[i]) == np.inf
        n += abs(cells[i]) <= LARGEST  # not NaN
    return infinite, n
