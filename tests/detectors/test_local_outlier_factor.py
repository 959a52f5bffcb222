"""Lists that are mended against all distances anew; scikit-learn; quality."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor as OfScikitLearn

from onlineml.detectors import LocalOutlierFactor
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.local_outlier_factor import LocalOutlierFactor as Naive


@pytest.mark.parametrize(("k", "size"), [(1, 20), (3, 45), (8, 64)])
def test_equals_the_naive_twin(k: int, size: int) -> None:
    X = np.hstack([moving_rows(k), moving_rows(k + 10)])[50:]
    weight = np.random.default_rng(k).choice([0.0, 1.0, 1.0, 2.5], len(X))
    twin, due = Naive(k, size), []
    for i, (x, w) in enumerate(zip(X, weight)):
        due.append(twin.score(x) if i % 9 == 0 else np.nan)
        if w > 0:
            twin.fit(x)
    scores = LocalOutlierFactor(n_neighbors=k, window_size=size).score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores[::9], due[::9], rtol=1e-9)
    assert twin.n_looks > 2


def test_equals_scikit_learn() -> None:
    X = np.random.default_rng(0).normal(size=(1500, 3))
    model = LocalOutlierFactor(window_size=500).fit_many(X)
    width = model.ranges_[1] - model.ranges_[0]
    theirs = OfScikitLearn(n_neighbors=10, novelty=True).fit(X[1000:] / width)
    new = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_allclose(model.score_many(new), -theirs.score_samples(new / width))


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(10_000, drift=drift)
    scores = LocalOutlierFactor().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


def test_equal_rows_are_usual() -> None:
    model = LocalOutlierFactor().fit_many([[1.0, 2.0], [1.0, 3.0]] * 100)
    assert model.score_one([1.0, 2.0]) == 1.0
    assert model.score_one([1.0, 2.5]) > 100.0


@pytest.mark.parametrize("bad", [{"window_size": 1}, {"n_neighbors": 0}, {"n_neighbors": 1024}])
def test_bad_parameters_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        LocalOutlierFactor(**bad).fit_one([1.0])
