"""Detectors of anomalies beside river and PySAD: `python -m benchmarks.anomaly --help`."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import anomaly_streams as streams
from onlineml import detectors
from onlineml.base import Detector
from onlineml.evaluation import nab_score
from onlineml.evaluation.nab import PROFILES
from onlineml.registry import estimators

Score = Callable[[Any], Any]  # rows -> scores, each given before its row is learned
NEEDS_ARGUMENTS = {"CalibratedDetector", "GatedDetector"}


def ours(width: int) -> dict[str, Callable[[], Score]]:
    """Our detectors of rows, or of numbers, with their defaults and seed 0."""

    def maker(name: str) -> Callable[[], Score]:
        def make() -> Score:
            model: Any = getattr(detectors, name)()
            if "seed" in model.get_params(deep=False):
                model.set_params(seed=0)
            model.clone().score_fit_many(np.random.default_rng(0).random((300, width)))
            return lambda X: model.score_fit_many(X)

        return make

    kind = 1 if width == 1 else None
    return {
        name: maker(name)
        for name in detectors.__all__
        if issubclass(estimators()[name], Detector)
        and estimators()[name]._n_inputs == kind
        and name not in NEEDS_ARGUMENTS
    }


def of_river(width: int) -> dict[str, Callable[[], Score]]:
    """River's detectors of rows; mappings are built before the clock starts."""
    if importlib.util.find_spec("river") is None or width == 1:
        return {}
    from river import anomaly

    names = ("HalfSpaceTrees", "LODA")
    return {
        f"river {name}": (lambda name=name: _loop_of_river(getattr(anomaly, name)(seed=0)))
        for name in names
        if hasattr(anomaly, name)
    }


def _loop_of_river(model: Any) -> Score:
    def scores(rows: Any) -> Any:
        found = []
        for row in rows:
            found.append(model.score_one(row))
            model.learn_one(row)
        return np.array(found, float)

    return scores


def of_pysad(width: int) -> dict[str, Callable[[], Score]]:
    """PySAD's detectors, where it is installed."""
    if importlib.util.find_spec("pysad") is None:
        return {}
    from pysad import models

    low, high = np.zeros(width), np.ones(width)
    made: dict[str, Callable[[], Any]] = {
        "HalfSpaceTrees": lambda: models.HalfSpaceTrees(feature_mins=low, feature_maxes=high),
        "LODA": models.LODA,
        "KitNet": models.KitNet,
        "RSHash": lambda: models.RSHash(feature_mins=low, feature_maxes=high),
    }
    if width == 1:
        made = {
            "MedianAbsoluteDeviation": models.MedianAbsoluteDeviation,
            "StandardAbsoluteDeviation": models.StandardAbsoluteDeviation,
        }
    return {
        f"pysad {name}": (lambda make=make: _loop_of_pysad(make())) for name, make in made.items()
    }


def _loop_of_pysad(model: Any) -> Score:
    return lambda X: np.array([float(np.ravel(model.fit_score_partial(x))[0]) for x in X])


def measured(name: str, make: Callable[[], Score], X: Any, y: Any, skipped: int) -> dict[str, Any]:
    """Quality and rows per CPU-second of one detector on one stream."""
    score, rows = make(), X
    if name.startswith("river"):
        columns = [f"x{j}" for j in range(X.shape[1])]
        rows = [dict(zip(columns, x, strict=True)) for x in X.tolist()]
    before = time.process_time()
    scores = np.nan_to_num(score(rows))
    seconds = time.process_time() - before
    judged = slice(skipped if len(X) > 2 * skipped else 0, None)
    return {
        "detector": name,
        "rows_per_s": len(X) / seconds,
        "auc": float(roc_auc_score(y[judged], scores[judged])),
        "ap": float(average_precision_score(y[judged], scores[judged])),
    }


def entrants(width: int, only: str) -> Iterator[tuple[str, Callable[[], Score]]]:
    """All detectors for rows of that width whose name contains `only`."""
    every = {**ours(width), **of_river(width), **of_pysad(width)}
    return ((name, make) for name, make in every.items() if only.lower() in name.lower())


def on_streams(n_rows: int, names: str, only: str) -> list[dict[str, Any]]:
    """All detectors on the generated streams and on Shuttle."""
    makers: dict[str, Callable[[], tuple[Any, Any]]] = {
        "A": lambda: streams.clusters(n_rows, drift=False),
        "B": lambda: streams.clusters(n_rows, drift=True),
        "U": lambda: streams.seasonal(n_rows),
        "S": lambda: streams.shuttle(min(n_rows, 10_000)),
    }
    results = []
    for stream in names:
        X, y = makers[stream]()
        for name, make in entrants(X.shape[1], only):
            results.append({"stream": stream, **measured(name, make, X, y, streams.SKIPPED)})
    return results


def on_odds(folder: Path, only: str) -> list[dict[str, Any]]:
    """All detectors on all sets of a folder."""
    return [
        {"stream": stream, **measured(name, make, X, y, len(X))}
        for stream, (X, y) in streams.odds(folder).items()
        for name, make in entrants(X.shape[1], only)
    ]


def on_nab(folder: Path, only: str) -> list[dict[str, Any]]:
    """Detectors of numbers on the Numenta benchmark: its three profiles, best thresholds."""
    series, results = streams.nab(folder), []
    for name, make in entrants(1, only):
        found = [(make()(values[:, None]), windows) for values, windows in series]
        points = {profile: nab_score(found, profile=profile).score for profile in PROFILES}
        results.append({"detector": name, **points})
    return results


def table(results: list[dict[str, Any]], *columns: str) -> Table:
    """One line a detector and stream."""
    shown = Table()
    for column in columns:
        shown.add_column(column)
    for row in results:
        cells = [row[column] for column in columns]
        shown.add_row(
            *(c if isinstance(c, str) else f"{c:,.3f}" if c < 1e3 else f"{c:,.0f}" for c in cells)
        )
    return shown


@click.command()
@click.option("--rows", default=20_000, show_default=True, help="Length of A, B and U.")
@click.option("--streams", "names", default="ABUS", show_default=True, help="Which of A, B, U, S.")
@click.option("--only", default="", help="Detectors whose name contains this.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with odds/ and nab/.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
def main(rows: int, names: str, only: str, data: Path | None, out: Path | None) -> None:
    """Score then learn, one row at a time, one thread: quality, and rows per CPU-second."""
    console = Console(width=120)
    results = on_streams(rows, names, only)
    if results:
        console.print(table(results, "stream", "detector", "rows_per_s", "auc", "ap"))
    if data and (data / "odds").is_dir():
        sets = on_odds(data / "odds", only)
        console.print(table(mean_over_sets(sets), "detector", "auc", "ap"))
        results += sets
    if data and (data / "nab").is_dir():
        points = on_nab(data / "nab", only)
        console.print(table(points, "detector", *PROFILES))
        results += points
    if out:
        out.write_text(json.dumps(results, indent=1))


def mean_over_sets(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the ODDS sets, a line a detector."""
    names = dict.fromkeys(row["detector"] for row in results)
    return [
        {
            "detector": name,
            **{
                k: float(np.mean([r[k] for r in results if r["detector"] == name]))
                for k in ("auc", "ap")
            },
        }
        for name in names
    ]


if __name__ == "__main__":
    main()
