"""Graphs as YAML: what is written is read again, and what cannot be read is told in a line."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, MarginSampling
from onlineml.detectors import ADWIN, CalibratedDetector, HalfSpaceTrees
from onlineml.graph import Graph, chain, refit, refund, replace, reset
from onlineml.graph.specs import build_model, parse, spec_of, written
from onlineml.learners import GaussianNB, KNNClassifier
from onlineml.transforms import MeanImputer, StandardScaler
from tests.examples import example
from tests.graph.random_graphs import random_graph

FRAUD = """\
graph: fraud
nodes:
  scale: {model: MeanImputer | StandardScaler, after: x}
  strange: {model: CalibratedDetector(base=HalfSpaceTrees(seed=1)), after: scale}
  learner:
    model: KNNClassifier(n_neighbors=3)
    after: [scale, strange]
  spare: {model: KNNClassifier, after: [scale, strange]}
  ask: {model: 'MarginSampling(budget=Budget(rate=0.05), seed=1)', after: learner}
  drift: {model: ADWIN(delta=1e-05), after: error_of(learner)}
signals:
  drift:
  - reset: [scale, strange]
  - {replace: learner, by: spare}
  - {refit: learner, last: 20}
  - {refund: ask, n_labels: 5}
output: learner
remember: 50
"""


def fraud() -> Any:
    g = Graph("fraud", remember=50)
    g.add("scale", chain(MeanImputer(), StandardScaler()), after="x")
    g.add("strange", CalibratedDetector(base=HalfSpaceTrees(seed=1)), after="scale")
    g.add("learner", KNNClassifier(n_neighbors=3), after=("scale", "strange"))
    g.add("spare", KNNClassifier(), after=("scale", "strange"))
    g.add("ask", MarginSampling(budget=Budget(rate=0.05), seed=1), after="learner")
    g.add("drift", ADWIN(delta=1e-5), after=g.error_of("learner"))
    g.on("drift", reset("scale", "strange"), replace("learner", by="spare"))
    g.on("drift", refit("learner", last=20), refund("ask", n_labels=5))
    g.output("learner")
    return g


def test_a_graph_is_read_as_one_would_write_it(tmp_path: Any) -> None:
    file = tmp_path / "fraud.yaml"
    file.write_text(FRAUD)
    for source in (FRAUD, file, str(file)):
        g = Graph.from_yaml(source)
        assert repr(g) == repr(fraud())
        assert g.signals == fraud().signals
        assert g.get_params(deep=False).keys() == fraud().get_params(deep=False).keys()
        assert (g.outputs, g.remember, g.max_pending) == (("learner",), 50, 10_000)


@pytest.mark.parametrize("name", [3, None, "", [GaussianNB()]])
def test_a_name_is_text(name: Any) -> None:
    g = Graph(name)
    g.add("learner", GaussianNB(), after="x")
    for tried in (lambda: g.fit_one([1.0], "a"), g.to_yaml):
        with pytest.raises(ValueError, match=r"name: got .*, expected text"):
            tried()


@pytest.mark.parametrize("seed", range(12))
def test_what_is_written_is_read(seed: int) -> None:
    g = random_graph(seed)
    again = Graph.from_yaml(g.to_yaml())
    assert repr(again) == repr(g)
    assert (again.signals, again.outputs) == (g.signals, g.outputs)
    assert again.to_yaml() == g.to_yaml()


@pytest.mark.parametrize("name", ["GraphClassifier", "GraphDetector", "GraphTransformer"])
def test_graphs_of_all_roles(name: str) -> None:
    g: Any = example(name)
    again = Graph.from_yaml(g.to_yaml())
    assert type(again) is type(g)
    assert repr(again) == repr(g)


def test_several_outputs() -> None:
    g = fraud()
    g.output("learner", "strange")
    assert Graph.from_yaml(g.to_yaml()).outputs == ("learner", "strange")


def test_a_node_may_be_a_graph() -> None:
    outer = Graph("outer")
    outer.add("inner", fraud(), after="x")
    outer.add("drift", ADWIN(), after=outer.error_of("inner"))
    assert repr(Graph.from_yaml(outer.to_yaml())) == repr(outer)


def test_parameters_as_text() -> None:
    model = KNNClassifier(n_neighbors=int(np.int64(3)))
    assert written(spec_of(model)) == "KNNClassifier(n_neighbors=3)"
    spec = {"name": "GaussianNB", "params": {"var_floor": float("inf")}}
    assert parse(written(spec)) == spec
    assert written({"name": "A", "params": {"b": (1,)}}) == "A(b=(1,))"
    with pytest.raises(ValueError, match=r"GaussianNB.var_floor: got .*, expected what can be"):
        spec_of(GaussianNB(var_floor=print))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown model 'Qqqq': see"):
        build_model(parse("Qqqq"))


def test_what_has_no_place_in_a_text_is_refused() -> None:
    g = fraud()
    g.on("drift", print)
    with pytest.raises(ValueError, match="signal on 'drift': got <built-in function print>"):
        g.to_yaml()
    g = Graph("g")
    g.add("learner", GaussianNB(var_floor=print), after="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"node 'learner': GaussianNB.var_floor"):
        g.to_yaml()


NODE = "graph: g\nnodes:\n  a: {model: GaussianNB}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("graph: g\n", "nodes: got None"),
        ("- 1\n- 2\n", r"graph: got \[1, 2\], expected keys and values"),
        ("graph: [\n", "line 2, column 1: expected the node content"),
        ("graph: 3\nnodes: {a: GaussianNB}\n", "graph: got 3, expected a name"),
        (NODE + "sigals: {}\n", "unknown key of graph 'sigals': did you mean signals?"),
        (NODE + "remember: many\n", "remember: got 'many'"),
        (NODE + "output: b\n", "outputs: got 'b'"),
        (NODE + "  a: {model: GaussianNB}\n", "'a' is given twice"),
        ("nodes:\n  a: {modle: GaussianNB}\n", "unknown key of node 'a' 'modle': did you mean mo"),
        ("nodes:\n  a: {after: x}\n", "node 'a': got .*, expected a model"),
        ("nodes:\n  a: {model: 3}\n", "model of 'a': got 3"),
        ("nodes:\n  a: {model: GausianNB}\n", "node 'a': unknown model 'GausianNB': did you mean"),
        ("nodes:\n  a: GaussianNB(varfloor=1)\n", "node 'a': unknown parameter of GaussianNB"),
        ("nodes:\n  a: GaussianNB(\n", "cannot read"),
        ("nodes:\n  a: {model: GaussianNB, after: 3}\n", "after of 'a': got 3"),
        ("nodes:\n  a: {model: GaussianNB, after: b}\n", "after of 'a': got 'b', expected one of"),
        (NODE + "signals: {a: [{reset: a}]}\n", "signal: got 'a', expected the name of a drift"),
        (NODE + "signals: {a: reset}\n", r"signals of 'a': got 'reset', expected \[{reset"),
        (NODE + "signals: {a: [{rset: a}]}\n", "unknown signal of 'a' 'rset': did you mean reset"),
        (NODE + "signals: {a: [{refit: a}]}\n", "refit: node, last: ..."),
        (NODE + "signals: {a: [{refit: a, by: 3}]}\n", "unknown key of signal of 'a' 'by'"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Graph.from_yaml(text)


def test_the_file_is_named(tmp_path: Any) -> None:
    file = tmp_path / "g.yaml"
    file.write_text("nodes: {}\n")
    with pytest.raises(ValueError, match=r"g\.yaml: nodes: got {}"):
        Graph.from_yaml(file)
