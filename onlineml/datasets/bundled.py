"""Real data that comes with the dependencies: nothing is downloaded.

The files that come with river are read by this package's own readers, without importing river.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from onlineml.datasets.csv_file import CSVStream
from onlineml.datasets.files import opened
from onlineml.datasets.known import Known
from onlineml.datasets.memory import ArrayStream
from onlineml.datasets.stream import Stream, Task


def _path(filename: str) -> Path:
    """Where river keeps a data file."""
    spec = find_spec("river")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "this stream comes with river: pip install onlineml (river>=0.23)"
        )
    path = Path(spec.submodule_search_locations[0]) / "datasets" / filename
    if not path.is_file():
        raise ModuleNotFoundError(
            f"the installed river has no {filename}: pip install --upgrade river"
        )
    return path


def _csv(filename: str, name: str, **options: Any) -> Stream:
    return CSVStream(_path(filename), name=name, **options)


def _bananas() -> Stream:
    """Two banana-shaped clusters; the file is in the format of libsvm."""
    with opened(_path("banana.zip")) as file:
        lines = [line.split() for line in file.read().decode().splitlines()]
    X = [[float(cell.partition(":")[2]) for cell in cells[1:]] for cells in lines]
    y = [int(cells[0] == "1") for cells in lines]
    return ArrayStream(X, y, names=("1", "2"), name="bananas")


def _series(filename: str, time: str, value: str) -> tuple[list[datetime], list[float]]:
    with opened(_path(filename)) as file:
        rows = list(csv.DictReader(file.read().decode().splitlines()))
    times = [datetime.fromisoformat(f"{row[time]}-01" if len(row[time]) == 7 else row[time])
             for row in rows]  # fmt: skip
    return times, [float(row[value]) for row in rows]


def _lagged(values: list[float], lag: int) -> list[float]:
    return [np.nan] * lag + values[:-lag]


def _water_flow() -> Stream:
    """Forecast the next hour from the last one, the same hour yesterday, and the clock."""
    times, values = _series("water-flow.csv", "Time", "Water flow [l/s]")
    columns = {
        "last_hour": _lagged(values, 1),
        "same_hour_yesterday": _lagged(values, 24),
        "hour": [float(time.hour) for time in times],
        "weekday": [float(time.weekday()) for time in times],
    }
    return _forecast("water_flow", columns, values, [time.timestamp() for time in times])


def _airline_passengers() -> Stream:
    """Forecast the next month from the last one, the same month a year ago, and the month."""
    times, values = _series("airline-passengers.csv", "month", "passengers")
    columns = {
        "last_month": _lagged(values, 1),
        "same_month_last_year": _lagged(values, 12),
        "month": [float(time.month) for time in times],
    }
    seconds = np.array([time.isoformat() for time in times], "datetime64[s]").astype(float)
    return _forecast("airline_passengers", columns, values, seconds)


def _forecast(name: str, columns: dict[str, list[float]], values: Any, time: Any) -> Stream:
    X = np.array(list(columns.values())).T
    return ArrayStream(X, values, names=tuple(columns), time=time, task="regression", name=name)


def _sklearn(loader: str, name: str, task: Task) -> Stream:
    from sklearn import datasets

    data = getattr(datasets, loader)()
    names = [str(feature) for feature in data.feature_names]
    return ArrayStream(data.data, data.target, names=names, task=task, name=name)


def _known(
    make: Callable[[], Stream], task: Task, n_rows: int, n_features: int, description: str
) -> Known:
    return Known(make, "bundled", task, n_rows, n_features, description)


BUNDLED: dict[str, Known] = {
    "shuttle": _known(
        partial(_csv, "shuttle.csv.gz", "shuttle", target="anomaly", task="anomaly"),
        "anomaly", 49_097, 9, "Sensors of a space shuttle; 7 % anomalies",
    ),
    "bananas": _known(
        _bananas, "classification", 5_300, 2, "Two banana-shaped clusters; 2 classes",
    ),
    "image_segments": _known(
        partial(_csv, "segment.csv.zip", "image_segments", target="category"),
        "classification", 2_310, 18, "Patches of outdoor images; 7 classes",
    ),
    "phishing": _known(
        partial(_csv, "phishing.csv.gz", "phishing", target="is_phishing"),
        "classification", 1_250, 9, "Web pages, phishing or not; 2 classes",
    ),
    "trump_approval": _known(
        partial(_csv, "trump_approval.csv.gz", "trump_approval", target="five_thirty_eight"),
        "regression", 1_001, 6, "An approval rating from those of five pollsters, by day",
    ),
    "chick_weights": _known(
        partial(_csv, "chick-weights.csv", "chick_weights", target="weight", task="regression"),
        "regression", 578, 3, "Weights of chicks on four diets",
    ),
    "sp500": _known(
        partial(_csv, "sp500.csv.gz", "sp500", target="next_day_return", time="date"),
        "regression", 1_257, 10, "Tomorrow's mean return of ten stocks from today's ten returns",
    ),
    "solar_flare": _known(
        partial(_csv, "solar-flare.csv.zip", "solar_flare", target="c-class-flares",
                drop=("m-class-flares", "x-class-flares"), task="regression"),
        "regression", 1_066, 10, "Number of C-class flares of a solar region; nominal features",
    ),
    "water_flow": _known(
        _water_flow, "regression", 1_268, 4,
        "Hourly flow through a pipeline, to forecast; four unusual segments",
    ),
    "airline_passengers": _known(
        _airline_passengers, "regression", 144, 3, "Monthly airline passengers, to forecast",
    ),
    "digits": _known(
        partial(_sklearn, "load_digits", "digits", "classification"),
        "classification", 1_797, 64, "Handwritten digits of 8 x 8 pixels; 10 classes",
    ),
    "breast_cancer": _known(
        partial(_sklearn, "load_breast_cancer", "breast_cancer", "classification"),
        "classification", 569, 30, "Cell nuclei, malignant (0) or benign (1)",
    ),
    "wine": _known(
        partial(_sklearn, "load_wine", "wine", "classification"),
        "classification", 178, 13, "Chemistry of wines, sorted by class; 3 classes",
    ),
    "iris": _known(
        partial(_sklearn, "load_iris", "iris", "classification"),
        "classification", 150, 4, "Measures of iris flowers, sorted by class; 3 classes",
    ),
    "diabetes": _known(
        partial(_sklearn, "load_diabetes", "diabetes", "regression"),
        "regression", 442, 10, "Progress of diabetes after a year",
    ),
}  # fmt: skip
