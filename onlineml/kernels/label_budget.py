"""The purse from which every query strategy pays: how many labels by now, and who may ask.

A plan says how many labels should have been bought after `t` rows; the share of rows to ask about
is its slope, corrected by what is owed to it. Strategies bring a score or a chance a row; what they
have in common, forced first questions, the rank of a score among the last ones, the draw and the
payment, is here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1
from onlineml.kernels.random import uniform

# Cells of the settings, beside the features of a row; a strategy's own begin at OWN.
N_FEATURES, RATE, TOTAL, HORIZON, HARD, FRONT, EXPLORE, N_COLD, N_CLASSES, OWN = range(10)
# Cells of the ledger. PLAN_TIME and PLAN_SPENT are where the present plan began.
ROWS, TIME, SPENT, ASKED, ANSWERED, DECLINED, KNOWN, PLAN_TIME, PLAN_SPENT, N_SCORES = range(10)
# Columns of the answers.
ASK, CHANCE, SCORE = range(3)

STATE = (
    Field("ledger_", (10,)),
    Field("window_", ("W",)),
    Field("random_", (1,), np.int64),
)
FIRST = 1 + len(STATE)  # slot of a strategy's own first array
_OWED = 6.0  # labels: being so many ahead of the plan stops all questions;
_OWED_PART = 0.05  # at most this part of all labels, or 2
_COLD_PART = 0.25  # of all labels, at most, goes into forced questions
_SHORTEST = 50.0  # rows over which a gap to the plan is made up for
_REPAID = 0.5  # pace, as a share of the rate, while labels bought ahead are paid back


class Purse(NamedTuple):
    """Settings, ledger, last scores and generator."""

    settings: Array
    ledger: Array
    window: Array
    random: Ints


@jit
def purse(d: int) -> Purse:
    """The purse of the strategy at `d`."""
    return Purse(f1(d, 0), f1(d, 1), f1(d, 2), i1(d, 3))


@jit
def planned(p: Purse, t: float) -> float:
    """Labels that should have been bought after `t` rows."""
    s, start, spent = p.settings, p.ledger[PLAN_TIME], p.ledger[PLAN_SPENT]
    if s[HORIZON] == np.inf:
        line = max(s[RATE] * t, spent + _REPAID * s[RATE] * (t - start))
        return float(min(line, s[TOTAL])) if s[HARD] > 0.0 else float(line)
    if t >= s[HORIZON]:
        return float(s[TOTAL] + (0.0 if s[HARD] > 0.0 else (t - s[HORIZON]) * s[RATE]))
    part = max(t - start, 0.0) / (s[HORIZON] - start)
    if s[FRONT] > 0.0:
        part = np.sqrt(part)
    return float(spent + (s[TOTAL] - spent) * part)


@jit
def is_spent(p: Purse) -> bool:
    """Whether no label can be paid any more."""
    s = p.settings
    return bool(s[HARD] > 0.0 and p.ledger[SPENT] + 1.0 > s[TOTAL] + 1e-9)


@jit
def share_now(p: Purse) -> float:
    """Share of the rows to ask about now, in [0, 1]."""
    return _share_and_late(p)[0]


@jit
def _share_and_late(p: Purse) -> tuple[float, float]:
    """That share, and the part of it that is drawn at random to catch up with the plan."""
    if is_spent(p):
        return 0.0, 0.0
    s, t = p.settings, p.ledger[TIME]
    over = max(min(_OWED, max(_OWED_PART * s[TOTAL], 2.0)) / s[RATE], _SHORTEST)
    here = planned(p, t)
    behind = here - p.ledger[SPENT]
    late = behind / (over * s[RATE])
    if s[HORIZON] < np.inf:
        over = min(over, max(s[HORIZON] - t, 1.0))
    share = planned(p, t + 1.0) - here + behind / over
    if s[HARD] == 0.0:
        share = max(share, 0.25 * s[RATE])
    return min(max(share, 0.0), 1.0), min(max(4.0 * late - 2.0, 0.0), 1.0)


@jit
def known_classes(p: Purse, x: Array) -> int:
    """Classes that the learner has shown to know: one more than the last with a probability."""
    first, known = int(p.settings[N_FEATURES]), int(p.ledger[KNOWN])
    for c in range(x.shape[0] - 1, first + known - 1, -1):
        if x[c] > 0.0:
            return c - first + 1
    return known


@jit
def is_forced(p: Purse, known: int) -> bool:
    """Whether this is one of the first questions, which are asked whatever the learner says."""
    s, spent = p.settings, p.ledger[SPENT]
    more = known < s[N_CLASSES] and spent < min(2.0 * s[N_COLD], _COLD_PART * s[TOTAL])
    return bool((spent < s[N_COLD] or more) and not is_spent(p))


@jit
def explored(p: Purse, share: float, chance: float) -> float:
    """`chance`, but for the part of the questions that is drawn at random."""
    return float(p.settings[EXPLORE] * share + (1.0 - p.settings[EXPLORE]) * chance)


@jit
def by_rank(p: Purse, score: float, known: int) -> float:
    """Chance of a question: certain for scores among the greatest `share_now` of the last ones.

    A smoothed conformal p-value: the share is kept whatever the distribution of the scores, ties
    included. Scores that cannot be compared yet (NaN) are asked about at random, and so are more
    rows the further the plan is behind: scores that keep falling are never among the greatest.
    """
    if is_forced(p, known):
        return 1.0
    share, late = _share_and_late(p)
    n = int(min(p.ledger[N_SCORES], p.window.shape[0]))
    if share == 0.0 or n == 0 or np.isnan(score):
        return share
    above, alike = 0, 1
    for k in range(n):
        above += p.window[k] > score
        alike += p.window[k] == score
    return explored(p, share, max(min(((n + 1) * share - above) / alike, 1.0), late * share))


@jit
def settle(call: Call, i: int, p: Purse, chance: float, score: float, known: int) -> bool:
    """Draw whether row `i` is asked about, write the answer, pay where fitted; whether asked."""
    before, forced = p.random[0], is_forced(p, known)
    ask = uniform(p.random, 0) < chance
    if call.serve:
        out = call.out[i]
        out[ASK], out[CHANCE] = 1.0 if ask else 0.0, chance
        out[SCORE] = 0.0 if np.isnan(score) else score
    if not call.fit or call.weight[i] == 0.0:
        p.random[0] = before
        return ask
    ledger = p.ledger
    ledger[ROWS] += 1.0
    ledger[TIME] += call.weight[i]
    ledger[KNOWN] = known
    if ask:
        ledger[ASKED] += 1.0
        ledger[SPENT] += 1.0
        if forced:
            ledger[PLAN_TIME], ledger[PLAN_SPENT] = ledger[TIME], ledger[SPENT]
    if not np.isnan(score):
        p.window[int(ledger[N_SCORES] % p.window.shape[0])] = score
        ledger[N_SCORES] += 1.0
    return ask


@jit
def by_threshold(p: Purse, wanted: bool, known: int) -> float:
    """Chance of a question where a row is `wanted` or not: while the plan allows, then no more.

    Where too few are wanted, the plan is caught up with at random.
    """
    if is_forced(p, known):
        return 1.0
    share, late = _share_and_late(p)
    left = p.settings[HORIZON] - p.ledger[TIME]
    if left < np.inf and left <= p.settings[TOTAL] - p.ledger[SPENT]:
        late = 1.0  # as many rows are left as labels
    return explored(p, share, 1.0 if wanted and share > 0.0 else late * share)
