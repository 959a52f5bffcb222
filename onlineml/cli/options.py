"""Flags that `run` and `compare` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _Numbers(click.ParamType[list[int]]):
    """Whole numbers with commas between them."""

    name = "int[,int...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[int]:
        """`1,2,3` as a list."""
        try:
            return [int(word) for word in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers, such as 1,2,3", param, ctx)


class _Delay(click.ParamType[int | float]):
    """Rows (3) or seconds (3.0)."""

    name = "rows|seconds"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | float:
        """`3` as rows, `3.0` and `3s` as seconds."""
        text = str(value)
        try:
            return int(text) if text.isdecimal() else float(text.removesuffix("s"))
        except ValueError:
            self.fail(f"{value!r} is neither rows (100) nor seconds (60.0)", param, ctx)


class _Budgets(click.ParamType[list[float]]):
    """Shares of the rows and numbers of labels, with commas between them."""

    name = "share|labels"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[float]:
        """`0.05,0.1` as a list."""
        try:
            return [float(word) for word in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of shares (0.05) or labels (70)", param, ctx)


_OPTIONS = [
    click.option("--model", "-m", "models", multiple=True, metavar="MODEL",
                 help="Name, Name(key=value) or A | B; once for each model."),
    click.option("--rows", "-n", type=int, help="Rows to read; drifting recipes scale to them."),
    click.option("--metric", "metrics", multiple=True, metavar="NAME[,NAME...]",
                 help="Metrics; the first one ranks. Default: those of the task."),
    click.option("--window", "-w", type=int, help="Rows in a window of the curves [1000]."),
    click.option("--seed", "seeds", type=_Numbers(), help="Seeds of the models, one run each."),
    click.option("--label-delay", type=_Delay(), help="Rows (100) or seconds (60.0) to a label."),
    click.option("--strategy", "strategies", multiple=True, metavar="STRATEGY",
                 help="Query strategy that buys the labels; once for each. Default: all come."),
    click.option("--budget", "budgets", type=_Budgets(), metavar="SHARE|LABELS[,...]",
                 help="Of the strategies: share of the rows (0.05) or labels (70), or several."),
    click.option("--out", "-o", type=click.Path(path_type=Path), help="Output folder, a new one."),
    click.option("--force", is_flag=True, help="Write into a folder that exists."),
    click.option("--track", is_flag=True, help="Log to MLflow."),
    click.option("--tracking-uri", help="MLflow store [sqlite:///mlflow.db]."),
    click.option("--experiment", help="MLflow experiment [the stream's name]."),
    click.option("--set", "overrides", multiple=True, metavar="KEY.KEY=VALUE",
                 help="Change one value of the configuration."),
]  # fmt: skip


def evaluation_options(function: F) -> F:
    """Add the flags to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def flags(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What was given, as values of a configuration, and the `--set` assignments."""
    overrides = list(given.pop("overrides"))
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value is not None and value != () and value is not False
    }
    return values, overrides
