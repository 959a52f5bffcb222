"""Alarms against known changes, counted by hand."""

import math

import numpy as np
import pytest

from onlineml.detectors import ADWIN
from onlineml.evaluation.drift_scoring import score_alarms


def test_every_alarm_and_every_change_is_counted_once() -> None:
    score = score_alarms([50, 100, 149, 150, 305, 999], [100, 300, 600], 1000, tolerance=50)
    assert score.delays == (0, 5, None)
    assert (score.n_hits, score.n_misses, score.n_repeats, score.n_false) == (2, 1, 1, 3)
    assert score.mean_delay == 2.5
    assert score.false_alarm_rate == 3 / (1000 - 150)
    assert (score.precision, score.recall) == (2 / 5, 2 / 3)
    assert score.f1 == pytest.approx(2 * (2 / 5) * (2 / 3) / (2 / 5 + 2 / 3))
    assert score.as_dict()["n_false"] == 3.0


def test_the_tolerance_ends_at_the_next_change_and_at_the_end() -> None:
    score = score_alarms([115], [100, 110, 990], 1000, tolerance=50)
    assert score.delays == (None, 5, None)
    assert score.n_free_rows == 1000 - 10 - 50 - 10


def test_a_gradual_change_may_be_found_while_it_lasts() -> None:
    score = score_alarms([150, 240, 260], [(100, 200)], 1000, tolerance=50)
    assert score.delays == (50,)
    assert (score.n_repeats, score.n_false) == (1, 1)


def test_nothing_to_find_and_nothing_found() -> None:
    score = score_alarms([], [], 10, tolerance=5)
    assert math.isnan(score.mean_delay)
    assert math.isnan(score.precision)
    assert math.isnan(score.recall)
    assert math.isnan(score.f1)
    assert score.false_alarm_rate == 0.0
    assert math.isnan(score_alarms([], [0], 10, tolerance=10).false_alarm_rate)


def test_alarms_of_a_detector() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random(4000) < np.repeat([0.1, 0.5], 2000)).astype(float)
    alarms = ADWIN().fit_many(values)
    score = score_alarms(alarms, np.array([2000]), len(values), tolerance=500)
    assert score.n_hits == 1
    assert score.n_false == 0


@pytest.mark.parametrize(
    ("alarms", "changes", "tolerance", "word"),
    [([1000], [5], 5, "alarms"), ([], [-1], 5, "changes"), ([], [5, 5], 5, "changes"),
     ([], [5], 0, "tolerance")],
)  # fmt: skip
def test_positions_that_cannot_be(
    alarms: list[int], changes: list[int], tolerance: int, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        score_alarms(alarms, changes, 1000, tolerance)
