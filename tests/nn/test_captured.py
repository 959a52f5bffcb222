"""Steps that are captured or compiled do what steps do; what they need is asked for by name."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.detectors import TorchAutoencoder
from onlineml.learners import TorchClassifier, TorchRegressor
from onlineml.nn import captured, online_net
from onlineml.nn.captured import Captured, check_compile, check_graphs

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(int)
Y[60:] += X[60:, 1] > 0  # a new class in mid-stream
OPTIONS: dict[str, Any] = {"hidden": (6,), "batch_size": 4, "clip_norm": 1.0, "seed": 1}
MODELS: list[Any] = [
    TorchClassifier(**OPTIONS),
    TorchClassifier(replay_size=20, replay_rows=3, optimizer="SGD", **OPTIONS),
    TorchRegressor(optimizer="AdamW", **OPTIONS),
    TorchAutoencoder(**OPTIONS),
]
MINE = [TorchClassifier, TorchRegressor, TorchAutoencoder]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class OnCPU(Captured):
    """As on a GPU: what is replayed reads its own buffers and writes its own output."""

    replays = 0

    def _warm(self, work: Callable[..., Any], tensors: Any) -> Any:
        return work(*tensors)

    def _record(self, work: Callable[..., Any], tensors: Any) -> Any:
        output: Any = torch.empty(0)

        def replay() -> None:
            OnCPU.replays += 1
            result = work(*tensors)
            if result is not None:
                output.resize_(result.shape).copy_(result)

        return replay, tensors, output


def run(model: Any) -> tuple[Any, Any]:
    """Answers by row and by chunk, rows learned in between; the state after them."""
    said: list[Any] = []
    for i in range(60):
        said.append(answer(model, X[i : i + 1]))
        model.fit_one(X[i], Y[i])
    for i in range(60, 120, 20):
        said.append(answer(model, X[i : i + 20]))
        model.fit_many(X[i : i + 20], Y[i : i + 20], weight=np.arange(20) % 3 / 2)
    return np.concatenate(said), model.get_state()


def answer(model: Any, rows: Any) -> Any:
    """A score, a number, or the probability of the class that is most probable."""
    if hasattr(model, "predict_proba_many"):
        return model.predict_proba_many(rows).max(1, initial=0.0)
    return (model.score_many if hasattr(model, "score_many") else model.predict_many)(rows)


@pytest.mark.parametrize("model", MODELS)
def test_replays_are_steps_and_answers(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_net.PlainPass, "of", lambda *_: None)  # torch's sums, in both
    due, state = run(model.clone())
    monkeypatch.setattr(online_net, "captures", lambda *_: True)
    monkeypatch.setattr(online_net, "Captured", OnCPU)
    OnCPU.replays = 0
    found, same = run(model.clone())
    assert (found == due).all()
    assert_same_state(same, state)
    assert OnCPU.replays > 60


def test_kinds_of_work_are_few() -> None:
    work = OnCPU(torch, torch.device("cpu"))
    for _ in range(5):
        for n in range(1, 40):
            assert work.run("sum", torch.sum, [np.ones(n)]) == n
    assert len(work._known) == 16


def graphs(**options: Any) -> bool:
    usual = {"asked": "auto", "device": "cuda", "optimizer": "Adam", "scheduler": None}
    return check_graphs(**{**usual, "is_own": False, "draws": False, **options})


def test_what_is_captured_by_itself() -> None:
    assert graphs()
    for options in ({"device": "cpu"}, {"asked": False}, {"scheduler": "ExponentialLR"},
                    {"optimizer": "RMSprop"}, {"is_own": True}, {"draws": True}):  # fmt: skip
        assert not graphs(**options)
    assert graphs(is_own=True, asked=True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"device": "cpu"}, "device"),
        ({"scheduler": "ExponentialLR"}, "scheduler"),
        ({"optimizer": "RMSprop"}, "optimizer"),
        ({"draws": True}, "dropout"),
        ({"asked": "always"}, "cuda_graphs"),
    ],
)
def test_what_cannot_be_captured_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        graphs(**{"asked": True, **options})


@pytest.mark.parametrize("kind", MINE)
def test_graphs_on_a_cpu_are_refused(kind: Any) -> None:
    model = kind(cuda_graphs=True)
    with pytest.raises(ValueError, match=r"device: got 'cpu'.*cuda_graphs=True"):
        model.fit_many(X, Y)
    assert not model.is_started


def test_what_compiling_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_compile(False, "cpu")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"C\+\+ compiler"):
        TorchClassifier(compile=True).fit_many(X, Y)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(captured, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="triton"):
        check_compile(True, "cuda:0")
    monkeypatch.setattr(captured.sysconfig, "get_path", lambda name: "/nowhere")
    with pytest.raises(ValueError, match="headers of Python"):
        check_compile(True, "cpu")
    with pytest.raises(ValueError, match="compile"):
        check_compile("yes", "cpu")


def test_steps_and_single_rows_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def compiled(module: Any, dynamic: bool) -> Any:
        return lambda rows: (ran.append(len(rows)), module(rows))[1]

    due = TorchClassifier(**OPTIONS).predict_fit_many(X, Y)
    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(captured.shutil, "which", lambda name: name)
    model = TorchClassifier(compile=True, **OPTIONS)
    assert (model.predict_fit_many(X, Y) == due).all()
    assert ran.count(4) == 30
    assert {*ran} == {1, 4}, "rows that come alone, too"
    ran.clear()
    model.predict_one(X[0])
    model.predict_many(X)
    model.embed_one(X[0])
    assert ran == [1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of torch's own
@pytest.mark.parametrize("kind", MINE)
def test_compiled_says_what_eager_says(kind: Any) -> None:
    pair = [run(kind(compile=compile, **OPTIONS))[0] for compile in (False, True)]
    np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-4)


@needs_gpu
@pytest.mark.parametrize("model", MODELS)
def test_graphs_say_what_eager_says(model: Any) -> None:
    pair = [
        run(model.clone().set_params(device="cuda", cuda_graphs=graphs))[0]
        for graphs in (False, True)
    ]
    np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-4)
