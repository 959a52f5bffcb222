"""A learner, a strategy and somebody who knows the labels, at work together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Classifier, Regressor
from onlineml.parameters import whole
from onlineml.schema import wrong

#: `(id, x) -> label`; None: it will never be known; a future: it comes later, or not (None).
Oracle = Callable[[Hashable, Any], Any]


def consult(
    learner: Classifier | Regressor,
    strategy: QueryStrategy,
    rows: Iterable[tuple[Hashable, Any]],
    oracle: Oracle,
    *,
    max_pending: int = 1000,
) -> Iterator[tuple[Hashable, Any]]:
    """Predict every row, ask the oracle for labels that the strategy wants, learn what it says.

    Answers that come late are learned before the next row is predicted, in order of their
    questions; at the end of the rows all that are outstanding are waited for. An error of the
    oracle is raised where its answer was due, and ends the work; learner and strategy go on from
    there in another call. Time per event is that of the learner, the strategy and the
    oracle; memory is theirs, and `max_pending` rows.

    Parameters
    ----------
    learner, strategy
        Both are trained.
    rows
        Pairs of an id and a row; ids are hashable and differ among rows whose labels are awaited.
    oracle
        Called with the id and the row of each question.
    max_pending
        Most answers that may be outstanding; more are waited for before the next question.

    Yields
    ------
    tuple
        The id and the prediction of each row.

    Raises
    ------
    ValueError
        While it is iterated: for a `max_pending` that is not a whole number >= 1, an id that comes
        again while its label is awaited, and rows and labels that learner or strategy refuse.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import MarginSampling, consult
    >>> from onlineml.learners import SoftmaxRegression
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> learner, strategy = SoftmaxRegression(), MarginSampling(budget=0.05, seed=1)
    >>> human = lambda id, x: bool(x[0] > x[1])
    >>> said = dict(consult(learner, strategy, enumerate(X), human))
    >>> right = [said[i] == (x[0] > x[1]) for i, x in enumerate(X)]
    >>> bool(np.mean(right[500:]) > 0.95), strategy.n_answered
    (True, 98)
    """
    whole("max_pending", max_pending, 1)
    awaited: dict[Hashable, tuple[Any, Future[Any]]] = {}
    for id, x in rows:
        _learn_what_came(learner, strategy, awaited)
        if id in awaited:
            raise wrong("rows", id, "ids that differ from those whose labels are awaited")
        yield id, learner.predict_one(x)
        proba = None
        if isinstance(learner, Classifier):
            proba = learner.predict_proba_one(x)
            if learner._notices:
                learner.notice_one(x)
        if not strategy.query_fit_one(x, proba, id=id).ask:
            continue
        while len(awaited) >= max_pending:
            _learn_first(learner, strategy, awaited)
        answer = oracle(id, x)
        if isinstance(answer, Future):
            awaited[id] = x, answer
        else:
            _learn(learner, strategy, id, x, answer)
    while awaited:
        _learn_first(learner, strategy, awaited)


def _learn_what_came(
    learner: Classifier | Regressor,
    strategy: QueryStrategy,
    awaited: dict[Hashable, tuple[Any, Future[Any]]],
) -> None:
    for id in [id for id, (_, future) in awaited.items() if future.done()]:
        x, future = awaited.pop(id)
        _learn(learner, strategy, id, x, future.result())


def _learn_first(
    learner: Classifier | Regressor,
    strategy: QueryStrategy,
    awaited: dict[Hashable, tuple[Any, Future[Any]]],
) -> None:
    """Wait for the answer to the oldest question."""
    id = next(iter(awaited))
    x, future = awaited.pop(id)
    _learn(learner, strategy, id, x, future.result())


def _learn(
    learner: Classifier | Regressor, strategy: QueryStrategy, id: Hashable, x: Any, y: Any
) -> None:
    if y is not None:
        learner.fit_one(x, y)
    strategy.answer_one(id, y)
