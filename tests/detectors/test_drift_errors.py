"""Detectors of drift in errors: against river, MOA and twins in plain Python."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from river import drift
from river.drift import binary

from onlineml import detectors
from tests.detectors.streams import Array, bernoulli, gaussian, of_river, shares
from tests.naive import drift as naive

Make = Callable[[], Any]
ERRORS = [bernoulli(seed) for seed in range(8)]
SHARES = [shares(seed) for seed in range(6)]
NUMBERS = [gaussian(seed) for seed in range(6)]
BOTH = {"two_sided": True}


@pytest.mark.parametrize(
    ("ours", "theirs", "streams"),
    [
        (detectors.DDM, binary.DDM, ERRORS),
        (lambda: detectors.DDM(warm_start=5), lambda: binary.DDM(warm_start=5), ERRORS),
        (detectors.EDDM, binary.EDDM, ERRORS),
        (detectors.HDDM_A, binary.HDDMA, ERRORS + SHARES),
        (
            lambda: detectors.HDDM_A(two_sided=True),
            lambda: binary.HDDMA(two_sided_test=True),
            ERRORS + SHARES,
        ),
        (detectors.HDDM_W, binary.HDDMW, ERRORS + SHARES),
        (
            lambda: detectors.HDDM_W(two_sided=True),
            lambda: binary.HDDMW(two_sided_test=True),
            ERRORS + SHARES,
        ),
        (
            lambda: detectors.PageHinkley(threshold=20.0),
            lambda: drift.PageHinkley(threshold=20.0, mode="up"),
            ERRORS + NUMBERS,
        ),
        (
            lambda: detectors.PageHinkley(threshold=20.0, two_sided=True),
            lambda: drift.PageHinkley(threshold=20.0, mode="both"),
            ERRORS + NUMBERS,
        ),
    ],
    ids=["DDM", "DDM-5", "EDDM", "HDDM_A", "HDDM_A-2", "HDDM_W", "HDDM_W-2", "PH", "PH-2"],
)
def test_alarms_are_those_of_river(ours: Make, theirs: Make, streams: list[Array]) -> None:
    n_alarms = 0
    for values in streams:
        got = ours().fit_many(values).tolist()
        assert got == of_river(theirs(), values)
        n_alarms += len(got)
    assert n_alarms >= 10


@pytest.mark.parametrize("short", [None, 25])
def test_fhddm_on_errors_is_that_of_river_on_right_answers(short: int | None) -> None:
    n_alarms = 0
    for values in ERRORS:
        got = detectors.FHDDM(short_window_size=short).fit_many(values).tolist()
        assert got == of_river(binary.FHDDM(short_window_size=short), 1.0 - values)
        n_alarms += len(got)
    assert n_alarms >= 10


def test_warnings_are_those_of_river() -> None:
    for ours, theirs in ((detectors.DDM(), binary.DDM()), (detectors.HDDM_A(), binary.HDDMA())):
        flags = ours.flags_of(ERRORS[0])
        due = []
        for value in ERRORS[0]:
            theirs.update(value)
            due.append(1 if theirs.drift_detected else 2 if theirs.warning_detected else 0)
        assert flags.tolist() == due
        assert {1, 2} <= set(due)


# Flags of MOA through capymoa 0.15.1 (drift.detectors): add_element for each of bernoulli(seed);
# positions in detection_index and warning_index count from 1. (seed, alarms, number of warnings,
# sum of their positions).
MOA = {
    "DDM": [
        (0, [2196], 214, 229844),
        (1, [275, 322, 2076], 1478, 1928554),
        (2, [1984], 458, 597728),
    ],
    "RDDM": [
        (0, [227, 2120], 142, 183818),
        (1, [251, 2062], 238, 342935),
        (2, [667, 1873], 567, 1001056),
    ],
    "RDDM, small": [
        (0, [227, 1040, 1855, 2069, 3156, 3669], 225, 367068),
        (1, [251, 835, 1267, 2042, 2550, 3765], 230, 421693),
        (2, [518, 702, 1584, 1782, 1922, 2932, 3695], 263, 376871),
    ],
    "CUSUM": [
        (0, [2097], 0, 0),
        (1, [2060], 0, 0),
        (2, [652, 1863], 0, 0),
    ],
    "EWMAChart": [
        (0, [], 0, 0),
        (1, [260, 556, 699, 1501, 1951, 2049], 104, 107287),
        (2, [1828], 8, 14503),
    ],
    "STEPD": [
        (0, [385, 1387, 2070, 2593], 186, 299229),
        (1, [260, 1516, 2054, 2204, 2990, 3050], 136, 331539),
        (2, [747, 1062, 1675, 1831], 179, 351582),
        (3, [364, 739, 968, 1946, 3213, 3749], 126, 221847),
    ],
    "HDDM_A": [
        (0, [2084], 7, 14560),
        (1, [2066], 3, 6192),
        (2, [737, 1850], 41, 37385),
    ],
}
MADE: dict[str, Make] = {
    "DDM": lambda: detectors.DDM(warm_start=28),
    "RDDM": detectors.RDDM,
    "RDDM, small": lambda: detectors.RDDM(
        max_concept_size=500, min_stable_size=200, warning_limit=100
    ),
    "CUSUM": lambda: detectors.CUSUM(lambda_=20.0),
    "EWMAChart": detectors.EWMAChart,
    "STEPD": lambda: detectors.STEPD(two_sided=True),
    "HDDM_A": detectors.HDDM_A,
}


@pytest.mark.parametrize("name", MOA)
def test_flags_are_those_of_moa(name: str) -> None:
    for seed, alarms, n_warnings, total in MOA[name]:
        flags = MADE[name]().flags_of(bernoulli(seed))
        assert np.flatnonzero(flags == 1).tolist() == alarms
        warnings = np.flatnonzero(flags == 2)
        assert (len(warnings), warnings.sum()) == (n_warnings, total)


@pytest.mark.parametrize(
    ("ours", "rule"),
    [
        (detectors.DDM, naive.ddm),
        (detectors.EDDM, naive.eddm),
        (detectors.STEPD, naive.stepd),
        (detectors.FHDDM, naive.fhddm),
        (lambda: detectors.CUSUM(lambda_=20.0), naive.cusum),
        (detectors.EWMAChart, naive.ewma),
    ],
    ids=["DDM", "EDDM", "STEPD", "FHDDM", "CUSUM", "EWMAChart"],
)
def test_equals_its_naive_twin(ours: Make, rule: naive.Rule) -> None:
    rng = np.random.default_rng(3)
    for low, high in ((0.1, 0.6), (0.3, 0.4)):
        values = (rng.random(500) < np.repeat([low, high], 250)).astype(float)
        assert ours().flags_of(values).tolist() == naive.flags(rule, values.tolist())


TWO_SIDED = [
    detectors.DDM, detectors.EDDM, detectors.RDDM, detectors.HDDM_A, detectors.HDDM_W,
    detectors.FHDDM, detectors.STEPD, detectors.EWMAChart, detectors.CUSUM, detectors.PageHinkley,
]  # fmt: skip


@pytest.mark.parametrize("kind", TWO_SIDED)
def test_falling_errors_are_an_alarm_only_where_asked(kind: Any) -> None:
    """The chart gives a false alarm in 400 values by design, EDDM is as nervous."""
    rng = np.random.default_rng(1)
    values = (rng.random(4000) < np.repeat([0.6, 0.05], 2000)).astype(float)
    one, two = kind().fit_many(values), kind(two_sided=True).fit_many(values)
    assert ((two >= 2000) & (two < 3000)).any()
    assert not ((one >= 2000) & (one < 3000)).any() or kind in (detectors.EWMAChart, detectors.EDDM)


@pytest.mark.parametrize("kind", TWO_SIDED[:8])
def test_two_sided_treats_right_and_wrong_alike(kind: Any) -> None:
    for values in ERRORS[:3]:
        a, b = kind(two_sided=True), kind(two_sided=True)
        assert a.fit_many(values).tolist() == b.fit_many(1.0 - values).tolist()


@pytest.mark.parametrize("kind", TWO_SIDED)
def test_missing_values_are_as_if_they_had_not_come(kind: Any) -> None:
    values = ERRORS[2]
    holes = np.insert(values, np.arange(0, len(values), 7), np.nan)
    clean, holed = kind().flags_of(values), kind().flags_of(holes)
    np.testing.assert_array_equal(clean, holed[~np.isnan(holes)])
    assert not holed[np.isnan(holes)].any()


def test_rddm_forgets_the_old_values_of_a_long_concept() -> None:
    """After a long stable concept it needs fewer errors than DDM does."""
    rng = np.random.default_rng(2)
    values = (rng.random(31_000) < np.repeat([0.2, 0.3], [30_000, 1000])).astype(float)
    ours = detectors.RDDM(max_concept_size=8_000, min_stable_size=1_000, warning_limit=10_000)
    rddm = [i for i in ours.fit_many(values) if i >= 30_000]
    ddm = [i for i in detectors.DDM().fit_many(values) if i >= 30_000]
    assert rddm
    assert not ddm or rddm[0] < ddm[0]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (detectors.DDM, {"warning_threshold": 4.0}),
        (detectors.EDDM, {"beta": 0.99}),
        (detectors.RDDM, {"min_stable_size": 0}),
        (detectors.HDDM_A, {"drift_confidence": 0.0}),
        (detectors.HDDM_W, {"lambda_": 1.0}),
        (detectors.FHDDM, {"short_window_size": 1000}),
        (detectors.PageHinkley, {"alpha": 2.0}),
        (detectors.CUSUM, {"lambda_": 0.0}),
        (detectors.EWMAChart, {"lambda_": 0.0}),
        (detectors.STEPD, {"alpha_drift": 0.5}),
    ],
)
def test_parameters_that_cannot_be_used(kind: Any, params: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        kind(**params).fit_one(1.0)
