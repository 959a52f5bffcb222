"""Prequential evaluation in plain Python: one row at a time, labels in a sorted list."""

import math
from typing import NamedTuple


class Step(NamedTuple):
    """A row whose label has come: its number, label, and what was said when the row came."""

    row: int
    y: object
    answer: object
    probabilities: dict
    no_change: object


def walk(model, X, y, *, delay=lambda row: 0, time=None, seconds=None, rest=True):
    """Steps in the order in which labels come; the model is trained.

    `delay(row)` is a number of rows (None: never); with `seconds`, labels wait for `time`.
    """
    steps, waiting, last, now = [], [], None, -math.inf

    def learn(entry):
        nonlocal last
        step = entry[2]
        steps.append(step)
        model.fit_one(X[step.row], step.y)
        last = step.y

    for row in range(len(X)):
        now = row if seconds is None else max(now, time[row])
        for entry in sorted(e for e in waiting if e[0] <= now):
            waiting.remove(entry)
            learn(entry)
        step = Step(row, y[row], model.predict_one(X[row]), chances(model, X[row]), last)
        wait = delay(row) if seconds is None else seconds
        if wait is not None:
            due = row + 1 + wait if seconds is None else now + wait
            waiting.append((due, row, step))
    if rest:
        for entry in sorted(waiting):
            learn(entry)
    return steps


def walk_detector(model, X, y, *, delay=lambda row: 0):
    """Labels and scores in the order in which labels come; rows are learned when they come."""
    waiting = []
    for row in range(len(X)):
        score = model.score_one(X[row])
        model.fit_one(X[row])
        if delay(row) is not None:
            waiting.append((row + 1 + delay(row), row, y[row], score))
    return [entry[2:] for entry in sorted(waiting)]


def walk_and_buy(model, strategy, X, y, *, delay=lambda row: 0):
    """Every row is answered; those that the strategy asks for are learned when their label comes.

    Answers in the order in which labels come, whether each was learned, and the rows asked for.
    """
    said, learned, asked, waiting = [], [], [], []

    def deliver(entry):
        row = entry[1]
        said.append((y[row], entry[2]))
        learned.append(row in asked)
        if row in asked:
            model.fit_one(X[row], y[row])
            strategy.answer_one(row, y[row])

    for row in range(len(X)):
        for entry in sorted(entry for entry in waiting if entry[0] <= row):
            waiting.remove(entry)
            deliver(entry)
        proba = None
        if hasattr(model, "predict_proba_one"):
            proba = model.predict_proba_one(X[row])
        answer = model.predict_one(X[row])
        if strategy.query_fit_one(X[row], proba, id=row).ask:
            asked.append(row)
        if delay(row) is not None:
            waiting.append((row + 1 + delay(row), row, answer))
    for entry in sorted(waiting):
        deliver(entry)
    return said, learned, asked


def chances(model, x):
    if not getattr(model, "classes_", None):
        return {}
    return dict(zip(model.classes_, model.predict_proba_one(x).tolist()))
