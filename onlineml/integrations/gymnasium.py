"""Environments of Gymnasium, and agents in them, stopped and resumed at any step."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.rl.agent import Agent, Transition
from onlineml.schema import wrong

#: First part of an environment's name -> the package that has it, and the extra that brings that.
_FAMILIES = {"MinAtar": ("minatar", "minatar"), "ALE": ("ale_py", "atari")}
#: DM Control's, by the name that others give them too.
_DM_CONTROL = re.compile(r"(dm:|dm_control/)(?P<task>.*?)(-v0)?")


class Ended(NamedTuple):
    """An episode that ended."""

    step: int  # steps taken by then, in all
    total: float  # sum of rewards
    length: int  # steps of it
    terminated: bool  # False where it was cut off


def environment(name: str, **params: Any) -> Any:
    """The environment that Gymnasium calls `name`.

    Those of MinAtar ("MinAtar/Breakout-v1") and of Atari's games ("ALE/Breakout-v5"), which tell
    Gymnasium of themselves when they are asked to, are asked here. "dm:walker-walk", or
    "dm_control/walker-walk-v0", is a task of DM Control's suite.

    Raises
    ------
    ImportError
        Gymnasium, or what the environment needs, is not installed.
    ValueError
        There is none of that name.
    """
    if find_spec("gymnasium") is None:
        raise ImportError('environments need Gymnasium: pip install "onlineml[rl]"')
    if found := _DM_CONTROL.fullmatch(name):
        from onlineml.integrations.dm_env import dm_control

        return dm_control(found["task"], **params)
    import gymnasium

    _introduce(name.partition("/")[0])
    try:
        return gymnasium.make(name, **params)
    except gymnasium.error.DependencyNotInstalled as error:
        extra = '; pip install "onlineml[mujoco]"' if "mujoco" in str(error).lower() else ""
        raise ImportError(f"{name}: {error}{extra}") from error
    except TypeError as error:
        why = str(error).partition(" was raised from")[0]
        raise wrong("parameters", params, f"those of {name} ({why})") from error
    except gymnasium.error.Error as error:
        raise wrong("environment", name, f"one that Gymnasium knows ({error})") from error


def _introduce(family: str) -> None:
    """Have Gymnasium know the environments of another project."""
    if family not in _FAMILIES:
        return
    package, extra = _FAMILIES[family]
    if find_spec(package) is None:
        raise ImportError(f'{family} needs {package}: pip install "onlineml[{extra}]"')
    import gymnasium

    if package == "ale_py":
        gymnasium.register_envs(import_module(package))
    elif not any(known.startswith(f"{family}/") for known in gymnasium.registry):
        import_module(f"{package}.gym").register_envs()


def actions_of(environment: Any) -> dict[str, int]:
    """The parameter that tells an agent the environment's actions: `n_actions` or `action_size`."""
    space = environment.action_space
    kind = type(space).__name__
    if kind == "Discrete":
        return {"n_actions": int(space.n)}
    if kind == "Box":
        return {"action_size": int(np.prod(space.shape))}
    raise wrong("environment", repr(space), "actions of the kind Discrete or Box")


class Rollout:
    """An agent that acts and learns in an environment of Gymnasium, step by step.

    No wrapper is needed: observations are flattened, actions are cut to the environment's limits,
    and what needs normalizing is normalized in the agent's own state. An end of the environment's
    own and one from outside are kept apart. Time per event, a step, is that of agent and
    environment; memory is theirs and that of the actions of the episode that is on.

    Parameters
    ----------
    agent
        Learns here.
    environment
        A Gymnasium environment.
    seed
        Of its episodes, each of which begins with a seed of its own.

    Raises
    ------
    ValueError
        For an environment whose actions are neither of the kind Discrete nor Box and, from `run`,
        for observations that the agent refuses.

    Examples
    --------
    >>> from onlineml.integrations.gymnasium import Rollout, environment
    >>> from onlineml.rl import StreamAC
    >>> agent = StreamAC(n_actions=2, hidden=(16,), seed=1)
    >>> rollout = Rollout(agent, environment("CartPole-v1"), seed=1)
    >>> ended = rollout.run(500)
    >>> rollout.n_steps, ended[0].length == ended[0].total
    (500, True)

    Notes
    -----
    `get_state` holds the actions of the episode that is on; `set_state` goes through them again in
    the environment, which has to be deterministic but for its seed, as those of Gymnasium are.
    """

    def __init__(self, agent: Agent, environment: Any, *, seed: int | None = None) -> None:
        self.agent, self.environment = agent, environment
        self.seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self.n_steps = self.n_episodes = 0
        self.total, self._taken = 0.0, list[Any]()
        self._observation: Array | None = None
        self._action: Any = None
        space = environment.action_space
        self._discrete = "n_actions" in actions_of(environment)
        if not self._discrete:
            self._shape, self._low, self._high = space.shape, space.low, space.high

    def run(self, n_steps: int) -> list[Ended]:
        """Take `n_steps`, exploring and learning; the episodes that ended.

        Returns
        -------
        list of Ended
            Step, return, length and kind of end of each.
        """
        ended: list[Ended] = []
        fit_act, step = self.agent.fit_act_one, self.environment.step
        for _ in range(n_steps):
            if self._observation is None:
                self._begin()
            action = self._action
            following, reward, terminated, truncated, _ = step(self._to_environment(action))
            following = self._flat(following)
            self._action = fit_act(
                Transition(self._observation, action, reward, following, terminated, truncated)
            )
            self.n_steps += 1
            self.total += float(reward)
            self._taken.append(action)
            self._observation = following
            if terminated or truncated:
                ended.append(Ended(self.n_steps, self.total, len(self._taken), bool(terminated)))
                self._observation = None
        return ended

    def _begin(self) -> None:
        """Begin an episode with its own seed."""
        self.n_episodes += 1
        self.total, self._taken = 0.0, []
        self._observation = self._reset()
        self._action = self.agent.act_one(self._observation, explore=True)

    def _reset(self) -> Array:
        seed = np.random.SeedSequence([self.seed, self.n_episodes]).generate_state(1)[0]
        return self._flat(self.environment.reset(seed=int(seed))[0])

    def _flat(self, observation: Any) -> Array:
        if isinstance(observation, np.ndarray):
            return observation.astype(np.float64).reshape(-1)
        from gymnasium.spaces import flatten

        flat = flatten(self.environment.observation_space, observation)
        return np.asarray(flat, np.float64).reshape(-1)

    def _to_environment(self, action: Any) -> Any:
        if self._discrete:
            return action
        return np.clip(np.reshape(action, self._shape), self._low, self._high)

    # ---------------------------------------------------------------- stopping, going on

    def get_state(self) -> dict[str, Any]:
        """Where the rollout stands, to be saved beside the agent (`save(..., attached=)`)."""
        on = self._observation is not None
        return {
            "seed": self.seed, "n_steps": self.n_steps, "n_episodes": self.n_episodes,
            "total": self.total, "on": on, "action": self._action if on else None,
            "taken": np.array(self._taken) if on else None,
        }  # fmt: skip

    def set_state(self, state: Mapping[str, Any]) -> Rollout:
        """Go on from what `get_state` gave, with the agent as it was then."""
        self.seed, self.n_steps = state["seed"], state["n_steps"]
        self.n_episodes, self.total = state["n_episodes"], state["total"]
        self._observation, self._taken = None, []
        if state["on"]:
            observation = self._reset()
            for action in state["taken"]:
                observation = self.environment.step(self._to_environment(action))[0]
            self._observation, self._action = self._flat(observation), state["action"]
            self._taken = list(state["taken"])
        return self


def with_pictures(name: str, **params: Any) -> Any:
    """The environment that Gymnasium calls `name`, drawn to arrays.

    Raises
    ------
    ImportError
        What it needs to draw is not installed.
    RuntimeError
        It cannot draw here, such as MuJoCo without a display.
    ValueError
        There is none of that name, or it draws no pictures.
    """
    there = environment(name, **params, render_mode="rgb_array")
    import gymnasium

    there.reset(seed=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of windows that are not there
            picture = there.render()
    except gymnasium.error.DependencyNotInstalled as error:
        raise ImportError(f"{name}: {error}") from error
    except Exception as error:  # of whatever draws: each has its own
        why = "without a display, MUJOCO_GL=egl may help" if "gl" in str(error).lower() else ""
        raise RuntimeError(f"{name} cannot draw here ({error}); {why}".rstrip("; ")) from error
    if not isinstance(picture, np.ndarray):
        raise wrong("environment", name, "one that draws pictures")
    return there


def film(agent: Agent, environment: Any, path: Any, *, seed: int = 0, max_steps: int = 1000) -> Any:
    """Film one episode of `agent` acting as well as it can, as a GIF at `path`.

    Parameters
    ----------
    agent
        Learns nothing here.
    environment
        Of `with_pictures`.
    path
        Of the file.
    seed
        Of the episode.
    max_steps
        Steps after which the film ends.
    """
    from onlineml.evaluation.film import shots, write

    rollout = Rollout(agent, environment, seed=seed)

    def step(action: Any) -> tuple[Any, ...]:
        found, *others = environment.step(rollout._to_environment(action))
        return rollout._flat(found), *others

    taken = shots(agent, rollout._reset(), step, environment.render, max_steps)
    return write(taken, path, (environment.metadata or {}).get("render_fps") or 30)
