"""Evaluation where labels are bought, against a loop in plain Python."""

import sys

import numpy as np
import pytest

from onlineml.active import Budget, MarginSampling, PeriodicSampling, RandomSampling, VeSSAL
from onlineml.evaluation import Result, compare, prequential
from onlineml.evaluation.report import page
from onlineml.learners import GaussianNB, LinearRegression, SoftmaxRegression
from tests.evaluation.streams import blobs, line
from tests.naive import metrics as naive
from tests.naive.prequential import walk_and_buy

N = 400


def irregular(row):
    """Between 0 and 40 rows, never for every ninth."""
    return None if row % 9 == 4 else (row * 7919) % 41


@pytest.mark.parametrize("chunk_size", [1, 33, 4096])
@pytest.mark.parametrize(
    ("label_delay", "delay"),
    [
        (0, lambda row: 0),
        (25, lambda row: 25),
        (lambda row, time, x, y: irregular(row), irregular),
    ],
    ids=["0", "25", "function"],
)
def test_equals_the_loop(label_delay, delay, chunk_size):
    stream = blobs(N, labels=["a", "b", "c"])
    result = prequential(
        GaussianNB(),
        stream,
        metrics=["accuracy"],
        window=100,
        label_delay=label_delay,
        strategies=MarginSampling(seed=1),
        budgets=0.2,
        chunk_size=chunk_size,
    )
    model, strategy = GaussianNB(), MarginSampling(budget=0.2, seed=1)
    model.start(stream.schema)
    said, learned, asked = walk_and_buy(model, strategy, stream.X, stream.y.tolist(), delay=delay)
    run = result.run("GaussianNB with MarginSampling")
    assert run.n_scored == len(said)
    assert run.n_asked == len(asked)
    for last, accuracy, n_labels in zip(run.n_rows, run.cumulative["accuracy"], run.labels):
        assert accuracy == pytest.approx(naive.accuracy(*zip(*said[:last])))
        assert n_labels == sum(learned[:last])
    trained = result.estimators[run.model, run.seed]
    np.testing.assert_equal(trained.get_state(), model.get_state())
    taught = result.run("GaussianNB with all labels")
    assert taught.baseline
    assert taught.n_labels == taught.n_scored == run.n_scored


def test_every_strategy_takes_part_with_every_budget_and_seed():
    result = prequential(
        [GaussianNB(), SoftmaxRegression()],
        blobs(600),
        window=200,
        strategies={"narrow": MarginSampling(), "any": RandomSampling()},
        budgets=[0.1, 90, Budget(rate=0.3)],
        seeds=[1, 2],
    )
    bought = [run for run in result if run.strategy]
    assert len(bought) == 2 * 2 * 3 * 2
    due = {"10%": 60, "90 labels": 90, "30%": 180}
    for run in bought:
        assert run.model == f"{run.learner} with {run.strategy} at {run.budget}"
        assert abs(run.n_labels - due[run.budget]) <= 9
    first, second = (result.run("GaussianNB with any at 10%", seed) for seed in (1, 2))
    assert first.window != second.window
    again = Result.from_json(result.to_json())
    assert again.runs[0].labels == result.runs[0].labels
    assert result.columns()["n_labels"][:3] == result.runs[0].labels
    assert "labels" in repr(result)


def test_strategies_without_probabilities_buy_for_regressors():
    stream = line(300)
    result = prequential(LinearRegression(), stream, strategies=PeriodicSampling(), budgets=0.1)
    model, strategy = LinearRegression(), PeriodicSampling(budget=0.1)
    model.start(stream.schema)
    said, _, _ = walk_and_buy(model, strategy, stream.X, stream.y.tolist())
    assert result.runs[0].totals["rmse"] == pytest.approx(naive.rmse(*zip(*said)))
    with pytest.raises(ValueError, match="class probabilities"):
        prequential(LinearRegression(), stream, strategies=MarginSampling())


def test_a_comparison_in_processes_has_the_same_runs(monkeypatch):
    module = sys.modules[compare.__module__]
    monkeypatch.setattr(
        module, "_side_by_side", lambda units, n, tell: module._in_turn(units, tell)
    )
    options = {"strategies": VeSSAL(), "budgets": 0.1, "window": 100, "seeds": [1, 2]}
    (here,) = compare(GaussianNB(), {"blobs": blobs(300)}, **options)
    (there,) = compare(GaussianNB(), {"blobs": blobs(300)}, n_jobs=2, **options)
    assert {(run.model, run.seed, run.baseline) for run in here} == {
        (run.model, run.seed, run.baseline) for run in there
    }
    for run in here:
        assert there.run(run.model, run.seed).cumulative == run.cumulative
        assert there.run(run.model, run.seed).labels == run.labels


def test_the_page_shows_labels_and_what_they_are_worth():
    options = {"window": 100, "strategies": [MarginSampling(), RandomSampling()]}
    one = page(prequential(GaussianNB(), blobs(300), budgets=0.1, **options))
    assert "accuracy against labels bought" in one
    assert "Labels bought over rows" in one
    assert "in windows of 100 rows; dotted" in one
    several = page(prequential(GaussianNB(), blobs(300), budgets=[0.1, 0.2], **options))
    assert "a point a budget" in several
    assert "against labels bought" not in page(prequential(GaussianNB(), blobs(300), window=100))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"budgets": 0.1}, "budgets"),
        ({"strategies": []}, "strategies"),
        ({"strategies": [GaussianNB()]}, "strategies"),
        ({"strategies": MarginSampling(), "budgets": []}, "budgets"),
        ({"strategies": MarginSampling(), "budgets": -1}, "rate"),
        ({"strategies": MarginSampling(), "inplace": True}, "inplace"),
    ],
)
def test_what_cannot_be_bought_is_refused(options, named):
    with pytest.raises(ValueError, match=named):
        prequential(GaussianNB(), blobs(100), **options)
    endless = blobs(100)
    endless.n_rows = None
    with pytest.raises(ValueError, match="budgets"):
        prequential(GaussianNB(), endless, strategies=MarginSampling(), budgets=70)
