"""Differential privacy: clipping, size and correlation of the noise, and what is spent."""

import math
from typing import Any

import numpy as np
import pytest

from onlineml.datasets import load
from onlineml.learners import PrivateSoftmaxRegression
from onlineml.odometer import epsilon_of, rho_of
from onlineml.unlearning import PrivacyOdometer
from tests.naive import private

N = 40


def strategy(noise: str) -> tuple[Any, Any]:
    """What a row enters, and how sums come of it."""
    if noise == "tree":
        return private.tree(N)
    root = private.banded_root(N, 7)
    return root, np.tril(np.ones((N, N))) @ np.linalg.inv(root)


@pytest.mark.parametrize("noise", ["tree", "banded"])
def test_the_noise_of_sums_is_that_of_the_factored_matrix(noise: Any) -> None:
    """Covariance over rows, from 3,000 coordinates; no row enters more than it may."""
    model = PrivateSoftmaxRegression(
        noise=noise, epsilon=1.5, clip=0.7, learning_rate=2.0, intercept=False, seed=5, period=N,
        bands=7,
    )  # fmt: skip
    X, course = np.zeros((N, 1500)), []
    model.fit_many(X[:2], [0, 1], weight=[0.0, 0.0])
    for i in range(N):
        model.fit_one(X[i], max(1 - i, 0))  # both classes are there from the first row on
        course.append(model.weights_[:2].reshape(-1) / -2.0)
    enters, sums = strategy(noise)
    np.testing.assert_allclose(sums @ enters, np.tril(np.ones((N, N))), atol=1e-9)
    longest = np.linalg.norm(enters, axis=0).max()
    scale = 0.7 * longest / math.sqrt(2.0 * rho_of(1.5, 1e-5))
    due = scale**2 * sums @ sums.T
    found = np.array(course) @ np.array(course).T / 3000
    spread = np.sqrt(np.diag(due))
    assert np.abs(found / np.outer(spread, spread) - due / np.outer(spread, spread)).max() < 0.1
    np.testing.assert_allclose(np.diag(found).sum(), np.diag(due).sum(), rtol=0.03)


def test_trees_follow_one_another() -> None:
    model = PrivateSoftmaxRegression(period=8, intercept=False, learning_rate=1.0, seed=2)
    model.fit_many(np.zeros((2, 1500)), [0, 1], weight=[0.0, 0.0])
    model.fit_many(np.zeros((32, 1500)), [1] * 32)
    scale = math.sqrt(4.0 / (2.0 * rho_of(2.0, 1e-5)))
    due = scale**2 * 4 * 8 / 15  # four whole trees of eight rows: 2^k / (2^(k + 1) - 1)
    np.testing.assert_allclose(model.weights_[:2].var(), due, rtol=0.1)


def test_without_noise_it_is_clipped_gradient_descent() -> None:
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(200, 3)) * 3.0, rng.integers(0, 3, 200), rng.random(200) * 2
    y[0], weight[0] = 2, 0.5
    model = PrivateSoftmaxRegression(epsilon=1e14, clip=0.8, learning_rate=0.3, seed=1)
    course = []
    model.fit_one(X[0], 0, weight=0.0)
    for label in (1, 2):
        model.fit_one(X[0], label, weight=0.0)
    for x, label, share in zip(X, y, weight):
        model.fit_one(x, label, weight=share)
        course.append(np.column_stack([model.intercept_[:3], model.weights_[:3, :, 0]]))
    due = private.clipped(X, y, weight, 0.8, 0.3, 3)
    np.testing.assert_allclose(course, due, atol=1e-4)
    steps = np.linalg.norm(np.diff(np.array(course), axis=0).reshape(199, -1), axis=1)
    assert 0.239 < steps.max() < 0.2401  # the clip, reached


@pytest.mark.parametrize("noise", ["tree", "banded"])
def test_a_spent_budget_is_refused(noise: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), rng.integers(0, 2, 100)
    model = PrivateSoftmaxRegression(noise=noise, period=20, n_periods=3, bands=20, seed=1)
    spent = []
    for i in range(4):
        model.fit_many(X[20 * i : 20 * i + 20], y[20 * i : 20 * i + 20])
        spent.append(model.odometer.spent[0])
        if i == 2:
            before = model.weights_.copy()
    assert spent[0] < spent[1] < spent[2] <= 2.0
    assert spent[2] == pytest.approx(2.0)
    assert spent[3] == spent[2]
    assert not model.odometer.allows(rho=0.01)
    np.testing.assert_array_equal(model.weights_, before)
    assert model.diagnostics() == {"n_not_learned": 20.0}
    assert model.unlearn_one(X[0], y[0])[:2] == ("certified", np.inf)
    endless = PrivateSoftmaxRegression(noise=noise, period=20, bands=20).fit_many(X, y)
    assert endless.odometer.spent[0] == pytest.approx(2.0)


def test_concentrated_privacy() -> None:
    """Above the exact trade of one Gaussian mechanism, and below the plain bound."""
    for rho in (1e-4, 0.01, 0.3, 2.0, 20.0):
        for delta in (1e-8, 1e-5):
            epsilon = epsilon_of(rho, delta)
            assert epsilon <= rho + 2.0 * math.sqrt(rho * math.log(1.0 / delta))
            mu = math.sqrt(2.0 * rho)
            tail = [0.5 * math.erfc(z / math.sqrt(2.0)) for z in (
                epsilon / mu - mu / 2.0, epsilon / mu + mu / 2.0)]  # fmt: skip
            assert tail[0] - math.exp(epsilon) * tail[1] <= delta * (1.0 + 1e-6)
            assert rho_of(epsilon, delta) == pytest.approx(rho, rel=1e-6)
    odometer = PrivacyOdometer(epsilon=1.0, delta=1e-5, rule="concentrated")
    assert odometer.spend(rho=0.01)
    assert odometer.spend(0.1)
    assert odometer.spent == (pytest.approx(epsilon_of(0.015, 1e-5)), 1e-5)
    with pytest.raises(ValueError, match="rho"):
        PrivacyOdometer(epsilon=1.0).spend(rho=0.1)
    with pytest.raises(ValueError, match="delta"):
        odometer.spend(0.1, 1e-6)


@pytest.mark.parametrize(("noise", "low"), [("tree", 0.79), ("banded", 0.79)])
def test_accuracy_is_in_its_band(noise: Any, low: float) -> None:
    chunks = list(load("phishing").chunks(10_000))
    X, y = np.vstack([c.X for c in chunks]), np.concatenate([c.y for c in chunks])
    found = [
        (PrivateSoftmaxRegression(
            noise=noise, epsilon=8.0, period=2048, seed=seed).predict_fit_many(X, y) == y).mean()
        for seed in range(5)
    ]  # fmt: skip
    assert low < np.mean(found) < 0.9


@pytest.mark.parametrize(
    ("name", "value"),
    [("noise", "white"), ("epsilon", 0.0), ("delta", 0.0), ("clip", 0.0), ("learning_rate", -1.0),
     ("period", 0), ("n_periods", 0), ("bands", 0)],
)  # fmt: skip
def test_bad_parameters(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        PrivateSoftmaxRegression(**{name: value}).fit_one([1.0], 0)
    if name == "bands":
        with pytest.raises(ValueError, match=name):
            PrivateSoftmaxRegression(noise="banded", bands=9, period=8).fit_one([1.0], 0)
