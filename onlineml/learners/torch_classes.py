"""Classes that come as a network of torch learns: its last layer widens."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array
from onlineml.learners.torch_learner import KNOWN, TorchLearner
from onlineml.learners.torch_targets import CROSS_ENTROPY, answer_classes, n_outputs_for
from onlineml.nn.torch_estimator import Singles, named_loss


class TorchClasses(TorchLearner):
    """A learner around torch that has an output for each class; others add the network."""

    def _check(self) -> None:
        super()._check()
        named_loss(self.loss, CROSS_ENTROPY)

    def _n_net_outputs(self) -> int:
        return n_outputs_for(int(self.counts_[KNOWN]))

    def _make_room(self, n_classes: int) -> None:
        """Room is made when a class comes, wherever it stands in a chunk."""

    def _n_of_known(self, y: Array, told: npt.NDArray[np.bool_]) -> int:
        new = np.flatnonzero((y >= self.counts_[KNOWN]) & told)
        return int(new[0]) + 1 if len(new) else len(y)

    def _hold(self, X: Array, scaled: Singles, y: Array, weight: Array) -> None:
        if len(y) and y[-1] >= self.counts_[KNOWN]:
            self.counts_[KNOWN] = int(y[-1]) + 1
            if self._network().sizes[1] < self.counts_[KNOWN]:
                self._widen_outputs()
        super()._hold(X, scaled, y, weight)

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        answer_classes(outputs, int(self.counts_[KNOWN]), out, serve)
