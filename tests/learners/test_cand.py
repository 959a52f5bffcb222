"""Pools of networks: against naive twins, against their members, and what they refuse."""

from typing import Any

import numpy as np
import pytest

from onlineml.datasets import load
from onlineml.learners import CANDClassifier, CANDRegressor, MLPClassifier, MLPRegressor
from tests.naive import cand as naive
from tests.naive import mlp
from tests.naive.streams import SCHEMA, mixed

LAYOUTS: list[dict[str, Any]] = [
    {"hidden": (4,), "optimizer": "sgd", "learning_rate": 0.05},
    {"hidden": (3, 3), "optimizer": "adam", "learning_rate": 0.02},
    {"hidden": (5,), "optimizer": "adam", "learning_rate": 0.002, "activation": "tanh"},
    {"hidden": (2,), "optimizer": "momentum", "learning_rate": 0.01, "l2": 0.01},
    {"hidden": (2, 4), "optimizer": "sgd", "learning_rate": 0.01},
]
SETTINGS: list[dict[str, Any]] = [
    {"n_trained": None, "combiner": "hedge", "warm_up": 0},
    {"n_trained": 3, "combiner": "best", "warm_up": 15},
    {"n_trained": 2, "combiner": "hedge", "least_loss": 0.3, "warm_up": 5},
]


def twins(ours: Any, net: Any, theirs: Any, single: Any, settings: Any) -> tuple[Any, Any]:
    """A pool, and a naive one whose networks draw the same first weights."""
    nets = [net(**layout) for layout in LAYOUTS]
    rule = {"discount": 0.8, "smoothing": 0.1, "least_loss": 0.0, "delta": 0.05} | settings
    model = ours(networks=nets, seed=4, **rule).start(SCHEMA)
    singles = [
        single(
            {2},
            mlp.Network(m.hidden, m.activation, m.optimizer, m.learning_rate, m.l2, m.seed),
        )
        for m in model.members_
    ]
    hedged = rule.pop("combiner") == "hedge"
    n_trained = rule.pop("n_trained") or len(nets)
    return model, theirs(singles, n_trained, hedged, **rule)


@pytest.mark.parametrize("settings", SETTINGS)
def test_classifier_equals_the_naive_twin(settings: Any) -> None:
    X, y, _, weight = mixed(1, 48)
    labels = np.unique(y, return_index=True)[1].argsort().argsort()[y]  # by first appearance
    model, twin = twins(
        CANDClassifier, MLPClassifier, naive.CANDClassifier, mlp.MLPClassifier, settings
    )
    for x, label, w in zip(X, labels.tolist(), weight.tolist()):
        if twin.nets[0].n_classes:
            due = twin.predict_proba_one(x)
            np.testing.assert_allclose(model.predict_proba_one(x), due, rtol=1e-4, atol=1e-6)
        model.fit_one(x, label, weight=w)
        twin.fit_one(x, label, w)
        assert model.n_learned_.tolist() == twin.n_learned
    np.testing.assert_allclose(model.trust_, twin.trust, rtol=1e-4)
    assert len(set(twin.n_learned)) > 1 or settings["n_trained"] is None


@pytest.mark.parametrize("settings", SETTINGS[1:])
def test_regressor_equals_the_naive_twin(settings: Any) -> None:
    X, _, y, weight = mixed(2, 48)
    settings = settings | {"least_loss": settings.get("least_loss", 0.0) / 10}
    model, twin = twins(
        CANDRegressor, MLPRegressor, naive.CANDRegressor, mlp.MLPRegressor, settings
    )
    for x, target, w in zip(X, y.tolist(), weight.tolist()):
        np.testing.assert_allclose(model.predict_one(x), twin.predict_one(x), rtol=1e-4, atol=1e-5)
        model.fit_one(x, target, weight=w)
        twin.fit_one(x, target, w)
        assert model.n_learned_.tolist() == twin.n_learned
    np.testing.assert_allclose(model.trust_, twin.trust, rtol=1e-4)


def singly(model: Any, X: Any, y: Any) -> list[float]:
    """Shares of rows that the networks of a pool tell right, each on its own."""
    found = []
    for net in model._given():
        answers = net.clone().set_params(seed=1).predict_fit_many(X, y)
        found.append(float((answers == y).mean()))
    return found


@pytest.mark.parametrize("name", ["led_a", "agr_a", "rbf_f"])
def test_is_as_good_as_the_best_of_its_networks_whatever_the_drift(name: str) -> None:
    n = 20_000
    (chunk,) = load(name, seed=3, n_rows=n).take(n).chunks(n)
    X, y = chunk.X, np.asarray(chunk.y)
    alone = singly(CANDClassifier(), X, y)
    right = {
        combiner: (CANDClassifier(combiner=combiner, seed=1).predict_fit_many(X, y) == y).mean()
        for combiner in ("hedge", "best")
    }
    assert right["hedge"] > max(alone)
    assert right["hedge"] > np.mean(alone) + 0.02
    assert right["best"] > max(alone) - 0.015
    few = CANDClassifier(n_trained=8, seed=1)
    assert (few.predict_fit_many(X, y) == y).mean() > max(alone) - 0.005
    assert few.n_learned_.sum() == 100 * 12 + (n - 100) * 8


def test_regressor_is_as_good_as_the_best_of_its_networks() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(10_000, 6))
    walk = np.cumsum(0.02 * rng.normal(size=X.shape), axis=0)
    y = (X * walk).sum(axis=1) + 2.0 * np.abs(X[:, 0]) + 0.3 * rng.normal(size=len(X))

    def error(model: Any) -> float:
        return float(np.square(model.predict_fit_many(X, y) - y).mean())

    alone = [error(net.clone().set_params(seed=1)) for net in CANDRegressor()._given()]
    assert error(CANDRegressor(seed=1)) < min(alone)


def test_trust_moves_to_a_network_that_learns() -> None:
    X = np.random.default_rng(1).normal(size=(2000, 2))
    y = X[:, 0] * X[:, 1] > 0
    nets = [MLPClassifier(learning_rate=rate) for rate in (1e-9, 0.005)]
    model = CANDClassifier(networks=nets, smoothing=0.1, seed=1).fit_many(X, y)
    shares = model.diagnostics()["network_shares"]
    assert list(shares) == ["32 adam 1e-09", "32 adam 0.005"]
    assert model.trust_[0] == pytest.approx(0.05, rel=0.1)
    assert (model.members_[1].predict_many(X) == y).mean() > 0.9, "members answer on their own"


@pytest.mark.parametrize(
    "params",
    [
        {"networks": ()},
        {"networks": (MLPRegressor(),)},
        {"networks": (MLPClassifier(layer_norm=True),)},
        {"networks": (MLPClassifier(optimizer="obgd"),)},
        {"n_trained": 0},
        {"n_trained": 13},
        {"combiner": "vote"},
        {"discount": 1.0},
        {"smoothing": -0.1},
        {"least_loss": -1.0},
        {"warm_up": -1},
        {"delta": 0.0},
    ],
)
def test_useless_parameters_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(params))}: got"):
        CANDClassifier(**params).fit_one([1.0], 1)


def test_a_state_of_another_pool_is_refused() -> None:
    X, y, _, _ = mixed(1)
    state = CANDClassifier(networks=[MLPClassifier(hidden=(4,))] * 2).fit_many(X, y).get_state()
    state["members_"].pop()
    with pytest.raises(ValueError, match="members_"):
        CANDClassifier(networks=[MLPClassifier(hidden=(4,))]).set_state(state)
