"""Thresholds, alerts and their course over a run."""

import numpy as np
import pytest

from onlineml.evaluation import Result, detections, prequential
from onlineml.evaluation.alerts import AlertTrace, ConformalLimit
from onlineml.graph import Graph
from tests.evaluation.streams import Rows
from tests.naive import alerts as naive
from tests.naive.far_from_mean import FarFromMean


def stream(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.random(n // 4 + 1) < 0.1, 4)[:n]
    return labels, (rng.gamma(2.0, size=n) + 4.0 * labels * rng.random(n)).round(2)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_the_limit_is_that_of_conformal_ranks(rate):
    _, scores = stream(1300)
    limit = ConformalLimit(rate)
    found = np.concatenate([limit.before(part) for part in np.array_split(scores, 9)])
    due = naive.limits(scores.tolist(), rate, 1000)
    # just above the score that is known: only greater ones are alerts
    np.testing.assert_array_equal(np.nextafter(due, np.inf), found)
    assert abs((scores >= found)[1000:].mean() - rate) < 0.05


@pytest.mark.parametrize("n", [5, 8, 9, 100, 1003])
def test_the_trace_equals_its_plain_twin(n):
    labels, scores = stream(n, n)
    thresholds = np.where(np.arange(n) < 3, np.inf, 3.0 + np.sin(np.arange(n)))
    for pieces in (1, 10):
        trace = AlertTrace(n_bins=8)
        for rows in np.array_split(np.arange(n), pieces):
            trace.add(1 - labels[rows].astype(int), scores[rows], thresholds[rows])
        got = trace.record(["odd", "fine"], "fixed")  # the greater label is that of code 0
        curves, delays = naive.record(
            labels.tolist(), scores.tolist(), thresholds.tolist(), n_bins=8
        )
        for name, curve in curves.items():
            np.testing.assert_allclose(got.curves[name], curve, err_msg=name)
        found = [delay for delay in delays if delay is not None]
        assert (got.n_stretches, got.n_found) == (len(delays), len(found))
        assert got.mean_delay == pytest.approx(np.mean(found) if found else np.nan, nan_ok=True)
        raised = scores >= thresholds
        assert (got.n_alerts, got.n_hits) == (raised.sum(), (raised & labels).sum())
        by_stretch = detections(labels, raised)
        for one, other in (
            (got.recall, by_stretch.recall),
            (got.mean_delay, by_stretch.mean_delay),
            (got.false_alarm_rate, by_stretch.false_alarm_rate),
        ):
            assert one == pytest.approx(other, nan_ok=True)


def rows(n=900):
    rng = np.random.default_rng(3)
    X, odd = rng.normal(size=(n, 3)), rng.random(n) < 1 / 30
    odd[:300] = False
    X[odd] += 6.0
    return X, odd.astype(int)


def test_a_run_tells_of_its_alerts_however_it_is_cut(tmp_path):
    X, y = rows()
    runs = [
        prequential(FarFromMean(), Rows(X, y, task="anomaly"), alert_rate=0.05, chunk_size=size)
        for size in (900, 77)
    ]
    alerts = runs[0].runs[0].alerts
    assert alerts is not None
    np.testing.assert_equal(vars(runs[1].runs[0].alerts), vars(alerts))
    scores = FarFromMean().score_fit_many(X)
    raised = scores >= ConformalLimit(0.05).before(scores)
    assert alerts.n_alerts == raised.sum()
    assert alerts.n_hits == raised[y == 1].sum() > 0.8 * y.sum()
    assert alerts.precision > 0.4
    assert alerts.rule == "exceeded by 5 % of the scores before"
    assert max(alerts.curves["high"]) == scores.max(), "peaks are kept"
    assert all(run.alerts is None for run in runs[0].runs[1:]), "baselines raise none"
    back = Result.from_json(runs[0].to_json()).runs[0].alerts
    np.testing.assert_equal(vars(back), vars(alerts))
    runs[0].to_parquet(tmp_path / "curves.parquet")


def test_alerts_are_raised_when_rows_come_not_when_labels_do():
    X, y = rows()
    late = prequential(FarFromMean(), Rows(X, y, task="anomaly"), label_delay=40)
    assert late.runs[0].alerts.n_alerts > 0
    assert late.runs[0].alerts.curves["n_rows"][-1] == 900


class WithThreshold(FarFromMean):
    """Raises alerts by a threshold of its own, 2."""

    def _n_outputs(self):
        return 3

    def _run(self, X, y, weight, out, serve, fit):
        scores = np.zeros((len(X), 4))
        super()._run(X, y, weight, scores, serve, fit)
        if serve:
            out[:] = np.column_stack([scores[:, 0], np.full(len(X), 2.0), scores[:, 0] >= 2])[
                :, : out.shape[1]
            ]

    def alerts_fit_many(self, X):
        raise NotImplementedError


def test_a_threshold_of_the_detectors_own_counts():
    X, y = rows()
    result = prequential(WithThreshold(), Rows(X, y, task="anomaly"), chunk_size=100)
    scores = FarFromMean().score_fit_many(X)
    alerts = result.runs[0].alerts
    assert alerts.rule == "the detector's own"
    assert alerts.n_alerts == (scores >= 2).sum() > 0
    assert set(alerts.curves["threshold"]) == {2.0}


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="alert_rate"):
        prequential(FarFromMean(), Rows(*rows(50), task="anomaly"), alert_rate=1.0)


def test_a_graph_raises_the_alerts_of_its_detector():
    graph = Graph("far")
    graph.add("far", FarFromMean(), after="x")
    X, y = rows()
    result = prequential({"alone": FarFromMean(), "graph": graph}, Rows(X, y, task="anomaly"))
    alone, inside = (run.alerts for run in result.runs[:2])
    assert alone.n_alerts == inside.n_alerts > 0
