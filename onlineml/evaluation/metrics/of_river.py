"""River's metrics by name: `river.F1`, `river.FBeta(beta=2)`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Hashable
from copy import deepcopy
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn, Self

from onlineml.evaluation.metrics.metric import Kind, Metric, Scored, Summary
from onlineml.registry import nearest
from onlineml.schema import wrong

PREFIX = "river."


class RowByRow(Summary):
    """A metric of river that is told of every row that was answered, as river's evaluation does.

    River's metrics cannot be added to each other, so the rows of a window wait until it ends.
    Costs what river's metric costs, microseconds a row.
    """

    _make: Callable[[], Any]
    _takes_table = False  # of probabilities, in place of an answer
    _is_regression = False

    def clear(self) -> None:
        """Forget all rows."""
        self.metric = type(self)._make()
        self.waiting: list[Scored] = []

    def add(self, rows: Scored) -> None:
        """Take in some rows, and keep them until the window ends."""
        self._tell(rows)
        self.waiting.append(deepcopy(rows))  # what comes is the caller's

    def absorb(self, window: Self) -> None:
        """Take in the rows of a window that is complete."""
        for rows in window.waiting:
            self._tell(rows)

    def _tell(self, rows: Scored) -> None:
        if self._is_regression:
            for y, answer in zip(rows.y.tolist(), rows.answer.tolist()):
                if isfinite(answer):
                    self.metric.update(y, answer)
            return
        tables = rows.probabilities if self._takes_table else None
        for i, (y, answer) in enumerate(zip(rows.y.tolist(), rows.answer.tolist())):
            if answer >= 0:
                said = self.classes[answer] if tables is None else self._table(tables[i])
                self.metric.update(self.classes[y], said)

    def _table(self, probabilities: Any) -> dict[Hashable, float]:
        return dict(zip(self.classes, probabilities.tolist()))

    def get_state(self) -> NoReturn:
        """Raise: what river keeps has no plain form."""
        raise ValueError("metrics: river's cannot be saved; a worker needs the package's own")


def is_metric(given: Any) -> bool:
    """Whether something is a metric object of river; does not load river."""
    return hasattr(given, "bigger_is_better")


def name_of(metric: Any) -> str:
    """The name by which a metric object of river can be asked for.

    Examples
    --------
    >>> from river import metrics
    >>> name_of(metrics.FBeta(beta=2)), name_of(metrics.Accuracy())
    ('river.FBeta(beta=2)', 'river.Accuracy')
    """
    kind = type(metric)
    defaults = inspect.signature(kind.__init__).parameters
    given = {
        name: value
        for name, value in metric._get_params().items()
        if name != "cm" and (name not in defaults or defaults[name].default != value)
    }
    params = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return f"{PREFIX}{kind.__name__}" + (f"({params})" if params else "")


@lru_cache(maxsize=256)
def named(name: str) -> Metric:
    """The metric of river that a name such as `river.F1` stands for.

    Raises
    ------
    ValueError
        River has no such metric of classes or numbers, or its parameters do not fit.
    """
    from river import metrics

    kind, params = _parsed(name)
    if not hasattr(metrics, kind):
        raise wrong("metrics", name, f"a metric of river; {nearest(kind, metrics.__all__)}")
    make = _maker(name, getattr(metrics, kind), params)
    made = make()
    is_regression = isinstance(made, metrics.base.RegressionMetric)
    if not (is_regression or isinstance(made, metrics.base.ClassificationMetric)):
        raise wrong("metrics", name, "a metric of classes or numbers")
    try:
        float(made.get())
    except (TypeError, ValueError, NotImplementedError):
        raise wrong("metrics", name, "a metric whose value is a number") from None
    takes_table = not is_regression and not made.requires_labels
    own = {"_make": staticmethod(make), "_is_regression": is_regression}
    summary = type(kind, (RowByRow,), own | {"_takes_table": takes_table})
    task: Kind = "regression" if is_regression else "classification"
    return Metric(
        name, f"{name.removeprefix(PREFIX)} (river)", task, summary, _value,
        rises=bool(made.bigger_is_better), needs_probabilities=takes_table,
    )  # fmt: skip


def _parsed(name: str) -> tuple[str, dict[str, Any]]:
    """The class and its parameters."""
    try:
        tree = ast.parse(name.removeprefix(PREFIX), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            given = {str(one.arg): ast.literal_eval(one.value) for one in tree.keywords}
            return tree.func.id, given
    except (SyntaxError, ValueError):
        pass
    raise wrong("metrics", name, "river.Name or river.Name(key=value)")


def _maker(name: str, kind: Any, params: dict[str, Any]) -> Callable[[], Any]:
    def make() -> Any:
        try:
            return kind(**params)
        except TypeError as error:
            raise wrong("metrics", name, f"parameters that fit ({error})") from None

    return make


def _value(summary: RowByRow) -> float:
    return float(summary.metric.get())
