"""Agents with networks of torch: the compiled ones' steps, any module, graphs, stopping."""

from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.rl import (
    QRC,
    SGD,
    Breakout,
    CartPole,
    Conv,
    Intentional,
    ObGD,
    StreamAC,
    StreamQ,
    StreamSARSA,
    StreamTD,
)
from onlineml.rl.on_torch import OnTorch
from onlineml.schema import Schema
from tests.nn.test_captured import OnCPU
from tests.rl.streams import transitions
from tests.rl.test_stream_agents import OF_ACTOR, OF_CRITIC, RULES

torch = pytest.importorskip("torch")
HIDDEN = (32, 20)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Around(torch.nn.Module):
    """A module that is no sequence, with weights that are not learned."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.frozen, self.last = torch.nn.Linear(n_in, 8), torch.nn.Linear(8, n_out)
        self.frozen.requires_grad_(False)

    def forward(self, rows: Any) -> Any:
        return self.last(torch.tanh(self.frozen(rows)))


def plain(n_in: int, n_out: int) -> Any:
    """What compiled agents have."""
    from onlineml.rl.torch_agents import perceptron

    return perceptron([n_in, *HIDDEN, n_out])


def made(kind: str, rule: Any = None, **params: Any) -> Any:
    params = {"hidden": HIDDEN, "critic_rule": rule, "seed": 1} | params
    kinds = {"td": StreamTD, "q": StreamQ, "sarsa": StreamSARSA}
    own: dict[str, Any] = {"n_actions": 3, "epsilon_steps": 200}
    if kind == "td":
        own = {"time_feature": 50}
    elif kind == "gaussian":
        own = {"action_size": 2, "actor_rule": rule, "time_feature": 100}
    elif kind == "softmax":
        own = {"n_actions": 3, "actor_rule": rule, "bootstrap_on_truncation": False}
    return kinds.get(kind, StreamAC)(**own | params)


def stream(kind: str, n: int, seed: int = 0) -> Any:
    return transitions(seed, n, action_size=2 if kind == "gaussian" else None)


def go_on(model: Any, events: Any) -> Any:
    many = getattr(model, "fit_act_many", None) or model.fit_predict_many
    return np.asarray(many(events), np.float64)


def pair(kind: str, rule: Any, n_features: int = 5, **params: Any) -> tuple[Any, Any]:
    """A compiled agent, and one of torch with the same first weights."""
    schema = Schema(n_features)
    ours = made(kind, rule, **params).start(schema)
    other = made(kind, rule, module=plain, **params).start(schema)
    for part, weights in weights_of(ours).items():
        other.nets_[f"{part}.weights"][0] = weights
    return ours, other


def weights_of(model: Any) -> dict[str, Any]:
    """Weights as torch has them."""
    from onlineml.rl.torch_agents import in_order_of_torch

    parts = ("critic", "actor") if model._has_actor else ("critic",)
    if model._on_torch:
        return {part: model.get_state()["nets_"][f"{part}.weights"][0] for part in parts}
    return {
        part: in_order_of_torch(getattr(model, f"{part}_weights_"), shape.widths.tolist())
        for part, shape in zip(parts, model._shapes(model.schema_.n_features))
    }


@pytest.mark.parametrize("rule", [ObGD(), SGD(learning_rate=1e-4)])
@pytest.mark.parametrize("kind", ["td", "q", "sarsa", "gaussian", "softmax"])
def test_equals_the_compiled_agent(kind: str, rule: Any) -> None:
    """The same actions, and weights within rounding, after 300 transitions and all their ends."""
    continues = {"average_reward": 0.01, "forgetting": 0.01} if kind in ("td", "sarsa") else {}
    ours, other = pair(kind, rule, **continues)
    events = stream(kind, 300)
    first, second = go_on(ours, events), go_on(other, events)
    np.testing.assert_allclose(first, second, atol=1e-3 if kind in ("td", "gaussian") else 0.0)
    due, came = weights_of(ours), weights_of(other)
    for part in due:
        apart = np.abs(came[part] - due[part]).max() / np.abs(due[part]).max()
        assert apart < (3e-5 if part == "actor" else 1e-5), part
    told, said = ours.diagnostics(), other.diagnostics()
    assert said == pytest.approx({name: told[name] for name in said}, rel=1e-3)
    for name in ("random_", "mean_", "m2_", "seen_", "last_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(other, name))


def test_longer_traces_of_policies_equal_the_compiled_agents() -> None:
    ours, other = pair("gaussian", Intentional(refresh=1), actor_lambda=0.95)
    events = stream("gaussian", 60)
    np.testing.assert_allclose(go_on(ours, events), go_on(other, events), atol=1e-3)
    due, came = weights_of(ours)["actor"], weights_of(other)["actor"]
    assert np.abs(came - due).max() < 1e-3 * np.abs(due).max()


CASES = [("gaussian", rule) for rule in RULES]
CASES += [(kind, rule) for kind in ("softmax", "q", "td") for rule in ("adam", "intentional")]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_equals_the_textbook(kind: str, name: str) -> None:
    """As near to double precision as single precision comes without our code."""
    from tests.naive.stream_agents import Agent

    rule, numbers = RULES[name]
    ours, other = pair(kind, rule)
    rules = {"critic": (name, numbers | OF_CRITIC), "actor": (name, numbers | OF_ACTOR)}
    twins = [Agent(ours, kind, rules, dtype) for dtype in (torch.float32, torch.float64)]
    events = stream(kind, 60)
    for event in events:
        for twin in twins:
            twin.fit(*event)
    other.fit_many(events)
    for part, came in weights_of(other).items():
        single, double = (
            torch.cat([p.detach().flatten() for p in getattr(twin, part).parameters()]).numpy()
            for twin in twins
        )
        assert np.abs(came - double).max() <= 1e-5 + 5 * np.abs(single - double).max(), part


def test_the_network_of_hidden_begins_as_the_compiled_one(monkeypatch: Any) -> None:
    """As on another device than the CPU."""
    due = weights_of(made("gaussian").start(Schema(5)))
    monkeypatch.setattr(OnTorch, "_on_torch", True)
    came = weights_of(made("gaussian").start(Schema(5)))
    for part in due:
        np.testing.assert_array_equal(came[part], due[part])


@pytest.mark.parametrize("kind", ["q", "sarsa", "softmax"])
def test_a_run_is_that_of_the_compiled_agent(kind: str) -> None:
    """In a compiled world, stopped in between and loaded again."""
    worlds = [CartPole(max_steps=40, seed=2) for _ in range(2)]
    agents = pair(kind, ObGD(), n_features=4, n_actions=2)
    due = agents[0].run(worlds[0], 120)
    first = agents[1].run(worlds[1], 50)
    second = agents[1].clone().set_state(agents[1].get_state())
    rest = second.run(worlds[1], 70)
    assert [*first.returns, *rest.returns] == due.returns.tolist()
    assert [*first.lengths, *rest.lengths] == due.lengths.tolist()
    before = second.get_state()
    assert len(second.run(worlds[1], 100, fit=False).returns) > 0
    assert_same_state(before, second.get_state())


@pytest.mark.parametrize("module", [plain, Around])
@pytest.mark.parametrize("kind", ["td", "sarsa", "gaussian"])
def test_stops_and_goes_on(kind: str, module: Any, tmp_path: Any) -> None:
    """Files hold all, to the bit; rows are chunks; bytes stay."""
    events = stream(kind, 90)
    model = made(kind, module=module)
    said = go_on(model, events[:60])
    size = model.nbytes
    path = save(model, tmp_path / "agent.onl", trusted_pickle=True)
    twin = load(path, trusted_pickle=True)
    by_row = made(kind, module=module)
    one = getattr(by_row, "fit_act_one", None) or by_row.fit_predict_one
    np.testing.assert_array_equal(said, [one(event) for event in events[:60]])
    rest = [go_on(each, events[60:]) for each in (model, twin, by_row)]
    np.testing.assert_array_equal(rest[0], rest[1])
    np.testing.assert_array_equal(rest[0], rest[2])
    assert_same_state(model.get_state(), twin.get_state())
    assert_same_state(model.get_state(), by_row.get_state())
    assert model.nbytes == size


def test_modules_are_drawn_from_the_seed_and_frozen_weights_stay() -> None:
    torch.manual_seed(3)
    first, same, other = (made("gaussian", module=Around, seed=seed) for seed in (1, 1, 2))
    models = [model.start(Schema(5)) for model in (first, same, other)]
    weights = [weights_of(model) for model in models]
    np.testing.assert_array_equal(weights[0]["actor"], weights[1]["actor"])
    assert (weights[0]["critic"] != weights[2]["critic"]).mean() > 0.9
    assert not np.isin(weights[0]["critic"], weights[0]["actor"]).any()
    first.fit_many(stream("gaussian", 30))
    came = weights_of(first)
    for part, n_learned in (("critic", 9), ("actor", 36)):
        changed = came[part] != weights[0][part]
        assert changed[:n_learned].all()
        assert not changed[n_learned:].any()


@pytest.mark.parametrize("kind", ["td", "q", "sarsa", "gaussian", "softmax"])
def test_replays_are_steps_and_answers(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from onlineml.rl import torch_nets

    events = stream(kind, 40)
    due = made(kind, module=plain)
    said = go_on(due, events)
    monkeypatch.setattr(torch_nets, "Captured", OnCPU)
    monkeypatch.setattr(OnTorch, "_graphs", lambda _: True)
    OnCPU.replays = 0
    found = made(kind, module=plain)
    np.testing.assert_array_equal(go_on(found, events), said)
    assert_same_state(found.get_state(), due.get_state())
    assert OnCPU.replays == 2 * 40 - 2 * 3


@needs_gpu
@pytest.mark.parametrize("kind", ["td", "q", "sarsa", "gaussian", "softmax"])
def test_a_gpu_says_what_the_cpu_says(kind: str) -> None:
    events, said = stream(kind, 60), []
    for device, graphs in (("cpu", False), ("cuda", False), ("cuda", True)):
        model = made(kind, ObGD(), module=plain, device=device, cuda_graphs=graphs)
        said.append(go_on(model, events))
    np.testing.assert_allclose(said[0], said[1], atol=1e-3)
    np.testing.assert_allclose(said[1], said[2], atol=1e-4)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"module": "mlp"}, "module"),
        ({"module": lambda n_in, n_out: None}, "module"),
        ({"module": lambda n_in, n_out: torch.nn.Linear(n_in, n_out + 1)}, "module"),
        ({"module": lambda n_in, n_out: torch.nn.Linear(n_in + 1, n_out)}, "module"),
        ({"module": plain, "critic_rule": QRC()}, "critic_rule"),
        ({"module": plain, "conv": Conv(shape=(10, 10, 4))}, "conv"),
        ({"module": plain, "cuda_graphs": True}, "device"),
        ({"module": plain, "cuda_graphs": "often"}, "cuda_graphs"),
        ({"cuda_graphs": True}, "device"),
        ({"device": "nowhere"}, "device"),
    ],
)
def test_what_torch_cannot_do_is_named(params: dict[str, Any], named: str) -> None:
    model = StreamQ(n_actions=3, seed=1, **params)
    with pytest.raises(ValueError, match=named):
        model.run(Breakout(seed=1), 1)
    assert not model.is_started


def test_states_that_do_not_fit_are_named() -> None:
    state = made("q", module=plain).fit_many(stream("q", 3)).get_state()
    with pytest.raises(ValueError, match=r"critic\.weights"):
        made("q", module=Around).set_state(state)


def test_bad_transitions_are_refused() -> None:
    model = made("q", module=plain).fit_many(stream("q", 3))
    before, good = model.get_state(), stream("q", 1)[0]
    for bad in (good._replace(action=3), good._replace(action=0.5), good._replace(reward=np.inf),
                good._replace(observation=np.full(5, np.inf))):  # fmt: skip
        with pytest.raises(ValueError, match=r"action|reward|observation"):
            model.fit_one(bad)
    with pytest.raises(ValueError, match="observation"):
        model.act_one(np.full(5, np.inf))
    assert_same_state(before, model.get_state())
