"""Environments that speak `dm_env`, such as DM Control's, as environments of Gymnasium."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any, ClassVar

import gymnasium
import numpy as np

from onlineml.kernels.arena import Array
from onlineml.registry import nearest
from onlineml.schema import wrong

_INSTALL = 'pip install "onlineml[dm]"'


class FromDMEnv(gymnasium.Env):  # type: ignore[misc]  # Gymnasium ships no types that we follow
    """An environment of `dm_env` with Gymnasium's verbs.

    An episode's last step terminates where its discount is 0; any other last step is a cut. The
    parts of an observation stand one behind another, flat, in the order of its specification. Time
    per step is that of the environment and O(n_features), as is memory.

    Parameters
    ----------
    environment
        Has `reset`, `step`, `action_spec` and `observation_spec`.
    render_mode
        "rgb_array" for pictures by its `physics`, None for none.
    width, height, camera
        Of the pictures.

    Raises
    ------
    ValueError
        For an unknown `render_mode` and actions that are neither bounded numbers nor one of several
        choices. From `reset`, for a seed where nothing draws; from `render`, where the environment
        draws no pictures.

    Examples
    --------
    >>> from dm_control import suite  # doctest: +SKIP
    >>> from onlineml.integrations import FromDMEnv
    >>> env = FromDMEnv(suite.load("cartpole", "swingup"))  # doctest: +SKIP
    >>> observation, _ = env.reset(seed=1)  # doctest: +SKIP
    >>> observation, reward, terminated, truncated, _ = env.step([0.5])  # doctest: +SKIP

    Notes
    -----
    `reset(seed=)` seeds the generator of the environment's task (DM Control's suite), or its own.
    One that has neither cannot be seeded, and says so.

    References
    ----------
    .. [1] Muldal et al. (2019), dm_env: a Python interface for reinforcement learning environments.
    .. [2] Tunyasuvunakool et al. (2020), dm_control: software and tasks for continuous control.
       Software Impacts 6. doi:10.1016/j.simpa.2020.100022
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(
        self,
        environment: Any,
        *,
        render_mode: str | None = None,
        width: int = 320,
        height: int = 240,
        camera: int = 0,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise wrong("render_mode", render_mode, "'rgb_array' or None")
        self.environment, self.render_mode = environment, render_mode
        self._picture = {"width": width, "height": height, "camera_id": camera}
        self.action_space = _actions(environment.action_spec())
        spec = environment.observation_spec()
        self._names = list(spec) if isinstance(spec, dict) else None
        parts = spec.values() if isinstance(spec, dict) else [spec]
        n_features = int(sum(np.prod(part.shape) for part in parts))
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (n_features,), np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode; the first observation, and nothing."""
        super().reset(seed=seed)
        if seed is not None:
            _generator(self.environment).seed(seed)
        return self._flat(self.environment.reset().observation), {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Act; observation, reward, terminated, truncated, and the discount."""
        now = self.environment.step(action)
        discount = 1.0 if now.discount is None else float(now.discount)
        terminated = bool(now.last()) and discount == 0.0
        truncated = bool(now.last()) and not terminated
        reward = float(now.reward or 0.0)
        return self._flat(now.observation), reward, terminated, truncated, {"discount": discount}

    def render(self) -> Any:
        """The present picture, rows by columns by 3; None without a `render_mode`."""
        if self.render_mode is None:
            return None
        physics = getattr(self.environment, "physics", None)
        if physics is None:
            raise wrong("environment", repr(self.environment), "one that draws pictures (physics)")
        return physics.render(**self._picture)

    def close(self) -> None:
        """Give its memory back."""
        self.environment.close()

    def _flat(self, observation: Any) -> Array:
        if self._names is None:
            return np.asarray(observation, np.float64).reshape(-1)
        return np.concatenate(
            [np.asarray(observation[name], np.float64).reshape(-1) for name in self._names]
        )


def _actions(spec: Any) -> Any:
    """The space of the actions that `spec` describes."""
    if hasattr(spec, "num_values"):
        return gymnasium.spaces.Discrete(int(spec.num_values))
    if not hasattr(spec, "minimum"):
        raise wrong("actions", repr(spec), "bounded numbers, or one of several choices")
    low, high = (np.broadcast_to(end, spec.shape) for end in (spec.minimum, spec.maximum))
    return gymnasium.spaces.Box(low.astype(spec.dtype), high.astype(spec.dtype), dtype=spec.dtype)


def _generator(environment: Any) -> Any:
    """What draws the environment's random numbers."""
    task = getattr(environment, "task", None)
    for owner, name in ((task, "random"), (environment, "random_state")):
        found = getattr(owner, name, None)
        if isinstance(found, np.random.RandomState):
            return found
    raise wrong(
        "seed", "one", f"none: {type(environment).__name__} has no generator that can be seeded"
    )


def dm_control(name: str, *, render_mode: str | None = None, **params: Any) -> FromDMEnv:
    """A task of DM Control's suite.

    Parameters
    ----------
    name
        Domain and task, as in "walker-walk" or "ball_in_cup-catch".
    render_mode
        "rgb_array" for pictures.
    **params
        Of the task, such as `time_limit` (seconds) or, of some, `n_joints`.

    Raises
    ------
    ImportError
        DM Control is not installed, or does not work with the MuJoCo that is.
    ValueError
        There is no such task, or parameter of it.
    """
    suite = _suite()
    known = ["-".join(pair) for pair in suite.ALL_TASKS]
    if name not in known:
        raise wrong("task", name, f"one of DM Control's; {nearest(name, known)}")
    domain, _, task = name.partition("-")
    try:
        # What a task draws once, as it is built, has to be there again where a run goes on.
        made = suite.load(domain, task, task_kwargs={"random": 0, **params})
    except TypeError as error:
        raise wrong("parameters", params, f"those of {name} ({error})") from error
    except AttributeError as error:
        raise ImportError(
            f"DM Control does not work with the MuJoCo that is installed ({error}): {_INSTALL}"
        ) from error
    return FromDMEnv(made, render_mode=render_mode)


def _suite() -> Any:
    """DM Control's suite of tasks."""
    if find_spec("dm_control") is None:
        raise ImportError(f"environments of DM Control need dm_control: {_INSTALL}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of windows that are not there
        from dm_control import suite
    return suite
