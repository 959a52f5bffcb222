"""SLDA without rows that it had learned: means, covariance and inverse are those of the rest."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import SLDA
from onlineml.schema import Schema

SCHEMA = Schema(4, nominal={3: tuple("vwxyz")})


def stream(n: int, seed: int) -> list[tuple[Any, str, float]]:
    """Rows with a nominal, features that lean on one another, labels and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) @ np.triu(np.full((4, 4), 0.7)) * [1.0, 0.1, 10.0, 1.0]
    X[:, 2] += 1e3
    X[:, 3] = np.minimum(rng.geometric(0.5, n) - 1, 4)
    return list(zip(X, rng.choice(list("abc"), n).tolist(), rng.integers(1, 4, n).astype(float)))


def learned(events: list[tuple[Any, str, float]], **params: Any) -> SLDA:
    model = SLDA(**params).start(SCHEMA)
    for x, label, weight in events:
        model.fit_one(x, label, weight=weight)
    return model


def assert_alike(model: SLDA, gold: SLDA) -> None:
    mine, due = model.get_state(), gold.get_state()
    order = [model.classes_.index(label) for label in gold.classes_]
    for name in ("class_weight_", "n_", "mean_"):
        mine[name], due[name] = mine[name][order], due[name][: len(order)]
    for name in ("n_values_", "in_use_", "shown_", "class_weight_", "n_"):
        assert mine[name].tobytes() == due[name].tobytes(), name
    assert mine["totals_"][:2].tolist() == due["totals_"][:2].tolist()
    scale = np.abs(np.diagonal(due["scatter_"].reshape(32, 32))).max()
    np.testing.assert_allclose(mine["mean_"], due["mean_"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine["scatter_"], due["scatter_"], rtol=1e-9, atol=1e-9 * scale)
    X = np.array([x for x, _, _ in stream(50, 99)])
    X[::5, 0] = np.nan
    answers = model.predict_proba_many(X)[:, order]
    np.testing.assert_allclose(answers, gold.predict_proba_many(X), rtol=1e-9, atol=1e-9)


def churn(n: int, seed: int, **params: Any) -> None:
    rng, kept, model = np.random.default_rng(seed), [], learned([], **params)
    for event in stream(n, seed):
        model.fit_one(event[0], event[1], weight=event[2])
        kept.append(event)
        while len(kept) > 60 and rng.random() < 0.5:
            x, label, weight = kept.pop(int(rng.integers(len(kept))))
            assert model.unlearn_one(x, label, weight=weight).kind == "exact"
    assert_alike(model, learned(kept, **params))


@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving_leaves_the_survivors_alone(seed: int) -> None:
    churn(400, seed)
    churn(400, seed, shrinkage=0.01, prior="observed")


@pytest.mark.slow
def test_a_hundred_thousand_rows_come_and_go() -> None:
    churn(200_000, 0)


def test_a_value_that_no_row_shows_any_more_is_not_known() -> None:
    events = stream(40, 7)
    rare = (np.array([0.0, 0.0, 1e3, 4.0]), "a", 2.0)
    common = [event for event in events if event[0][3] < 3.0]
    model = learned([*common[:10], rare, *common[10:]])
    assert model.n_values_[3] == 5
    assert model.unlearn_one(rare[0], "a", weight=2.0).kind == "exact"
    assert_alike(model, learned(common))


def test_when_all_rows_are_gone_nothing_is_left() -> None:
    events = stream(30, 3)
    model = learned(events)
    for x, label, weight in reversed(events):
        assert model.unlearn_one(x, label, weight=weight).forgotten
    for name in ("n_", "mean_", "scatter_", "totals_", "precision_", "weights_", "in_use_"):
        left = getattr(model, name) if name != "totals_" else model.totals_[:2]
        assert not np.any(left), name
    assert model.unlearn_one(events[0][0], events[0][1]).kind == "refused"


def test_few_rows_are_left_of_many() -> None:
    """Directions vanish with their rows: the inverse is made anew, and receipts stay honest."""
    events = stream(300, 4)
    model = learned(events, shrinkage=1e-3)
    for x, label, weight in events[5:]:
        receipt = model.unlearn_one(x, label, weight=weight)
        assert receipt.forgotten
        assert receipt.bound < 1e-9
    assert_alike(model, learned(events[:5], shrinkage=1e-3))


def test_once_a_value_was_missed_it_is_approximate() -> None:
    events = stream(30, 5)
    events[10][0][0] = np.nan
    receipt = learned(events).unlearn_one(events[3][0], events[3][1], weight=events[3][2])
    assert receipt.kind == "approximate"
    assert "miss" in receipt.reason


def test_what_was_not_learned_is_refused() -> None:
    events = stream(30, 6)
    model, gold = learned(events), learned(events)
    x, label, _ = events[0]
    assert model.unlearn_one(x, label, weight=1000.0).kind == "refused"
    assert model.unlearn_one(x, "never").kind == "refused"
    assert model.unlearn_one(x * [1e6, 1.0, 1.0, 1.0], label).kind == "refused"
    assert model.scatter_.tobytes() == gold.scatter_.tobytes()
