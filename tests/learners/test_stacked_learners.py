"""Many networks as one learner: each seed is a learner alone, each key has its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.learners import (
    StackedClassifier,
    StackedRegressor,
    TorchClassifier,
    TorchRegressor,
)

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1.0)
FAST: dict[str, Any] = {"hidden": (8,), "learning_rate": 0.01, "batch_size": 8, "clip_norm": 1.0}


def test_each_seed_is_a_classifier_alone() -> None:
    stack = StackedClassifier(n_models=3, seed=4, **FAST)
    each = stack.predict_each_fit_many(X, Y)
    shares = []
    for i in range(3):
        alone = TorchClassifier(seed=4 + i, **FAST)
        assert (each[i] == alone.predict_fit_many(X, Y)).all()
        shares.append(alone.predict_proba_many(X))
    np.testing.assert_allclose(stack.predict_proba_many(X), np.mean(shares, 0), atol=1e-5)
    assert (stack.predict_each_many(X)[2] == shares[2].argmax(1)).all()


def test_each_seed_is_a_regressor_alone() -> None:
    y = 100.0 + 10.0 * X[:, 0]
    stack = StackedRegressor(n_models=3, seed=4, optimizer="SGD", **FAST)
    each = stack.predict_each_fit_many(X, y)
    for i in range(3):
        alone = TorchRegressor(seed=4 + i, optimizer="SGD", **FAST)
        np.testing.assert_allclose(each[i], alone.predict_fit_many(X, y), rtol=1e-5)
    np.testing.assert_allclose(stack.predict_many(X), stack.predict_each_many(X).mean(0))


def test_each_key_has_a_network_of_its_own() -> None:
    """Whether a product is positive or negative is another question for each of two users."""
    who = RNG.choice(["ann", "bob"], 3000)
    x = RNG.normal(size=(3000, 2))
    y = (x[:, 0] * x[:, 1] > 0) ^ (who == "ann")
    rows = [{"a": a, "b": b, "user": user} for (a, b), user in zip(x.tolist(), who.tolist())]
    options: dict[str, Any] = {**FAST, "learning_rate": 0.03, "seed": 1}
    model = StackedClassifier(key="user", max_keys=20, **options)
    right = model.predict_fit_many(rows, y) == y
    assert right[-500:].mean() > 0.9
    assert model.diagnostics() == {"n_keys_dropped": 0.0}
    unknown = model.predict_proba_one({"a": 1.0, "b": 1.0, "user": "eve"})
    assert np.abs(unknown - 0.5).max() < 0.3
    with pytest.raises(ValueError, match="one model"):
        model.predict_each_many(rows)


def test_keys_learn_only_their_own_rows() -> None:
    """Rows of other keys change nothing but what rows are standardized by."""
    y = X[:, 0]
    keys = np.repeat(np.arange(50) % 2, 8)  # every batch is of one key
    rows = np.column_stack([keys, X])
    model = StackedRegressor(key=0, max_keys=10, seed=1, **FAST)
    for i in range(0, len(rows), 8):
        before = model.get_state()
        model.fit_many(rows[i : i + 8], y[i : i + 8])
        after = model.get_state()
        for name, array in after["net_"].items():
            if len(array) == 11 and before:
                idle = np.delete(np.arange(11), keys[i])
                assert (array[idle] == before["net_"][name][idle]).all()
                assert (array[keys[i]] != before["net_"][name][keys[i]]).any() or i < 8


def test_the_key_that_was_longest_not_learned_makes_room() -> None:
    model: Any = StackedRegressor(key=0, max_keys=8, seed=1, **FAST)
    rows = np.column_stack([np.arange(400) // 8, X])  # 50 keys, one after the other
    first = model.fit_many(rows[:8], X[:8, 0]).get_state()["net_"]["module.0.weight"]
    model.fit_many(rows[8:], X[8:, 0])
    assert model.diagnostics() == {"n_keys_dropped": 42.0}
    assert sorted(model.keys_) == [*range(42, 50)]
    state = model.get_state()["net_"]
    assert (state["n_steps"] == [*[1] * 8, 0]).all()
    assert (state["module.0.weight"][8] == first[8]).all(), "what answers for unknown keys"


def test_new_classes_and_features_widen_all_networks() -> None:
    model = StackedClassifier(n_models=3, seed=1, **FAST)
    rows = [dict(zip("abc", x.tolist())) for x in X]
    model.fit_many(rows[:100], [["low", "mid", "high"][k] for k in Y[:100]])
    before = model.predict_proba_many(rows)
    model.fit_one({**rows[0], "d": 1.0}, "new")
    assert model.schema_.n_features == 4
    np.testing.assert_allclose(model.predict_proba_many(rows)[:, :3].sum(1), 1.0, atol=0.5)
    assert (model.predict_proba_many(rows)[:, :3].argmax(1) == before.argmax(1)).mean() > 0.95
    model.fit_many(rows[100:], ["new"] * 300)
    assert set(model.predict_each_many(rows[-5:]).ravel()) == {"new"}


@pytest.mark.parametrize("key", [None, 0])
def test_a_users_module_is_saved_and_goes_on(key: int | None, tmp_path: Path) -> None:
    model = StackedClassifier(module=dropping, n_models=3, key=key, max_keys=12, seed=1, **FAST)
    rows = np.column_stack([np.arange(400) % 9, X])
    model.fit_many(rows[:203], Y[:203])
    path = save(model, tmp_path / "model.oml", trusted_pickle=True)
    again = load(path, trusted_pickle=True)
    for one in (model, again):
        one.fit_many(rows[203:], Y[203:])
    assert_same_state(again.get_state(), model.get_state())


def dropping(n_inputs: int, n_outputs: int) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(n_inputs, 8), nn.LayerNorm(8), nn.Dropout(0.2), nn.Linear(8, n_outputs)
    )


def test_before_any_data() -> None:
    assert (StackedClassifier(n_models=2).predict_each_many(X[:3]) == None).all()  # noqa: E711
    assert (StackedRegressor(n_models=2).predict_each_many(X[:3]) == np.zeros((2, 3))).all()
    with pytest.raises(TypeError, match="embedding"):
        StackedClassifier(seed=1, **FAST).fit_many(X, Y).embed_one(X[0])


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"optimizer": "RMSprop"}, "optimizer"),
        ({"optimizer_params": {"amsgrad": True}}, "optimizer_params"),
        ({"n_models": 0}, "n_models"),
        ({"key": 0, "max_keys": 4, "batch_size": 8}, "max_keys"),
        ({"key": "user"}, "key"),
        ({"loss": "hinge"}, "loss"),
        ({"module": lambda n, m: torch.nn.Linear(n, 1)}, "module"),
    ],
)
def test_what_cannot_be_used_is_named(parameters: dict[str, Any], named: str) -> None:
    model = StackedClassifier(**parameters)
    with pytest.raises(ValueError, match=named):
        model.fit_many(X, Y)
    assert not model.is_started


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_says_what_the_cpu_says() -> None:
    for key in (None, 0):
        rows = np.column_stack([np.arange(400) % 9, X])
        answers = [
            StackedClassifier(n_models=3, key=key, device=device, seed=1, **FAST)
            .fit_many(rows, Y)
            .predict_proba_many(rows)
            for device in ("cpu", "cuda")
        ]
        np.testing.assert_allclose(*answers, atol=1e-4)
