"""What torch learners take on a device, and the least that the device could take for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gpu_checks import row_loss
from benchmarks.rl_many import ACTIONS, made, network, walk

WEIGHT_BYTES = 32  # a step of Adam reads a weight forward and back, and it and its moments to write


class Device(NamedTuple):
    """What a device can do at most, as measured."""

    name: str
    bandwidth: float  # bytes a second, read or written
    arithmetic: float  # operations on single precision a second, in products of matrices
    call: float  # seconds of the smallest operation: on a GPU, of one launch after another

    def floor(self, n_bytes: float, operations: float) -> float:
        """Seconds below which nothing goes that moves and computes so much."""
        return max(n_bytes / self.bandwidth, operations / self.arithmetic)


class Figure(NamedTuple):
    """Seconds of something, and the floor below them."""

    what: str
    device: str
    seconds: float
    floor: float


def seconds(work: Callable[[], Any], device: str, repeats: int) -> float:
    """Median of CPU-seconds, or on a GPU of those on the wall until it is done, after two runs."""
    import torch

    clock = time.process_time if device == "cpu" else time.perf_counter
    taken = []
    for _ in range(2 + repeats):
        began = clock()
        work()
        if device != "cpu":
            torch.cuda.synchronize(device)
        taken.append(clock() - began)
    return statistics.median(taken[2:])


def measured(device: str) -> Device:
    """What this device can do."""
    import torch

    name = "CPU" if device == "cpu" else torch.cuda.get_device_name(device)
    there, here = (torch.ones(1 << 25, device=device) for _ in range(2))
    n = 1024 if device == "cpu" else 8192
    square, cell = torch.ones((n, n), device=device), torch.ones(1, device=device)

    def small() -> None:
        for _ in range(1000):
            cell.add_(1.0)

    return Device(
        name,
        2 * 4 * len(here) / seconds(lambda: here.copy_(there), device, 5),
        2 * n**3 / seconds(lambda: square @ square, device, 3),
        seconds(small, device, 3) / 1000,
    )


def data(n_rows: int, n_features: int) -> tuple[Any, Any]:
    """Rows, and two classes that a small network learns."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return X, (X[:, 0] * X[:, 1] > 0).astype(np.int64)


# -------------------------------------------------------------------- one row at a time


def by_row(model: Any, X: Any, y: Any) -> Callable[[], None]:
    """Predict, then learn, row by row."""

    def work() -> None:
        for x, label in zip(X, y):
            model.predict_one(x)
            model.fit_one(x, label)

    return work


def bare(X: Any, y: Any, hidden: int, device: str, **options: Any) -> Callable[[], None]:
    """The same in torch alone: one answer and one step a row."""
    import torch

    net = perceptron(X.shape[1], hidden, device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, **options)
    rows, labels = X.astype(np.float32), y.reshape(-1, 1)

    def work() -> None:
        for i in range(len(rows)):
            x, label = torch.from_numpy(rows[i : i + 1]).to(device), torch.from_numpy(labels[i])
            with torch.inference_mode():
                int(net(x).argmax())
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), label.to(device)).backward()
            optimizer.step()

    return work


def perceptron(n_inputs: int, hidden: int, device: str) -> Any:
    """Two hidden layers of a width, two outputs."""
    from torch import nn

    layers = nn.Linear(n_inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
    return nn.Sequential(*layers, nn.Linear(hidden, 2)).to(device)


def rows_one_by_one(
    device: Device, on: str, n_rows: int, hidden: int, repeats: int, compile: bool
) -> Iterator[Figure]:
    """A row answered and learned, by every way there is."""
    from onlineml.learners import MLPClassifier, TorchClassifier

    X, y = data(n_rows, 20)
    n = sum(p.numel() for p in perceptron(20, hidden, "cpu").parameters())
    floor = device.floor((4 + WEIGHT_BYTES) * n, 8 * n)
    options: dict[str, Any] = {"hidden": (hidden, hidden), "seed": 1}
    ways: list[tuple[str, Callable[[], None]]] = [
        ("bare torch", bare(X, y, hidden, on)),
        ("bare torch, fused Adam", bare(X, y, hidden, on, fused=True)),
    ]
    if on == "cpu":
        mlp = MLPClassifier(optimizer="adam", **options)
        ways.insert(0, ("MLPClassifier, compiled by numba", by_row(mlp, X, y)))
    eager = TorchClassifier(device=on, cuda_graphs=False, **options)
    ways.append(("TorchClassifier, eager", by_row(eager, X, y)))
    if compile:
        model = TorchClassifier(device=on, cuda_graphs=False, compile=True, **options)
        ways.append(("TorchClassifier, compiled", by_row(model, X, y)))
    if on != "cpu":
        model = TorchClassifier(device=on, **options)
        ways.append(("TorchClassifier, CUDA graphs", by_row(model, X, y)))
    for name, work in ways:
        yield Figure(f"a row: {name}", on, seconds(work, on, repeats) / n_rows, floor)


def batches(
    device: Device, on: str, hidden: int, repeats: int, sizes: Sequence[int]
) -> Iterator[Figure]:
    """A row of a chunk that is answered, then learned, by steps of so many rows."""
    from onlineml.learners import TorchClassifier

    n = sum(p.numel() for p in perceptron(20, hidden, "cpu").parameters())
    for size in sizes:
        X, y = data(4 * size, 20)
        model = TorchClassifier(hidden=(hidden, hidden), batch_size=size, device=on, seed=1)
        taken = seconds(lambda m=model, X=X, y=y: m.predict_fit_many(X, y), on, repeats)
        floor = device.floor((4 + WEIGHT_BYTES) * n / size, 8 * n)
        yield Figure(f"a row: steps of {size}", on, taken / len(X), floor)


# -------------------------------------------------------------------- many models, encoders


def stacks(
    device: Device, on: str, repeats: int, sizes: Sequence[int], loops_to: int
) -> Iterator[Figure]:
    """One row to each of n networks 20-64-64-2: all at once, by a loop of torch, by keys."""
    from onlineml.nn.stacked import Stacked

    X, y = data(256, 20)
    rows = X.astype(np.float32)
    for n in sizes:
        models = Stacked(perceptron(20, 64, "cpu"), n, device=on)
        weights = models.n_weights
        floor = device.floor(WEIGHT_BYTES * weights, 6 * weights)
        one = seconds(lambda m=models: m.step(rows[:1], y[:1], row_loss), on, repeats)
        yield Figure(f"a model's step: Stacked, {n:,}", on, one / n, floor)
        which = np.random.default_rng(0).permutation(n)[:256]
        few = len(which)
        each = seconds(
            lambda m=models, w=which, k=few: m.step(rows[:k], y[:k], row_loss, which=w), on, repeats
        )
        yield Figure(f"a model's step: {few} of {n:,} by key", on, each / few, floor)
        if n <= loops_to:
            alone = seconds(loop(n, rows[:1], y[:1], on), on, min(repeats, 3))
            yield Figure(f"a model's step: loop of torch, {n:,}", on, alone / n, floor)


def crowds(
    device: Device, on: str, repeats: int, sizes: Sequence[int], n_steps: int = 8
) -> Iterator[Figure]:
    """A step of each of n agents with two networks 17-128-128, learned, then acted: n at once."""
    n_weights = 2 * (18 * 128 + 129 * 128) + 129 * (1 + 2 * ACTIONS)
    # weights and traces are read and written once; three passes forward and one back of each
    floor = device.floor(16 * n_weights, 10 * n_weights)
    for n in sizes:
        agent = made(module=network, device=on, cuda_graphs=on != "cpu")
        taken = seconds(walk(agent, n, n_steps), on, repeats)
        yield Figure(f"an agent's step: StackedAgents, {n:,}", on, taken / (n * n_steps), floor)
    if on == "cpu":
        taken = seconds(walk(made(), 1, 100 * n_steps), on, repeats)
        what = "an agent's step: one that is compiled"
        yield Figure(what, on, taken / (100 * n_steps), floor)


def loop(n: int, rows: Any, y: Any, device: str) -> Callable[[], None]:
    """One step of each of n networks, one after another, with the optimizer in one call."""
    import torch

    nets = [perceptron(rows.shape[1], 64, device) for _ in range(n)]
    steps = [torch.optim.Adam(net.parameters(), lr=1e-3, fused=True) for net in nets]
    x, label = torch.from_numpy(rows).to(device), torch.from_numpy(y).to(device)

    def work() -> None:
        for net, optimizer in zip(nets, steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), label).backward()
            optimizer.step()

    return work


def embeddings(device: Device, on: str, n_rows: int, repeats: int) -> Iterator[Figure]:
    """A row of a chunk through an encoder of two layers of 2,048."""
    from onlineml.learners import TorchClassifier

    X, y = data(n_rows, 256)
    model = TorchClassifier(hidden=(2048, 2048), device=on, seed=1).fit_many(X[:4], y[:4])
    weights = 256 * 2048 + 2048 * 2048
    taken = seconds(lambda: model.embed_many(X), on, repeats) / n_rows
    floor = device.floor(4 * (weights / n_rows + 256 + 2048), 2 * weights)
    yield Figure(f"a row: embedding, 256-2048-2048, {n_rows} at once", on, taken, floor)
