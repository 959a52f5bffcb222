"""Ours in scikit-learn: its own checks, pipelines, searches."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from onlineml.detectors import KNNDetector
from onlineml.integrations import to_sklearn
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, LinearRegression
from onlineml.schema import Schema
from onlineml.transforms import OneHotEncoder, StandardScaler

# One row of weight 2 is one step, or one place in a window; two rows of weight 1 are two.
WEIGHT = "check_sample_weight_equivalence_on_dense_data"
EXCUSED = {
    "LinearRegression": {WEIGHT: "each row is a step along the gradient, in its order"},
    "KNNDetector": {WEIGHT: "a window holds rows, whatever their weight"},
}


@parametrize_with_checks(
    [
        to_sklearn(GaussianNB()),
        to_sklearn(LinearRegression()),
        to_sklearn(KNNDetector(window_size=300)),
        to_sklearn(StandardScaler()),
    ],
    expected_failed_checks=lambda estimator: EXCUSED.get(type(estimator.model).__name__, {}),
)
def test_scikit_learn_s_own_checks_pass(estimator, check):
    check(estimator)


def test_parts_equal_the_whole_and_ours_alone():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], np.array(["iris", "rose", "lily"])[y[order]]
    whole, parts = (to_sklearn(HoeffdingTreeClassifier(grace_period=20)) for _ in "12")
    whole.fit(X, y)
    for rows in np.array_split(np.arange(len(X)), 7):
        parts.partial_fit(X[rows], y[rows], classes=["rose", "iris", "lily", "tulip"])
    alone = HoeffdingTreeClassifier(grace_period=20).fit_many(X, y)
    assert whole.predict(X).tolist() == parts.predict(X).tolist() == alone.predict_many(X).tolist()
    assert parts.classes_.tolist() == ["iris", "lily", "rose", "tulip"]
    assert (parts.predict_proba(X)[:, 3] == 0).all()
    np.testing.assert_array_equal(
        whole.predict_proba(X), alone.predict_proba_many(X)[:, np.argsort(alone.classes_)]
    )


def test_labels_may_come_that_nobody_named():
    model = to_sklearn(GaussianNB()).partial_fit([[1.0], [2.0]], ["b", "c"])
    model.partial_fit([[9.0]], ["a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict([[9.0], [2.0]]).tolist() == ["a", "c"]


def test_searches_reach_the_parameters_of_the_model():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(to_sklearn(StandardScaler()), to_sklearn(GaussianNB()))
    grid = {"insklearnclassifier__model__var_floor": [1e-9, 0.1]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.best_estimator_[1].model_.var_floor in (1e-9, 0.1)
    assert model[1].model.is_started is False
    again = pickle.loads(pickle.dumps(search))
    assert again.predict(X[:5]).tolist() == search.predict(X[:5]).tolist()


def test_a_detector_finds_outliers_in_parts():
    rng = np.random.default_rng(0)
    X, odd = rng.normal(size=(900, 3)), rng.random(900) < 0.05
    X[odd] *= 8.0
    model = to_sklearn(KNNDetector(), contamination=0.05)
    for rows in np.array_split(np.arange(900), 9):
        model.partial_fit(X[rows])
    assert roc_auc_score(odd, -model.score_samples(X)) > 0.95
    assert (model.predict(X[odd]) == -1).mean() > 0.8
    assert (model.predict(X[~odd]) == 1).mean() > 0.95
    assert (clone(model).fit_predict(X) == -1).mean() == pytest.approx(0.05, abs=0.01)
    with pytest.raises(ValueError, match="contamination"):
        to_sklearn(KNNDetector(), contamination=0.9).fit(X)


def test_missing_values_and_names_of_columns():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [0.0, 1.0, 0.0]})
    scaler = to_sklearn(StandardScaler()).set_output(transform="pandas")
    assert scaler.fit_transform(X).columns.tolist() == ["a", "b"]
    encoder = to_sklearn(OneHotEncoder()).fit(X)
    assert len(encoder.get_feature_names_out()) == encoder.transform(X).shape[1]


def test_what_cannot_stand_in_scikit_learn_is_refused():
    with pytest.raises(ValueError, match="model"):
        to_sklearn(Schema(1))
    with pytest.raises(ValueError, match="a Regressor of onlineml"):
        to_sklearn(LinearRegression()).set_params(model=GaussianNB()).fit([[1.0]], [1.0])
