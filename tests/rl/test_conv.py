"""Convolutions of agents: equal to torch, shapes, maps that are refused, what they earn."""

from typing import Any

import numpy as np
import pytest

from onlineml import checks, load, save
from onlineml.checks import assert_same_state
from onlineml.rl import (
    QRC,
    SGD,
    Adam,
    Breakout,
    Conv,
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
from tests.rl.test_stream_agents import OF_ACTOR, OF_CRITIC, RULES

SMALL = Conv(shape=(5, 6, 2), channels=(4,))  # every window's side is another number
DEEP = Conv(shape=(7, 9, 1), channels=(16, 5), kernel=(3, 2), stride=(2, 1))
ONES = {"learning_rate": 1e-30}


def stream(conv: Conv, n: int) -> list[Transition]:
    """Maps of ones and zeros, a third of them ones."""
    rng, n_features = np.random.default_rng(1), int(np.prod(conv.shape))
    maps = (rng.random((2, n, n_features)) < 0.3).astype(float)
    return [
        t._replace(observation=x, next_observation=y, reward=float(x[0] - y[1] + t.action))
        for t, x, y in zip(transitions(0, n), *maps)
    ]


def made(kind: str, rule: Any, conv: Conv) -> Any:
    shared: dict[str, Any] = {"conv": conv, "hidden": (11,), "critic_rule": rule, "seed": 1}
    if kind == "softmax":
        return StreamAC(n_actions=3, actor_rule=rule, **shared)
    return StreamTD(**shared) if kind == "td" else StreamQ(n_actions=3, **shared)


def _twins(model: Any, kind: str, rules: Any) -> Any:
    torch = pytest.importorskip("torch")
    from tests.naive.stream_agents import Agent

    return [Agent(model, kind, rules, dtype) for dtype in (torch.float32, torch.float64)]


@pytest.mark.parametrize("conv", [SMALL, DEEP], ids=["small", "deep"])
@pytest.mark.parametrize("kind", ["softmax", "q"])
def test_gradient_is_that_of_autograd(kind: str, conv: Conv) -> None:
    """Traces that fade at once are the gradient itself."""
    model = made(kind, SGD(**ONES), conv).set_params(lambda_=0.0).start(Schema(np.prod(conv.shape)))
    rules = {part: ("sgd", ONES) for part in ("critic", "actor")}
    twin = _twins(model, kind, rules)[1]
    import torch

    for transition in stream(conv, 12):
        twin.fit(*transition)
        model.fit_one(transition)
        for part in ("critic", "actor")[: 2 if kind == "softmax" else 1]:
            net, z = getattr(twin, part), getattr(twin, f"{part}_traces").z
            kept = [parameter.clone() for parameter in net.parameters()]
            with torch.no_grad():
                for parameter, trace in zip(net.parameters(), z):
                    parameter.copy_(trace)
                due = net.flat()
                for parameter, old in zip(net.parameters(), kept):
                    parameter.copy_(old)
            ours = getattr(model, f"{part}_traces_")[: len(due)]
            np.testing.assert_allclose(ours, due, rtol=2e-4, atol=1e-5 * np.abs(due).max())


@pytest.mark.parametrize("conv", [SMALL, DEEP], ids=["small", "deep"])
@pytest.mark.parametrize("name", [*RULES, "qrc"])
def test_every_rule_equals_torch(name: str, conv: Conv) -> None:
    """Episodes one after another: as near as torch in single precision comes itself."""
    kind = {"obgd": "softmax", "intentional": "td"}.get(name, "q")
    rule, numbers = RULES.get(name, (QRC(learning_rate=5e-4), {}))
    if name == "qrc":
        numbers = {"learning_rate": 5e-4, "ratio": 0.1, "beta": 1.0}
    model = made(kind, rule, conv).start(Schema(np.prod(conv.shape)))
    rules = {"critic": (name, numbers | OF_CRITIC), "actor": (name, numbers | OF_ACTOR)}
    first, twins = model.critic_weights_.copy(), _twins(model, kind, rules)
    steps = stream(conv, 60)
    for transition in steps:
        for twin in twins:
            twin.fit(*transition)
    model.fit_many(steps)
    for part in ("critic", "actor")[: 2 if kind == "softmax" else 1]:
        single, double = (getattr(twin, part).flat() for twin in twins)
        noise = float(np.abs(single - double).max())
        ours = getattr(model, f"{part}_weights_")[: len(double)]
        assert np.abs(ours - double).max() <= 1e-5 + 5 * noise, (part, noise)
        assert np.abs(ours - double).max() < 2e-4, part
    assert np.abs(model.critic_weights_ - first).max() > 1e-4


@pytest.mark.parametrize(
    "agent",
    [
        StreamQ(n_actions=3, conv=Conv(shape=(10, 10, 4)), hidden=(32,), seed=1),
        StreamSARSA(n_actions=3, conv=Conv(shape=(10, 10, 4), stride=2), hidden=(), seed=1),
        StreamAC(n_actions=3, conv=Conv(shape=(10, 10, 4), channels=(8, 8)), hidden=(9,), seed=1),
    ],
)
def test_stops_and_goes_on(agent: Any, tmp_path: Any) -> None:
    """In the compiled world, by a file in between, and step by step: the same bits and size."""
    whole, world = agent.clone(), Breakout(seed=2)
    returns = whole.run(world, 300).returns.tolist()
    stopped, there = agent.clone(), Breakout(seed=2)
    found = stopped.run(there, 120).returns.tolist()
    n = stopped.nbytes
    again = load(save(stopped, tmp_path / "agent.onl"))
    found += again.run(Breakout().set_state(there.get_state()), 180).returns.tolist()
    assert found == returns
    assert again.nbytes == n
    assert_same_state(again.get_state(), whole.get_state())
    slow, world = agent.clone(), Breakout(seed=2)
    x = world.reset()[0]
    for _ in range(300):
        action = slow.act_one(x, explore=True)
        y, reward, terminated, truncated, _ = world.step(action)
        slow.fit_one(Transition(x, action, reward, y, terminated, truncated))
        x = world.reset()[0] if terminated else y
    assert_same_state(slow.get_state(), whole.get_state())


@pytest.mark.parametrize("check", [name for name, _ in checks.checks_of(StreamQ)])
def test_passes_the_checks(check: str) -> None:
    conv = Conv(shape=(5, 1, 1), channels=(4,), kernel=1)  # of the rows that checks have
    dict(checks.all_checks())[check](StreamQ(n_actions=3, conv=conv, hidden=(6,), seed=1))


def test_first_weights_are_sparse() -> None:
    agent = StreamQ(n_actions=3, conv=Conv(shape=(10, 10, 4)), hidden=(128,), seed=1)
    weights = agent.start(Schema(400)).critic_weights_
    window, dense = weights[: 36 * 16].reshape(36, 16), weights[37 * 16 :][: 1024 * 128]
    assert ((window != 0).sum(axis=0) == 36 - 33).all()  # ceil(0.9 * 36) of each channel's are 0
    assert np.abs(window).max() <= 1 / 6
    assert (weights[36 * 16 : 37 * 16] == 0).all()
    assert (dense != 0).sum() == 128 * (1024 - 922)
    assert len(weights) == 37 * 16 + 1025 * 128 + 129 * 3 + (-(37 * 16 + 1025 * 128 + 387)) % 16


def test_learns_breakout() -> None:
    agent = StreamQ(
        n_actions=3, conv=Conv(shape=(10, 10, 4)), hidden=(64,), epsilon_steps=3_000, seed=1,
        critic_rule=Intentional(share=0.25),
    )  # fmt: skip
    returns = agent.run(Breakout(seed=1), 12_000).returns
    assert returns[:100].mean() < 1.0
    assert returns[-100:].mean() > 2.0
    assert 0 <= agent.diagnostics()["critic_dead"] < 0.9


@pytest.mark.parametrize(
    ("conv", "more", "named"),
    [
        (Conv(shape=(10, 10)), {}, "shape"),
        (Conv(shape=(10, 10, 4), channels=()), {}, "channels"),
        (Conv(shape=(10, 10, 4), channels=(8, 8), kernel=(3,)), {}, "kernel"),
        (Conv(shape=(10, 10, 4), kernel=11), {}, "kernel"),
        (Conv(shape=(10, 10, 4), stride=0), {}, "stride"),
        (Conv(shape=(10, 10, 3)), {}, "observation"),
        (Conv(shape=(10, 10, 4)), {"time_feature": 10}, "time_feature"),
        (ObGD(), {}, "conv"),
        (None, {"hidden": ()}, "hidden"),
    ],
)
def test_bad_parameters_are_refused(conv: Any, more: dict[str, Any], named: str) -> None:
    agent = StreamQ(n_actions=3, conv=conv, **more)
    with pytest.raises(ValueError, match=named):
        agent.fit_one(Transition(np.ones(400), 0, 1.0, np.ones(400)))
    assert not agent.is_started


def test_parameters_of_a_part() -> None:
    agent = StreamQ(n_actions=3, conv=Conv(shape=(10, 10, 4)), critic_rule=Adam())
    assert agent.set_params(conv__kernel=5).clone().conv.kernel == 5
