"""The one-class machine against a naive twin; quality; what nu means."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.base import Schema
from onlineml.detectors import OneClassSVM
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.one_class_svm import OneClassSVM as Naive


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_naive_twin(seed: int) -> None:
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    weight = np.random.default_rng(seed).choice([0.0, 1.0, 1.0, 2.5], len(X))
    model = OneClassSVM(
        nu=0.2, n_components=20, learning_rate=0.05, fading_factor=0.98, seed=seed
    ).start(Schema(6))
    twin, due = Naive(model.directions_.copy(), model.phases_.copy(), 0.2, 0.05, 0.98), []
    for x, w in zip(X, weight):
        due.append(twin.score(x))
        twin.fit(x, w)
    np.testing.assert_allclose(model.score_fit_many(X, weight=weight), due, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = OneClassSVM().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.98


def test_random_features_are_those_of_the_kernel() -> None:
    model = OneClassSVM(n_components=20_000).start(Schema(3))
    assert model.directions_.mean() == pytest.approx(0.0, abs=0.02)
    assert model.directions_.std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("nu", [0.05, 0.3])
def test_nu_is_the_share_beyond_the_margin(nu: float) -> None:
    X = np.random.default_rng(0).normal(size=(20_000, 3))
    scores = OneClassSVM(nu=nu).score_fit_many(X)
    assert (scores[5000:] > 0).mean() == pytest.approx(nu, abs=0.02)


@pytest.mark.parametrize(
    "bad",
    [{"nu": 0.0}, {"n_components": 0}, {"gamma": 0.0}, {"learning_rate": 0.0},
     {"fading_factor": 2.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        OneClassSVM(**bad).fit_one([1.0])  # type: ignore[arg-type]
