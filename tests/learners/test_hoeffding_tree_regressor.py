"""Hoeffding tree regressor: its twin, its bounds, its lessons."""

import math
from itertools import pairwise

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.learners import HoeffdingTreeRegressor
from tests.naive.hoeffding_tree import Regressor as Naive

NOMINAL = {1: ("a", "b", "c"), 3: ("x", "y")}


def mixed_stream(n, seed=5, missing=0.05):
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.integers(0, 20, n) / 4,
            rng.integers(0, 3, n),
            rng.integers(0, 30, n) - 9.0,
            rng.integers(0, 2, n),
        ]
    )
    y = 2 * X[:, 0] + np.where(X[:, 1] == 1, X[:, 2], 7.0) + rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y, rng.integers(0, 3, n).astype(float)


@pytest.mark.parametrize(
    "params", [{}, {"leaves": "mean", "binary_splits": True}, {"leaves": "linear"}]
)
def test_equals_its_naive_twin(params):
    X, y, weight = mixed_stream(900)
    twin = Naive(nominal=NOMINAL, grace_period=60, delta=1e-2, **params)
    model = HoeffdingTreeRegressor(grace_period=60, delta=1e-2, **params)
    model.start(Schema(4, nominal=NOMINAL))
    came = model.predict_fit_many(X, y, weight=weight)
    rows = zip(X.tolist(), y.tolist(), weight.tolist(), strict=True)
    for i, (x, target, w) in enumerate(rows):
        assert came[i] == pytest.approx(twin.predict(x), rel=1e-7, abs=1e-7), f"row {i}"
        twin.fit(x, target, w)
    assert model.n_leaves > 4


def histogram(x, y, n_bins):
    """Bins as lists [count, mean and sum of squares of the target, center], in plain Python."""
    bins = []

    def add(bin, value):
        gap = value - bin[1]
        bin[0] += 1
        bin[1] += gap / bin[0]
        bin[2] += gap * (value - bin[1])

    for place, value in zip(x.tolist(), y.tolist(), strict=True):
        same = [bin for bin in bins if bin[3] == place]
        if same:
            add(same[0], value)
            continue
        if len(bins) == n_bins:
            gaps = [b[3] - a[3] for a, b in pairwise(bins)]
            nearest = min(bins, key=lambda bin: abs(bin[3] - place))
            if abs(nearest[3] - place) <= min(gaps):
                add(nearest, value)
                nearest[3] += (place - nearest[3]) / nearest[0]
                continue
            k = gaps.index(min(gaps))
            (n, mean, m2, center), (n2, mean2, m22, center2) = bins[k : k + 2]
            gap, whole = mean2 - mean, n + n2
            bins[k : k + 2] = [
                [
                    whole,
                    mean + gap * n2 / whole,
                    m2 + m22 + gap * gap * n * n2 / whole,
                    center + (center2 - center) * n2 / whole,
                ]
            ]
        bins.append([1, value, 0.0, place])
        bins.sort(key=lambda bin: bin[3])
    return np.array(bins).T


@pytest.mark.parametrize("n_bins", [2, 7, 64, 200])
def test_histograms_equal_their_naive_twin(n_bins):
    rng = np.random.default_rng(n_bins)
    x = np.where(rng.random(3000) < 0.1, rng.integers(-2, 3, 3000), rng.normal(size=3000))
    y = x * x + rng.normal(size=3000)
    model = HoeffdingTreeRegressor(n_bins=n_bins, max_depth=0).fit_many(x[:, None], y)
    np.testing.assert_allclose(model.bins_[0, 0], histogram(x, y, n_bins), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("max_bytes", [None, 30_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes):
    X, y, weight = mixed_stream(4000)
    X[:, 2] += np.random.default_rng(1).normal(size=4000)  # fills the histograms
    params = {"grace_period": 40, "delta": 0.1, "n_bins": 16, "max_bytes": max_bytes}
    schema = Schema(4, nominal=NOMINAL)
    whole = HoeffdingTreeRegressor(**params).start(schema)
    due = whole.predict_fit_many(X, y, weight=weight)
    parts, rng, lo, came = (
        HoeffdingTreeRegressor(**params).start(schema),
        np.random.default_rng(2),
        0,
        [],
    )
    while lo < len(X):
        hi = lo + int(rng.integers(1, 90))
        if hi - lo < 15:
            for x, target, w in zip(X[lo:hi], y[lo:hi].tolist(), weight[lo:hi], strict=True):
                came.append(parts.predict_one(x))
                parts.fit_one(x, target, weight=w)
        else:
            came += parts.predict_fit_many(X[lo:hi], y[lo:hi], weight=weight[lo:hi]).tolist()
        lo = hi
    assert came == due.tolist()
    a, b = whole.get_state(), parts.get_state()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("max_bytes", [20_000, 60_000])
def test_never_exceeds_max_bytes(max_bytes):
    X, y, _ = mixed_stream(12_000)
    params = {"grace_period": 30, "delta": 0.2, "n_bins": 32}
    model = HoeffdingTreeRegressor(**params, max_bytes=max_bytes).start(Schema(4, nominal=NOMINAL))
    most = 0
    for lo in range(0, len(X), 50):
        model.fit_many(X[lo : lo + 50], y[lo : lo + 50])
        most = max(most, model.nbytes)
    assert 0.5 * max_bytes < most <= max_bytes
    free = HoeffdingTreeRegressor(**params).start(Schema(4, nominal=NOMINAL)).fit_many(X, y)
    assert free.nbytes > max_bytes


def test_learns_friedman_within_its_band():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(10_000, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4] + rng.normal(size=10_000)
    errors = {
        leaves: np.abs(HoeffdingTreeRegressor(leaves=leaves).predict_fit_many(X, y) - y)[5000:]
        for leaves in ("mean", "linear", "adaptive")
    }
    assert 2.0 < errors["mean"].mean() < 2.7
    assert 1.4 < errors["linear"].mean() < 2.0
    assert errors["adaptive"].mean() < 1.02 * errors["linear"].mean()


def test_missing_values_follow_the_child_that_has_seen_most():
    X = np.random.default_rng(1).uniform(size=(4000, 1))
    model = HoeffdingTreeRegressor(leaves="mean").fit_many(X, 8.0 * (X[:, 0] > 0.8))
    assert model.n_leaves > 1
    assert model.predict_one([math.nan]) < 1
    assert model.predict_one([0.95]) > 7


def test_outliers_and_constants_do_no_harm():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(3000), rng.normal(size=3000), np.zeros(3000)])
    X[100], X[1500, 1] = 1e6, -1e6
    y = X[:, 1].clip(-3, 3) + 0.1 * rng.normal(size=3000)
    answers = HoeffdingTreeRegressor().predict_fit_many(X, y)
    assert np.isfinite(answers).all()
    assert np.abs(answers - y)[2000:].mean() < 0.5


def test_text_and_counts_agree():
    X = np.random.default_rng(1).random((3000, 2))
    model = HoeffdingTreeRegressor()
    assert (model.n_nodes, model.n_leaves, model.depth, model.to_text()) == (0, 0, 0, "")
    model.fit_many(X, 5.0 * (X[:, 0] > 0.5))
    assert model.n_nodes == 2 * model.n_leaves - 1
    assert model.to_text().count("mean of") == model.n_leaves


@pytest.mark.parametrize(
    ("name", "value"),
    [("delta", 0.0), ("leaves", "best"), ("learning_rate", 0.0), ("fading", 1.5), ("n_bins", 1)],
)
def test_wrong_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        HoeffdingTreeRegressor(**{name: value}).fit_one([1.0], 0.0)


@pytest.mark.parametrize("value", [1e200, -1e308])
def test_an_absurd_number_does_no_harm(value: float) -> None:
    """A sensor's fault: the linear models of leaves would see nothing but it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 3))
    y = 2.0 * X[:, 0]
    wrong = []
    for number in (X[300, 0], value):
        rows = X.copy()
        rows[300] = number
        model = HoeffdingTreeRegressor().fit_many(rows, y)
        wrong.append(np.abs(model.predict_many(X) - y).mean())
    assert wrong[1] < wrong[0] + 0.02
    assert wrong[0] < 0.05
