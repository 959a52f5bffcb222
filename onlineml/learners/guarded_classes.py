"""What linear learners of classes share that keep rows private where their `privacy` says so."""

from __future__ import annotations

import math
from typing import ClassVar

from onlineml.base import Classifier
from onlineml.kernels.optimizers import RULES
from onlineml.kernels.private_linear import CLASSES, private_softmax_regression
from onlineml.kernels.softmax import STATE, softmax_regression
from onlineml.learners.linear_regression import check_descent
from onlineml.learners.privacy import Guarded, by_privacy


class GuardedClasses(Guarded, Classifier):
    """A linear score for each class: parameters, sizes and settings."""

    #: Whether the scores of the first class stay 0.
    _has_reference: ClassVar[bool]

    optimizer: str
    learning_rate: float
    l2: float
    intercept: bool
    decay_intercept: bool

    _kernel = by_privacy(softmax_regression, private_softmax_regression)
    _state = by_privacy(STATE, CLASSES)

    def _check(self) -> None:
        check_descent(self.optimizer, self.learning_rate, self.l2)
        self._check_privacy(*RULES)

    def _sizes(self) -> dict[str, int]:
        return {"M": RULES[self.optimizer], **self._private_sizes()}

    def _settings(self) -> tuple[float, ...]:
        self._check_promise()
        held = self.l2 * self.decay_intercept
        own = RULES[self.optimizer], self.learning_rate, self.l2, float(self.intercept), held
        return *own, float(self._has_reference)

    def _n_scratch(self) -> int:
        return super()._n_scratch() + self._room_of_row()

    def _push(self, largest_target: float) -> float:
        """How far a row moves the weights (see `onlineml.learners.fading`)."""
        return 2.0 * math.sqrt(self.learning_rate)
