"""Half-space trees: how many recent rows lie in the same cells of random grids."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.aging_masses import (
    BEFORE,
    CLOCK,
    FIRST,
    LARGEST_NOTE,
    MASS,
    NOTE,
    WHEN,
    masses,
    next_window,
    of_now,
)
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import (
    ANSWER_AND_SCORES,
    Call,
    Field,
    Ints,
    f1,
    f2,
    i1,
    i2,
    opened,
    scratch,
)
from onlineml.kernels.by_window import (
    N_BEFORE,
    N_ROWS,
    ROOM,
    clear,
    first_room,
    is_known,
    is_whole,
    keep,
    turn,
)
from onlineml.kernels.kept_rows import close_up, newest_like
from onlineml.kernels.memory import will_write
from onlineml.kernels.random import below, seeded, uniform
from onlineml.kernels.usual_range import _GIVEN_BACK, _LEFT_OUT, moved, width_of
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong

_HEIGHT, _LIMIT, _SUMMED = range(3)  # of the settings
# Of the counts, after those of rows: which window, features cut, whether cuts are of the last one.
_WHICH, _N_FEATURES, _CUT = 3, 4, 5
_DIGITS = 32  # binary digits of a place in a work range
# Cells that a tree is given beyond those that it uses: where all trees' first cells would lie a
# power of two apart, a cache has room for a few of them only.
_APART = 8
_BEYOND, _LEFT, _RIGHT = range(3)  # of the sides
# By what cells change, of the present window and of the one before: where a row leaves the present
# window; where one leaves the last window, and the first of the present one takes its place.
_OF_NOW = np.array([[-1, 0]])
_OF_LAST = np.array([[-(1 << BEFORE), -1], [(1 << BEFORE) - 1, 0]])
# Why a row is not taken back, by what the kernel writes.
_UNKNOWN, _AT_THE_EDGE, _SHAPING, _MISSING = range(4)
_WHY = {
    _UNKNOWN: "neither of the two windows holds such a row",
    _AT_THE_EDGE: "its window has just ended: there is no row yet to take its place",
    _SHAPING: "the cuts are where the rows of its window lay",
    _MISSING: "rows that miss values went by the masses of their time",
}


class Forest(NamedTuple):
    """The trees, and the window that is being filled.

    Features are cut in the middle of what is left of their work range: the binary digits of a
    value's place in it (`low`, `scale`) lead the way, and no tree keeps cuts. Cell `k` is cut into
    `2 * k` and `2 * k + 1`; its number also holds the feature that is cut there. `sides` counts how
    many values of the last window lie far from the middle of each range, and to its left and right.
    """

    counts: Ints
    cells: Ints
    low: Array
    scale: Array
    ranges: Array
    recent: Array
    last: Array
    random: Ints
    sides: Ints


@entry
def _half_space_trees(d: int) -> int:
    forest = Forest(
        i1(d, 1), i2(d, 2), f2(d, 3), f2(d, 4), f2(d, 5), f2(d, 6), f2(d, 7), i1(d, 8),
        i2(d, 9),
    )  # fmt: skip
    call, settings, digits = opened(d), f1(d, 0), scratch(d)[1]
    if call.fit and call.first < call.last and call.weight[call.first] < 0.0:
        x, height = call.X[call.first], int(settings[_HEIGHT])
        return call.first + _take_back(height, forest, x, call.out[call.first])
    return _rows(call, settings, forest, digits)


@jit
def _rows(call: Call, settings: Array, forest: Forest, digits: Ints) -> int:
    """Within a window trees do not wait for each other: one after another, in a warm cache."""
    first = call.first
    while first < call.last:
        last, n_counted = call.last, forest.counts[N_BEFORE] + forest.counts[N_ROWS]
        if call.fit:
            last = keep(call, first, last, forest.counts, forest.recent)
        if call.serve:
            clear(call, first, last)
        if forest.counts[_N_FEATURES] > 0:
            for t in range(forest.cells.shape[0]):
                _pass(call, first, last, settings, forest, t, digits, n_counted)
            if call.serve:
                _finish(call, first, last, settings, forest, n_counted)
        if forest.counts[N_ROWS] == forest.counts[ROOM]:
            _end_window(settings, forest, digits)
        first = last
    return call.last


@jit
def _pass(
    call: Call, first: int, last: int, settings: Array, forest: Forest, t: int, digits: Ints,
    n_counted: int,
) -> None:  # fmt: skip
    """Lead rows through tree `t`, in order; it knows `n_counted` of both windows."""
    n_features, which, serve = forest.counts[_N_FEATURES], forest.counts[_WHICH], call.serve > 0
    cells, low, scale = forest.cells[t], forest.low[t], forest.scale[t]
    for i in range(first, last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        limit = settings[_LIMIT] * n_counted
        if call.serve == ANSWER_AND_SCORES:
            _place(x, low, scale, n_features, digits)
            _tell_apart(settings, limit, forest, t, digits, call.out[i])
        gaps = _place(x, low, scale, n_features, digits)
        if gaps:
            mass = _lead(settings, limit, cells, which, digits, serve, fit, True)
        else:  # compiled apart: without the search for the heavier half it is half as long
            mass = _lead(settings, limit, cells, which, digits, serve, fit, False)
        if serve:
            call.out[i, 0] += np.sqrt(mass)
        if fit:
            n_counted += 1


@jit
def _place(x: Array, low: Array, scale: Array, n_features: int, digits: Ints) -> bool:
    """Digits of each value's place in its work range (its end beyond it); -1 if missing.

    Returns whether any is missing.
    """
    any_digits = 0
    for j in range(n_features):  # in a form that becomes vector instructions
        place = (x[j] - low[j]) * scale[j]
        place = place if place > 0.0 else 0.0
        place = place if place < 2.0**_DIGITS - 1.0 else 2.0**_DIGITS - 1.0
        digits[j] = np.int64(place if x[j] == x[j] else -1.0)
        any_digits |= digits[j]
    return any_digits < 0


@jit
def _lead(
    settings: Array, limit: float, cells: Ints, which: int, digits: Ints, serve: bool, fit: bool,
    gaps: bool,
) -> float:  # fmt: skip
    """Count a row in the cells that it falls into; the mass there, as if all cells were as big."""
    height = int(settings[_HEIGHT])
    every = settings[_SUMMED] > 0.0
    node, size, total, looking = 1, 1.0, 0.0, serve
    for level in range(height + 1):
        cell = cells[node]
        if (cell >> WHEN) & CLOCK != which:
            cell = of_now(cell, which)
        mass = ((cell >> BEFORE) & MASS) + (cell & MASS)
        if looking:
            total = mass * size + (total if every else 0.0)
        looking = looking and (mass > limit or limit == 0.0)  # empty cells add nothing
        if fit:
            cells[node] = cell + 1
        elif mass == 0 or not looking:
            break
        if level < height:
            node = _next(cells, node, cell, which, digits, gaps)
            size *= 2.0
    return total


@jit
def _next(cells: Ints, node: int, cell: int, which: int, digits: Ints, gaps: bool) -> int:
    """The half that the row falls into; the heavier one where its value is missing."""
    j = cell >> NOTE
    left = digits[j]
    if not gaps or left >= 0:
        digits[j] = (left << 1) & ((1 << _DIGITS) - 1)
        return int(2 * node + (left >> (_DIGITS - 1)))
    lower, upper = _both(cells[2 * node], which), _both(cells[2 * node + 1], which)
    return 2 * node + (1 if upper > lower else 0)


@jit
def _both(cell: int, which: int) -> int:
    """Mass of the last window and the present one."""
    before, now = masses(cell, which)
    return before + now


@jit
def _tell_apart(
    settings: Array, limit: float, forest: Forest, t: int, digits: Ints, out: Array
) -> None:
    """Add for each cut how much rarer, in bits, its side is than a half: to its feature."""
    cells, which, node = forest.cells[t], forest.counts[_WHICH], 1
    mass = _both(cells[node], which)
    for _ in range(int(settings[_HEIGHT])):
        if mass <= limit:
            break
        j = cells[node] >> NOTE
        node = _next(cells, node, cells[node], which, digits, True)
        part = _both(cells[node], which)
        out[1 + j] += np.log2((mass + 1.0) / (2.0 * part + 1.0)) / forest.cells.shape[0]
        mass = part


@jit
def _finish(
    call: Call, first: int, last: int, settings: Array, forest: Forest, n_counted: int
) -> None:
    """From masses to scores; rows without any value score 0."""
    n_trees, n_cells = forest.cells.shape[0], 1.0  # of a tree, that a row lies in
    if settings[_SUMMED] > 0.0:
        n_cells = settings[_HEIGHT] + 1.0
    for i in range(first, last):
        density = (call.out[i, 0] / n_trees) ** 2 / (n_cells * n_counted)
        call.out[i, 0] = 1.0 / (1.0 + density) if is_known(call.X[i]) else 0.0
        if call.fit and row_tells(call, i):
            n_counted += 1


@jit
def _end_window(settings: Array, forest: Forest, digits: Ints) -> None:
    """Masses of the window are what the next one is scored by."""
    counts, recent = forest.counts, turn(forest.counts, forest.recent, forest.ranges)
    counts[_WHICH] = next_window(forest.cells, counts[_WHICH])
    wider = counts[_N_FEATURES] != recent.shape[1]
    forest.last[: recent.shape[0]] = recent
    counts[_CUT] = moved(recent, forest.ranges) or wider
    forest.sides[:] = 0
    if not counts[_CUT]:
        for i in range(recent.shape[0]):
            _count_sides(forest.sides, forest.ranges, recent[i], 1)
    else:
        if wider:
            counts[_N_FEATURES] = recent.shape[1]
            _choose_features(forest, int(settings[_HEIGHT]))
        # What was counted in other work ranges is of no use: two windows ago.
        counts[_WHICH] = next_window(forest.cells, counts[_WHICH])
        for t in range(forest.cells.shape[0]):
            _choose_work_ranges(forest, t)
            for i in range(recent.shape[0]):
                _place(recent[i], forest.low[t], forest.scale[t], recent.shape[1], digits)
                _lead(settings, 0.0, forest.cells[t], counts[_WHICH], digits, False, True, True)
        counts[_WHICH] = next_window(forest.cells, counts[_WHICH])


@jit
def _choose_features(forest: Forest, height: int) -> None:
    """A random feature for each cut; masses are gone."""
    n = min(forest.recent.shape[1], LARGEST_NOTE + 1)
    for t in range(forest.cells.shape[0]):
        for k in range(1 << height):
            forest.cells[t, k] = below(forest.random, 0, n) << NOTE


@jit
def _choose_work_ranges(forest: Forest, t: int) -> None:
    """A random center in the range, and as far to both sides that the range lies within."""
    for j in range(forest.ranges.shape[1]):
        low, width = forest.ranges[0, j], width_of(forest.ranges[0, j], forest.ranges[1, j])
        center = uniform(forest.random, 0)
        half = 2.0 * max(center, 1.0 - center)
        forest.low[t, j] = low + (center - half) * width
        forest.scale[t, j] = 2.0**_DIGITS / (2.0 * half * width)


# ------------------------------------------------------------------------------- forgetting


@jit
def _take_back(height: int, forest: Forest, x: Array, out: Array) -> int:
    """Take a row out of its window: 1; or say in `out` why not: 0."""
    counts, n = forest.counts, forest.counts[N_ROWS]
    i = newest_like(forest.recent, n, x)
    if i < 0:
        return _take_back_from_last(height, forest, x, out)
    if counts[_N_FEATURES] > 0:  # else the row has only been kept
        if not is_whole(x):
            out[0] = _MISSING
            return 0
        if not _all_whole(forest.recent, i, n):
            out[0] = np.inf
        _change(height, forest, x.reshape(1, -1), _OF_NOW)
    close_up(forest.recent, i, n)
    counts[N_ROWS] -= 1
    return 1


@jit
def _take_back_from_last(height: int, forest: Forest, x: Array, out: Array) -> int:
    """Without the row, its window had ended with what is now the first row of the present one."""
    counts, n, n_now = forest.counts, forest.counts[N_BEFORE], forest.counts[N_ROWS]
    i, first = newest_like(forest.last, n, x), forest.recent[0].copy()
    if i < 0:
        out[0] = _UNKNOWN
        return 0
    if counts[_CUT] or n_now == 0:
        out[0] = _SHAPING if counts[_CUT] else _AT_THE_EDGE
        return 0
    _count_sides(forest.sides, forest.ranges, x, -1)
    _count_sides(forest.sides, forest.ranges, first, 1)
    shaping = _moved_without(forest, i, first)
    if shaping or not (is_whole(x) and is_whole(first)):
        _count_sides(forest.sides, forest.ranges, x, 1)
        _count_sides(forest.sides, forest.ranges, first, -1)
        out[0] = _SHAPING if shaping else _MISSING
        return 0
    if not (_all_whole(forest.last, i + 1, n) and _all_whole(forest.recent, 0, n_now)):
        out[0] = np.inf
    rows = np.empty((2, x.shape[0]))
    rows[0], rows[1] = x, first
    _change(height, forest, rows, _OF_LAST)
    close_up(forest.last, i, n)
    forest.last[n - 1] = first
    close_up(forest.recent, 0, n_now)
    counts[N_ROWS] -= 1
    return 1


@jit
def _count_sides(sides: Ints, ranges: Array, x: Array, by: int) -> None:
    """Count a row of the last window, or with `by` = -1, no more; missing values lie far away."""
    for j in range(x.shape[0]):
        low, high = ranges[0, j], ranges[1, j]
        middle, width = 0.5 * (low + high), high - low
        sides[_BEYOND, j] += by * int(not abs(x[j] - middle) <= width)
        sides[_LEFT, j] += by * int(x[j] <= middle - 0.1 * width)
        sides[_RIGHT, j] += by * int(x[j] >= middle + 0.1 * width)


@jit
def _moved_without(forest: Forest, i: int, first: Array) -> bool:
    """Whether the window would have moved the ranges with `first` in place of its row `i`."""
    n = forest.counts[N_BEFORE]
    if _surely_usual(forest.sides, forest.ranges, n):
        return False
    rows, ranges = forest.last[:n].copy(), forest.ranges.copy()
    rows[i] = first  # ranges do not ask for the order
    return moved(rows, ranges)


@jit
def _surely_usual(sides: Ints, ranges: Array, n: int) -> bool:
    """Whether `moved` would say no, by what was counted: it sorts `n` values a feature.

    It says no where the range of each feature ends within a width of the old one, and is wider
    than a tenth of it. Ends of ranges leave some values out, and are moved out by less than .4
    widths: it is enough that no more values lie beyond half a width, and more on both sides of the
    middle.
    """
    n_left_out = min(int(np.ceil(_LEFT_OUT * n)), (n - 1) // 2)
    if _GIVEN_BACK * (n_left_out / n - _LEFT_OUT) > 0.19:  # of up to two widths
        return False
    for j in range(ranges.shape[1]):
        low, high = ranges[0, j], ranges[1, j]
        if not high - low > 1e-9 * max(abs(low), abs(high)) or sides[_BEYOND, j] > n_left_out:
            return False
        if min(sides[_LEFT, j], sides[_RIGHT, j]) <= n_left_out:
            return False
    return True


@jit
def _all_whole(rows: Array, first: int, last: int) -> bool:
    values, n_missing = rows[first:last].reshape(-1), 0
    for k in range(values.shape[0]):  # to the end: in a form that becomes vector instructions
        n_missing += int(values[k] != values[k])
    return n_missing == 0


@jit
def _change(height: int, forest: Forest, rows: Array, by: Ints) -> None:
    """Change the cells that rows without gaps fell into, in their window or since.

    Those of row `r` by `by[r, 0]`, or by `by[r, 1]` where a cell was last written in the window
    before. In all trees all rows go down by one cut at a time, without a branch, and ask for the
    next cell ahead: none waits for another's memory.
    """
    which, (n_trees, size), (n_rows, width) = forest.counts[_WHICH], forest.cells.shape, rows.shape
    repeated, digits = np.empty((n_trees, width)), np.empty((n_rows, n_trees * width), np.int64)
    for r in range(n_rows):
        repeated[:] = rows[r]  # for all trees at once, in long vectors
        x, low, scale = repeated.reshape(-1), forest.low.reshape(-1), forest.scale.reshape(-1)
        _place(x, low, scale, n_trees * width, digits[r])
    nodes, cells, left = (
        np.ones(n_rows * n_trees, np.int64),
        forest.cells.reshape(-1),
        digits.reshape(-1),
    )
    for _ in range(height + 1):
        way = 0
        for r in range(n_rows):
            now, before = by[r, 0], by[r, 1]
            for t in range(n_trees):
                k = np.uint64(t * size + nodes[way])
                cell = cells[k]
                cells[k] = cell + (now if (cell >> WHEN) & CLOCK == which else before)
                j = np.uint64(way * width + (cell >> NOTE))  # of the smallest cells 0, and not used
                nodes[way] = 2 * nodes[way] + (left[j] >> (_DIGITS - 1))
                left[j] = (left[j] << 1) & ((1 << _DIGITS) - 1)
                will_write(cells, t * size + nodes[way])
                way += 1


class HalfSpaceTrees(Detector):
    """Mass of late in the cells of random grids: few rows there, a strange row.

    Each tree cuts the space in two halves, `height` times over. A row is scored by how many rows
    of the last window and of the present one lie in its cells, times how small these are: the score
    is 1 / (1 + density), averaged over the cells on the way and, by square roots, over the trees,
    where rows spread evenly over the work space have density 1. It is 0 until the first window is
    full; that window's rows then also say where the data lie, so that no limits need be known. The
    first window is short, of 8 rows, and each takes twice the rows of the last up to `window_size`.
    Time per event is O(n_trees * (height + n_features)), memory 16 bytes * n_trees * 2 ** height.

    Parameters
    ----------
    n_trees
        Number of trees.
    height
        Cuts from the root of a tree to its smallest cells.
    window_size
        Rows in a window, at most 16383.
    size_limit
        Share of the rows counted: cells with no more are not looked into any further. The paper
        takes 0.1 of a window.
    scoring
        "summed": the masses of all cells on the way, which tells more where there are few rows for
        many features; or "terminal": that of the last cell that is looked into, as in the paper.
    seed
        Seed of the random cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, `height` one from 1 to 24,
        `window_size` one from 2 to 16383, 0 <= `size_limit` < 1, and `scoring` is "summed" or
        "terminal".

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import HalfSpaceTrees
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> model = HalfSpaceTrees().fit_many(X)
    >>> model.score_one([4.0, -4.0, 0.0]) > model.score_one([0.0, 0.1, 0.2])
    True

    Notes
    -----
    Departures: masses of the present window count as well, so that the first rows of a stream are
    not judged by a handful. Summing, and no `size_limit`, are defaults since they did better on
    most of the 17 ODDS sets. The range of a feature is that of the first window of full size (till
    then, of the window before), but for 1 % of its rows at either end; the work space reaches
    beyond it as in the paper. It is chosen anew, and the last window learned again in it, where a
    feature has moved beyond twice its range or shrunk below a tenth of it. The paper scores by the
    mass alone, not its density, and sums over the trees: by square roots, those few in which a
    strange row happens to share a small cell with others weigh less. Where a value is missing, a
    row takes the heavier half; a row without any value scores 0 and is not learned. What a feature
    contributes is how much rarer than half a cell the halves were that its value chose, in bits,
    averaged over the trees. Codes of nominal values are taken as numbers. A weight other than 0
    counts as 1.

    A row that is to be forgotten (`unlearn_one`) leaves the masses of the present window, or of
    the last one, which the first row of the present one then completes: all is as if it had never
    come. Refused are older rows, those of a window that the cuts were made from, and those that
    miss values. Where rows after it miss some, the receipt is "approximate": masses led them.

    References
    ----------
    .. [1] Tan, Ting, Liu (2011), Fast anomaly detection for streaming data, IJCAI, 1511-1516.
       Section 3, algorithms 1 to 3.
    """

    _kernel = _half_space_trees
    _greatest = 1.0
    _takes_back = True
    _explains = True
    _state = (
        Field("counts_", (6,), np.int64),
        Field("cells_", ("T", "N"), np.int64),
        Field("low_", ("T", "F")),
        Field("scale_", ("T", "F")),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("last_", ("W", "F"), fill=np.nan),
        Field("random_", (1,), np.int64),
        Field("sides_", (3, "F"), np.int64),
    )

    counts_: Ints
    random_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 25,
        height: int = 15,
        window_size: int = 250,
        size_limit: float = 0.0,
        scoring: Literal["terminal", "summed"] = "summed",
        seed: int | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.size_limit = size_limit
        self.scoring = scoring
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if not 1 <= self.height <= 24:
            raise wrong("height", self.height, "a number of cuts from 1 to 24")
        if not 2 <= self.window_size <= MASS:
            raise wrong("window_size", self.window_size, f"a number of rows from 2 to {MASS}")
        if not 0 <= self.size_limit < 1:
            raise wrong("size_limit", self.size_limit, "a share from 0 to 1")
        if self.scoring not in ("terminal", "summed"):
            raise wrong("scoring", self.scoring, "'terminal' or 'summed'")

    def _sizes(self) -> dict[str, int]:
        return {
            "T": int(self.n_trees),
            "N": (2 << int(self.height)) + _APART,
            "W": int(self.window_size),
        }

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)
        self.counts_[_WHICH] = FIRST
        self.counts_[ROOM] = first_room(int(self.window_size))

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.height),
            float(self.size_limit),
            float(self.scoring == "summed"),
        )

    def _take_back(self, target: float, weight: float) -> Receipt:
        receipt, said = super()._take_back(target, weight), self._loss[0]
        if not receipt.forgotten:
            return refused(_WHY[int(said)])
        return receipt._replace(reason=_WHY[_MISSING]) if said else receipt
