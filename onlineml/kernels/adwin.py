"""Adaptive windows (ADWIN): many of them may live in the rows of one array.

A window is one float64 row. It begins with the numbers below; then come, for each size of bucket
1, 2, 4, ..., how many there are, their sums (oldest first) and their sums of squared deviations.
Whoever holds windows makes rows of `row_length` zeros, and passes the settings as one array.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array

WIDTH, TOTAL, VARIANCE, TICKS, SIZES, HEAD = range(6)  # SIZES: sizes of bucket in use
#: Settings of a window, in this order, as floats.
DELTA, CLOCK, MAX_BUCKETS, MIN_LENGTH, GRACE = range(5)


def row_length(n_sizes: int, max_buckets: int = 5) -> int:
    """Numbers that one window needs; it then holds up to `max_buckets * (2**n_sizes - 1)` values.

    When it is full, its oldest bucket makes room.
    """
    return HEAD + n_sizes * _numbers_a_size(max_buckets)


def _numbers_a_size(max_buckets: int) -> int:
    return 1 + 2 * (max_buckets + 1)


_stride = lean(_numbers_a_size)


@lean
def restart(window: Array) -> None:
    """Forget all values."""
    window[:] = 0.0


@lean
def mean(window: Array) -> float:
    """Mean of the values in the window; 0 when it is empty."""
    return window[TOTAL] / window[WIDTH] if window[WIDTH] > 0.0 else 0.0


@lean
def update(window: Array, settings: Array, value: float) -> int:
    """Add `value`; 1 where the window was cut and its mean rose, -1 where it was cut otherwise.

    Whether the mean rose is judged by the mean before `value` came.
    """
    n, total = window[WIDTH], window[TOTAL]
    _insert(window, int(settings[MAX_BUCKETS]), value)
    window[TICKS] += 1.0
    if window[TICKS] < settings[CLOCK]:
        return 0
    window[TICKS] = 0.0
    if window[WIDTH] <= settings[GRACE] or not _cut(window, settings):
        return 0
    while _cut(window, settings):
        pass
    return 1 if mean(window) > (total / n if n > 0.0 else 0.0) else -1


@lean
def _insert(window: Array, max_buckets: int, value: float) -> None:
    window[WIDTH] += 1.0
    width = window[WIDTH]
    if width > 1.0:
        gap = value - window[TOTAL] / (width - 1.0)
        window[VARIANCE] += (width - 1.0) * gap * gap / width
    else:
        window[SIZES] = 1.0
    window[TOTAL] += value
    n = int(window[HEAD])
    window[HEAD + 1 + n] = value
    window[HEAD + 2 + max_buckets + n] = 0.0
    window[HEAD] = n + 1.0
    if n == max_buckets:
        _compress(window, max_buckets)


@lean
def _compress(window: Array, max_buckets: int) -> None:
    """Wherever there is a bucket too many, merge the two oldest into one of the next size."""
    stride, size, at = _stride(max_buckets), 1.0, HEAD
    while window[at] > max_buckets:
        if at + stride >= window.shape[0]:
            _drop_oldest(window, max_buckets)
            return
        sums, squares, up = at + 1, at + 2 + max_buckets, at + stride
        n = int(window[up])
        gap = window[sums] / size - window[sums + 1] / size
        window[up + 1 + n] = window[sums] + window[sums + 1]
        window[up + 2 + max_buckets + n] = (
            window[squares] + window[squares + 1] + size * 0.5 * gap * gap
        )
        window[up] = n + 1.0
        window[SIZES] = max(window[SIZES], (up - HEAD) // stride + 1.0)
        _shift(window, at, max_buckets, 2)
        size, at = size * 2.0, up


@lean
def _shift(window: Array, at: int, max_buckets: int, gone: int) -> None:
    n = int(window[at]) - gone
    for k in range(at + 1, at + 1 + n):
        window[k] = window[k + gone]
    for k in range(at + 2 + max_buckets, at + 2 + max_buckets + n):
        window[k] = window[k + gone]
    window[at] = n


@lean
def _drop_oldest(window: Array, max_buckets: int) -> None:
    stride = _stride(max_buckets)
    at = HEAD + (int(window[SIZES]) - 1) * stride
    size, total, squares = (
        2.0 ** (window[SIZES] - 1.0),
        window[at + 1],
        window[at + 2 + max_buckets],
    )
    window[WIDTH] -= size
    window[TOTAL] -= total
    gap = total / size - window[TOTAL] / window[WIDTH]
    window[VARIANCE] -= squares + size * window[WIDTH] * gap * gap / (size + window[WIDTH])
    _shift(window, at, max_buckets, 1)
    while window[at] == 0.0 and at > HEAD:
        window[SIZES] -= 1.0
        at -= stride


@lean
def _cut(window: Array, settings: Array) -> bool:
    """Drop the oldest bucket where some cut leaves two parts whose means differ too much.

    No bound is below `floor`, as 1/a + 1/b >= 4 / (a + b): most cuts are ruled out by it,
    without a division.
    """
    max_buckets, least = int(settings[MAX_BUCKETS]), settings[MIN_LENGTH]
    width = window[WIDTH]
    log_term = np.log(2.0 * np.log(width) / settings[DELTA])
    variance = window[VARIANCE] / width
    floor = np.sqrt(8.0 / width * max(variance, 0.0) * log_term) + 8.0 / 3.0 * log_term / width
    floor *= 1.0 - 1e-9
    n_old, n_new, old, new = 0.0, width, 0.0, window[TOTAL]
    stride, row = _stride(max_buckets), int(window[SIZES])
    size, at = 2.0**row, HEAD + row * stride
    for _ in range(row):
        size, at = 0.5 * size, at - stride
        for k in range(at + 1, at + 1 + int(window[at])):
            n_old += size
            n_new -= size
            old += window[k]
            new -= window[k]
            if n_new < least or n_new < 1.0:
                return False
            a, b = old * n_new, new * n_old
            apart = abs(a - b) + 1e-12 * (abs(a) + abs(b)) > floor * n_old * n_new
            if apart and n_old >= least:
                gap = abs(old / n_old - new / n_new)
                m = 1.0 / (n_old - least + 1.0) + 1.0 / (n_new - least + 1.0)
                bound = np.sqrt(2.0 * m * variance * log_term) + 2.0 / 3.0 * log_term * m
                if gap > bound:
                    _drop_oldest(window, max_buckets)
                    return True
    return False
