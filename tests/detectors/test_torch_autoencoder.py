"""The autoencoder of torch against one written out in torch alone; quality; a user's module."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.detectors import TorchAutoencoder
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.torch_autoencoder import TorchAutoencoder as Naive

torch = pytest.importorskip("torch")


def denoising(n_inputs: int, n_outputs: int) -> Any:
    """A network with dropout and normalization, as a user would hand it over."""
    return torch.nn.Sequential(
        torch.nn.Dropout(0.1),
        torch.nn.Linear(n_inputs, 12),
        torch.nn.LayerNorm(12),
        torch.nn.GELU(),
        torch.nn.Linear(12, 3),
        torch.nn.Linear(3, n_outputs),
    )


@pytest.mark.parametrize(("batch_size", "loss"), [(1, "mse"), (5, "huber")])
def test_equals_the_naive_twin(batch_size: int, loss: str) -> None:
    X = np.hstack([moving_rows(1, 150), moving_rows(2, 150)[:, :1]])
    weight = np.random.default_rng(1).choice([0.0, 1.0, 1.0, 2.5], len(X))
    model: Any = TorchAutoencoder(
        hidden=(4, 2), batch_size=batch_size, learning_rate=0.01, loss=loss, fading_factor=0.98
    )
    first = model.clone().start(model._first_schema(X)).get_state()["net_"]
    twin = Naive(4, (4, 2), batch_size, 0.01, loss, 0.98, first)
    due = []
    for i, x in enumerate(X):
        parts = twin.contributions(x)
        due.append(twin.score(x))
        if i % 50 == 49:
            np.testing.assert_allclose(model.explain_one(x), parts, rtol=1e-3, atol=1e-5)
        twin.fit(x, weight[i])
        model.fit_one(x, weight=weight[i])
    scores = model.clone().score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(12_000, drift=drift)
    scores = TorchAutoencoder(batch_size=16, learning_rate=0.02).score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.995


def test_a_users_module_finds_them_is_saved_and_goes_on(tmp_path: Path) -> None:
    X, labels = clusters_with_anomalies(4000)
    model = TorchAutoencoder(
        module=denoising, batch_size=8, learning_rate=0.02,
        scheduler="ExponentialLR", scheduler_params={"gamma": 0.9999},
    )  # fmt: skip
    scores = model.score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.95
    again = load(save(model, tmp_path / "model.oml", trusted_pickle=True), trusted_pickle=True)
    rest = X[:99]
    assert_same_state(again.fit_many(rest).get_state(), model.fit_many(rest).get_state())


def test_the_strange_feature_contributes_most() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 1)) + 0.2 * rng.normal(size=(4000, 8))
    model = TorchAutoencoder(batch_size=8, learning_rate=0.01).fit_many(X)
    for j in range(8):
        x = X[j].copy()
        x[j] += 4.0
        parts = model.explain_one(x)
        assert parts.sum() == pytest.approx(model.score_one(x), rel=1e-5)
        assert parts.argmax() == j


def test_embeddings_leave_the_narrowest_layer() -> None:
    X = moving_rows(1)
    model = TorchAutoencoder(hidden=(8, 2, 8), batch_size=8)
    with pytest.raises(ValueError, match="data to start"):
        model.embed_one(X[0])
    many = model.fit_many(X).embed_many(X[:5])
    assert many.shape == (5, 2)
    assert (np.abs(many) <= 1.0).all()  # the tanh is behind it
    np.testing.assert_allclose(model.embed_one(X[3]), many[3], rtol=1e-5, atol=1e-6)


def test_new_features_are_learned_too() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3000, 1)) + 0.1 * rng.normal(size=(3000, 4))
    rows = [dict(zip("abcd", x.tolist())) for x in X]
    model = TorchAutoencoder(hidden=(8, 2, 8), batch_size=8, learning_rate=0.01)
    for i, row in enumerate(rows):
        if i < 1000:
            row.pop("d")
        model.fit_one(row)
    usual = model.score_one({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0})
    strange = model.explain_one({"a": 1.0, "b": 1.0, "c": 1.0, "d": -1.0})
    assert strange.sum() > 2 * usual
    assert strange.argmax() == 3


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"activation": "Step"}, "activation"),
        ({"loss": "hinge"}, "loss"),
        ({"batch_size": 0}, "batch_size"),
        ({"fading_factor": 0.0}, "fading_factor"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"module": lambda n, m: torch.nn.Linear(n, m - 1)}, "module"),
    ],
)
def test_what_cannot_be_used_is_named(parameters: dict[str, Any], named: str) -> None:
    model = TorchAutoencoder(**parameters)
    with pytest.raises(ValueError, match=f"^{named}: got"):
        model.fit_one([1.0, 2.0])
    assert not model.is_started
