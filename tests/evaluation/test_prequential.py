"""Order, windows, chunks, copies, seeds, costs and interruptions."""

import subprocess
import sys

import numpy as np
import pytest

from onlineml.base import Classifier
from onlineml.datasets import CSVStream, load
from onlineml.evaluation import prequential
from onlineml.evaluation.metrics import DEFAULTS
from onlineml.graph import chain
from onlineml.kernels import entry
from onlineml.kernels.arena import Field, f1, i1, opened
from onlineml.kernels.random import Ints, seeded, uniform
from onlineml.kernels.votes import answer_from_votes
from onlineml.learners import GaussianNB, MajorityClassifier, MeanRegressor, NoChangeClassifier
from onlineml.schema import Schema
from onlineml.transforms import StandardScaler
from tests.evaluation.streams import Rows, blobs, line
from tests.naive import metrics as naive
from tests.naive.prequential import walk

CLASSIFICATION = (*DEFAULTS["classification"], "macro_f1", "log_loss", "roc_auc")


@entry
def _coin(d: int) -> int:
    call, seen, rng, probability = opened(d), i1(d, 1), i1(d, 2), f1(d, 0)
    for i in range(call.first, call.last):
        if call.serve:
            for c in range(seen[0]):
                call.out[i, 1 + c] = 1.0 if (c % 2 == 1) == (rng[1] < probability[0] * 1e6) else 0.5
            answer_from_votes(call.out[i], seen[0], call.serve)
        if call.fit:
            seen[0] = max(seen[0], int(call.y[i]) + 1)
            if call.weight[i] > 0.0:
                rng[1] = int(uniform(rng, 0) * 1e6)
    return call.last


class Coin(Classifier):
    """Answers by chance, to have something with a seed."""

    _kernel = _coin
    _state = (Field("seen_", (1,), np.int64), Field("rng_", (2,), np.int64))
    rng_: Ints

    def __init__(self, *, probability=0.5, seed=None):
        self.probability, self.seed = probability, seed

    def _settings(self):
        return (self.probability,)

    def _start(self, schema):
        self.rng_[0] = seeded(self.seed, 1)[0]


def curves(result):
    """All numbers of a result but those of time."""
    return {
        (run.model, run.seed): (run.n_rows, run.window, run.cumulative, run.nbytes)
        for run in result
    }


@pytest.mark.parametrize("labels", [None, ["low", "mid", "high"], [True, False, 7]])
def test_equals_the_loop_of_one_row_verbs(labels):
    stream = blobs(1100, labels=labels)
    result = prequential(GaussianNB(), stream, metrics=CLASSIFICATION, window=400)
    steps = walk(GaussianNB(), stream.X, stream.y.tolist())
    run = result.run("GaussianNB")
    assert run.n_rows == [400, 800, 1100]
    for k, last in enumerate(run.n_rows):
        for curves, first in ((run.window, 400 * k), (run.cumulative, 0)):
            y, answers, chances, no_change = zip(*((s.y, *s[2:]) for s in steps[first:last]))
            twins = {n: getattr(naive, n) for n in CLASSIFICATION if hasattr(naive, n)}
            del twins["roc_auc"]
            for name, twin in twins.items():
                given = {"kappa_t": (y, answers, no_change), "log_loss": (y, chances)}
                due = twin(*given.get(name, (y, answers)))
                assert curves[name][k] == pytest.approx(due, abs=1e-9), name


def test_regression_equals_the_loop():
    stream = line(500)
    model = chain(StandardScaler(), MeanRegressor())
    result = prequential({"m": model}, stream, window=200)
    steps = walk(model.clone(), stream.X, stream.y.tolist())
    y, answers = [s.y for s in steps], [s.answer for s in steps]
    for name in DEFAULTS["regression"]:
        due = getattr(naive, name)(y, answers)
        assert result.run("m").totals[name] == pytest.approx(due)
    assert [run.model for run in result] == ["m", "MeanRegressor"]
    assert [run.baseline for run in result] == [False, True]


@pytest.mark.parametrize("chunk_size", [1, 7, 250, 100_000])
def test_chunks_leave_no_trace(chunk_size):
    stream = blobs(1000)
    whole = prequential([GaussianNB(), Coin(seed=1)], stream, metrics=CLASSIFICATION, window=250)
    cut = prequential(
        [GaussianNB(), Coin(seed=1)],
        stream,
        metrics=CLASSIFICATION,
        window=250,
        chunk_size=chunk_size,
    )
    np.testing.assert_equal(curves(cut), curves(whole))


def test_company_leaves_no_trace():
    alone = prequential(GaussianNB(), blobs(600), baselines=False)
    among = prequential([Coin(seed=3), GaussianNB()], blobs(600))
    assert curves(alone)["GaussianNB", None] == curves(among)["GaussianNB", None]


def test_baselines_are_always_there_unless_declined():
    names = [run.model for run in prequential(GaussianNB(), blobs(50))]
    assert names == ["GaussianNB", "NoChangeClassifier", "MajorityClassifier"]
    result = prequential(NoChangeClassifier(), blobs(50))
    assert [(run.model, run.baseline) for run in result] == [
        ("NoChangeClassifier", False),
        ("MajorityClassifier", True),
    ]
    assert result.run("NoChangeClassifier").totals["kappa_t"] == 0.0
    assert len(prequential(GaussianNB(), blobs(50), baselines=False).runs) == 1


def test_rows_before_any_class_is_known_count_as_wrong():
    result = prequential(GaussianNB(), blobs(1), metrics=["accuracy", "log_loss"])
    assert result.run("GaussianNB").totals == {"accuracy": 0.0, "log_loss": -np.log(1e-15)}


def test_models_are_copied_with_what_they_know():
    stream = blobs(400, labels=["a", "b", "c"])
    model = GaussianNB().fit_many(stream.X[:200], stream.y[:200])
    before = model.get_state()
    result = prequential(model, Rows(stream.X[200:], stream.y[200:]))
    np.testing.assert_equal(model.get_state(), before)
    steps = walk(model, stream.X[200:], stream.y[200:].tolist())
    accuracy = naive.accuracy([s.y for s in steps], [s.answer for s in steps])
    assert result.run("GaussianNB").totals["accuracy"] == pytest.approx(accuracy)
    np.testing.assert_equal(result.estimators["GaussianNB", None].get_state(), model.get_state())


def test_a_class_order_of_its_own_does_not_matter():
    stream = blobs(400, labels=["a", "b", "c"])
    model = GaussianNB().fit_many(stream.X[[-1, 0]], ["never", "c"])
    result = prequential(model, stream, metrics=CLASSIFICATION)
    steps = walk(model, stream.X, stream.y.tolist())
    y, answers, chances = [s.y for s in steps], [s.answer for s in steps], [s[3] for s in steps]
    totals = result.run("GaussianNB").totals
    assert totals["kappa"] == pytest.approx(naive.kappa(y, answers))
    assert totals["log_loss"] == pytest.approx(naive.log_loss(y, chances))


def test_in_place_on_request():
    model = GaussianNB()
    result = prequential(model, blobs(100), inplace=True)
    assert result.estimators["GaussianNB", None] is model
    assert model.weight_.sum() == 100.0
    fresh = GaussianNB()
    prequential(fresh, blobs(100))
    assert not fresh.is_started


def test_seeds_multiply_the_models_that_have_one():
    models = {"nb": GaussianNB(), "coin": Coin(seed=9), "chain": chain(StandardScaler(), Coin())}
    result = prequential(models, blobs(300), seeds=[1, 2], baselines=False)
    runs = [(run.model, run.seed) for run in result]
    assert runs == [("nb", None), ("coin", 1), ("coin", 2), ("chain", 1), ("chain", 2)]
    one = prequential(Coin(seed=2), blobs(300), baselines=False).runs[0]
    assert one.seed == 2
    assert one.cumulative == result.run("coin", 2).cumulative
    assert one.cumulative != result.run("coin", 1).cumulative
    assert result.run("chain", 2).cumulative == one.cumulative


def test_models_of_one_class_get_numbers():
    names = [run.model for run in prequential([Coin(), Coin()], blobs(9), baselines=False)]
    assert names == ["Coin", "Coin 2"]


def test_nominal_features_reach_the_models():
    X = np.random.default_rng(0).integers(3, size=(500, 1)).astype(float)
    schema = Schema(1, ("sky",), {0: ("clear", "gray", "dark")})
    stream = Rows(X, (X[:, 0] == 1).astype(int), schema=schema)
    totals = prequential(GaussianNB(), stream).run("GaussianNB").totals
    assert totals["accuracy"] > 0.98  # a Gaussian cannot cut out the middle one


class Finding(Rows):
    """Finds the values of its nominal column while it is read."""

    def chunks(self, size):
        for chunk in super().chunks(size):
            seen = max(int(chunk.X.max()) + 1, len(self._schema.nominal[0]))
            self._schema = Schema(1, ("sky",), {0: tuple("abcdef"[:seen])})
            yield chunk


@pytest.mark.parametrize("chunk_size", [1, 40, 1000])
def test_nominal_values_may_appear_on_the_way(chunk_size):
    X = np.random.default_rng(0).integers(1 + np.arange(600) // 100)[:, None].astype(float)
    y = (X[:, 0] % 2).astype(int)
    known = Rows(X, y, schema=Schema(1, ("sky",), {0: tuple("abcdef")}))
    found = Finding(X, y, schema=Schema(1, ("sky",), {0: ("a",)}))
    due = prequential(GaussianNB(), known, window=50)
    result = prequential(GaussianNB(), found, window=50, chunk_size=chunk_size)
    assert result.runs[0].window == due.runs[0].window
    assert due.runs[0].totals["accuracy"] > 0.95


def test_other_codes_of_nominal_values_are_refused():
    schema = Schema(1, ("sky",), {0: ("clear", "gray")})
    stream = Rows(np.zeros((9, 1)), [0, 1] * 4 + [0], schema=schema)
    fitted = GaussianNB().fit_many([{"sky": "gray"}, {"sky": "clear"}], [0, 1])
    with pytest.raises(ValueError, match="nominal values in the same order"):
        prequential(fitted, stream)
    more = GaussianNB().fit_many([{"sky": "clear"}, {"sky": "gray"}, {"sky": "red"}], [0, 1, 1])
    assert prequential(more, stream).n_rows == 9
    other = Rows(np.zeros((9, 1)), stream.y, schema=Schema(1, ("sea",), {0: ("clear", "gray")}))
    with pytest.raises(ValueError, match="the stream's columns"):
        prequential(more, other)


def test_costs_are_measured():
    run = prequential(GaussianNB(), blobs(20_000)).run("GaussianNB")
    assert 0.0 < run.cpu_seconds < 20.0
    assert run.rows_per_second == pytest.approx(20_000 / run.cpu_seconds)
    assert run.nbytes == GaussianNB().fit_many(blobs(20_000).X, blobs(20_000).y).nbytes


def test_rows_can_be_limited_and_the_stream_ended():
    result = prequential(GaussianNB(), blobs(1000), max_rows=333, window=100)
    assert result.n_rows == 333
    assert result.runs[0].n_rows == [100, 200, 300, 333]
    result = prequential(GaussianNB(), blobs(1000), until=lambda n: n >= 150, chunk_size=50)
    assert result.n_rows == result.runs[0].n_scored == 150


def test_progress_and_tracker_are_told():
    class Log:
        records, results = [], []

        def on_window(self, record):
            self.records.append(record)

        def on_end(self, result):
            self.results.append(result)

    seen, log = [], Log()
    result = prequential(
        GaussianNB(),
        blobs(250),
        window=100,
        chunk_size=100,
        track=log,
        on_progress=lambda n, total: seen.append((n, total)),
    )
    assert seen == [(100, 250), (200, 250), (250, 250)]
    assert log.results == [result]
    ours = [record for record in log.records if record.model == "GaussianNB"]
    assert [(r.n_rows, r.n_window) for r in ours] == [(100, 100), (200, 100), (250, 50)]
    assert [r.window["kappa"] for r in ours] == result.runs[0].window["kappa"]
    assert ours[-1].cumulative == result.runs[0].totals


@pytest.mark.parametrize("label_delay", [0, 30])
def test_ctrl_c_leaves_a_partial_result(label_delay):
    def press():
        raise KeyboardInterrupt

    stream = blobs(1000, at={650: press})
    result = prequential(GaussianNB(), stream, window=100, chunk_size=100, label_delay=label_delay)
    assert result.interrupted
    assert result.n_rows == 600
    whole = prequential(GaussianNB(), blobs(1000), window=100, label_delay=label_delay)
    n = 600 - label_delay
    assert result.runs[0].n_scored == n
    assert result.runs[0].window["kappa"][: n // 100] == whole.runs[0].window["kappa"][: n // 100]
    assert "interrupted" in repr(result)


def test_rows_that_were_left_out_are_counted_behind_take(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,label\n1,x\n2,y\noops,x\n3,y\n4,x\n")
    stream = CSVStream(path, target="label", nominal=[], on_error="skip")
    assert prequential(GaussianNB(), stream.take(4)).n_broken == 1
    assert prequential(GaussianNB(), stream, max_rows=4).n_broken == 1


def test_drifts_after_the_last_row_do_not_count():
    stream = load("sea_a", n_rows=2000)
    assert stream.drifts == (500, 1000, 1500)
    result = prequential(GaussianNB(), stream, chunk_size=400, until=lambda n: n >= 1200)
    assert result.drifts == [500, 1000]


def test_an_error_says_where_and_bad_arguments_are_named():
    X = np.ones((300, 2))
    X[250, 1] = np.inf
    with pytest.raises(ValueError, match="inf") as raised:
        prequential(GaussianNB(), Rows(X, np.arange(300) % 2), chunk_size=100)
    assert raised.value.__notes__ == ["in rows 200 to 299 of the stream"]
    model, stream = GaussianNB(), blobs(10)
    for words, call in {
        "stream: got 'rows', expected at least one row": lambda: prequential(model, blobs(0)),
        "models: got": lambda: prequential([], stream),
        r"models\['ABCMeta'\]: got <class": lambda: prequential(GaussianNB, stream),
        r"models\['object'\]: got <object .*integrations": lambda: prequential(object(), stream),
        r"models\['str'\]: got 'GaussianNB'": lambda: prequential("GaussianNB", stream),
        "seeds: got 3": lambda: prequential(Coin(), stream, seeds=3),
        "window: got 0": lambda: prequential(model, stream, window=0),
        "window: got 2.5": lambda: prequential(model, stream, window=2.5),
        "chunk_size: got 0": lambda: prequential(model, stream, chunk_size=0),
        "max_rows: got 0": lambda: prequential(model, stream, max_rows=0),
        "seeds: got": lambda: prequential(Coin(), stream, seeds=[]),
        "expected a Regressor": lambda: prequential(model, line(10)),
        "expected a Classifier": lambda: prequential(MeanRegressor(), stream),
        "did you mean accuracy": lambda: prequential(model, stream, metrics=["acuracy"]),
    }.items():
        with pytest.raises(ValueError, match=words):
            call()
    fitted = GaussianNB().fit_many(np.ones((2, 5)), [0, 1])
    with pytest.raises(ValueError, match=r"models\['GaussianNB'\]"):
        prequential(fitted, stream)
    with pytest.raises(ValueError, match="seeds"):
        prequential(Coin().fit_many(stream.X, stream.y), stream, seeds=[1])


def test_sources_of_every_kind_are_opened():
    stream = blobs(100)
    result = prequential(MajorityClassifier(), (stream.X, stream.y))
    assert result.runs[0].cumulative == prequential(MajorityClassifier(), stream).runs[0].cumulative


def test_importing_loads_no_frames_and_no_figures():
    code = (
        "import sys, onlineml.evaluation;"
        "print(*{'pandas', 'polars', 'matplotlib', 'pyarrow', 'mlflow', 'torch', 'sklearn'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
