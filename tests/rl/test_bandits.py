"""Bandits: equal to plain ones, better than chance, judged by another's log."""

from typing import Any

import numpy as np
import pytest

from onlineml.evaluation import policy_value
from onlineml.rl import (
    UCB,
    BayesUCB,
    EpsilonGreedy,
    Exp3,
    LinTS,
    LinUCB,
    StreamingArmsBandit,
    ThompsonSampling,
    Transition,
)
from tests.naive import bandits as naive

MEANS = np.array([0.2, 0.5, 0.8, 0.4])
FORGETTING: list[dict[str, Any]] = [{}, {"discount": 0.97}, {"window_size": 25}]


@pytest.mark.parametrize("forgets", FORGETTING)
def test_bounds_equal_the_plain_ones(forgets: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    ucb, bayes = UCB(n_actions=4, confidence=0.7, **forgets), BayesUCB(n_actions=4, **forgets)
    logs = [naive.Log(4, **forgets) for _ in "12"]
    for i in range(150):
        for model, log, due in zip(
            (ucb, bayes), logs, (naive.ucb(logs[0], 0.7), naive.bayes_ucb(logs[1]))
        ):
            arm = model.act_one(explore=True)
            assert arm == due
            assert model.policy_one()[arm] == 1.0
            if i % 10 == 3:  # what others pulled counts too
                arm = int(rng.integers(4))
            reward = rng.normal(10 * MEANS[arm])
            model.fit_one(Transition(None, arm, reward))
            log.add(arm, reward)


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_exp3_equals_the_plain_one(share: float) -> None:
    rng = np.random.default_rng(0)
    model, rows = Exp3(n_actions=4, gamma=0.2, share=share, seed=1), []
    for i in range(100):
        arm, reward = int(rng.integers(4)), float(rng.random())
        logged = 0.25 if i % 3 else None
        model.fit_one(Transition(None, arm, reward, probability=logged))
        rows.append((arm, reward, logged))
        np.testing.assert_allclose(model.policy_one(), naive.exp3(rows, 4, 0.2, share), rtol=1e-9)


def test_lin_ucb_equals_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    model, rows = LinUCB(n_actions=3, confidence=0.5, ridge=2.0), []
    weights = rng.normal(size=(3, 4))
    for x in rng.normal(size=(200, 4)):
        arm = model.act_one(x, explore=True)
        assert arm == naive.lin_ucb(rows, x, 3, 0.5, 2.0)
        rows.append((x, arm, float(weights[arm] @ x + rng.normal())))
        model.fit_one(Transition(x, arm, rows[-1][2]))


def test_discounted_ridge_stays_regular_and_follows() -> None:
    rng = np.random.default_rng(0)
    model = LinUCB(n_actions=2, discount=0.98)
    for sign in (1.0, -1.0):
        for _ in range(1_500):
            x = np.array([rng.normal(), 0.0])  # a feature that never moves keeps its ridge
            arm = model.act_one(x, explore=True)
            model.fit_one(Transition(x, arm, sign * (1 - 2 * arm) * x[0]))
        assert [model.act_one([1.0, 0.0]), model.act_one([-1.0, 0.0])] == [sign < 0, sign > 0]
    still = model.inverse_root_[:, 1, 1] ** -2
    assert ((still > 0.5) & (still < 2.0)).all()


@pytest.mark.parametrize(
    ("bandit", "most"),
    [
        (EpsilonGreedy(n_actions=4, epsilon=0.1, seed=1), 0.06),
        (UCB(n_actions=4, seed=1), 0.1),
        (BayesUCB(n_actions=4, seed=1), 0.03),
        (ThompsonSampling(n_actions=4, seed=1), 0.03),
        (ThompsonSampling(n_actions=4, rewards="gaussian", seed=1), 0.03),
        (Exp3(n_actions=4, gamma=0.1, seed=1), 0.09),
    ],
    ids=repr,
)
def test_regret_a_pull(bandit: Any, most: float) -> None:
    rng = np.random.default_rng(3)
    arm, regret = bandit.act_one(explore=True), 0.0
    for u in rng.random(4_000):
        regret += MEANS.max() - MEANS[arm]
        arm = bandit.fit_act_one(Transition(None, arm, float(u < MEANS[arm])))
    assert regret / 4_000 < most
    assert bandit.act_one() == MEANS.argmax()


@pytest.mark.parametrize(
    "bandit", [UCB(n_actions=2, window_size=200), Exp3(n_actions=2, share=0.002, seed=1)], ids=repr
)
def test_what_forgets_follows_a_change(bandit: Any) -> None:
    rng = np.random.default_rng(0)
    for best in (0, 1):
        arm = bandit.act_one(explore=True)
        for u in rng.random(2_000):
            arm = bandit.fit_act_one(Transition(None, arm, float(u < 0.3 + 0.4 * (arm == best))))
        assert bandit.act_one() == best


def test_thompson_probabilities_are_those_of_its_draws() -> None:
    model = ThompsonSampling(n_actions=3, seed=1)
    for arm, rewards in enumerate(([0, 1], [1, 1, 0], [0, 0, 1])):
        model.fit_many([Transition(None, arm, float(r)) for r in rewards])
    draws = np.random.default_rng(0).beta([2, 3, 2], [2, 2, 3], size=(100_000, 3)).argmax(1)
    expected = np.bincount(draws) / len(draws)
    np.testing.assert_allclose(model.policy_one(), expected, atol=0.1)
    with pytest.raises(ValueError, match="rewards"):
        ThompsonSampling(n_actions=2, rewards="many").act_one()


def test_linear_thompson_sampling_learns() -> None:
    rng = np.random.default_rng(0)
    model, weights = LinTS(n_actions=4, confidence=0.5, seed=1), rng.normal(size=(4, 5))
    X, regret = rng.normal(size=(3_000, 5)), []
    for x in X:
        arm = model.act_one(x, explore=True)
        regret.append((weights @ x).max() - weights[arm] @ x)
        model.fit_one(Transition(x, arm, float(weights[arm] @ x + rng.normal())))
    assert np.mean(regret[-1_000:]) < 0.1 * np.mean(regret[:50])
    np.testing.assert_allclose(model.policy_one(X[0]).sum(), 1.0)


def regret_of(strategy: str, means: Any, horizon: int, seed: int) -> float:
    """Regret of one pass; after the arms have come, that of the one that was kept."""
    bandit = StreamingArmsBandit(n_actions=len(means), horizon=horizon, strategy=strategy)
    regret, arm = 0.0, bandit.act_one(explore=True)
    for i, u in enumerate(np.random.default_rng(seed).random(horizon)):
        if bandit.diagnostics()["settled"] and i % 100 == 0:
            return regret + (horizon - i) * (means.max() - means[arm])
        regret += means.max() - means[arm]
        arm = bandit.fit_act_one(Transition(None, arm, float(u < means[arm])))
    return regret


@pytest.mark.parametrize(("strategy", "share"), [("king", 0.25), ("log_star", 0.5)])
def test_one_arm_in_memory_beats_uniform_pulls(strategy: str, share: float) -> None:
    regrets = {name: 0.0 for name in ("uniform", strategy)}
    for seed in range(4):
        means = np.random.default_rng(seed).random(50)
        for name in regrets:
            regrets[name] += regret_of(name, means, 40_000, seed)
    assert regrets[strategy] < share * regrets["uniform"]


def test_arms_that_are_gone_teach_nothing() -> None:
    bandit = StreamingArmsBandit(n_actions=5, horizon=1_000)
    states = [
        {name: str(value) for name, value in bandit.fit_one(row).get_state().items()}
        for row in (Transition(None, 3, 1.0), Transition(None, 4, 1.0))
    ]
    assert {name for name in states[0] if states[0][name] != states[1][name]} == {"clock_"}


def test_a_policy_is_judged_by_anothers_log() -> None:
    rng = np.random.default_rng(0)
    n, means = 20_000, np.array([0.2, 0.5, 0.7])
    X = rng.integers(2, size=n)
    logged = np.where(X[:, None] == 0, [0.6, 0.3, 0.1], [0.2, 0.2, 0.6])
    actions = np.array([rng.choice(3, p=p) for p in logged])
    rewards = (rng.random(n) < means[actions] * (1 - 0.5 * X)).astype(float)
    policy = np.tile([0.1, 0.1, 0.8], (n, 1))
    true = float((policy * means * (1 - 0.5 * X)[:, None]).sum(1).mean())
    predicted = np.outer(1 - 0.4 * X, means)  # wrong, yet of use
    drawn = logged[np.arange(n), actions]
    found = {
        method: policy_value(rewards, actions, drawn, policy, method=method, predicted=predicted)
        for method in ("ips", "snips", "dr")
    }
    for method, estimate in found.items():
        assert abs(estimate.value - true) < 4 * estimate.standard_error, method
    assert found["dr"].standard_error < found["snips"].standard_error < found["ips"].standard_error
    assert found["ips"].effective_size < n
    for name, value in [
        ("logged", 0 * drawn),
        ("policy", policy[:5]),
        ("policy", policy + np.array([0.3, -0.3, 0.0])),  # sums to 1
        ("actions", actions + 3),
        ("rewards", rewards * np.nan),
        ("rewards", rewards[:, None]),
        ("rewards", []),
        ("clip", 0.0),
        ("clip", np.nan),
    ]:
        arguments = {"rewards": rewards, "actions": actions, "logged": drawn, "policy": policy}
        with pytest.raises(ValueError, match=name):
            policy_value(**(arguments | {name: value}))  # type: ignore[arg-type]
    for guess in (None, predicted[:, :1], predicted * np.inf):
        with pytest.raises(ValueError, match=r"^predicted: got "):
            policy_value(rewards, actions, drawn, policy, method="dr", predicted=guess)


@pytest.mark.parametrize("bandit", [LinUCB(n_actions=2), LinTS(n_actions=2, seed=1)], ids=repr)
def test_what_was_refused_is_not_looked_at(bandit: Any) -> None:
    x, others = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    bandit = bandit.clone().fit_many([Transition(x, 1, 1.0), Transition(x, 0, 0.5)])
    due, following = bandit.act_one(x, explore=True), bandit.clone().set_state(bandit.get_state())
    for refused in (
        Transition(x, 0, np.inf),
        Transition(x, 10**400, 1.0),
        Transition(x, 0, 10**400),
        Transition(x, 2, 1.0),
        Transition(x, 0, 1.0, np.array([np.inf, 0.0])),
    ):
        with pytest.raises(ValueError, match=r"reward|action|next_observation"):
            bandit.fit_one(refused)
        assert bandit.act_one(x, explore=True) == due
    for row in (Transition(x, 0, 1.0, others), Transition(x, 1, 1.0), Transition(x, 1, 1.0, x)):
        assert bandit.fit_act_one(row) == following.fit_act_many([row])[0]


def test_widths_keep_their_digits_where_features_are_nearly_one() -> None:
    rng, n = np.random.default_rng(0), 5_000
    X = 1e4 + rng.normal(size=(n, 3))
    y = X @ [1.0, -2.0, 1.0] + rng.normal(size=n)
    model = LinUCB(n_actions=2)
    model.fit_many([Transition(x, 0, float(r)) for x, r in zip(X, y)])
    Z = np.vstack(
        [np.c_[X, np.ones(n)], np.eye(4)]
    )  # the ridge as rows: no squares of its condition
    weights, *_ = np.linalg.lstsq(Z, np.append(y, np.zeros(4)))
    np.testing.assert_allclose(model.weights_[0], weights, atol=1e-6)
    upper = np.linalg.qr(Z, mode="r")
    due = np.linalg.norm(np.linalg.solve(upper.T, Z[0]))
    np.testing.assert_allclose(np.linalg.norm(model.inverse_root_[0] @ Z[0]), due, rtol=1e-8)
