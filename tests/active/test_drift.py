"""Budgets that a drift detector watches over, against a loop over the plain budget."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, MarginSampling, RandomSampling
from onlineml.detectors import DDM, HDDM_A
from onlineml.learners import SoftmaxRegression
from onlineml.persistence import load, save
from tests.active.test_budget import shares
from tests.naive.label_budget import NaiveBudget, margin


def surprised(P: Any, labels: list[str], detector: Any, n_refund: float, **terms: Any) -> list[int]:
    """Rows asked about by margin; the answer comes at once."""
    purse, counts, asked = NaiveBudget(**terms), {}, []
    for i, proba in enumerate(P.tolist()):
        known = purse.classes(proba)
        score = margin(proba, known)
        if not purse.settle(purse.by_rank(score, known), score, known):
            continue
        asked.append(i)
        same = counts.setdefault(proba.index(max(proba)), [])
        usual = max(dict.fromkeys(same), key=same.count) if same else labels[i]
        same.append(labels[i])
        if detector.fit_one(float(labels[i] != usual)).drift_detected:
            most = np.inf if purse.total is None else purse.total
            purse.since = (purse.t, min(purse.spent + n_refund, most))
    return asked


@pytest.mark.parametrize("terms", [{"rate": 0.2}, {"total": 150, "horizon": 1000}], ids=str)
def test_equals_the_twin(terms: dict[str, Any]) -> None:
    P = shares(4, 1000)
    names = np.array(["a", "b", "c"])
    drift = np.where(np.arange(1000) > 600, 1, 0)
    labels = names[(P.argmax(1) + drift) % 3].tolist()
    asked = surprised(P, labels, HDDM_A(), 30.0, seed=5, **terms)
    budget = Budget(**terms, detector=HDDM_A(), n_refund=30)
    strategy = MarginSampling(budget=budget, seed=5)
    found = []
    for i, proba in enumerate(P):
        if strategy.query_fit_one(proba, proba, id=i).ask:
            found.append(i)
            strategy.answer_one(i, labels[i])
    assert found == asked
    calm = surprised(P, labels, HDDM_A(drift_confidence=1e-300), 30.0, seed=5, **terms)
    first = [sum(600 < i < 800 for i in rows) for rows in (asked, calm)]
    assert first[0] > first[1] + 10


def test_what_is_bought_after_an_alarm_is_paid_back_and_resumes(tmp_path: Any) -> None:
    random = np.random.default_rng(3)
    X = random.normal(size=(6000, 3))
    y = X[:, 0] + X[:, 1] > 0
    y[3000:] = ~y[3000:]
    budget = Budget(rate=0.05, detector=DDM(), n_refund=40)
    strategy: Any = RandomSampling(budget=budget, seed=1)
    model, asked = SoftmaxRegression(), []
    for i, x in enumerate(X):
        if i == 3050:
            save(strategy, tmp_path / "strategy.oml")
            strategy = load(tmp_path / "strategy.oml")
        if strategy.query_fit_one(x, model.predict_proba_one(x), id=i).ask:
            asked.append(i)
            model.fit_one(x, y[i])
            strategy.answer_one(i, bool(y[i]))
    assert sum(3000 <= i < 4000 for i in asked) > 60  # 50 without
    assert abs(len(asked) / 300 - 1) < 0.05


def test_without_probabilities_there_is_nothing_to_watch() -> None:
    strategy = RandomSampling(budget=Budget(rate=0.5, detector=DDM()), seed=1)
    asked = [i for i in range(100) if strategy.query_fit_one([1.0], id=i).ask]
    for i in asked:
        strategy.answer_one(i, i % 2)
    assert strategy.n_answered == len(asked)


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="detector"):
        RandomSampling(budget=Budget(rate=0.1, detector=3)).fit_one([1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_refund"):
        RandomSampling(budget=Budget(rate=0.1, n_refund=-1)).fit_one([1.0])
