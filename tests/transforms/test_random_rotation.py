"""Rows turned by a random rotation: against matrix products, and what it is for."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from onlineml.learners import MLPClassifier, ReplayingClassifier
from onlineml.schema import Schema
from onlineml.transforms import RandomRotation


def test_equals_a_product_with_missing_values_filled_in() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal((0.0, 5.0, -2.0, 1.0), size=(60, 4))
    X[rng.random(X.shape) < 0.2] = np.nan
    model = RandomRotation(seed=2)
    out = model.transform_fit_many(X)
    turn = model.turn_
    np.testing.assert_allclose(turn @ turn.T, np.eye(4), atol=1e-12)
    for i, x in enumerate(X):
        past = X[:i]
        means = [np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in past.T] if i else [0.0] * 4
        filled = np.where(np.isnan(x), means, x)
        np.testing.assert_allclose(out[i], filled @ turn, atol=1e-12)


def test_nominal_and_later_features_are_not_turned() -> None:
    model = RandomRotation(seed=2).start(Schema(3, nominal={1: ("a", "b", "c")}))
    rows = np.array([[3.0, 2.0, 4.0], [1.0, 0.0, 0.0]])
    out = model.fit_many(rows).transform_many(rows)
    assert out[:, 1].tolist() == rows[:, 1].tolist()
    assert np.hypot(out[0, 0], out[0, 2]) == pytest.approx(5.0)
    named = RandomRotation(seed=2).fit_one({"a": 3.0, "b": 4.0})
    out = named.fit_one({"a": 3.0, "b": 4.0, "c": 7.0}).transform_one({"a": 3.0, "b": 4.0, "c": 7})
    assert out[2] == 7.0
    assert np.hypot(*out[:2]) == pytest.approx(5.0)


def test_few_labels_of_pixels_teach_more_once_they_are_turned() -> None:
    X, y = load_digits(return_X_y=True)
    turned = RandomRotation(seed=1).transform_many(X)
    right = []
    for rows in (X, turned):
        found = []
        for seed in range(4):
            base = MLPClassifier(hidden=(64,), learning_rate=0.001, seed=seed)
            model = ReplayingClassifier(base=base, seed=seed)
            first = slice(100 * seed, 100 * seed + 70)
            model.fit_many(rows[first], y[first])
            found.append((model.predict_many(rows[500:]) == y[500:]).mean())
        right.append(np.mean(found))
    assert right[1] > right[0] + 0.015
