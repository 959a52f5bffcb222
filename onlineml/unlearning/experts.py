"""Replay of the experts that a row has reached, where they can be replayed apart from others.

An expert can if what it learns depends on no other rows than those that it learns itself, and if
the model's ways with a row depend on no row before. Nearly all mixtures are not so, see `coupling`;
`DriftMoE` is, once its router is frozen. Beside the log lies then which experts have learned each
row (`reached_`), and the state from which on each is to learn again (`stale_`: its `at`; -1: it is
not). States of the past stay, with those experts in them replaced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Estimator
from onlineml.estimator import BLOCK
from onlineml.kernels.arena import Ints
from onlineml.unlearning.states import Ways, restore, state_in
from onlineml.unlearning.writing import NEXT, STALE

_NOTHING = np.empty((0, 1))


def coupling(model: Estimator) -> str:
    """Why a replay of `model` goes through all its experts; empty where it has none.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, OnlineBagging
    >>> coupling(GaussianNB())
    ''
    >>> coupling(OnlineBagging())
    'all experts were replayed: each row moves what their generators draw for later ones'
    """
    why = model._coupling()
    return f"all experts were replayed: {why}" if why else ""


# ------------------------------------------------------------------------------- which experts


def make_room(log: Any) -> None:
    """Begin to keep which experts learn a row, where the model tells it and may settle."""
    from onlineml.learners.routed import Routed

    if isinstance(log.model_, Routed) and len(choices := log.model_._choices):
        log.reached_ = np.full((1, choices.shape[1]), -1)
        log.stale_ = np.full(len(log.model_.experts_), -1)


def note_choices(log: Any, n: int) -> None:
    """Write which experts have learned the last `n` rows of the log."""
    if "reached_" not in vars(log):
        return
    if len(log.reached_) < len(log.rows_):
        old = log.reached_
        log.reached_ = np.full((len(log.rows_), old.shape[1]), -1)
        log.reached_[: len(old)] = old
    end = int(log.cursor_[NEXT])
    log.reached_[log._places(end - n, end)] = log.model_._choices[:n]


def who_learns(log: Any, numbers: Ints) -> str:
    """Which experts a replay without these rows goes through, for the receipt."""
    if not can_be_apart(log, int(numbers[0])):
        return coupling(log.model_)
    reached = log.reached_[numbers % len(log.reached_)]
    return f"{len(np.unique(reached[reached >= 0]))} of {len(log.stale_)} experts were replayed"


def are_apart(log: Any) -> bool:
    """Whether there is no more to learn again than some experts."""
    return "stale_" in vars(log) and bool((log.stale_ >= 0).any())


def can_be_apart(log: Any, first: int) -> bool:
    """Whether experts can be replayed from `first` on as if they were models of their own."""
    if "stale_" not in vars(log) or (log.cursor_[STALE] >= 0 and not are_apart(log)):
        return False
    state = next(c["state"] for c in reversed(log.checkpoints_) if c["at"] <= first)
    all_told = state["schema_"] == log.schema_.to_plain()
    all_told = all_told and len(state["classes_"]) == len(log.classes_)
    return all_told and bool(log.model_._is_settled(state))


# ------------------------------------------------------------------------------- replay


def withdraw(log: Any, numbers: Ints) -> bool:
    """Note who is to learn again without these rows, just taken out of the log; whether any is."""
    if "stale_" not in vars(log):
        return True
    first, n_rows = int(numbers[0]), len(numbers)
    places = log._places(first, int(log.cursor_[NEXT]) + n_rows)
    reached = log.reached_[places].copy()
    left = np.delete(reached, numbers - first, axis=0)
    log.reached_[places] = np.concatenate([left, np.full((n_rows, left.shape[1]), -1)])
    if not can_be_apart(log, first):
        return True
    for number in numbers.tolist():
        for e in reached[number - first]:
            if e >= 0:
                _withdraw_from(log, e, number)
    log.stale_ -= np.searchsorted(numbers, log.stale_)  # rows before them that are gone
    for checkpoint in log.checkpoints_:
        checkpoint["at"] -= int(np.searchsorted(numbers, checkpoint["at"]))
    return are_apart(log)


def _withdraw_from(log: Any, e: int, number: int) -> None:
    """Expert `e` has not learned the row of this number."""
    before = [c for c in log.checkpoints_ if c["at"] <= number]
    after = log.checkpoints_[len(before) :]
    stale, at = log.stale_[e], before[-1]["at"]
    log.stale_[e] = at if stale < 0 else min(stale, at)
    for n_learned in (log.model_.n_learned_, *(c["state"]["n_learned_"] for c in after)):
        n_learned[e] -= 1


def learn_apart(log: Any) -> int:
    """Let stale experts learn their rows again, in all states since; how many rows these are."""
    experts, checkpoints = log.model_.experts_, log.checkpoints_
    bounds = np.array([*(c["at"] for c in checkpoints), log.cursor_[NEXT]])
    who = np.flatnonzero(log.stale_ >= 0)
    begins = np.searchsorted(bounds[:-1], log.stale_[who])  # of states of equal rows, the first
    n = 0
    for i in range(begins.min(), len(checkpoints)):
        states = checkpoints[i]["state"]["experts_"]
        for e, begin in zip(who, begins):
            if begin == i:
                restore(experts[e], states[e], Ways())
            elif begin < i:
                states[e] = state_in(states[e], experts[e])
        n += _learn(log, who[begins <= i], int(bounds[i]), int(bounds[i + 1]))
    log.stale_[:] = -1
    log.model_._forget_caches()
    return n


def _learn(log: Any, who: Ints, first: int, end: int) -> int:
    """Let some experts learn what reached them of rows from `first` to `end`."""
    n = 0
    for lo in range(first, end, BLOCK):
        places = log._places(lo, min(lo + BLOCK, end))
        X, y, weight = (array[places] for array in (log.rows_, log.targets_, log.weights_))
        reached = log.reached_[places]
        n += int(np.isin(reached, who).any(axis=1).sum())
        for e in who:
            mine = (reached == e).any(axis=1)
            if mine.any():
                log.model_.experts_[e]._run(X[mine], y[mine], weight[mine], _NOTHING, 0, True)
    return n
