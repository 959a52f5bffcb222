"""Residuals of regressors: against a plain twin, and in learning bands."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import DeviationFromMean, ResidualDetector
from onlineml.learners import HoeffdingTreeRegressor, KNNRegressor, LinearRegression
from tests.detectors.streams import clusters_with_anomalies, moving_rows, seasonal_with_spikes


def naive(X: Any, regressor: Any, n_lags: int, fading: float) -> Any:
    """Row by row, with one regressor a feature, told apart from the start."""
    width, out = X.shape[1], []
    n, mean, variance, n_left, left = (np.zeros(width) for _ in "12345")
    models, past = [regressor.clone() for _ in range(width)], [np.full(width, np.nan)] * n_lags
    for x in X:
        with np.errstate(all="ignore"):
            z = np.where(variance > 1e-24, (x - mean) / np.sqrt(variance), np.nan)
        z = np.clip(z, -100, 100)
        tame, parts = np.clip(z, -4, 4), []
        rests = np.full(width, np.nan)
        for j in range(width):
            rows = [np.append(tame[i], [old[i] for old in past]) for i in range(width)]
            rows[j] = rows[j][1:]
            inputs = np.concatenate(rows)
            if not np.isnan(z[j]):
                rests[j] = abs(z[j] - models[j].predict_one(inputs))
                models[j].fit_one(inputs, float(tame[j]))
                if left[j] > 0:
                    parts.append(rests[j] ** 2 / max(left[j], 1e-4))
        out.append(np.sqrt(np.mean(parts)) if parts else 0.0)
        past = [tame, *past][:n_lags]
        for j in np.flatnonzero(~np.isnan(x)):
            n[j] += 1
            step = max(1 / n[j], 1 - fading)
            gap = x[j] - mean[j]
            if n[j] > 20 and variance[j] > 1e-24:
                gap = np.clip(gap, -10 * np.sqrt(variance[j]), 10 * np.sqrt(variance[j]))
            mean[j] += step * gap
            variance[j] = (1 - step) * (variance[j] + step * gap * gap)
            if not np.isnan(rests[j]):
                n_left[j] += 1
                step = max(1 / n_left[j], 1 - fading)
                left[j] += step * (min(rests[j], 4) ** 2 - left[j])
    return np.array(out)


@pytest.mark.parametrize("n_lags", [0, 1, 3])
def test_equals_its_naive_twin(n_lags: int) -> None:
    X = moving_rows(n_lags)
    X[300] = 1e6
    model = ResidualDetector(regressor=LinearRegression(), n_lags=n_lags, fading_factor=0.99)
    due = naive(X, LinearRegression(), n_lags, 0.99)
    np.testing.assert_allclose(model.score_fit_many(X), due, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("regressor", [LinearRegression(), HoeffdingTreeRegressor()])
def test_anomalies_among_clusters_are_found(regressor: Any) -> None:
    X, labels = clusters_with_anomalies(6000)
    scores = ResidualDetector(regressor=regressor).score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_spikes_in_a_season_are_found() -> None:
    values, labels = seasonal_with_spikes()
    model = ResidualDetector(regressor=LinearRegression(), n_lags=60)
    scores = model.score_fit_many(values)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_what_depends_on_another_feature_in_other_ways() -> None:
    """y = x ** 2: linear models see nothing, neighbors do."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    X = np.stack([x, x * x + 0.1 * rng.normal(size=4000)], 1)
    model = ResidualDetector(regressor=KNNRegressor(window_size=500), n_lags=0).fit_many(X)
    assert model.score_one([0.0, 0.0]) < 2 < model.score_one([0.0, 2.0])
    plain = DeviationFromMean().fit_many(X)
    assert plain.score_one([0.0, 2.0]) < 1


def test_contributions_sum_to_the_score_and_features_may_come_later() -> None:
    rng = np.random.default_rng(1)
    model = ResidualDetector(regressor=LinearRegression())
    for a in rng.normal(size=500):
        model.fit_one({"a": a, "b": 2 * a + 0.1 * rng.normal()})
    for a in rng.normal(size=500):
        model.fit_one({"a": a, "b": 2 * a + 0.1 * rng.normal(), "c": -a})
    assert [member.schema_.n_features for member in model.members_] == [5, 5, 5]
    row = {"a": 1.0, "b": 2.0, "c": 1.0}
    assert model.explain_one(row).sum() == pytest.approx(model.score_one(row))
    assert model.explain_one(row).argmax() == 2


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="regressor"):
        ResidualDetector(regressor=DeviationFromMean()).fit_one([1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_lags"):
        ResidualDetector(regressor=LinearRegression(), n_lags=0).fit_one([1.0])
    with pytest.raises(ValueError, match="fading_factor"):
        ResidualDetector(regressor=LinearRegression(), fading_factor=2.0).fit_one([1.0])
