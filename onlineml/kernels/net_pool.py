"""Pools of networks: which of them learn a row, and how much each counts in the answer.

The networks are estimators of their own (`onlineml.kernels.mlp_rows`), opened by their descriptors;
here is what the pool knows of them. For one row, in order:

    read(...)       the row, by each network
    (now write what each network lost on the row to `losses`)
    choose(...)     the networks that learn the row come first in `order`
    settle(...)     the losses enter estimates and trust
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import adwin, lean
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1, i2, scratch
from onlineml.kernels.mlp_rows import Learner, entries, learner, meet

N_SIZES = 20  # sizes of bucket in a window of losses: up to 5e6 rows

STATE = (
    Field("windows_", ("M", adwin.row_length(N_SIZES))),  # of each network's losses
    Field("trust_", ("M",)),  # sums to 1
    Field("n_learned_", ("M",), np.int64),  # rows, by network
    Field("n_rows_", (1,), np.int64),
)
# Cells of the settings; from the last on, those of the windows.
_HEDGED, _TRAINED, _WARM_UP, _LEAST_LOSS, _DISCOUNT, _SMOOTHING, _WINDOW = range(7)


class Pool(NamedTuple):
    """A pool, with room for one row."""

    d: int
    first: int  # slot of the first network's descriptor
    settings: Array
    windows: Array
    trust: Array
    n_learned: Ints
    n_rows: Ints
    losses: Array  # (n_networks,)
    order: Ints  # (n_networks,)
    room: Array  # for what the networks say of a row


@lean
def pool(d: int, k: int) -> Pool:
    """The pool of the estimator at `d`, the first array of whose `STATE` is in slot `k`."""
    floats, words = scratch(d)
    trust = f1(d, k + 1)
    n = trust.shape[0]
    return Pool(
        d, k + 4, f1(d, 0), f2(d, k), trust, i1(d, k + 2), i1(d, k + 3), floats[:n], words[:n],
        floats[n:],
    )  # fmt: skip


@lean
def address_of(p: Pool, m: int) -> int:
    """Where the descriptor of network `m` lies."""
    return int(i2(p.d, p.first + m).ctypes.data)


@lean
def network(p: Pool, m: int) -> Learner:
    """The network `m`."""
    return learner(address_of(p, m), 2)


@lean
def read(p: Pool, x: Array) -> int:
    """Let every network read the row `x`; how many entries it has, the same for all."""
    n = 0
    for m in range(p.trust.shape[0]):
        n = entries(x, network(p, m))
    return n


@lean
def speaker(p: Pool) -> int:
    """The network that answers, that with the least estimate of its loss; -1 where all do."""
    if p.settings[_HEDGED] > 0.0:
        return -1
    return best(p)


@lean
def best(p: Pool) -> int:
    """The network with the least estimate of its loss."""
    found, least = 0, adwin.mean(p.windows[0])
    for m in range(1, p.trust.shape[0]):
        loss = adwin.mean(p.windows[m])
        if loss < least:
            found, least = m, loss
    return found


@lean
def learns(p: Pool, m: int) -> bool:
    """Whether what network `m` lost is worth a step."""
    return bool(p.losses[m] >= p.settings[_LEAST_LOSS])


@lean
def choose(p: Pool) -> int:
    """Write those that learn this row to the front of `order`; how many they are.

    Half of them have the least estimates; the other half takes turns among the rest, in the order
    of theirs.
    """
    order = p.order
    n: int = p.trust.shape[0]
    for m in range(n):
        order[m] = m
    n_trained = int(p.settings[_TRAINED])
    if n_trained == n or p.n_rows[0] < p.settings[_WARM_UP]:
        return n
    for m in range(1, n):
        loss, at = adwin.mean(p.windows[m]), m
        while at > 0 and adwin.mean(p.windows[order[at - 1]]) > loss:
            order[at] = order[at - 1]
            at -= 1
        order[at] = m
    n_best = (n_trained + 1) // 2
    _rotate(order[n_best:], int((p.n_rows[0] + n_best) % (n - n_best)))
    return n_trained


@lean
def _rotate(order: Ints, by: int) -> None:
    """Move all cells `by` places to the front, and those that fall off to the end."""
    _reverse(order[:by])
    _reverse(order[by:])
    _reverse(order)


@lean
def _reverse(order: Ints) -> None:
    n = order.shape[0]
    for a in range(n // 2):
        order[a], order[n - 1 - a] = order[n - 1 - a], order[a]


@lean
def settle(p: Pool, x: Array, weight: float, unit: float) -> None:
    """Take in the losses on the row `x`, to the hedge in `unit`s, and show it to all networks."""
    n, windows, rule = p.trust.shape[0], p.windows, p.settings[_WINDOW:]
    least, total = p.losses[0], 0.0
    for m in range(1, n):
        least = min(least, p.losses[m])
    for m in range(n):
        adwin.update(windows[m], rule, p.losses[m])
        p.trust[m] *= p.settings[_DISCOUNT] ** (weight * (p.losses[m] - least) / unit)
        total += p.trust[m]
    floor, bound = p.settings[_SMOOTHING] / n, 0.0
    for m in range(n):
        p.trust[m] = max(p.trust[m] / total, floor)
        bound += p.trust[m]
    for m in range(n):
        p.trust[m] /= bound
        meet(x, weight, network(p, m))
    p.n_rows[0] += 1
