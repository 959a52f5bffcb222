"""Neighbors within a radius against all pairs of rows; quality."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import ExactStorm
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.scaled_window import ExactStorm as Naive


@pytest.mark.parametrize(("sample", "size"), [(2, 60), (32, 100), (16, 5)])
def test_equals_the_naive_twin(sample: int, size: int) -> None:
    X = np.hstack([moving_rows(sample), moving_rows(sample + 10)])
    X[:, 3] = np.floor(X[:, 3])
    weight = np.random.default_rng(sample).choice([0.0, 1.0, 1.0, 2.5], len(X))
    twin, due = Naive(6, sample, size, 0.9), []
    for x, w in zip(X, weight):
        due.append(twin.score(x))
        if w > 0:
            twin.fit(x)
    model = ExactStorm(sample_size=sample, window_size=size, quantile=0.9)
    scores = model.score_fit_many(X, weight=weight)
    assert len(set(due)) > 20
    np.testing.assert_allclose(scores, due, rtol=1e-9, atol=1e-12)
    assert model.radius_[0] == pytest.approx(twin.radius, rel=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = ExactStorm().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_rows_without_neighbors_are_told_apart() -> None:
    model = ExactStorm().fit_many(np.random.default_rng(0).normal(size=(200, 2)))
    far, further, furthest = model.score_many([[9.0, 0.0], [30.0, 0.0], [1e6, 0.0]])
    assert 200 / 201 < far < further < furthest < 1.0


def test_equal_rows_are_neighbors() -> None:
    model = ExactStorm().fit_many([[1.0, 2.0]] * 100)
    assert model.score_one([1.0, 2.0]) == 0.0


@pytest.mark.parametrize("bad", [{"window_size": 0}, {"sample_size": 1}, {"quantile": 0.0}])
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        ExactStorm(**bad).fit_one([1.0])  # type: ignore[arg-type]
