"""States that the kernel keeps while it learns: those that Python would have kept."""

import pickle
from typing import Any

import numba
import numpy as np
import pytest

from onlineml.base import Detector
from onlineml.checks import assert_same_state
from onlineml.detectors import LODA
from onlineml.graph import chain
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    LogisticRegression,
    SoftmaxRegression,
)
from onlineml.transforms import StandardScaler
from onlineml.unlearning import Replayable
from onlineml.unlearning.replay import Replayed
from onlineml.unlearning.rotation import Rotation

MODELS = [
    LogisticRegression(),
    GaussianNB(),
    HoeffdingTreeClassifier(grace_period=50),
    chain(StandardScaler(), SoftmaxRegression()),
    chain(StandardScaler(), LODA(window_size=30, seed=1)),
]


def stretch(rng: np.random.Generator, base: Any, i: int) -> dict[str, Any]:
    """A chunk of rows; a class comes late."""
    n = int(rng.integers(1, 80))
    X = rng.normal(size=(n, 5))
    words: dict[str, Any] = {"X": X}
    if not isinstance(base, Detector):
        words["y"] = rng.integers(0, 2 + (i > 100), n)
    return words


@pytest.mark.parametrize("base", MODELS, ids=repr)
def test_the_kernel_keeps_what_python_would(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, n_kept = np.random.default_rng(0), [0, 0]
    swift, slow = (Replayable(base.clone(), horizon=600, every=32) for _ in range(2))
    for i in range(200):
        words = stretch(rng, base, i)
        ask = int(rng.integers(0, swift.n_rows)) if rng.random() < 0.03 and i else None
        again = rng.random() < 0.05
        for k in range(2):
            with monkeypatch.context() as patch:
                _count(patch, n_kept, k)
                if k:
                    patch.setattr(Rotation, "show", lambda *_: None)
                model = (swift, slow)[k]
                model.fit_many(**words)
                if ask is not None:
                    model.unlearn_one(id=ask)
                if again:
                    model = pickle.loads(pickle.dumps(model))
            swift, slow = (swift, model) if k else (model, slow)
        if i % 10 == 9:
            assert_same_state(swift.get_state(), slow.get_state())
    assert n_kept[0] < 0.6 * n_kept[1] or numba.config.DISABLE_JIT


def test_states_tell_of_the_text_that_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """New text, for which there is room, changes no array, but what a state tells of columns."""
    rng = np.random.default_rng(0)
    swift, slow = (Replayable(GaussianNB(), horizon=200, every=16) for _ in range(2))
    for i in range(120):
        n, known = int(rng.integers(10, 60)), 1 + i // 10
        rows = [{"a": float(rng.normal()), "t": f"v{rng.integers(0, known)}"} for _ in range(n)]
        y = rng.integers(0, 2, n).tolist()
        swift.fit_many(rows, y)
        with monkeypatch.context() as patch:
            patch.setattr(Rotation, "show", lambda *_: None)
            slow.fit_many(rows, y)
        assert_same_state(swift.get_state(), slow.get_state())


def _count(patch: pytest.MonkeyPatch, n_kept: list[int], k: int) -> None:
    keep = Replayed._keep_state

    def counted(self: Any) -> None:
        n_kept[k] += 1
        keep(self)

    patch.setattr(Replayed, "_keep_state", counted)


def test_whoever_reads_the_states_sees_those_of_the_kernel() -> None:
    X = np.random.default_rng(0).normal(size=(1000, 3))
    model = Replayable(StandardScaler(), horizon=100, every=10).fit_many(X)
    at = [c["at"] for c in model.checkpoints_]
    assert at == sorted(at)
    assert at[-1] == 1000
    for checkpoint in model.checkpoints_:
        gold = StandardScaler().fit_many(X[: checkpoint["at"]])
        assert_same_state(gold.get_state(), checkpoint["state"])
    model.fit_many(X)
    assert [c["at"] for c in pickle.loads(pickle.dumps(model)).checkpoints_][-1] == 2000
    assert not hasattr(model.reset(), "checkpoints_")
