"""The simplest detector, in Python: what tests of the role need."""

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field


class FarFromMean(Detector):
    """Scores the sum of the features' distances from their running means."""

    _explains = True
    _state = (Field("n_", (1,)), Field("sum_", ("F",)))

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i, x in enumerate(X):
            known = np.nan_to_num(x)
            if serve:
                parts = np.abs(known - self.sum_ / self.n_) if self.n_[0] else 0.0 * known
                out[i, 0] = parts.sum()
                if serve == ANSWER_AND_SCORES:
                    out[i, 1:] = parts
            if fit:
                self.n_ += weight[i]
                self.sum_ += weight[i] * known
