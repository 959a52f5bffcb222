"""Detectors that learn in windows, without rows of these: the masses of the others are left."""

from typing import Any

import numpy as np
import pytest

from onlineml.detectors import LODA, HalfSpaceTrees
from onlineml.detectors.anomaly.half_space_trees import _count_sides as count_sides
from onlineml.detectors.anomaly.half_space_trees import _surely_usual as surely_usual
from onlineml.kernels.aging_masses import masses
from onlineml.kernels.usual_range import moved

TREES = HalfSpaceTrees(n_trees=5, height=6, window_size=60)


def rows(n: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(n, 3)) * [1.0, 10.0, 0.1]


def same_masses(model: HalfSpaceTrees, gold: HalfSpaceTrees) -> None:
    assert model.counts_[:3].tolist() == gold.counts_[:3].tolist()
    assert model.sides_.tolist() == gold.sides_.tolist()
    for mine, due in zip(model.cells_, gold.cells_, strict=True):
        for k in range(1, mine.size):
            assert masses(mine[k], model.counts_[3]) == masses(due[k], gold.counts_[3])


def churn(model: Any, n: int, seed: int) -> tuple[Any, int]:
    """Learn rows, forgetting of the newest ones; the gold of the survivors, and how many went."""
    X, rng, kept, gone = rows(n, seed), np.random.default_rng(seed), [], 0
    weights = rng.integers(1, 4, n).astype(float)
    for i in range(n):
        model.fit_one(X[i], weight=weights[i])
        kept.append(i)
        while len(kept) > 10 and rng.random() < 0.45:
            place = int(rng.integers(max(len(kept) - 70, 0), len(kept)))
            receipt = model.unlearn_one(X[kept[place]], weight=weights[kept[place]])
            assert receipt.kind in ("exact", "refused")
            if receipt.forgotten:
                kept.pop(place)
                gone += 1
    gold = model.clone().fit_many(X[kept], weight=weights[kept])
    return gold, gone


@pytest.mark.parametrize("seed", range(3))
def test_half_space_trees_hold_the_masses_of_the_survivors(seed: int) -> None:
    model = TREES.clone()
    gold, gone = churn(model, 1500, seed)
    assert gone > 300
    same_masses(model, gold)
    X = rows(100, 9)
    assert model.score_many(X).tobytes() == gold.score_many(X).tobytes()
    assert model.fit_many(X).score_many(X).tobytes() == gold.fit_many(X).score_many(X).tobytes()


def test_ranges_that_surely_stay_are_those_that_have_not_moved() -> None:
    """Counting may be unsure, never wrong; of most windows it is sure."""
    rng, sure = np.random.default_rng(5), 0
    for _ in range(500):
        rows = rng.normal(size=(int(rng.integers(3, 300)), 2)) * rng.choice([0.05, 0.1, 0.5, 1.0])
        rows[rng.random(rows.shape) < rng.choice([0.0, 0.01])] = np.nan
        ranges, first = np.array([[-2.0, -2.3], [2.0, 2.3]]), rng.normal(size=2) * 5.0
        i, swapped = int(rng.integers(len(rows))), rows.copy()
        swapped[i] = first
        sides, due = np.zeros((3, 2), np.int64), np.zeros((3, 2), np.int64)
        for row in rows:
            count_sides(sides, ranges, row, 1)
        count_sides(sides, ranges, rows[i], -1)
        count_sides(sides, ranges, first, 1)
        for row in swapped:
            count_sides(due, ranges, row, 1)
        assert sides.tolist() == due.tolist()
        if surely_usual(sides, ranges, len(rows)):
            assert not moved(swapped, ranges)
            sure += 1
    assert sure > 150


@pytest.mark.parametrize(
    ("fading_factor", "n_cuts", "n_bins"),
    [(1.0, 10, 10), (0.9, 10, 10), (0.5, 33, 13), (0.9, 33, 14), (0.99, 7, 300), (0.99, 1, 2)],
)
def test_loda_holds_the_histograms_of_the_survivors(
    fading_factor: float, n_cuts: int, n_bins: int
) -> None:
    """Also where the bins of a row take all digits of a number that they are noted in."""
    model = LODA(n_cuts=n_cuts, n_bins=n_bins, window_size=60, fading_factor=fading_factor)
    gold, gone = churn(model, 1500, 0)
    assert gone > 200
    for name in ("masses_", "totals_", "settled_", "settled_totals_"):
        share, due = (getattr(m, name) / m.growth_ for m in (model, gold))
        np.testing.assert_allclose(share, due, rtol=1e-9, atol=1e-9)
    n = model.counts_[0]
    assert model.binned_[:n].tolist() == gold.binned_[:n].tolist()
    X = rows(100, 9)
    for _ in range(2):
        np.testing.assert_allclose(model.score_many(X), gold.score_many(X), rtol=1e-9, atol=1e-9)
        model.fit_many(X)
        gold.fit_many(X)


@pytest.mark.slow
@pytest.mark.parametrize("model", [TREES.clone(), LODA(n_cuts=10, window_size=60)], ids=repr)
def test_a_hundred_thousand_rows_come_and_go(model: Any) -> None:
    gold, gone = churn(model, 250_000, 1)
    assert gone > 50_000
    X = rows(100, 9)
    np.testing.assert_allclose(model.score_many(X), gold.score_many(X), rtol=1e-9, atol=1e-9)


def test_rows_of_the_first_window_are_only_kept() -> None:
    for model in (TREES.clone(), LODA(window_size=60)):
        X = rows(7, 1)
        X[2, 1] = np.nan
        assert model.fit_many(X).unlearn_one(X[2]).kind == "exact"
        gold = model.clone().fit_many(np.delete(X, 2, 0))
        more = rows(40, 2)
        assert model.fit_many(more).score_many(X).tobytes() == (
            gold.fit_many(more).score_many(X).tobytes()
        )


def test_refusals_say_why_and_change_nothing() -> None:
    X = rows(200, 3)
    model = TREES.clone().fit_many(X[:116])  # windows of 8, 16, 32 and 60 rows: the last just full
    before = model.get_state()
    assert "cuts" in model.unlearn_one(X[100]).reason
    assert "neither" in model.unlearn_one(X[20]).reason
    assert "neither" in model.unlearn_one([5.0, 5.0, 5.0]).reason
    for name, value in before.items():
        np.testing.assert_array_equal(model.get_state()[name], value)
    model.fit_many(X[116:176])  # the next is just full
    assert "just ended" in model.unlearn_one(X[130]).reason
    assert model.fit_one(X[176]).unlearn_one(X[130]).kind == "exact"
    loda = LODA(window_size=60).fit_many(X[:120])
    assert loda.unlearn_one(X[110]).kind == "refused"
    assert loda.unlearn_one(X[118], weight=2.0).kind == "refused"
    assert loda.unlearn_one(X[118]).kind == "exact"


def test_missing_values_lead_by_masses_and_the_receipt_says_so() -> None:
    X = rows(130, 4)
    X[120, 0] = np.nan
    model = TREES.clone().fit_many(X)
    assert "masses of their time" in model.unlearn_one(X[120]).reason
    assert model.unlearn_one(X[118]).kind == "approximate"
    assert model.unlearn_one(X[125]).kind == "exact"
    assert LODA(window_size=60).fit_many(X).unlearn_one(X[120]).kind == "exact"
