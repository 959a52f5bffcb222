"""The benchmark's score by its definition, row by row."""

import math

import numpy as np
import pytest

from onlineml.evaluation import nab_score
from onlineml.evaluation.nab import PROFILES


def sigmoid(place):
    return -1.0 if place > 3.0 else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def naive(series, threshold, profile):
    """Alarms one after the other, at a given threshold."""
    costs, total, n_windows = PROFILES[profile], 0.0, 0
    for scores, windows in series:
        probation = min(int(0.15 * len(scores)), 750)
        counted = [w for w in windows if w[1] >= probation]
        n_windows += len(counted)
        best = dict.fromkeys(counted, -costs.miss)
        for i in range(probation, len(scores)):
            if scores[i] < threshold:
                continue
            inside = [w for w in windows if w[0] <= i <= w[1]]
            before = [w for w in windows if w[1] < i]
            if inside:
                first, last = inside[0]
                gain = sigmoid(-(last - i + 1) / (last - first + 1)) / sigmoid(-1.0)
                best[inside[0]] = max(best[inside[0]], gain)
            elif before:
                first, last = before[-1]
                total += costs.false_alarm * sigmoid((i - last) / (last - first))
            else:
                total -= costs.false_alarm
        total += sum(best.values())
    null = -costs.miss * n_windows
    return 100 * (total - null) / (n_windows - null)


def series(seed):
    rng = np.random.default_rng(seed)
    return [
        (np.round(rng.random(400), 2), [(100, 130), (200, 205), (300, 350)]),
        (np.round(rng.random(300), 2), [(3, 20), (150, 180)]),
        (np.round(rng.random(200), 2), []),
    ]


@pytest.mark.parametrize("profile", list(PROFILES))
def test_equals_its_naive_twin(profile: str) -> None:
    rows = series(1)
    for threshold in (0.5, 0.9, 0.99):
        got = nab_score(rows, profile=profile, threshold=threshold)
        assert got.score == pytest.approx(naive(rows, threshold, profile))
    best = nab_score(rows, profile=profile)
    thresholds = [*np.unique(np.concatenate([scores for scores, _ in rows])), 2.0]
    assert best.score == pytest.approx(max(naive(rows, t, profile) for t in thresholds))


def test_the_ends_of_the_scale() -> None:
    scores = np.zeros(1000)
    scores[[400, 700]] = 1.0
    windows = [(400, 450), (700, 800)]
    assert nab_score([(scores, windows)]).score == pytest.approx(100.0)
    quiet = nab_score([(scores, windows)], threshold=2.0)
    assert quiet.score == 0.0
    assert nab_score([(np.zeros(1000), windows)]).score == 0.0


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="profile"):
        nab_score(series(0), profile="strict")
    with pytest.raises(ValueError, match="threshold"):
        nab_score(series(0), threshold=np.nan)
    with pytest.raises(ValueError, match="windows"):
        nab_score([(np.zeros(10), [(3, 12)])])
    with pytest.raises(ValueError, match="series"):
        nab_score([(np.zeros(10), [])])


def test_published_points_of_single_alarms() -> None:
    """Of the benchmark's results: windowed Gaussian and CAD OSE on series with one window."""
    found = np.zeros(4032)
    for age, due in ((202, 0.8606718242697022), (203, 0.86241650019), (200, 0.85712688145)):
        found[:] = 0.0
        found[3189 + 1 - age] = 1.0  # of a window of 403 rows
        point = 2 * nab_score([(found, [(2787, 3189)])], threshold=1.0).score / 100 - 1
        assert point == pytest.approx(due, abs=1e-10)
    found[:] = 0.0
    found[700:712] = 1.0  # 12 false alarms before any window cost 1.32, as ec2_cpu..._c6585a
    point = 2 * nab_score([(found, [(2787, 3189)])], threshold=1.0).score / 100 - 1
    assert point == pytest.approx(-1.0 - 1.32, abs=1e-10)
