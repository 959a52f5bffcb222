"""Rows by the kernel that learns and writes them: the log and the model of the long way."""

from collections.abc import Iterable, Iterator
from typing import Any

import numba
import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.detectors import LODA, HalfSpaceTrees
from onlineml.kernels.arena import KEPT
from onlineml.learners import (
    SLDA,
    GaussianNB,
    HoeffdingTreeClassifier,
    HoeffdingTreeRegressor,
    KNNClassifier,
    KNNRegressor,
    LinearRegression,
    LogisticRegression,
    NearestClassMean,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    SoftmaxRegression,
)
from onlineml.transforms import MeanImputer, MinMaxScaler, StandardScaler
from onlineml.unlearning import Replayable
from onlineml.unlearning.replay import Replayed

MODELS = [
    LogisticRegression(),
    LogisticRegression(l2=0.1, decay_intercept=True),
    HoeffdingTreeClassifier(grace_period=20),
    GaussianNB(),
    LinearRegression(l2=0.1, decay_intercept=True),
    HalfSpaceTrees(n_trees=3, height=3, window_size=50, seed=1),
    StandardScaler(),
]


def event(rng: np.random.Generator, i: int, base: Any) -> tuple[str, dict[str, Any]]:
    """What to call, and with what: rows of all kinds, and now and then a request."""
    names = "abcd" if i > 300 else "abc"  # a feature comes late, and so does a class
    x = {name: float(value) for name, value in zip(names, rng.normal(size=4))}
    if rng.random() < 0.1:
        x["a"] = float("nan")
    label: Any = str(rng.choice(["no", "yes"] if i < 200 else ["no", "yes", "well"]))
    y = {"y": float(x["b"])} if isinstance(base, LinearRegression) else {"y": label}
    if isinstance(base, HalfSpaceTrees | StandardScaler):
        y = {}
    id = {"id": [i, f"user {i}"][i % 2]} if 100 <= i < 350 and rng.random() < 0.9 else {}
    kind = rng.choice(["fit_one", "predict_one", "fit_many", "weight", "unlearn_one"],
                      p=[0.8, 0.08, 0.04, 0.05, 0.03])  # fmt: skip
    if kind == "unlearn_one":
        return kind, {"id": int(rng.integers(0, i + 1))}
    if kind == "predict_one":
        return ("transform_one" if isinstance(base, StandardScaler) else
                "score_one" if isinstance(base, HalfSpaceTrees) else kind), {"x": x}  # fmt: skip
    if kind == "fit_many":
        many = {"ids" if name == "id" else name: [value] for name, value in (y | id).items()}
        return kind, {"X": [x], **many}
    return "fit_one", {"x": x, **y, **id, **({"weight": 2.0} if kind == "weight" else {})}


def both_ways(
    base: Any, calls: Iterable[tuple[str, dict[str, Any]]], looks: int, patched: Any
) -> Iterator[tuple[str, Any]]:
    """Take calls by the swift and by the long way; after each, the verb and the swift way's means.

    Answers are the same, and states at every so many calls.
    """
    swift, slow = (Replayable(base.clone(), horizon=120, every=16) for _ in range(2))
    for i, (verb, words) in enumerate(calls, 1):
        answer = getattr(swift, verb)(**words)
        with patched.context() as patch:
            patch.setattr("onlineml.unlearning.replay.straight", lambda log: None)
            patch.setattr(Replayed, "_note_row", lambda self, model, rows: False)
            due = getattr(slow, verb)(**words)
        if verb == "unlearn_one":
            assert answer._replace(cost=0) == due._replace(cost=0)
        elif verb not in ("fit_one", "fit_many"):
            np.testing.assert_array_equal(answer, due)
        yield verb, swift._straight if swift.is_started and swift._width >= 0 else None
        assert slow._straight is None
        if i % looks == 0:
            assert_same_state(swift.get_state(), slow.get_state())


@pytest.mark.parametrize("base", MODELS, ids=lambda model: type(model).__name__)
def test_equals_the_long_way(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    calls = (event(rng, i, base) for i in range(500))
    ways = list(both_ways(base, calls, 50, monkeypatch))
    n_swift = sum(verb == "fit_one" and way is not None for verb, way in ways)
    assert n_swift > 300 or numba.config.DISABLE_JIT


def test_an_id_that_is_refused_is_not_that_of_the_next_row() -> None:
    model = Replayable(LogisticRegression()).fit_many([[0.0], [1.0]], [0, 1], ids=[5, 6])
    with pytest.raises(ValueError, match="id"):
        model.fit_one(np.zeros(1), 0, id=2.5)
    with pytest.raises(ValueError, match="inf"):
        model.fit_one(np.array([np.inf]), 0, id=7)
    model.fit_one(np.zeros(1), 0, id=8).fit_one(np.zeros(1), 1)
    assert not model.unlearn_one(id=7).forgotten
    assert model.unlearn_one(id=8).kind == "replayed"
    assert model.n_rows == 3


#: Those whose kernels write rows into the log while they learn them.
SWIFT = [
    LogisticRegression(l2=0.1, decay_intercept=True),
    SoftmaxRegression(),
    PassiveAggressiveClassifier(),
    GaussianNB(),
    NearestClassMean(),
    SLDA(),
    KNNClassifier(window_size=20),
    HoeffdingTreeClassifier(grace_period=20),
    LinearRegression(l2=0.1, decay_intercept=True),
    PassiveAggressiveRegressor(),
    KNNRegressor(window_size=20),
    HoeffdingTreeRegressor(grace_period=20),
    LODA(window_size=30, seed=1),
    StandardScaler(),
    MinMaxScaler(),
    MeanImputer(),
]


def chunk(rng: np.random.Generator, i: int, base: Any) -> tuple[str, dict[str, Any]]:
    """What to call, and with what: chunks of all kinds, and now and then a request."""
    n = int(rng.integers(0, 60))
    X = rng.normal(size=(n, 3 + len(repr(base)) % 8))  # fewer than are copied at once, and more
    X[rng.random(X.shape) < 0.02] = np.nan
    words: dict[str, Any] = {"X": X}
    if not isinstance(base, LODA | StandardScaler | MinMaxScaler | MeanImputer):
        numbers = np.nan_to_num(X[:, 0])
        words["y"] = numbers if "Regress" in type(base).__name__[-9:] else _labels(rng, n, i)
    verbs = ["fit_many"] * 4
    if isinstance(base, LODA):
        verbs += ["score_fit_many"]
    elif "y" in words:
        verbs += ["predict_fit_many"]
    if rng.random() < 0.1:
        return "unlearn_one", {"id": int(rng.integers(0, 60 * i + 1))}
    verb = str(rng.choice(verbs))
    if rng.random() < 0.3:
        words["weight"] = rng.choice([0.0, 0.5, 1.0, 2.0], n)
    if verb == "fit_many" and i > 10 and rng.random() < 0.5:
        words["ids"] = np.arange(1000 * i, 1000 * i + n)
    return verb, words


def _labels(rng: np.random.Generator, n: int, i: int) -> Any:
    return rng.integers(0, 2 + (i > 20) + (i > 40), n)


@pytest.mark.parametrize("base", SWIFT, ids=lambda model: type(model).__name__)
def test_chunks_equal_the_long_way(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    calls, n_kept = (chunk(rng, i, base) for i in range(60)), 0
    for _, way in both_ways(base, calls, 10, monkeypatch):
        n_kept += way is not None and way.cells[KEPT] > 0
    assert n_kept > 10 or numba.config.DISABLE_JIT


def test_a_chunk_that_is_refused_leaves_the_log_as_it_was() -> None:
    X, y = np.random.default_rng(0).normal(size=(300, 2)), np.arange(300) % 2
    model = Replayable(LogisticRegression(), horizon=100, every=10).fit_many(X, y)
    before = model.get_state()
    wrong = X.copy()
    wrong[299] = np.inf
    with pytest.raises(ValueError, match="inf"):
        model.fit_many(wrong, y)
    with pytest.raises(ValueError, match="ids"):
        model.fit_many(X, y, ids=[1, 2])
    assert_same_state(model.get_state(), before)
    model.fit_many(X[:5], y[:5])  # ids of before are not theirs
    assert model.unlearn_one(id=304).forgotten
