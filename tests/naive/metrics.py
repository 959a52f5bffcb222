"""Metrics in plain Python, straight from their definitions, over lists of labels."""

import math
from collections import Counter


def accuracy(y, answers):
    return sum(a == b for a, b in zip(y, answers)) / len(y)


def kappa(y, answers):
    said, n = Counter(answers), len(y)
    chance = sum(count / n * said[label] / n for label, count in Counter(y).items())
    return above(accuracy(y, answers), chance)


def kappa_m(y, answers):
    return above(accuracy(y, answers), max(Counter(y).values()) / len(y))


def kappa_t(y, answers, no_change):
    return above(accuracy(y, answers), accuracy(y, no_change))


def above(value, reference):
    return math.nan if reference == 1 else (value - reference) / (1 - reference)


def recalls(y, answers):
    return [
        sum(b == label for a, b in zip(y, answers) if a == label) / count
        for label, count in Counter(y).items()
    ]


def balanced_accuracy(y, answers):
    found = recalls(y, answers)
    return sum(found) / len(found)


def g_mean(y, answers):
    found = recalls(y, answers)
    return math.prod(found) ** (1 / len(found))


def macro_f1(y, answers):
    labels = set(y) | set(answers) - {None}
    return sum(f1(y, answers, label) for label in labels) / len(labels)


def f1(y, answers, label):
    hits = sum(a == b == label for a, b in zip(y, answers))
    false_alarms = sum(b == label != a for a, b in zip(y, answers))
    missed = sum(a == label != b for a, b in zip(y, answers))
    return 2 * hits / (2 * hits + false_alarms + missed)


def micro_f1(y, answers):
    hits = sum(a == b for a, b in zip(y, answers))
    false_alarms = sum(b is not None and a != b for a, b in zip(y, answers))
    return 2 * hits / (2 * hits + false_alarms + (len(y) - hits))


def log_loss(y, probabilities):
    """`probabilities`: one mapping of label to probability a row."""
    return sum(-math.log(max(p.get(a, 0.0), 1e-15)) for a, p in zip(y, probabilities)) / len(y)


def roc_auc(is_positive, scores):
    """Share of the pairs that are ordered rightly."""
    positive = [s for s, yes in zip(scores, is_positive) if yes]
    negative = [s for s, yes in zip(scores, is_positive) if not yes]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def average_precision(is_positive, scores):
    """Precision at each threshold, weighted by the recall that it gains."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        above_it = [yes for s, yes in zip(scores, is_positive) if s >= threshold]
        now = sum(above_it) / sum(is_positive)
        total += (now - recall) * sum(above_it) / len(above_it)
        recall = now
    return total


def mae(y, answers):
    return sum(abs(a - b) for a, b in zip(y, answers)) / len(y)


def rmse(y, answers):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(y, answers)) / len(y))


def r2(y, answers):
    mean = sum(y) / len(y)
    errors = sum((a - b) ** 2 for a, b in zip(y, answers))
    return 1 - errors / sum((a - mean) ** 2 for a in y)
