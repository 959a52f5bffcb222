"""INQMAD against a naive twin and against the density that it stands for; quality."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from onlineml.detectors import INQMAD
from onlineml.schema import Schema
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.inqmad import DensityMatrix


@pytest.mark.parametrize(("n_components", "rank"), [(20, 6), (8, 8)])
def test_equals_its_naive_twin(n_components: int, rank: int) -> None:
    X = moving_rows(rank, 300)
    weight = np.random.default_rng(1).choice([0.0, 1.0, 1.0], len(X))
    model = INQMAD(n_components=n_components, rank=rank, gamma=0.7, fading_factor=0.97, seed=5)
    twin, due = DensityMatrix(model.clone().start(Schema(3)).frequencies_, rank, 0.7, 0.97), []
    for x, w in zip(X, weight):
        due.append(twin.score(x))
        twin.fit(x, w)
    np.testing.assert_allclose(model.score_fit_many(X, weight=weight), due, rtol=1e-5, atol=1e-7)


def test_is_the_mean_squared_kernel() -> None:
    """With enough axes and frequencies, for rows of a distribution that stays."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2)) * [1.0, 50.0] + [3.0, 0.0]
    model = INQMAD(n_components=512, rank=64, fading_factor=0.999).fit_many(X)
    z = (X - X.mean(0)) / X.std(0)
    probes = rng.uniform(-3, 3, size=(200, 2))
    squares = ((probes[:, None] - z[None, -3000:]) ** 2).mean(2)
    due = -np.log(np.exp(-2 * 1.0 * squares).mean(1))
    got = model.score_many(probes * X.std(0) + X.mean(0))
    assert spearmanr(got, due).statistic > 0.97
    near = due < 3
    np.testing.assert_allclose(got[near], due[near], atol=0.3)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(10_000, drift=drift)
    scores = INQMAD().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.985


@pytest.mark.parametrize(
    "bad",
    [{"n_components": 7}, {"rank": 300}, {"gamma": 0.0}, {"fading_factor": 0.0}],
)
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        INQMAD(**bad).fit_one([1.0])
