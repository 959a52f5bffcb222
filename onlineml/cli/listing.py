"""`onlineml list`: models, streams and metrics by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

import click

from onlineml.cli.mistakes import unknown

_KINDS = ("models", "streams", "metrics")


@click.command("list")
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """Show models, streams and metrics by name (KIND: models, streams or metrics)."""
    if kind is not None and kind not in _KINDS:
        raise unknown("kind", kind, _KINDS)
    for each in _KINDS:
        if kind in (None, each):
            if kind is None:
                click.secho(each, bold=True)
            _print({"models": models, "streams": streams, "metrics": metrics}[each]())


def _print(rows: Iterable[tuple[str, str]]) -> None:
    found = list(rows)
    width = min(max((len(name) for name, _ in found), default=0), 34)
    for name, text in found:
        click.echo(f"  {name:<{width}}  {text}".rstrip())


def models() -> Iterator[tuple[str, str]]:
    """Exported estimators by room, and what they compute."""
    from onlineml.learners.penalty import Penalty
    from onlineml.learners.privacy import Privacy
    from onlineml.registry import estimators
    from onlineml.rl.part import Part

    for name, kind in sorted(estimators().items(), key=lambda item: _room(item[1])):
        # chains are written A | B; parts belong to an agent, penalties and promises to a learner
        if _room(kind) != "graph" and not issubclass(kind, Part | Penalty | Privacy):
            yield name, _first_line(kind)


def _room(kind: type) -> str:
    return kind.__module__.split(".")[1]


def streams() -> Iterator[tuple[str, str]]:
    """Streams that are loaded by name."""
    from onlineml import datasets

    for name, known in datasets.names().items():
        rows = f"{known.n_rows:,} rows" if known.n_rows else "no end"
        kind = {"bundled": "", "generator": "generated, ", "remote": "download, "}[known.kind]
        yield name, f"{known.description} [{kind}{known.task}, {rows}]"


def metrics() -> Iterator[tuple[str, str]]:
    """Metrics of all tasks."""
    from onlineml.evaluation.metrics import METRICS

    for name, metric in METRICS.items():
        better = "higher" if metric.rises else "lower"
        yield name, f"{metric.title} [{metric.kind}, {better} is better]"


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
