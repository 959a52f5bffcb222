"""Value functions as regressors: equal to transitions by hand, read by other nodes of a graph."""

import numpy as np
import pytest

from onlineml import Graph
from onlineml.learners import LinearRegression
from onlineml.rl import GVFRegressor, StreamQ, StreamTD, SwiftTD, Transition
from onlineml.schema import Schema


@pytest.mark.parametrize(
    "base", [StreamTD(hidden=(6,), gamma=0.7, seed=1), SwiftTD(gamma=0.7)], ids=["net", "linear"]
)
def test_equals_transitions_by_hand(base: StreamTD | SwiftTD) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    weight = (rng.random(300) < 0.9).astype(float)
    model, twin, before = GVFRegressor(base=base), base.clone().start(Schema(3)), None
    answers = model.predict_fit_many(X, y, weight=weight)
    for i in range(300):
        assert answers[i] == twin.predict_one(X[i])
        if weight[i]:
            if before is not None:
                twin.fit_one(Transition(X[before], None, y[before], X[i]))
            before = i
    assert [model.predict_one(x) for x in X[:5]] == [twin.predict_one(x) for x in X[:5]]


@pytest.mark.parametrize("hidden", [(16,), (32, 32)])
def test_foretells_a_wave(hidden: tuple[int, ...]) -> None:
    """y = sin(wt): the sum over k of gamma^k sin(w(t + k)) is linear in sine and cosine."""
    t, gamma, w = np.arange(20_000), 0.9, 2 * np.pi / 40
    X = np.stack([np.sin(w * t), np.cos(w * t)], 1)
    due = (np.exp(1j * w * t) / (1 - gamma * np.exp(1j * w))).imag
    model = GVFRegressor(base=StreamTD(hidden=hidden, gamma=gamma, seed=1))
    found = model.predict_fit_many(X, np.sin(w * t))
    assert np.abs(found - due)[15_000:].mean() < 0.02 * np.abs(due).mean()


def test_is_read_by_another_node() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), rng.normal(size=400)
    graph = Graph("ahead")
    graph.add("soon", GVFRegressor(base=SwiftTD(gamma=0.5)), after="x")
    graph.add("learner", LinearRegression(), after=("x", "soon"))
    graph.output("learner")
    answers = graph.predict_fit_many(X, y)
    soon = GVFRegressor(base=SwiftTD(gamma=0.5)).predict_fit_many(X, y)
    alone = LinearRegression().predict_fit_many(np.column_stack([X, soon]), y)
    np.testing.assert_array_equal(answers, alone)
    assert np.abs(soon).max() > 0.0


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"base: got .*StreamQ.*, expected a StreamTD or SwiftTD"):
        GVFRegressor(base=StreamQ(n_actions=2)).fit_one([1.0], 1.0)  # type: ignore[arg-type]
    model = GVFRegressor(base=SwiftTD()).fit_one([1.0], 1.0)
    before = model.get_state()
    with pytest.raises(ValueError, match=r"y: got 1e\+200, expected numbers of at most 1e100"):
        model.fit_one([1.0], 1e200)
    assert repr(model.get_state()) == repr(before)
