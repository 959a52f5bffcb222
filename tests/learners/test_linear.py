"""Linear, logistic and softmax regression against plain twins and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier, SGDRegressor

from onlineml.learners import LinearRegression, LogisticRegression, SoftmaxRegression
from tests.naive.linear import Linear, Softmax
from tests.naive.streams import SCHEMA, mixed

OPTIMIZERS = ["sgd", "adagrad", "adam"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cls", [SoftmaxRegression, LogisticRegression])
@pytest.mark.parametrize(
    ("rate", "all_decay"), [(0.05, True), (0.6, False)]
)  # with the second, steps meet their bound
def test_classifiers_equal_the_naive_twin(
    cls: Any, optimizer: str, rate: float, all_decay: bool
) -> None:
    X, y, _, weight = mixed(1)
    model = cls(optimizer=optimizer, learning_rate=rate, l2=0.01, decay_intercept=all_decay)
    model.start(SCHEMA)
    twin = Softmax({2}, optimizer, rate, 0.01, cls is LogisticRegression, all_decay)
    for x, label, w in zip(X, y.tolist(), weight.tolist(), strict=True):
        if twin.w:
            due = twin.predict_proba_one(x)
            np.testing.assert_allclose(model.predict_proba_one(x), due, rtol=1e-6, atol=1e-9)
        model.fit_one(x, label, weight=w)
        twin.fit_one(x, label, w)
    assert len(model.classes_) == 3


def test_short_steps_among_known_classes_are_those_of_river() -> None:
    river = pytest.importorskip("river.linear_model")
    X, y = np.random.default_rng(3).normal(size=(300, 4)), np.arange(300) % 3
    X[:3] = 0.0  # shows all classes, moves no weight
    model, peer = SoftmaxRegression(intercept=False), river.SoftmaxRegression()
    for x, label in zip(X, y.tolist(), strict=True):
        model.fit_one(x, label)
        peer.learn_one(dict(enumerate(x)), label)
    due = [[peer.weights[label][j] for j in range(4)] for label in model.classes_]
    np.testing.assert_allclose(model.weights_[:3, :, 0], due, rtol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
@pytest.mark.parametrize(("rate", "all_decay"), [(0.02, False), (0.4, True)])
def test_linear_regression_equals_the_naive_twin(
    loss: Any, optimizer: Any, rate: float, all_decay: bool
) -> None:
    X, _, y, weight = mixed(2)
    model = LinearRegression(
        optimizer=optimizer, learning_rate=rate, loss=loss, l2=0.01, decay_intercept=all_decay
    )
    model.start(SCHEMA)
    twin = Linear({2}, optimizer, rate, 0.01, loss, all_decay)
    for x, target, w in zip(X, y.tolist(), weight.tolist(), strict=True):
        np.testing.assert_allclose(model.predict_one(x), twin.predict_one(x), rtol=1e-6, atol=1e-9)
        model.fit_one(x, target, weight=w)
        twin.fit_one(x, target, w)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cls", [SoftmaxRegression, LogisticRegression, LinearRegression])
def test_random_chunks_give_the_bits_of_the_row_loop(cls: Any, optimizer: str) -> None:
    X, labels, targets, weight = mixed(3)
    y = targets if cls is LinearRegression else labels
    whole, parts = (cls(optimizer=optimizer).start(SCHEMA) for _ in "12")
    whole.fit_many(X, y, weight=weight)
    for part in np.split(np.arange(len(X)), [1, 2, 50, 131]):
        parts.fit_many(X[part], y[part], weight=weight[part])
    np.testing.assert_array_equal(whole.weights_, parts.weights_)
    np.testing.assert_array_equal(whole.moments_, parts.moments_)


def test_plain_descent_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 4))
    y = (X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=500) > 0.3).astype(int)
    y[:2] = 0, 1  # their reference class; a row before the second class teaches us nothing
    plain = {"learning_rate": "constant", "eta0": 0.05, "penalty": None}
    theirs = SGDClassifier(loss="log_loss", **plain)
    linear = SGDRegressor(**plain)
    for x, label in zip(X[1:], y[1:], strict=True):
        theirs.partial_fit([x], [label], classes=[0, 1])
        linear.partial_fit([x], [x[0] * 3 - 1])
    ours = LogisticRegression(learning_rate=0.05).fit_many(X, y)
    np.testing.assert_allclose(ours.predict_proba_many(X), theirs.predict_proba(X), rtol=1e-7)
    ours_linear = LinearRegression(learning_rate=0.05).fit_many(X[1:], X[1:, 0] * 3 - 1)
    np.testing.assert_allclose(ours_linear.predict_many(X), linear.predict(X), rtol=1e-7)


def test_a_nominal_feature_has_a_weight_for_each_value() -> None:
    rng = np.random.default_rng(5)
    X = rng.integers(0, 5, (2000, 5)).astype(float)
    y = np.isin(X[:, 2], [1, 3])  # no linear function of the code
    model = LogisticRegression(learning_rate=0.1).start(SCHEMA).fit_many(X[:1500], y[:1500])
    assert (model.predict_many(X[1500:]) == y[1500:]).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("wild", [1e6, 1e40, 1e200])
def test_a_wild_row_does_no_lasting_harm(optimizer: Any, wild: float) -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(3000, 3))
    label, target = X[:, 0] > X[:, 1], X[:, 0] - X[:, 1]
    X[2000] = wild
    classifier = SoftmaxRegression(optimizer=optimizer, learning_rate=0.05).fit_many(X, label)
    assert (classifier.predict_many(X[2500:]) == label[2500:]).mean() > 0.9
    regressor = LinearRegression(optimizer=optimizer, learning_rate=0.05).fit_many(X, target)
    assert np.abs(regressor.predict_many(X[2500:]) - target[2500:]).mean() < 0.5
    for model in (classifier, regressor):
        assert np.isfinite(model.weights_).all()
        assert np.isfinite(model.moments_).all()


def test_features_of_a_large_scale_do_not_diverge() -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(3000, 2)) * 1000
    model = LinearRegression(learning_rate=0.1, intercept=False)
    errors = model.predict_fit_many(X, X[:, 0]) - X[:, 0]
    assert np.abs(errors[-500:]).max() < 1e-6


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (LinearRegression, {"optimizer": "newton"}),
        (LinearRegression, {"loss": "hinge"}),
        (LinearRegression, {"delta": 0.0}),
        (SoftmaxRegression, {"learning_rate": 0.0}),
        (LogisticRegression, {"l2": -1.0}),
    ],
)
def test_useless_parameters_are_named(cls: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        cls(**params).fit_one([1.0], 1.0)
