"""The adaptive tree: it is the plain one until something changes, then it changes its mind."""

import numpy as np
import pytest

from onlineml.kernels.tree import (
    CHILD,
    FEATURE,
    N_CHILDREN,
    N_FREE,
    N_NODES,
    N_SLOTS,
    PARENT,
    SLOT,
)
from onlineml.learners import HoeffdingAdaptiveTreeClassifier, HoeffdingTreeClassifier


def turning(n=12_000, seed=3, every=4000):
    """A rule of two features that is turned round now and then, where one feature is small."""
    rng = np.random.default_rng(seed)
    X = rng.random(size=(n, 4))
    turned = (np.arange(n) // every) % 2 == 1
    y = (X[:, 0] > 0.6) ^ (turned & (X[:, 1] < 0.5)) ^ (rng.random(n) < 0.05)
    X[rng.random(X.shape) < 0.02] = np.nan
    return X, y


def check_structure(model: HoeffdingAdaptiveTreeClassifier) -> None:
    """Nodes are reached once, rubbish is counted, pool rows belong to one leaf or are free."""
    header, table = model.header_, model.table_
    reached = model._reachable(alternates=True)
    assert len(set(reached)) == len(reached)
    assert len(reached) + model.rubbish_[0] == header[N_NODES]
    slots = [int(table[node, SLOT]) for node in reached if table[node, FEATURE] < 0]
    used = [slot for slot in slots if slot >= 0]
    free = vars(model)["free_"][: header[N_FREE]].tolist()
    assert sorted([*used, *free]) == list(range(header[N_SLOTS]))
    assert all(table[node, SLOT] < 0 for node in reached if table[node, FEATURE] >= 0)
    for node in reached:
        if table[node, FEATURE] >= 0:
            children = range(table[node, CHILD], table[node, CHILD] + table[node, N_CHILDREN])
            assert all(table[child, PARENT] == node for child in children)


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


def test_structure_holds_at_any_row_and_within_a_budget() -> None:
    X, y = turning(20_000, every=1500)
    for max_bytes in (None, 120_000):
        model = HoeffdingAdaptiveTreeClassifier(
            grace_period=20, delta=0.1, drift_delta=0.2, judged_after=60, seed=1,
            max_bytes=max_bytes,
        )  # fmt: skip
        alternates = 0
        for part in np.array_split(np.arange(len(X)), 40):
            model.fit_many(X[part], y[part])
            alternates += model.n_alternates
            if max_bytes is None:
                check_structure(model)
            else:
                assert model.nbytes <= max_bytes
        assert alternates > 5


def test_tidying_up_changes_no_answer() -> None:
    X, y = turning(12_000, every=1500)
    model = HoeffdingAdaptiveTreeClassifier(
        grace_period=20, delta=0.1, drift_delta=0.2, judged_after=60, seed=1
    )
    model.fit_many(X[:9000], y[:9000])
    twin = model.clone().set_state(model.get_state())
    twin._tidy_up()
    check_structure(twin)
    assert twin.rubbish_[0] == 0
    rest = X[9000:], y[9000:]
    np.testing.assert_array_equal(
        model.predict_proba_fit_many(*rest), twin.predict_proba_fit_many(*rest)
    )


@pytest.mark.parametrize(
    "bad", [{"drift_delta": 0.0}, {"judged_after": 0}, {"grace_period": 0}, {"leaves": "x"}]
)
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        HoeffdingAdaptiveTreeClassifier(**bad).fit_one([1.0], "a")
