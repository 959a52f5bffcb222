"""Boxes around rows, feature by feature; a side that is missing is NaN."""

from __future__ import annotations

from onlineml.kernels import jit
from onlineml.kernels.arena import Array


@jit
def widen(low: Array, high: Array, lows: Array, highs: Array) -> None:
    """Let a box hold another one too; a side that is missing in one is that of the other."""
    for j in range(low.shape[0]):
        low[j] = lows[j] if lows[j] < low[j] or low[j] != low[j] else low[j]
        high[j] = highs[j] if highs[j] > high[j] or high[j] != high[j] else high[j]
