"""Neighbors within a radius against all pairs of rows; quality."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import ExactStorm
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.scaled_window import ExactStorm as Naive


@pytest.mark.parametrize(("k", "size"), [(1, 60), (4, 100), (5, 5)])
def test_equals_the_naive_twin(k: int, size: int) -> None:
    X = np.hstack([moving_rows(k), moving_rows(k + 10)])
    X[:, 3] = np.floor(X[:, 3])
    weight = np.random.default_rng(k).choice([0.0, 1.0, 1.0, 2.5], len(X))
    twin, due = Naive(6, k, size, 0.9), []
    for x, w in zip(X, weight):
        due.append(twin.score(x))
        if w > 0:
            twin.fit(x)
    model = ExactStorm(n_neighbors=k, window_size=size, quantile=0.9)
    scores = model.score_fit_many(X, weight=weight)
    assert len(set(due)) > 20 or size == 5
    np.testing.assert_allclose(scores, due, rtol=1e-12)
    assert model.radius_[0] == pytest.approx(twin.radius, rel=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = ExactStorm().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_equal_rows_are_neighbors() -> None:
    model = ExactStorm().fit_many([[1.0, 2.0]] * 100)
    assert model.score_one([1.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    "bad", [{"window_size": 0}, {"n_neighbors": 0}, {"n_neighbors": 2000}, {"quantile": 0.0}]
)
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        ExactStorm(**bad).fit_one([1.0])  # type: ignore[arg-type]
