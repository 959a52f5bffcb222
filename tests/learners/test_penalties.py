"""EWC and LwF: equal to plain twins, told of tasks in every way, bounded, resumable, refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import checks, load, save
from onlineml.checks import assert_same_state
from onlineml.detectors import DDM
from onlineml.graph import Graph, consolidate
from onlineml.learners import EWC, GaussianNB, LwF, TorchClassifier, TorchRegressor
from tests.naive import penalties as naive

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(360, 4))
Y = (X[:, 0] > 0).astype(int) + 2 * (np.arange(360) >= 240)  # tasks: 0 and 1, twice; then 2 and 3
Y[:2], Y[240:242] = (0, 1), (2, 3)
TASKS = (slice(0, 120), slice(120, 240), slice(240, 360))
FIXED: dict[str, Any] = {"hidden": (6,), "optimizer": "SGD", "learning_rate": 0.05, "seed": 1}
FIXED |= {"standardize": False, "batch_size": 5}


def _bare(model: Any) -> Any:
    """The network of a model that has started, as bare torch has it."""
    hidden, n_in, n_out = model.hidden[0], *model.get_state()["net_"]["sizes"].tolist()
    net = torch.nn.Sequential(
        torch.nn.Linear(n_in, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, n_out)
    )
    arrays = model.get_state()["net_"]
    net.load_state_dict({k: torch.tensor(arrays[f"module.{k}"]) for k in net.state_dict()})
    return net


def _same_weights(model: Any, net: Any) -> None:
    arrays = model.get_state()["net_"]
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(arrays[f"module.{name}"], value.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("gamma", [None, 0.7, 1.0])
@pytest.mark.parametrize("regression", [False, True])
def test_ewc_equals_springs_task_by_task(gamma: float | None, regression: bool) -> None:
    penalty = EWC(strength=5.0, gamma=gamma, n_rows=200)
    kind: Any = TorchRegressor if regression else TorchClassifier
    y: Any = X @ [1.0, -1.0, 0.5, 0.0] if regression else Y % 2
    loss = (lambda out, due: (out - due) ** 2 / 2) if regression else "cross_entropy"
    model = kind(**FIXED, penalty=penalty, loss=loss)
    model.fit_many(X[TASKS[0]], y[TASKS[0]])
    net, rows = _bare(model), torch.tensor(X, dtype=torch.float32)
    n = None if regression else 2
    twin = naive.EWC(5.0, gamma)
    steps = torch.optim.SGD(net.parameters(), lr=0.05)
    for k in (0, 1):
        twin.end_task(net, rows[TASKS[k]], n)
        model.consolidate()
        target = model.target_.copy() if regression else None
        for first in range(TASKS[k + 1].start, TASKS[k + 1].stop, 5):
            part = slice(first, first + 5)
            outputs = net(rows[part])
            if target is not None:
                for value in y[part]:
                    target[0] += 1
                    gap = value - target[1]
                    target[1] += gap / target[0]
                    target[2] += gap * (value - target[1])
                due = (y[part] - target[1]) / np.sqrt(target[2] / target[0])
                loss_of = ((outputs[:, 0] - torch.tensor(due, dtype=torch.float32)) ** 2 / 2).mean()
            else:
                loss_of = torch.nn.functional.cross_entropy(outputs, torch.tensor(y[part]))
            steps.zero_grad()
            (loss_of + twin.term(net)).backward()
            steps.step()
        model.fit_many(X[TASKS[k + 1]], y[TASKS[k + 1]])
        _same_weights(model, net)


def test_lwf_equals_the_frozen_copy() -> None:
    model = TorchClassifier(**FIXED, penalty=LwF(strength=0.5, temperature=3.0))
    model.fit_many(X[TASKS[0]], Y[TASKS[0]]).consolidate()
    old = _bare(model)
    model.fit_many(X[240:245], Y[240:245])  # both new classes: the last layer is widened
    net, rows = _bare(model), torch.tensor(X, dtype=torch.float32)
    steps = torch.optim.SGD(net.parameters(), lr=0.05)
    for first in [*range(245, 360, 5), *range(120, 150, 5)]:
        part, target = slice(first, first + 5), torch.tensor(Y[first : first + 5])
        outputs = net(rows[part])
        losses = [
            torch.nn.functional.cross_entropy(out[2:][None], label[None] - 2)
            if label >= 2
            else torch.nn.functional.cross_entropy(out[None], label[None])
            for out, label in zip(outputs[:, :4], target)
        ]
        with torch.no_grad():
            due = old(rows[part])[:, :2]
        steps.zero_grad()
        (torch.stack(losses).mean() + 0.5 * naive.distilled(due, outputs[:, :2], 3.0)).backward()
        steps.step()
        model.fit_many(X[part], Y[part])
    _same_weights(model, net)


def test_springs_never_jump_beyond_their_anchor() -> None:
    y = X[:, 0] > 0
    for strength in (1e3, 1e9):
        model = TorchClassifier(**FIXED, penalty=EWC(strength=strength))
        model.fit_many(X[:240], y[:240]).consolidate()
        knew = model.predict_many(X) == y
        model.fit_many(X[240:], ~y[240:])
        assert np.isfinite(model.predict_proba_many(X)).all()
        assert (model.predict_many(X) == y).mean() > knew.mean() - 0.05


def _told(penalty: Any, **more: Any) -> Any:
    return TorchClassifier(**(FIXED | {"batch_size": 4} | more), penalty=penalty)


def test_lwf_is_checked_as_all_else() -> None:
    """Chunks, resuming, files, features that come; EWC is in the example of every check."""
    model = _told(LwF(every=90), standardize=True, batch_size=8, replay_size=9, replay_rows=2)
    checks.check_chunks_equal_rows(model)
    checks.check_resumes_from_state(model)
    checks.check_resumes_from_file(model)
    checks.check_features_come_and_go(model)


@pytest.mark.parametrize("penalty", [LwF(), EWC(n_rows=30)])
def test_memory_does_not_grow_with_tasks(penalty: Any, tmp_path: Path) -> None:
    model, sizes = _told(penalty), []
    for _ in range(4):
        model.fit_many(X, Y).consolidate()
        sizes.append(model.nbytes)
    assert sizes[0] == sizes[-1]
    again = load(save(model, tmp_path / "model.oml"))
    assert repr(again.penalty) == repr(penalty)
    assert_same_state(
        again.fit_many(X, Y).consolidate().get_state(),
        model.fit_many(X, Y).consolidate().get_state(),
    )


def test_rows_since_the_last_task_are_all_that_matters() -> None:
    model = _told(EWC(n_rows=16)).fit_many(X[:40], Y[:40])
    recent = {tuple(row) for row in model.recent_}
    assert len(recent) == 16
    assert recent < {tuple(row) for row in X[:40]}
    before = model.consolidate().get_state()
    assert_same_state(before, model.consolidate().get_state())  # nothing has come since
    model.fit_many(X[40:80], Y[40:80])
    assert {tuple(row) for row in model.recent_} < {tuple(row) for row in X[40:80]}
    assert _told(EWC()).consolidate().is_started is False


def test_replay_keeps_rows_as_they_came() -> None:
    """What the network gets is scaled when it is drawn: scales drift with the stream."""
    model = TorchClassifier(hidden=(4,), replay_size=5, replay_rows=2, seed=1)
    rows = np.cumsum(X, 0)
    rows[::7, 1] = np.nan
    model.fit_many(rows, Y)
    kept = {row.tobytes() for row in model.replay_}
    assert kept < {row.tobytes() for row in rows}


def test_an_alarm_in_a_graph_ends_a_task(tmp_path: Path) -> None:
    g = Graph("g")
    g.add("learner", _told(EWC(gamma=0.9, n_rows=20)), after="x")
    g.add("drift", DDM(), after=g.error_of("learner"))
    g.on("drift", consolidate("learner"))
    assert "consolidate learner" in str(g.draw())
    again = Graph.from_yaml(g.to_yaml())
    assert again.signals == g.signals
    y = (X[:, 0] > 0).astype(int)
    y[240:] = 1 - y[240:]
    for rows in (slice(0, 200), slice(200, 360)):
        assert not g.is_started or not g["learner"].kept_
        g.fit_many(X[rows], y[rows])
    assert g["learner"].kept_
    for x, label in zip(X, y):
        again.fit_one(x, int(label))
    assert_same_state(again.get_state()["nodes_"], g.get_state()["nodes_"])
    wrong = Graph("w")
    wrong.add("learner", GaussianNB(), after="x")
    wrong.add("drift", DDM(), after=wrong.error_of("learner"))
    with pytest.raises(ValueError, match="consolidate: got 'learner'"):
        wrong.on("drift", consolidate("learner"))


@pytest.mark.parametrize(
    ("penalty", "named"),
    [
        ("EWC", "penalty"),
        (GaussianNB(), "penalty"),
        (EWC(strength=0.0), "strength"),
        (EWC(gamma=1.5), "gamma"),
        (EWC(n_rows=0), "n_rows"),
        (EWC(every=0, gamma=0.5), "every"),
        (EWC(every=100), "every"),
        (EWC(every=100, gamma=1.0), "every"),
        (LwF(strength=float("nan")), "strength"),
        (LwF(temperature=-1.0), "temperature"),
        (LwF(every=2.5), "every"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_used_is_named(penalty: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        TorchClassifier(penalty=penalty).fit_one(X[0], 1)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="compares classes"):
        TorchRegressor(penalty=LwF()).fit_one(X[0], 1.0)
    with pytest.raises(ValueError, match="cross-entropy"):
        TorchClassifier(penalty=LwF(), loss=lambda out, y: out[:, 0]).fit_one(X[0], 1)
    with pytest.raises(ValueError, match=r"^penalty: got None"):
        TorchClassifier().consolidate()
