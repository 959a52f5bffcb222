"""Agents in an environment: what their episodes came to, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from onlineml.evaluation.metrics import metric
from onlineml.evaluation.metrics.control import METRICS, Ended
from onlineml.evaluation.metrics.metric import Scored
from onlineml.evaluation.result import Result, Run, WindowRecord
from onlineml.graph.compiled import compile_kernels
from onlineml.parameters import whole
from onlineml.rl.agent import Transition

if TYPE_CHECKING:
    from onlineml.evaluation.prequential import Tracker

NAMES = [one.name for one in METRICS]


class Stand(NamedTuple):
    """How far a run is: all that it needs to go on with the same bits."""

    agent: Any
    run: Run
    sums: Any  # of the episodes that ended
    place: dict[str, Any]  # the rollout's own state


class InWorld:
    """An agent in one of the compiled environments."""

    def __init__(self, agent: Any, world: Any) -> None:
        self.agent, self.world = agent, world
        self._observation: Any = None
        self._action: Any = None
        self._total, self._length = 0.0, 0

    def run(self, n_steps: int) -> list[tuple[int, float, int, bool]]:
        """Take the steps; step, return, length and kind of end of the episodes that ended."""
        if hasattr(self.agent, "run"):  # the world's steps are within the agent's kernel
            return list(zip(*(part.tolist() for part in self.agent.run(self.world, n_steps))))
        steps = ((i + 1, self._step()) for i in range(n_steps))
        return [(i, *end) for i, end in steps if end is not None]

    def _step(self) -> tuple[float, int, bool] | None:
        """One step by Python; return, length and kind of end where it ends the episode."""
        if self._observation is None:
            self._observation, self._total, self._length = self.world.reset()[0], 0.0, 0
            self._action = self.agent.act_one(self._observation, explore=True)
        x, action = self._observation, self._action
        y, reward, terminated, truncated, _ = self.world.step(action)
        self._action = self.agent.fit_act_one(
            Transition(x, action, reward, y, terminated, truncated)
        )
        self._total += reward
        self._length += 1
        self._observation = None if terminated or truncated else y
        return None if self._observation is not None else (self._total, self._length, terminated)

    def get_state(self) -> dict[str, Any]:
        """Where the world stands, to be saved beside the agent."""
        on = self._observation is not None
        return {
            "world": self.world.get_state(), "total": self._total, "length": self._length,
            "observation": self._observation, "action": self._action if on else None,
        }  # fmt: skip

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `get_state` gave, with the agent as it was then."""
        self.world.set_state(state["world"])
        self._total, self._length = state["total"], state["length"]
        self._observation, self._action = state["observation"], state["action"]
        return self


def play(
    agents: Any,
    rollout: Callable[[Any, int | None], Any],
    n_steps: int,
    *,
    name: str = "environment",
    seeds: Sequence[int] | None = None,
    window: int = 10_000,
    until: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    track: Tracker | None = None,
    keep: Callable[[Stand], None] | None = None,
    stands: Mapping[tuple[str, int | None], Stand] | None = None,
) -> Result:
    """Let agents act and learn in an environment; returns of their episodes, window by window.

    Time per event, a step, and memory are those of agent and environment; of a window its figures
    are kept.

    Parameters
    ----------
    agents
        One agent, or name -> agent. Copies act.
    rollout
        `(agent, seed) -> ` an object whose `run(n)` takes n steps and returns the episodes that
        ended, each with `total` and `length`: such as `onlineml.integrations.Rollout`.
    n_steps
        Steps of each run.
    name
        The environment's, for tables.
    seeds
        Agents run once for each, which is also their environment's seed.
    window
        Steps over which returns are averaged.
    until
        Asked after every window; True ends the run there.
    on_progress, track
        As of `prequential`.
    keep
        Called after every window with how far that run is, to be saved.
    stands
        What `keep` got last of (name, seed): such a run goes on from there, as if it had never
        stopped. The rollouts of both need `get_state` and `set_state`.

    Returns
    -------
    Result
        Of the task "control", with the metrics `episode_return` and `episode_length`.

    Raises
    ------
    ValueError
        For an `n_steps` or `window` that is not a whole number >= 1, and what agents refuse.

    Examples
    --------
    >>> from onlineml.evaluation import play
    >>> from onlineml.evaluation.episodes import InWorld
    >>> from onlineml.rl import Chain, SwiftSARSA
    >>> rollout = lambda agent, seed: InWorld(agent, Chain())
    >>> result = play(SwiftSARSA(n_actions=2, seed=1), rollout, 5_000, window=1_000)
    >>> bool(result.runs[0].window["episode_return"][-1] > 0.5)
    True
    """
    for argument, value in (("n_steps", n_steps), ("window", window)):
        whole(argument, value, 1, unit="steps")
    tell, stop = on_progress or (lambda n, total: None), until or (lambda: False)
    named = agents if isinstance(agents, Mapping) else {type(agents).__name__: agents}
    result = Result(name, "control", NAMES, window, [])
    turns = [(key, seed) for key in named for seed in seeds or (None,)]
    for i, (key, seed) in enumerate(turns):
        stand = (stands or {}).get((key, seed)) or _beginning(named[key], key, seed)
        agent, run, there = stand.agent, stand.run, rollout(stand.agent, seed)
        in_all = _taken_up(stand, there)
        result.n_rows = max(result.n_rows, run.n_scored)
        result.runs.append(run)
        result.estimators[key, seed] = agent
        for record in _windows(there, agent, run, in_all, n_steps, window):
            run.take(record)
            run.nbytes = agent.nbytes
            result.n_rows = max(result.n_rows, record.n_rows)
            if track is not None:
                track.on_window(record)
            if keep is not None:
                keep(Stand(agent, run, in_all.sums, there.get_state()))
            tell(i * n_steps + record.n_rows, len(turns) * n_steps)
            result.interrupted = stop()
            if result.interrupted:
                break
        if result.interrupted:
            break
    if track is not None:
        track.on_end(result)
    return result


def _beginning(agent: Any, key: str, seed: int | None) -> Stand:
    """A run that has taken no step yet."""
    agent = agent.clone()
    if seed is not None:
        agent.set_params(seed=seed)
    return Stand(agent, Run(key, seed, repr(agent)), None, {})


def _taken_up(stand: Stand, there: Any) -> Ended:
    """Put a rollout where a run stands; the sums of its episodes."""
    in_all = Ended([])
    if stand.place:
        there.set_state(stand.place)
        in_all.sums[...] = stand.sums
    compile_kernels(stand.agent)  # which is no part of the time that steps take
    return in_all


def _windows(
    there: Any, agent: Any, run: Run, in_all: Ended, n_steps: int, window: int
) -> Iterator[WindowRecord]:
    """Take the steps that are left; a record at the end of each window."""
    done, cpu = run.n_scored, run.cpu_seconds
    while done < n_steps:
        n = min(window - done % window, n_steps - done)
        began = time.process_time()
        ended = there.run(n)
        cpu += time.process_time() - began
        done += n
        here = Ended([])
        totals, lengths = (np.array([e[k] for e in ended], np.float64) for k in (1, 2))
        here.add(Scored(totals, lengths))
        in_all.absorb(here)
        yield WindowRecord(
            run.model, run.seed, False, done, n, _values(here), _values(in_all), cpu,
            agent.diagnostics(),
        )  # fmt: skip


def _values(summary: Ended) -> dict[str, float]:
    return {name: metric(name).formula(summary) for name in NAMES}
