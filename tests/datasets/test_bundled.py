"""The bundled sets against what river and scikit-learn themselves give."""

import importlib.util
import math

import numpy as np
import pytest
import river.datasets
import sklearn.datasets

from onlineml import datasets
from onlineml.datasets.bundled import BUNDLED

AS_IN_RIVER = {
    "shuttle": river.datasets.Shuttle,
    "bananas": river.datasets.Bananas,
    "image_segments": river.datasets.ImageSegments,
    "phishing": river.datasets.Phishing,
    "trump_approval": river.datasets.TrumpApproval,
    "chick_weights": river.datasets.ChickWeights,
    "sp500": river.datasets.SP500Stocks,
    "solar_flare": river.datasets.SolarFlare,
}
AS_IN_SKLEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")


@pytest.mark.parametrize("name", list(BUNDLED))
def test_every_set_is_what_it_is_said_to_be(name):
    known, stream = BUNDLED[name], datasets.load(name)
    assert stream.name == name
    assert stream.task == known.task
    assert stream.schema.n_features == known.n_features
    assert len(stream.schema.names) == known.n_features
    assert stream.n_rows == known.n_rows
    X, y = (np.concatenate(part) for part in list(zip(*stream.chunks(997)))[:2])
    assert X.shape == (known.n_rows, known.n_features)
    if known.task == "classification":
        assert f"{len(set(y.tolist()))} classes" in known.description or len(set(y.tolist())) == 2
    if known.task == "anomaly":
        assert set(y.tolist()) == {0, 1}


@pytest.mark.parametrize("name", list(AS_IN_RIVER))
def test_rows_are_those_of_river(name):
    n_rows = 0
    theirs = AS_IN_RIVER[name]().take(3000)  # first: it closes its file at the end
    for (their_x, their_y), (x, y) in zip(theirs, datasets.load(name)):
        assert x == {str(key): value for key, value in their_x.items()}
        assert y == (their_y["c-class-flares"] if name == "solar_flare" else their_y)
        n_rows += 1
    assert n_rows == min(3000, BUNDLED[name].n_rows)


@pytest.mark.parametrize("name", AS_IN_SKLEARN)
def test_rows_are_those_of_scikit_learn(name):
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    chunk = next(datasets.load(name).chunks(10**6))
    np.testing.assert_array_equal(chunk.X, X)
    np.testing.assert_array_equal(chunk.y, y)


def test_series_are_forecast_from_their_past():
    rows = list(datasets.load("airline_passengers"))
    theirs = [y for _, y in river.datasets.AirlinePassengers()]
    assert [y for _, y in rows] == theirs
    assert rows[0][0] == {"last_month": None, "same_month_last_year": None, "month": 1.0}
    assert rows[20][0] == {"last_month": theirs[19], "same_month_last_year": theirs[8], "month": 9}
    rows = list(datasets.load("water_flow"))
    theirs = [y for _, y in river.datasets.WaterFlow()]
    assert [y for _, y in rows] == theirs
    assert rows[30][0]["same_hour_yesterday"] == theirs[6]
    assert rows[0][0]["hour"] == 11


def test_times_of_series_rise():
    for name in ("airline_passengers", "water_flow", "sp500"):
        time = np.concatenate([chunk.time for chunk in datasets.load(name).chunks(100)])
        assert (np.diff(time) > 0).all()
    first = next(datasets.load("airline_passengers").chunks(1)).time[0]
    assert math.isclose(first, -21 * 365.25 * 86400, rel_tol=1e-3)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("onlineml.datasets.bundled.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        datasets.load("phishing")
    spec = importlib.util.find_spec("numpy")
    monkeypatch.setattr("onlineml.datasets.bundled.find_spec", lambda name: spec)
    with pytest.raises(ModuleNotFoundError, match="no phishing"):
        datasets.load("phishing")
