"""A filter by loss, against a loop in plain Python, and what it saves."""

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from onlineml.learners import GaussianNB, LossFilter, MLPClassifier, SoftmaxRegression
from onlineml.schema import Schema
from tests.naive.loss_filter import NaiveFilter

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3000, 3))
Y = np.where(np.arange(3000) > 500, 2, 0) * (X[:, 1] > 1) + (X[:, 0] > 0)


def assert_same_as_loop(twin: NaiveFilter, model: LossFilter, n: int) -> Counter:
    for x, label in zip(X[:n], Y[:n].tolist()):
        twin.learn(x, label)
    model.fit_many(X[:n], Y[:n])
    np.testing.assert_allclose(
        model.predict_proba_many(X), twin.base.predict_proba_many(X), atol=1e-9
    )
    fates, told = Counter(twin.fates), model.diagnostics()
    assert told["row_shares"] == pytest.approx(
        {fate: fates[fate] / n for fate in ("learned", "run only", "not run")}, abs=1e-9
    )
    assert told["mean_loss"] == pytest.approx(twin.mean)
    return fates


def test_equals_the_loop():
    twin = NaiveFilter(SoftmaxRegression(), rate=0.05, n_warm=20)
    model = LossFilter(base=SoftmaxRegression(), rate=0.05, n_warm=20)
    fates = assert_same_as_loop(twin, model, 800)
    assert 40 < fates["learned"] < 480


@pytest.mark.parametrize("kind", [GaussianNB, SoftmaxRegression])
def test_equals_the_loop_with_a_foreteller(kind):
    terms = {"rate": 0.02, "n_warm": 20, "missed": 0.2, "audit": 0.2, "seed": 5}
    twin = NaiveFilter(SoftmaxRegression(), kind(), schema=Schema(3), **terms)
    model = LossFilter(base=SoftmaxRegression(), foreteller=kind(), **terms)
    fates = assert_same_as_loop(twin, model, 3000)
    told = model.diagnostics()
    assert told["missed_share"] == pytest.approx(twin.share_missed)
    assert len(twin.chances) > 500  # the window has come round
    assert fates["not run"] > 600


def test_a_bar_keeps_what_is_missed_where_it_is_said():
    """Half of the rows are coin flips, and it can be told which; or all are."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(6000, 3))
    flips = random.random(6000) < 0.5
    told = {}
    for name, labels in {"half": np.where(rows[:, 1] > 0, flips, 2), "all": flips}.items():
        model = LossFilter(base=SoftmaxRegression(), foreteller=GaussianNB(), missed=0.1, seed=1)
        told[name] = model.fit_many(rows, labels).diagnostics()
    assert 0.04 < told["half"]["missed_share"] < 0.16
    assert told["half"]["row_shares"]["not run"] > 0.35
    assert told["all"]["row_shares"]["not run"] < 0.12  # nothing can be foretold


def test_two_fifths_of_the_steps_teach_digits_as_well():
    digits, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    train, unseen = np.tile(order[:1397], 4), order[1397:]
    two = {"foreteller": SoftmaxRegression(), "missed": 0.2, "seed": 1}
    right, models = [], []
    for params in (None, {}, two):
        base = MLPClassifier(hidden=(64,), seed=1)
        model = base if params is None else LossFilter(base=base, **params)
        models.append(model.fit_many(digits[train], labels[train]))
        right.append((model.predict_many(digits[unseen]) == labels[unseen]).mean())
    assert min(right[1:]) > right[0] - 0.005
    one, two = (model.diagnostics()["row_shares"] for model in models[1:])
    assert one["learned"] < 0.4
    assert one["not run"] == 0.0
    assert two["not run"] > 0.2
    assert two["learned"] < one["learned"]


@pytest.mark.parametrize(
    ("params", "named"),
    [({"base": 3}, "base"), ({"rate": 0.0}, "rate"), ({"n_warm": -1}, "n_warm"),
     ({"foreteller": 3}, "foreteller"), ({"missed": 1.0}, "missed"), ({"audit": 0.0}, "audit")],
)  # fmt: skip
def test_wrong_parameters_are_named(params, named):
    with pytest.raises(ValueError, match=named):
        LossFilter(**{"base": SoftmaxRegression(), **params}).fit_one([1.0], 1)
