"""What private learners do with a row: pay for it, cut its gradient, and step with noise.

A promise is an array that holds what was promised at the start, and never changes. What is spent is
an array too: of the budget, and the rows that came when there was no more.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Call, Field
from onlineml.kernels.correlated_noise import TREE, Plan

# Cells of a promise; the numbers of the plan follow.
KIND, SCALE, CLIP, PERIOD, COST, BUDGET, ENDLESS, MIDDLE, REACH, NUMBERS = range(10)
# Cells of what is spent; a shared odometer grants period by period.
SPENT, REFUSED, GRANTED = range(3)
_ROUNDING = 1.0 + 1e-12  # of a sum of costs
_HEAVIEST = 1e9  # weight; beyond, products with a row too small for its length would be large

#: State behind that of the plain learner: the noise's generator, and what is promised and spent.
STATE = (
    Field("source_", (1,), np.int64),
    Field("spent_", (3,)),
    Field("promise_", ("N",)),
)


@lean
def begins(promise: Array, n_steps: float) -> bool:
    """Whether the row after `n_steps` of them pays; the first of a period pays for all of it."""
    return bool(n_steps % promise[PERIOD] == 0.0 and (n_steps == 0.0 or promise[ENDLESS] == 0.0))


@lean
def fits(promise: Array, spent: Array, room: float) -> bool:
    """Whether there is room for another period."""
    return bool(spent[SPENT] + promise[COST] <= room * _ROUNDING)


@lean
def must_ask(call: Call, i: int, promise: Array, spent: Array, n_steps: float) -> bool:
    """Whether a shared odometer has to grant what row `i` costs, before it is learned."""
    return bool(
        call.fit
        and call.weight[i] > 0.0
        and begins(promise, n_steps)
        and fits(promise, spent, promise[BUDGET])
        and not fits(promise, spent, spent[GRANTED])
    )


@lean
def pays(promise: Array, spent: Array, n_steps: float) -> bool:
    """Whether a row may be learned after `n_steps` of them."""
    if not begins(promise, n_steps):
        return True
    if not fits(promise, spent, promise[BUDGET]):
        spent[REFUSED] += 1.0
        return False
    spent[SPENT] += promise[COST]
    return True


@lean
def weight_of(call: Call, i: int) -> float:
    """What row `i` counts for."""
    return float(min(call.weight[i], _HEAVIEST))


@lean
def share_left(promise: Array, squared_length: float) -> float:
    """What a gradient of that length is multiplied by, so that it is no longer than the clip.

    0, where nothing must be left of it: a length that is no number can be cut to none.
    """
    length = np.sqrt(squared_length)
    if not np.isfinite(length):
        return 0.0
    return float(promise[CLIP] / length) if length > promise[CLIP] else 1.0


@lean
def plan_after(promise: Array, n_steps: float) -> Plan:
    """How the noise of the row after `n_steps` rows is made."""
    kind, at = int(promise[KIND]), int(n_steps)
    if kind == TREE:
        at %= int(promise[PERIOD])
    return Plan(kind, promise[SCALE], promise[NUMBERS:], at)


@lean
def in_reach(target: float, promise: Array) -> float:
    """A target, from -1 to 1 for the ends of its public range; what lies beyond counts as these."""
    return float(min(max((target - promise[MIDDLE]) / promise[REACH], -1.0), 1.0))


@lean
def out_of_reach(answer: float, promise: Array) -> float:
    """From an answer about `in_reach` to the target; never beyond its public range."""
    return float(promise[MIDDLE] + promise[REACH] * min(max(answer, -1.0), 1.0))
