"""MemStream against a naive twin; quality; what is let into the memory."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import MemStream
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.mem_stream import MemStream as Naive
from tests.naive.mlp import Network


@pytest.mark.parametrize(("hidden", "optimizer"), [((5,), "adam"), ((4, 3), "sgd")])
def test_equals_its_naive_twin(hidden: Any, optimizer: Any) -> None:
    X = np.hstack([moving_rows(1, 260), moving_rows(2, 260)[:, :1]])
    model = MemStream(
        memory_size=40, n_neighbors=4, discount=0.7, beta=1.0, one_in=3, hidden=hidden,
        activation="tanh", optimizer=optimizer, learning_rate=0.01, fading_factor=0.98, seed=3,
    )  # fmt: skip
    net = Network(hidden, "tanh", optimizer, 0.01, 0.0, seed=3)
    twin, due = Naive(4, net, 40, 4, 0.7, 1.0, 3, 0.1, 2, 0.98), []
    for x in X:
        due.append(twin.score(x))
        twin.fit(x)
    assert twin.strange > 20
    np.testing.assert_allclose(model.score_fit_many(X), due, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(10_000, drift=drift)
    scores = MemStream().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.985


def test_anomalies_in_numbers_stay_out_of_the_memory() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4))
    odd = rng.random(3000) < 0.04
    odd[:500] = False
    X[odd] = 6.0 + 0.1 * rng.normal(size=(odd.sum(), 4))
    scores = MemStream().score_fit_many(X)
    assert roc_auc_score(odd[600:], scores[600:]) > 0.95


def test_missing_values_and_rows() -> None:
    X, _ = clusters_with_anomalies(1000)
    model = MemStream().fit_many(X)
    assert model.score_one(np.full(10, np.nan)) == 0.0
    x = X[0].copy()
    x[3] = np.nan
    assert abs(model.score_one(x) - model.score_one(X[0])) < 5.0


@pytest.mark.parametrize(
    "bad",
    [{"memory_size": 15}, {"n_neighbors": 0}, {"discount": 0.0}, {"beta": -1.0}, {"one_in": 0},
     {"hidden": ()}, {"noise": -0.1}, {"n_passes": -1}, {"fading_factor": 0.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        MemStream(**bad).fit_one([1.0])
