"""Scoring of stretches: by hand, against the published cases, and by definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from onlineml.evaluation import detections, range_precision, range_recall, stretches, vus
from onlineml.evaluation.anomaly_scoring import front
from tests.naive.vus import vus as naive_vus


def naive_recall(labels, alarms, existence, weight):
    """Row by row, sets of rows for ranges."""
    real, said = ([set(range(a, b)) for a, b in stretches(x)] for x in (labels, alarms))
    values = []
    for one in real:
        touched = [other for other in said if one & other]
        first, n = min(one), len(one)
        total = sum(weight(row - first, n) for row in one)
        inside = sum(weight(row - first, n) for row in one for other in touched if row in other)
        share = inside / total / len(touched) if touched else 0.0
        values.append(existence * bool(touched) + (1 - existence) * share)
    return np.mean(values)


@pytest.mark.parametrize("existence", [0.0, 0.3])
def test_range_recall_and_precision_by_definition(existence: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        labels, alarms = (np.repeat(rng.random(20) < 0.4, rng.integers(1, 6)) for _ in "12")
        n = min(len(labels), len(alarms))
        labels, alarms = labels[:n], alarms[:n]
        if not (labels.any() and alarms.any()):
            continue
        got = range_recall(labels, alarms, existence=existence, bias=front)
        due = naive_recall(labels, alarms, existence, lambda place, n: n - place)
        assert got == pytest.approx(due)
        # precision is recall without existence, with the roles changed
        due = naive_recall(alarms, labels, 0.0, lambda place, n: 1)
        assert range_precision(labels, alarms) == pytest.approx(due)


def test_single_rows_are_plain_precision_and_recall() -> None:
    labels, alarms = np.zeros(100, int), np.zeros(100, int)
    labels[[2, 10, 30, 50]], alarms[[2, 10, 70]] = 1, 1
    assert range_recall(labels, alarms) == 0.5
    assert range_precision(labels, alarms) == pytest.approx(2 / 3)


def test_delays() -> None:
    labels = [0, 1, 1, 1, 0, 0, 1, 1]
    found = detections(labels, [1, 0, 0, 1, 1, 0, 1, 0])
    assert found.delays == (2, 0)
    assert (found.n_false, found.n_free) == (2, 3)
    assert (found.recall, found.mean_delay) == (1.0, 1.0)
    none = detections(labels, np.zeros(8))
    assert none.recall == 0.0
    assert np.isnan(none.mean_delay)
    assert np.isnan(range_precision(labels, np.zeros(8)))
    assert np.isnan(range_recall(np.zeros(8), labels))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="alarms"):
        detections([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="existence"):
        range_recall([0, 1], [0, 1], existence=2.0)


@pytest.mark.parametrize("labels", [[0, np.nan], [1, -1], ["no", "yes"], [[0], [1]], [0, 2]])
def test_flags_are_0_or_1(labels: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: stretches(labels),
        lambda: detections(labels, [0, 1]),
        lambda: range_precision(labels, [0, 1]),
        lambda: range_recall(labels, [0, 1]),
        lambda: vus(labels, [0.1, 0.2], buffer=1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^labels: got .* expected (0 or 1|one flag a row)"):
            call()
    with pytest.raises(ValueError, match=r"^alarms: got 2, expected 0 or 1$"):
        detections([0, 1], [2, 0])


@pytest.mark.parametrize("buffer", [0, 1, 7])
def test_vus_equals_its_plain_twin(buffer: int) -> None:
    rng = np.random.default_rng(buffer)
    for _ in range(5):
        labels = np.repeat(rng.random(25) < 0.3, 4)
        labels[:2], labels[50:55] = [True, False], [0, 1, 0, 1, 0]
        scores = (rng.random(100) + 0.5 * labels).round(1)
        assert vus(labels, scores, buffer=buffer) == pytest.approx(
            naive_vus(labels.astype(int).tolist(), scores.tolist(), buffer)
        )


def test_vus_at_its_edges() -> None:
    labels = np.zeros(60, int)
    labels[20:30] = 1
    assert vus(labels, labels, buffer=0) == (1.0, 1.0)
    late = np.roll(labels, 4)
    assert vus(labels, late, buffer=16).pr > vus(labels, late, buffer=0).pr + 0.1
    noise = np.random.default_rng(0).random(60)
    assert vus(labels, noise, buffer=8).pr < 0.5
    assert np.isnan(vus(np.zeros(5), noise[:5], buffer=2)).all()
    with pytest.raises(ValueError, match="buffer"):
        vus(labels, noise, buffer=-1)
    with pytest.raises(ValueError, match="scores"):
        vus(labels, noise[1:], buffer=1)
