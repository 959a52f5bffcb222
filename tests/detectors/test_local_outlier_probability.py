"""The local outlier probability against all distances anew; quality."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import LocalOutlierProbability
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.local_outlier_factor import LocalOutlierProbability as Naive


@pytest.mark.parametrize(("k", "m", "size"), [(1, 1, 20), (3, 16, 45), (2, 128, 25)])
def test_equals_the_naive_twin(k: int, m: int, size: int) -> None:
    X = np.hstack([moving_rows(k), moving_rows(k + 10)])[50:]
    weight = np.random.default_rng(k).choice([0.0, 1.0, 1.0, 2.5], len(X))
    twin, due = Naive(k, m, 2.0, size), []
    for i, (x, w) in enumerate(zip(X, weight)):
        due.append(twin.score(x) if i % 9 == 0 else np.nan)
        if w > 0:
            twin.fit(x)
    model = LocalOutlierProbability(
        n_neighbors=k, n_compared=None if m == k else m, extent=2.0, window_size=size
    )
    scores = model.score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores[::9], due[::9], rtol=1e-9, atol=1e-12)
    assert 0.05 < scores.mean() < 0.9


@pytest.mark.parametrize(("drift", "least"), [(False, 0.99), (True, 0.99)])
def test_finds_anomalies(drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = LocalOutlierProbability().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > least
    assert 0.0 <= scores.min() < scores.max() <= 1.0


def test_a_group_of_strange_rows_is_found() -> None:
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(400, 2)), rng.normal(6.0, 0.3, size=(30, 2))])
    alone = LocalOutlierProbability(n_compared=None).score_fit_many(X)[410:415]
    assert alone.max() < 0.3 < 0.5 < LocalOutlierProbability().score_fit_many(X)[410:415].min()


@pytest.mark.parametrize(
    "bad",
    [
        {"window_size": 1},
        {"n_neighbors": 0},
        {"n_neighbors": 256},
        {"n_compared": 0},
        {"extent": 0.0},
    ],
)
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        LocalOutlierProbability(**bad).fit_one([1.0])  # type: ignore[arg-type]
