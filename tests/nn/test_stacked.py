"""Many networks of torch as one: each is what it would be alone, those not asked stay."""

from typing import Any

import numpy as np
import pytest

from onlineml.nn.stacked import Stacked
from onlineml.nn.stacked_rows import groups

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from tests.naive.stacked import Stacked as Naive  # noqa: E402
from tests.nn.test_captured import OnCPU  # noqa: E402

N = 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def loss(outputs: Any, targets: Any) -> Any:
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def plain() -> Any:
    return nn.Sequential(
        nn.Linear(5, 8), nn.LayerNorm(8), nn.Tanh(), nn.Sequential(nn.Linear(8, 6, bias=False)),
        nn.ReLU(), nn.Linear(6, 2),
    )  # fmt: skip


class Skipping(nn.Module):
    """A network that torch has to vectorize: a way around a layer, and a layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again, self.leave = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.idle = nn.Parameter(torch.ones(3))
        self.register_buffer("scale", torch.tensor([0.5]))

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.enter(x))
        return self.leave(x + self.scale * torch.tanh(self.again(self.again(x))))


def optimizer(name: str, **params: Any) -> Any:
    return lambda parameters: getattr(torch.optim, name)(parameters, lr=0.01, **params)


def twins(make: Any, name: str = "Adam", clip: float | None = None, **params: Any) -> Any:
    stack = Stacked(
        make, N, optimizer=name, learning_rate=0.01, optimizer_params=params, clip_norm=clip, seed=3
    )
    alone = [stack.module_of(i) for i in range(N)]
    return stack, Naive(alone, optimizer(name, **params), clip)


def batches(n_steps: int, size: int) -> Any:
    """Rows, targets, models (some often, some never) and weights."""
    for i in range(n_steps):
        rows = slice(i * size, (i + 1) * size)
        yield X[rows], Y[rows], np.minimum(RNG.geometric(0.4, size) - 1, N - 2), RNG.random(size)


RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("Adam", {"weight_decay": 0.1}),
    ("AdamW", {"betas": (0.8, 0.9), "eps": 1e-4}),
]


@pytest.mark.parametrize("make", [plain, Skipping])
@pytest.mark.parametrize(("name", "params"), RULES)
def test_each_model_is_what_it_would_be_alone(make: Any, name: str, params: dict[str, Any]) -> None:
    for keyed, size, clip in ((False, 1, None), (False, 9, 0.5), (True, 1, 0.5), (True, 12, None)):
        stack, naive = twins(make, name, clip, **params)
        assert stack.is_batched == (make is plain)
        for rows, y, which, weight in batches(6, size):
            which = which if keyed else None
            weight = weight.astype(np.float32) if size > 1 else None
            for one in (stack, naive):
                one.step(rows, y, loss, which, weight)
            np.testing.assert_allclose(
                stack.outputs(rows, which), naive.outputs(rows, which), rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize(("name", "params"), RULES)
def test_other_devices_take_the_same_steps(name: str, params: dict[str, Any]) -> None:
    """What is done by operations of torch where there is no compiled pass, done on the CPU."""
    one, other = (twins(plain, name, 0.5, **params)[0] for _ in range(2))
    other._descent._compiled = lambda weights, models, grads, own: other._descent._by_torch(
        weights,
        models,
        torch.cat(
            [g.product().flatten(1) if isinstance(g, tuple) else g.flatten(1) for g in grads], 1
        ),
        own,
    )
    for rows, y, which, weight in batches(12, 12):
        for stack in (one, other):
            stack.step(rows, y, loss, which, weight)
    for key, array in one.arrays().items():
        np.testing.assert_allclose(other.arrays()[key], array, rtol=1e-4, atol=1e-6)


def test_models_without_rows_stay_as_they_are() -> None:
    stack = twins(plain)[0]
    before = stack.arrays()
    for rows, y, which, _ in batches(5, 12):
        stack.step(rows, y, loss, which=3 + (np.arange(12) + (which > 0) > 5))
    after = stack.arrays()
    assert after["n_steps"].tolist() == [0, 0, 0, 5, 5, 0]
    for name, array in before.items():
        idle = [0, 1, 2, 5]
        assert len(array) == 1 or (after[name][idle] == array[idle]).all()
        assert len(array) == 1 or (after[name][3:5] != array[3:5]).any()
    stack.reset([3, 4])
    again = stack.arrays()
    assert all((again[name] == array).all() for name, array in before.items() if len(array) > 1)


def test_seeds_and_rates_of_their_own() -> None:
    stack = Stacked(plain, 3, learning_rate=[0.001, 0.01, 0.1], seed=5)
    alone = Stacked(plain, 1, learning_rate=0.1, seed=7)
    copies = Stacked(plain(), 2)
    for one in (stack, alone):
        one.step(X, Y, loss)
    np.testing.assert_allclose(stack.outputs(X)[2], alone.outputs(X)[0], atol=1e-5)
    assert (copies.outputs(X)[0] == copies.outputs(X)[1]).all()


def test_stops_and_goes_on_bit_for_bit() -> None:
    def net() -> Any:
        return nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 2))

    stack, again = (Stacked(net, N, seed=1) for _ in range(2))
    for i, (rows, y, which, _) in enumerate(batches(10, 12)):
        if i == 5:
            again.load(stack.arrays())
        for one in (stack, again)[: 1 + (i >= 5)]:
            one.step(rows, y, loss, which)
    for name, array in stack.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    with pytest.raises(ValueError, match=r"module.0.weight.*\(6, 8, 5\)"):
        stack.load({**stack.arrays(), "module.0.weight": np.zeros((6, 8, 4), np.float32)})


def test_frozen_weights_are_not_learned() -> None:
    net = plain()
    net[0].requires_grad_(False)
    stack = Stacked(net, 2)
    stack.step(X, Y, loss)
    assert (stack.arrays()["module.0.weight"] == net[0].weight.numpy()).all()
    assert (stack.arrays()["module.5.weight"] != net[5].weight.detach().numpy()).all()


def test_rows_are_grouped_by_how_many_a_model_has() -> None:
    which = np.repeat([4, 1, 9], [5, 1, 40])
    found = list(groups(which, 64))
    assert [(g.models.tolist(), g.rows.shape) for g in found] == [
        ([1], (1, 1)), ([4], (1, 5)), ([9], (1, 40)),
    ]  # fmt: skip
    for group in found:
        np.testing.assert_allclose(group.share.sum(1), 1.0, rtol=1e-6)
        assert (which[group.rows] == group.models[:, None]).all()
    many = list(groups(np.arange(10), 4))
    assert [g.models.tolist() for g in many] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_no_rows() -> None:
    stack = twins(plain)[0]
    assert stack.outputs(X[:0]).shape == (N, 0, 2)
    assert stack.outputs(X[:0], which=[]).shape == (0, 2)


def test_finds_a_product_with_every_seed() -> None:
    net = lambda: nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))  # noqa: E731
    stack = Stacked(net, 20, learning_rate=0.02, seed=0)
    for _ in range(6):
        for i in range(0, len(X), 4):
            stack.step(X[i : i + 4], Y[i : i + 4], loss)
    assert (stack.outputs(X).argmax(2) == Y).mean(1).min() > 0.85


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (plain, {"n": 0}, "n"),
    (plain, {"optimizer": "RMSprop"}, "optimizer"),
    (plain, {"optimizer_params": {"amsgrad": True}}, "optimizer_params"),
    (plain, {"learning_rate": [0.1, 0.1]}, "learning_rate"),
    (plain, {"clip_norm": 0.0}, "clip_norm"),
    (plain, {"device": "nowhere"}, "device"),
    (plain, {"cuda_graphs": "always"}, "cuda_graphs"),
    (lambda: "net", {}, "module"),
    (nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2)), {}, "BatchNorm1d"),
    (nn.Linear(5, 2).double(), {}, "float64"),
    (nn.ReLU(), {}, "weights to learn"),
    (lambda: nn.Linear(5, int(torch.randint(1, 100, ()))), {}, "one architecture"),
]


@pytest.mark.parametrize(("module", "options", "named"), BAD)
def test_what_cannot_be_used_is_named(module: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Stacked(module, **{"n": 3, **options})


def test_rows_that_do_not_fit_are_named() -> None:
    stack = twins(plain)[0]
    for which in ([0.5] * 4, [1, 2], [0, 1, 2, 6], [0, 1, -1, 0]):
        with pytest.raises(ValueError, match="which"):
            stack.outputs(X[:4], which)
    with pytest.raises(ValueError, match="one number a row"):
        stack.step(X, Y, lambda outputs, targets: loss(outputs, targets).mean())


def test_replays_are_steps_and_answers() -> None:
    one, other = (twins(plain)[0] for _ in range(2))
    other._captured = OnCPU(torch, torch.device("cpu"))
    for rows, y, which, weight in batches(8, 6):
        for stack in (one, other):
            stack.step(rows, y, loss, None, weight)
            stack.step(rows, y, loss)
            stack.step(rows, y, loss, which)
        assert (one.outputs(rows) == other.outputs(rows)).all()
    with pytest.raises(ValueError, match="device"):
        Stacked(plain, 2, cuda_graphs=True)


def test_models_are_worked_on_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parted = (twins(plain)[0] for _ in range(2))
    for rows, y, which, _ in batches(4, 6):
        for stack, most in ((whole, 1 << 20), (parted, 12)):
            monkeypatch.setattr(Stacked, "_most", lambda _, most=most: most)
            stack.step(rows, y, loss)
            stack.step(rows, y, loss, which)
        np.testing.assert_allclose(whole.outputs(X), parted.outputs(X), atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("make", [plain, Skipping])
def test_the_gpu_says_what_the_cpu_says(make: Any) -> None:
    stacks = [Stacked(make, N, device=device, seed=1) for device in ("cpu", "cuda")]
    for rows, y, which, weight in batches(10, 12):
        for stack in stacks:
            stack.step(rows, y, loss, which, weight)
            stack.step(rows, y, loss)
    np.testing.assert_allclose(*(stack.outputs(X) for stack in stacks), atol=1e-4)
