"""Agents and bandits: how fast, and what they earn: `python -m benchmarks.rl --help`."""

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import fresh, timed
from benchmarks.rl_bandits import ARMS, HORIZON, K, bandits, regrets
from benchmarks.rl_many import AGENTS, many
from benchmarks.rl_prediction import errors, made_up, read, relative

RULES = ("ObGD", "Intentional")
KINDS = ("StreamTD", "StreamQ", "StreamAC")
MAPS = "StreamQ, maps"  # of MinAtar: 10 x 10 x 4, 16 channels, 128
FEATURES, ACTIONS = 17, 6  # HalfCheetah's
HIDDEN = (128, 128)
WORLDS = ("CartPole", "Breakout", "Hopper-v5", "HalfCheetah-v5")
#: What our agent is told in a world, beside its defaults; `share` is of the actor's rule.
OWN = {"Hopper-v5": {"gamma": 0.995, "actor_lambda": 0.93, "share": 0.02}}
PREDICTORS = 5  # seeds of those that foretell a series


def agent(kind: str, rule: str | None, seed: int = 0, **params: Any) -> Any:
    """Ours; both networks by the same rule, or by the default ones."""
    from onlineml import rl

    if rule is not None:
        params["critic_rule"] = getattr(rl, rule)()
    if kind == "StreamAC":
        params.setdefault("action_size", ACTIONS)
        if rule is not None:
            params["actor_rule"] = getattr(rl, rule)()
    elif kind == "StreamQ":
        params.setdefault("n_actions", ACTIONS)
        params.setdefault("epsilon_steps", 1)
    return getattr(rl, kind)(seed=seed, **params)


def on_maps(rule: Any, seed: int = 0, **params: Any) -> Any:
    """Ours with MinAtar's network."""
    from onlineml.rl import Breakout, Conv, StreamQ

    conv = Conv(shape=Breakout.shape)
    return StreamQ(n_actions=3, conv=conv, hidden=(128,), critic_rule=rule, seed=seed, **params)


def games(n: int) -> list[Any]:
    """Breakout, played at random."""
    from onlineml.rl import Breakout, Transition

    rng, world, made = np.random.default_rng(0), Breakout(seed=0), []
    x = world.reset()[0]
    for _ in range(n):
        action = int(rng.integers(3))
        y, reward, terminated, truncated, _ = world.step(action)
        made.append(Transition(x, action, reward, y, terminated, truncated))
        x = world.reset()[0] if terminated else y
    return made


def transitions(kind: str, n: int) -> list[Any]:
    """A walk through features, an episode of a thousand steps after another."""
    from onlineml.rl import Transition

    rng = np.random.default_rng(0)
    x, made = rng.normal(size=FEATURES), []
    for i in range(n):
        drawn = rng.normal(size=ACTIONS)
        action: Any = {"StreamTD": None, "StreamQ": int(drawn.argmax()), "StreamAC": drawn}[kind]
        y = 0.9 * x + 0.4 * rng.normal(size=FEATURES)
        made.append(Transition(x, action, float(y[0] - x[1]), y, False, i % 1000 == 999))
        x = y
    return made


# -------------------------------------------------------------------- what is measured


def ours(n: int, repeats: int) -> dict[str, float]:
    """Steps per CPU-second of ours, a call of Python for each."""
    from onlineml import rl

    rates = {}
    for kind in KINDS:
        stream = transitions(kind, n)
        for rule in RULES:
            learner = agent(kind, rule)
            step = learner.fit_predict_one if kind == "StreamTD" else learner.fit_act_one
            rates[f"{kind} {rule}"] = _rate(step, stream, repeats)
    stream = games(n // 4)
    for rule in RULES:
        learner = on_maps(getattr(rl, rule)(), epsilon_steps=1)
        rates[f"{MAPS} {rule}"] = _rate(learner.fit_act_one, stream, repeats)
    return rates


def theirs(n: int, repeats: int) -> dict[str, float]:
    """The same of plain torch, on fewer steps."""
    import torch

    from benchmarks.rl_torch import TorchAgent

    torch.set_num_threads(1)
    few, rates = max(n // 50, 10), {}
    for kind in KINDS:
        stream = transitions(kind, few)
        for rule in RULES:
            learner = TorchAgent(kind, rule, FEATURES, ACTIONS)
            rates[f"{kind} {rule}"] = _rate(learner.step, stream, repeats)
    stream = games(few)
    for rule in RULES:
        learner = TorchAgent("StreamQ", rule, 400, 3, (10, 10, 4))
        rates[f"{MAPS} {rule}"] = _rate(learner.step, stream, repeats)
    return rates


def _rate(step: Callable[[Any], Any], stream: list[Any], repeats: int) -> float:
    """Steps per CPU-second, the median; a first run warms up."""

    def work() -> None:
        for transition in stream:
            step(transition)

    cpu, _, _ = timed(work, repeats + 1)
    return len(stream) / statistics.median(cpu[1:])


def cheetah(n: int, repeats: int) -> dict[str, float]:
    """Steps per CPU-second in HalfCheetah-v5, the environment's own time included."""
    if find_spec("mujoco") is None or find_spec("gymnasium") is None:
        return {}
    from onlineml.integrations.gymnasium import Rollout, environment

    rates = {}
    with _elsewhere():
        for rule in RULES:
            rollout = Rollout(agent("StreamAC", rule), environment("HalfCheetah-v5"), seed=0)
            rollout.run(min(n, 500))
            cpu, _, _ = timed(partial(rollout.run, n), repeats)
            rates[rule] = n / statistics.median(cpu)
    return rates


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """In a folder of its own, where MuJoCo may leave its log."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


# -------------------------------------------------------------------- returns


def earned(world: str, seed: int, steps: int, hidden: tuple[int, ...]) -> float:
    """Mean return of the episodes that ended in the last tenth of the steps.

    `hidden` is of the agents in Gymnasium's environments.
    """
    from onlineml.rl import Breakout, CartPole, Intentional

    if world == "Breakout":
        explored = 2 * steps // 5
        learner = on_maps(Intentional(), seed, epsilon_steps=explored)
        episodes = learner.run(Breakout(seed=seed), steps)
        ended = list(zip(episodes.steps.tolist(), episodes.returns.tolist()))
    elif world == "CartPole":
        learner = agent("StreamQ", None, seed, n_actions=2, hidden=(32, 32), epsilon_steps=25_000)
        episodes = learner.run(CartPole(seed=seed), steps)
        ended = list(zip(episodes.steps.tolist(), episodes.returns.tolist()))
    else:
        from onlineml.integrations.gymnasium import Rollout, actions_of, environment

        told: dict[str, Any] = dict(OWN.get(world, {}))
        if share := told.pop("share", None):
            told["actor_rule"] = Intentional(share=share)
        with _elsewhere():
            there = environment(world)
            learner = agent("StreamAC", None, seed, hidden=hidden, **actions_of(there), **told)
            ended = [(e.step, e.total) for e in Rollout(learner, there, seed=seed).run(steps)]
    late = [total for step, total in ended if step > 0.9 * steps]
    return statistics.fmean(late) if late else float("nan")


def returns(
    worlds: list[str], seeds: int, steps: int, out: Path | None, hidden: tuple[int, ...] = HIDDEN
) -> list[dict[str, Any]]:
    """All cells; those that `out` holds are not run again."""
    kept = [json.loads(line) for line in out.read_text().splitlines()] if _is(out) else []
    cells = []
    for world in worlds:
        for seed in range(seeds):
            cell: dict[str, Any] = {"world": world, "seed": seed, "steps": steps}
            if hidden != HIDDEN:
                cell["hidden"] = list(hidden)
            if world in OWN:
                cell["told"] = OWN[world]
            known = [old for old in kept if old.keys() - {"return"} == cell.keys()]
            known = [old for old in known if cell.items() <= old.items()]
            paid = {} if known else {"return": earned(world, seed, steps, hidden)}
            cells.append(known[0] if known else cell | paid)
            if out and not known:
                with out.open("a") as file:
                    file.write(json.dumps(cells[-1]) + "\n")
    return cells


def _is(path: Path | None) -> bool:
    return path is not None and path.exists()


# -------------------------------------------------------------------- tables


def tables(results: dict[str, Any]) -> Iterator[Table]:
    """Speed of agents beside torch, in HalfCheetah, of bandits; regret beside uniform's."""
    shown = _table("Learn, then act: thousand steps per CPU-second", "torch", "ours", "x")
    for name, rate in results["ours"].items():
        base = results["torch"].get(name)
        beside = (f"{base / 1e3:.2f}", f"{rate / base:.0f}") if base else ("-", "-")
        shown.add_row(name, beside[0], f"{rate / 1e3:.1f}", beside[1])
    yield shown
    shown = _table("HalfCheetah-v5 with StreamAC, thousand steps per CPU-second", "steps")
    for name, rate in results["cheetah"].items():
        shown.add_row(name, f"{rate / 1e3:.1f}")
    if results["cheetah"]:
        yield shown
    title = "StreamAC with ObGD, many at once: thousand steps of agents per CPU-second"
    shown = _table(title, *map(str, AGENTS))
    for name, rates in results["many"].items():
        shown.add_row(name, *(f"{rates[str(n)] / 1e3:.1f}" for n in AGENTS))
    yield shown
    shown = _table(f"Bandits, {ARMS} arms: thousand pulls and updates per CPU-second", "pulls")
    for name, rate in results["bandits"].items():
        shown.add_row(name, f"{rate / 1e3:.0f}")
    yield shown
    shown = _table("Arms that come once: one pays .75, the others .5", "regret", "of uniform's")
    base = statistics.fmean(results["regrets"]["uniform"])
    for name, runs in results["regrets"].items():
        mean = statistics.fmean(runs)
        shown.add_row(name, f"{mean:,.0f}", f"{mean / base:.2f}")
    yield shown
    shown = _table("StreamTD on a series: error over deviation", "mean", "most", "of ObGD's")
    for name, runs in results["prediction"].items():
        share = relative(results["prediction"], name)
        shown.add_row(name, f"{statistics.fmean(runs):.3f}", f"{max(runs):.3f}", f"{share:.2f}")
    yield shown


def table_of_returns(cells: list[dict[str, Any]]) -> Table:
    """One line an environment."""
    shown = _table("Mean return in the last tenth of the steps", "seeds", "mean", "least", "most")
    for world in dict.fromkeys(cell["world"] for cell in cells):
        found = [cell["return"] for cell in cells if cell["world"] == world]
        numbers = (statistics.fmean(found), min(found), max(found))
        shown.add_row(
            world,
            str(len(found)),
            *(f"{number:,.{0 if number >= 100 else 1}f}" for number in numbers),
        )
    return shown


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=title, min_width=len(title) + 2)
    shown.add_column("")
    for column in columns:
        shown.add_column(column, justify="right")
    return shown


PARTS = ("ours", "torch", "many", "cheetah", "bandits", "regrets", "prediction")


@click.command()
@click.option("--steps", type=int, help="Of a run; 10,000, with --returns 150,000.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--arms", default=K, show_default=True, help="Arms that come once.")
@click.option("--horizon", default=HORIZON, show_default=True, help="Pulls of them.")
@click.option("--runs", default=20, show_default=True, help="Of each strategy for such arms.")
@click.option("--rows", default=17_420, show_default=True, help="Of the series that is foretold.")
@click.option("--series", type=click.Path(path_type=Path), help="CSV instead; last column counts.")
@click.option("--returns", "earn", is_flag=True, help="Measure returns, not speed.")
@click.option("--worlds", default=",".join(WORLDS), show_default=True, help="For --returns.")
@click.option("--seeds", default=3, show_default=True, help="For --returns.")
@click.option("--hidden", default="128,128", show_default=True, help="Of StreamAC, for --returns.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File of the figures.")
@click.option("--only", hidden=True)
def main(
    earn: bool, worlds: str, seeds: int, hidden: str, out: Path | None, only: str | None, **n: Any
) -> None:
    """Measure agents beside plain torch and in HalfCheetah, bandits, predictions; or returns.

    With --returns, the file of --json gets a line for each run that is done, and a run that it has
    is not made again.
    """
    steps = n["steps"] or (150_000 if earn else 10_000)
    console = Console(width=100)
    if earn:
        widths = tuple(map(int, hidden.split(",")))
        console.print(table_of_returns(returns(worlds.split(","), seeds, steps, out, widths)))
    elif only == "regrets":
        print(json.dumps(regrets(n["arms"], n["horizon"], n["runs"])))
    elif only == "prediction":
        series = read(n["series"]) if n["series"] else made_up(n["rows"])
        print(json.dumps(errors(series, PREDICTORS)))
    elif only:
        part = {
            "ours": ours,
            "torch": theirs,
            "many": many,
            "cheetah": cheetah,
            "bandits": bandits,
        }[only]
        print(json.dumps(part(steps, n["repeats"])))
    else:
        options: list[object] = ["--steps", steps]
        for name in ("repeats", "arms", "horizon", "runs", "rows", "series"):
            options += [f"--{name}", n[name]] if n[name] else []
        parts = [part for part in PARTS if part != "torch" or find_spec("torch")]
        found = {part: fresh("benchmarks.rl", *options, "--only", part) for part in parts}
        for shown in tables({"torch": {}} | found):
            console.print(shown)
        if out:
            out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
