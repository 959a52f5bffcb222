"""River's metrics inside our evaluations say what they say by themselves."""

import numpy as np
import pytest
from river import metrics as river

from onlineml.datasets.messages import MemorySource
from onlineml.evaluation import Result, compare, prequential
from onlineml.evaluation.metrics import chosen, metric
from onlineml.evaluation.worker import Worker
from onlineml.learners import GaussianNB, LinearRegression

NAMES = ["river.MacroF1", "river.FBeta(beta=2)", "river.CohenKappa", "river.LogLoss"]
WINDOW = 70


def stream(n=300):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] + rng.normal(size=n) > 0


def by_hand(model, made, X, y, first):
    """River's own loop: answer, score, learn; scored from row `first`."""
    for i, (row, label) in enumerate(zip(X, y.tolist())):
        if model.is_started and i >= first:
            table = dict(zip(model.classes_, model.predict_proba_one(row)))
            made.update(label, model.predict_one(row) if made.requires_labels else table)
        model.fit_one(row, label)
    return made.get()


@pytest.mark.parametrize("name", NAMES)
def test_totals_and_windows_are_those_of_river_s_loop(name):
    X, y = stream()
    result = prequential(GaussianNB(), (X, y), metrics=[name], window=WINDOW, baselines=False)
    (run,) = result
    make = type(metric(name).summary([]).metric)
    params = {"beta": 2} if "beta" in name else {}
    assert run.totals[name] == pytest.approx(by_hand(GaussianNB(), make(**params), X, y, 0))
    last = by_hand(GaussianNB(), make(**params), X[:280], y[:280], 210)
    assert run.window[name][3] == pytest.approx(last)


def test_numbers_too():
    X, _ = stream()
    y = X @ [1.0, 2.0, 3.0]
    found = prequential(LinearRegression(), (X, y), metrics=["mae", "river.MAE", "river.SMAPE"])
    run = next(iter(found))
    assert run.totals["river.MAE"] == pytest.approx(run.totals["mae"])
    assert run.totals["river.SMAPE"] > 0


def test_objects_stand_for_names():
    used = chosen([river.F1(), river.FBeta(beta=2), "accuracy"], "classification")
    assert [one.name for one in used] == ["river.F1", "river.FBeta(beta=2)", "accuracy"]
    assert chosen(river.ROCAUC(n_thresholds=20), "classification")[0].needs_probabilities
    assert not metric("river.LogLoss").rises


def test_results_are_kept_compared_and_reported(tmp_path):
    found = compare(GaussianNB(), {"a": stream()}, metrics=NAMES, window=WINDOW, n_jobs=2)
    (result,) = found
    result.to_json(tmp_path / "result.json")
    assert list(Result.from_json(tmp_path / "result.json").metrics) == NAMES
    assert "MacroF1 (river)" in str(result)
    assert found.table("river.MacroF1")


def test_what_does_not_fit_is_refused(tmp_path):
    for name, why in {
        "river.F2": "did you mean",
        "river.FBeta": "parameters that fit",
        "river.FBeta(2)": "river.Name",
        "river.Silhouette": "classes or numbers",
        "river.ClassificationReport": "whose value is a number",
    }.items():
        with pytest.raises(ValueError, match=why):
            metric(name)
    with pytest.raises(ValueError, match="cannot be saved"):
        Worker(GaussianNB(), MemorySource({"samples": [[]]}), None, tmp_path,
               metrics=["river.F1"]).run()  # fmt: skip
