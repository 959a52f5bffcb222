"""ADWIN against river, MOA, and a twin in plain Python."""

import numpy as np
import pytest
from river import drift

from onlineml.detectors import ADWIN
from onlineml.kernels import adwin
from tests.detectors.streams import bernoulli, gaussian, of_river
from tests.naive.adwin import NaiveADWIN

STREAMS = [make(seed) for seed in range(12) for make in (bernoulli, gaussian)]
DELTAS = (0.0001, 0.002, 0.05, 0.3)


@pytest.mark.parametrize("delta", DELTAS)
def test_two_sided_alarms_are_those_of_river(delta: float) -> None:
    n_alarms = 0
    for values in STREAMS:
        got = ADWIN(delta=delta, two_sided=True).fit_many(values).tolist()
        assert got == of_river(drift.ADWIN(delta=delta), values)
        n_alarms += len(got)
    assert n_alarms > 50


@pytest.mark.parametrize("settings", [(1, 5, 5, 10), (7, 3, 2, 30), (32, 2, 12, 100)])
def test_other_settings_of_river(settings: tuple[int, int, int, int]) -> None:
    names = ("clock", "max_buckets", "min_window_length", "grace_period")
    params = dict(zip(names, settings))
    for values in STREAMS[:6]:
        got = ADWIN(two_sided=True, **params).fit_many(values).tolist()
        assert got == of_river(drift.ADWIN(**params), values)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_equals_its_naive_twin(two_sided: bool, restart: bool) -> None:
    n_alarms = 0
    for values in STREAMS[:6]:
        ours = ADWIN(delta=0.05, two_sided=two_sided, restart=restart)
        twin = NaiveADWIN(0.05, two_sided=two_sided, restart=restart)
        got = ours.fit_many(values).tolist()
        assert got == [i for i, value in enumerate(values) if twin.update(value)]
        assert ours.width == twin.width
        assert ours.mean == twin.mean()
        n_alarms += len(got)
    assert n_alarms > 10


# Alarms of MOA's ADWINChangeDetector through capymoa 0.15.1, drift.detectors.ADWIN(delta=delta):
# add_element for each of bernoulli(seed, 10_000); its detection_index counts from 1.
MOA = {
    (0, 0.002): [639, 5183, 5247],
    (0, 0.05): [575, 607, 5151, 5183, 5247],
    (2, 0.002): [1663, 1727, 1887, 4223, 4255, 4575, 4607, 4639],
    (3, 0.002): [1855, 1887, 1919, 1951, 8063, 8095, 8255],
    (4, 0.002): [5151, 5183, 5439, 9791, 9823],
    (5, 0.05): [4735, 4767],
    (6, 0.05): [5215, 5247, 5279],
    (7, 0.05): [4415, 4511, 5823, 5887, 5983, 6879, 6911],
}


def test_one_sided_alarms_are_those_of_moa() -> None:
    for (seed, delta), due in MOA.items():
        assert ADWIN(delta=delta).fit_many(bernoulli(seed, 10_000)).tolist() == due


def test_a_fall_cuts_the_window_without_an_alarm() -> None:
    values = np.repeat([0.9, 0.1], 500)
    detector = ADWIN()
    assert len(detector.fit_many(values)) == 0
    assert detector.width < 520
    assert abs(detector.mean - 0.1) < 0.03
    assert len(ADWIN(two_sided=True).fit_many(values)) > 0


def test_a_missing_value_and_one_of_no_weight_change_nothing() -> None:
    values = np.repeat([0.0, 1.0], 100)
    detector, other = ADWIN(), ADWIN()
    at = int(detector.fit_many(values)[0])
    other.fit_many(values[: at + 1])
    assert other.drift_detected
    before = other.window_.copy()
    assert not other.fit_one(float("nan")).drift_detected
    assert not other.fit_one(1.0, weight=0.0).drift_detected
    np.testing.assert_array_equal(other.window_, before)


def test_a_full_window_drops_its_oldest_bucket() -> None:
    """Three sizes of bucket hold at most 5 * (1 + 2 + 4) values."""
    window = np.zeros(adwin.row_length(3))
    settings = np.array([1e-9, 1e9, 5, 5, 10.0])
    values = np.random.default_rng(0).normal(size=500)
    for i, value in enumerate(values, 1):
        adwin.update(window, settings, value)
        width = int(window[adwin.WIDTH])
        kept = values[i - width : i]
        assert width == i if i <= 35 else 31 <= width <= 35
        assert window[adwin.TOTAL] == pytest.approx(kept.sum())
        assert window[adwin.VARIANCE] == pytest.approx(((kept - kept.mean()) ** 2).sum())


@pytest.mark.parametrize(
    "params", [{"delta": 0.0}, {"delta": 2.0}, {"max_buckets": 1}, {"clock": 0}]
)
def test_parameters_that_cannot_be_used(params: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        ADWIN(**params).fit_one(1.0)  # type: ignore[arg-type]
