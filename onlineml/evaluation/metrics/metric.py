"""What a metric is: a formula over a summary of scored rows that is kept as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Kind = Literal["classification", "regression", "control"]


class Scored(NamedTuple):
    """Rows whose answers can be scored, in the order in which their labels came.

    Classes are codes 0, 1, ... of the evaluation, in order of appearance; -1 stands for no answer.
    """

    #: True classes (int64), or targets (float64).
    y: npt.NDArray[Any]
    #: What the model answered before it saw `y`, in the same form.
    answer: npt.NDArray[Any]
    #: The label learned last when the row was answered: what the no-change classifier says.
    no_change: Ints | None = None
    #: Probabilities `(n_rows, n_classes)`, where a metric asks for them.
    probabilities: Array | None = None

    def part(self, first: int, last: int) -> Scored:
        """Rows `first` to `last`, without a copy."""
        rows = slice(first, last)
        return Scored(
            self.y[rows],
            self.answer[rows],
            None if self.no_change is None else self.no_change[rows],
            None if self.probabilities is None else self.probabilities[rows],
        )


class Summary(ABC):
    """What metrics need to know of the scored rows, in bounded space.

    One instance is filled row by row and emptied at the end of each window; another absorbs the
    windows. Sums run in row order, so that the size of chunks leaves no trace in the bits.
    `classes` is the evaluation's list of labels, which grows.
    """

    #: Names of the attributes that make up its state; the others are caches.
    _kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, classes: list[Hashable]) -> None:
        self.classes = classes
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Forget all rows."""

    @abstractmethod
    def add(self, rows: Scored) -> None:
        """Take in some rows."""

    @abstractmethod
    def absorb(self, window: Self) -> None:
        """Take in the rows of a window that is complete."""

    def get_state(self) -> dict[str, Any]:
        """What has been taken in, as plain values and arrays."""
        return {name: getattr(self, name) for name in self._kept}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        self.clear()
        for name in self._kept:
            setattr(self, name, deepcopy(state[name]))  # arrays of a file cannot be written to


@dataclass(frozen=True)
class Metric:
    """A number that says how good the answers were; NaN where it is not defined.

    Parameters
    ----------
    name
        Name in tables and arguments.
    title
        Name in figures and reports.
    kind
        The kind of task that it is for.
    summary
        What it is computed from; metrics with the same one share it.
    formula
        Summary -> value.
    rises
        Whether more is better.
    needs_probabilities
        Whether labels alone do not do.

    Examples
    --------
    >>> from onlineml.evaluation import METRICS
    >>> METRICS["mae"].title, METRICS["mae"].kind, METRICS["mae"].rises
    ('MAE', 'regression', False)
    """

    name: str
    title: str
    kind: Kind
    summary: type[Summary]
    formula: Callable[[Any], float]
    rises: bool = True
    needs_probabilities: bool = False
