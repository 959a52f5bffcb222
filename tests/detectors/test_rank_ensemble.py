"""The ensemble against its plain definition, and what it is for."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.base import Array, Detector
from onlineml.detectors import DeviationFromMean, HalfSpaceTrees, RankEnsemble
from onlineml.kernels.arena import Field
from onlineml.transforms import ConformalCalibrator, StandardScaler
from tests.detectors.streams import clusters_with_anomalies

MEMBERS = (DeviationFromMean(), DeviationFromMean(fading_factor=0.9), HalfSpaceTrees(seed=3))


def naive(X, window_size, fading_factor, weighted):
    """What each way to combine says, row by row, by the faded correlation of past surprises."""
    members = [member.clone() for member in MEMBERS]
    ranks = ConformalCalibrator(window_size=window_size)
    seen, out = [], []
    for x in X:
        scores = [member.score_one(x) or np.nan for member in members]
        rank = ranks.transform_one(scores)
        surprise = -np.log(1 - rank)
        weights = np.ones(len(MEMBERS))
        if weighted and len(seen) > 1:
            weights = agreement(np.array(seen), fading_factor)
        weights = np.where(np.isnan(rank), 0.0, weights)
        answer = {
            "surprise": weights @ np.nan_to_num(surprise),
            "mean": weights @ np.nan_to_num(rank),
        }
        answer = {key: value / max(weights.sum(), 1e-300) for key, value in answer.items()}
        answer |= of_groups(rank, weights) | {"median": median(rank, weights)}
        out.append(answer | {"max": np.nanmax([0.0, *rank])})
        seen.append(surprise)
        ranks.fit_one(scores)
        for member in members:
            member.fit_one(x)
    return {combine: np.array([row[combine] for row in out]) for combine in out[0]}


def median(ranks, weights):
    """Middle of the ranks, each standing in a row as long as its weight."""
    heard = sorted((r, w) for r, w in zip(ranks, weights) if not np.isnan(r))
    if not heard:
        return 0.0
    values, lengths = np.array(heard).T
    ends = np.cumsum(lengths) / lengths.sum()
    middle = [values[np.searchsorted(ends, 0.5 + off)] for off in (-1e-12, 1e-12)]
    return np.mean(middle)


def of_groups(ranks, weights):
    """Detectors 0 and 2, and 1."""
    greatest, means, weight = [], [], []
    for group in ([0, 2], [1]):
        own = [k for k in group if not np.isnan(ranks[k])]
        if own:
            greatest.append(max(ranks[own]))
            means.append(weights[own] @ ranks[own] / weights[own].sum())
            weight.append(weights[own].mean())
    return {
        "aom": np.average(greatest, weights=weight) if greatest else 0.0,
        "moa": max(means, default=0.0),
    }


def said(row, k):
    """Whether detector `k` and another said something."""
    return not np.isnan(row[k]) and not np.isnan(np.delete(row, k)).all()


def agreement(surprises, fading_factor):
    """Correlations under weights that fade, a first event of value 0 taken for all before."""
    found = np.ones(3)
    for k in range(3):
        both = np.array(
            [[row[k], np.nanmean(np.delete(row, k))] for row in surprises if said(row, k)]
        )
        rows = np.vstack([np.zeros(2), both.reshape(-1, 2)])
        weights = (1 - fading_factor) * fading_factor ** np.arange(len(rows))[::-1]
        weights[0] = 1 - weights[1:].sum()
        own, others = rows.T
        own, others = own - weights @ own, others - weights @ others
        spread = np.sqrt((weights @ own**2) * (weights @ others**2))
        if spread > 0:
            found[k] = max((weights @ (own * others)) / spread, 0.05)
    return found


def naive_levels(X, window_size, fading_factor, weighted):
    """Row by row: logistic deviations of logarithms from means that forget."""
    members = [member.clone() for member in MEMBERS]
    past, seen, out = [[] for _ in members], [], []
    for x in X:
        scores = [member.score_one(x) for member in members]
        levels = [level(score, logs, window_size) for score, logs in zip(scores, past)]
        weights = np.ones(3)
        if weighted and len(seen) > 1:
            weights = agreement(np.array(seen), fading_factor)
        weights = np.where(np.isnan(levels), 0.0, weights)
        total = weights @ np.nan_to_num(levels)
        out.append(total / weights.sum() if weights.sum() else 0.5 * bool(seen))
        seen.append(levels)
        for score, logs in zip(scores, past):
            if score > 0:
                logs.append(np.log(score))
        for member in members:
            member.fit_one(x)
    return np.array(out)


def level(score, logs, window_size):
    if score <= 0 or not logs:
        return np.nan
    mean, variance = 0.0, 0.0
    for n, value in enumerate(logs, 1):
        gap = value - mean
        if n > 20:
            gap = np.clip(gap, -10 * np.sqrt(variance), 10 * np.sqrt(variance))
        step = max(1 / n, 1 / window_size)
        mean, variance = mean + step * gap, (1 - step) * (variance + step * gap**2)
    return 1 / (1 + np.exp((mean - np.log(score)) / np.sqrt(variance))) if variance > 0 else 0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_levels_equal_their_naive_twin(weighted: bool) -> None:
    X = np.random.default_rng(5).normal(size=(300, 4))
    X[::50] *= 40.0
    X[7] = np.nan
    model = RankEnsemble(detectors=MEMBERS, window_size=60, fading_factor=0.98, weighted=weighted)
    due = naive_levels(X, 60, 0.98, weighted)
    np.testing.assert_allclose(model.score_fit_many(X), due, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_ranks_equal_their_naive_twin(weighted: bool) -> None:
    X = np.random.default_rng(5).normal(size=(300, 4))
    X[::50] *= 4.0
    due = naive(X, 60, 0.98, weighted)
    assert due.keys() == {"surprise", "mean", "median", "max", "aom", "moa"}
    for combine, answers in due.items():
        model = RankEnsemble(
            detectors=MEMBERS, window_size=60, fading_factor=0.98, combine=combine,
            weighted=weighted,
        )  # fmt: skip
        found = model.score_fit_many(X)
        np.testing.assert_allclose(found, answers, rtol=1e-8, atol=1e-10, err_msg=combine)


class Noise(Detector):
    """Scores that have nothing to do with the row."""

    _state = (Field("n_", (1,), np.int64),)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i in range(len(X)):
            if serve:
                out[i, 0] = (int(self.n_[0]) * 7919) % 1009
            self.n_[0] += fit


def test_a_detector_that_knows_nothing_weighs_little() -> None:
    X, labels = clusters_with_anomalies(4000)
    good = (DeviationFromMean(), HalfSpaceTrees(seed=1))
    model = RankEnsemble(detectors=(*good, Noise()), weighted=True)
    weights = model.clone().fit_many(X).weights
    assert weights[2] < 0.5 * min(weights[:2])
    assert weights.sum() == pytest.approx(1.0)
    scores = model.score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.95


def test_groups_of_one_and_one_group_of_all() -> None:
    X = np.random.default_rng(2).normal(size=(200, 3))

    def scores(combine: str, n_groups: int = 2) -> Array:
        model = RankEnsemble(detectors=MEMBERS, combine=combine, n_groups=n_groups)
        return model.score_fit_many(X)

    for n_groups, due in ((1, {"aom": "max", "moa": "mean"}), (7, {"aom": "mean", "moa": "max"})):
        for combine, same in due.items():
            np.testing.assert_allclose(scores(combine, n_groups), scores(same), rtol=1e-12)


@pytest.mark.parametrize("drift", [False, True])
def test_the_default_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(6000, drift=drift)
    scores = RankEnsemble().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.98


def test_what_cannot_be_combined_is_refused() -> None:
    bad = [{"detectors": (StandardScaler(),)}, {"detectors": ()}, {"combine": "mode"}]
    bad += [{"n_groups": 0}, {"n_groups": 1.5}]
    for params in bad:
        with pytest.raises(ValueError, match=next(iter(params))):
            RankEnsemble(**params).fit_one([1.0])
