"""Certified removal: the bound holds against solving anew, and the budget is never overspent."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import CertifiedLogisticRegression
from onlineml.persistence import dumps, loads
from tests.naive.certified import gradient, minimum


def stream(n: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    X[rng.random(X.shape) < 0.02] = np.nan
    signal = np.nan_to_num(X) @ [1.0, -1.0, 0.5, 0.0] + rng.logistic(size=n)
    return X, np.digitize(signal, [-0.5, 1.0])


def test_it_solves_the_rows_of_the_window() -> None:
    X, y = stream(730)
    model = CertifiedLogisticRegression(window_size=300, every=50, l2=0.5, noise=2.0, seed=1)
    model.fit_many(X, y)
    rows = slice(400, 700)
    for c, label in enumerate(model.classes_):
        due = minimum(X[rows], y[rows] == label, 0.5, model.noise_[c])
        np.testing.assert_allclose(model.weights_[c], due, atol=1e-8)
    assert model.bounds_[0] < 1e-7


def test_the_bounds_hold_against_solving_without_the_rows() -> None:
    """The gradient that is left, and the distance from the minimum; in any order of requests."""
    for seed in range(2):
        X, y = stream(400, seed)
        model = CertifiedLogisticRegression(
            window_size=400, every=400, l2=0.3, noise=2.0, epsilon=100.0, seed=seed
        ).fit_many(X, y)
        order, stay = np.random.default_rng(seed).permutation(400)[:30], np.ones(400, bool)
        for i in order:
            receipt = model.unlearn_one(X[i], y[i])
            assert receipt.kind == "certified"
            stay[i] = False
            left, apart = [], []
            for c, label in enumerate(model.classes_):
                rows = X[stay], y[stay] == label, 0.3, model.noise_[c]
                left.append(gradient(model.weights_[c], *rows))
                apart.append(model.weights_[c] - minimum(*rows))
            assert np.linalg.norm(left) <= model.bounds_[0]
            assert np.linalg.norm(apart) <= receipt.bound
            assert model.unlearn_one(X[i], y[i]).kind == "refused"
        assert 1.0 < model.odometer.spent[0] <= 100.0
        untouched = CertifiedLogisticRegression(
            window_size=400, every=400, l2=0.3, noise=2.0, epsilon=100.0, seed=seed
        ).fit_many(X, y)
        gap = untouched.weights_ - minimum_of(model, X[stay], y[stay])
        assert np.linalg.norm(gap) > 10 * np.linalg.norm(apart)  # one step is much of the way


def minimum_of(model: Any, X: Any, y: Any) -> Any:
    found = np.zeros_like(model.weights_)
    for c, label in enumerate(model.classes_):
        found[c] = minimum(X, y == label, model.l2, model.noise_[c])
    return found


def test_a_spent_budget_is_refused_and_the_window_solved_anew() -> None:
    X, y = stream(300)
    model = CertifiedLogisticRegression(window_size=300, every=300, noise=1.0, seed=3)
    model.fit_many(X, y)
    kinds, stay = [], np.ones(300, bool)
    for i in range(120):
        noise = model.noise_.copy()
        receipt = model.unlearn_one(X[i], y[i])
        stay[i] = False
        kinds.append(receipt.kind)
        assert model.odometer.spent[0] <= 1.0 + 1e-9
        if receipt.kind == "replayed":
            assert (noise != model.noise_).any()
            assert receipt.rows == stay.sum()
            gap = model.weights_ - minimum_of(model, X[stay], y[stay])
            assert np.abs(gap).max() < 1e-8
            assert model.odometer.spent[0] < 1e-6
    assert kinds.count("replayed") >= 2
    assert kinds.count("certified") > kinds.count("replayed")
    silent = CertifiedLogisticRegression(noise=0.0, every=50).fit_many(X, y)
    assert silent.unlearn_one(X[290], y[290]).kind == "replayed"


def test_rows_outside_the_objective() -> None:
    X, y = stream(470)
    model = CertifiedLogisticRegression(window_size=100, every=50, epsilon=50.0, seed=1)
    model.fit_many(X, y)
    before = model.weights_.copy()
    assert model.unlearn_one(X[460], y[460]).kind == "exact"  # it waits for the next solution
    assert model.unlearn_one(X[349], y[349]).kind == "refused"  # gone with time
    assert model.unlearn_one(X[400], y[400], weight=2.0).kind == "refused"
    np.testing.assert_array_equal(model.weights_, before)
    assert model.unlearn_one(X[351], y[351]).kind == "certified"
    other = loads(dumps(model))
    for twin in (model, other):
        twin.fit_many(X[:30], y[:30])
    np.testing.assert_array_equal(model.weights_, other.weights_)
    rows = np.setdiff1d(np.arange(400, 470), [460])
    window, labels = np.concatenate([X[rows], X[:30]]), np.concatenate([y[rows], y[:30]])
    np.testing.assert_allclose(model.weights_, minimum_of(model, window, labels), atol=1e-8)


def test_the_noise_is_what_was_asked_for() -> None:
    X, y = stream(20)
    drawn = [
        CertifiedLogisticRegression(noise=3.0, every=20, seed=seed).fit_many(X, y).noise_[:3]
        for seed in range(200)
    ]
    values = np.array(drawn)
    assert abs(values.std() / 3.0 - 1.0) < 0.05
    assert abs(values.mean()) < 0.2
    apart = values.reshape(200, -1)
    assert np.abs(np.corrcoef(apart.T) - np.eye(apart.shape[1])).max() < 0.3


def test_it_learns() -> None:
    X, y = stream(3000)
    model = CertifiedLogisticRegression(seed=1)
    hits = model.predict_fit_many(X, y) == y
    assert 0.56 < hits.mean() < 0.62  # the best possible line: 0.60


@pytest.mark.parametrize(
    ("name", "value"),
    [("window_size", 0), ("every", 1.5), ("l2", 0.0), ("noise", -1.0), ("epsilon", 0.0),
     ("delta", 0.0)],
)  # fmt: skip
def test_bad_parameters(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        CertifiedLogisticRegression(**{name: value}).fit_one([1.0], 0)
