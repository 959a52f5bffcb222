"""The odometer never lets more be spent than there is."""

import math
from typing import Any

import numpy as np
import pytest

from onlineml.unlearning import PrivacyOdometer


def test_sums_of_steps_of_any_size_stay_within_the_budget() -> None:
    rng = np.random.default_rng(0)
    for rule in ("basic", "adaptive"):
        odometer = PrivacyOdometer(epsilon=2.0, delta=1e-4, rule=rule)  # type: ignore[arg-type]
        taken: list[tuple[float, float]] = []
        for _ in range(2000):
            step = float(rng.exponential(0.03)), float(rng.choice([0.0, 1e-7]))
            before = odometer.spent
            if odometer.spend(*step):
                taken.append(step)
            else:
                assert odometer.spent == before
        epsilons, deltas = (np.array(column) for column in zip(*taken))
        due = epsilons.sum()
        if rule == "adaptive":
            squares = (epsilons**2).sum()
            due = math.sqrt(2 * math.log(2 / 1e-4) * squares) + squares / 2
        assert odometer.spent[0] == pytest.approx(due)
        assert odometer.spent[0] <= 2.0
        assert odometer.spent[1] <= 1e-4
        assert deltas.sum() <= 1e-4
        assert odometer.n_steps == len(taken) > 10
        assert not odometer.spend(1.0)
        assert odometer.spend(0.0)


def test_the_adaptive_rule_allows_more_small_steps() -> None:
    counts = {}
    for rule in ("basic", "adaptive"):
        odometer = PrivacyOdometer(epsilon=1.0, delta=1e-5, rule=rule)  # type: ignore[arg-type]
        counts[rule] = sum(odometer.spend(0.001) for _ in range(50_000))
    assert counts["basic"] == 1000
    assert counts["adaptive"] > 20 * counts["basic"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"epsilon": 0.0},
        {"epsilon": math.inf},
        {"epsilon": 1.0, "delta": 1.0},
        {"epsilon": 1.0, "rule": "best"},
        {"epsilon": 1.0, "delta": 0.0, "rule": "adaptive"},
    ],
)
def test_bad_budgets(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"epsilon|delta|rule"):
        PrivacyOdometer(**arguments)


def test_bad_steps_and_what_it_shows() -> None:
    odometer = PrivacyOdometer(epsilon=1.0, delta=1e-5)
    for step in ((-0.1, 0.0), (math.nan, 0.0), (0.1, 2.0)):
        with pytest.raises(ValueError, match=r"epsilon|delta"):
            odometer.spend(*step)
    assert odometer.spent == (0.0, 0.0)
    assert odometer.spend(0.25, 1e-6)
    assert not odometer.allows(0.1, 1e-5)
    assert repr(odometer) == ("PrivacyOdometer(epsilon=0.25 of 1, delta=1e-06 of 1e-05, n_steps=1)")
