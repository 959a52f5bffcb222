"""What every detector of anomalies must bear; they are found in the registry by themselves.

A detector that cannot declares `"robust_" + case` in `_excuses`, with the reason.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.base import Detector
from onlineml.registry import estimators
from tests.detectors.streams import Array, clusters_with_anomalies
from tests.examples import example

N_ROWS, BAD = 6000, 2000
DETECTORS = [
    name
    for name, kind in estimators().items()
    if issubclass(kind, Detector)
    and kind._n_inputs is None
    and kind.__module__.startswith("onlineml.detectors")
]


@cache
def stream() -> tuple[Array, Any]:
    return clusters_with_anomalies(N_ROWS)


def clean(X: Array) -> Array:
    return X


def huge_row(X: Array) -> Array:
    X[BAD] = 1e6
    return X


def missing_row(X: Array) -> Array:
    X[BAD] = np.nan
    return X


def constant_feature(X: Array) -> Array:
    return np.column_stack([X, np.full(len(X), 3.0)])


def duplicates(X: Array) -> Array:
    X[BAD - 30 : BAD] = X[BAD]
    return X


def feature_times_1000(X: Array) -> Array:
    X[:, 4] *= 1000.0
    return X


CASES = [huge_row, missing_row, constant_feature, duplicates, feature_times_1000]


def scores(name: str, X: Array) -> Array:
    """Scores, of several seeds one after another where there are seeds."""
    detector = example(name)
    assert isinstance(detector, Detector)
    if "seed" not in detector.get_params(deep=False):
        return detector.score_fit_many(X)[None]
    return np.array([detector.clone().set_params(seed=s).score_fit_many(X) for s in range(3)])


@cache
def quality(name: str, case: Any) -> float:
    """Mean ROC AUC of the rows after the bad one."""
    X, labels = stream()
    found = scores(name, np.ascontiguousarray(case(X.copy())))
    assert np.isfinite(found).all()
    after = slice(BAD + 1, None)
    return float(np.mean([roc_auc_score(labels[after], one[after]) for one in found]))


def cases() -> list[Any]:
    made = []
    for name in DETECTORS:
        for case in CASES:
            reason = estimators()[name]._excuses.get(f"robust_{case.__name__}")
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            made.append(pytest.param(name, case, marks=marks, id=f"{name}-{case.__name__}"))
    return made


@pytest.mark.parametrize("name", DETECTORS)
def test_anomalies_are_found(name: str) -> None:
    assert quality(name, clean) > 0.85


@pytest.mark.parametrize(("name", "case"), cases())
def test_quality_stays(name: str, case: Any) -> None:
    assert quality(name, case) == pytest.approx(quality(name, clean), abs=0.02)


@pytest.mark.parametrize("name", DETECTORS)
def test_anomalies_are_found_among_rows_of_any_weight(name: str) -> None:
    """Such as amounts of money: what counts is what rows weigh beside each other."""
    X, labels = stream()
    n, after = 3000, slice(1000, 3000)
    light: Any = example(name)
    if "seed" in light.get_params(deep=False):
        light.set_params(seed=1)
    found = []
    for weight in (1.0, 1e4, 1e15):
        scores = light.clone().score_fit_many(X[:n], weight=np.full(n, weight))
        assert np.isfinite(scores).all()
        found.append(roc_auc_score(labels[after], scores[after]))
    assert found[0] > 0.85
    assert min(found) > found[0] - 0.03


@pytest.mark.parametrize("name", DETECTORS)
def test_nothing_is_strange_before_the_first_row(name: str) -> None:
    detector: Any = example(name)
    X, _ = stream()
    assert detector.score_one(X[0]) == 0.0
    assert detector.score_fit_many(X[:1]).tolist() == [0.0]


@pytest.mark.parametrize("name", DETECTORS)
def test_what_was_learned_is_forgotten(name: str) -> None:
    """Rows that were common long ago, and then were not seen, are strange again."""
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 1, (2000, 4)), rng.normal(20, 1, (6000, 4))
    detector: Any = example(name).set_params(
        **({"seed": 1} if "seed" in vars(example(name)) else {})
    )
    detector.fit_many(old)
    assert np.median(detector.score_many(new[:50])) > np.median(detector.score_many(old[:50]))
    detector.fit_many(new)
    assert np.median(detector.score_many(new[:50])) < np.median(detector.score_many(old[:50]))
