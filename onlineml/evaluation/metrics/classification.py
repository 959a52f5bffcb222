"""Metrics of class labels: formulas over the confusion matrix, and log loss.

Notation: `n` rows, `n[k, l]` of them of class `k` answered with `l`; `n[k, .]` and `n[., l]` are
row and column sums. Rows that got no answer (no class was known yet) count as wrong.

References
----------
.. [1] Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological
   Measurement 20(1), 37-46.
.. [2] Bifet, de Francisci Morales, Read, Holmes, Pfahringer (2015), Efficient online evaluation of
   big data stream classifiers, KDD, section 5. doi:10.1145/2783258.2783372
.. [3] Zliobaite, Bifet, Read, Pfahringer, Holmes (2015), Evaluation methods and decision theory for
   classification of streaming data with temporal dependence, Machine Learning 98, section 4.
   doi:10.1007/s10994-014-5441-4
.. [4] Brodersen, Ong, Stephan, Buhmann (2010), The balanced accuracy and its posterior
   distribution, ICPR. doi:10.1109/ICPR.2010.764
.. [5] Kubat, Matwin (1997), Addressing the curse of imbalanced training sets, ICML, section 2.
.. [6] Sokolova, Lapalme (2009), A systematic analysis of performance measures for classification
   tasks, Information Processing and Management 45(4), table 3. doi:10.1016/j.ipm.2009.03.002
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from onlineml.evaluation.metrics.metric import Array, Ints, Metric, Scored, Summary
from onlineml.kernels import jit

FLOOR = 1e-15  # least probability in a logarithm


@jit
def _count(y: Ints, answer: Ints, no_change: Ints, counts: Ints) -> int:
    """Add to `counts`, whose column 0 is for rows without answer; returns hits of no-change."""
    hits = 0
    for i in range(y.shape[0]):
        counts[y[i], 1 + answer[i]] += 1
        hits += y[i] == no_change[i]
    return hits


@jit
def _sum_up(counts: Ints, margins: Ints) -> int:
    """Fill `margins` with each class's hits, rows and answers; returns the number of rows."""
    n = 0
    for k in range(counts.shape[0]):
        margins[0, k] = counts[k, 1 + k]
        for column in range(counts.shape[1]):
            n += counts[k, column]
            margins[1, k] += counts[k, column]
            if column > 0:
                margins[2, column - 1] += counts[k, column]
    return n


class Margins(NamedTuple):
    """What the formulas need of a confusion matrix; plain lists, as classes are few."""

    #: Number of rows, `n`.
    n: int
    #: Rows of each class that were answered rightly, `n[k, k]`.
    hits: list[int]
    #: Rows of each class, `n[k, .]`.
    occurred: list[int]
    #: Rows answered with each class, `n[., l]`.
    answered: list[int]
    #: Rows on which the no-change classifier is right.
    n_no_change: int


class Confusion(Summary):
    """The confusion matrix, and how often the label before would have been right."""

    _kept = ("counts", "n_no_change")

    def clear(self) -> None:
        """Forget all rows."""
        n = max(len(self.classes), 2)
        self.counts = np.zeros((n, 1 + n), np.int64)
        self.n_no_change = 0
        self._margins: Margins | None = None

    def add(self, rows: Scored) -> None:
        """Count some rows."""
        assert rows.no_change is not None
        self._make_room(len(self.classes))
        self.n_no_change += _count(rows.y, rows.answer, rows.no_change, self.counts)
        self._margins = None

    def absorb(self, window: Confusion) -> None:
        """Add the counts of a window."""
        n = len(window.counts)
        self._make_room(n)
        self.counts[:n, : 1 + n] += window.counts
        self.n_no_change += window.n_no_change
        self._margins = None

    def get_state(self) -> dict[str, Any]:
        """The counts of the classes that are known: no trace is left of how rows came."""
        n = max(len(self.classes), 2)
        self._make_room(n)
        return {**super().get_state(), "counts": self.counts[:n, : 1 + n]}

    def _make_room(self, n_classes: int) -> None:
        n = len(self.counts)
        if n_classes > n:
            old = self.counts
            self.counts = np.zeros((2 * n_classes, 1 + 2 * n_classes), np.int64)
            self.counts[:n, : 1 + n] = old

    @property
    def margins(self) -> Margins:
        """Sums of the counts."""
        if self._margins is None:
            sums = np.zeros((3, len(self.counts)), np.int64)
            n = _sum_up(self.counts, sums)
            hits, occurred, answered = sums.tolist()
            self._margins = Margins(n, hits, occurred, answered, self.n_no_change)
        return self._margins


def ratio(part: float, whole: float) -> float:
    """`part / whole`, NaN where `whole` is 0."""
    return float(part) / float(whole) if whole else math.nan


def _accuracy(confusion: Confusion) -> float:
    """Share of right answers, `sum_k n[k, k] / n`."""
    margins = confusion.margins
    return ratio(sum(margins.hits), margins.n)


def _kappa(confusion: Confusion) -> float:
    """`(p0 - pc) / (1 - pc)`, `pc = sum_k n[k, .] n[., k] / n^2`: above chance [1]_."""
    margins = confusion.margins
    agreed = sum(rows * said for rows, said in zip(margins.occurred, margins.answered))
    return _above(_accuracy(confusion), ratio(agreed, margins.n**2))


def _kappa_m(confusion: Confusion) -> float:
    """`(p0 - pm) / (1 - pm)`, `pm = max_k n[k, .] / n`: above the majority class [2]_.

    The majority is that of the rows evaluated, known in hindsight, as in [2]_.
    """
    margins = confusion.margins
    return _above(_accuracy(confusion), ratio(max(margins.occurred), margins.n))


def _kappa_t(confusion: Confusion) -> float:
    """`(p0 - pt) / (1 - pt)`, `pt` the accuracy of no-change: above persistence [3]_.

    No-change answers with the label that was learned last; on the first row it has no answer.
    """
    margins = confusion.margins
    return _above(_accuracy(confusion), ratio(margins.n_no_change, margins.n))


def _above(accuracy: float, reference: float) -> float:
    """Gain over a reference, 1 = perfect; NaN where the reference makes no error."""
    return (accuracy - reference) / (1.0 - reference) if reference < 1.0 else math.nan


def _recalls(confusion: Confusion) -> list[float]:
    """Recall of each class that occurred, `n[k, k] / n[k, .]`."""
    margins = confusion.margins
    return [hits / rows for hits, rows in zip(margins.hits, margins.occurred) if rows]


def _balanced_accuracy(confusion: Confusion) -> float:
    """Mean recall of the classes that occurred [4]_."""
    recalls = _recalls(confusion)
    return ratio(sum(recalls), len(recalls))


def _g_mean(confusion: Confusion) -> float:
    """Geometric mean of the recalls of the classes that occurred [5]_."""
    recalls = _recalls(confusion)
    if not recalls:
        return math.nan
    # by logarithms: a product of many recalls would underflow
    return math.exp(sum(map(math.log, recalls)) / len(recalls)) if all(recalls) else 0.0


def _macro_f1(confusion: Confusion) -> float:
    """Mean of `2 n[k, k] / (n[k, .] + n[., k])`, classes that occurred or were answered [6]_."""
    _, *columns, _ = confusion.margins
    scores = [2 * hits / (rows + said) for hits, rows, said in zip(*columns) if rows + said]
    return ratio(sum(scores), len(scores))


def _micro_f1(confusion: Confusion) -> float:
    """`2 h / (n + a)`, `h` hits, `a` rows with an answer [6]_; accuracy where all rows have one."""
    margins = confusion.margins
    return ratio(2 * sum(margins.hits), margins.n + sum(margins.answered))


@jit
def _sum_of_logs(y: Ints, probabilities: Array, floor: float, total: float) -> float:
    for i in range(y.shape[0]):
        p = probabilities[i, y[i]] if y[i] < probabilities.shape[1] else 0.0
        total -= np.log(min(p, 1.0) if p > floor else floor)
    return total


class LogLosses(Summary):
    """Sum of the negative logarithms of the true classes' probabilities."""

    _kept = ("n", "total")

    def clear(self) -> None:
        """Forget all rows."""
        self.n, self.total = 0, 0.0

    def add(self, rows: Scored) -> None:
        """Take in some rows."""
        assert rows.probabilities is not None
        self.n += len(rows.y)
        self.total = _sum_of_logs(rows.y, rows.probabilities, FLOOR, self.total)

    def absorb(self, window: LogLosses) -> None:
        """Add the sum of a window."""
        self.n += window.n
        self.total += window.total


def _log_loss(losses: LogLosses) -> float:
    """Mean of `-ln p(true class)`, in nats, probabilities below 1e-15 taken as 1e-15.

    So a class that the model could not know yet costs 34.5 nats, and so does a NaN.
    """
    return ratio(losses.total, losses.n)


METRICS = (
    Metric("accuracy", "Accuracy", "classification", Confusion, _accuracy),
    Metric("kappa", "Kappa", "classification", Confusion, _kappa),
    Metric("kappa_m", "Kappa M", "classification", Confusion, _kappa_m),
    Metric("kappa_t", "Kappa T", "classification", Confusion, _kappa_t),
    Metric(
        "balanced_accuracy", "Balanced accuracy", "classification", Confusion, _balanced_accuracy
    ),
    Metric("g_mean", "G-mean", "classification", Confusion, _g_mean),
    Metric("macro_f1", "Macro F1", "classification", Confusion, _macro_f1),
    Metric("micro_f1", "Micro F1", "classification", Confusion, _micro_f1),
    Metric(
        "log_loss",
        "Log loss",
        "classification",
        LogLosses,
        _log_loss,
        rises=False,
        needs_probabilities=True,
    ),
)
