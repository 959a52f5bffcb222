"""Chains: transformers before a last step."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from onlineml.checks import rows
from onlineml.graph import ChainClassifier, ChainTransformer, chain
from onlineml.learners import GaussianNB, MeanRegressor
from onlineml.transforms import MeanImputer, StandardScaler
from tests.naive.far_from_mean import FarFromMean


def test_chain_equals_its_steps_by_hand() -> None:
    X, score = rows(0, 300)
    y = score > 0
    model = chain(MeanImputer(), StandardScaler(), GaussianNB())
    got = model.predict_proba_fit_many(X, y)
    imputer, scaler, learner = MeanImputer(), StandardScaler(), GaussianNB()
    due = []
    for x, label in zip(X, y):
        filled = imputer.transform_one(x)
        scaled = scaler.transform_one(filled) if scaler.is_started else np.zeros(len(x))
        due.append(learner.predict_proba_one(scaled).tolist())
        imputer.fit_one(x)
        scaler.fit_one(filled)
        learner.fit_one(scaled, label)
    for i in range(1, 300):
        np.testing.assert_allclose(got[i][: len(due[i])], due[i])


def test_parameters_of_steps_by_position() -> None:
    model = chain(StandardScaler(), GaussianNB())
    assert model.get_params()["steps__1__var_floor"] == 1e-12
    model.set_params(steps__1__var_floor=0.5)
    assert repr(model) == "chain(StandardScaler(), GaussianNB(var_floor=0.5))"
    with pytest.raises(ValueError, match="steps__7__x"):
        model.set_params(steps__7__x=1)


def test_only_transformers_stand_before_the_last_step() -> None:
    with pytest.raises(ValueError, match="transformers before the last step"):
        chain(GaussianNB(), StandardScaler())
    with pytest.raises(ValueError, match="steps"):
        chain()


def test_the_last_step_has_the_role_of_the_chain() -> None:
    for steps in ((StandardScaler(),), (StandardScaler(), MeanRegressor())):
        with pytest.raises(ValueError, match=r"^steps: got .* expected a last step that is a cl"):
            ChainClassifier(steps=steps).fit_one([1.0], "a")
    nothing: list[Any] = [(), None]
    for steps in nothing:
        with pytest.raises(ValueError, match=r"^steps: got .* expected at least one estimator$"):
            ChainTransformer(steps=steps).fit_one([1.0])


def test_a_chain_that_ends_in_a_detector_explains_as_it_does() -> None:
    model = chain(StandardScaler(), FarFromMean())
    X, _ = rows(0, 100, clean=True)
    scores = model.score_fit_many(X)
    assert scores[0] == 0.0
    assert scores[-1] > 0.0
    assert model.explain_one(X[0]).sum() == model.score_one(X[0])


def test_the_steps_given_stay_unfitted() -> None:
    scaler = StandardScaler()
    chain(scaler, MeanRegressor()).fit_one([1.0], 2.0)
    assert not scaler.is_started


def test_mappings_with_late_features_and_classes() -> None:
    model = chain(StandardScaler(), GaussianNB())
    model.fit_one({"a": 1.0}, "p").fit_one({"a": 2.0, "b": 5.0}, "q").fit_one({"b": 7.0}, "r")
    assert model.predict_proba_one({"a": 1.5, "b": 6.0}).shape == (3,)
    assert model.steps_[1].schema_.n_features == 2


def test_the_function_is_not_hidden_by_its_module():
    code = "import onlineml.graph.chain\nfrom onlineml.graph import chain\nassert callable(chain)"
    subprocess.run([sys.executable, "-c", code], check=True)
