"""Late labels, against a loop in plain Python that asks and teaches one row at a time."""

from datetime import timedelta

import numpy as np
import pytest

from onlineml.base import Classifier, Regressor
from onlineml.evaluation import prequential
from onlineml.graph import Graph, chain
from onlineml.learners import GaussianNB, MeanRegressor, NoChangeClassifier
from onlineml.registry import estimators
from onlineml.transforms import StandardScaler
from tests.evaluation.streams import Rows, blobs, line
from tests.examples import example
from tests.naive import metrics as naive
from tests.naive.prequential import walk

NAMES = ("accuracy", "kappa", "kappa_t", "log_loss")
N = 400
TIMES = np.random.default_rng(5).exponential(2.0, N).cumsum()


def irregular(row):
    """Between 0 and 40 rows, never for every ninth."""
    return None if row % 9 == 4 else (row * 7919) % 41


def by_hand(steps):
    y, answers, chances, no_change = zip(*(step[1:] for step in steps))
    return {
        "accuracy": naive.accuracy(y, answers),
        "kappa": naive.kappa(y, answers),
        "kappa_t": naive.kappa_t(y, answers, no_change),
        "log_loss": naive.log_loss(y, chances),
    }


@pytest.mark.parametrize("chunk_size", [1, 33, 4096])
@pytest.mark.parametrize(
    ("label_delay", "plan"),
    [
        (1, {"delay": lambda row: 1}),
        (25, {"delay": lambda row: 25}),
        (N + 5, {"delay": lambda row: N + 5}),
        (37.5, {"time": TIMES, "seconds": 37.5}),
        (timedelta(minutes=1), {"time": TIMES, "seconds": 60.0}),
        (lambda row, time, x, y: irregular(row), {"delay": irregular}),
    ],
    ids=["1", "25", "all", "seconds", "minute", "function"],
)
def test_equals_the_loop(label_delay, plan, chunk_size):
    stream = blobs(N, time=TIMES, labels=["a", "b", "c"])
    result = prequential(
        GaussianNB(),
        stream,
        metrics=NAMES,
        window=100,
        label_delay=label_delay,
        chunk_size=chunk_size,
    )
    model = GaussianNB()
    steps = walk(model, stream.X, stream.y.tolist(), **plan)
    run = result.run("GaussianNB")
    assert run.n_scored == len(steps)
    for k, last in enumerate(run.n_rows):
        window = {name: run.window[name][k] for name in NAMES}
        assert window == pytest.approx(by_hand(steps[100 * k : last]), abs=1e-9)
        cumulative = {name: run.cumulative[name][k] for name in NAMES}
        assert cumulative == pytest.approx(by_hand(steps[:last]), abs=1e-9)
    np.testing.assert_equal(result.estimators["GaussianNB", None].get_state(), model.get_state())
    assert result.run("NoChangeClassifier").totals["kappa_t"] == 0.0


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in estimators().items()
        if issubclass(kind, Classifier | Regressor) and not issubclass(kind, Graph)
    ],  # rows reach graphs when they come: see tests/graph/test_at_work.py
)
def test_every_learner_follows_late_labels_bit_for_bit(name):
    model = example(name)
    if "seed" in model.get_params():
        model.set_params(seed=1)
    if "key" in model.get_params() and isinstance(model, Regressor):
        model.set_params(key=1)  # lines have two columns
    is_regressor = isinstance(model, Regressor)
    stream = line(250) if is_regressor else blobs(250)
    result = prequential({"m": model}, stream, label_delay=10, baselines=False)
    by_rows = model.clone().start(stream.schema)
    steps = walk(by_rows, stream.X, stream.y.tolist(), delay=lambda row: 10)
    np.testing.assert_equal(
        result.estimators["m", None if "seed" not in model.get_params() else 1].get_state(),
        by_rows.get_state(),
    )
    y, answers = [s.y for s in steps], [s.answer for s in steps]
    if is_regressor:
        assert result.runs[0].totals["mae"] == pytest.approx(naive.mae(y, answers))
    else:
        assert result.runs[0].totals["accuracy"] == naive.accuracy(y, answers)


def test_a_regression_waits_as_well():
    stream = line(300)
    result = prequential(MeanRegressor(), stream, label_delay=20)
    steps = walk(MeanRegressor(), stream.X, stream.y.tolist(), delay=lambda row: 20)
    due = naive.rmse([s.y for s in steps], [s.answer for s in steps])
    assert result.runs[0].totals["rmse"] == pytest.approx(due)


def test_no_delay_in_every_spelling_is_the_fused_path():
    stream = blobs(300, time=np.arange(300.0))
    at_once = prequential(GaussianNB(), stream, window=100)
    for nothing in (0.0, timedelta(0), lambda row, time, x, y: 0):
        late = prequential(GaussianNB(), stream, window=100, label_delay=nothing)
        assert late.runs[0].cumulative == at_once.runs[0].cumulative
        assert late.runs[0].window == at_once.runs[0].window


def test_a_model_that_may_not_skip_rows_takes_turns():
    """Weights are not trusted outside kernels: the calls change whenever the turn does."""

    class Timid(NoChangeClassifier):
        _kernel = None
        asked = 0

        def _run(self, X, y, weight, out, serve, fit):
            assert (weight == 1.0).all()
            for i in range(len(X)):
                if serve:
                    out[i, 0] = self.last_[0]
                if fit:
                    self.last_[0] = y[i]

    stream = blobs(120)
    timid = prequential({"m": Timid()}, stream, label_delay=3).run("m")
    due = prequential({"m": NoChangeClassifier()}, stream, label_delay=3).run("m")
    assert timid.cumulative == due.cumulative


def test_what_waits_is_counted_and_bounded():
    stream = blobs(500, time=np.arange(500.0))
    assert prequential(GaussianNB(), stream, label_delay=40).n_pending == 40
    assert prequential(GaussianNB(), stream, label_delay=40.0).n_pending == 40
    result = prequential(GaussianNB(), stream, label_delay=1e9, max_pending=100)
    assert (result.n_pending, result.n_dropped, result.n_unlabeled) == (100, 400, 0)
    assert result.runs[0].n_scored == 100
    assert "400 rows dropped" in repr(result)
    result = prequential(
        GaussianNB(), stream, label_delay=lambda row, time, x, y: None if row % 2 else 5
    )
    assert (result.n_dropped, result.n_unlabeled) == (0, 250)
    assert result.runs[0].n_scored == 250
    assert result.label_delay == "<lambda>"


def test_time_never_runs_backwards():
    time = np.array([0.0, 5.0, 3.0, 5.0, 6.0, 8.0, 20.0])
    stream = Rows(np.zeros((7, 1)), np.arange(7), time=time)
    result = prequential(NoChangeClassifier(), stream, label_delay=3.0, metrics=["kappa_t"])
    steps = walk(NoChangeClassifier(), stream.X, list(range(7)), time=time, seconds=3.0)
    assert [s.answer for s in steps] == [None, 0, 0, 0, 0, 3, 5]
    assert result.runs[0].n_scored == 7


def test_the_function_sees_the_row():
    stream, seen = blobs(20, time=np.arange(20.0) / 2), []
    prequential(GaussianNB(), stream, chunk_size=7, label_delay=lambda *row: seen.append(row))
    rows, times, xs, ys = zip(*seen)
    assert rows == tuple(range(20))
    assert times == tuple(stream.time)
    np.testing.assert_array_equal(np.array(xs), stream.X)
    assert list(ys) == stream.y.tolist()


def test_chains_wait_as_well():
    stream = blobs(300)
    model = chain(StandardScaler(), GaussianNB())
    result = prequential({"m": model}, stream, label_delay=8)
    steps = walk(model.clone(), stream.X, stream.y.tolist(), delay=lambda row: 8)
    due = naive.accuracy([s.y for s in steps], [s.answer for s in steps])
    assert result.run("m").totals["accuracy"] == pytest.approx(due)


@pytest.mark.parametrize("label_delay", [-1, True, "soon", -2.0, timedelta(-1), float("nan")])
def test_delays_that_cannot_be_used_are_named(label_delay):
    with pytest.raises(ValueError, match="label_delay: got"):
        prequential(GaussianNB(), blobs(10), label_delay=label_delay)


def test_seconds_need_times():
    with pytest.raises(ValueError, match="rows here have no time"):
        prequential(GaussianNB(), blobs(10), label_delay=3.0)
    with pytest.raises(ValueError, match="label_delay: got -3"):
        prequential(GaussianNB(), blobs(10), label_delay=lambda *row: -3)
    for most in (0, 2.5, float("nan")):
        with pytest.raises(ValueError, match="max_pending"):
            prequential(GaussianNB(), blobs(10), label_delay=3.0, max_pending=most)  # type: ignore[arg-type]
