"""Agents with networks: equal to torch, episodes in compiled worlds, stopping and going on."""

from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.kernels.experience import FACTOR
from onlineml.kernels.stream_agent import KEPT
from onlineml.kernels.trace_rules import ERROR_2
from onlineml.rl import (
    QRC,
    SGD,
    Adam,
    AdaptiveObGD,
    AdaptiveQ,
    CartPole,
    Chain,
    Intentional,
    ObGD,
    StreamAC,
    StreamQ,
    StreamSARSA,
    StreamTD,
    Transition,
)
from onlineml.schema import Schema
from tests.rl.streams import transitions

RULES: dict[str, tuple[Any, dict[str, float]]] = {
    "sgd": (SGD(learning_rate=1e-4), {"learning_rate": 1e-4}),
    "adam": (
        Adam(learning_rate=1e-3, clip=2.0),
        {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "clip": 2.0},
    ),
    "obgd": (ObGD(), {"learning_rate": 1.0}),
    "adaptive_obgd": (AdaptiveObGD(), {"learning_rate": 1.0, "beta_2": 0.999}),
    "intentional": (
        Intentional(refresh=1),
        {"beta_2": 0.999, "clip": 20.0, "error_decay": 0.9998},
    ),
}
OF_CRITIC = {"kappa": 2.0, "share": 0.5, "of_policy": 0}
OF_ACTOR = {"kappa": 3.0, "share": 0.05, "of_policy": 1}


def made(kind: str, rule: Any) -> Any:
    shared = {"hidden": (32, 20), "critic_rule": rule, "seed": 1}
    if kind == "td":
        return StreamTD(time_feature=50, **shared)
    if kind == "gaussian":
        return StreamAC(action_size=2, actor_rule=rule, time_feature=100, **shared)
    if kind == "softmax":
        return StreamAC(n_actions=3, actor_rule=rule, bootstrap_on_truncation=False, **shared)
    return StreamQ(n_actions=3, **shared)


@pytest.mark.parametrize("kind", ["gaussian", "softmax", "q", "td"])
@pytest.mark.parametrize("name", RULES)
def test_equals_torch(kind: str, name: str) -> None:
    """Episodes one after another: as near as torch in single precision comes itself."""
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    rule, numbers = RULES[name]
    model = made(kind, rule).start(Schema(5))
    rules = {"critic": (name, numbers | OF_CRITIC), "actor": (name, numbers | OF_ACTOR)}
    twins = [Agent(model, kind, rules, dtype) for dtype in (torch.float32, torch.float64)]
    n = 300 if kind == "gaussian" and name in ("obgd", "intentional") else 60
    stream = transitions(0, n, action_size=2 if kind == "gaussian" else None)
    for transition in stream:
        for twin in twins:
            twin.fit(*transition)
    model.fit_many(stream)
    for part in ("critic", "actor")[: 1 if kind in ("q", "td") else 2]:
        single, double = (getattr(twin, part).flat() for twin in twins)
        ours = getattr(model, f"{part}_weights_")[: len(double)]
        noise = float(np.abs(single - double).max())
        assert np.abs(ours - double).max() <= 1e-5 + 5 * noise, (part, noise)
        assert np.abs(ours - double).max() < 2e-4, part


@pytest.mark.parametrize("kind", ["gaussian", "softmax", "q", "td"])
def test_bounded_steps_equal_the_rule_in_double_precision(kind: str) -> None:
    """What single precision loses of a weight is kept: of 1e-7, nothing else would come near."""
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    model = made(kind, ObGD()).set_params(hidden=(128, 128)).start(Schema(5))
    rules = {
        part: ("obgd", {"learning_rate": 1.0} | of)
        for part, of in (("critic", OF_CRITIC), ("actor", OF_ACTOR))
    }
    twin = Agent(model, kind, rules, torch.float64)
    stream = transitions(0, 300, action_size=2 if kind == "gaussian" else None)
    for transition in stream:
        twin.fit(*transition)
    model.fit_many(stream)
    for part in ("critic", "actor")[: 1 if kind in ("q", "td") else 2]:
        due = getattr(twin, part).flat()
        np.testing.assert_allclose(
            getattr(model, f"{part}_weights_")[: len(due)], due, rtol=0, atol=1e-7
        )


@pytest.mark.parametrize("kind", ["gaussian", "softmax"])
def test_longer_traces_of_the_policy_equal_torch(kind: str) -> None:
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    rule, numbers = RULES["intentional"]
    model = made(kind, rule).set_params(actor_lambda=0.95).start(Schema(5))
    ofs = {"critic": OF_CRITIC, "actor": OF_ACTOR}
    rules = {part: ("intentional", numbers | of) for part, of in ofs.items()}
    twins = [Agent(model, kind, rules, dtype) for dtype in (torch.float32, torch.float64)]
    stream = transitions(0, 60, action_size=2 if kind == "gaussian" else None)
    for transition in stream:
        for twin in twins:
            twin.fit(*transition)
    model.fit_many(stream)
    for part in ofs:
        single, double = (getattr(twin, part).flat() for twin in twins)
        noise = float(np.abs(single - double).max())
        ours = getattr(model, f"{part}_weights_")[: len(double)]
        assert np.abs(ours - double).max() <= 1e-5 + 5 * noise, part


def test_fading_of_the_policys_traces_is_a_share() -> None:
    with pytest.raises(ValueError, match="actor_lambda"):
        StreamAC(action_size=2, hidden=(4,), actor_lambda=1.5).start(Schema(3))


def test_state_of_another_rule_is_refused() -> None:
    agent = StreamQ(n_actions=3, hidden=(4,), critic_rule=SGD(), seed=1)
    state = agent.fit_many(transitions(0, 3)).get_state()
    with pytest.raises(ValueError, match="critic_moments_"):
        agent.clone().set_params(critic_rule=Intentional()).set_state(state)


@pytest.mark.parametrize("kind", ["gaussian", "softmax"])
def test_gradient_of_one_transition(kind: str) -> None:
    """Traces that fade at once are the gradient itself."""
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    model = made(kind, SGD(learning_rate=1e-30)).set_params(lambda_=0.0).start(Schema(5))
    rules = {part: ("sgd", {"learning_rate": 1e-30}) for part in ("critic", "actor")}
    twin = Agent(model, kind, rules, torch.float64)
    for transition in transitions(3, 20, action_size=2 if kind == "gaussian" else None):
        twin.fit(*transition)
        model.fit_one(transition)
        for part in ("critic", "actor"):
            net, z = getattr(twin, part), getattr(twin, f"{part}_traces").z
            with torch.no_grad():
                for parameter, trace in zip(net.parameters(), z):
                    parameter.copy_(trace)
            due = net.flat()
            ours = getattr(model, f"{part}_traces_")[: len(due)]
            np.testing.assert_allclose(ours, due, rtol=2e-4, atol=1e-5 * np.abs(due).max())
        _restore(twin, model)


@pytest.mark.parametrize("kind", ["gaussian", "q", "td"])
def test_corrections_equal_torch(kind: str) -> None:
    """Both networks, the true gradient of the error included."""
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    rule, numbers = QRC(learning_rate=5e-4), {"ratio": 0.1, "beta": 1.0}
    model = made(kind, rule if kind != "gaussian" else SGD())
    model.set_params(critic_rule=rule).start(Schema(5))
    rules = {
        "critic": ("qrc", numbers | {"learning_rate": 5e-4}),
        "actor": ("sgd", {"learning_rate": 1e-4}),
    }
    twins = [Agent(model, kind, rules, dtype) for dtype in (torch.float32, torch.float64)]
    first, stream = (
        model.critic_weights_.copy(),
        transitions(0, 120, action_size=2 if kind == "gaussian" else None),
    )
    for transition in stream:
        for twin in twins:
            twin.fit(*transition)
    model.fit_many(stream)
    n = len(twins[0].critic.flat())
    for ours, part in ((model.critic_weights_, "critic"), (model.critic_moments_, "second")):
        single, double = (getattr(twin, part).flat() for twin in twins)
        noise = np.abs(single - double).max()
        assert np.abs(ours[:n] - double).max() <= 1e-5 + 5 * noise, part
    assert np.abs(model.critic_weights_ - first).max() > 0.01


def test_corrections_are_for_values_only() -> None:
    with pytest.raises(ValueError, match="actor_rule"):
        StreamAC(n_actions=2, actor_rule=QRC()).fit_one(Transition(np.ones(2), 0, 1.0, np.ones(2)))


def _restore(twin: Any, model: Any) -> None:
    """Give the twin's networks their weights back."""
    import torch

    from tests.naive.stream_agents import Net

    for part, shape in zip(("critic", "actor"), model._shapes(5)):
        net = Net(shape, getattr(model, f"{part}_weights_"), torch.float64)
        setattr(twin, part, net)
        getattr(twin, f"{part}_traces").parameters = list(net.parameters())


def test_sarsa_that_never_explores_is_q_without_cuts() -> None:
    shared: dict[str, Any] = {"n_actions": 3, "hidden": (16,), "epsilon": 0.0, "final_epsilon": 0.0}
    sarsa = StreamSARSA(seed=1, **shared)
    q = StreamQ(seed=1, cut_traces=False, **shared)
    stream = transitions(0, 300)
    np.testing.assert_array_equal(
        sarsa.fit_many(stream).critic_weights_, q.fit_many(stream).critic_weights_
    )


def test_sarsa_learns_of_the_action_that_it_then_takes() -> None:
    agent = StreamSARSA(n_actions=3, hidden=(16,), epsilon=0.5, final_epsilon=0.5, seed=1)
    for transition in transitions(0, 200):
        agent.fit_one(transition)
        if not (transition.terminated or transition.truncated):
            due = agent.act_one(transition.next_observation, explore=True)
            assert due == agent.clock_[KEPT]


def test_prediction_of_a_random_walk() -> None:
    """Five states in a row, a reward behind the last: due are 1/6 to 5/6."""
    rng, model = np.random.default_rng(0), StreamTD(hidden=(32,), gamma=1.0, seed=1)
    states = np.eye(5)
    for _ in range(1_500):
        at = 2
        while 0 <= at < 5:
            to = at + rng.choice([-1, 1])
            ends = not 0 <= to < 5
            model.fit_one(
                Transition(states[at], None, float(to == 5), None if ends else states[to], ends)
            )
            at = to
    np.testing.assert_allclose(model.predict_many(states), np.arange(1, 6) / 6, atol=0.12)


def test_rare_renewal_of_roots_learns_the_same() -> None:
    """Weights part, as do those of two seeds; the errors that are left do not."""
    errors = [
        np.mean([
            StreamQ(n_actions=3, hidden=(16, 16), critic_rule=Intentional(refresh=every), seed=seed)
            .fit_many(transitions(1, 2000))
            .critic_statistics_[ERROR_2]
            for seed in range(4)
        ])
        for every in (1, 8)
    ]  # fmt: skip
    assert errors[1] == pytest.approx(errors[0], rel=0.15)


@pytest.mark.parametrize(
    "agent",
    [
        StreamAC(n_actions=2, hidden=(32, 32), seed=3),
        StreamQ(n_actions=2, hidden=(32, 32), epsilon_steps=5_000, seed=3),
    ],
)
def test_keeps_the_pole_up(agent: Any) -> None:
    episodes = agent.clone().run(CartPole(seed=1), 100_000)
    assert episodes.returns[:20].mean() < 100
    assert np.median(episodes.returns[-20:]) > 450
    assert (episodes.returns == episodes.lengths).all()
    assert (episodes.terminated == (episodes.lengths < 500)).all()


@pytest.mark.parametrize(
    "agent",
    [
        AdaptiveQ(n_actions=2, hidden=(32, 32), epsilon_steps=5_000),
        StreamQ(
            n_actions=2, hidden=(32, 32), epsilon_steps=5_000, critic_rule=QRC(learning_rate=0.01)
        ),
    ],
)
def test_holds_the_pole_longer_and_longer(agent: Any) -> None:
    """Without a bound of steps not always to the end: three seeds together."""
    runs = [
        agent.clone().set_params(seed=seed).run(CartPole(seed=seed), 100_000).returns
        for seed in range(3)
    ]
    assert np.mean([returns[:20].mean() for returns in runs]) < 40
    assert np.mean([returns[-20:].mean() for returns in runs]) > 200


def test_adaptive_q_is_q_by_adam_with_bounded_errors() -> None:
    stream = transitions(0, 200)
    rule = Adam(learning_rate=0.01, beta_1=0.0, clip=0.5)
    q = StreamQ(n_actions=3, hidden=(16,), critic_rule=rule, seed=1).fit_many(stream)
    made = AdaptiveQ(n_actions=3, hidden=(16,), learning_rate=0.01, clip=0.5, seed=1)
    np.testing.assert_array_equal(made.fit_many(stream).critic_weights_, q.critic_weights_)
    assert (made.set_params(clip=5.0).fit_many(stream).critic_weights_ != q.critic_weights_).any()


def test_a_run_is_the_loop() -> None:
    """The compiled loop, the loop in Python, and a stop in between: the same bits."""
    agent = StreamAC(n_actions=2, hidden=(16,), seed=1)
    world = CartPole(max_steps=50, seed=2)
    fast = agent.clone()
    episodes = fast.run(world, 300)
    stopped, again = agent.clone(), CartPole(max_steps=50, seed=2)
    first = stopped.run(again, 123)
    second = agent.clone().set_state(stopped.get_state())
    rest = second.run(CartPole(max_steps=50).set_state(again.get_state()), 177)
    assert_same_state(fast.get_state(), second.get_state())
    assert [*first.returns, *rest.returns] == episodes.returns.tolist()

    slow, there, returns = agent.clone(), CartPole(max_steps=50, seed=2), []
    (x, _), total = there.reset(), 0.0
    for _ in range(300):
        action = slow.act_one(x, explore=True)
        y, reward, terminated, truncated, _ = there.step(action)
        slow.fit_one(Transition(x, action, reward, y, terminated, truncated))
        total += reward
        if terminated or truncated:
            returns.append(total)
            (y, _), total = there.reset(), 0.0
        x = y
    assert returns == episodes.returns.tolist()
    assert_same_state(slow.get_state(), fast.get_state())


def test_acting_for_evaluation_changes_nothing() -> None:
    agent, world = StreamQ(n_actions=2, hidden=(16,), seed=1), CartPole(seed=2)
    agent.run(world, 500)
    before = agent.get_state()
    assert len(agent.run(CartPole(seed=5), 2000, fit=False).returns) > 0
    assert_same_state(before, agent.get_state())


def test_exploration_follows_its_schedule() -> None:
    agent = StreamQ(
        n_actions=3, hidden=(8,), epsilon=1.0, final_epsilon=0.0, epsilon_steps=400, seed=1
    )
    stream = transitions(2, 800)
    drawn = agent.fit_act_many(stream)
    early, late = drawn[:100], drawn[400:]
    assert np.bincount(early, minlength=3).min() > 15
    best = [agent.clone().fit_many(stream[: i + 1]).act_one(stream[i][3]) for i in (500, 600, 700)]
    assert late[[100, 200, 300]].tolist() == best


def test_gaussian_actions_spread_around_the_mean() -> None:
    agent = StreamAC(action_size=1, hidden=(8,), seed=1, actor_rule=SGD(learning_rate=1e-30))
    stream = transitions(4, 2000, action_size=1)
    drawn = agent.fit_act_many([t._replace(next_observation=stream[0][3]) for t in stream])[:, 0]
    assert 0.5 < drawn[200:].std() < 1.0  # softplus(0) is 0.69
    assert len(set(drawn.tolist())) == len(drawn)


def test_memory_does_not_grow_and_files_go_on(tmp_path: Any) -> None:
    agent, stream = StreamAC(action_size=2, seed=1), transitions(0, 300, action_size=2)
    sizes = [agent.fit_many(stream).nbytes for _ in range(3)]
    assert sizes[0] == sizes[1] == sizes[2]
    twin = load(save(agent, tmp_path / "agent.onl"))
    assert repr(twin) == repr(agent)
    assert_same_state(twin.fit_many(stream).get_state(), agent.fit_many(stream).get_state())


def test_rules_are_kept_in_files(tmp_path: Any) -> None:
    agent = StreamQ(n_actions=2, hidden=(4,), critic_rule=ObGD(kappa=3.0))
    assert load(save(agent, tmp_path / "a")).critic_rule.kappa == 3.0
    assert agent.set_params(critic_rule__kappa=2.5).clone().critic_rule.kappa == 2.5


def test_diagnostics() -> None:
    agent = StreamAC(n_actions=2, hidden=(16,), critic_rule=ObGD(), seed=1)
    assert agent.diagnostics() == {}
    agent.run(CartPole(seed=1), 3000)
    told: dict[str, Any] = agent.diagnostics()
    assert 0 < told["critic_step"] < 1
    assert 0 <= told["actor_bounded"] <= 1
    assert 0 <= told["critic_dead"] < 0.5


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"n_actions": 1}, "n_actions"), ({"hidden": ()}, "hidden"), ({"gamma": 2.0}, "gamma"),
        ({"epsilon": -1.0}, "epsilon"), ({"time_feature": 0}, "time_feature"),
        ({"critic_rule": ObGD(kappa=0.0)}, "kappa"),
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(parameters: dict[str, Any], named: str) -> None:
    agent = StreamQ(**({"n_actions": 2} | parameters))
    with pytest.raises(ValueError, match=named):
        agent.fit_one(Transition(np.ones(2), 0, 1.0, np.ones(2)))


def test_worlds_of_other_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="world"):
        StreamQ(n_actions=3).run(CartPole(), 1)
    agent = StreamQ(n_actions=2)
    agent.run(Chain(n_states=3), 1)
    with pytest.raises(ValueError, match="world"):
        agent.run(CartPole(), 1)


def circle(state: int, action: int) -> tuple[int, float]:
    """To stay pays 1 in the first of two states; to go on pays 3 every other time: 1.5 a step."""
    if action == 0:
        return state, (1.0, 0.5)[state]
    return 1 - state, (0.0, 3.0)[state]


@pytest.mark.parametrize("kind", [StreamQ, StreamSARSA, AdaptiveQ, StreamAC])
def test_what_never_ends_is_judged_by_its_average_reward(kind: Any) -> None:
    explores: dict[str, Any] = {} if kind is StreamAC else {"epsilon_steps": 2_000}
    agent = kind(
        n_actions=2, hidden=(16,), gamma=1.0, average_reward=0.01, seed=1, **explores
    )  # fmt: skip
    states, state, earned = np.eye(2), 0, []
    action = agent.act_one(states[0], explore=True)
    for _ in range(12_000):
        following, reward = circle(state, action)
        earned.append(reward)
        step = Transition(states[state], action, reward, states[following])
        state, action = following, agent.fit_act_one(step)
    assert np.mean(earned[-3_000:]) > 1.45
    assert agent.diagnostics()["average_reward"] == pytest.approx(1.5, abs=0.2)
    assert agent.reward_[FACTOR] > 0.01, "rewards keep their scale"


def test_differential_values_are_those_of_the_average_reward() -> None:
    rng, states, here, seen = np.random.default_rng(0), np.eye(5), 0, np.zeros(5)
    model = StreamTD(
        hidden=(32,), gamma=1.0, average_reward=0.01, critic_rule=Intentional(share=0.05), seed=1
    )
    for i in range(30_000):  # a walk around a ring; to come to the first state pays 1
        following = int(here + rng.choice([-1, 1])) % 5
        model.fit_one(Transition(states[here], None, float(following == 0), states[following]))
        here = following
        if i >= 20_000 and i % 50 == 0:
            seen += model.predict_many(states) / 200
    walk = 0.5 * (np.roll(states, 1, 1) + np.roll(states, -1, 1))
    due = np.linalg.lstsq(np.eye(5) - walk + 0.2, walk[:, 0] - 0.2)[0]
    np.testing.assert_allclose(seen - seen.mean(), due - due.mean(), atol=0.06)
    assert model.diagnostics()["average_reward"] == pytest.approx(0.2, abs=0.06)
