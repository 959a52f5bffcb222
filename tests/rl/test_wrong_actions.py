"""Actions that no agent can have taken: refused by name, one at a time and among many."""

from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.rl import (
    UCB,
    AdaptiveQ,
    BayesUCB,
    EpsilonGreedy,
    Exp3,
    LinTS,
    LinUCB,
    NeuralLinear,
    StackedAgents,
    StreamAC,
    StreamQ,
    StreamSARSA,
    SwiftSARSA,
    ThompsonSampling,
    Transition,
)

CHOOSING = [
    AdaptiveQ(n_actions=3, hidden=(4,), seed=1),
    BayesUCB(n_actions=3),
    EpsilonGreedy(n_actions=3),
    Exp3(n_actions=3),
    LinTS(n_actions=3, seed=1),
    LinUCB(n_actions=3),
    NeuralLinear(n_actions=3, hidden=(4,), seed=1),
    StreamAC(n_actions=3, hidden=(4,), seed=1),
    StreamQ(n_actions=3, hidden=(4,), seed=1),
    StreamSARSA(n_actions=3, hidden=(4,), seed=1),
    SwiftSARSA(n_actions=3, seed=1),
    ThompsonSampling(n_actions=3, seed=1),
    UCB(n_actions=3),
]
PUSHING = [StreamAC(action_size=2, hidden=(4,), seed=1)]
ALONE = [StreamAC(action_size=1, hidden=(4,), seed=1)]

NO_NUMBER = [float("nan"), float("inf"), None, "up", "1", {"up": 1}, [], [[0.0], [1.0, 2.0]]]
NO_CHOICE = [*NO_NUMBER, -1, 3, 0.5, np.int64(3), [0, 1], np.zeros(2), np.array(["1"]), 10**400]
NO_PUSH = [
    *NO_NUMBER, 0, 0.3, np.float64(0.3), [0.3], np.zeros(1), np.zeros(3), np.zeros((2, 2)),
    np.array([0.0, np.nan]), [np.inf, 0.0], ["a", "b"], np.array(["1", "2"]), [1e200, 0.0],
]  # fmt: skip
NO_LONE_PUSH = [*NO_NUMBER, [0.3, 0.3], np.zeros(2), np.array([np.nan])]


def _step(action: Any) -> Transition:
    return Transition(np.array([0.5, -1.0]), action, 1.0, np.array([0.25, 2.0]))


def _named(agents: list[Any], actions: list[Any]) -> list[Any]:
    return [
        pytest.param(agent, action, id=f"{type(agent).__name__}-{action!r:.20}")
        for agent in agents
        for action in actions
    ]


@pytest.mark.parametrize(
    ("agent", "action"),
    [
        *_named(CHOOSING, NO_CHOICE),
        *_named(PUSHING, NO_PUSH),
        *_named(ALONE, NO_LONE_PUSH),
    ],
)
def test_refused_and_nothing_is_learned(agent: Any, action: Any) -> None:
    good, bad = _step(1), _step(action)
    if getattr(agent, "action_size", None):
        good = _step(np.full(agent.action_size, 0.5))
    fresh = agent.clone()
    with pytest.raises(ValueError, match="action"):
        fresh.fit_one(bad)
    assert not fresh.is_started
    agent = fresh.fit_one(good)
    before = agent.get_state()
    for call, given in (
        (agent.fit_one, bad),
        (agent.fit_act_one, bad),
        (agent.fit_many, [good, bad]),
        (agent.fit_act_many, [good, bad]),
    ):
        with pytest.raises(ValueError, match="action"):
            call(given)
        assert_same_state(agent.get_state(), before)
    again = agent.clone().set_state(before).fit_one(good)
    assert_same_state(agent.fit_one(good).get_state(), again.get_state())


@pytest.mark.parametrize("action", [0.3, np.zeros(2), np.zeros((2, 3)), np.zeros(6)])
def test_many_agents_want_all_numbers_of_an_action(action: Any) -> None:
    X = np.zeros((3, 2))
    stack = StackedAgents(agent=PUSHING[0], n_agents=3)
    with pytest.raises(ValueError, match="action"):
        stack.fit_many(Transition(X, action, np.zeros(3), X, False, False))
    assert not stack.is_started
