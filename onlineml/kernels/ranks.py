"""Ranks among the last values: a skip list in arrays that knows how far each link leaps.

One list is four arrays: `values` (W,), the window as a ring of slots; `links` and `leaps`
(levels, W + 1), the next slot on each level (-1 for none) and how many places ahead it is, with the
head as slot W; and `places` (2,), how many values there are and which slot is the oldest. Slots
are inserted behind their equals, so the oldest of some equal values is always the first.

References
----------
.. [1] Pugh (1990), A skip list cookbook, University of Maryland CS-TR-2286.1, section 3.4 (linear
   list operations).
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.kernels.random import uniform

N, OLDEST = 0, 1


def levels_for(window_size: int) -> int:
    """Levels that keep the expected cost at O(log(window_size))."""
    return max(window_size.bit_length(), 2)


def links_by(*axis: str) -> tuple[Field, ...]:
    """State of a list behind its values: of one list, or of one for each along `axis`."""
    return (
        Field("links_", (*axis, "L", "W+1"), np.int64, fill=-1),
        Field("leaps_", (*axis, "L", "W+1"), np.int64, fill=1),
        Field("places_", (*axis, 2), np.int64),
        Field("path_", (2, "L"), np.int64),
        Field("random_", axis or (1,), np.int64),  # only of shapes in memory, not of any answer
    )


def list_sizes(window_size: int) -> dict[str, int]:
    """Sizes of the axes of `links_by`."""
    return {"W": window_size, "W+1": window_size + 1, "L": levels_for(window_size)}


@jit
def n_below(values: Array, links: Ints, leaps: Ints, value: float, equal: bool) -> int:
    """How many values are less than `value`; with `equal`, those not greater."""
    node, passed = values.shape[0], 0
    for level in range(links.shape[0] - 1, -1, -1):
        while _precedes(values, links[level, node], value, equal):
            passed += leaps[level, node]
            node = links[level, node]
    return passed


@jit
def kth(values: Array, links: Ints, leaps: Ints, k: int) -> float:
    """The value that `k` others precede in order; there must be more than `k`."""
    node, passed = values.shape[0], 0
    for level in range(links.shape[0] - 1, -1, -1):
        while links[level, node] >= 0 and passed + leaps[level, node] <= k + 1:
            passed += leaps[level, node]
            node = links[level, node]
    return float(values[node])


@jit
def slide(
    values: Array, links: Ints, leaps: Ints, places: Ints, path: Ints, random: Ints, k: int,
    value: float,
) -> None:  # fmt: skip
    """Take in `value`, and let the oldest go where the window is full.

    `path` (2, levels) is scratch; `k` is the generator in `random` that draws heights.
    """
    window = values.shape[0]
    if places[N] == window:
        _remove(values, links, leaps, places[OLDEST])
        slot = places[OLDEST]
        places[OLDEST] = (slot + 1) % window
    else:
        slot = places[N]
        places[N] += 1
    values[slot] = value
    _insert(values, links, leaps, path, slot, _height(links.shape[0], random, k))


@jit
def _precedes(values: Array, node: int, value: float, equal: bool) -> bool:
    return node >= 0 and (values[node] < value or (equal and values[node] == value))


@jit
def _height(n_levels: int, random: Ints, k: int) -> int:
    height = 1
    while height < n_levels and uniform(random, k) < 0.5:
        height += 1
    return height


@jit
def _insert(values: Array, links: Ints, leaps: Ints, path: Ints, slot: int, height: int) -> None:
    node, passed = values.shape[0], 0
    for level in range(links.shape[0] - 1, -1, -1):
        while _precedes(values, links[level, node], values[slot], True):
            passed += leaps[level, node]
            node = links[level, node]
        path[0, level], path[1, level] = node, passed
    for level in range(links.shape[0]):
        before = path[0, level]
        if level < height:
            step = passed - path[1, level] + 1
            links[level, slot], links[level, before] = links[level, before], slot
            leaps[level, slot], leaps[level, before] = leaps[level, before] - step + 1, step
        else:
            leaps[level, before] += 1


@jit
def _remove(values: Array, links: Ints, leaps: Ints, slot: int) -> None:
    node = values.shape[0]
    for level in range(links.shape[0] - 1, -1, -1):
        while _precedes(values, links[level, node], values[slot], False):
            node = links[level, node]
        if links[level, node] == slot:
            leaps[level, node] += leaps[level, slot] - 1
            links[level, node] = links[level, slot]
        else:
            leaps[level, node] -= 1
