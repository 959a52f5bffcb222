"""Tables of several results: means, spreads and ranks of models over streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.evaluation.metrics import metric as metric_named
from onlineml.evaluation.result import Result, as_lines
from onlineml.evaluation.written import made_of_json

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Comparison:
    """What `compare` found: stream -> result, in the order of the streams.

    Attributes
    ----------
    results
        Name of the stream -> its `Result`.
    interrupted
        Whether Ctrl-C ended the comparison.

    Examples
    --------
    >>> from onlineml.datasets import SEA
    >>> from onlineml.evaluation import compare
    >>> from onlineml.learners import GaussianNB
    >>> found = compare(GaussianNB(), [SEA(function=k, n_rows=2000) for k in (1, 2)])
    >>> list(found.results)
    ['sea', 'sea 2']
    >>> found.ranks("accuracy")["GaussianNB"]
    1.0
    """

    results: dict[str, Result] = field(default_factory=dict)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.interrupted |= any(result.interrupted for result in self.results.values())

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results.values())

    @property
    def models(self) -> list[str]:
        """Names of the models, baselines last."""
        runs = [run for result in self for run in result]
        return list(dict.fromkeys(run.model for run in sorted(runs, key=lambda r: r.baseline)))

    def table(self, metric: str | None = None) -> dict[str, dict[str, tuple[float, float]]]:
        """Model -> stream -> mean over seeds of a metric's total, and its standard deviation.

        Without a name, the first metric. Sample standard deviation, NaN for one seed; NaN too
        where a model was not evaluated.

        Raises
        ------
        ValueError
            For an unknown metric.
        """
        name = self._metric(metric)
        table = {model: dict.fromkeys(self.results, (np.nan, np.nan)) for model in self.models}
        for stream, result in self.results.items():
            for row in result.summary():
                if name in row:
                    table[row["model"]][stream] = row[name], row[f"{name}_sd"]
        return table

    def ranks(self, metric: str | None = None) -> dict[str, float]:
        """Model -> mean rank over the streams, 1 = best; equal models share their ranks.

        Of means over seeds; a model without a value comes last.

        Raises
        ------
        ValueError
            For an unknown metric.
        """
        name = self._metric(metric)
        table = self.table(name)
        means = np.array([[mean for mean, _ in row.values()] for row in table.values()])
        losses = -means if metric_named(name).rises else means
        losses = np.where(np.isnan(losses), np.inf, losses)
        better = (losses[None] < losses[:, None]).sum(1)
        equal = (losses[None] == losses[:, None]).sum(1)
        ranks = (better + (equal + 1) / 2).mean(1)
        return dict(zip(table, ranks.tolist()))

    def _metric(self, metric: str | None) -> str:
        return next(iter(self)).metrics[0] if metric is None else metric_named(metric).name

    def rows(self) -> list[dict[str, Any]]:
        """One row a stream and model: `stream`, then the keys of `Result.summary`."""
        return [
            {"stream": stream, **row}
            for stream, result in self.results.items()
            for row in result.summary()
        ]

    def to_pandas(self) -> pd.DataFrame:
        """The `rows` as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_json(self, path: str | Path | None = None) -> str:
        """Everything but the estimators as JSON, written to `path` where given."""
        import orjson

        plain = {stream: result.to_plain() for stream, result in self.results.items()}
        text = orjson.dumps({"interrupted": self.interrupted, "results": plain}).decode()
        if path is not None:
            Path(path).write_text(text)
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> Comparison:
        """The comparison that `to_json` wrote, from its text or its file.

        Raises
        ------
        ValueError
            For a text that is no such comparison.
        OSError
            Where the file cannot be read.
        """

        def made(plain: dict[str, Any]) -> Comparison:
            results = {name: Result.from_plain(result) for name, result in plain["results"].items()}
            return cls(results, plain["interrupted"])

        return made_of_json(source, made, "a comparison that to_json wrote")

    def __repr__(self) -> str:
        if not self.results:
            return "interrupted before the first result"
        name = self._metric(None)
        ranks = self.ranks(name)
        table = [[metric_named(name).title, *self.results, "mean rank"]]
        for model, row in sorted(self.table(name).items(), key=lambda item: ranks[item[0]]):
            cells = [f"{m:.4g}" + ("" if np.isnan(sd) else f" ±{sd:.2g}") for m, sd in row.values()]
            table.append([model, *cells, f"{ranks[model]:.2f}"])
        return "\n".join([*as_lines(table), *(["interrupted"] if self.interrupted else [])])
