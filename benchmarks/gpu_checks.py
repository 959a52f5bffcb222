"""Whether a GPU says what the CPU says: every torch part, on the same rows, from the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CLOSE = 1e-4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 20))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
Answers = Callable[[str], Any]  # device -> an array of answers


def parts() -> Iterator[tuple[str, Answers]]:
    """Name and answers of every part."""
    from onlineml.detectors import TorchAutoencoder
    from onlineml.learners import (
        StackedClassifier,
        StackedRegressor,
        TorchClassifier,
        TorchRegressor,
        TorchSequenceClassifier,
        TorchSequenceRegressor,
    )

    for kind in (TorchClassifier, TorchRegressor, TorchAutoencoder):
        for graphs in (False, "auto"):
            model: Any = kind(batch_size=8, cuda_graphs=graphs, clip_norm=1.0, seed=1)
            yield f"{kind.__name__}{', CUDA graphs' if graphs else ''}", learner(model)
    for cell in ("gru", "lstm", "ssm"):
        for sequence in (TorchSequenceClassifier, TorchSequenceRegressor):
            yield f"{sequence.__name__}, {cell}", learner(sequence(cell=cell, seed=1))
    for stacked in (StackedClassifier, StackedRegressor):
        for key in (None, 0):
            model = stacked(n_models=5, key=key, max_keys=16, batch_size=8, seed=1)
            yield f"{stacked.__name__}{'' if key is None else ', by key'}", learner(model)
    for batched in (True, False):
        for keyed in (False, True):
            name = f"Stacked, {'batched' if batched else 'vectorized'}{', by row' if keyed else ''}"
            yield name, stack(batched, keyed)
    for graphs in (False, True):
        words = ", CUDA graphs" if graphs else ""
        yield f"StreamAC and StreamQ{words}", agents(graphs, n=1)
        yield f"StackedAgents{words}", agents(graphs, n=20)
    yield "ActiveAdapter", adapter
    yield "StreamingConv", convolution


def learner(model: Any) -> Answers:
    """Answers after all rows were learned, a third of them one by one."""

    def answers(device: str) -> Any:
        twin = model.clone().set_params(device=device)
        rows = np.column_stack([np.arange(len(X)) % 9, X[:, 1:]])
        for x, y in zip(rows[:100], Y):
            twin.fit_one(x, y)
        twin.fit_many(rows[100:], Y[100:])
        verbs = "predict_proba_many", "predict_many", "score_many"
        many = next(getattr(twin, verb) for verb in verbs if hasattr(twin, verb))
        return np.concatenate([many(rows).ravel(), many(rows[:1]).ravel()])

    return answers


def stack(batched: bool, keyed: bool) -> Answers:
    """Outputs of twenty networks after steps of four rows."""

    def answers(device: str) -> Any:
        from onlineml.nn.stacked import Stacked

        models = Stacked(
            plain if batched else around, 20, device=device, learning_rate=0.01, seed=1
        )
        which = np.arange(len(X)) % 7 if keyed else None
        for i in range(0, len(X), 4):
            rows = slice(i, i + 4)
            of = None if which is None else which[rows]
            models.step(X[rows].astype(np.float32), Y[rows], row_loss, of)
        return models.outputs(X.astype(np.float32), which)

    return answers


def plain() -> Any:
    """A network whose products are batched."""
    from torch import nn

    return nn.Sequential(nn.Linear(20, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 2))


def around() -> Any:
    """One that torch has to vectorize."""
    from torch import nn

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = plain()

        def forward(self, rows: Any) -> Any:
            return self.inner(rows)

    return Around()


def row_loss(outputs: Any, targets: Any) -> Any:
    """Cross entropy of each row."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs, targets, reduction="none")


def agents(graphs: bool, n: int) -> Answers:
    """What n agents of each kind do after thirty transitions, which are not their own."""

    def answers(device: str) -> Any:
        from onlineml.rl import ObGD, StackedAgents, StreamAC, StreamQ, Transition

        rng = np.random.default_rng(0)
        shared: dict[str, Any] = {"device": device, "module": values, "seed": 1}
        shared |= {"cuda_graphs": graphs and device != "cpu", "critic_rule": ObGD()}
        gaussian = StreamAC(action_size=2, actor_rule=ObGD(), **shared)
        found = []
        for kind, shape in ((gaussian, (n, 2)), (StreamQ(n_actions=3, **shared), (n,))):
            stack = StackedAgents(agent=kind, n_agents=n)
            for _ in range(30):
                x, y = rng.normal(size=(2, n, 20))
                action = rng.normal(size=shape) if len(shape) > 1 else rng.integers(3, size=n)
                ended = rng.random(n) < 0.1
                stack.fit_many(Transition(x, action, x[:, 0] + y[:, 1], y, ended, False))
            found.append(stack.act_many(X[:n]).ravel())
        return np.concatenate(found)

    return answers


def values(n_inputs: int, n_outputs: int) -> Any:
    """A network of agents."""
    from torch import nn

    first = nn.Linear(n_inputs, 32), nn.LayerNorm(32), nn.LeakyReLU()
    return nn.Sequential(*first, nn.Linear(32, n_outputs))


def adapter(device: str) -> Any:
    """Probabilities of a network that was trained before, after labels that were bought."""
    import torch

    from onlineml.learners import ActiveAdapter

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = plain()
    model = ActiveAdapter(module=net, every=8, n_steps=4, device=device, seed=1).fit_many(X, Y)
    return model.predict_proba_many(X)


def convolution(device: str) -> Any:
    """Outputs of a streaming convolution, piece by piece."""
    import torch

    from onlineml.nn.streaming_conv import StreamingConv

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Conv1d(20, 8, 5, padding=2), torch.nn.ReLU(), torch.nn.Conv1d(8, 2, 3)
        )
    stream = StreamingConv(net.to(device).eval())
    signal = X.T.astype(np.float32)
    pieces = [stream.push(signal[:, i : i + 7]) for i in range(0, len(X), 7)]
    return np.concatenate([*pieces, stream.flush()], 1)


def differences(device: str) -> Iterator[tuple[str, float]]:
    """How far the answers on a device lie from the CPU's at most, part by part."""
    for name, answers in parts():
        yield name, float(np.abs(answers("cpu") - answers(device)).max())
