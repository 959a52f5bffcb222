"""Models of river as ours, and ours in river."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import (
    anomaly,
    base,
    checks,
    compose,
    datasets,
    drift,
    evaluate,
    linear_model,
    metrics,
    naive_bayes,
    preprocessing,
    stream,
    tree,
)

from onlineml import prequential
from onlineml.checks import assert_same_state
from onlineml.datasets import as_stream, load
from onlineml.detectors import ADWIN, DDM, HalfSpaceTrees
from onlineml.graph import chain
from onlineml.integrations import (
    RiverClassifier,
    RiverDetector,
    RiverDriftDetector,
    RiverRegressor,
    to_river,
)
from onlineml.integrations.held import Held, alike
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, LinearRegression
from onlineml.persistence import CheckpointError, save
from onlineml.persistence import load as load_model
from onlineml.schema import Schema
from onlineml.transforms import OneHotEncoder, StandardScaler

# ------------------------------------------------------------------ river's models as ours


def phishing(n: int = 600) -> list[Any]:
    return list(datasets.Phishing().take(n))


def test_a_classifier_answers_as_it_does_in_river():
    scaled = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    ours, theirs = RiverClassifier(model=scaled), scaled.clone()
    for x, y in phishing():
        due = theirs.predict_proba_one(x)
        if ours.is_started and len(ours.classes_) == 2:
            got = dict(zip(ours.classes_, ours.predict_proba_one(x)))
            assert got == pytest.approx(due)
            assert ours.predict_one(x) == theirs.predict_one(x)
        ours.fit_one(x, y)
        theirs.learn_one(x, y)


def test_an_evaluation_gives_what_river_measures():
    model = tree.HoeffdingTreeClassifier(grace_period=50)
    result = prequential(RiverClassifier(model=model), datasets.Phishing(), metrics="accuracy")
    metric = evaluate.progressive_val_score(datasets.Phishing(), model.clone(), metrics.Accuracy())
    # the first rows differ: ours says the only class that it knows, river's says nothing
    assert result.runs[0].totals["accuracy"] == pytest.approx(metric.get(), abs=2 / 1250)


class Recorder(base.Classifier):
    """Keeps what it is given; has no probabilities."""

    def __init__(self):
        self.seen = []

    def learn_one(self, x, y):
        self.seen.append((x, y))

    def predict_one(self, x):
        return self.seen[-1][1] if self.seen else None


def test_text_reaches_a_model_as_text_unless_it_is_to_be_codes():
    rows = [{"sky": "gray", "wind": 1.0}, {"sky": None, "wind": 2.0}, {"sky": "blue", "wind": None}]
    texts, codes = (
        RiverClassifier(model=Recorder(), nominal=nominal).fit_many(rows, ["dry", "wet", "dry"])
        for nominal in ("values", "codes")
    )
    seen = texts.model_.model.seen
    assert seen == [({"sky": "gray", "wind": 1.0}, 0), ({"wind": 2.0}, 1), ({"sky": "blue"}, 0)]
    assert [x.get("sky") for x, _ in codes.model_.model.seen] == [0.0, None, 1.0]


def test_a_model_without_probabilities_is_sure():
    model = RiverClassifier(model=Recorder()).fit_many([[1.0], [2.0]], ["a", "b"])
    assert model.predict_proba_one([2.0]).tolist() == [0.0, 1.0]
    assert model.predict_one([2.0]) == "b"


def test_a_regressor_answers_as_it_does_in_river():
    made = preprocessing.StandardScaler() | linear_model.LinearRegression()
    ours, theirs = RiverRegressor(model=made), made.clone()
    for x, y in datasets.TrumpApproval().take(300):
        assert ours.predict_one(x) == pytest.approx(theirs.predict_one(x))
        ours.fit_one(x, y)
        theirs.learn_one(x, y)


def test_weights_reach_models_that_take_them():
    X, y = np.array([[0.0], [1.0], [2.0]]), [0.0, 1.0, 5.0]
    ours, theirs = (
        RiverRegressor(model=linear_model.LinearRegression()),
        linear_model.LinearRegression(),
    )
    ours.fit_many(X, y, weight=[1.0, 0.0, 2.5])
    theirs.learn_one({0: 0.0}, 0.0)
    theirs.learn_one({0: 2.0}, 5.0, w=2.5)
    assert ours.predict_one([1.5]) == theirs.predict_one({0: 1.5})


def test_a_detector_scores_as_it_does_in_river():
    made = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=3, window_size=50)
    ours, theirs = RiverDetector(model=made), made.clone()
    X = np.random.default_rng(0).random((300, 3))
    due = []
    for x in X:
        row = dict(enumerate(x.tolist()))
        due.append(theirs.score_one(row))
        theirs.learn_one(row)
    assert ours.score_fit_many(X).tolist() == due


def test_a_detector_of_targets_takes_one_feature():
    ours = RiverDetector(model="anomaly.GaussianScorer", params={"grace_period": 5})
    values = np.random.default_rng(0).normal(size=100)
    scores = ours.score_fit_many(values)
    assert ours.score_one(9.0) > 0.99 >= scores.max() - 0.01
    with pytest.raises(ValueError, match="one feature"):
        ours.clone().fit_one([1.0, 2.0])


def test_a_detector_of_drift_alarms_as_it_does_in_river():
    values = (np.random.default_rng(0).random(2000) < np.repeat([0.1, 0.6], 1000)).astype(float)
    for name, made in (("drift.ADWIN", drift.ADWIN()), ("drift.binary.DDM", drift.binary.DDM())):
        due = []
        for i, value in enumerate(values):
            made.update(value)
            if made.drift_detected:
                due.append(i)
        assert RiverDriftDetector(model=name).fit_many(values).tolist() == due != []


def test_files_hold_a_pickle_and_say_so(tmp_path: Path):
    model = RiverClassifier(model=naive_bayes.GaussianNB()).fit_many([[1.0], [2.0]] * 9, [0, 1] * 9)
    with pytest.raises(ValueError, match="trusted_pickle"):
        save(model, tmp_path / "m.oml")
    save(model, tmp_path / "m.oml", trusted_pickle=True)
    with pytest.raises(CheckpointError, match="pickle"):
        load_model(tmp_path / "m.oml")
    back = load_model(tmp_path / "m.oml", trusted_pickle=True)
    assert_same_state(model.get_state(), back.get_state())
    for one in (model, back):
        one.fit_one([5.0], 1)
    assert back.predict_proba_one([4.0]).tolist() == model.predict_proba_one([4.0]).tolist()


def test_a_state_is_a_copy():
    model = RiverRegressor(model="linear_model.LinearRegression").fit_one([1.0], 1.0)
    state = model.get_state()
    model.fit_one([1.0], 9.0)
    assert state["model_"] != model.model_
    assert model.set_state(state).model_ == state["model_"]


def test_what_is_not_a_model_of_river_is_refused():
    for given, kind in (
        ("tree.Nothing", RiverClassifier),
        ("tree.HoeffdingTreeRegressor", RiverClassifier),
        (GaussianNB(), RiverRegressor),
        (drift.ADWIN(), RiverDetector),
        (anomaly.HalfSpaceTrees(), RiverDriftDetector),
    ):
        with pytest.raises(ValueError, match="model"):
            kind(model=given).fit_many([[0.0]], *([[1]] if kind is not RiverDetector else []))
    with pytest.raises(ValueError, match="params"):
        RiverClassifier(model="tree.HoeffdingTreeClassifier", params={"depth": 1}).fit_one([0.0], 1)
    with pytest.raises(ValueError, match="nominal"):
        RiverDetector(model="anomaly.LODA", nominal="text").fit_one([0.0])


def test_content_is_compared_not_identity():
    a, b = (linear_model.LinearRegression() for _ in "12")
    assert alike(a, b)
    a.learn_one({"x": 1.0}, 2.0)
    assert not alike(a, b)
    b.learn_one({"x": 1.0}, 2.0)
    assert alike(a, b)
    assert Held(a) == Held(b)
    kinds = np.zeros(2, [("a", np.int8), ("b", np.float64)])
    assert alike(kinds, kinds.copy())
    assert not alike(kinds, np.ones_like(kinds))
    loop: list[Any] = [np.nan, np.arange(3)]
    loop.append(loop)
    other: list[Any] = [np.nan, np.arange(3)]
    other.append(other)
    assert alike(loop, other)
    assert not alike(loop, [*other[:2], 1])
    assert not alike(np.arange(3), np.arange(3.0))


def test_streams_of_river_are_streams():
    for made in (datasets.Phishing(), stream.iter_array(np.eye(3), np.arange(3))):
        assert len(next(iter(as_stream(made).chunks(10))).X) > 0


# ------------------------------------------------------------------ ours in river

# river checks detectors of anomalies on a download
INSIDE = [GaussianNB(), LinearRegression(), StandardScaler()]


@pytest.mark.parametrize("model", INSIDE, ids=lambda model: type(model).__name__)
def test_river_s_own_checks_pass(model: Any):
    for check in checks.yield_checks(to_river(model)):
        check(to_river(model))


def test_ours_in_a_pipeline_of_river_gives_what_ours_alone_gives():
    model = compose.Pipeline(to_river(StandardScaler()), to_river(HoeffdingTreeClassifier()))
    metric = evaluate.progressive_val_score(datasets.Phishing(), model, metrics.Accuracy())
    alone = prequential(
        chain(StandardScaler(), HoeffdingTreeClassifier()), datasets.Phishing(), metrics="accuracy"
    )
    # river's pipeline learns a row in the form that it has after the scaler learned it
    assert metric.get() == pytest.approx(alone.runs[0].totals["accuracy"], abs=0.02)


def test_tables_are_learned_as_rows():
    import pandas as pd

    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    y = pd.Series(np.where(X.a > 0, "up", "down"))
    rows, table = to_river(GaussianNB()), to_river(GaussianNB())
    assert table.predict_many(X).empty
    assert table.predict_proba_many(X).shape == (50, 0)
    records = X.to_dict("records")
    for x, label in zip(records, y, strict=True):
        rows.learn_one(x, label)
    table.learn_many(X, y)
    assert table.predict_many(X).tolist() == [rows.predict_one(x) for x in records]
    shares = table.predict_proba_many(X)
    assert shares.iloc[3].to_dict() == rows.predict_proba_one(X.iloc[3].to_dict())


def test_a_detector_in_a_pipeline_of_river():
    model = preprocessing.MinMaxScaler() | to_river(HalfSpaceTrees(n_trees=5))
    curve = metrics.ROCAUC(n_thresholds=500)  # the scores of usual rows are small
    metric = evaluate.progressive_val_score(load_shuttle(2000), model, curve)
    assert metric.get() > 0.8
    filtered = anomaly.QuantileFilter(to_river(HalfSpaceTrees(n_trees=5)), q=0.9)
    for x, _ in load_shuttle(500):
        filtered.learn_one(x)
    assert 0.0 <= filtered.score_one(x) <= 1.0


def load_shuttle(n):
    chunk = next(iter(load("shuttle").take(n).chunks(n)))
    for row, label in zip(chunk.X.tolist(), chunk.y.tolist(), strict=True):
        yield {f"x{j}": value for j, value in enumerate(row)}, bool(label)


def test_a_detector_of_drift_in_river():
    inside, alone = to_river(DDM()), DDM()
    assert isinstance(inside, base.DriftAndWarningDetector)
    values = (np.random.default_rng(0).random(800) < np.repeat([0.1, 0.6], 400)).astype(float)
    for value in values:
        inside.update(value)
        alone.fit_one(value)
        assert inside.drift_detected == alone.drift_detected
        assert inside.warning_detected == alone.warning_detected
    assert to_river(ADWIN()).clone().model_.is_started is False


def test_clones_are_unfitted_and_columns_may_change():
    model = to_river(OneHotEncoder())
    model.learn_one({"sky": "gray", "wind": 1.0})
    made = model.transform_one({"sky": "blue", "wind": 2.0, "new": 1.0})
    assert all(isinstance(value, float) for value in made.values())
    assert not model.clone().model_.is_started
    with pytest.raises(ValueError, match="model"):
        to_river(Schema(1))
