"""Detectors of PySAD as ours, and ours in PySAD."""

from pathlib import Path

import numpy as np
import pytest

from onlineml import prequential
from onlineml.checks import assert_same_state
from onlineml.detectors import HalfSpaceTrees, StandardAbsoluteDeviation
from onlineml.integrations import PySADDetector, to_pysad
from onlineml.learners import GaussianNB
from onlineml.persistence import load, save
from tests.detectors.streams import clusters_with_anomalies

models = pytest.importorskip("pysad.models")
LIMITS = {"feature_mins": np.full(3, -4.0), "feature_maxes": np.full(3, 4.0)}
ROWS = {
    "HalfSpaceTrees": {**LIMITS, "window_size": 50, "random_state": 0},
    "LODA": {"random_state": 0},
    "RSHash": {**LIMITS, "random_state": 0},
    "xStream": {"n_chains": 10, "num_components": 10, "window_size": 25, "random_state": 0},
    "RobustRandomCutForest": {"num_trees": 4, "random_state": 0},
    "KitNet": {"grace_feature_mapping": 20, "grace_anomaly_detector": 40, "random_state": 0},
    "ExactStorm": {"window_size": 50},
}
SERIES = {
    "MedianAbsoluteDeviation": {},
    "StandardAbsoluteDeviation": {},
    "KNNCAD": {"probationary_period": 50},
    "RelativeEntropy": {"min_val": -4.0, "max_val": 4.0},
}


@pytest.mark.parametrize(("name", "params"), [*ROWS.items(), *SERIES.items()])
def test_scores_are_those_that_pysad_gives(name, params):
    width = 1 if name in SERIES else 3
    X = np.random.default_rng(0).normal(size=(120, width))
    theirs = getattr(models, name)(**params)
    due = []
    for x in X:  # KNNCAD rests after an alarm, where both come in one call
        due.append(np.nan_to_num(theirs.score_partial(x)))
        theirs.fit_partial(x)
    ours = PySADDetector(model=name, params=params)
    scores = np.concatenate([ours.score_fit_many(part) for part in (X[:1], X[1:50], X[50:])])
    np.testing.assert_array_equal(scores, due)
    before = ours.get_state()
    assert ours.score_one(X[0]) == pytest.approx(np.nan_to_num(theirs.score_partial(X[0])))
    assert_same_state(before, ours.get_state())


def test_missing_values_and_late_features_do_no_harm():
    X = np.random.default_rng(0).normal(size=(200, 3))
    model = PySADDetector(model="RSHash", params=ROWS["RSHash"]).fit_many(X)
    assert np.isfinite(model.score_one([np.nan, 0.0, 9.0]))
    assert model.score_one([np.nan] * 3) == 0.0
    named = PySADDetector(model="LODA").fit_one({"a": 1.0}).fit_one({"a": 2.0, "b": 5.0})
    assert named.score_one({"a": 1.0, "b": 1.0}) == named.score_one({"a": 1.0})


def test_files_hold_a_pickle_and_say_so(tmp_path: Path):
    model = PySADDetector(model=models.LODA(random_state=1)).fit_many(np.eye(3))
    with pytest.raises(ValueError, match="trusted_pickle"):
        save(model, tmp_path / "m.oml")
    save(model, tmp_path / "m.oml", trusted_pickle=True)
    back = load(tmp_path / "m.oml", trusted_pickle=True)
    for one in (model, back):
        one.fit_one([1.0, 2.0, 3.0])
    assert_same_state(model.get_state(), back.get_state())


def test_under_evaluation():
    X, y = clusters_with_anomalies(1200)
    result = prequential(PySADDetector(model="LODA", params=ROWS["LODA"]), (X, y))
    assert result.runs[0].totals["roc_auc"] > 0.8


@pytest.mark.parametrize("given", ["Nothing", "LODA2", GaussianNB(), 3])
def test_what_is_no_detector_of_pysad_is_refused(given):
    with pytest.raises(ValueError, match="model"):
        PySADDetector(model=given).fit_one([1.0])


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="params"):
        PySADDetector(model="LODA", params={"bins": 3}).fit_one([1.0])


# ------------------------------------------------------------------ ours in PySAD


def test_ours_in_pysad_by_row_and_by_chunk():
    X = np.random.default_rng(0).normal(size=(300, 3))
    rows, chunk = (to_pysad(HalfSpaceTrees(n_trees=5, seed=1)) for _ in "12")
    by_row = [rows.fit_score_partial(x) for x in X]
    assert chunk.fit_score(X).tolist() == by_row
    assert chunk.score(X[:9]).tolist() == [rows.score_partial(x) for x in X[:9]]
    alone = HalfSpaceTrees(n_trees=5, seed=1).fit_many(X)
    assert to_pysad(alone).fit(X).score_partial(X[0]) == alone.score_one(X[0])


def test_ours_among_pysad_s_own():
    from pysad.evaluation import AUROCMetric
    from pysad.transform.ensemble import AverageScoreEnsembler
    from pysad.transform.probability_calibration import ConformalProbabilityCalibrator

    X, y = clusters_with_anomalies(1500)
    members = [to_pysad(HalfSpaceTrees(seed=1)), models.LODA(random_state=1)]
    calibrators = [ConformalProbabilityCalibrator(window_size=300) for _ in members]
    together, metric = AverageScoreEnsembler(), AUROCMetric()
    for x, label in zip(X, y, strict=True):
        scores = [
            calibrator.fit_transform_partial(model.fit_score_partial(x))
            for model, calibrator in zip(members, calibrators, strict=True)
        ]
        metric.update(label, together.fit_transform_partial(np.array(scores)))
    assert metric.get() > 0.85


def test_series_and_other_roles():
    model = to_pysad(StandardAbsoluteDeviation())
    for value in np.random.default_rng(0).normal(size=200):
        model.fit_partial(np.array([value]))
    assert model.score_partial(np.array([9.0])) > model.score_partial(np.array([0.1]))
    with pytest.raises(ValueError, match="a detector of anomalies"):
        to_pysad(GaussianNB())
