"""Prompts before a frozen encoder: what learns, what stays, what is refused."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import LwF, TorchClassifier

torch = pytest.importorskip("torch")
from onlineml.nn.prompted import Prompted  # noqa: E402 - needs torch

WIDTH, N_TOKENS = 16, 2


def _encoder() -> Any:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=True)  # with dropout
    return torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


ENCODER = _encoder()


def network(n_inputs: int, n_outputs: int) -> Any:
    tokens = torch.nn.Sequential(
        torch.nn.Linear(n_inputs, N_TOKENS * WIDTH), torch.nn.Unflatten(1, (N_TOKENS, WIDTH))
    )
    return Prompted(ENCODER, tokens, width=WIDTH, n_outputs=n_outputs, n_prompts=3)


def test_prompts_go_before_the_tokens() -> None:
    net = network(6, 5).eval()
    rows = torch.randn(7, 6)
    whole = torch.cat([net.prompts.repeat(7, 1, 1), net.tokens(rows)], 1)
    due = net.head(ENCODER.eval()(whole)[:, :3].mean(1))
    assert torch.equal(net(rows), due)
    assert torch.equal(net.train()(rows), due)  # the encoder's dropout stays out


@pytest.mark.parametrize("penalty", [None, LwF(every=100)])
def test_only_prompts_and_the_last_layer_learn(penalty: Any) -> None:
    X = np.random.default_rng(1).normal(size=(400, 6))
    y = (X[:, 0] > 0).astype(int)
    shared: dict[str, Any] = {"batch_size": 16, "learning_rate": 0.05, "seed": 1}
    model = TorchClassifier(module=network, standardize=False, penalty=penalty, **shared)
    model.fit_many(X[:4], y[:4])
    before = {name: value.copy() for name, value in model.get_state()["net_"].items()}
    model.fit_many(X, y)
    after = model.get_state()["net_"]
    names = [name for name in before if name.startswith("module.")]
    moved = {name for name in names if (before[name] != after[name]).any()}
    assert moved == {"module.prompts", "module.head.weight", "module.head.bias"}
    assert (model.predict_many(X) == y).mean() > 0.8
    kept = {name for name in model.kept_ if name.startswith("teacher.")}
    assert kept == ({f"teacher.{name[7:]}" for name in moved} if penalty else set())


def test_what_cannot_be_used_is_named() -> None:
    for name in ("width", "n_outputs", "n_prompts"):
        given = {"width": 8, "n_outputs": 2, "n_prompts": 1, name: 0}
        with pytest.raises(ValueError, match=f"^{name}"):
            Prompted(ENCODER, torch.nn.Identity(), **given)
    with pytest.raises(ValueError, match=r"^tokens"):
        Prompted(ENCODER, torch.nn.Identity(), width=8, n_outputs=2)(torch.zeros(2, 3, 4))
