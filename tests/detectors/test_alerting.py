"""Rules for alerts against plain ones, and what they promise."""

from typing import Any

import numpy as np
import pytest
from scipy.special import zeta

from onlineml.detectors import (
    AlertingDetector,
    CalibratedDetector,
    DeviationFromMean,
    GatedDetector,
    KitNet,
    KNNDetector,
    MahalanobisDetector,
    RankEnsemble,
    RSHash,
)
from onlineml.transforms import ConformalCalibrator, DSPOTCalibrator, StandardScaler
from tests.detectors.streams import clusters_with_anomalies


def rows_with_anomalies(n: int, every: int, seed: int = 0) -> Any:
    """Normal rows of three features, one in `every` far off in one of them; labels."""
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(n, 3)), np.zeros(n, bool)
    labels[n // 10 :: every] = True
    X[labels, 1] += rng.choice([-1, 1], labels.sum()) * rng.uniform(6, 9, labels.sum())
    return X, labels


def naive(p: Any, rule: str, level: float, fading: float, owed: float) -> tuple[Any, Any]:
    """Thresholds and alerts, by summing over all alerts before."""
    alerts: list[int] = []
    thresholds, raised = np.empty(len(p)), np.zeros(len(p), bool)
    for t in range(len(p)):
        total = owed * (1 - fading)
        for tau in alerts[-64:]:
            lag = t - tau if rule == "lord" else 1 + int((p[tau + 1 : t] > 0.5).sum())
            share = lag**-1.6 / zeta(1.6) + (1 - fading) * fading ** (lag - 1)
            total += fading ** (t - tau) * share / 2
        factor = level if rule == "lord" else level * 0.5
        test = level if rule == "fixed" else min(factor * total, 0.5 if rule == "saffron" else 1.0)
        raised[t], thresholds[t] = p[t] <= test, -np.log10(test)
        if raised[t]:
            alerts.append(t)
    return thresholds, raised


@pytest.mark.parametrize("rule", ["saffron", "lord", "fixed"])
@pytest.mark.parametrize(("fading", "owed", "every"), [(0.99, 1.0, 60), (0.999, 0.3, 200)])
def test_equals_its_naive_twin(rule: Any, fading: float, owed: float, every: int) -> None:
    X, _ = rows_with_anomalies(2500, every)
    calibrator = DSPOTCalibrator(window_size=300, level=0.9)
    model = AlertingDetector(
        base=DeviationFromMean(), calibrator=calibrator, rule=rule, level=0.1,
        fading_factor=fading, n_owed=owed, patience=None,
    )  # fmt: skip
    found = model.alerts_fit_many(X)
    twin = CalibratedDetector(base=DeviationFromMean(), calibrator=calibrator)
    p = np.maximum(1 - twin.score_fit_many(X), 1e-16)
    thresholds, raised = naive(p, rule, 0.1, fading, owed)
    np.testing.assert_allclose(found.scores, -np.log10(p), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.thresholds, thresholds, rtol=1e-6)
    np.testing.assert_array_equal(found.raised, raised)
    assert model.diagnostics()["n_alerts"] == raised.sum() > 5


@pytest.mark.parametrize("rule", ["saffron", "lord"])
@pytest.mark.parametrize("every", [100, 1000])
def test_few_alerts_are_false(rule: Any, every: int) -> None:
    X, labels = rows_with_anomalies(20_000, every, seed=every)
    base = GatedDetector(base=DeviationFromMean(), quantile=0.98)
    raised = AlertingDetector(base=base, rule=rule).alerts_fit_many(X).raised
    least = 0.85 if every == 100 else 0.8  # of few, one that is granted beforehand is a large share
    assert labels[raised].mean() > least
    assert raised[labels].mean() > 0.8


@pytest.mark.parametrize("base", [KNNDetector(window_size=256), MahalanobisDetector()])
def test_of_one_anomaly_in_a_hundred_most_are_found(base: Any) -> None:
    X, labels = clusters_with_anomalies()
    raised = AlertingDetector(base=base).alerts_fit_many(X).raised
    assert labels[raised].mean() > 0.9
    assert raised[labels == 1].mean() > 0.5


def clear_anomalies(drift: bool) -> Any:
    """Rows of six features, one in a hundred far off in two of them; with drift all moves."""
    rng, n = np.random.default_rng(0), 10_000
    X, labels = rng.normal(size=(n, 6)), np.zeros(n, bool)
    labels[rng.choice(np.arange(n // 20, n), n // 100, replace=False)] = True
    for i in np.flatnonzero(labels):
        X[i, rng.choice(6, 2, replace=False)] += rng.choice([-1, 1], 2) * rng.uniform(6, 9, 2)
    if drift:
        X[n // 2 :] += rng.normal(0.0, 3.0, 6)
    return X, labels


@pytest.mark.parametrize("base", [RankEnsemble(), KitNet(), KNNDetector(window_size=256)])
@pytest.mark.parametrize("drift", [False, True])
def test_scores_that_end_and_scores_that_do_not(base: Any, drift: bool) -> None:
    X, labels = clear_anomalies(drift)
    raised = AlertingDetector(base=base).alerts_fit_many(X).raised
    assert raised[labels].mean() > (0.7 if drift else 0.9)
    assert labels[raised].mean() > (0.88 if drift else 0.93)  # a drift costs five false ones


def test_bounded_scores_of_grids() -> None:
    X, labels = clear_anomalies(False)
    raised = AlertingDetector(base=RSHash()).alerts_fit_many(X).raised
    assert raised[labels].mean() > 0.5
    assert labels[raised].mean() > 0.85


def test_dense_alerts_are_a_change_of_the_stream() -> None:
    X, _ = rows_with_anomalies(3000, 10_000)
    X[2000:] += 12.0
    patient = AlertingDetector(base=DeviationFromMean(), patience=None)
    model = AlertingDetector(base=DeviationFromMean(), patience=6)
    raised = model.alerts_fit_many(X).raised
    assert raised[2000:2300].sum() == 6
    assert patient.alerts_fit_many(X).raised[2000:2300].sum() > 40
    twin = AlertingDetector(base=DeviationFromMean(), patience=6)
    by_row = [twin.alerts_fit_many(x[None]).raised[0] for x in X]
    np.testing.assert_array_equal(raised, by_row)


def test_where_nothing_happens_there_are_hardly_any() -> None:
    X = np.random.default_rng(1).normal(size=(50_000, 3))
    alerts = AlertingDetector(base=DeviationFromMean()).alerts_fit_many(X)
    assert alerts.raised.sum() < 10
    assert alerts.thresholds[0] == pytest.approx(-np.log10(0.05 * 0.5 * 0.001))


def test_by_row_as_by_chunk() -> None:
    X, _ = rows_with_anomalies(1500, 40)
    model, twin = (AlertingDetector(base=DeviationFromMean()) for _ in "12")
    alerts = model.alerts_fit_many(X)
    for i, x in enumerate(X):
        assert twin.threshold == alerts.thresholds[i]
        assert twin.alert_one(x) == alerts.raised[i]
        twin.fit_one(x)


def test_a_fixed_threshold_is_wrong_as_often_as_it_says() -> None:
    X = np.random.default_rng(2).normal(size=(20_000, 3))
    model = AlertingDetector(
        base=DeviationFromMean(), calibrator=ConformalCalibrator(), rule="fixed", level=0.01
    )
    assert 0.007 < model.alerts_fit_many(X).raised[1000:].mean() < 0.013


@pytest.mark.parametrize(
    "bad",
    [{"base": StandardScaler()}, {"calibrator": 3}, {"rule": "none"}, {"level": 0.0},
     {"fading_factor": 1.0}, {"n_owed": 0.0}, {"patience": 65}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        AlertingDetector(**{"base": DeviationFromMean(), **bad}).fit_one([1.0])
