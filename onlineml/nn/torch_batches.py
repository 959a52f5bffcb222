"""What estimators that step a torch module batch by batch share: batches by row count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onlineml.kernels.arena import Array, Field, Ints
from onlineml.nn.online_net import OnlineNet
from onlineml.nn.torch_estimator import Singles, TorchEstimator
from onlineml.parameters import whole

HELD = 0  # of counts: rows of the batch that fills

#: The batch that fills, rows as the network gets them; an estimator adds its `counts_`.
BATCH = (Field("held_", ("B", "F"), np.float32), Field("held_weight_", ("B",)))


class TorchBatches(TorchEstimator):
    """An estimator whose network is stepped every `batch_size` rows."""

    hidden: Sequence[int]
    batch_size: int
    counts_: Ints
    held_: Singles
    held_weight_: Array

    # ---------------------------------------------------------------- hooks

    def _scaled(self, X: Array, weight: Array) -> Singles:
        """Rows in the units of the network; those of some weight are taken in."""
        raise NotImplementedError

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        """Write what is answered to some rows."""
        raise NotImplementedError

    def _hold(self, X: Array, scaled: Singles, y: Array, weight: Array) -> None:
        """Put rows `X`, scaled, no more than there is room for, into the batch."""
        place = int(self.counts_[HELD])
        rows = slice(place, place + len(scaled))
        self.held_[rows], self.held_weight_[rows] = scaled, weight
        self.counts_[HELD] += len(scaled)

    def _step(self, net: OnlineNet) -> None:
        """Learn the batch, which is full."""
        raise NotImplementedError

    def _told(self, X: Array, weight: Array) -> npt.NDArray[np.bool_]:
        """Which rows are learned."""
        return weight > 0.0

    def _n_of_known(self, y: Array, told: npt.NDArray[np.bool_]) -> int:
        """Rows up to the first one whose target changes what can be answered, that one too."""
        return len(y)

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        whole("batch_size", self.batch_size, 1)
        super()._check()

    def _sizes(self) -> dict[str, int]:
        return {"B": self.batch_size}

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        told = self._told(X, weight) if fit else np.zeros(len(X), np.bool_)
        first = 0
        while first < len(X):
            last = len(X)
            if fit and len(X) > 1:
                last = self._end_of_batch(told, first)
                last = first + self._n_of_known(y[first:last], told[first:last])
            rows = slice(first, last)
            scaled = self._scaled(X[rows], weight[rows] if fit else np.zeros(last - first))
            if serve:
                self._answer_rows(scaled, out[rows], serve)
            if fit:
                learned = told[rows]
                targets, weights = y[rows][learned], weight[rows][learned]
                self._hold(X[rows][learned], scaled[learned], targets, weights)
                if self.counts_[HELD] == self.batch_size:
                    self._step(self._network())
                    self.counts_[HELD] = 0
            first = last

    def _end_of_batch(self, told: npt.NDArray[np.bool_], first: int) -> int:
        """The row after which a step is due, or the last one."""
        left = self.batch_size - int(self.counts_[HELD])
        places = np.flatnonzero(told[first : first + left])
        if len(places) < left:  # some rows do not count: look further
            places = np.flatnonzero(told[first:])
        return first + int(places[left - 1]) + 1 if len(places) >= left else len(told)

    def _embedded(self, X: Array) -> Singles:
        embedded: Singles = self._network().embedded(self._scaled(X, np.zeros(len(X))))
        return embedded
