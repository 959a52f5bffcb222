"""Regressions on a network's last layer: equal to plain ones, and good where lines are not."""

from typing import Any

import numpy as np
import pytest

from benchmarks.rl_bandits import wheel
from onlineml.rl import LinTS, NeuralLinear, Transition
from tests.naive.mlp import Network
from tests.naive.neural_linear import PRIOR
from tests.naive.neural_linear import NeuralLinear as Naive


@pytest.mark.parametrize(
    ("optimizer", "discount", "hidden", "memory"),
    [
        ("adam", 0.97, (5, 4), (0, 0)),
        ("sgd", 1.0, (6,), (0, 0)),
        ("adam", 1.0, (5, 4), (1_000, 2)),
        ("sgd", 0.97, (5,), (50, 1)),
    ],
)
def test_equals_the_plain_one(
    optimizer: Any, discount: float, hidden: Any, memory: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    model = NeuralLinear(
        n_actions=3, hidden=hidden, optimizer=optimizer, discount=discount, ridge=2.0,
        confidence=1.0, learning_rate=0.005, memory_size=memory[0], n_replays=memory[1], seed=1,
    )  # fmt: skip
    net = Network(hidden, "relu", optimizer, 0.005, 0.0, 1)
    plain = Naive(3, net, 2.0, discount, *memory, seed=1)
    X = rng.normal(size=(120, 4)) + np.arange(4)
    X[::7, 1] = np.nan
    for i, x in enumerate(X):
        arm, reward = int(rng.integers(3)), 50 + 20 * float(rng.normal())
        model.fit_one(Transition(x, arm, reward))
        plain.fit_one(x, arm, reward)
        if i % 20 == 19:
            means, widths, a, b = np.array(plain.posterior(X[0])).T
            assert model.act_one(X[0]) == means.argmax()
            together = PRIOR + (b - PRIOR).sum(), PRIOR + (a - PRIOR).sum()
            noise = together[0] / rng.gamma(together[1], size=(100_000, 1))
            draws = np.sqrt(np.maximum(b / rng.gamma(a, size=(100_000, 3)), noise) * widths)
            draws = means + draws * rng.normal(size=draws.shape)
            share = np.bincount(draws.argmax(1), minlength=3) / len(draws)
            np.testing.assert_allclose(model.policy_one(X[0]), share, atol=0.12)
    root = model.arm_inverse_root_
    np.testing.assert_allclose(
        root.swapaxes(1, 2) @ root, np.linalg.inv(plain.precision), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        model.arm_weights_, [np.linalg.solve(*arm) for arm in zip(plain.precision, plain.moment)],
        atol=1e-6,
    )  # fmt: skip
    left = 2 * (np.array([b for *_, b in plain.posterior(X[0])]) - PRIOR)
    np.testing.assert_allclose(model.arm_noise_.T, [plain.count, left], atol=1e-6)


def ring(rng: Any) -> tuple[Any, Any]:
    """Three arms: which one pays is how far the context is from the middle."""
    x = rng.uniform(-1, 1, 2)
    means = np.zeros(3)
    means[int(np.searchsorted([0.4, 0.8], np.linalg.norm(x)))] = 1.0
    return x, means


def exclusive_or(rng: Any) -> tuple[Any, Any]:
    """Two arms: which one pays is the sign of a product of two features."""
    x = rng.uniform(-1, 1, 2)
    return x, np.array([x[0] * x[1] > 0, x[0] * x[1] <= 0], float)


def regret(bandit: Any, world: Any, n: int, late: int = 0) -> float:
    """Loss in the last half of `n` pulls, as a share of that of pulls at random."""
    rng, lost, chance, waiting = np.random.default_rng(5), 0.0, 0.0, []
    for i in range(n):
        x, means = world(rng)
        arm = bandit.act_one(x, explore=True)
        if i >= n // 2:
            lost += means.max() - means[arm]
            chance += means.max() - means.mean()
        waiting.append(Transition(x, arm, means[arm] + 0.1 * rng.normal()))
        if len(waiting) > late:
            bandit.fit_one(waiting.pop(int(rng.integers(len(waiting)))))
    return lost / chance


@pytest.mark.parametrize(("world", "n_actions", "most"), [(ring, 3, 0.16), (exclusive_or, 2, 0.06)])
def test_learns_where_rewards_are_not_linear(world: Any, n_actions: int, most: float) -> None:
    assert regret(LinTS(n_actions=n_actions, seed=1), world, 3_000) > 0.7
    assert regret(NeuralLinear(n_actions=n_actions, seed=1), world, 3_000) < most


def test_rewards_may_come_late_in_any_order() -> None:
    assert regret(NeuralLinear(n_actions=2, seed=1), exclusive_or, 3_000, late=100) < 0.2


def test_without_rows_that_are_kept_learns_in_one_pass() -> None:
    bandit = NeuralLinear(
        n_actions=2, learning_rate=0.005, discount=0.999, memory_size=0, seed=1
    )  # fmt: skip
    assert regret(bandit, exclusive_or, 3_000) < 0.2
    assert bandit.kept_rows_.size == 0


def test_kept_rows_mend_what_entered_by_features_that_moved() -> None:
    shares = [
        np.mean([
            regret(NeuralLinear(n_actions=3, seed=seed, **settings), ring, 3_000)
            for seed in range(3)
        ])
        for settings in ({}, {"memory_size": 0})
    ]  # fmt: skip
    assert shares[0] < 0.8 * shares[1]


def test_settings_are_checked() -> None:
    for name, value in [
        ("hidden", ()),
        ("ridge", 0.0),
        ("discount", 1.5),
        ("confidence", -1.0),
        ("memory_size", -1),
        ("n_replays", 1.5),
    ]:
        with pytest.raises(ValueError, match=name):
            NeuralLinear(n_actions=2, **{name: value}).act_one([0.0])  # type: ignore[arg-type]


@pytest.mark.parametrize(("delta", "most"), [(0.5, 3.6), (0.9, 9.0)])
def test_on_the_wheel_it_loses_little(delta: float, most: float) -> None:
    """In percent of chance; 4.4 and 10.8 where rewards only count in their own deviation."""
    lost = [wheel(NeuralLinear(n_actions=5, seed=i), delta, 10_000, i) for i in range(4)]
    assert np.mean(lost) < most
