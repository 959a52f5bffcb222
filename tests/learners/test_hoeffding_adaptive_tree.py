"""The adaptive tree: it is the plain one until something changes, then it changes its mind."""

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.kernels.random import seeded
from onlineml.kernels.tree import (
    ALTERNATE,
    CHILD,
    DEAD,
    FEATURE,
    N_CHILDREN,
    N_FREE,
    N_NODES,
    N_SLOTS,
    PARENT,
    SLOT,
)
from onlineml.learners import HoeffdingAdaptiveTreeClassifier, HoeffdingTreeClassifier
from onlineml.learners.tree_growth import close_gaps
from tests.learners.test_hoeffding_tree_classifier import (
    NOMINAL,
    assert_equals_twin,
    mixed_stream,
    random_chunks,
    states_equal,
)
from tests.naive.hoeffding_adaptive_tree import AdaptiveClassifier as Naive

HASTY = {"grace_period": 20, "delta": 0.1, "drift_delta": 0.2, "judged_after": 60}


def turning(n=12_000, seed=3, every=4000):
    """A rule of two features that is turned round now and then, where one feature is small."""
    rng = np.random.default_rng(seed)
    X = rng.random(size=(n, 4))
    turned = (np.arange(n) // every) % 2 == 1
    y = (X[:, 0] > 0.6) ^ (turned & (X[:, 1] < 0.5)) ^ (rng.random(n) < 0.05)
    X[rng.random(X.shape) < 0.02] = np.nan
    return X, y


def check_structure(model: HoeffdingAdaptiveTreeClassifier) -> None:
    """Nodes are reached once or dead, pool rows belong to one leaf or are free."""
    header, table = model.header_, model.table_[: model.header_[N_NODES]]
    reached = [0]
    for node in reached:  # grows as it is walked
        row = table[node]
        if row[FEATURE] >= 0:
            children = range(row[CHILD], row[CHILD] + row[N_CHILDREN])
            assert all(table[child, PARENT] == node for child in children)
            assert row[SLOT] < 0
            reached.extend(children)
        if row[ALTERNATE] >= 0:
            assert table[row[ALTERNATE], PARENT] == -1
            reached.append(int(row[ALTERNATE]))
    dead = np.flatnonzero(table[:, PARENT] == DEAD).tolist()
    assert sorted([*reached, *dead]) == list(range(len(table)))
    used = [int(slot) for slot in table[:, SLOT] if slot >= 0]
    free = vars(model)["free_"][: header[N_FREE]].tolist()
    assert sorted([*used, *free]) == list(range(header[N_SLOTS]))


@pytest.mark.parametrize(
    ("bootstrap", "leaves"), [(False, "nba"), (True, "majority"), (True, "nb")]
)
def test_equals_its_naive_twin(bootstrap: bool, leaves: str) -> None:
    X, y, weight = mixed_stream(2500)
    y = np.where((np.arange(2500) // 500) % 2 == 1, 2 - y, y)
    options = {**HASTY, "leaves": leaves, "judged_after": 30}
    twin = Naive(nominal=NOMINAL, random=seeded(1, 1) if bootstrap else None, **options)
    model = HoeffdingAdaptiveTreeClassifier(**options, bootstrap=bootstrap, seed=1)
    model.start(Schema(4, nominal=NOMINAL))
    assert_equals_twin(model, twin, X, y, weight, atol=1e-6)
    assert twin.n_replaced > 1
    assert twin.n_given_up > 0


@pytest.mark.parametrize("max_bytes", [None, 60_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes: int | None) -> None:
    X, y, weight = mixed_stream(6000, n_classes=9)
    y = np.where((np.arange(6000) // 700) % 2 == 1, 8 - y, y)
    make = HoeffdingAdaptiveTreeClassifier(**HASTY, seed=1, max_bytes=max_bytes).clone
    schema = Schema(4, nominal=NOMINAL)
    whole, parts = make().start(schema), make().start(schema)
    due = whole.predict_fit_many(X, y, weight=weight).tolist()
    came = random_chunks(parts, X, y, weight, np.random.default_rng(2))
    assert all(a is ... or a == b for a, b in zip(came, due, strict=True))
    states_equal(whole, parts)


def test_without_alarms_it_is_the_hoeffding_tree() -> None:
    X, y = turning()
    plain = HoeffdingTreeClassifier(grace_period=50, delta=0.01)
    calm = HoeffdingAdaptiveTreeClassifier(
        grace_period=50, delta=0.01, drift_delta=1e-300, bootstrap=False
    )
    np.testing.assert_array_equal(
        plain.predict_proba_fit_many(X, y), calm.predict_proba_fit_many(X, y)
    )
    assert plain.to_text() == calm.to_text()
    assert plain.n_nodes == calm.n_nodes > 5
    assert calm.n_alternates == 0


@pytest.mark.parametrize("bootstrap", [False, True])
def test_recovers_where_the_plain_tree_does_not(bootstrap: bool) -> None:
    X, y = turning()
    options = {"grace_period": 100, "delta": 1e-3}
    plain = HoeffdingTreeClassifier(**options).predict_fit_many(X, y) == y
    model = HoeffdingAdaptiveTreeClassifier(**options, bootstrap=bootstrap, seed=1)
    right = model.predict_fit_many(X, y) == y
    assert right[6000:8000].mean() > 0.84
    assert right[8000:].mean() > plain[8000:].mean() + 0.02
    check_structure(model)


@pytest.mark.parametrize("max_bytes", [None, 120_000])
def test_structure_holds_at_any_row_and_within_a_budget(max_bytes: int | None) -> None:
    X, y = turning(20_000, every=1500)
    model = HoeffdingAdaptiveTreeClassifier(**HASTY, seed=1, max_bytes=max_bytes)
    alternates = 0
    for part in np.array_split(np.arange(len(X)), 40):
        model.fit_many(X[part], y[part])
        alternates += model.n_alternates
        check_structure(model)
        assert max_bytes is None or model.nbytes <= max_bytes
    assert alternates > 5


def test_closing_gaps_changes_no_answer() -> None:
    X, y = turning(12_000, every=1500)
    model, n = HoeffdingAdaptiveTreeClassifier(**HASTY, seed=1), 0
    while n < 3000 or not (model.table_[: model.header_[N_NODES], PARENT] == DEAD).any():
        model.fit_many(X[n : n + 50], y[n : n + 50])
        n += 50
    twin = model.clone().set_state(model.get_state())
    close_gaps(twin)
    check_structure(twin)
    assert twin.header_[N_NODES] < model.header_[N_NODES]
    rest = X[n:], y[n:]
    np.testing.assert_array_equal(
        model.predict_proba_fit_many(*rest), twin.predict_proba_fit_many(*rest)
    )


@pytest.mark.parametrize(
    "bad", [{"drift_delta": 0.0}, {"judged_after": 0}, {"grace_period": 0}, {"leaves": "x"}]
)
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        HoeffdingAdaptiveTreeClassifier(**bad).fit_one([1.0], "a")
