"""The adaptive regression tree: its twin, its bounds, how it changes its mind."""

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.datasets.generators import Friedman
from onlineml.kernels.random import seeded
from onlineml.learners import HoeffdingAdaptiveTreeRegressor, HoeffdingTreeRegressor
from tests.learners.test_hoeffding_adaptive_tree import check_structure
from tests.learners.test_hoeffding_tree_classifier import states_equal
from tests.learners.test_hoeffding_tree_regressor import NOMINAL, mixed_stream
from tests.naive.hoeffding_adaptive_tree import AdaptiveRegressor as Naive

HASTY = {"grace_period": 30, "delta": 0.1, "drift_delta": 0.3, "judged_after": 40}


def turning(n, every):
    X, y, weight = mixed_stream(n)
    return X, np.where((np.arange(n) // every) % 2 == 1, -y, y), weight


@pytest.mark.parametrize(("bootstrap", "leaves"), [(False, "adaptive"), (True, "mean")])
def test_equals_its_naive_twin(bootstrap: bool, leaves: str) -> None:
    X, y, weight = turning(1500, 300)
    twin = Naive(
        nominal=NOMINAL, random=seeded(1, 1) if bootstrap else None, leaves=leaves, **HASTY
    )
    model = HoeffdingAdaptiveTreeRegressor(**HASTY, leaves=leaves, bootstrap=bootstrap, seed=1)
    came = model.start(Schema(4, nominal=NOMINAL)).predict_fit_many(X, y, weight=weight)
    rows = zip(X.tolist(), y.tolist(), weight.tolist(), strict=True)
    for i, (x, target, w) in enumerate(rows):
        assert came[i] == pytest.approx(twin.predict(x), rel=1e-6, abs=1e-6), f"row {i}"
        twin.fit(x, target, w)
    assert twin.n_replaced > 1


@pytest.mark.parametrize("max_bytes", [None, 120_000])
def test_chunks_give_the_bits_of_one_pass_within_a_budget(max_bytes) -> None:
    X, y, weight = turning(8000, 700)
    make = HoeffdingAdaptiveTreeRegressor(**HASTY, n_bins=16, seed=1, max_bytes=max_bytes).clone
    schema = Schema(4, nominal=NOMINAL)
    whole, parts, came = make().start(schema), make().start(schema), []
    due = whole.predict_fit_many(X, y, weight=weight)
    rng, lo, alternates = np.random.default_rng(2), 0, 0
    while lo < len(X):
        part = slice(lo, lo + int(rng.integers(1, 90)))
        came += parts.predict_fit_many(X[part], y[part], weight=weight[part]).tolist()
        alternates += parts.n_alternates
        lo = part.stop
        assert max_bytes is None or parts.nbytes <= max_bytes
        check_structure(parts)
    assert came == due.tolist()
    states_equal(whole, parts)
    assert alternates > 5


def test_without_alarms_it_is_the_hoeffding_tree() -> None:
    X, y, weight = turning(4000, 500)
    schema, options = Schema(4, nominal=NOMINAL), {"grace_period": 50, "delta": 0.01}
    plain = HoeffdingTreeRegressor(**options).start(schema)
    calm = HoeffdingAdaptiveTreeRegressor(**options, drift_delta=1e-300, bootstrap=False)
    np.testing.assert_array_equal(
        plain.predict_fit_many(X, y, weight=weight),
        calm.start(schema).predict_fit_many(X, y, weight=weight),
    )
    assert plain.to_text() == calm.to_text()


def test_follows_a_change_better_than_the_plain_tree() -> None:
    stream = Friedman(drift="recurring_abrupt", positions=(8000, 16_000), width=4000, seed=1)
    chunk = next(iter(stream.chunks(24_000)))
    X, y = chunk.X, np.asarray(chunk.y)
    errors = [
        np.abs(model.predict_fit_many(X, y) - y)
        for model in (
            HoeffdingTreeRegressor(leaves="mean"),
            HoeffdingAdaptiveTreeRegressor(leaves="mean", bootstrap=False),
        )
    ]
    assert 1.5 < errors[1][8000:].mean() < 0.97 * errors[0][8000:].mean()


@pytest.mark.parametrize("bad", [{"drift_delta": 0.0}, {"judged_after": 0}, {"n_bins": 1}])
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        HoeffdingAdaptiveTreeRegressor(**bad).fit_one([1.0], 2.0)
