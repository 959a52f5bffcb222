"""Windows of rows for detectors of other libraries, and a scale for their scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from onlineml.kernels.arena import Array, Ints


def ranked(raw: Array, known: Array) -> Array:
    """Ranks of `raw` among `known` scores in order, between 0 and 1.

    Straight lines join the known scores, of which there is one at least; beyond the greatest the
    rank goes on towards 1, so that the order of scores is never lost.
    """
    n = len(known)
    raw = np.nan_to_num(raw, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    at = np.searchsorted(known, raw)
    low, high = known[np.clip(at - 1, 0, n - 1)], known[np.clip(at, 0, n - 1)]
    spread = known[-1] - known[n // 2]
    spread = spread if spread > 0.0 else max(abs(known[-1]), 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (raw - low) / (high - low), 0.0)
        beyond = np.log1p(np.maximum(raw - known[-1], 0.0) / spread)
        further = 2.0 - 2.0 / (1.0 + beyond)
    inside = np.where(at == 0, 0.0, at - 1 + share)
    ranks: Array = np.where(at == n, n - 1 + further, inside) / (n + 1)
    return ranks


def push(ring: Array, counts: Ints, which: int, rows: Array) -> None:
    """Write rows into a ring; `counts` holds their number, and next to it the place of the next."""
    size, n = len(ring), len(rows)
    kept = np.arange(max(n - size, 0), n)
    ring[(counts[which + 1] + kept) % size] = rows[kept]
    counts[which + 1] = (counts[which + 1] + n) % size
    counts[which] = min(counts[which] + n, size)


def in_order(ring: Array, counts: Ints, which: int) -> Array:
    """The rows of a ring, oldest first, as a copy."""
    n = int(counts[which])
    rows: Array = ring[(counts[which + 1] - n + np.arange(n)) % len(ring)]
    return rows


def medians(rows: Array) -> Array:
    """Median of the known values of each column; 0 where none is known."""
    columns = (column[~np.isnan(column)] for column in rows.T)
    return np.array([np.median(known) if len(known) else 0.0 for known in columns])


def rounded(scores: Array) -> Array:
    """Scores to 24 bits: libraries round a row of a block otherwise than the row alone."""
    with np.errstate(over="ignore"):
        return scores.astype(np.float32).astype(np.float64)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Some detectors draw from numpy's global generator: it is seeded, then put back."""
    if seed is None:
        yield
        return
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
