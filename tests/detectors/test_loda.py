"""LODA against a naive twin; quality; what a feature contributes."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import LODA
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import loda as naive


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_naive_twin(seed: int) -> None:
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    X[:, 3] = np.floor(X[:, 3])
    X[300:, 0] += 3.0  # not far enough to make all histograms anew
    weight = np.random.default_rng(seed).choice([0.0, 1.0, 1.0, 2.5], len(X))
    detector = LODA(n_cuts=12, n_bins=5, window_size=40, fading_factor=0.98, seed=seed)
    twin = naive.LODA(12, 5, 40, 0.98, seed)
    due = []
    for i, x in enumerate(X.tolist()):
        due.append(twin.score(x))
        if i in (100, 399):
            np.testing.assert_allclose(detector.explain_one(x), twin.contributions(x), rtol=1e-6)
        twin.fit(x, weight[i])
        detector.fit_one(x, weight=weight[i])
    assert twin.n_anew > 3 * 12  # all three times, and some between
    scores = detector.clone().score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-9)


@pytest.mark.parametrize(("drift", "least"), [(False, 0.97), (True, 0.98)])
def test_finds_anomalies(drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = LODA().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > least


def test_the_strange_feature_contributes_most() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 9))
    detector = LODA(n_cuts=200).fit_many(X)
    for j in range(9):
        x = np.zeros(9)
        x[j] = 6.0
        assert detector.explain_one(x).argmax() == j


def test_a_feature_without_values_changes_nothing() -> None:
    X, labels = clusters_with_anomalies(6000)
    X[3000:, 2] = np.nan
    scores = LODA().score_fit_many(X)
    assert roc_auc_score(labels[3000:], scores[3000:]) > 0.96


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = LODA().score_fit_many(X)
    assert roc_auc_score(labels[5000:], scores[5000:]) > 0.95


def test_masses_stay_finite_however_fast_they_fade() -> None:
    X = np.random.default_rng(0).normal(size=(3000, 4))
    detector = LODA(window_size=50, fading_factor=0.5).fit_many(X)
    assert np.isfinite(detector.masses_).all()
    assert np.isfinite(detector.score_many(X)).all()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_cuts": 0}, "n_cuts"),
        ({"n_bins": 1}, "n_bins"),
        ({"window_size": 1}, "window_size"),
        ({"fading_factor": 0.0}, "fading_factor"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        LODA(**wrong).fit_one([1.0])  # type: ignore[arg-type]


def test_scores_beside_heavy_rows_are_finite() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    model = LODA(seed=1).fit_many(X[:200], weight=np.full(200, 1e15))
    assert np.isfinite(model.score_many(10.0 * X)).all()
