"""Gaussian naive Bayes against its plain twin, scikit-learn, and by its learning."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB as Offline

from onlineml.learners import GaussianNB
from onlineml.schema import Schema
from tests.naive.gaussian_nb import GaussianNB as Twin


def _stream(seed: int, n: int = 250) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    y[:100] %= 2  # the third class comes late
    X = rng.normal(size=(n, 5)) + y[:, None] * 0.7
    X[:, 2] = rng.integers(0, 3, n)
    X[150:, 2] = rng.integers(0, 5, n - 150)  # new values of the nominal feature
    X[:, 4] = np.where(y == 1, 7.0, rng.normal(size=n))  # constant within one class
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_naive_twin(seed: int) -> None:
    X, y = _stream(seed)
    weight = np.random.default_rng(seed).choice([0.5, 1.0, 2.0], len(X))
    model = GaussianNB().start(Schema(5, nominal={2: tuple("abcde")}))
    twin = Twin(nominal={2})
    for i, x in enumerate(X):
        if i:
            np.testing.assert_allclose(
                model.predict_proba_one(x), twin.predict_proba_one(x), atol=1e-9
            )
        model.fit_one(x, int(y[i]), weight=float(weight[i]))
        twin.fit_one(x, int(y[i]), float(weight[i]))
    assert len(model.classes_) == 3


def test_agrees_with_scikit_learn_on_clean_numbers() -> None:
    rng = np.random.default_rng(1)
    y = np.arange(3000) % 3
    X = rng.normal(size=(3000, 4)) * (1 + y[:, None]) + y[:, None]
    ours = GaussianNB().fit_many(X, y).predict_proba_many(X)
    theirs = Offline(var_smoothing=0).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(ours, theirs, atol=5e-3)  # they use the population variance


def test_a_constant_column_does_not_rule_its_class_out() -> None:
    """The fault that makes river's collapse on Covertype: density 0 at the class's own mean."""
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 500)
    X = np.column_stack([rng.normal(size=500) + 3 * y, np.where(y == 0, 5.0, rng.normal(size=500))])
    accuracy = (GaussianNB().fit_many(X[:250], y[:250]).predict_many(X[250:]) == y[250:]).mean()
    assert accuracy > 0.98


def test_many_features_do_not_underflow() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    X = rng.normal(size=(400, 800)) * 100 + y[:, None] * 20
    model = GaussianNB().fit_many(X[:300], y[:300])
    assert (model.predict_many(X[300:]) == y[300:]).mean() > 0.9
    assert np.isfinite(model.predict_proba_many(X)).all()


def test_codes_beyond_the_declared_values_are_missing() -> None:
    model = GaussianNB().start(Schema(2, nominal={0: ("a", "b")}))
    model.fit_many([[0, 1.0], [1, 2.0], [0, 1.5]], list("pqp"))
    np.testing.assert_array_equal(
        model.predict_proba_many([[9, 1.2], [-1, 1.2]]),
        model.predict_proba_many([[np.nan, 1.2]] * 2),
    )


@pytest.mark.parametrize("value", [1e51, 1e154, 1e308, -1e308])
def test_an_absurd_number_is_missing(value: float) -> None:
    """A sensor's fault: squared and summed, it would make every later answer NaN."""
    X, y = _stream(5)
    absurd, gaps = X.copy(), X.copy()
    absurd[20:250:30, [0, 1, 3]], gaps[20:250:30, [0, 1, 3]] = value, np.nan
    ours, due = GaussianNB(), GaussianNB()
    answers = [model.predict_fit_many(rows, y) for model, rows in ((ours, absurd), (due, gaps))]
    np.testing.assert_array_equal(*answers)
    np.testing.assert_array_equal(ours.predict_proba_many(absurd), due.predict_proba_many(gaps))
    assert ours.unlearn_one(absurd[20], y[20]).forgotten


def test_a_number_far_off_that_could_be_one_is_learned() -> None:
    model = GaussianNB().fit_many([[0.0], [1e49], [1.0], [2.0]], [0, 0, 1, 1])
    assert model.predict_one([1e48]) == 0
    assert np.isfinite(model.predict_proba_one([1e50])).all()
