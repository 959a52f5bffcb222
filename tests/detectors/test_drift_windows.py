"""KSWIN, SEED, OPTWIN and Bayesian change points: against twins in plain Python, and MOA."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from onlineml import detectors
from onlineml.detectors.drift.optwin import _table
from tests.detectors.streams import Array, bernoulli, gaussian


def naive_kswin(values: Array, *, alpha: float, two_sided: bool) -> list[int]:
    """A fresh test by scipy after each value."""
    kept: list[float] = []
    found = []
    side = "two-sided" if two_sided else "less"
    limit = np.sqrt(np.log((2 if two_sided else 1) / alpha) / 2 * (1 / 30 + 1 / 70))
    for i, value in enumerate(values.tolist()):
        kept = [*kept, value][-100:]
        if len(kept) == 100:
            distance = stats.ks_2samp(kept[70:], kept[:70], side, "asymp").statistic
            if distance > limit:
                found.append(i)
                kept = kept[70:]
    return found


@pytest.mark.parametrize("two_sided", [False, True])
def test_kswin_equals_a_test_by_scipy_at_every_step(two_sided: bool) -> None:
    n_alarms = 0
    for values in (gaussian(1, 1500), bernoulli(1, 1500)):
        ours = detectors.KSWIN(alpha=0.01, two_sided=two_sided)
        got = ours.fit_many(values).tolist()
        assert got == naive_kswin(values, alpha=0.01, two_sided=two_sided)
        n_alarms += len(got)
    assert n_alarms > 2


def test_seed_on_the_stream_of_the_benchmark_is_that_of_moa() -> None:
    """MOA's SEED, through capymoa 0.15.1, finds the four changes 159 rows late on average."""
    rng = np.random.default_rng(0)
    rates = np.repeat([0.1, 0.3, 0.1, 0.4, 0.2], 20_000)
    values = (rng.random(len(rates)) < rates).astype(float)
    alarms = detectors.SEED(two_sided=True).fit_many(values)
    first = [int(alarms[alarms >= change][0]) - change for change in range(20_000, 81_000, 20_000)]
    assert np.mean(first) == 159


def test_seed_keeps_every_value_of_a_stable_stream_in_few_blocks() -> None:
    values = np.random.default_rng(0).normal(size=200_000)
    detector = detectors.SEED(delta=1e-9, epsilon_prime=0.0, alpha=0.0)
    detector.fit_many(values)
    n_blocks = detector.counts_[0]
    blocks = detector.blocks_[: n_blocks + 1]
    assert n_blocks <= 511
    assert blocks[:, 0].sum() == len(values)
    assert blocks[:, 1].sum() == pytest.approx(values.sum())


def test_optwin_cuts_where_the_rise_would_just_be_seen() -> None:
    table = _table(0.5, 0.999, 0.9, 30, 1000)
    confidence = 0.999**0.25

    def bound(n: int, cut: int) -> float:
        f = stats.f.ppf(confidence, cut - 1, n - cut - 1)
        old, new = 1 / cut, 1 / f**2 / (n - cut)
        freedom = (old + new) ** 2 / (old**2 / (cut - 1) + new**2 / (n - cut - 1))
        t = stats.t.ppf(confidence, freedom)
        assert table[n, 0] != cut or table[n, 2] == pytest.approx(t)
        return float(t * np.sqrt(1 / cut + f / (n - cut)))

    for n in (300, 500, 999, 1000):
        cut = int(table[n, 0])
        assert bound(n, cut) <= 0.5 < bound(n, cut + 1)
    assert table[100, 0] == 51  # no cut will do: the middle


@pytest.mark.parametrize("make", [bernoulli, gaussian])
def test_optwin_keeps_the_sums_of_both_parts(make: Any) -> None:
    values = make(3, 3000)
    detector = detectors.OPTWIN(drift_confidence=0.9999999, max_window_length=400)
    for lo in range(0, len(values), 100):
        detector.fit_many(values[lo : lo + 100])
        held, _, old = detector.counts_
        window = values[lo + 100 - held : lo + 100]
        np.testing.assert_allclose(detector.sums_[0, 0], window[:old].sum(), atol=1e-9)
        np.testing.assert_allclose(detector.sums_[1, 1], (window[old:] ** 2).sum(), atol=1e-9)


def naive_run_lengths(values: Array, hazard: float) -> Array:
    """Probabilities of all run lengths by scipy's Student t, nothing bounded."""
    mass = np.ones(1)
    for t in range(len(values)):
        density = np.zeros(t + 1)
        for r in range(t + 1):
            run = values[t - r : t]
            kappa, alpha = 1.0 + r, 1.0 + r / 2
            mean = (0.5 + run.sum()) / kappa
            beta = 1.0
            if r:
                beta += 0.5 * ((run - run.mean()) ** 2).sum()
                beta += r * (run.mean() - 0.5) ** 2 / (2 * kappa)
            scale = np.sqrt(beta * (kappa + 1) / (alpha * kappa))
            density[r] = stats.t.pdf(values[t], 2 * alpha, mean, scale)
        grown = mass * density
        grown /= grown.sum()
        mass = np.append(hazard, grown * (1 - hazard))
    return mass


def test_run_lengths_are_those_of_the_formula() -> None:
    values = np.append(gaussian(0, 40), gaussian(1, 20) + 4.0)
    detector = detectors.BayesianChangePoint(expected_run_length=50.0)
    detector.fit_many(values)
    got = detector.runs_[: len(values) + 1, 0]
    np.testing.assert_allclose(got, naive_run_lengths(values, 1 / 50), rtol=1e-9, atol=1e-12)


def test_bounded_run_lengths_keep_a_proper_distribution() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(size=3000), rng.normal(size=300) + 3.0)
    detector = detectors.BayesianChangePoint(max_run_length=60)
    alarms = detector.fit_many(values)
    assert detector.runs_[:, 0].sum() == pytest.approx(1.0)
    assert next(int(i) for i in alarms if i >= 3000) < 3010
    assert sum(alarms < 3000) == 0


def test_constant_errors_do_not_poison_the_bernoulli_model() -> None:
    detector = detectors.BayesianChangePoint(model="bernoulli", max_run_length=20)
    detector.fit_many(np.ones(50_000))
    assert np.isfinite(detector.runs_).all()
    assert len(detector.fit_many(np.zeros(50))) == 1


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (detectors.KSWIN, {"stat_size": 100}),
        (detectors.SEED, {"block_size": 1}),
        (detectors.OPTWIN, {"min_window_length": 2}),
        (detectors.BayesianChangePoint, {"model": "poisson"}),
    ],
)
def test_parameters_that_cannot_be_used(kind: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        kind(**params).fit_one(1.0)
