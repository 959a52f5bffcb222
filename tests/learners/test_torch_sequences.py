"""Recurrent learners of torch: equal to rows walked one by one, remembering, one state a key."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import checks, load, save
from onlineml.checks import assert_same_state
from onlineml.learners import TorchRegressor, TorchSequenceClassifier, TorchSequenceRegressor
from tests.learners.test_torch_learners import standardized
from tests.naive.torch_sequence import TorchSequence as Naive

torch = pytest.importorskip("torch")

CELLS = ["gru", "lstm", "ssm"]
X = np.random.default_rng(0).normal(size=(2000, 2))


def tanh_net(n_inputs: int, n_outputs: int) -> Any:
    """A network as a user would hand it over: dropout, and a state of two tensors."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter = torch.nn.Linear(n_inputs, 12)
            self.back = torch.nn.Linear(12, 12)
            self.drop = torch.nn.Dropout(0.1)
            self.head = torch.nn.Linear(12, n_outputs)

        def forward(self, rows: Any, state: Any) -> Any:
            h, age = (torch.zeros(12), torch.zeros(())) if state is None else state
            units = []
            for entered in self.enter(rows):
                h = torch.tanh(entered + self.back(h))
                units.append(h)
            return self.head(self.drop(torch.stack(units))), (h, age + len(rows))

    return Net()


@pytest.mark.parametrize("cell", CELLS)
def test_a_row_alone_is_answered_as_among_others(cell: Any) -> None:
    rows = X[:40].astype(np.float32)
    model: Any = TorchSequenceRegressor(cell=cell, hidden=6, seed=1).fit_many(X[:64], X[:64, 0])
    net, state, found = model._network(), None, []
    due, last = net.carry(rows, None)
    for i in range(len(rows)):
        outputs, state = net.carry(rows[i : i + 1], state)
        found.append(outputs)
    np.testing.assert_allclose(np.concatenate(found), due, atol=1e-6)
    np.testing.assert_allclose(state, last, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_equals_rows_walked_one_by_one(cell: Any) -> None:
    rng = np.random.default_rng(1)
    rows, keys, y = X[:120], rng.choice([3.0, 5.0, 8.0], 120), rng.normal(5.0, 2.0, 120)
    model: Any = TorchSequenceRegressor(
        cell=cell, hidden=5, truncation=4, key=2, optimizer="SGD", learning_rate=0.1, seed=1
    )
    data = np.column_stack([rows, keys])
    first = model.clone().start(model._first_schema(data)).get_state()["net_"]
    twin = Naive(cell, first, 4, 0.1)
    seen = np.column_stack([standardized(rows), np.zeros(120, np.float32)])
    for i, key in enumerate(keys):
        due = twin.predict(key, seen[i])
        assert model.predict_one(data[i]) == pytest.approx(due, rel=1e-4, abs=1e-4)
        model.fit_one(data[i], y[i])
        twin.fit(key, seen[i], y[i])
    net = model.get_state()["net_"]
    for name, value in twin.weights.items():
        due = value.detach().numpy()
        np.testing.assert_allclose(net[f"module.{name}"], due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_what_came_three_rows_before_is_remembered(cell: Any) -> None:
    x = np.tile(X[:, :1], (2, 1))
    y = 10.0 + 3.0 * np.roll(x[:, 0], 3)
    model = TorchSequenceRegressor(cell=cell, hidden=16, truncation=8, seed=1)
    errors = np.abs(model.predict_fit_many(x, y) - y)[-500:].mean()
    without = TorchRegressor(hidden=(16,), batch_size=8, learning_rate=0.01, seed=1)
    blind = np.abs(without.predict_fit_many(x, y) - y)[-500:].mean()
    assert errors < 0.9 < 2.0 < blind


def test_parity_of_the_last_three_bits() -> None:
    x = np.random.default_rng(2).integers(0, 2, 6000)
    y = (x + np.roll(x, 1) + np.roll(x, 2)) % 2
    model = TorchSequenceClassifier(hidden=16, truncation=8, learning_rate=0.02, seed=1)
    right = model.predict_fit_many(x[:, None], y) == y
    assert right[-500:].mean() > 0.95


def test_every_key_has_a_state_of_its_own() -> None:
    rng = np.random.default_rng(3)
    keys = rng.choice(["a", "b", "c"], 3000)
    x, last, y = rng.normal(size=3000), {"a": 0.0, "b": 0.0, "c": 0.0}, np.zeros(3000)
    for i, key in enumerate(keys):
        y[i], last[key] = last[key], x[i]
    rows = [{"x": value, "who": key} for value, key in zip(x.tolist(), keys.tolist())]
    errors = []
    for key in ("who", None):
        model = TorchSequenceRegressor(hidden=16, truncation=8, key=key, seed=1)
        errors.append(np.abs(model.predict_fit_many(rows, y) - y)[-500:].mean())
    assert errors[0] < 0.3 < 0.5 < errors[1]


@pytest.mark.parametrize(
    "check", ["chunks_equal_rows", "weights_by_row", "resumes_from_state", "memory_is_bounded"]
)
def test_promises_hold_while_keys_come_and_go(check: str) -> None:
    """Column 4 of the checks' rows is mostly one number, now and then another or missing."""
    model = TorchSequenceRegressor(hidden=4, truncation=8, key=4, max_keys=2, seed=1)
    dict(checks.all_checks())[f"check_{check}"](model)


def test_keys_beyond_the_limit_are_dropped_and_counted() -> None:
    model: Any = TorchSequenceRegressor(hidden=4, truncation=4, key=1, max_keys=2, seed=1)
    for i in range(40):
        model.fit_one([X[i, 0], i % 2], X[i, 1])
    assert model.diagnostics() == {"n_keys_dropped": 0.0}
    new = model.predict_one([0.5, 7.0])
    assert model.predict_one([0.5, 0.0]) != new
    model.fit_one([X[40, 0], 7.0], 0.0)  # takes the place of key 0
    assert model.diagnostics() == {"n_keys_dropped": 1.0}
    assert model.predict_one([0.5, 0.0]) == model.predict_one([0.5, 99.0])
    assert model.predict_one([0.5, 1.0]) != model.predict_one([0.5, 99.0])


def test_an_answer_does_not_move_the_state() -> None:
    model = TorchSequenceRegressor(hidden=4, truncation=8, seed=1).fit_many(X[:50], X[:50, 0])
    before = [model.predict_one(X[50]) for _ in range(3)]
    np.testing.assert_allclose(model.predict_many(X[50:52])[0], before[0])
    assert len(set(before)) == 1
    model.fit_one(X[50], 0.0)
    assert model.predict_one(X[50]) != before[0]
    np.testing.assert_allclose(model.embed_many(X[50:52])[1], model.embed_one(X[51]), rtol=1e-5)


@pytest.mark.parametrize("module", [None, tanh_net])
def test_is_saved_and_goes_on(module: Any, tmp_path: Path) -> None:
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1.0)
    model = TorchSequenceClassifier(module=module, cell="lstm", truncation=6, seed=1)
    model.fit_many(X[:200], y[:200])
    path = save(model, tmp_path / "model.oml", trusted_pickle=True)
    again = load(path, trusted_pickle=True)
    assert_same_state(
        again.fit_many(X[200:500], y[200:500]).get_state(),
        model.fit_many(X[200:500], y[200:500]).get_state(),
    )
    assert (model.predict_fit_many(X[500:], y[500:]) == y[500:])[-300:].mean() > 0.8
    np.testing.assert_allclose(again.carried_.shape, (1, 13 if module else 64))


def test_new_features_and_classes_leave_the_state() -> None:
    model = TorchSequenceClassifier(cell="ssm", hidden=6, truncation=5, seed=1)
    for i in range(203):
        model.fit_one({"a": X[i, 0], "b": X[i, 1]}, ["low", "high"][int(X[i, 0] > 0)])
    row = {"a": 0.3, "b": 0.1}
    before = model.predict_proba_one({**row, "c": 1.0})
    model.fit_one({**row, "c": 1.0}, "high")
    assert np.abs(model.predict_proba_one(row) - before).max() < 0.3
    for name in ("mid", "other", "last"):
        model.fit_one({**row, "c": 1.0}, name)
    assert len(model.predict_proba_one(row)) == 5


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"cell": "rnn"}, "cell"),
        ({"hidden": 0}, "hidden"),
        ({"truncation": 0}, "truncation"),
        ({"max_keys": 0}, "max_keys"),
        ({"key": "who"}, "key"),
        ({"key": 2}, "key"),
        ({"loss": "hinge"}, "loss"),
        ({"module": lambda n, m: torch.nn.GRU(n, m)}, "module"),
    ],
)
def test_what_cannot_be_used_is_named(parameters: dict[str, Any], named: str) -> None:
    model = TorchSequenceRegressor(**parameters)
    with pytest.raises(ValueError, match=f"^{named}: got"):
        model.fit_one(X[0], 1.0)
    assert not model.is_started
