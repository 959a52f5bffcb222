"""Detectors of numbers against their definitions, and in their learning bands."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import (
    KNNCAD,
    MatrixProfileDetector,
    RelativeEntropy,
    StandardAbsoluteDeviation,
    WindowedGaussian,
)
from tests.detectors.streams import noise_with_spikes
from tests.naive import univariate


def bumpy(seed: int, n: int = 700) -> np.ndarray:
    """Noise whose level and scale change, with far and missing values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n) * np.where(np.arange(n) > n // 2, 4.0, 1.0)
    values[n // 3 :] += 7.0
    values[rng.random(n) < 0.02] *= 30.0
    values[rng.random(n) < 0.05] = np.nan
    return values


@pytest.mark.parametrize("window_size", [2, 7, 60, 500])
@pytest.mark.parametrize("clip", [4.0, np.inf])
def test_windowed_gaussian_equals_its_naive_twin(window_size: int, clip: float) -> None:
    values = bumpy(window_size)
    got = WindowedGaussian(window_size=window_size, clip=clip).score_fit_many(values)
    due = univariate.windowed_gaussian(values, window_size, clip)
    np.testing.assert_allclose(got, due, rtol=2e-5, atol=1e-9)


def test_windowed_gaussian_after_huge_values() -> None:
    """Once they have left the window, it is as if they had never been there."""
    values = np.random.default_rng(0).normal(size=500)
    model, fresh = WindowedGaussian(window_size=50, clip=np.inf), WindowedGaussian(window_size=50)
    model.fit_many(np.full(70, 1e9)).fit_many(values)
    fresh.fit_many(values)
    np.testing.assert_allclose(model.score_many(values), fresh.score_many(values), rtol=1e-9)


@pytest.mark.parametrize("center", ["mean", "median"])
@pytest.mark.parametrize("fading_factor", [1.0, 0.98])
def test_standard_absolute_deviation_equals_its_naive_twin(
    center: str, fading_factor: float
) -> None:
    values = bumpy(1)
    model = StandardAbsoluteDeviation(center=center, fading_factor=fading_factor, clip=5.0)
    due = univariate.standard_absolute_deviation(values, center, fading_factor, 5.0)
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "k", "window"), [(1, 1, 10), (2, 3, 10), (5, 3, 40), (8, 27, 60)])
def test_knn_cad_equals_its_naive_twin(size: int, k: int, window: int) -> None:
    values = bumpy(size, 500)
    model = KNNCAD(shingle_size=size, n_neighbors=k, window_size=window)
    due = univariate.knn_cad(values, size, k, window)
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("window", "n_bins", "most"), [(20, 5, 3), (9, 2, 32)])
def test_relative_entropy_equals_its_naive_twin(window: int, n_bins: int, most: int) -> None:
    values = np.concatenate([bumpy(seed, 600) for seed in range(4)])
    model = RelativeEntropy(window_size=window, n_bins=n_bins, n_hypotheses=most, min_seen=3)
    due = univariate.relative_entropy(values, window, n_bins, model._settings()[0], 3, most, 0.9995)
    assert due.max() > 10.0
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-9, atol=1e-9)


def test_relative_entropy_finds_stretches_of_other_values() -> None:
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=8000), np.zeros(8000, int)
    for start in range(2000, 8000, 600):
        values[start : start + 80] = rng.normal(rng.uniform(-2.0, 2.0), 0.3, 80)
        labels[start + 26 : start + 106] = 1  # windows of which more than half is odd
    scores = RelativeEntropy().score_fit_many(values)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.93


@pytest.mark.parametrize(("size", "window"), [(3, 6), (8, 60), (20, 200)])
def test_matrix_profile_equals_its_naive_twin(size: int, window: int) -> None:
    values = bumpy(size, 800)
    values[400:440] = 3.0
    model = MatrixProfileDetector(subsequence_size=size, window_size=window)
    due = univariate.matrix_profile(values, size, window)
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-6, atol=1e-6)


def test_matrix_profile_at_a_high_level_and_after_huge_values() -> None:
    values = 1e6 + np.sin(np.arange(900) / 5) + np.random.default_rng(0).normal(0, 0.1, 900)
    values[[10, 500]] = 1e9, -1e9
    due = univariate.matrix_profile(values - 1e6, 12, 100)
    got = MatrixProfileDetector(subsequence_size=12, window_size=100).score_fit_many(values)
    np.testing.assert_allclose(got[300:], due[300:], atol=1e-3)


@pytest.mark.parametrize("model", [KNNCAD(), MatrixProfileDetector(subsequence_size=25)])
def test_a_stretch_that_is_out_of_step_is_found(model: Any) -> None:
    t = np.arange(4000)
    rng = np.random.default_rng(0)
    values = np.sin(t / 4) + rng.normal(0, 0.1, 4000)
    labels = np.zeros(4000, int)
    for start in range(1500, 4000, 400):
        values[start : start + 30] = np.sin(t[start : start + 30] / 2) + rng.normal(0, 0.1, 30)
        labels[start : start + 30] = 1
    scores = model.score_fit_many(values)
    assert roc_auc_score(labels[1200:], scores[1200:]) > 0.93


def test_the_median_is_not_drawn_to_one_side() -> None:
    values = np.random.default_rng(0).exponential(size=20_000)
    model = StandardAbsoluteDeviation(center="median").fit_many(values)
    assert model.median_[0] == pytest.approx(np.log(2), abs=0.1)
    assert model.mean_[0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    "model",
    [
        WindowedGaussian(),
        StandardAbsoluteDeviation(),
        StandardAbsoluteDeviation(center="median"),
    ],
)
def test_spikes_in_noise_are_found(model: Any) -> None:
    values, labels = noise_with_spikes()
    assert roc_auc_score(labels, model.score_fit_many(values)) > 0.99


@pytest.mark.parametrize(
    "bad",
    [
        WindowedGaussian(window_size=1),
        WindowedGaussian(min_std=0.0),
        WindowedGaussian(clip=-1.0),
        KNNCAD(shingle_size=0),
        KNNCAD(window_size=27),
        MatrixProfileDetector(subsequence_size=2),
        MatrixProfileDetector(window_size=99),
        RelativeEntropy(n_bins=1),
        RelativeEntropy(alpha=0.0),
        StandardAbsoluteDeviation(center="mode"),
        StandardAbsoluteDeviation(fading_factor=0.0),
        StandardAbsoluteDeviation(min_std=0.0),
    ],
)
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        bad.fit_one(1.0)
