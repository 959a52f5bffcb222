"""How far two models are apart, and how much one of them shows that it met a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Classifier

_LEAST = 1e-12  # probability below which all are alike


def answers(model: Any, X: Array, labels: list[Any]) -> Array:
    """Probabilities of `labels`, one column each, or predictions in one column."""
    if not isinstance(model, Classifier):
        return np.asarray(model.predict_many(X), np.float64).reshape(-1, 1)
    shares, known = model.predict_proba_many(X), list(getattr(model, "classes_", []))
    found = np.zeros((len(X), len(labels)))
    for column, label in enumerate(labels):
        if label in known:
            found[:, column] = shares[:, known.index(label)]
    return found


def distance(gold: Array, other: Array) -> float:
    """Kullback-Leibler divergence of `other` from `gold`, in nats; of numbers, root mean square."""
    if gold.shape[1] == 1:
        return float(np.sqrt(np.mean((gold - other) ** 2))) if len(gold) else 0.0
    p, q = (np.maximum(shares, _LEAST) for shares in (gold, other))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return max(float(np.mean((p * np.log(p / q)).sum(1))), 0.0) if len(gold) else 0.0


def agreement(gold: Array, other: Array) -> float:
    """Share of rows with the same answer; of numbers, the squared correlation."""
    if not len(gold):
        return float("nan")
    if gold.shape[1] > 1:
        return float(np.mean(gold.argmax(1) == other.argmax(1)))
    if np.ptp(gold) == 0.0 or np.ptp(other) == 0.0:
        return float(np.array_equal(gold, other))
    return float(np.corrcoef(gold[:, 0], other[:, 0])[0, 1] ** 2)


def losses(found: Array, targets: Array) -> Array:
    """Log loss of each row, whose target is a column; of numbers, the squared error."""
    if found.shape[1] == 1:
        return np.asarray((found[:, 0] - targets) ** 2)
    shares = found[np.arange(len(found)), targets.astype(int)]
    return np.asarray(-np.log(np.maximum(shares, _LEAST)))


def quality(found: Array, targets: Array) -> float:
    """Accuracy; of numbers, the mean absolute error."""
    if not len(found):
        return float("nan")
    if found.shape[1] == 1:
        return float(np.mean(np.abs(found[:, 0] - targets)))
    return float(np.mean(found.argmax(1) == targets))


def membership(members: Array, strangers: Array) -> float:
    """AUC of telling rows that were learned from others by their lower losses; 0.5 is chance."""
    if not len(members) or not len(strangers):
        return float("nan")
    both = np.concatenate([members, strangers])
    order = np.argsort(both, kind="stable")
    ranks = np.empty(len(both))
    ranks[order] = np.arange(len(both))
    for value in np.unique(both):  # ties count half
        same = both == value
        ranks[same] = ranks[same].mean()
    n = len(members)
    wins = ranks[n:].sum() - len(strangers) * (len(strangers) - 1) / 2
    return float(wins / (n * len(strangers)))
