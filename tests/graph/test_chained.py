"""Rows through the kernels of a chain's steps in one call: the same as by Python, step by step."""

import sys
from typing import Any

import numba
import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.detectors import LODA
from onlineml.graph import chain
from onlineml.graph.chain import _Chain
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    LinearRegression,
    SoftmaxRegression,
)
from onlineml.transforms import MeanImputer, OneHotEncoder, RandomProjector, StandardScaler

CHAINS = [
    chain(StandardScaler(), SoftmaxRegression()),
    chain(MeanImputer(), StandardScaler(), GaussianNB()),
    chain(OneHotEncoder(), HoeffdingTreeClassifier(grace_period=20)),
    chain(StandardScaler(), KNNClassifier(window_size=30)),
    chain(MeanImputer(), LinearRegression()),
    chain(StandardScaler(), LODA(window_size=30, seed=1)),
    chain(MeanImputer(), RandomProjector(n_components=2, seed=1)),
    chain(chain(MeanImputer(), StandardScaler()), chain(StandardScaler(), GaussianNB())),
]


def row(rng: np.random.Generator, i: int) -> dict[str, Any]:
    names = "abcd" if i > 300 else "abc"  # a feature comes late, and so does a class
    x: dict[str, Any] = {name: float(value) for name, value in zip(names, rng.normal(size=4))}
    if rng.random() < 0.05:
        x["a"] = None
    return x | {"text": f"v{int(rng.integers(0, 1 + i // 50))}"}


@pytest.mark.parametrize("base", CHAINS, ids=repr)
def test_equals_the_way_by_python(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    swift, slow, n_swift = base.clone(), base.clone(), 0
    for i in range(500):
        x, verb = row(rng, i), "fit_one" if rng.random() < 0.7 else _serving(base)
        words: dict[str, Any] = {"x": x}
        if verb == "fit_one" and "Classifier" in type(base).__name__:
            words["y"] = str(rng.choice(["no", "yes"] if i < 200 else ["no", "yes", "well"]))
        elif verb == "fit_one" and "Regressor" in type(base).__name__:
            words["y"] = float(x["b"])
        if i % 100 == 99:
            x["b"] = float("inf")
        _both_do(swift, slow, verb, words, monkeypatch)
        n_swift += swift.is_started and swift._width >= 0 and swift._chained is not None
        assert slow._chained is None
        if i == 250:
            swift.fit_many([row(rng, i)], **_targets(words))
            slow.set_state(swift.get_state())
        if i % 50 == 49:
            assert_same_state(swift.get_state(), slow.get_state())
    nested = sum(isinstance(step, _Chain) for step in base.steps)
    assert n_swift > 300 or nested or numba.config.DISABLE_JIT


def _targets(words: dict[str, Any]) -> dict[str, Any]:
    return {"y": [words["y"]]} if "y" in words else {}


def _serving(base: Any) -> str:
    verbs = ("predict_proba_one", "predict_one", "score_one", "transform_one")
    return next(verb for verb in verbs if hasattr(base, verb))


def _both_do(
    swift: Any, slow: Any, verb: str, words: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each its own way; what they answer is the same."""
    swiftly = _called(swift, verb, words)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[type(slow).__module__], "chained", lambda *_: None)
        slowly = _called(slow, verb, words)
    if verb not in ("fit_one", "fit_many"):
        np.testing.assert_equal(swiftly, slowly)


def _called(model: Any, verb: str, words: dict[str, Any]) -> Any:
    try:
        return getattr(model, verb)(**words)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("base", CHAINS, ids=repr)
def test_chunks_equal_the_way_by_python(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer ones than go through the steps together, and shorter."""
    rng = np.random.default_rng(4)
    swift, slow, n_whole = base.clone(), base.clone(), 0
    for i in range(40):
        n = int(rng.integers(0, [20, 2000][i % 8 == 0]))
        X = rng.normal(size=(n, 4 if i < 20 else 5))
        X[rng.random(X.shape) < 0.05] = np.nan
        words: dict[str, Any] = {"X": X, "weight": rng.choice([0.0, 1.0, 2.0], n)}
        if "Classifier" in type(base).__name__:
            words["y"] = rng.integers(0, 2 + (i > 10), n)
        elif "Regressor" in type(base).__name__:
            words["y"] = rng.normal(size=n)
        both = _serving(base).replace("one", "fit_many")
        serving = both.replace("fit_many", "many")
        verb = rng.choice(["fit_many", both, serving])
        words = words if verb != serving else {"X": X}
        _both_do(swift, slow, verb, words, monkeypatch)
        n_whole += swift.is_started and swift._work() is not None
        assert_same_state(swift.get_state(), slow.get_state())
    stays = not any(name in repr(base) for name in ("Tree", "OneHot", "chain(chain"))
    assert n_whole > 30 or not stays or numba.config.DISABLE_JIT
