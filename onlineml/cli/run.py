"""`onlineml run`: evaluate models on one stream."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlineml.cli import INTERRUPTED
from onlineml.cli.config import Evaluation, RunConfig, loaded, resolve, source
from onlineml.cli.mistakes import Mistake
from onlineml.cli.options import evaluation_options, flags
from onlineml.words import counted

if TYPE_CHECKING:
    from onlineml.evaluation import Result


@click.command("run")
@click.argument(
    "config_file", metavar="[CONFIG]", required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option("--stream", "-s", help="Name or data file, with [(key=value)]: options.")
@click.option("--target", "-t", help="Column to predict, for a data file.")
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="AGENT",
    help="StreamAC, stream_q(hidden=[64]), ...; once for each.",
)
@click.option("--env", help="The agents' environment: Breakout, CartPole, Chain, or Gymnasium's.")
@click.option("--steps", type=int, help="Steps of each agent [100000].")
@click.option("--seeds", "n_seeds", type=click.IntRange(1), help="As --seed 1,2,...,SEEDS.")
@click.option("--film", is_flag=True, help="Write a GIF of an episode of each agent.")
@click.option(
    "--resume",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Go on with the agents of a run that was stopped, or take more --steps with them.",
)
@evaluation_options
def command(
    config_file: Path | None,
    stream: str | None,
    target: str | None,
    resume: Path | None,
    **given: Any,
) -> int | None:
    """Evaluate models on one stream: every row is predicted, then scored, then learned.

    With --agent, let agents act and learn in an environment, a transition at a time.

    CONFIG is a YAML or TOML file; flags win over it, --set over both.

    \b
    onlineml run --model GaussianNB --stream sea_a --rows 100000
    onlineml run -m "StandardScaler | KNNClassifier(n_neighbors=3)" -s data.csv -t label
    onlineml run -m GaussianNB -s image_segments --strategy MarginSampling --budget 0.05,0.1
    onlineml run -m GaussianNB -s "data.csv(on_error=skip)" -t label
    onlineml run config.yaml --set models.0.params.n_neighbors=3
    onlineml run --agent stream_ac --env CartPole-v1 --steps 100000 --seeds 3 --out pole
    onlineml run --resume pole --steps 200000
    """  # noqa: D301 - click reads the backspace
    if n_seeds := given.pop("n_seeds"):
        given["seeds"] = list(range(1, n_seeds + 1))
    values, overrides = flags(given)
    if resume is not None:
        return _go_on(resume, config_file or stream or target, values, overrides)
    if "env" in values or "agents" in values or _acts(config_file):
        from onlineml.cli.agents import AgentsConfig
        from onlineml.cli.agents import run as act

        return act(resolve(AgentsConfig, config_file, values, overrides))
    if stream is not None:
        values["stream"] = source(stream, target)
    elif target is not None:
        overrides = [f"stream.target={target!r}", *overrides]
    config = resolve(RunConfig, config_file, values, overrides)
    return run(config)


def _go_on(folder: Path, other: Any, values: dict[str, Any], overrides: Any) -> int | None:
    """Go on with what `folder` holds."""
    from onlineml.cli.stands import begun

    allowed = {"steps", "film", "track", "tracking_uri", "experiment"}
    if other or overrides or not values.keys() <= allowed:
        raise Mistake("--resume goes with --steps, --film and --track alone: the rest is as it was")
    file = begun(folder)
    if not _acts(file):
        raise Mistake(f"{folder} holds no run of agents: only those go on")
    from onlineml.cli.agents import AgentsConfig
    from onlineml.cli.agents import run as act

    values |= {"out": folder, "force": True}
    return act(resolve(AgentsConfig, file, values, []), resume=True)


def _acts(config_file: Path | None) -> bool:
    """Whether a configuration is one of agents."""
    return config_file is not None and "env" in loaded(config_file)


def run(config: RunConfig) -> int | None:
    """Evaluate, show, write; the exit code."""
    from onlineml.cli.build import models_of, strategies_of, stream_of
    from onlineml.cli.folder import chosen_folder, kept_if_run, write_config, write_results
    from onlineml.cli.live import Trackers, View, print_summary, stdout
    from onlineml.evaluation import prequential
    from onlineml.evaluation.entrants import has_detectors
    from onlineml.evaluation.metrics import chosen

    stream, total = stream_of(config.stream, config.rows)
    models = models_of(config.models, stream, seeded=config.seeds is None)
    strategies = strategies_of(config.strategies, seeded=config.seeds is None)
    metrics = chosen(config.metrics or None, stream.task, detectors=has_detectors(models))
    folder = chosen_folder(config, stream.name)
    n_windows = math.ceil(total / config.window) if total else None
    tracker = tracker_of(config, stream.name, n_windows)
    text = write_config(folder, config)
    view = View([m.name for m in metrics], [m.title for m in metrics], total)
    began, spent = time.perf_counter(), time.process_time()
    with view, kept_if_run(folder, config), interruptible() as interrupted:
        result = prequential(
            models,
            stream,
            metrics=[metric.name for metric in metrics],
            window=config.window,
            label_delay=config.label_delay,
            strategies=strategies,
            budgets=config.budgets or None,
            seeds=config.seeds,
            alert_rate=config.alert_rate,
            max_rows=config.rows,
            until=lambda n_rows: interrupted(),
            on_progress=view.on_progress,
            track=Trackers([view, *([tracker] if tracker else [])]),
        )
        result.interrupted |= interrupted()
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    write_results(folder, [result], text)
    console = stdout()
    print_summary(result, console)
    left_out = f", {counted(result.n_broken, 'broken one(s)')} left out" if result.n_broken else ""
    console.print(
        f"\n{counted(result.n_rows, 'row(s)')} in {wall:.1f} s ({cpu:.1f} CPU s){left_out}"
    )
    say_where(result, folder, tracker)
    return INTERRUPTED if result.interrupted else None


def say_where(result: Result, folder: Path, tracker: Any, *, unit: str = "rows") -> None:
    """Say where the results lie."""
    click.echo(f"report   {folder / 'report.html'}")
    click.echo(f"results  {folder}")
    if tracker is not None and tracker.failure is None:
        click.echo(f"MLflow   mlflow ui --backend-store-uri {tracker.tracking_uri}")
    if result.interrupted:
        click.echo(f"Interrupted after {result.n_rows:,} {unit}: the report ends there.", err=True)


def tracker_of(config: Evaluation, stream: str, n_windows: int | None, **more: Any) -> Any:
    """An MLflow tracker, where one is asked for; `more` as it takes."""
    if not config.track:
        return None
    from onlineml.evaluation.tracking import MLflowTracker

    click.echo("starting MLflow ...", err=True)
    return MLflowTracker(
        experiment=config.experiment or stream,
        tracking_uri=config.tracking_uri,
        config=config.plain() | {"config_hash": config.digest()},
        n_windows=n_windows,
        **more,
        say=lambda text: click.secho(text, fg="red", bold=True, err=True),
    )


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C ends the run after the present chunk; a second one ends it at once."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        came.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, before)
