"""SEED: a window of blocks, like blocks merged, cut where two parts differ."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import wrong

_ROOM = 512  # blocks; when they are all taken, the two neighbors that are most alike are merged
_SIZE, _TOTAL, _SQUARES, _LENGTH = range(4)  # of a block: values, sum, squared deviations
_N_BLOCKS, _SINCE, _N_MERGES = range(3)  # blocks, new ones since the last merging, mergings


@entry
def _seed(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), i1(d, 2), i1(d, 3))


@jit
def _rows(call: Call, settings: Array, blocks: Array, counts: Ints, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, blocks, counts, call.X[i, 0])
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, blocks: Array, counts: Ints, value: float) -> int:
    newest = blocks[counts[_N_BLOCKS]]  # the block that is being filled
    gap = value - (newest[_TOTAL] / newest[_SIZE] if newest[_SIZE] > 0.0 else 0.0)
    newest[_SQUARES] += newest[_SIZE] * gap * gap / (newest[_SIZE] + 1.0)
    newest[_SIZE] += 1.0
    newest[_TOTAL] += value
    if newest[_SIZE] < settings[1]:
        return 0
    counts[_N_BLOCKS] += 1
    counts[_SINCE] += 1
    before, after = _cut_all(settings, blocks, counts)
    if counts[_SINCE] >= settings[4]:
        _merge_alike(settings, blocks, counts)
    if counts[_N_BLOCKS] == blocks.shape[0] - 1:
        _merge(blocks, counts, _most_alike(blocks, counts[_N_BLOCKS]))
    blocks[counts[_N_BLOCKS]] = 0.0
    if after > before or (settings[5] > 0.0 and after != before):
        return DRIFT
    return 0


@jit
def _cut_all(settings: Array, blocks: Array, counts: Ints) -> tuple[float, float]:
    """Drop old parts while some cut shows a difference; mean before, and after."""
    before, after, looking = 0.0, 0.0, True
    first = True
    while looking:
        n, total, squares = _whole(blocks, counts[_N_BLOCKS])
        after = total / n
        before = after if first else before
        first = False
        at = _cut(settings[0], blocks, counts[_N_BLOCKS], n, total, squares / n)
        looking = at > 0
        if looking:
            counts[_N_BLOCKS] -= at
            for k in range(counts[_N_BLOCKS]):
                blocks[k] = blocks[k + at]
            counts[_SINCE] = min(counts[_SINCE], counts[_N_BLOCKS])
            counts[_N_MERGES] = 0
    return before, after


@jit
def _whole(blocks: Array, n_blocks: int) -> tuple[float, float, float]:
    n, total, squares = 0.0, 0.0, 0.0
    for k in range(n_blocks):
        size = blocks[k, _SIZE]
        gap = blocks[k, _TOTAL] / size - (total / n if n > 0.0 else 0.0)
        squares += blocks[k, _SQUARES] + gap * gap * n * size / (n + size)
        n += size
        total += blocks[k, _TOTAL]
    return n, total, squares


@jit
def _cut(
    delta: float, blocks: Array, n_blocks: int, n: float, total: float, variance: float
) -> int:
    """Number of oldest blocks to drop; 0 where no cut shows a difference."""
    log_term = np.log(2.0 * np.log(n) / delta)
    n_old, old = 0.0, 0.0
    for k in range(n_blocks - 1):
        n_old += blocks[k, _SIZE]
        old += blocks[k, _TOTAL]
        m = 1.0 / n_old + 1.0 / (n - n_old)
        bound = np.sqrt(2.0 * m * variance * log_term) + 2.0 / 3.0 * m * log_term
        if abs(old / n_old - (total - old) / (n - n_old)) > bound:
            return k + 1
    return 0


@jit
def _merge_alike(settings: Array, blocks: Array, counts: Ints) -> None:
    """Merge neighbors whose means differ by less than a limit, which grows from time to time."""
    limit = settings[2] * (1.0 + settings[3] * counts[_N_MERGES])
    k = 0
    while k + 1 < counts[_N_BLOCKS]:
        if _difference(blocks, k) < limit:
            _merge(blocks, counts, k)
        else:
            k += 1
    counts[_SINCE] = 0
    counts[_N_MERGES] += 1


@jit
def _difference(blocks: Array, k: int) -> float:
    gap = blocks[k, _TOTAL] / blocks[k, _SIZE] - blocks[k + 1, _TOTAL] / blocks[k + 1, _SIZE]
    return float(abs(gap))


@jit
def _most_alike(blocks: Array, n_blocks: int) -> int:
    best = 0
    for k in range(1, n_blocks - 1):
        if _difference(blocks, k) < _difference(blocks, best):
            best = k
    return best


@jit
def _merge(blocks: Array, counts: Ints, k: int) -> None:
    gap, a, b = _difference(blocks, k), blocks[k, _SIZE], blocks[k + 1, _SIZE]
    blocks[k, _SQUARES] += blocks[k + 1, _SQUARES] + gap * gap * a * b / (a + b)
    blocks[k, _TOTAL] += blocks[k + 1, _TOTAL]
    blocks[k, _SIZE] += b
    counts[_N_BLOCKS] -= 1
    for j in range(k + 1, counts[_N_BLOCKS]):
        blocks[j] = blocks[j + 1]


class SEED(DriftDetector):
    """SEED: ADWIN's test between blocks, where blocks that are alike have been merged.

    Values are gathered in blocks. When one is full, each cut between two blocks is tried with
    the bound of `ADWIN` (minimum length 1); where the means of the parts differ by more, the older
    part is dropped. Every `compress_term` blocks, neighbors whose means differ by less than
    `epsilon_prime` are merged: a change cannot lie between them. Time per event is
    O(blocks / block_size), memory 12 kB.

    Parameters
    ----------
    delta
        Confidence: the probability of a false alarm per test is at most about this.
    block_size
        Values in a new block, and from one test to the next.
    epsilon_prime
        Difference of the means of two blocks up to which they are merged.
    alpha
        Growth of `epsilon_prime` from one merging to the next, as a share of it.
    compress_term
        Blocks from one merging to the next.
    two_sided
        Whether a mean that falls raises an alarm too. The window is cut in either case.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `delta` < 1, `block_size` is a whole number >= 2,
        `compress_term` one >= 1, and `epsilon_prime` and `alpha` are >= 0. For events of several
        numbers.

    Examples
    --------
    >>> from onlineml.detectors import SEED
    >>> SEED().fit_many([0, 0, 0, 1] * 250 + [0, 1, 1, 1] * 250)
    array([1055])

    Notes
    -----
    Departures: at most 512 blocks are kept; when there are more, the two neighbors that are most
    alike are merged. The limit of merging grows linearly and starts again after an alarm. MOA's
    version is two-sided and cuts elsewhere; on the streams of our tests it raises its first alarm
    of a change within a few blocks of ours. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Huang, Koh, Dobbie, Pears (2014), Detecting volatility shift in data streams, ICDM.
       Section IV.
    """

    _kernel = _seed
    _state = (
        Field("blocks_", (_ROOM, _LENGTH)),
        Field("counts_", (3,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    def __init__(
        self,
        *,
        delta: float = 0.05,
        block_size: int = 32,
        epsilon_prime: float = 0.01,
        alpha: float = 0.8,
        compress_term: int = 75,
        two_sided: bool = False,
    ) -> None:
        self.delta = delta
        self.block_size = block_size
        self.epsilon_prime = epsilon_prime
        self.alpha = alpha
        self.compress_term = compress_term
        self.two_sided = two_sided

    def _check(self) -> None:
        if not 0 < self.delta < 1:
            raise wrong("delta", self.delta, "a number between 0 and 1")
        if self.block_size < 2:
            raise wrong("block_size", self.block_size, "at least 2 values")
        if self.compress_term < 1:
            raise wrong("compress_term", self.compress_term, "a number of blocks >= 1")
        for name in ("epsilon_prime", "alpha"):
            if not getattr(self, name) >= 0:
                raise wrong(name, getattr(self, name), "a number >= 0")

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.delta),
            float(self.block_size),
            float(self.epsilon_prime),
            float(self.alpha),
            float(self.compress_term),
            float(self.two_sided),
        )
