"""Learners around modules of torch: equal to bare torch, growing, stopping and going on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.learners import ActiveAdapter, StackedClassifier, TorchClassifier, TorchRegressor
from onlineml.persistence import CheckpointError

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1.0)


def small(n_inputs: int, n_outputs: int) -> Any:
    """A network with dropout and normalization, as a user would hand it over."""
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 8),
        torch.nn.LayerNorm(8),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(8, n_outputs),
    )


def standardized(rows: Any) -> Any:
    """Each row by the mean and the deviation of those before it."""
    found = np.zeros_like(rows, np.float32)
    for i in range(2, len(rows)):
        deviation = rows[:i].std(0)
        found[i] = np.clip((rows[i] - rows[:i].mean(0)) / deviation, -10, 10)
    return found


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_a_classifier_is_bare_torch(batch_size: int, optimizer: str) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "learning_rate": 0.01, "clip_norm": 1.0}
    model = TorchClassifier(hidden=(8,), batch_size=batch_size, seed=1, **options)
    labels = (Y > 0).astype(int)
    labels[:2] = 0, 1  # both classes are known from the first step on
    model.fit_many(X[:2], labels[:2])
    twin = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    fresh = TorchClassifier(hidden=(8,), batch_size=batch_size, seed=1).start(model.schema_)
    twin.load_state_dict(
        {k[7:]: torch.tensor(v) for k, v in fresh.net_.items() if k.startswith("module.")}
    )
    steps = getattr(torch.optim, optimizer)(twin.parameters(), lr=0.01)
    rows, n = torch.tensor(standardized(X)), len(X) - len(X) % batch_size
    for first in range(0, n, batch_size):
        part = slice(first, first + batch_size)
        # the first of all classes stands alone in the first row
        known = 1 if first == 0 and batch_size == 1 else 2
        out = twin(rows[part])[:, :known]
        loss = torch.nn.functional.cross_entropy(out, torch.tensor(labels[part]))
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        steps.step()
    model.fit_many(X[2:], labels[2:])
    net = model.get_state()["net_"]
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(net[f"module.{name}"], value.numpy(), rtol=1e-4, atol=1e-5)


def test_learns_as_well_by_batches_and_with_replay() -> None:
    for options in ({"batch_size": 4}, {"batch_size": 8, "replay_size": 200, "replay_rows": 24}):
        model = TorchClassifier(hidden=(32,), learning_rate=0.01, seed=1, **options)
        for _ in range(4):
            accuracy = model.predict_fit_many(X, Y) == Y
        assert accuracy.mean() > 0.85, options
    held = model.replay_[:, 0]
    assert len(held) == 200
    assert len(np.unique(held)) > 150


def test_a_regressor_follows_targets_of_any_unit() -> None:
    target = 1e4 + 1e3 * X[:, 0]
    for loss in ("mse", "huber", "mae", lambda out, y: (out - y) ** 2):
        model = TorchRegressor(hidden=(16,), learning_rate=0.01, loss=loss, batch_size=2, seed=1)
        for _ in range(3):
            errors = np.abs(model.predict_fit_many(X, target) - target)
        assert errors.mean() < 300, loss


@pytest.mark.parametrize("scheduler", [None, "ExponentialLR"])
def test_a_users_module_is_saved_and_goes_on(scheduler: str | None, tmp_path: Path) -> None:
    decay = {"gamma": 0.999} if scheduler else None
    model = TorchClassifier(
        module=small, batch_size=3, scheduler=scheduler, scheduler_params=decay, seed=1
    )
    model.fit_many(X[:200], Y[:200])
    path = save(model, tmp_path / "model.oml", trusted_pickle=True)
    with pytest.raises(CheckpointError, match="trusted_pickle"):
        load(path)
    again = load(path, trusted_pickle=True)
    assert_same_state(
        again.fit_many(X[200:], Y[200:]).get_state(), model.fit_many(X[200:], Y[200:]).get_state()
    )


def test_new_classes_and_features_widen_the_network() -> None:
    model = TorchClassifier(hidden=(8,), learning_rate=0.01, seed=1)
    rows = [dict(zip("abcd", x.tolist())) for x in X]
    for row, y in zip(rows[:200], Y[:200]):
        model.fit_one(row, ["low", "mid", "high"][y])
    before = model.predict_proba_one({**rows[0], "e": 5.0})
    model.fit_one({**rows[0], "e": 1.0}, "low")
    assert model.schema_.n_features == 5
    after = model.predict_proba_one({**rows[0], "e": 5.0})
    assert np.abs(after - before).max() < 0.1
    for k in range(5):
        for row in rows[:20]:
            model.fit_one(row, f"new {k}")
    assert len(model.predict_proba_one(rows[0])) == 8
    assert model.net_["sizes"].tolist() == [5, 8] or model.get_state()["net_"]["sizes"][1] == 8


def test_embeddings() -> None:
    model = TorchClassifier(hidden=(8, 6), seed=1)
    with pytest.raises(ValueError, match="data to start"):
        model.embed_one(X[0])
    model.fit_many(X[:50], Y[:50])
    many = model.embed_many(X[:5])
    assert many.shape == (5, 6)
    np.testing.assert_allclose(model.embed_one(X[3]), many[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"optimizer": "Adamm"}, "optimizer"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"scheduler": "Sometimes"}, "scheduler"),
        ({"loss": "hinge"}, "loss"),
        ({"device": "nowhere"}, "device"),
        ({"replay_rows": 3}, "replay_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"module": lambda n, m: torch.nn.ReLU()}, "module"),
        ({"module": lambda n, m: "net"}, "module"),
    ],
)
def test_what_cannot_be_used_is_named(parameters: dict[str, Any], named: str) -> None:
    model = TorchClassifier(**parameters)
    with pytest.raises(ValueError, match=named):
        model.fit_many(X, Y)
    assert not model.is_started


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_says_what_the_cpu_says() -> None:
    answers = [
        TorchClassifier(hidden=(16,), batch_size=8, device=device, seed=1)
        .fit_many(X, Y)
        .predict_proba_many(X)
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*answers, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (TorchClassifier(seed=1), {"hidden": (8,)}),
        (StackedClassifier(n_models=2, seed=1), {"hidden": (8,)}),
        (StackedClassifier(n_models=2, seed=1), {"n_models": 3}),
        (ActiveAdapter(seed=1), {"hidden": (8,)}),
    ],
    ids=lambda given: given if isinstance(given, dict) else type(given).__name__,
)
def test_other_sizes_than_were_learned_are_refused(model: Any, change: dict[str, Any]) -> None:
    model = model.clone().fit_many(X[:60], Y[:60])
    before = model.get_state()
    with pytest.raises(ValueError, match="reset"):
        model.set_params(**change)
    assert_same_state(before, model.get_state())
    model.set_params(learning_rate=0.5).fit_one(X[60], int(Y[60]))
