"""Detectors of drift in rows: distances against scipy and numpy, alarms where the data change."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from onlineml import detectors
from tests.detectors.streams import Array

WINDOW = 60


def rows(seed: int) -> Array:
    """Two windows of three columns: one that moves, one with ties, one with missing values."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * WINDOW, 3))
    X[WINDOW:, 0] += 0.5
    X[:, 1] = rng.integers(0, 4, len(X))
    X[rng.random(len(X)) < 0.2, 2] = np.nan
    return X


def halves(column: Array) -> tuple[Array, Array]:
    old, new = column[:WINDOW], column[WINDOW:]
    return old[~np.isnan(old)], new[~np.isnan(new)]


def bins(column: Array, n_bins: int) -> tuple[Array, Array]:
    """Shares of both halves between quantiles of the first."""
    old, new = halves(column)
    ordered = np.sort(old)
    edges = [ordered[max(len(old) * k // n_bins - 1, 0)] for k in range(1, n_bins)]
    counts = [np.bincount(np.searchsorted(edges, part), minlength=n_bins) for part in (old, new)]
    return counts[0] / len(old), counts[1] / len(new)


@pytest.mark.parametrize("seed", range(4))
def test_kolmogorov_smirnov_distances_are_those_of_scipy(seed: int) -> None:
    X = rows(seed)
    detector = detectors.KolmogorovSmirnov(window_size=WINDOW, alpha=1e-12)
    detector.fit_many(X)
    due = [stats.ks_2samp(*halves(column)).statistic for column in X.T]
    np.testing.assert_allclose(detector.distances_, due, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_psi_and_hellinger_are_those_of_the_formula(seed: int) -> None:
    X = rows(seed)
    psi = detectors.PSI(window_size=WINDOW, n_bins=5, threshold=99.0)
    hellinger = detectors.Hellinger(window_size=WINDOW, n_bins=5, threshold=99.0)
    psi.fit_many(X)
    hellinger.fit_many(X)
    for j, column in enumerate(X.T):
        p, q = bins(column, 5)
        due = np.sqrt(0.5 * ((np.sqrt(p) - np.sqrt(q)) ** 2).sum())
        assert hellinger.distances_[j] == pytest.approx(due)
        p, q = (p * WINDOW + 1) / (WINDOW + 5), (q * WINDOW + 1) / (WINDOW + 5)
        assert psi.distances_[j] == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_level_of_the_kolmogorov_smirnov_test() -> None:
    """Of 1000 comparisons without a change, at most about alpha raise an alarm."""
    X = np.random.default_rng(0).normal(size=(50_050, 4))
    alarms = detectors.KolmogorovSmirnov(window_size=50, alpha=0.05).fit_many(X)
    assert 5 <= len(alarms) <= 75


def test_mmd_is_that_of_the_formula() -> None:
    X = np.random.default_rng(0).normal(size=(2 * WINDOW, 3))
    for sigma in (None, 0.7):
        detector = detectors.MMD(window_size=WINDOW, sigma=sigma)
        detector.fit_many(X)
        squared = ((X[:, None] - X) ** 2).sum(axis=2)
        scale = np.sort(squared[np.tril_indices(len(X), -1)])[len(X) * (len(X) - 1) // 4]
        kernel = np.exp(-squared / (scale if sigma is None else 2 * sigma**2))
        inside = sum(
            (part.sum() - WINDOW) / (WINDOW * (WINDOW - 1))
            for part in (kernel[:WINDOW, :WINDOW], kernel[WINDOW:, WINDOW:])
        )
        due = inside - 2 * kernel[:WINDOW, WINDOW:].mean()
        assert detector.distance_[0] == pytest.approx(due)


def test_level_of_the_permutation_test() -> None:
    """Of 300 comparisons without a change, about alpha raise an alarm."""
    X = np.random.default_rng(0).normal(size=(301 * 20, 2))
    alarms = detectors.MMD(window_size=20, alpha=0.1, n_permutations=99).fit_many(X)
    assert 15 <= len(alarms) <= 48


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_area_of_d3_is_that_of_scikit_learn(shift: float) -> None:
    X = np.random.default_rng(5).normal(size=(300, 3)) * (1.0, 50.0, 0.1)
    X[200:, 1] += 50.0 * shift
    detector = detectors.D3()
    detector.fit_many(X)
    is_new = np.arange(300) >= 200
    Z = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(300)])
    scores = np.zeros(300)
    for fold in (0, 1):
        model = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10)
        model.fit(Z[fold::2], is_new[fold::2])
        scores[1 - fold :: 2] = model.decision_function(Z[1 - fold :: 2])
    assert detector.auc_[0] == pytest.approx(roc_auc_score(is_new, scores), abs=1e-4)


def taught(X: Array) -> Array:
    """A teacher's answers, and the features: no line parts the classes everywhere."""
    return np.column_stack([(X[:, 0] ** 2 > 3.0) ^ (X[:, 1] > 0.0), X])


def test_studd_sees_where_the_student_fails_and_nothing_else() -> None:
    X = np.random.default_rng(0).normal(size=(20_000, 2))
    assert len(detectors.STUDD().fit_many(taught(X))) == 0
    X[10_000:, 0] += 3.0
    alarms = detectors.STUDD().fit_many(taught(X))
    assert 10_000 <= alarms[0] < 10_200


def test_studd_skips_rows_without_a_class() -> None:
    rows = taught(np.random.default_rng(0).normal(size=(1_000, 2)))
    detector, other = detectors.STUDD(), detectors.STUDD()
    detector.fit_many(rows)
    odd = np.repeat(rows, 2, axis=0)
    odd[1::2, 0] = np.resize([-1.0, 0.5, 16.0, 1e300, np.nan], len(rows))
    other.fit_many(odd)
    np.testing.assert_array_equal(detector.weights_, other.weights_)
    assert detector.count_[0] == 1_000


KINDS: list[Any] = [
    detectors.KolmogorovSmirnov, detectors.PSI, detectors.Hellinger, detectors.MMD, detectors.D3
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_found_and_becomes_the_reference(kind: Any) -> None:
    """MMD makes 118 tests at level 0.005: one false alarm may be."""
    X = np.random.default_rng(1).normal(size=(12_000, 3))
    X[6_000:, 2] = 3.0 * X[6_000:, 2] + 2.0
    alarms = kind().fit_many(X)
    assert ((alarms >= 6_000) & (alarms < 8_000)).any()
    n_false = ((alarms < 6_000) | (alarms >= 8_000)).sum()
    assert n_false <= (1 if kind is detectors.MMD else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_a_value_are_as_if_they_had_not_come(kind: Any) -> None:
    X = np.random.default_rng(2).normal(size=(3_000, 2))
    X[1_500:] += 1.0
    holes = np.insert(X, np.arange(0, len(X), 5), np.nan, axis=0)
    clean, holed = kind().flags_of(X), kind().flags_of(holes)
    missing = np.isnan(holes).all(axis=1)
    np.testing.assert_array_equal(clean, holed[~missing])
    assert not holed[missing].any()


def test_mappings_in_a_list_are_rows() -> None:
    X = np.random.default_rng(4).normal(size=(400, 2))
    X[200:] += 2.0
    listed = [dict(zip("ab", x.tolist())) for x in X]
    alarms = detectors.KolmogorovSmirnov(window_size=50).fit_many(listed)
    due = detectors.KolmogorovSmirnov(window_size=50).fit_many(X)
    assert alarms.tolist() == due.tolist() != []


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_new_feature_is_compared_when_both_windows_have_it(kind: Any) -> None:
    rng, alarms = np.random.default_rng(3), []
    detector = kind(window_size=100)
    if kind is not detectors.KolmogorovSmirnov:
        detector.set_params(threshold=0.4)
    for i in range(700):
        row = {"a": rng.normal()}
        if i >= 150:
            row["b"] = rng.normal() + (3.0 if i >= 500 else 0.0)
        if detector.fit_one(row).drift_detected:
            alarms.append(i)
    assert len(alarms) == 0 or min(alarms) >= 500


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (detectors.KolmogorovSmirnov, {"alpha": 0.0}),
        (detectors.PSI, {"n_bins": 1}),
        (detectors.Hellinger, {"threshold": 0.0}),
        (detectors.MMD, {"n_permutations": 10}),
        (detectors.D3, {"rho": 0.001}),
        (detectors.STUDD, {"max_classes": 1}),
    ],
)
def test_parameters_that_cannot_be_used(kind: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        kind(**params).fit_one([1.0, 2.0])
