"""What every detector of numbers must bear; they are found in the registry by themselves.

A detector that cannot declares `"finds_spikes"` or `"robust_" + case` in `_excuses`, with the
reason.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.base import Array, Detector
from onlineml.registry import estimators
from tests.detectors.streams import noise_with_spikes, seasonal_with_spikes
from tests.examples import example

N, BAD = 6000, 2000
DETECTORS = [
    name
    for name, kind in estimators().items()
    if issubclass(kind, Detector) and kind._n_inputs == 1
]


def clean(values: Array) -> None:
    """Nothing is done."""


def huge_value(values: Array) -> None:
    values[BAD] = 1e6


def missing_value(values: Array) -> None:
    values[BAD] = np.nan


def missing_stretch(values: Array) -> None:
    values[BAD - 50 : BAD] = np.nan


def equal_stretch(values: Array) -> None:
    values[BAD - 30 : BAD] = values[BAD]


CASES = [huge_value, missing_value, missing_stretch, equal_stretch]


@cache
def quality(name: str, how: Any, make: Any = noise_with_spikes) -> float:
    """ROC AUC of the values after the bad one."""
    values, labels = make(N)
    how(values)
    detector: Any = example(name)
    scores = detector.score_fit_many(values)
    assert np.isfinite(scores).all()
    return float(roc_auc_score(labels[BAD + 1 :], scores[BAD + 1 :]))


def case(values: Any, reason: str | None) -> Any:
    """A case of a test; one that a detector is excused from must fail."""
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    several = isinstance(values, tuple)
    name = f"{values[0]}-{values[1].__name__}" if several else values
    return pytest.param(*values if several else (values,), marks=marks, id=name)


@pytest.mark.parametrize(
    "name", [case(name, estimators()[name]._excuses.get("finds_spikes")) for name in DETECTORS]
)
def test_spikes_are_found(name: str) -> None:
    assert quality(name, clean) > 0.95


@pytest.mark.parametrize(
    ("name", "how"),
    [
        case((name, how), estimators()[name]._excuses.get(f"robust_{how.__name__}"))
        for name in DETECTORS
        for how in CASES
    ],
)
def test_quality_stays(name: str, how: Any) -> None:
    noise_is_not_for_it = "finds_spikes" in estimators()[name]._excuses
    make = seasonal_with_spikes if noise_is_not_for_it else noise_with_spikes
    assert quality(name, how, make) == pytest.approx(quality(name, clean, make), abs=0.02)


@pytest.mark.parametrize("name", DETECTORS)
def test_nothing_is_strange_before_the_first_value(name: str) -> None:
    detector: Any = example(name)
    assert detector.score_one(3.0) == 0.0
    assert detector.score_fit_many([3.0]).tolist() == [0.0]


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("value", [0.0, 1e30, -1e30])
def test_constant_series_then_another_value(name: str, value: float) -> None:
    detector: Any = example(name)
    detector.fit_many(np.full(300, 2.0))
    scores = detector.score_fit_many([value, 2.0, value, np.nan, 2.0])
    assert np.isfinite(scores).all()
