"""Seasons: found, followed, given up, and what sticks out of them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import SeasonalDetector


def spikes(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """A day and a weak week, with one spike in a hundred values."""
    rng = np.random.default_rng(11)
    t = np.arange(n)
    values = np.sin(2 * np.pi * t / 48) + 0.3 * np.sin(2 * np.pi * t / 336)
    values += rng.normal(0, 0.1, n)
    where = rng.choice(np.arange(1000, n), n // 100, replace=False)
    values[where] += rng.choice([-1, 1], len(where)) * rng.uniform(0.5, 1.5, len(where))
    labels = np.zeros(n, int)
    labels[where] = 1
    return values, labels


def naive(values, period, window, level_rate, season_rate, scale_rate, clip):
    """Holt and Winters by hand, the period given, its first window as plain means."""
    level, scale, phase, n, scores = 0.0, 0.0, 0, 0, []
    season, visits, found = np.zeros(window), np.zeros(window), 1
    for x in values:
        error = x - level - season[phase]
        scores.append(abs(error) / max(scale, 1e-12) if n > 1 else 0.0)
        if n > 10 and scale > 1e-12:
            error = np.clip(error, -clip * scale, clip * scale)
        rest = error
        if found > 1:
            visits[phase] += 1
            rate = max(1 / (visits[phase] + 1), season_rate)
            season[phase] += rate * error
            rest = error - rate * error
        level += max(1 / (n + 1), level_rate) * rest
        scale += max(1 / max(n, 1), scale_rate) * (abs(error) / np.sqrt(2 / np.pi) - scale)
        n, phase = n + 1, (phase + 1) % found
        if n % window == 0 and found != period:
            found, phase, past = period, n % period, values[n - window : n]
            level = past.mean()
            for k in range(period):
                same = past[(np.arange(n - window, n) % period) == k]
                season[k], visits[k] = (same - level).mean(), len(same)
            errors = past - level - season[np.arange(n - window, n) % period]
            scale = np.abs(errors).mean() / np.sqrt(2 / np.pi)
    return np.array(scores)


def test_equals_its_naive_twin() -> None:
    values, _ = spikes(1500)
    got = SeasonalDetector(period=48, window_size=200).score_fit_many(values)
    due = naive(values, 48, 200, 0.02, 0.1, 0.002, 3.0)
    np.testing.assert_allclose(got, due, rtol=1e-8)


def test_finds_spikes_in_a_season_that_it_found() -> None:
    values, labels = spikes()
    model = SeasonalDetector()
    scores = model.score_fit_many(values)
    assert model.period_found == 48
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.97


def test_noise_has_no_season_and_a_season_may_end() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=3000)
    assert SeasonalDetector().fit_many(noise).period_found == 1
    wave = np.sin(2 * np.pi * np.arange(3000) / 30) + 0.1 * rng.normal(size=3000)
    model = SeasonalDetector().fit_many(wave)
    assert model.period_found == 30
    assert model.fit_many(noise).period_found == 1
    other = np.sin(2 * np.pi * np.arange(3000) / 70) + 0.1 * rng.normal(size=3000)
    assert model.fit_many(other).period_found == 70


def test_missing_values_keep_the_season_in_step() -> None:
    values, _ = spikes(6000)
    values[4000:4100] = np.nan
    scores = SeasonalDetector().score_fit_many(values)
    assert (scores[4000:4100] == 0).all()
    assert np.median(scores[4100:4200]) < 2.0


@pytest.mark.parametrize(
    "bad", [{"period": 0}, {"period": 600}, {"window_size": 2}, {"level_rate": 0.0}, {"clip": -1.0}]
)
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        SeasonalDetector(**bad).fit_one(1.0)
