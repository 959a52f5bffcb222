"""An oracle that answers at once, late, never, or fails."""

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from onlineml.active import PAL, LeverageSampling, MarginSampling, consult
from onlineml.learners import GaussianNB, LinearRegression

X = np.random.default_rng(2).normal(size=(400, 2))


def label(x: Any) -> str:
    return "right" if x[0] > 0 else "left"


def test_answers_at_once_are_the_plain_loop() -> None:
    learner, strategy = GaussianNB(), MarginSampling(budget=0.2, seed=1)
    said = list(consult(learner, strategy, enumerate(X), lambda id, x: label(x)))
    other, plain = GaussianNB(), MarginSampling(budget=0.2, seed=1)
    for i, x in enumerate(X):
        assert said[i] == (i, other.predict_one(x))
        if plain.query_fit_one(x, other.predict_proba_one(x)).ask:
            other.fit_one(x, label(x))
            plain.answer_one(i, label(x))
    np.testing.assert_equal(learner.get_state(), other.get_state())
    np.testing.assert_equal(strategy.get_state(), plain.get_state())


def test_answers_may_come_later_or_never() -> None:
    owed: list[tuple[int, Any, Future[Any]]] = []
    most = 0

    def slow(id: Any, x: Any) -> Future[Any] | None:
        if id == len(X) - 1:
            return None
        owed.append((id, x, Future()))
        return owed[-1][2]

    learner, strategy = GaussianNB(), PAL(budget=0.2, seed=1)
    for i, _ in consult(learner, strategy, enumerate(X), slow, max_pending=6):
        most = max(most, len(owed))
        if len(owed) == 6 or i == len(X) - 1:
            for id, x, future in owed[::-1]:
                future.set_result(None if id % 5 == 0 else label(x))
            owed.clear()
    assert most == 6
    assert strategy.n_answered < strategy.n_asked
    assert not strategy.waiting_
    assert (learner.predict_many(X) == [label(x) for x in X]).mean() > 0.9


def test_an_oracle_that_fails_is_heard_and_work_goes_on() -> None:
    def moody(id: Any, x: Any) -> str:
        if id == 5:
            raise RuntimeError("gone home")
        return label(x)

    learner, strategy = GaussianNB(), MarginSampling(budget=0.2, seed=1)
    with pytest.raises(RuntimeError, match="gone home"):
        list(consult(learner, strategy, enumerate(X), moody))
    said = list(consult(learner, strategy, enumerate(X[6:], 6), moody))
    assert [id for id, _ in said] == list(range(6, 400))


def test_regressors_and_wrong_calls() -> None:
    learner, strategy = LinearRegression(), LeverageSampling(budget=0.5, seed=1)
    list(consult(learner, strategy, enumerate(X), lambda id, x: float(2 * x[0])))
    assert abs(learner.predict_one([1.0, 0.0]) - 2.0) < 0.5
    for most in (0, 1.5, float("nan"), None):
        with pytest.raises(ValueError, match="max_pending"):
            list(consult(learner, strategy, enumerate(X), float, max_pending=most))  # type: ignore[arg-type]
    waits = consult(GaussianNB(), MarginSampling(), [(1, X[0]), (1, X[1])], lambda id, x: Future())
    with pytest.raises(ValueError, match="differ"):
        list(waits)
