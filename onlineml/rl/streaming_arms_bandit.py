"""Arms that come once, one after another, in memory that hardly grows with their number."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.arms import EXPLORE, POLICY
from onlineml.rl.bandit import Bandit
from onlineml.schema import Schema, wrong

UNIFORM, KING, LOG_STAR = range(3)  # strategies
_STRATEGIES = {"uniform": UNIFORM, "king": KING, "log_star": LOG_STAR}
STRATEGY, N_ARMS, HORIZON = range(3)  # settings
NEXT, PULLS, PHASE, GOAL, KING_GOAL, LEVEL = range(6)  # clock
N_CLOCK = 6
TEST, DUEL, COMMITTED = range(3)  # phases
ARM, N, TOTAL = range(3)  # of an arm: which, its pulls, the sum of its rewards
N_LEVELS = 4  # the fourth would fill after more arms than there are atoms
_SIZES = (16.0, 2.0**15, np.inf, np.inf)  # arms that a level meets before its best one rises
# A test looks after so many pulls first, then after half as many more each time, and drops an arm
# that is not better by the accuracy due, up to so many standard deviations of a reward in [0, 1].
_FIRST_LOOK, _GROWTH, _MARGIN, _DEVIATION = 6, 1.5, 2.0, 0.5


class Court(NamedTuple):
    """Settings, where things stand, the arm that is tested, and the best arm of each level."""

    settings: Array
    clock: Ints
    challenger: Array  # (3,)
    best: Array  # (levels, 3); no pulls where there is none
    met: Ints  # (levels,) arms that were tested there since the last one rose


@entry
def _streaming_arms(d: int) -> int:
    call = opened(d)
    court = Court(f1(d, 0), i1(d, 1), f1(d, 2), f2(d, 3), i1(d, 4))
    n = (call.X.shape[1] - 5) // 2
    for i in range(call.first, call.last):
        arm, reward = call.X[i, n], call.X[i, n + 1]
        if call.fit:
            known = 0.0 <= arm < court.settings[N_ARMS] and arm == np.floor(arm)
            if not (known and abs(reward) <= 1e100):
                return i
            _learn(court, int(arm), reward)
        if call.serve == POLICY:
            call.out[i, 1:] = 0.0
            call.out[i, 1 + _due(court)] = 1.0
        elif call.serve > 0:
            explores = call.serve == EXPLORE or _top(court) < 0
            call.out[i, 0] = _due(court) if explores else court.best[_top(court), ARM]
    return call.last


@jit
def _top(court: Court) -> int:
    """The highest level that has an arm; -1 for none."""
    for level in range(court.best.shape[0] - 1, -1, -1):
        if court.best[level, N] > 0.0:
            return level
    return -1


@jit
def _due(court: Court) -> int:
    """The arm to pull: the challenger, then in a duel the king; the best one in the end."""
    clock = court.clock
    fights = clock[PHASE] == DUEL and court.challenger[N] >= clock[GOAL]
    if fights or (clock[PHASE] == COMMITTED and _top(court) >= 0):
        return int(court.best[_top(court), ARM])
    return int(court.challenger[ARM])


@jit
def _learn(court: Court, arm: int, reward: float) -> None:
    """Take a reward of the arm that is due; of all others it teaches nothing."""
    clock, level = court.clock, court.clock[LEVEL]
    clock[PULLS] += 1
    if arm != _due(court):
        return
    if clock[PHASE] == COMMITTED:
        pulled = court.best[_top(court)]
    elif clock[PHASE] == DUEL and court.challenger[N] >= clock[GOAL]:
        pulled = court.best[level]
    else:
        pulled = court.challenger
    pulled[N] += 1.0
    pulled[TOTAL] += reward
    if clock[PHASE] == TEST and court.challenger[N] >= clock[GOAL]:
        _look(court, court.challenger, court.best[level])
    elif clock[PHASE] == DUEL and court.best[level, N] >= clock[KING_GOAL]:
        _decide(court, _gap(court.challenger, court.best[level]) > 0.0)
    if clock[PULLS] >= court.settings[HORIZON]:
        clock[PHASE] = COMMITTED


@jit
def _gap(challenger: Array, king: Array) -> float:
    """By how much the challenger's mean is better."""
    return float(challenger[TOTAL] / challenger[N] - king[TOTAL] / king[N])


@jit
def _in_full(court: Court) -> int:
    """Pulls of an arm that passes all looks at it."""
    settings = court.settings
    pulls = (settings[HORIZON] / settings[N_ARMS]) ** (2.0 / 3.0)
    if settings[STRATEGY] == UNIFORM:
        pulls *= np.log(settings[HORIZON]) ** (1.0 / 3.0)
    return max(int(pulls * 4.0 ** court.clock[LEVEL]), 1)


@jit
def _look(court: Court, challenger: Array, king: Array) -> None:
    """Drop the challenger, crown it, or go on pulling it."""
    full, n = _in_full(court), challenger[N]
    if king[N] == 0.0 or court.settings[STRATEGY] == UNIFORM:
        if n >= full:
            _decide(court, king[N] == 0.0 or _gap(challenger, king) > 0.0)
        else:
            court.clock[GOAL] = full
        return
    accuracy = (court.settings[N_ARMS] / court.settings[HORIZON]) ** (1.0 / 3.0)
    gap = _gap(challenger, king)
    if gap < accuracy - _MARGIN * _DEVIATION / np.sqrt(n) or (n >= full and gap <= 0.0):
        _decide(court, False)
    elif n < full:
        court.clock[GOAL] = min(int(np.ceil(n * _GROWTH)), full)
    elif court.settings[STRATEGY] == KING:  # who won by luck does not win twice
        court.clock[PHASE], court.clock[GOAL] = DUEL, full
        court.clock[KING_GOAL] = np.int64(king[N]) + full
        challenger[N], challenger[TOTAL] = 0.0, 0.0
    else:
        _decide(court, True)


@jit
def _decide(court: Court, wins: bool) -> None:
    """The challenger takes the level's throne or is lost; then the next one comes."""
    clock, level = court.clock, court.clock[LEVEL]
    if wins:
        court.best[level] = court.challenger
    court.met[level] += 1
    if court.settings[STRATEGY] == LOG_STAR and court.met[level] >= _size(level):
        court.met[level] = 0
        _raise(court, level, level + 1)
    elif clock[NEXT] < court.settings[N_ARMS]:
        _challenge(court, clock[NEXT], 0)
        clock[NEXT] += 1
    else:
        _settle(court)


@jit
def _size(level: int) -> float:
    return float(_SIZES[level])


@jit
def _settle(court: Court) -> None:
    """No arm is to come: the best of each level meets that of the next one above."""
    low, top = 0, _top(court)
    while court.best[low, N] == 0.0:
        low += 1
    if low == top:
        court.clock[PHASE] = COMMITTED
        return
    high = low + 1
    while court.best[high, N] == 0.0:
        high += 1
    _raise(court, low, high)


@jit
def _raise(court: Court, low: int, high: int) -> None:
    arm = court.best[low, ARM]
    court.best[low, N] = 0.0
    _challenge(court, arm, high)


@jit
def _challenge(court: Court, arm: int, level: int) -> None:
    court.challenger[ARM], court.challenger[N], court.challenger[TOTAL] = arm, 0.0, 0.0
    court.clock[PHASE], court.clock[GOAL], court.clock[LEVEL] = TEST, _FIRST_LOOK, level


class StreamingArmsBandit(Bandit):
    """Single-pass bandit: arms come once, and one that is not kept is lost.

    `act_one(explore=True)` names the arm to pull, `n_actions` of them from 0 in the order in which
    they come; the next number asks for the next arm. After the last one, the best is pulled for
    ever. Time per pull is O(1); memory is that of one or two arms, of four levels for "log_star".

    Parameters
    ----------
    n_actions
        Arms that will come.
    horizon
        Pulls in all, by which the pulls of an arm are chosen.
    strategy
        "uniform": each arm (horizon / n_actions)^(2/3) log(horizon)^(1/3) times, the best stays.
        "king": a challenger is dropped as soon as it is clearly no better than the king, and must
        win twice. "log_star": the best of 16 rises to a level where more pulls are made, and so on.

    Attributes
    ----------
    challenger_, best_
        The arm that is tested, and the best of each level: which, its pulls, the sum of its
        rewards.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `horizon` of
        fewer pulls than arms, and an unknown `strategy`. At any, for actions that are no arm, and
        rewards that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import StreamingArmsBandit, Transition
    >>> bandit = StreamingArmsBandit(n_actions=50, horizon=20_000)
    >>> for i in range(20_000):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=float(i % 7 < 2 + (arm == 30))))
    >>> bandit.act_one()
    30

    Notes
    -----
    Rewards are taken to lie in [0, 1]. Accuracy and pulls are those of the source's lower bound,
    (n_actions / horizon)^(1/3) and its inverse square. Departures: arms are looked at early, after
    6 pulls first, with margins chosen by simulation on 1,000 arms of which one is better; the
    king's duel is ours; levels of "log_star" grow as in [2]_, their pulls fourfold.

    References
    ----------
    .. [1] Wang (2023), Tight regret bounds for single-pass streaming multi-armed bandits, ICML.
       arXiv:2306.02208
    .. [2] Assadi, Wang (2020), Exploration with limited memory, STOC, section 3.
    """

    _reads: ClassVar[bool] = False
    _kernel = _streaming_arms
    _state = (
        Field("clock_", (N_CLOCK,), np.int64),
        Field("challenger_", (3,)),
        Field("best_", (N_LEVELS, 3)),
        Field("met_", (N_LEVELS,), np.int64),
    )

    clock_: Ints

    def __init__(self, *, n_actions: int, horizon: int, strategy: str = "king") -> None:
        self.n_actions = n_actions
        self.horizon = horizon
        self.strategy = strategy

    def _check(self) -> None:
        super()._check()
        if not self.horizon >= self.n_actions:
            raise wrong("horizon", self.horizon, "a number of pulls >= n_actions")
        if self.strategy not in _STRATEGIES:
            raise wrong("strategy", self.strategy, f"one of {sorted(_STRATEGIES)}")

    def _settings(self) -> tuple[float, ...]:
        return tuple(map(float, (_STRATEGIES[self.strategy], self.n_actions, self.horizon)))

    def _start(self, schema: Schema) -> None:
        self.clock_[[NEXT, GOAL]] = 1, _FIRST_LOOK

    def diagnostics(self) -> dict[str, Any]:
        """Arms that have come, and whether one of them was settled on."""
        if not self.is_started:
            return {"n_arms_met": 1, "settled": 0.0}
        come, settled = int(self.clock_[NEXT]), self.clock_[PHASE] == COMMITTED
        return {"n_arms_met": come, "settled": float(settled)}
