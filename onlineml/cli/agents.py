"""`onlineml run --agent`: agents act and learn in an environment."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

import click
from pydantic import Field, field_validator, model_validator

from onlineml.cli import INTERRUPTED, specs
from onlineml.cli.config import Evaluation, Seed, Source, renamed
from onlineml.cli.mistakes import Mistake, nearest, one_line, unknown
from onlineml.words import counted

if TYPE_CHECKING:
    from onlineml.rl.agent import Agent


class AgentsConfig(Evaluation):
    """Agents in one environment."""

    env: Source = Field(description="Environment of Gymnasium, or a compiled one.")
    steps: int = Field(default=100_000, ge=1, description="Steps of each run.")
    seeds: list[Seed] = Field(default=[1], min_length=1, description="One run for each.")
    window: int = Field(default=10_000, ge=1, description="Steps over which returns are averaged.")
    film: bool = Field(default=False, description="Write a GIF of an episode of each agent.")

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, values: Any) -> Any:
        return renamed(values, {"agents": "models", "agent": "models", "seed": "seeds"})

    @field_validator("env", mode="before")
    @classmethod
    def _read_env(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        name, _, params = value.partition("(")  # names hold - and /, which models' do not
        spec = specs.parse(f"Name({params}") if params else {}
        return {"name": name, "params": spec.get("params", {})}


def run(config: AgentsConfig, *, resume: bool = False) -> int | None:
    """Let them act, show, write; the exit code. With `resume`, go on with what the folder holds."""
    from onlineml.cli.folder import chosen_folder, write_config, write_results
    from onlineml.cli.live import Trackers, View, print_summary, stdout
    from onlineml.cli.run import interruptible, say_where, tracker_of
    from onlineml.cli.stands import Keeper, Tracked, kept
    from onlineml.evaluation.episodes import NAMES, play

    try:
        agents = _agents(config)
        if config.film:
            _drawn(config)
    except (ImportError, RuntimeError) as error:
        raise Mistake(one_line(error)) from error
    folder = chosen_folder(config, config.env.name)
    stands = kept(folder, agents, config.seeds) if resume else {}
    if resume and _is_done(config, [stand.run.n_scored for stand in stands.values()], folder):
        return None
    before = sum(stand.run.n_scored for stand in stands.values())
    spent = sum(stand.run.cpu_seconds for stand in stands.values())
    n_windows = -(-config.steps // config.window)
    text, tracked = write_config(folder, config), Tracked(folder)
    tracker = tracker_of(
        config,
        config.env.name,
        None if stands else n_windows,  # of a run that goes on, what is new is sent at its end
        run_ids=tracked.ids(agents, config.seeds) if resume else {},
        opened=tracked.keep,
    )
    total = config.steps * len(agents) * len(config.seeds)
    view = View(NAMES, ["return", "length"], total, unit="steps")
    keeper = Keeper(folder)
    began = time.perf_counter()
    with view, interruptible() as interrupted:
        result = play(
            agents,
            lambda agent, seed: _rollout(config, agent, seed),
            config.steps,
            name=config.env.name,
            seeds=config.seeds,
            window=config.window,
            until=interrupted,
            on_progress=view.on_progress,
            track=Trackers([view, *([tracker] if tracker else [])]),
            keep=keeper.keep,
            stands=stands,
        )
    keeper.close()
    write_results(folder, [result], text, models=False)
    if config.film:
        _film(config, result, folder)
    console = stdout()
    print_summary(result, console)
    cpu = sum(run.cpu_seconds for run in result) - spent
    steps = sum(run.n_scored for run in result) - before
    wall = time.perf_counter() - began
    console.print(f"\n{counted(steps, 'step(s)')} in {wall:.1f} s ({cpu:.1f} CPU s)")
    say_where(result, folder, tracker, unit="steps")
    if result.interrupted:
        click.echo(f"go on with: onlineml run --resume {folder}", err=True)
    return INTERRUPTED if result.interrupted else None


def _is_done(config: AgentsConfig, done: list[int], folder: Any) -> bool:
    """Whether no run has steps left, and says so; fewer steps than were done are a mistake."""
    if max(done, default=0) > config.steps:
        raise Mistake(
            f"steps: got {config.steps:,}, expected more than the {max(done):,} that {folder} holds"
        )
    n_runs = len(config.models) * len(config.seeds)
    if config.film or len(done) < n_runs or min(done) < config.steps:
        return False
    click.echo(f"{folder} holds all {config.steps:,} steps already; take more with --steps")
    return True


def _compiled(name: str) -> Any:
    """The class of a compiled environment; None for others."""
    from onlineml import rl

    found = getattr(rl, name, None) if name in rl.__all__ else None
    return found if isinstance(found, type) and issubclass(found, rl.World) else None


def _names_of_compiled() -> list[str]:
    from onlineml import rl

    return [name for name in rl.__all__ if name != "World" and _compiled(name) is not None]


def _made(config: AgentsConfig, seed: int | None) -> Any:
    """The environment."""
    params = config.env.params
    kind = _compiled(config.env.name)
    if kind is not None:
        allowed = inspect.signature(kind).parameters
        for key in params:
            if key not in allowed:
                raise unknown(f"parameter of {config.env.name}", key, allowed)
        return kind(**{"seed": seed, **params})
    from onlineml.integrations.gymnasium import environment

    try:
        return environment(config.env.name, **params)
    except ValueError as error:
        close = nearest(config.env.name, _names_of_compiled())
        if close and close[0] not in str(error):
            error.add_note(f"compiled ones: did you mean {' or '.join(close)}?")
        raise


def _rollout(config: AgentsConfig, agent: Any, seed: int | None) -> Any:
    there = _made(config, seed)
    if _compiled(config.env.name) is not None:
        from onlineml.evaluation.episodes import InWorld

        return InWorld(agent, there)
    from onlineml.integrations.gymnasium import Rollout

    return Rollout(agent, there, seed=seed)


def _agents(config: AgentsConfig) -> dict[str, Agent]:
    """Agents by the text that describes them, told the environment's actions."""
    from onlineml.integrations.gymnasium import actions_of
    from onlineml.rl.agent import Agent

    there = _made(config, None)
    actions = {"n_actions": there.n_actions} if _compiled(config.env.name) else actions_of(there)
    agents: dict[str, Agent] = {}
    for item in config.models:
        spec = _in_full(item.model_dump())
        text = specs.written(spec)
        allowed = _parameters(spec["name"])
        if "action_size" in actions and "action_size" not in allowed:
            raise Mistake(
                f"{text} has no action_size: actions of {config.env.name} are numbers within "
                "limits, which StreamAC takes"
            )
        if "n_actions" in actions and "n_actions" not in allowed:
            raise Mistake(f"{text} has no n_actions: it is none that acts, see `onlineml list`")
        given = spec.get("params", {})
        for key, due in actions.items():
            if given.get(key, due) != due:
                raise Mistake(f"{text}: {key}: got {given[key]}, {config.env.name} has {due}")
        spec["params"] = actions | given
        agent = specs.build_model(spec)
        if not isinstance(agent, Agent):
            raise Mistake(f"{text} is no agent; see `onlineml list models`")
        agents[text] = agent
    return agents


def _in_full(spec: dict[str, Any]) -> dict[str, Any]:
    """`stream_ac` as `StreamAC`."""
    from onlineml import rl

    if "name" not in spec:
        raise Mistake(f"{specs.written(spec)} is no agent")
    folded = {name.lower(): name for name in rl.__all__}
    name = folded.get(spec["name"].replace("_", "").lower(), spec["name"])
    return {**spec, "name": name}


def _parameters(name: str) -> Any:
    from onlineml import rl
    from onlineml.registry import estimator
    from onlineml.rl.agent import Agent

    kind = estimator(name)
    if kind is None:
        made = {known: getattr(rl, known) for known in rl.__all__}
        agents = [n for n, one in made.items() if isinstance(one, type) and issubclass(one, Agent)]
        raise unknown("agent", name, agents, hint="see `onlineml list models`")
    return inspect.signature(kind).parameters


def _drawn(config: AgentsConfig) -> Any:
    """The environment with pictures."""
    from onlineml.integrations.gymnasium import with_pictures

    if _compiled(config.env.name) is not None:
        return _made(config, None)
    return with_pictures(config.env.name, **config.env.params)


def _film(config: AgentsConfig, result: Any, folder: Any) -> None:
    """One GIF for each agent's first run."""
    from onlineml.cli.folder import slug
    from onlineml.evaluation.film import film as film_compiled
    from onlineml.integrations.gymnasium import film as film_in_gymnasium

    film = film_compiled if _compiled(config.env.name) is not None else film_in_gymnasium
    seen = set()
    for (name, _), agent in result.estimators.items():
        if name not in seen:
            seen.add(name)
            path = folder / f"{slug(name)}.gif"
            film(agent, _drawn(config), path)
            click.echo(f"film     {path}")
