"""Metrics of numbers.

A model that diverges keeps its infinite or NaN error in the totals: it is not hidden.

References
----------
.. [1] Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance, The American
   Statistician 37(3), equation 2.1. doi:10.1080/00031305.1983.10483115
"""

from __future__ import annotations

import numpy as np

from onlineml.evaluation.metrics.classification import ratio
from onlineml.evaluation.metrics.metric import Array, Metric, Scored, Summary
from onlineml.kernels import jit


@jit
def _sum_errors(y: Array, answer: Array, sums: Array) -> None:
    """`sums`: rows, absolute errors, squared errors, mean of `y`, squares around that mean."""
    for i in range(y.shape[0]):
        error = y[i] - answer[i]
        sums[0] += 1.0
        sums[1] += abs(error)
        sums[2] += error * error
        gap = y[i] - sums[3]
        sums[3] += gap / sums[0]
        sums[4] += gap * (y[i] - sums[3])


class Errors(Summary):
    """Sums of errors, and the variance of the targets."""

    _kept = ("sums",)

    def clear(self) -> None:
        """Forget all rows."""
        self.sums = np.zeros(5)

    def add(self, rows: Scored) -> None:
        """Take in some rows."""
        _sum_errors(rows.y, rows.answer, self.sums)

    def absorb(self, window: Errors) -> None:
        """Add the sums of a window; the variances as in [1]_."""
        ours, theirs = self.sums, window.sums
        n = ours[0] + theirs[0]
        if theirs[0]:
            gap = theirs[3] - ours[3]
            ours[4] += theirs[4] + gap * gap * ours[0] * theirs[0] / n
            ours[3] += gap * theirs[0] / n
        ours[:3] += theirs[:3]


def _mae(errors: Errors) -> float:
    """Mean absolute error, `sum |y - f| / n`, in the units of the target."""
    return ratio(errors.sums[1], errors.sums[0])


def _rmse(errors: Errors) -> float:
    """Root of the mean squared error, `sqrt(sum (y - f)^2 / n)`, in the units of the target."""
    return float(np.sqrt(ratio(errors.sums[2], errors.sums[0])))


def _r2(errors: Errors) -> float:
    """`1 - sum (y - f)^2 / sum (y - mean y)^2`, the mean being that of the rows evaluated.

    NaN where the targets do not vary.
    """
    return 1.0 - ratio(errors.sums[2], errors.sums[4])


METRICS = (
    Metric("mae", "MAE", "regression", Errors, _mae, rises=False),
    Metric("rmse", "RMSE", "regression", Errors, _rmse, rises=False),
    Metric("r2", "R²", "regression", Errors, _r2),
)
