"""`onlineml compare`: models x streams x seeds, side by side in processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlineml.cli import INTERRUPTED
from onlineml.cli.config import CompareConfig, resolve, source
from onlineml.cli.mistakes import Mistake
from onlineml.cli.options import evaluation_options, flags
from onlineml.cli.specs import file_and_options
from onlineml.words import counted

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.table import Table

    from onlineml.evaluation import Comparison


@click.command("compare")
@click.argument(
    "config_file", metavar="[CONFIG]", required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--stream", "-s", "streams", multiple=True, metavar="STREAM",
    help="Name[(key=value)] of a stream, or path of a data file; once for each.",
)  # fmt: skip
@click.option("--target", "-t", help="Column to predict, for data files.")
@click.option("--processes", "-j", type=int, help="Worker processes [one a core].")
@click.option(
    "--executor", type=click.Choice(["process", "ray"]),
    help="Processes of this machine, or tasks of Ray [process].",
)  # fmt: skip
@click.option(
    "--ray-address", metavar="ADDRESS",
    help="A running cluster: auto, HOST:PORT, ray://...; Ray is started here if unset.",
)  # fmt: skip
@evaluation_options
def command(
    config_file: Path | None, streams: tuple[str, ...], target: str | None, **given: Any
) -> int | None:
    """Evaluate models on several streams with several seeds: means, spreads, mean ranks.

    CONFIG is a YAML or TOML file; flags win over it, --set over both. Seeds are those of the
    models; models without one run once.

    \b
    onlineml compare -m GaussianNB -m KNNClassifier -s sea_a -s rbf_m --rows 50000
    """  # noqa: D301 - click reads the backspace
    values, overrides = flags(given)
    if streams:
        values["streams"] = [_source(stream, target) for stream in streams]
    return compare(resolve(CompareConfig, config_file, values, overrides))


def _source(stream: str, target: str | None) -> dict[str, Any]:
    return source(stream, target if file_and_options(stream)[0] else None)


def compare(config: CompareConfig) -> int | None:
    """Evaluate, show, write; the exit code."""
    from onlineml import evaluation
    from onlineml.cli.build import compile_kernels, models_of, strategies_of, stream_of
    from onlineml.cli.folder import chosen_folder, write_config, write_results
    from onlineml.cli.live import most_that_fit, stdout

    streams = [stream_of(wanted, config.rows)[0] for wanted in config.streams]
    for stream in streams:
        models = models_of(config.models, stream, seeded=False)
        compile_kernels(models.values(), stream)  # once here, not in every process
    folder = chosen_folder(config, "comparison")
    text = write_config(folder, config)
    began, n_jobs = time.perf_counter(), config.processes or _cores()
    with _progress() as tell:
        found = evaluation.compare(
            models,
            streams,
            seeds=config.seeds,
            n_jobs=n_jobs,
            executor=_executor(config, n_jobs),
            max_rows=config.rows,
            metrics=config.metrics or None,
            window=config.window,
            label_delay=config.label_delay,
            strategies=strategies_of(config.strategies, seeded=False),
            budgets=config.budgets or None,
            on_progress=tell,
        )
    if not found.results:
        click.echo("Interrupted before the first result.", err=True)
        return INTERRUPTED
    for name, result in found.results.items():
        result.stream = name
    write_results(folder, list(found), text)
    _track(config, found)
    console, left = stdout(), tuple(found.results)
    while left:
        shown, part = most_that_fit(partial(_of_first, found, left), len(left), console)
        console.print(part)
        left = left[shown:]
    click.echo(
        f"\n{counted(len(found.results), 'stream(s)')} in {time.perf_counter() - began:.1f} s"
    )
    click.echo(f"report   {folder / 'report.html'}\nresults  {folder}")
    if found.interrupted:
        click.echo("Interrupted: the report holds what was done by then.", err=True)
    return INTERRUPTED if found.interrupted else None


def _of_first(found: Comparison, streams: Sequence[str], n: int) -> Table:
    return table(found, streams[:n])


def table(found: Comparison, streams: Sequence[str]) -> Table:
    """Models x `streams` for the first metric, with mean ranks over all streams, best first."""
    from rich.table import Table

    from onlineml.evaluation.metrics import metric as metric_named
    from onlineml.evaluation.report.words import number

    name = next(iter(found)).metrics[0]
    baselines = {run.model for result in found for run in result if run.baseline}
    ranks, rows = found.ranks(name), found.table(name)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown.add_column(metric_named(name).title, overflow="fold")
    for stream in (*streams, "mean rank"):
        shown.add_column(stream, justify="right", no_wrap=True)
    for model in sorted(rows, key=lambda model: ranks[model]):
        cells = [
            number(mean, name) + ("" if sd != sd else f" ±{number(sd, name)}")
            for mean, sd in (rows[model][stream] for stream in streams)
        ]
        style = "dim" if model in baselines else ""
        shown.add_row(model, *cells, f"{ranks[model]:.2f}", style=style)
    return shown


def _track(config: CompareConfig, found: Comparison) -> None:
    """Send the results to MLflow, where that is asked for: an experiment a stream."""
    if not config.track:
        return
    from onlineml.evaluation.tracking import MLflowTracker

    for stream, result in found.results.items():
        tracker = MLflowTracker(
            experiment=config.experiment or stream,
            tracking_uri=config.tracking_uri,
            config=config.plain() | {"config_hash": config.digest()},
            say=lambda text: click.secho(text, fg="red", bold=True, err=True),
        )
        tracker.on_end(result)
        if tracker.failure is not None:
            return


def _executor(config: CompareConfig, n_jobs: int) -> Executor | None:
    if config.executor == "process":
        if config.ray_address is not None:
            raise Mistake("ray_address: only with --executor ray")
        return None
    from onlineml.integrations import RayExecutor

    return RayExecutor(config.ray_address, n_jobs)


def _cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda done, total: click.echo(f"{done:>4} of {total} evaluations", err=True)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("evaluations", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
