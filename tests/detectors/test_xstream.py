"""xStream against a naive twin; quality; features that come later."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import xStream
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import xstream as naive


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_twin(seed: int) -> None:
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    X[200] = 1e6
    detector = xStream(
        n_projections=6, n_chains=4, depth=7, n_slots=1 << 17, window_size=40, seed=seed
    )
    twin = naive.xStream(6, 4, 7, 40, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert twin.n_measured > 2
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("drift", "least"), [(False, 0.99), (True, 0.985)])
def test_finds_anomalies(drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = xStream().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > least


def test_few_slots_are_enough() -> None:
    X, labels = clusters_with_anomalies(6000)
    few, many = (xStream(n_slots=n).score_fit_many(X)[1000:] for n in (256, 8192))
    aucs = [roc_auc_score(labels[1000:], scores) for scores in (few, many)]
    assert aucs[0] == pytest.approx(aucs[1], abs=0.01)


def test_a_feature_that_comes_later_tells() -> None:
    rng = np.random.default_rng(0)
    detector = xStream()
    for i, x in enumerate(rng.normal(size=(1500, 4))):
        row = dict(zip("abcd", x.tolist()))
        if i < 500:
            del row["d"]
        detector.fit_one(row)
    usual = detector.score_one({"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0})
    assert detector.score_one({"a": 0.0, "b": 0.0, "c": 0.0, "d": 8.0}) > usual + 1.0


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(8000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = xStream().score_fit_many(X)
    assert roc_auc_score(labels[5000:], scores[5000:]) > 0.98


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_projections": 0}, "n_projections"),
        ({"n_chains": 0}, "n_chains"),
        ({"n_slots": 0}, "n_slots"),
        ({"depth": 0}, "depth"),
        ({"window_size": 1 << 14}, "window_size"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        xStream(**wrong).fit_one([1.0])  # type: ignore[arg-type]
