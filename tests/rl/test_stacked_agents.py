"""Many agents in one call are as many agents alone."""

from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.rl import CartPole, ObGD, StackedAgents, StreamAC, StreamQ, StreamSARSA, StreamTD
from onlineml.rl import Transition as Step
from tests.rl.streams import transitions

N = 5
KINDS = ("td", "q", "sarsa", "gaussian", "softmax")
BACKENDS = ("compiled", "batched", "vectorized")


def network(n_in: int, n_out: int) -> Any:
    """A perceptron, whose products are batched."""
    from onlineml.rl.torch_agents import perceptron

    return perceptron([n_in, 12, 8, n_out])


def around(n_in: int, n_out: int) -> Any:
    """One that torch has to vectorize."""
    import torch

    class Around(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network(n_in, n_out)

        def forward(self, rows: Any) -> Any:
            return self.inner(rows)

    return Around()


def made(kind: str, backend: str = "compiled", **params: Any) -> Any:
    params = {"hidden": (12, 8), "critic_rule": ObGD(), "seed": 3} | params
    if backend != "compiled":
        pytest.importorskip("torch")
        params["module"] = network if backend == "batched" else around
    if kind == "td":
        return StreamTD(**params)
    if kind == "gaussian":
        return StreamAC(action_size=2, actor_rule=ObGD(), time_feature=30, **params)
    if kind == "softmax":
        return StreamAC(n_actions=3, actor_rule=ObGD(), **params)
    return {"q": StreamQ, "sarsa": StreamSARSA}[kind](n_actions=3, epsilon_steps=40, **params)


def streams(kind: str, n: int) -> list[list[Step]]:
    """A stream of its own for each agent."""
    size = 2 if kind == "gaussian" else None
    return [transitions(seed, n, action_size=size) for seed in range(N)]


def together(steps: list[Step]) -> Step:
    """Transitions of several agents as one."""
    return Step(*(np.array(part) for part in list(zip(*steps))[:6]))


def one_by_one(kind: str, agents: list[Any], steps: list[Step]) -> Any:
    verb = "fit_predict_one" if kind == "td" else "fit_act_one"
    return np.array([getattr(a, verb)(step) for a, step in zip(agents, steps)])


def assert_alike(came: Any, due: Any, backend: str) -> None:
    """The same bits; of torch, but for rounding."""
    if backend == "compiled":
        assert_same_state(came.get_state(), due.get_state())
        return
    for name, array in due.get_state()["nets_"].items():
        if name != "seed":
            np.testing.assert_allclose(came.get_state()["nets_"][name], array, atol=2e-4, rtol=1e-3)
    np.testing.assert_array_equal(came.clock_, due.clock_)
    np.testing.assert_array_equal(came.mean_, due.mean_)


CASES = [(kind, backend) for kind in KINDS for backend in BACKENDS[:2]]


@pytest.mark.parametrize(("kind", "backend"), [*CASES, ("sarsa", "vectorized")])
def test_equal_agents_alone(kind: str, backend: str) -> None:
    """All in every call, then some by key; ends come to each at its own time."""
    agent, events = made(kind, backend), streams(kind, 40)
    alone = [agent.clone().set_params(seed=3 + i) for i in range(N)]
    stack = StackedAgents(agent=agent, n_agents=N, n_threads=2)
    near = {"atol": 0.0 if backend == "compiled" or kind not in ("td", "gaussian") else 1e-3}
    rng = np.random.default_rng(0)
    for t in range(40):
        which = None if t < 25 else rng.permutation(N)[:3]
        some = range(N) if which is None else which
        steps = [events[i][t] for i in some]
        came = stack.fit_act_many(together(steps), which=which)
        due = one_by_one(kind, [alone[i] for i in some], steps)
        np.testing.assert_allclose(came, due, rtol=0.0, **near)
    for i in range(N):
        assert_alike(stack.agent_of(i), alone[i], backend)
    X = np.array([events[i][0].observation for i in range(N)])
    act = "predict_one" if kind == "td" else "act_one"
    due = np.array([getattr(a, act)(x) for a, x in zip(alone, X)])
    np.testing.assert_allclose(stack.act_many(X), due, rtol=0.0, **near)
    few = np.array([4, 1])
    np.testing.assert_allclose(stack.act_many(X[few], which=few), due[few], rtol=0.0, **near)


@pytest.mark.parametrize("backend", BACKENDS[:2])
def test_runs_in_worlds_are_those_of_agents_alone(backend: str) -> None:
    agent = made("q", backend).set_params(n_actions=2)
    stack = StackedAgents(agent=agent, n_agents=3, n_threads=2)
    came = stack.run([CartPole(max_steps=30, seed=i) for i in range(3)], 100)
    for i in range(3):
        one = agent.clone().set_params(seed=3 + i)
        due = one.run(CartPole(max_steps=30, seed=i), 100)
        for first, second in zip(came[i], due):
            np.testing.assert_array_equal(first, second)
        assert_alike(stack.agent_of(i), one, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_stops_and_goes_on(backend: str, tmp_path: Any) -> None:
    events = streams("sarsa", 24)
    stack = StackedAgents(agent=made("sarsa", backend), n_agents=N)
    for t in range(12):
        stack.fit_many(together([each[t] for each in events]))
    size = stack.nbytes
    twin = load(save(stack, tmp_path / "a", trusted_pickle=True), trusted_pickle=True)
    other = stack.clone().set_state(stack.get_state())
    for t in range(12, 24):
        steps = together([each[t] for each in events])
        said = [each.fit_act_many(steps) for each in (stack, twin, other)]
        np.testing.assert_array_equal(said[0], said[1])
        np.testing.assert_array_equal(said[0], said[2])
    assert_same_state(stack.get_state(), twin.get_state())
    assert stack.nbytes == size
    alone = stack.agent_of(2)
    steps = together([each[0] for each in events])
    assert stack.fit_act_many(steps)[2] == alone.fit_act_one(events[2][0])


def test_steps_of_many_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from onlineml.rl import torch_nets
    from onlineml.rl.on_torch import OnTorch
    from tests.nn.test_captured import OnCPU

    def run() -> Any:
        stack = StackedAgents(agent=made("gaussian", "batched"), n_agents=N)
        events = streams("gaussian", 12)
        return [stack.fit_act_many(together([e[t] for e in events])) for t in range(12)]

    due = run()
    monkeypatch.setattr(torch_nets, "Captured", OnCPU)
    monkeypatch.setattr(OnTorch, "_graphs", lambda _: True)
    OnCPU.replays = 0
    np.testing.assert_array_equal(run(), due)
    assert OnCPU.replays == 2 * 12 - 2 * 3


GOOD = together([each[0] for each in streams("q", 1)])


@pytest.mark.parametrize("backend", BACKENDS[:2])
@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (GOOD._replace(observation=GOOD.observation[:3]), "observations"),
        (GOOD._replace(action=np.array([0, 1, 2, 3, 0])), "action"),
        (GOOD._replace(action=np.array([0, 1, 0.5, 0, 0])), "action"),
        (GOOD._replace(action=np.zeros(4)), "action"),
        (GOOD._replace(reward=np.full(5, np.nan)), "reward"),
        (GOOD._replace(next_observation=None), "next_observation"),
        (GOOD._replace(next_observation=GOOD.next_observation[:, :3]), "next_observation"),
        (GOOD._replace(next_observation=GOOD.next_observation * np.inf), "next_observation"),
        (GOOD._replace(terminated=np.zeros(2)), "terminated"),
    ],
)
def test_bad_rows_are_refused(backend: str, bad: Step, named: str) -> None:
    stack = StackedAgents(agent=made("q", backend), n_agents=N)
    with pytest.raises(ValueError, match=named):
        stack.fit_many(bad)
    assert not stack.is_started
    before = stack.fit_many(GOOD).get_state()
    with pytest.raises(ValueError, match=named):
        stack.fit_many(bad)
    assert_same_state(before, stack.get_state())


@pytest.mark.parametrize("which", [[0, 0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 2, 3, 5]])
def test_agents_that_are_not_there_are_refused(which: Any) -> None:
    with pytest.raises(ValueError, match="which"):
        StackedAgents(agent=made("q"), n_agents=N).fit_many(GOOD, which=which)


def test_parameters_and_worlds_that_do_not_fit_are_refused() -> None:
    for params, named in (({"n_agents": 0}, "n_agents"), ({"n_threads": 0}, "n_threads"),
                          ({"agent": ObGD()}, "agent")):  # fmt: skip
        with pytest.raises(ValueError, match=named):
            StackedAgents(**({"agent": made("q"), "n_agents": N} | params)).fit_many(GOOD)
    stack = StackedAgents(agent=made("q"), n_agents=2)
    with pytest.raises(ValueError, match="worlds"):
        stack.run([CartPole(), CartPole()], 5)
    with pytest.raises(ValueError, match=r"agent"):
        StackedAgents(agent=made("td"), n_agents=1).run([CartPole()], 5)
