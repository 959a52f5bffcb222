"""`onlineml unlearn-bench`: requests to forget, and models that never saw the rows beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlineml.cli import specs
from onlineml.cli.mistakes import Mistake, unknown

if TYPE_CHECKING:
    from rich.table import Table

    from onlineml.evaluation.unlearning import UnlearnResult

_SCHEDULES = "uniform,burst,one_class"


@click.command("unlearn-bench")
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    required=True,
    metavar="MODEL",
    help="Name, Name(key=value) or A | B; once for each model.",
)
@click.option(
    "--stream",
    "-s",
    required=True,
    metavar="STREAM",
    help="Name[(key=value)] of a stream, or path of a data file.",
)
@click.option("--target", "-t", help="Column to predict, for data files.")
@click.option(
    "--rows",
    "-n",
    type=click.IntRange(min=40),
    default=5000,
    show_default=True,
    help="Rows to read, a quarter of which is for testing.",
)
@click.option(
    "--requests",
    "-r",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Rows asked to be forgotten.",
)
@click.option(
    "--schedule",
    "schedules",
    default=_SCHEDULES,
    show_default=True,
    metavar="NAME[,NAME...]",
    help="uniform, poisson, burst, newest, oldest, one_class, leverage, adaptive, duplicates; or "
    "all.",
)
@click.option(
    "--replay/--no-replay",
    default=True,
    show_default=True,
    help="Put models that refuse requests behind a log of the rows.",
)
@click.option(
    "--shadows",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Shadow models that single rows are attacked with, 2 or more; 0: no attack.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the test rows and the requests."
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for unlearning.html and unlearning.json [here].",
)
def command(
    models: tuple[str, ...], stream: str, target: str | None, rows: int, requests: int,
    schedules: str, replay: bool, shadows: int, seed: int, out: Path | None,
) -> None:  # fmt: skip
    """Let models learn a stream and forget rows of it on request; compare with gold.

    Gold is the same model without the rows, which it never saw. Shown are what the receipts say,
    how far each model is from its gold, beside how far two golds are apart, and what a request
    costs beside training again.

    \b
    onlineml unlearn-bench -m GaussianNB -m HoeffdingTreeClassifier -s phishing -r 50
    """  # noqa: D301 - click reads the backspace
    from onlineml.cli.build import models_of, stream_of
    from onlineml.cli.config import Chain, Source, Step, source
    from onlineml.cli.live import stdout
    from onlineml.evaluation.unlearning import SCHEDULES, unlearn_bench, write_unlearn_report

    plans = list(SCHEDULES) if schedules == "all" else schedules.split(",")
    if shadows == 1:
        raise Mistake("--shadows 1: one model cannot both have met a row and not; 0, or 2 or more")
    for plan in plans:
        if plan not in SCHEDULES:
            raise unknown("schedule", plan, SCHEDULES)
    read, _ = stream_of(Source(**source(stream, target)), rows)
    X, y = _rows(read, rows)
    parsed = [specs.parse(text) for text in models]
    steps = [Chain(**spec) if "chain" in spec else Step(**spec) for spec in parsed]
    wanted = models_of(steps, read, seeded=True)
    if replay:
        wanted = {name: _forgetful(model, X, y, read.schema) for name, model in wanted.items()}
    result = unlearn_bench(
        wanted, X, y, schedules=plans, n_requests=requests, seed=seed, n_shadows=shadows,
        stream=stream, schema=read.schema,
        on_progress=lambda done, due: click.echo(f"{done:>4} of {due} runs", err=True),
    )  # fmt: skip
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    result.to_json(folder / "unlearning.json")
    stdout().print(table(result))
    click.echo(f"\nreport   {write_unlearn_report(result, folder / 'unlearning.html')}")


def _rows(stream: Any, n_rows: int) -> tuple[Any, Any]:
    """The first rows of a stream as arrays."""
    import numpy as np

    chunks = list(stream.take(n_rows).chunks(4096))
    return (
        np.concatenate([chunk.X for chunk in chunks]),
        np.concatenate([np.asarray(chunk.y) for chunk in chunks]),
    )


def _forgetful(model: Any, X: Any, y: Any, schema: Any) -> Any:
    """`model`, behind a log where it refuses to forget a row that it has just learned."""
    from onlineml.base import Classifier, Regressor
    from onlineml.unlearning import Replayable

    if not isinstance(model, Classifier | Regressor):
        raise Mistake(f"{model!r} is neither a classifier nor a regressor")
    twin = model.clone().start(schema).fit_many(X[:20], y[:20])
    if twin.unlearn_one(X[19], y[19:20].tolist()[0]).forgotten:
        return model
    return Replayable(model, horizon=len(X), every=max(len(X) // 32, 1))


def table(result: UnlearnResult) -> Table:
    """Models x schedules: the verdict, distances, and what a request costs."""
    from rich.table import Table

    from onlineml.evaluation.unlearning.page import row

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown.add_column("model", overflow="fold")
    for name in (
        "schedule", "receipts", "distance", "second gold", "untouched", "attack", "p50", "p99",
    ):  # fmt: skip
        shown.add_column(name, justify="right", no_wrap=name != "receipts")
    shown.add_column("verdict", overflow="fold")
    for run in result:
        said = row(run)
        shown.add_row(
            run.model, run.schedule, said["kinds"], said["distance"], said["floor"],
            said["untouched"], said["attack"], said["p50"], said["p99"], said["verdict"],
        )  # fmt: skip
    return shown
