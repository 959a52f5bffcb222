"""Masses of two windows, the last and the present one, in one number a cell.

A cell holds its mass in the window that it was last written in, its mass in the one before, which
window that was, and a note that stays. Cells of older windows are known to be old: at the end of a
window nothing needs clearing.
"""

from __future__ import annotations

from onlineml.kernels import jit
from onlineml.kernels.arena import Ints

BEFORE, WHEN, NOTE = 14, 28, 44  # bits below each; the present mass is lowest
MASS, CLOCK, LARGEST_NOTE = (1 << 14) - 1, (1 << 16) - 1, (1 << 19) - 1
FIRST = 2  # number of the first window: cells of zeros are as of window 0, long past


@jit
def of_now(cell: int, which: int) -> int:
    """An old cell as it is in window `which`."""
    last = cell & MASS if (cell >> WHEN) & CLOCK == which - 1 else 0
    return ((cell >> NOTE) << NOTE) | (which << WHEN) | (last << BEFORE)


@jit
def masses(cell: int, which: int) -> tuple[int, int]:
    """Mass in the window before `which`, and in it."""
    if (cell >> WHEN) & CLOCK != which:
        cell = of_now(cell, which)
    return (cell >> BEFORE) & MASS, cell & MASS


@jit
def next_window(table: Ints, which: int) -> int:
    """Number of the window after `which`; now and then numbering begins anew, as 16 bits end."""
    which += 1
    if which < CLOCK:
        return which
    for cells in table:
        for k in range(cells.shape[0]):
            last = masses(cells[k], which)[0]
            cells[k] = of_now(cells[k], FIRST) | (last << BEFORE)
    return FIRST
