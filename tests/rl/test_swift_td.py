"""SwiftTD and SwiftSARSA: equal to the paper's loop, to textbook traces, right where one knows."""

import numpy as np
import pytest

from onlineml.evaluation.episodes import InWorld
from onlineml.rl import Chain, SwiftSARSA, SwiftTD, Transition
from tests.naive import swift_td as naive
from tests.rl.streams import transitions


@pytest.mark.parametrize("bound", [0.1, 1.0])
@pytest.mark.parametrize("rate", [1e-3, 0.05])
def test_equals_the_papers_loop(rate: float, bound: float) -> None:
    model = SwiftTD(
        gamma=0.9, lambda_=0.8, learning_rate=rate, meta_learning_rate=1e-4, bound=bound
    )
    twin = naive.SwiftTD(5, 0.9, 0.8, rate, 1e-4, bound, 0.99, 1e-7)
    stream = transitions(1, 400)
    stream[-1] = stream[-1]._replace(terminated=True)  # the twin has seen what follows already
    for t in stream:
        x, y = (np.where(np.abs(v) < 0.9, 0.0, v / 3) for v in (t.observation, t.next_observation))
        found = model.fit_predict_one(Transition(x, None, t.reward, y, t.terminated, t.truncated))
        twin.fit(x, t.reward, y, t.terminated, t.terminated or t.truncated)
        assert found == pytest.approx(twin.value(y), rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(model.weights_, twin.w, rtol=1e-7)
    np.testing.assert_allclose(model.log_rate_, twin.beta, rtol=1e-7)
    assert len(set(twin.beta)) > 1


def test_fixed_steps_are_true_online_traces() -> None:
    """Sutton and Barto (2018), the box of section 12.5."""
    model = SwiftTD(gamma=0.9, lambda_=0.7, learning_rate=0.01, meta_learning_rate=0.0, bound=1.0)
    w, z, old = np.zeros(6), np.zeros(6), 0.0
    for t in transitions(2, 300):
        x, y = np.append(0.3 * t.observation, 1.0), np.append(0.3 * t.next_observation, 1.0)
        model.fit_one(t._replace(observation=x[:5], next_observation=y[:5]))
        if not z.any():
            old = w @ x
        value, after = w @ x, 0.0 if t.terminated else w @ y
        error = t.reward + 0.9 * after - value
        z = 0.63 * z + (1 - 0.01 * 0.63 * (z @ x)) * x
        w = w + 0.01 * (error + value - old) * z - 0.01 * (value - old) * x
        old = after
        if t.terminated or t.truncated:
            z = np.zeros(6)
    np.testing.assert_allclose(model.weights_, w, rtol=1e-9)


def walk(model: SwiftTD, n_episodes: int, n_noise: int) -> SwiftTD:
    """Five states in a row, a reward behind the last; beside them features that tell nothing."""
    rng, states = np.random.default_rng(0), np.eye(5)

    def seen(at: int) -> np.ndarray:
        return np.append(states[at], rng.random(n_noise) < 0.5)

    for _ in range(n_episodes):
        at, x = 2, seen(2)
        while 0 <= at < 5:
            to = at + rng.choice([-1, 1])
            ends = not 0 <= to < 5
            y = None if ends else seen(to)
            model.fit_one(Transition(x, None, float(to == 5), y, ends))
            at, x = to, y
    return model


def test_prediction_of_a_random_walk() -> None:
    model = walk(SwiftTD(gamma=1.0, lambda_=0.8), 1_500, 0)
    np.testing.assert_allclose(model.predict_many(np.eye(5)), np.arange(1, 6) / 6, atol=0.06)


def test_features_that_tell_nothing_get_short_steps() -> None:
    """Which leaves half of the error that is left with fixed steps."""
    X, errors = np.hstack([np.eye(5), np.full((5, 5), 0.5)]), []
    for meta in (0.01, 0.0):
        model = walk(SwiftTD(gamma=1.0, lambda_=0.8, meta_learning_rate=meta), 1_500, 5)
        errors.append(np.abs(model.predict_many(X) - np.arange(1, 6) / 6).max())
        rates = np.exp(model.log_rate_)
        assert meta == 0.0 or rates[:5].mean() > 8 * rates[5:10].mean()
    assert errors[0] < 0.05 < errors[1]


def test_steps_too_long_are_shortened() -> None:
    """A hundred features of 1 and a step of 0.1 each: ten times the error, without the bound."""
    model, X = SwiftTD(learning_rate=0.1, gamma=0.0), np.ones((600, 100))
    for x in X:
        model.fit_one(Transition(x, None, 1.0, x))
        assert model.predict_one(x) <= 1.0
    assert model.predict_one(X[0]) > 0.99
    assert np.exp(model.log_rate_).sum() <= 0.1 * 1.001


def test_settings_out_of_range() -> None:
    x = [1.0, 0.0]
    for name, value in {
        "gamma": 2.0,
        "bound": 0.0,
        "least_rate": 0.5,
        "learning_rate": 0.0,
    }.items():
        with pytest.raises(ValueError, match=name):
            SwiftTD(**{name: value}).fit_one(Transition(x, None, 1.0, x))


def test_sarsa_equals_the_papers_loop() -> None:
    agent = SwiftSARSA(
        n_actions=3, gamma=0.9, lambda_=0.8, meta_learning_rate=1e-4, epsilon=0.3, seed=1
    )
    twin = naive.SwiftSARSA(3 * 6 - 1, 0.9, 0.8, 0.01, 1e-4, 0.1, 0.99, 1e-7)
    action, explored = 0, 0
    for t in transitions(1, 300):
        x, y, ends = t.observation / 3, t.next_observation / 3, t.terminated or t.truncated
        due = agent.fit_act_one(Transition(x, action, t.reward, y, ends))
        assert ends or agent.act_one(y, explore=True) == due
        twin.fit((x, action), t.reward, (y, due), ends, ends)
        action = due
        values = [twin.value((y, k)) for k in range(3)]
        assert agent.act_one(y) == int(np.argmax(values))
        explored += due != agent.act_one(y)
    assert explored > 20
    pairs = np.array(twin.w), agent.weights_
    np.testing.assert_allclose(*pairs, rtol=1e-6, atol=1e-9)


def test_sarsa_learns_values_of_a_chain() -> None:
    """Without exploring any more, the value of a state is what its distance leaves of 1."""
    agent = SwiftSARSA(n_actions=2, gamma=0.8, epsilon_steps=2_000, final_epsilon=0.0, seed=1)
    world, ends = Chain(n_states=6, seed=1), True
    for _ in range(8_000):
        if ends:
            x = world.reset()[0]
            action = agent.act_one(x, explore=True)
        y, reward, ends, _, _ = world.step(action)
        action, x = agent.fit_act_one(Transition(x, action, reward, y, ends)), y
    assert agent.act_many(np.eye(6)).tolist() == [1] * 6
    right = agent.weights_.reshape(2, 7)[1]
    np.testing.assert_allclose(right[3:6] + right[6], 0.8 ** np.array([2, 1, 0]), atol=0.02)


def test_sarsa_in_a_compiled_world() -> None:
    """Its steps are Python's there, and the episodes those that ended."""
    there = InWorld(SwiftSARSA(n_actions=2, seed=1), Chain(n_states=5, seed=1))
    ended = there.run(500) + [(500 + k, *rest) for k, *rest in there.run(500)]
    lengths = np.diff([0, *(k for k, *_ in ended)])
    assert [length for *_, length, _ in ended] == lengths.tolist()
    assert {total for _, total, *_ in ended} == {0.0, 1.0}
    assert np.mean([total for _, total, *_ in ended][-50:]) > 0.8
