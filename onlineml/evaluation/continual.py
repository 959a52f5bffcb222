"""Tasks that come one after another: what is known of each after each, and what was forgotten."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Figures of a run that tables show.
FIGURES = (
    "final_accuracy",
    "average_accuracy",
    "forgetting",
    "backward_transfer",
    "forward_transfer",
)


@dataclass
class ContinualRun:
    """One model under one seed.

    Attributes
    ----------
    model, seed
        Which model; the seed of its split, order and randomness.
    tasks
        Names of the tasks as they came: labels, tuples of them, or domains.
    accuracy
        Accuracy on the held-out rows of all tasks so far, after each task.
    matrix
        `matrix[i][j]`: accuracy on the held-out rows of the j-th task after the i-th was learned.
    guessing
        Accuracy on each task of guessing among the labels of the first one.

    Examples
    --------
    >>> from onlineml.evaluation import ContinualRun
    >>> run = ContinualRun("nb", 1, ["a", "b"], [1.0, 0.7], [[1.0, 0.0], [0.6, 0.8]], [0.5, 0.0])
    >>> run.final_accuracy, run.average_accuracy, run.forgetting
    (0.7, 0.7, 0.4)
    """

    model: str
    seed: int
    tasks: list[Hashable]
    accuracy: list[float]
    matrix: list[list[float]]
    guessing: list[float]

    @property
    def final_accuracy(self) -> float:
        """Accuracy on all held-out rows at the end."""
        return self.accuracy[-1]

    @property
    def average_accuracy(self) -> float:
        """Mean over tasks of the accuracy at the end."""
        return _mean(self.matrix[-1])

    @property
    def forgetting(self) -> float:
        """Mean over all tasks but the last of best accuracy before the end, less that at it.

        The best since the task was learned; 0 where there is only one task.
        """
        last = len(self.matrix) - 1
        bests = [max(self.matrix[i][j] for i in range(j, last)) for j in range(last)]
        return _mean([best - self.matrix[last][j] for j, best in enumerate(bests)])

    @property
    def backward_transfer(self) -> float:
        """Mean over all tasks but the last of accuracy at the end, less that when it was learned.

        0 where there is only one task.
        """
        last = len(self.matrix) - 1
        return _mean([self.matrix[last][j] - self.matrix[j][j] for j in range(last)])

    @property
    def forward_transfer(self) -> float:
        """Mean over all tasks but the first of accuracy just before it comes, less `guessing`.

        0 where there is only one task, and where no task has a label of an earlier one.
        """
        later = range(1, len(self.matrix))
        return _mean([self.matrix[j - 1][j] - self.guessing[j] for j in later])


@dataclass
class ContinualResult:
    """What a continual protocol found: one run a model and seed.

    Attributes
    ----------
    runs
        One for each model and seed, models in the order in which they were given.

    Examples
    --------
    >>> from onlineml.evaluation import ContinualResult, ContinualRun
    >>> runs = [ContinualRun("nb", k, ["a"], [x], [[x]], [0.5]) for k, x in enumerate((0.5, 1.0))]
    >>> ContinualResult(runs).summary()[0]["final_accuracy"]
    0.75
    """

    runs: list[ContinualRun]

    def __iter__(self) -> Iterator[ContinualRun]:
        return iter(self.runs)

    def by_model(self) -> dict[str, list[ContinualRun]]:
        """The runs of each model."""
        names = dict.fromkeys(run.model for run in self.runs)
        return {name: [run for run in self.runs if run.model == name] for name in names}

    def summary(self) -> list[dict[str, Any]]:
        """One row a model: means over seeds and, for accuracies, the sample deviation."""
        rows = []
        for model, runs in self.by_model().items():
            row: dict[str, Any] = {"model": model, "n_seeds": len(runs)}
            for figure in FIGURES:
                values = [getattr(run, figure) for run in runs]
                row[figure] = _mean(values)
                if figure.endswith("accuracy"):
                    several = len(runs) > 1
                    row[f"{figure}_sd"] = float(np.std(values, ddof=1)) if several else np.nan
            rows.append(row)
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """The matrices, one row a cell: `model`, `seed`, `step` (from 1), `learned`, `tested`.

        `accuracy` is that on the task `tested` after the task `learned`, which was the `step`-th.
        """
        import pandas as pd

        cells = [
            (run.model, run.seed, step, learned, tested, accuracy)
            for run in self.runs
            for step, (learned, row) in enumerate(zip(run.tasks, run.matrix), 1)
            for tested, accuracy in zip(run.tasks, row)
        ]
        names = ["model", "seed", "step", "learned", "tested", "accuracy"]
        return pd.DataFrame(cells, columns=names)

    def plot(self) -> Figure:
        """Accuracy on the tasks so far after each, and the matrix of each model: means of seeds."""
        from onlineml.evaluation.continual_plot import drawn

        return drawn(self)

    def to_json(self, path: str | Path | None = None) -> str:
        """Runs and summary as JSON, NaN as null; written to `path` where given."""
        import orjson

        plain = {"runs": [asdict(run) for run in self.runs], "summary": self.summary()}
        text = orjson.dumps(plain, option=orjson.OPT_INDENT_2, default=str)
        if path is not None:
            Path(path).write_bytes(text)
        return text.decode()


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
