"""Graphs equal a naive twin that calls their nodes one by one; what cannot be wired is refused."""

from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.base import Classifier, Regressor, Transformer
from onlineml.checks import assert_same_state, cut, rows, targets
from onlineml.detectors import ADWIN, DDM, DeviationFromMean, HalfSpaceTrees
from onlineml.graph import Graph, GraphClassifier, Label, Sample, refit, replace, reset
from onlineml.learners import GaussianNB, LinearRegression, MajorityClassifier, SoftmaxRegression
from onlineml.transforms import StandardScaler
from tests.graph.random_graphs import random_graph
from tests.naive.graph import NaiveGraph


def stream(g: Any, seed: int, n_rows: int = 300) -> tuple[Any, Any]:
    X, score = rows(seed, n_rows)
    return X, targets(g, score)


def assert_same_nodes(naive: NaiveGraph, g: Any) -> None:
    for name, node in naive.nodes.items():
        ours = g[name].get_state()
        assert_same_state(node.get_state() | {"schema_": 0}, ours | {"schema_": 0}, name)
    assert g.n_alarms_ == naive.n_alarms


@pytest.mark.parametrize("seed", range(16))
def test_random_graphs_equal_their_naive_twin(seed: int) -> None:
    g = random_graph(seed)
    X, y = stream(g, seed)
    naive = NaiveGraph(list(g.nodes), list(g.signals))
    due = [naive.fit_one(x, label)[g.outputs[0]] for x, label in zip(X, y)]
    by_row, said = g.clone(), []
    for x, label in zip(X, y):
        said.append(by_row.predict_one(x))
        by_row.fit_one(x, label)
    assert said == due
    assert_same_nodes(naive, by_row)
    for chunking in (seed, -1):
        chunked, said = g.clone(), []
        for part in cut(chunking, len(X)) if chunking >= 0 else [slice(0, len(X))]:
            said += chunked.predict_fit_many(X[part], y[part]).tolist()
        assert said == due
        assert_same_nodes(naive, chunked)


@pytest.mark.parametrize("seed", [0, 3, 5, 9])
def test_whatever_happens_between_serving_and_learning_a_row(seed: int) -> None:
    plain, busy = random_graph(seed), random_graph(seed)
    X, y = stream(plain, seed)
    names = [name for name, _, _ in plain.nodes]
    between = (
        lambda i: busy.predict_one(X[i - 1]),
        lambda i: busy.predict_many(X[:3]),
        lambda i: [g.take_one(Sample(X[i], i)) for g in (plain, busy)],
        lambda i: [g.take_one(Label(i - 1, y[i - 1])) for g in (plain, busy)],
        lambda i: [g.fit_many(X[:3], y[:3]) for g in (plain, busy)],
        lambda i: None,
        lambda i: [g.set_state(g.get_state()) for g in (plain, busy)],
    )
    for i, (x, label) in enumerate(zip(X, y)):
        busy.predict_one(x)
        between[i % len(between)](i)
        if i > 200:  # nodes that were handed out may be trained behind the back of the graph
            for g in (plain, busy):
                g[names[0]].fit_one(X[0], y[0])
        plain.fit_one(x, label)
        busy.fit_one(x, label)
    assert_same_state(plain.get_state(), busy.get_state())


def test_the_random_graphs_are_alarmed_and_of_all_kinds() -> None:
    graphs = [random_graph(seed) for seed in range(16)]
    actions = {signal[1] for g in graphs for signal in g.signals}
    assert actions == {"reset", "refit", "replace"}
    assert any(g._wiring.widens for g in graphs)
    assert any(g._wiring.loops for g in graphs)
    assert any(g._wiring.bound and g._wiring.free for g in graphs)


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_and_files_in_mid_stream(seed: int, tmp_path: Any) -> None:
    g = random_graph(seed)
    X, y = stream(g, seed)
    weight = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 2.0], len(X))
    many, ones = g.clone().fit_many(X, y, weight=weight), g.clone()
    for i, x in enumerate(X):
        ones.fit_one(x, y[i], weight=float(weight[i]))
        if i == 150:
            ones = load(save(ones, tmp_path / "g.oml"))
    assert_same_state(many.get_state(), ones.get_state())


# -------------------------------------------------------------------- roles


def test_the_role_is_that_of_the_last_node_that_answers() -> None:
    g = Graph("g")
    assert not isinstance(g, Classifier)
    g.add("scale", StandardScaler(), after="x")
    assert isinstance(g, Transformer)
    g.add("learner", GaussianNB(), after="scale")
    assert isinstance(g, GraphClassifier)
    g.add("drift", ADWIN(), after=g.error_of("learner"))
    assert isinstance(g, Classifier)
    g.output("scale")
    assert isinstance(g, Transformer)
    X, _ = rows(0, 50)
    alone = StandardScaler()
    np.testing.assert_array_equal(g.transform_fit_many(X), alone.transform_fit_many(X))


def test_a_detector_inside_gives_a_column_to_the_learner() -> None:
    g = Graph("g")
    g.add("strange", DeviationFromMean(), after="x")
    g.add("learner", LinearRegression(), after=("x", "strange"))
    X, y = stream(g, 1)
    said = g.predict_fit_many(X, y)
    scores = DeviationFromMean().score_fit_many(X)
    np.testing.assert_array_equal(
        said, LinearRegression().predict_fit_many(np.column_stack([X, scores]), y)
    )
    assert isinstance(g, Regressor)
    assert g["learner"].schema_.n_features == 6


def test_probabilities_are_handed_over_and_classes_may_come() -> None:
    g = Graph("stack")
    g.add("first", GaussianNB(), after="x")
    g.add("second", SoftmaxRegression(), after=("first", "x"))
    X, y = stream(g, 2)
    g.fit_many(X, y)
    assert g["second"].schema_.n_features == 8  # two probabilities, the row, one that came later
    assert g.predict_proba_one(X[0]).shape == (3,)


def test_names_of_columns_tell_their_source() -> None:
    g = Graph("g")
    g.add("scale", StandardScaler(), after="x")
    g.add("strange", DeviationFromMean(), after="scale")
    g.add("learner", GaussianNB(), after=("x", "scale", "strange"))
    g.fit_one({"a": 1.0, "b": 2.0}, "p").fit_one({"a": 1.0, "c": "red"}, "q")
    names = ("a", "b", "scale.a", "scale.b", "strange.answer", "c", "scale.c")
    assert g["learner"].schema_.names == names
    assert g["learner"].schema_.nominal == {5: ("red",), 6: ("red",)}
    assert g.predict_one({"c": "red"}) in ("p", "q")


def test_a_function_may_be_the_signal() -> None:
    seen = []
    g = Graph("g")
    g.add("learner", MajorityClassifier(), after="x")
    g.add("drift", DDM(), after=g.error_of("learner"))
    g.on("drift", lambda graph: seen.append(graph.n_samples_), reset("learner"))
    g.fit_many(np.zeros((200, 1)), [0] * 100 + [1] * 100)
    twin = g.clone()
    for label in [0] * 100 + [1] * 100:
        twin.fit_one([0.0], label)
    assert len(seen) == g.n_alarms_ // 2 + twin.n_alarms_ // 2 > 0
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    assert g.resets_ == [g.n_alarms_ // 2, 0]


# -------------------------------------------------------------------- parameters and faults


def test_parameters_of_nodes_by_name() -> None:
    g = random_graph(0)
    g = Graph("g")
    g.add("trees", HalfSpaceTrees(n_trees=3), after="x")
    assert g.get_params()["trees__n_trees"] == 3
    g.set_params(trees__n_trees=5, name="wide")
    assert (g["trees"].n_trees, g.name) == (5, "wide")
    assert repr(g) == "Graph('wide': x > trees=HalfSpaceTrees(n_trees=5))"
    with pytest.raises(ValueError, match="bushes__n_trees"):
        g.set_params(bushes__n_trees=5)
    with pytest.raises(ValueError, match=r"node 'trees' of graph 'wide'.*n_leaves"):
        g.set_params(trees__n_leaves=5)


def test_complaints_name_the_node() -> None:
    g = Graph("g")
    g.add("slow", StandardScaler(), after="x")
    g.add("learner", GaussianNB(var_floor=-1.0), after="slow")
    with pytest.raises(ValueError, match=r"node 'learner' of graph 'g': var_floor"):
        g.fit_one([1.0], "a")


def test_failures_within_a_node_name_it() -> None:
    class Broken(StandardScaler):
        """Fails."""

        _kernel = None

        def _run(self, *args: Any) -> None:
            raise RuntimeError("no way")

    g = Graph("g")
    g.add("fine", StandardScaler(), after="x")
    g.add("bad", Broken(), after="fine")
    for call in (g.fit_many, lambda X: g.fit_one(X[0]), lambda X: g.transform_one(X[0])):
        with pytest.raises(RuntimeError) as caught:
            call([np.array([1.0])])
        assert caught.value.__notes__ == ["in node 'bad' of graph 'g'"]


def _plain() -> Any:
    g = Graph("g")
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", GaussianNB(), after="scale")
    g.add("drift", ADWIN(), after=g.error_of("learner"))
    return g


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda g: g.add("x", GaussianNB()), "name: got 'x'"),
        (lambda g: g.add("a__b", GaussianNB()), "name: got 'a__b'"),
        (lambda g: g.add("scale", GaussianNB()), "name: got 'scale'"),
        (lambda g: g.add("b", 3), "node 'b': got 3"),
        (lambda g: g.add("b", GaussianNB(), "later"), "after of 'b': got 'later'"),
        (lambda g: g.add("b", GaussianNB(), ()), "after of 'b'"),
        (lambda g: g.add("b", GaussianNB(), "drift"), "after of 'b': got 'drift'"),
        (lambda g: g.add("b", ADWIN(), g.error_of("scale")), "error of a classifier"),
        (lambda g: g.add("b", ADWIN(), ("x", g.error_of("learner"))), "all known when the row"),
        (lambda g: g.add("b", GaussianNB(), g.error_of("learner")), "needs no label after errors"),
        (lambda g: g.add("b", LinearRegression()), "learners of one kind"),
        (lambda g: g.on("scale", reset("learner")), "signal: got 'scale'"),
        (lambda g: g.on("drift", reset("lerner")), "reset: got 'lerner'"),
        (lambda g: g.on("drift", reset()), "signal: got"),
        (lambda g: g.on("drift", replace("scale", by="learner")), "replace: got 'learner'"),
        (lambda g: g.on("drift", refit("scale", last=0)), "refit: got 0"),
        (lambda g: g.output("drift"), "outputs: got 'drift'"),
        (lambda g: g.fit_one([1.0], "a").add("b", GaussianNB()), "has not started"),
        (lambda g: g.add("b", ADWIN(), "x") or g.fit_one([1.0, 2.0], 0), "a source of one number"),
        (lambda g: g.set_params(outputs=("scale",)).fit_one([1.0], 0), "a GraphClassifier"),
    ],
)
def test_what_cannot_be_wired_is_refused(fault: Any, words: str) -> None:
    g = _plain()
    before = repr(g)
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        fault(g)
    if not g.is_started and "max" not in words:
        assert repr(g) == before or "number" in words


def test_a_row_that_would_grow_cannot_be_the_output() -> None:
    g = Graph("g")
    g.add("learner", GaussianNB(), after="x")
    g.add("scale", StandardScaler(), after="learner")
    with pytest.raises(ValueError, match="their number may grow"):
        g.fit_one([1.0])
