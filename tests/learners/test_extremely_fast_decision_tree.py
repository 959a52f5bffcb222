"""The extremely fast decision tree: its twin, its bounds, how it thinks again."""

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.kernels.tree import DEAD, FEATURE, N_FREE, N_NODES, N_SLOTS, PARENT, SLOT
from onlineml.learners import ExtremelyFastDecisionTreeClassifier, HoeffdingTreeClassifier
from tests.learners.test_hoeffding_tree_classifier import (
    NOMINAL,
    assert_equals_twin,
    mixed_stream,
    random_chunks,
    states_equal,
)
from tests.naive.extremely_fast_decision_tree import ExtremelyFast as Naive

HASTY = {"grace_period": 40, "reevaluation_period": 60, "delta": 0.1}


def changing(n, seed=5, every=400):
    """Mixed features, of which others matter now and then."""
    X, y, weight = mixed_stream(n, seed)
    other = (np.arange(n) // every) % 2 == 1
    y = np.where(other, (X[:, 3] == 1) + (X[:, 2] > 0.5), y)
    return X, y, weight


@pytest.mark.parametrize(
    ("params", "seed"),
    [
        ({"tie_threshold": 0.0}, 5),
        ({"leaves": "nb", "criterion": "gini", "binary_splits": True, "tie_threshold": 0.2}, 8),
        ({"leaves": "majority", "max_depth": 2, "min_branch_fraction": 0.2}, 5),
        ({"leaves": "nb", "min_branch_fraction": 0.4}, 7),  # the root becomes a leaf again
    ],
)
def test_equals_its_naive_twin(params, seed) -> None:
    X, y, weight = changing(1200, seed)
    twin = Naive(nominal=NOMINAL, **HASTY, **params)
    model = ExtremelyFastDecisionTreeClassifier(**HASTY, **params)
    model.start(Schema(4, nominal=NOMINAL))
    assert_equals_twin(model, twin, X, y, weight)
    assert model.n_leaves > 2
    assert model.n_revised == twin.n_revised > 0


@pytest.mark.parametrize("max_bytes", [None, 22_000, 9_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes) -> None:
    X, y, weight = changing(6000)
    y[4000:] += 3 * (X[4000:, 2] > 0.6)
    make = ExtremelyFastDecisionTreeClassifier(**HASTY, max_bytes=max_bytes).clone
    schema = Schema(4, nominal=NOMINAL)
    whole, parts = make().start(schema), make().start(schema)
    due = whole.predict_fit_many(X, y, weight=weight).tolist()
    came = random_chunks(parts, X, y, weight, np.random.default_rng(2))
    assert all(a is ... or a == b for a, b in zip(came, due, strict=True))
    states_equal(whole, parts)


@pytest.mark.parametrize("max_bytes", [None, 30_000])
def test_structure_holds_and_memory_is_bounded(max_bytes) -> None:
    X, y, _ = changing(20_000, every=900)
    model = ExtremelyFastDecisionTreeClassifier(**HASTY, max_bytes=max_bytes)
    model.start(Schema(4, nominal=NOMINAL))
    for lo in range(0, len(X), 250):
        model.fit_many(X[lo : lo + 250], y[lo : lo + 250])
        assert max_bytes is None or model.nbytes <= max_bytes
        header, table = model.header_, model.table_[: model.header_[N_NODES]]
        dead = np.flatnonzero(table[:, PARENT] == DEAD).tolist()
        assert sorted([*model._nodes().tolist(), *dead]) == list(range(len(table)))
        used = [int(slot) for slot in table[:, SLOT] if slot >= 0]
        free = vars(model)["free_"][: header[N_FREE]].tolist()
        assert sorted([*used, *free]) == list(range(header[N_SLOTS]))
        if max_bytes is None:  # inner nodes observe too
            assert len(used) == model.n_nodes
    assert model.n_revised > 3


def test_divides_sooner_than_the_hoeffding_tree_and_thinks_again() -> None:
    """Two features tell nearly the same; from row 4000 on only one of them tells anything."""
    rng = np.random.default_rng(2)
    X = rng.random((12_000, 2))
    X[:4000, 1] = X[:4000, 0] + rng.normal(size=4000) / 50
    y = X[:, 1] > 0.5
    y[:4000] = X[:4000, 0] + rng.normal(size=4000) / 50 > 0.5
    settings = {"leaves": "majority", "tie_threshold": 0.0}
    plain, model = (
        kind(**settings) for kind in (HoeffdingTreeClassifier, ExtremelyFastDecisionTreeClassifier)
    )
    sooner = [m.predict_fit_many(X[:4000], y[:4000]) == y[:4000] for m in (plain, model)]
    assert sooner[1].mean() > sooner[0].mean() + 0.1
    model.fit_many(X[4000:], y[4000:])
    assert model.n_revised > 0
    assert model.table_[0, FEATURE] == 1
    assert (model.predict_many(X[8000:]) == y[8000:]).mean() > 0.97


@pytest.mark.parametrize(
    ("name", "value"), [("reevaluation_period", 0), ("delta", 1.0), ("leaves", "x")]
)
def test_wrong_parameters_are_named(name, value) -> None:
    with pytest.raises(ValueError, match=name):
        ExtremelyFastDecisionTreeClassifier(**{name: value}).fit_one([1.0], 0)
