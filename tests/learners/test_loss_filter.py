"""A filter by loss, against a loop in plain Python, and what it saves."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits

from onlineml.learners import LossFilter, MLPClassifier, SoftmaxRegression


def filtered(base, X, y, *, rate, n_warm):
    """The base learns rows whose loss is at least the mean; which those were."""
    mean, learned = 0.0, []
    for n, (x, label) in enumerate(zip(X, y), 1):
        shares = dict(zip(getattr(base, "classes_", []), base.predict_proba_one(x)))
        loss = -math.log(max(shares.get(label, 0.0), 1e-4))
        learned.append(n <= n_warm or loss >= mean)
        mean += max(rate, 1 / n) * (loss - mean)
        if learned[-1]:
            base.fit_one(x, label)
    return learned


def test_equals_the_loop():
    random = np.random.default_rng(3)
    X = random.normal(size=(800, 3))
    y = np.where(np.arange(800) > 500, 2, 0) * (X[:, 1] > 1) + (X[:, 0] > 0)
    base = SoftmaxRegression()
    learned = filtered(base, X, y.tolist(), rate=0.05, n_warm=20)
    model = LossFilter(base=SoftmaxRegression(), rate=0.05, n_warm=20).fit_many(X, y)
    np.testing.assert_allclose(model.predict_proba_many(X), base.predict_proba_many(X), atol=1e-12)
    assert model.diagnostics()["learned_shares"]["learned"] == pytest.approx(np.mean(learned))
    assert 0.05 < np.mean(learned) < 0.6


def test_two_fifths_of_the_steps_teach_digits_as_well():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, unseen = np.tile(order[:1397], 4), order[1397:]
    right = []
    for kind in (lambda base: base, lambda base: LossFilter(base=base)):
        model = kind(MLPClassifier(hidden=(64,), seed=1)).fit_many(X[train], y[train])
        right.append((model.predict_many(X[unseen]) == y[unseen]).mean())
    assert right[1] > right[0] - 0.005
    assert model.diagnostics()["learned_shares"]["learned"] < 0.4


@pytest.mark.parametrize(
    ("params", "named"),
    [({"base": 3}, "base"), ({"rate": 0.0}, "rate"), ({"n_warm": -1}, "n_warm")],
)
def test_wrong_parameters_are_named(params, named):
    with pytest.raises(ValueError, match=named):
        LossFilter(**{"base": SoftmaxRegression(), **params}).fit_one([1.0], 1)
