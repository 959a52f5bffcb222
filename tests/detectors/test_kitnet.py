"""KitNet against a naive twin; quality; its groups; what features contribute."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import KitNet
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.kitnet import KitNet as Naive


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_naive_twin(seed: int) -> None:
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    X[:, 3] += 2.0 * X[:, 0]
    X[:100, 5] = np.nan  # comes later
    weight = np.random.default_rng(seed).choice([0.0, 1.0, 1.0, 2.5], len(X))
    detector = KitNet(group_size=3, window_size=40, fading_factor=0.98, seed=seed)
    twin, due = Naive(3, 0.5, 0.3, 40, 0.98, seed), []
    for i, x in enumerate(X):
        due.append(twin.score(x))
        if i % 50 == 49:
            np.testing.assert_allclose(
                detector.explain_one(x), twin.contributions(x), rtol=1e-6, atol=1e-9
            )
        twin.fit(x, weight[i])
        detector.fit_one(x, weight=weight[i])
    assert twin.n_anew > 4
    assert detector.groups == twin.groups
    scores = detector.clone().score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = KitNet().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_features_that_vary_together_are_a_group() -> None:
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(600, 1)) + 0.2 * rng.normal(size=(600, 3)) for _ in range(4)])
    mixed = rng.permutation(12)
    X = np.ascontiguousarray(X[:, mixed])
    groups = KitNet(group_size=5).fit_many(X).groups
    due = [np.flatnonzero(mixed // 3 == k).tolist() for k in range(4)]
    assert sorted(groups) == sorted(due)


def test_contributions_sum_to_the_score_and_the_strange_feature_has_most() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3000, 1)) + 0.2 * rng.normal(size=(3000, 8))
    detector = KitNet(hidden_ratio=0.25).fit_many(X)
    for j in range(8):
        x = X[j].copy()
        x[j] += 4.0
        parts = detector.explain_one(x)
        assert parts.sum() == pytest.approx(detector.score_one(x))
        assert parts.argmax() == j


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = KitNet().score_fit_many(X)
    assert roc_auc_score(labels[5000:], scores[5000:]) > 0.98


@pytest.mark.parametrize(
    "bad",
    [{"group_size": 0}, {"hidden_ratio": 2.0}, {"learning_rate": 0.0}, {"window_size": 1},
     {"fading_factor": 0.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        KitNet(**bad).fit_one([1.0])  # type: ignore[arg-type]
