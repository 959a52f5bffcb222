"""What goes without torch's calls is what goes with them."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import TorchClassifier, TorchRegressor
from onlineml.nn.fused_adam import FusedAdam
from onlineml.nn.plain_pass import ACTIVATIONS, PlainPass

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 5))
NUMBERS = X[:, 0] * X[:, 1] + 0.1 * RNG.normal(size=40)
CLASSES = (NUMBERS > 0).astype(int) + (X[:, 2] > 0.5)


def stack(n_inputs: int, n_outputs: int, activation: str = "Tanh") -> Any:
    act = getattr(torch.nn, activation)
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 7), act(), torch.nn.Linear(7, 6), act(),
        torch.nn.Linear(6, n_outputs),
    )  # fmt: skip


class Wrapped(torch.nn.Module):
    """The same network, but no plain stack."""

    def __init__(self, *sizes: Any) -> None:
        super().__init__()
        self.inner = stack(*sizes)

    def forward(self, rows: Any) -> Any:
        return self.inner(rows)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_gradients_are_those_of_autograd(activation: str) -> None:
    torch.manual_seed(1)
    module = stack(5, 3, activation)
    plain = PlainPass.of(torch, module)
    assert plain is not None
    rows, pull = X.astype(np.float32), RNG.normal(size=(40, 3)).astype(np.float32)
    due = module(torch.from_numpy(rows))
    np.testing.assert_allclose(plain.outputs(rows), due.detach(), rtol=1e-5, atol=1e-6)
    (due * torch.from_numpy(pull)).sum().backward()
    gradients = [weight.grad.clone() for weight in module.parameters()]
    np.testing.assert_array_equal(plain.descend(rows, lambda _: pull), plain.outputs(rows))
    for weight, gradient in zip(module.parameters(), gradients):
        np.testing.assert_allclose(weight.grad, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        (TorchClassifier, "cross_entropy"),
        (TorchRegressor, "mse"),
        (TorchRegressor, "huber"),
        (TorchRegressor, "mae"),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 6])
def test_learners_learn_what_they_learn_by_autograd(kind: Any, loss: str, batch_size: int) -> None:
    y = CLASSES if kind is TorchClassifier else NUMBERS
    weight = np.random.default_rng(5).choice([0.0, 0.5, 1.0, 2.0], len(X))
    settings = {"loss": loss, "learning_rate": 0.01, "batch_size": batch_size, "seed": 1}
    # signs of errors may cancel but for rounding, of which Adam would make a whole step
    settings["optimizer_params"] = {"eps": 1e-3}
    plain, other = (
        kind(module=m, **settings).fit_many(X, y, weight=weight) for m in (stack, Wrapped)
    )
    assert plain._network()._plain is not None
    assert other._network()._plain is None
    for name, array in plain.get_state()["net_"].items():
        twin = name.replace("module.", "module.inner.")
        np.testing.assert_allclose(array, other.get_state()["net_"][twin], rtol=1e-3, atol=2e-5)


def test_what_is_more_than_a_stack_is_torchs() -> None:
    nn = torch.nn
    others = [
        Wrapped(5, 3),
        nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(5, 4), nn.ReLU()),
        nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double(),
        nn.Sequential(nn.Linear(5, 4).requires_grad_(False), nn.ReLU(), nn.Linear(4, 2)),
    ]
    assert all(PlainPass.of(torch, module) is None for module in others)
    module, rows = stack(5, 3), X.astype(np.float32)
    plain = PlainPass.of(torch, module)
    assert plain is not None
    assert plain.takes(rows)
    assert not plain.takes(rows[:, :3])
    assert not plain.takes(X)
    handle = module[-1].register_forward_pre_hook(lambda *_: None)
    assert not plain.takes(rows)
    handle.remove()
    module[0].weight.data = module[0].weight.data.clone()
    assert not plain.takes(rows), "the weights have moved"


def test_steps_of_adam_are_those_of_torch() -> None:
    nets = [torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)]
    nets[1].load_state_dict(nets[0].state_dict())
    theirs, ours = (torch.optim.Adam(net.parameters(), lr=0.02, fused=True) for net in nets)
    descent = FusedAdam(torch, ours)
    for t in range(12):
        if t == 6:  # moments that come from a file
            ours.load_state_dict(ours.state_dict())
        rows = torch.randn(4, 3)
        for net in nets:
            net.zero_grad()
            net(rows).square().sum().backward()
            if t == 3:
                net.bias.grad = None
        theirs.step()
        descent.step()
        for one, other in zip(*(net.parameters() for net in nets)):
            assert torch.equal(one, other)
