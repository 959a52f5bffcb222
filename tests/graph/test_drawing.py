"""Graphs as text, as a picture, and on the page of a report."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from onlineml import prequential
from onlineml.active import MarginSampling
from onlineml.detectors import ADWIN, DeviationFromMean
from onlineml.evaluation import Result
from onlineml.evaluation.report import write_report
from onlineml.graph import Drawing, Graph, Sample, refit, refund, replace, reset
from onlineml.learners import GaussianNB
from onlineml.transforms import StandardScaler
from tests.graph.random_graphs import random_graph
from tests.graph.test_graph import stream


def fraud() -> Any:
    g = Graph("fraud <1>")
    g.add("scale", StandardScaler(), after="x")
    g.add("strange", DeviationFromMean(), after="scale")
    g.add("learner", GaussianNB(var_floor=1e-6), after=("scale", "strange"))
    g.add("ask", MarginSampling(seed=1), after="learner")
    g.add("drift", ADWIN(), after=g.error_of("learner"))
    g.on("drift", reset("strange", "learner"), refund("ask", n_labels=20), print)
    g.output("learner")
    return g


LINES = """\
fraud <1>

  ●          x
  ╰─●        scale      StandardScaler
    ├─●      strange    DeviationFromMean
    ╰─┴─●    learner *  GaussianNB(var_floor=1e-06)
        ├─●  ask        MarginSampling(seed=1)
        ╰┄●  drift      ADWIN

  on drift: reset strange, learner
  on drift: refund 20 labels to ask
  on drift: call print"""


def test_lines_for_a_terminal() -> None:
    assert str(fraud().draw()) == LINES


PASSING = """\
  ●          x
  ├─●        a    StandardScaler
  ├─│─●      b    StandardScaler
  ╰─┴─│─●    c    StandardScaler
      ╰─┴─●  d *  GaussianNB"""


def test_a_wire_that_passes_is_not_one_that_ends() -> None:
    g = Graph("g")
    g.add("a", StandardScaler(), after="x")
    g.add("b", StandardScaler(), after="x")
    g.add("c", StandardScaler(), after=("x", "a"))
    g.add("d", GaussianNB(), after=("b", "c"))
    assert str(g.draw()).split("\n\n")[1] == PASSING


def test_live_figures() -> None:
    g = fraud().set_params(signals=())
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    g.take_many([Sample(x, i, bool(x[0] > 0)) for i, x in enumerate(X)])
    g.take_one(Sample(X[0], "late"))
    drawing = g.draw()
    boxes = {box.name: box for box in drawing.boxes}
    assert drawing.figures[:2] == ("201 rows", f"{g.n_labels_} labels")
    assert boxes["ask"].figures[0] == f"{g['ask'].n_asked} of 201 asked"
    assert boxes["drift"].figures[0] == f"{g.raised_[4]} alarms"
    shares = [box.share for box in drawing.boxes]
    assert sum(share or 0.0 for share in shares) == pytest.approx(1.0)
    assert g.timings().keys() == boxes.keys()
    assert "µs a row" in drawing.text()


def test_alarms_are_counted_without_signals_by_row_and_by_chunk() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 1))
    y = np.where(np.arange(600) < 300, X[:, 0] > 0, X[:, 0] < 0)
    chunk, row = fraud(), None
    chunk = Graph("g")
    chunk.add("learner", GaussianNB(), after="x")
    chunk.add("drift", ADWIN(), after=chunk.error_of("learner"))
    row = chunk.clone()
    chunk.fit_many(X, y)
    for x, label in zip(X, y):
        row.fit_one(x, label)
    assert chunk.raised_ == row.raised_
    assert chunk.raised_[1] > 0
    assert chunk.diagnostics()["drift.n_alarms"] == chunk.raised_[1]
    assert f"{chunk.raised_[1]} alarm" in str(chunk.draw())


@pytest.mark.parametrize("seed", range(6))
def test_pictures_are_whole(seed: int, tmp_path: Any) -> None:
    g = random_graph(seed)
    X, y = stream(g, seed, 50)
    g.fit_many(X, y)
    drawing = g.draw()
    assert Drawing.from_plain(drawing.to_plain()) == drawing
    root = ElementTree.parse(drawing.save(tmp_path / "g.svg")).getroot()
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for name, _, _ in g.nodes:
        assert any(text.startswith(name) for text in texts)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 0 < float(text.attrib["y"]) < height


def test_signals_in_words() -> None:
    g = Graph("g")
    g.add("a", GaussianNB(), after="x")
    g.add("b", GaussianNB(), after="x")
    g.add("drift", ADWIN(), after=g.error_of("a"))
    g.on("drift", replace("a", by="b"), refit("b", last=5))
    assert [arrow.action for arrow in g.draw().arrows] == ["replace a by b", "refit b on 5 rows"]
    assert "refit b on 5 rows, on an alarm of drift" in g.draw().svg()


def test_the_report_shows_graphs(tmp_path: Any) -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    g = fraud().set_params(name="mine", signals=())
    result = prequential({"g <2>": g}, (X, X[:, 0] > 0), baselines=False, window=100)
    again = Result.from_json(result.to_json())
    assert Drawing.from_plain(again.runs[0].graph) == result.estimators["g <2>", None].draw()
    text = write_report(again, tmp_path / "report.html").read_text()
    assert text.count('<svg class="graph"') == 1
    assert "300 rows" in text
    assert "<2>" not in text
