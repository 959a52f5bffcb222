"""Scores in bounded space: against a plain twin, and how far totals are off."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from onlineml.evaluation.metrics.ranked import Ranked, areas
from tests.naive.ranked import Ranked as Twin


def filled(scores, capacity, pieces=1):
    ranked = Ranked()
    for part in np.array_split(scores, pieces):
        ranked.add(part, capacity)
    return ranked


@pytest.mark.parametrize("capacity", [4, 7, 10, 64])
def test_equals_the_plain_twin_however_scores_are_grouped(capacity):
    scores = np.random.default_rng(capacity).normal(size=1500).round(2)
    twin = Twin(capacity)
    for score in scores.tolist():
        twin.add(score)
    for pieces in (1, 7, 1500):
        kept, weights = filled(scores, capacity, pieces).content
        assert sorted(zip(kept.tolist(), weights.tolist(), strict=True)) == twin.content
        assert weights.sum() == 1500.0


ORDERS = {
    "shuffled": lambda scores: scores,
    "rising": np.sort,
    "falling": lambda scores: np.sort(scores)[::-1],
    "changing its scale": lambda scores: scores * np.exp(np.linspace(0, 20, len(scores))),
    "equal": np.zeros_like,
}


@pytest.mark.parametrize("order", ORDERS)
def test_totals_are_within_the_bound_and_the_top_is_exact(order):
    rng, n, capacity = np.random.default_rng(1), 60_000, 1024
    scores = ORDERS[order](rng.normal(size=n))
    odd = rng.random(n) < 0.02
    scores = scores + odd * 1.5 * scores.std()
    hits, misses = filled(scores[odd], capacity), filled(scores[~odd], capacity)
    roc_auc, precision = areas(*hits.content, *misses.content)
    assert len(misses.content[0]) < 0.12 * n
    assert misses.error <= 2 * 7 / capacity
    off = abs(roc_auc - roc_auc_score(odd, scores))
    assert off <= hits.error + misses.error
    assert off < 1e-3
    assert precision == pytest.approx(average_precision_score(odd, scores), rel=0.01)
    top = np.sort(scores[~odd])[-capacity // 2 :]
    kept, weights = misses.content
    np.testing.assert_array_equal(kept[-len(top) :], top)
    assert (weights[-len(top) + 1 :] == 1).all() or order == "equal"


def test_zeros_at_once_and_state():
    ranked = filled(np.array([-1.0, 2.0]), 8)
    ranked.add_zeros(13)
    kept, weights = ranked.content
    assert kept.tolist() == [-1.0, 0.0, 0.0, 0.0, 2.0]
    assert weights.tolist() == [1.0, 1.0, 4.0, 8.0, 1.0]
    twin = Ranked.from_state(ranked.get_state())
    for one in (ranked, twin):
        one.add(np.arange(100.0), 8)
    np.testing.assert_array_equal(ranked.content, twin.content)
    assert ranked.error == twin.error > 0.0
