"""Which rows are asked to be forgotten, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.schema import wrong

Generator = np.random.Generator
#: Requests in order: after so many rows, that row.
Requests = list[tuple[int, int]]
#: In place of a row: which one is chosen when its time has come, by what the model answers then.
TO_BE_CHOSEN = -1


def requests(name: str, X: Array, y: Any, n_requests: int, seed: int) -> Requests:
    """`n_requests` requests, or as many as the schedule finds rows for, in order of time.

    Raises `ValueError` for a name that is not in `SCHEDULES`.
    """
    if name not in SCHEDULES:
        raise wrong("schedule", name, f"one of {list(SCHEDULES)}")
    made = SCHEDULES[name](X, np.asarray(y), min(n_requests, len(X)), np.random.default_rng(seed))
    return sorted((int(at), int(row)) for at, row in made)


def _uniform(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """Any row, at any time after it."""
    rows = rng.choice(len(X), n, replace=False)
    return [(rng.integers(row + 1, len(X) + 1), row) for row in rows]


def _poisson(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """Any row so far, at times as far apart as those of a Poisson process."""
    times = np.cumsum(rng.exponential(1.0, n))
    times = np.ceil(times / times[-1] * len(X)).astype(int)
    left, found = set(range(len(X))), []
    for at in times:
        rows = [row for row in rng.integers(0, at, 20).tolist() if row in left]
        if rows:
            left.discard(rows[0])
            found.append((at, rows[0]))
    return found


def _burst(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """Many rows of the first three quarters, all at once."""
    at = 3 * len(X) // 4
    return [(at, row) for row in rng.choice(at, min(n, at), replace=False)]


def _newest(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """Each row that is asked for, right after it was learned."""
    return [(row + 1, row) for row in np.linspace(0, len(X) - 1, n).astype(int)]


def _oldest(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """The oldest rows there are, at even times."""
    return list(zip(np.linspace(n, len(X), n).astype(int), range(n)))


def _one_class(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """Rows of one class at the end, the one nearest to a tenth of all; of numbers, the largest."""
    kinds, counts = np.unique(y, return_counts=True)
    if len(kinds) > 50 and y.dtype.kind == "f":
        return [(len(X), row) for row in np.argsort(y)[-n:]]
    kind = kinds[np.argmin(np.abs(counts - len(X) / 10))]
    return [(len(X), row) for row in np.flatnonzero(y == kind)[:n]]


def _leverage(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """The rows that a linear fit depends on most, at the end."""
    Z = np.nan_to_num(X - np.nanmean(X, 0))
    gram = Z.T @ Z + 1e-3 * np.trace(Z.T @ Z) / Z.shape[1] * np.eye(Z.shape[1])
    leverage = (Z * np.linalg.solve(gram, Z.T).T).sum(1)
    return [(len(X), row) for row in np.argsort(leverage)[-n:]]


def _adaptive(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """At even times over the second half, the row that the model of that time knows best."""
    return [(at, TO_BE_CHOSEN) for at in np.linspace(len(X) // 2, len(X), n).astype(int)]


def _duplicates(X: Array, y: Any, n: int, rng: Generator) -> Requests:
    """At the end, rows that come again later: their second copies stay."""
    _, firsts, counts = np.unique(X, axis=0, return_index=True, return_counts=True)
    return [(len(X), row) for row in firsts[counts > 1][:n]]


def doubled(n_rows: int, n: int, seed: int) -> Any:
    """Numbers of rows in order, `n` of which, or all, come a second time later on."""
    rng = np.random.default_rng(seed)
    again = rng.choice(n_rows, min(n, n_rows), replace=False)
    places = np.concatenate([np.arange(n_rows), rng.uniform(again + 0.5, n_rows)])
    return np.concatenate([np.arange(n_rows), again])[np.argsort(places, kind="stable")]


#: Schedules of requests by name.
SCHEDULES: dict[str, Callable[[Array, Any, int, Generator], Requests]] = {
    "uniform": _uniform,
    "poisson": _poisson,
    "burst": _burst,
    "newest": _newest,
    "oldest": _oldest,
    "one_class": _one_class,
    "leverage": _leverage,
    "adaptive": _adaptive,
    "duplicates": _duplicates,
}
