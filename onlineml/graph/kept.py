"""Rows that nodes have learned, kept for a refit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onlineml.kernels.arena import Array

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired


def empty(graph: Wired) -> tuple[list[Array], list[int]]:
    """Room for rows of each node that may be refitted (target, weight, row); how many came."""
    kept = graph._wiring.kept
    widths = [graph.nodes_[k].schema_.n_features for k in kept]
    return [np.full((n, 2 + m), np.nan) for n, m in zip(kept.values(), widths)], [0] * len(kept)


def keep(graph: Wired, k: int, rows: Array, y: Array, weight: Array) -> None:
    """Keep rows that node `k` has learned, for it to learn them again."""
    place = list(graph._wiring.kept).index(k)
    window, n = graph.kept_[place], graph.n_kept_[place]
    if rows.shape[1] + 2 > window.shape[1]:
        more = rows.shape[1] + 2 - window.shape[1]
        window = np.pad(window, ((0, 0), (0, more)), constant_values=np.nan)
        graph.kept_[place] = window
    at = np.arange(n, n + len(rows))[-len(window) :] % len(window)
    last = slice(-len(at), None)
    window[at, 0], window[at, 1] = y[last], weight[last]
    window[at, 2:], window[at, 2 : 2 + rows.shape[1]] = np.nan, rows[last]
    graph.n_kept_[place] = n + len(rows)


def last_rows(graph: Wired, k: int, last: int) -> tuple[Array, Array, Array]:
    """The last rows that node `k` has learned, with targets and weights."""
    place = list(graph._wiring.kept).index(k)
    window, n = graph.kept_[place], graph.n_kept_[place]
    at = np.arange(max(n - last, n - len(window), 0), n) % len(window)
    width = graph.nodes_[k].schema_.n_features
    rows = np.full((len(at), width), np.nan)
    found = window[at]
    rows[:, : found.shape[1] - 2] = found[:, 2:]
    return rows, found[:, 0].copy(), found[:, 1].copy()


def drop(graph: Wired, k: int, read: Array) -> None:
    """Keep no longer the last one of the rows that is `read`."""
    place = list(graph._wiring.kept).index(k)
    window, n = graph.kept_[place], graph.n_kept_[place]
    at = np.arange(max(n - len(window), 0), n) % len(window)
    rows, width = window[at], min(len(read), window.shape[1] - 2)
    ours, theirs = rows[:, 2 : 2 + width], read[:width]
    found = np.flatnonzero(((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(axis=1))
    if len(found):
        rows = np.delete(rows, found[-1], axis=0)
        window[:] = np.nan
        window[: len(rows)], graph.n_kept_[place] = rows, len(rows)
