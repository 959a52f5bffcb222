"""A private network: without noise, clipped gradient descent; with noise, that of the budget."""

import math
from typing import Any

import numpy as np
import pytest

from onlineml.learners import PrivateMLPClassifier
from onlineml.odometer import rho_of


def test_without_noise_it_is_clipped_gradient_descent() -> None:
    """Gradients by central differences of the loss."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), np.arange(12) % 2
    model = PrivateMLPClassifier(
        hidden=(4, 3), activation="tanh", epsilon=1e18, clip=0.3, learning_rate=0.5, seed=1
    ).fit_many(X[:2], y[:2])
    for x, label in zip(X[2:], y[2:].tolist()):
        before = model.weights_.copy()
        state, gradient = model.get_state(), np.zeros(len(before))
        for p in range(len(before)):
            losses = []
            for step in (1e-5, -1e-5):
                weights = before.copy()
                weights[p] += step
                twin = model.clone().set_state({**state, "weights_": weights})
                losses.append(-math.log(twin.predict_proba_one(x)[label]))
            gradient[p] = (losses[0] - losses[1]) / 2e-5
        model.fit_one(x, label)
        due = before - 0.5 * gradient * min(1.0, 0.3 / np.linalg.norm(gradient))
        np.testing.assert_allclose(model.weights_, due, atol=1e-6)
        assert np.linalg.norm(model.weights_ - before) <= 0.15 + 1e-6


@pytest.mark.parametrize("noise", ["tree", "banded"])
def test_every_weight_gets_the_noise_of_the_budget(noise: Any) -> None:
    """A clip that is tiny beside the weights: what moves them is noise alone, of its size."""
    X, y = np.random.default_rng(1).normal(size=(17, 40)), np.arange(17) % 2
    model = PrivateMLPClassifier(
        hidden=(50,), noise=noise, epsilon=1.0, clip=1e-3, period=16, bands=1, seed=2,
        learning_rate=1.0, n_periods=1,
    )  # fmt: skip
    model.fit_many(X[:1], y[:1])
    model.fit_many(X[:1], [1 - y[0]], weight=[0.0])
    before = model.weights_.copy()
    model.fit_many(X[1:2], y[1:2])
    moved = model.weights_ - before
    rows = 5 if noise == "tree" else 1
    scale = 1e-3 * math.sqrt(rows / (2.0 * rho_of(1.0, 1e-5)))
    # of a tree, 2/3 of the node's draw + 1/3 of the second leaf - 2/3 of the first: as large
    np.testing.assert_allclose(moved.var(), scale**2, rtol=0.12)
    assert (moved != 0.0).all()
    model.fit_many(X[2:], y[2:])
    assert model.odometer.spent[0] == pytest.approx(1.0)
    assert model.diagnostics() == {"n_not_learned": 1.0}
    assert model.unlearn_one(X[0], y[0]).kind == "certified"


@pytest.mark.parametrize(("name", "value"), [("hidden", ()), ("activation", "x"), ("clip", 0.0)])
def test_bad_parameters(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        PrivateMLPClassifier(**{name: value}).fit_one([1.0], 0)
