"""A trained network under shift: equal to plain torch, in graphs and evaluations, and its worth."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import Graph, chain, load, prequential, save
from onlineml.active import Budget, ClusterSampling, consult
from onlineml.checks import assert_same_state
from onlineml.graph import Label, Sample
from onlineml.learners import ActiveAdapter, LossFilter
from onlineml.transforms import StandardScaler

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
CENTERS = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
CLASSES = ("east", "north", "south")


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    """Small networks are slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def groups(n_rows: int, turned: float = 0.0, seed: int = 0) -> tuple[Any, Any]:
    """Three groups around the origin, turned by up to an angle in the course of the rows."""
    random = np.random.default_rng(seed)
    code = random.integers(3, size=n_rows)
    X = CENTERS[code] + 0.4 * random.normal(size=(n_rows, 2))
    angle = np.linspace(0.0, turned, n_rows)
    cosine, sine = np.cos(angle), np.sin(angle)
    X = np.column_stack([cosine * X[:, 0] - sine * X[:, 1], sine * X[:, 0] + cosine * X[:, 1]])
    return X, np.array(CLASSES)[code]


def trained(seed: int = 0) -> Any:
    """A network that knows the groups as they are before they turn."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    X, y = groups(300, seed=9)
    rows = torch.tensor(X, dtype=torch.float32)
    codes = torch.tensor([CLASSES.index(label) for label in y])
    steps = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(150):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(net(rows), codes).backward()
        steps.step()
    return net


NET = trained()


def adapter(**params: Any) -> ActiveAdapter:
    return ActiveAdapter(module=NET, classes=CLASSES, seed=4, **params)


def test_equals_plain_torch() -> None:
    from tests.naive.active_adapter import NaiveAdapter

    X, y = groups(400, turned=1.0)
    twin = NaiveAdapter(
        NET, 3, rate=0.02, n_steps=3, size=5, share=0.4, calm_below=0.03, sure_below=0.2, most=25,
        seed=4,
    )  # fmt: skip
    model = adapter(
        learning_rate=0.02, n_steps=3, batch_size=5, label_share=0.4, source_below=0.03,
        sure_below=0.2, n_source=25, n_labeled=25,
    )  # fmt: skip
    model.notice_many(X[:3])
    for x in torch.tensor(X[:3], dtype=torch.float32):
        twin.notice(x)
    for i in range(3, 400):
        x = torch.tensor(X[i], dtype=torch.float32)
        model.notice_one(X[i])
        twin.notice(x)
        if i % 9 == 0:
            model.fit_one(X[i], y[i])
            twin.learn(x, CLASSES.index(y[i]))
    assert len(twin.anchors) == 25 < twin.n_taken
    assert 0 < model.diagnostics()["source_anchors"] < 25
    np.testing.assert_allclose(model.anchors_, np.array([a[0].numpy() for a in twin.anchors]))
    assert model.anchor_codes_.tolist() == [a[2] for a in twin.anchors]
    due = twin.now(torch.tensor(X, dtype=torch.float32)).softmax(1).detach().numpy()
    np.testing.assert_allclose(model.predict_proba_many(X), due, atol=1e-4)
    assert np.abs(due - NET(torch.tensor(X).float()).softmax(1).detach().numpy()).max() > 0.1


def test_answers_before_any_data_and_changes_no_module() -> None:
    X, y = groups(200, seed=1)
    before = deepcopy(NET.state_dict())
    model = adapter()
    assert model.predict_one(X[0]) == y[0]
    assert (model.predict_many(X) == y).mean() > 0.98
    assert not model.is_started
    assert model.predict_proba_one(X[0]).shape == (3,)
    model.notice_many(X).fit_many(X[:50], y[::-1][:50])
    for name, value in NET.state_dict().items():
        assert torch.equal(value, before[name])


def test_notice_by_row_equals_by_chunk_and_changes_no_answer() -> None:
    X, y = groups(200, turned=0.5)
    by_row, by_chunk = adapter(batch_size=6), adapter(batch_size=6)
    by_chunk.notice_many(X[:77]).fit_many(X[70:77], y[70:77]).notice_many(X[77:])
    for x in X[:77]:
        by_row.notice_one(x)
    by_row.fit_many(X[70:77], y[70:77])
    said = by_row.predict_proba_many(X)
    for x in X[77:]:
        by_row.notice_one(x)
    np.testing.assert_array_equal(said, by_row.predict_proba_many(X))
    assert_same_state(by_row.get_state(), by_chunk.get_state())


def test_anchors_are_bounded_and_balanced() -> None:
    X, y = groups(2000)
    rare = (y != "south") | (np.arange(2000) % 10 == 0)
    model = adapter(n_source=30, batch_size=4).notice_many(X[rare])
    counts = np.bincount(model.anchor_codes_, minlength=3)
    assert counts.tolist() == [10, 10, 10]
    assert model.diagnostics()["anchors"] == 30


def test_a_new_class_widens_the_module(tmp_path: Path) -> None:
    X, y = groups(120)
    y = np.where(np.arange(120) % 5 == 0, "middle", y.astype(object))
    X[::5] *= 0.05
    model = adapter(n_steps=10).notice_many(X).fit_many(X, y)
    assert model.classes_ == [*CLASSES, "middle"]
    assert model.predict_one([0.0, 0.0]) == "middle"
    path = save(model, tmp_path / "model.onl", trusted_pickle=True)
    np.testing.assert_array_equal(
        load(path, trusted_pickle=True).predict_proba_many(X), model.predict_proba_many(X)
    )


def test_a_single_layer_takes_a_new_class() -> None:
    X, y = groups(60)
    model = ActiveAdapter(module=torch.nn.Linear(2, 2), classes=("east", "north"), seed=1)
    assert model.fit_many(X, y).predict_proba_one(X[0]).shape == (3,)


def test_a_perceptron_with_weights_is_saved_without_pickle(tmp_path: Path) -> None:
    X, y = groups(60)
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    model = ActiveAdapter(hidden=(8,), weights=weights, classes=CLASSES, seed=1).notice_many(X)
    due = net(torch.tensor(X).float()).softmax(1).detach().numpy()
    np.testing.assert_allclose(model.predict_proba_many(X), due, atol=1e-6)
    other = load(save(model.fit_many(X, y), tmp_path / "model.onl"))
    assert_same_state(model.get_state(), other.get_state())


def graph(budget: float) -> Any:
    g = Graph("shift")
    g.add("net", adapter(n_steps=3), after="x")
    g.add("ask", ClusterSampling(budget=budget, seed=1), after="net")
    return g


def test_in_a_graph_it_takes_note_of_every_row() -> None:
    X, y = groups(300, turned=1.2)
    alone, asker = adapter(n_steps=3), ClusterSampling(budget=0.1, seed=1)
    for i, x in enumerate(X):
        asked = asker.query_fit_one(x, alone.predict_proba_one(x), id=i).ask
        alone.notice_one(x)
        if asked:
            alone.fit_one(x, y[i])
    g = graph(0.1)
    for i, x in enumerate(X):
        answer = g.take_one(Sample(x, i))
        if answer.ask:
            assert g.take_one(Label(i, y[i]))
    with_labels, by_chunk = graph(0.1), graph(0.1)
    with_labels.take_many([Sample(x, i, label) for i, (x, label) in enumerate(zip(X, y))])
    by_chunk.fit_many(X[:123], y[:123]).fit_many(X[123:], y[123:])
    for other in (g, with_labels, by_chunk):
        assert_same_state(alone.get_state(), other["net"].get_state())
    assert alone.diagnostics()["anchors"] > 50


def test_samples_of_a_graph_by_chunk_equal_those_by_row() -> None:
    X, _ = groups(100)
    by_row, by_chunk = graph(0.1), graph(0.1)
    by_chunk.take_many([Sample(x, i) for i, x in enumerate(X)])
    for i, x in enumerate(X):
        by_row.take_one(Sample(x, i))
    assert_same_state(by_row["net"].get_state(), by_chunk["net"].get_state())
    assert by_chunk["net"].diagnostics()["anchors"] > 20


def test_follows_the_shift_under_a_label_budget() -> None:
    """The groups turn by 100 degrees: each comes to lie where another was."""
    X, y = groups(500, turned=1.75, seed=2)
    budget = Budget(total=40, horizon=500)
    still = float((adapter().predict_many(X) == y).mean())
    assert still < 0.65
    result = prequential(
        {"net": adapter(n_steps=10), "scaled": chain(StandardScaler(), adapter(n_steps=2))},
        (X, y),
        strategies=[ClusterSampling(seed=1)],
        budgets=budget,
        baselines=False,
    )
    net, scaled = result.runs
    assert net.totals["accuracy"] > 0.78
    assert net.n_asked == scaled.n_asked == 40
    model, asker = adapter(n_steps=10), ClusterSampling(budget=budget, seed=1)
    said = dict(consult(model, asker, enumerate(X), lambda i, x: y[i]))
    right = float(np.mean([said[i] == label for i, label in enumerate(y)]))
    assert right == pytest.approx(net.totals["accuracy"])


def test_anchors_keep_what_was_known() -> None:
    """Labels of rows between two groups only: the one that they are not of is not forgotten."""
    X, y = groups(500, seed=3)
    between = 0.7 * CENTERS[1] + 0.2 * RNG.normal(size=(40, 2))
    right = {}
    for notes in (False, True):
        model = adapter(n_steps=10)
        if notes:
            model.notice_many(X)
        model.fit_many(between, ["east"] * 40)
        right[notes] = float((model.predict_many(X) == y).mean())
    assert right[True] > 0.8
    assert right[False] < right[True] - 0.1


@pytest.mark.parametrize(
    ("params", "named"),
    [({"n_steps": 0}, "n_steps"), ({"label_share": 2.0}, "label_share"),
     ({"classes": ("a", "a")}, "classes"), ({"weights": {"x": np.zeros(2)}}, "weights"),
     ({"module": 3}, "module"), ({"learning_rate": 0.0}, "learning_rate")],
)  # fmt: skip
def test_wrong_parameters_are_named(params: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ActiveAdapter(**params).notice_one([1.0, 2.0])


def test_what_cannot_be_is_refused_by_name() -> None:
    X, y = groups(10)
    with pytest.raises(ValueError, match="module"):
        adapter().notice_one([1.0])
    around = LossFilter(base=adapter())
    with pytest.raises(ValueError, match="knows its classes"):
        around.fit_many(X, y[::-1])
