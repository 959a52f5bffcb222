"""The autoencoder against a naive twin; quality; what features contribute."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import Autoencoder
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.autoencoder import Autoencoder as Naive
from tests.naive.mlp import Network


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.02), ("adam", 0.01)])
def test_equals_the_naive_twin(optimizer: str, rate: float) -> None:
    X = np.hstack([moving_rows(1, 200), moving_rows(2, 200)[:, :1]])
    weight = np.random.default_rng(1).choice([0.0, 1.0, 1.0, 2.5], len(X))
    model = Autoencoder(
        hidden=(4, 2), optimizer=optimizer, learning_rate=rate, fading_factor=0.98, seed=3
    )  # type: ignore[arg-type]
    twin = Naive(4, Network((4, 2), "tanh", optimizer, rate, 0.0, seed=3), 0.98)
    due = []
    for i, x in enumerate(X):
        due.append(twin.score(x))
        if i % 50 == 49:
            parts = model.explain_one(x)
            np.testing.assert_allclose(parts, twin.contributions(x), rtol=1e-4, atol=1e-9)
        twin.fit(x, weight[i])
        model.fit_one(x, weight=weight[i])
    scores = model.clone().score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("drift", [False, True])
@pytest.mark.parametrize("hidden", [(4,), (16, 4, 16)])
def test_finds_anomalies(hidden: tuple[int, ...], drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = Autoencoder(hidden=hidden).score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.995


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.01), ("momentum", 0.002)])
def test_optimizers(optimizer: str, rate: float) -> None:
    X, labels = clusters_with_anomalies()
    model = Autoencoder(optimizer=optimizer, learning_rate=rate)  # type: ignore[arg-type]
    scores = model.score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_the_strange_feature_contributes_most() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 1)) + 0.2 * rng.normal(size=(4000, 8))
    model = Autoencoder().fit_many(X)
    for j in range(8):
        x = X[j].copy()
        x[j] += 4.0
        parts = model.explain_one(x)
        assert parts.sum() == pytest.approx(model.score_one(x))
        assert parts.argmax() == j


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = Autoencoder().score_fit_many(X)
    assert roc_auc_score(labels[7000:], scores[7000:]) > 0.98


@pytest.mark.parametrize(
    "bad",
    [{"hidden": ()}, {"hidden": (2, 0)}, {"activation": "step"}, {"optimizer": "newton"},
     {"learning_rate": 0.0}, {"fading_factor": 0.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        Autoencoder(**bad).fit_one([1.0])  # type: ignore[arg-type]


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = Autoencoder(hidden=(3,)).fit_many(np.eye(3)).get_state()
    with pytest.raises(ValueError, match="shape_"):
        Autoencoder(hidden=(4,)).set_state(state)
