"""RS-Hash against a naive twin; quality; what a feature contributes."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import RSHash
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import rs_hash as naive


@pytest.mark.parametrize("n_hashes", [1, 2])
@pytest.mark.parametrize("seed", range(2))
def test_equals_the_naive_twin(seed: int, n_hashes: int) -> None:
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    X[200] = 1e6
    weight = np.random.default_rng(seed).choice([0.0, 1.0, 1.0, 2.5], len(X))
    detector = RSHash(
        n_grids=6, n_hashes=n_hashes, n_slots=1 << 18, sample_size=100, window_size=40,
        fading_factor=0.97, seed=seed,
    )  # fmt: skip
    twin = naive.RSHash(6, 100, 40, 0.97, seed)
    due = []
    for x, w in zip(X.tolist(), weight.tolist()):
        due.append(twin.score(x))
        twin.fit(x, w)
    assert twin.n_anew > 1
    scores = detector.score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "drift"),
    [({}, False), ({}, True), ({"fading_factor": 0.999}, False), ({"n_slots": 1000}, True)],
)
def test_finds_anomalies(options: dict[str, float], drift: bool) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = RSHash(**options).score_fit_many(X)  # type: ignore[arg-type]
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.985


def test_the_strange_feature_contributes_most() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 9))
    detector = RSHash(n_grids=200).fit_many(X)
    for j in range(9):
        x = np.zeros(9)
        x[j] = 6.0
        assert detector.explain_one(x).argmax() == j


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = RSHash().score_fit_many(X)
    assert roc_auc_score(labels[5000:], scores[5000:]) > 0.97


def test_masses_stay_finite_however_fast_they_fade() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 4))
    detector = RSHash(n_grids=10, fading_factor=0.5).fit_many(X)
    assert np.isfinite(detector.masses_).all()
    assert np.isfinite(detector.score_many(X)).all()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_grids": 0}, "n_grids"),
        ({"n_hashes": 0}, "n_hashes"),
        ({"n_slots": 0}, "n_slots"),
        ({"sample_size": 1}, "sample_size"),
        ({"window_size": 1}, "window_size"),
        ({"fading_factor": 0.0}, "fading_factor"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        RSHash(**wrong).fit_one([1.0])  # type: ignore[arg-type]
