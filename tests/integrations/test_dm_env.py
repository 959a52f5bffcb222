"""Environments of `dm_env`, DM Control's among them, as Gymnasium's."""

import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from onlineml.checks import assert_same_state
from onlineml.cli import main
from onlineml.rl import StreamAC

gymnasium = pytest.importorskip("gymnasium")
from onlineml.integrations.dm_env import FromDMEnv, dm_control  # noqa: E402 - needs Gymnasium
from onlineml.integrations.gymnasium import (  # noqa: E402
    Rollout,
    actions_of,
    environment,
    film,
    with_pictures,
)


class Now(NamedTuple):
    """A `TimeStep`."""

    reward: float | None
    discount: float | None
    observation: Any
    is_last: bool = False

    def last(self) -> bool:
        return self.is_last


def spec(*shape: int, **more: Any) -> Any:
    return SimpleNamespace(shape=shape, dtype=np.dtype(np.float64), **more)


class Slope:
    """A place on a slope, pushed; below -1 the episode is over, after `limit` steps it is cut."""

    def __init__(self, limit: int = 20, **task: Any) -> None:
        self.limit, self.task = limit, SimpleNamespace(random=np.random.RandomState(0), **task)

    def action_spec(self) -> Any:
        return spec(2, minimum=-1.0, maximum=np.array([1.0, 2.0]))

    def observation_spec(self) -> Any:
        return {"place": spec(), "grid": spec(2, 2), "a": spec(1)}

    def reset(self) -> Now:
        self.place, self.taken = float(self.task.random.uniform()), 0
        return Now(None, None, self._seen())

    def step(self, action: Any) -> Now:
        self.place += 0.2 * float(np.sum(action)) - 0.2 + 0.1 * self.task.random.standard_normal()
        self.taken += 1
        fell, cut = self.place < -1, self.taken >= self.limit
        return Now(self.place, 0.0 if fell else 1.0, self._seen(), fell or cut)

    def _seen(self) -> Any:  # in another order than the specification's
        return {
            "a": np.array([7.0]), "grid": np.arange(4.0).reshape(2, 2),
            "place": np.float64(self.place),
        }  # fmt: skip


class Choice:
    """One of three actions, an observation that is no dictionary, and no generator."""

    def action_spec(self) -> Any:
        return spec(num_values=3, minimum=0, maximum=2)

    def observation_spec(self) -> Any:
        return spec(2, 3)

    def reset(self) -> Now:
        return Now(None, None, np.zeros((2, 3)))

    def step(self, action: int) -> Now:
        return Now(float(action), 0.5, np.full((2, 3), action))


def test_a_step_is_gymnasiums() -> None:
    there = FromDMEnv(Slope(limit=3))
    assert isinstance(there.action_space, gymnasium.spaces.Box)
    np.testing.assert_array_equal(there.action_space.low, [-1, -1])
    np.testing.assert_array_equal(there.action_space.high, [1, 2])
    first, told = there.reset(seed=4)
    place = np.random.RandomState(4).uniform()
    np.testing.assert_array_equal(first, [place, 0, 1, 2, 3, 7])
    assert first.dtype == np.float64
    assert first in there.observation_space
    assert told == {}
    seen, reward, *ends, told = there.step(np.array([0.5, 0.0]))
    assert (reward, ends, told) == (seen[0], [False, False], {"discount": 1.0})
    there.step(np.zeros(2))
    assert there.step(np.zeros(2))[2:4] == (False, True)  # its discount is 1: a cut
    there.reset()
    assert there.step(np.full(2, -5.0))[2:] == (True, False, {"discount": 0.0})


def test_choices_and_plain_observations() -> None:
    there = FromDMEnv(Choice())
    assert actions_of(there) == {"n_actions": 3}
    assert there.reset()[0].shape == (6,)
    seen, reward, *ends, told = there.step(2)
    assert (seen.tolist(), reward, ends, told) == (
        [2.0] * 6,
        2.0,
        [False, False],
        {"discount": 0.5},
    )
    with pytest.raises(ValueError, match="generator"):
        there.reset(seed=1)
    with pytest.raises(ValueError, match="bounded"):
        FromDMEnv(SimpleNamespace(action_spec=lambda: spec(2)))


def test_an_agent_is_stopped_anywhere() -> None:
    agent = StreamAC(action_size=2, hidden=(8,), seed=2)
    whole = Rollout(agent.clone(), FromDMEnv(Slope()), seed=5)
    ended = whole.run(300)
    assert {end.terminated for end in ended} == {True, False}
    for stop in (1, 20, 133):
        first = Rollout(agent.clone(), FromDMEnv(Slope()), seed=5)
        early = first.run(stop)
        second = Rollout(first.agent, FromDMEnv(Slope())).set_state(first.get_state())
        assert early + second.run(300 - stop) == ended
        assert_same_state(second.agent.get_state(), whole.agent.get_state())


def _suite(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    """Have DM Control be there, with two tasks."""
    package = ModuleType("dm_control")
    package.__spec__ = SimpleNamespace(name="dm_control")  # type: ignore[assignment]
    package.suite = SimpleNamespace(  # type: ignore[attr-defined]
        ALL_TASKS=(("slope", "stay"), ("ball_in_cup", "catch")), load=load
    )
    monkeypatch.setitem(sys.modules, "dm_control", package)


def test_tasks_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[Any] = []

    def load(domain: str, task: str, task_kwargs: Any) -> Slope:
        came.append((domain, task, task_kwargs))
        task_kwargs.pop("random")
        return Slope(**task_kwargs)

    _suite(monkeypatch, load)
    assert isinstance(environment("dm:slope-stay").environment, Slope)
    assert environment("dm_control/slope-stay-v0", limit=7).environment.limit == 7
    environment("dm_control/ball_in_cup-catch")
    assert [pair[:2] for pair in came] == [("slope", "stay")] * 2 + [("ball_in_cup", "catch")]
    with pytest.raises(ValueError, match=r"slope-sty.*slope-stay"):
        environment("dm:slope-sty")
    with pytest.raises(ValueError, match="ball_in_cup-catch"):
        environment("dm:no-such-v0")


def test_a_mujoco_that_does_not_fit_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*task: str, task_kwargs: Any) -> Any:
        raise AttributeError("no flex_vertedge")

    _suite(monkeypatch, load)
    with pytest.raises(ImportError, match=r"flex_vertedge.*onlineml\[dm\]"):
        dm_control("slope-stay")


def test_its_absence_names_the_extra() -> None:
    if find_spec("dm_control") is not None:
        pytest.skip("dm_control is installed")
    words = ["run", "--agent", "stream_ac", "--env", "dm:walker-walk", "--steps", "10"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "onlineml[dm]" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_pictures(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    imageio = pytest.importorskip("imageio")

    class Drawn(Slope):
        physics = SimpleNamespace(
            render=lambda width, height, camera_id: np.zeros((height, width, 3), np.uint8)
        )

    _suite(monkeypatch, lambda *task, task_kwargs: Drawn())
    agent = StreamAC(action_size=2, hidden=(8,), seed=1)
    path = film(agent, with_pictures("dm:slope-stay"), tmp_path / "film.gif", max_steps=3)
    assert imageio.mimread(path)[0].shape[:2] == (240, 320)
    _suite(monkeypatch, lambda *task, task_kwargs: Slope())
    with pytest.raises(RuntimeError, match="cannot draw"):
        with_pictures("dm:slope-stay")
    with pytest.raises(ValueError, match="render_mode"):
        FromDMEnv(Slope(), render_mode="human")


@pytest.mark.parametrize(
    "name", ["dm:walker-walk", "dm_control/cartpole-balance-v0", "dm:lqr-lqr_2_1"]
)
def test_dm_controls_own(name: str) -> None:
    pytest.importorskip("dm_control")
    agent = StreamAC(**actions_of(environment(name)), hidden=(8,), seed=1)
    whole = Rollout(agent.clone(), environment(name), seed=5)
    ended = whole.run(1_100)
    assert all(end.terminated is False for end in ended)
    first = Rollout(agent.clone(), environment(name), seed=5)
    early = first.run(1_050)
    second = Rollout(first.agent, environment(name)).set_state(first.get_state())
    assert early + second.run(50) == ended
    assert_same_state(second.agent.get_state(), whole.agent.get_state())
