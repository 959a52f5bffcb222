"""A classifier that learns only from rows that it gets more wrong than usual."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field
from onlineml.schema import Schema, wrong

_LEAST = 1e-4  # probability: one bad row must not raise the bar for long
_NOTHING = np.empty((0, 1))
MEAN, ROWS, LEARNED = range(3)


class LossFilter(Classifier):
    """Learns a row only if its loss is at least the running mean of the losses.

    For bases whose learning is dear: what they know by heart is answered, not learned again. Time
    per event is that of an answer of the base and, for some rows, of a step.

    Parameters
    ----------
    base
        The unfitted classifier.
    rate
        Weight of a row in the running mean.
    n_warm
        First rows, all of which are learned.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import LossFilter, MLPClassifier
    >>> X = np.random.default_rng(1).normal(size=(4000, 2))
    >>> model = LossFilter(base=MLPClassifier(seed=1)).fit_many(X, X[:, 0] * X[:, 1] > 0)
    >>> bool((model.predict_many(X) == (X[:, 0] * X[:, 1] > 0)).mean() > 0.9)
    True
    >>> bool(model.diagnostics()["learned_shares"]["learned"] < 0.4)
    True

    Notes
    -----
    The second stage of [1]_: a forward pass for all, a backward one where the loss is above a
    threshold. There the threshold is taken once, from a model that was trained before, and a cheap
    model learns to foretell it; here it follows the model, which may start from nothing. The loss
    is the cross-entropy, at most that of a probability of 1e-4. A base that counts rows, such as
    naive Bayes, learns other frequencies than those of the stream.

    References
    ----------
    .. [1] Chen, Wang, Zhang et al. (2023), Multistage data filtering for efficient training on
       streams, IJCAI. Section 3.
    """

    _state = (Field("loss_", (3,)),)

    base_: Classifier
    loss_: Array

    def __init__(self, *, base: Classifier, rate: float = 0.01, n_warm: int = 100) -> None:
        self.base = base
        self.rate = rate
        self.n_warm = n_warm

    def _check(self) -> None:
        if not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier")
        if not 0 < self.rate <= 1:
            raise wrong("rate", self.rate, "a number in (0, 1]")
        if not self.n_warm >= 0:
            raise wrong("n_warm", self.n_warm, "a number of rows >= 0")

    def _start(self, schema: Schema) -> None:
        self.base_ = self.base.clone()
        self.base_._begin(schema)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        self.base_._admit_targets(list(news))

    def _n_outputs(self) -> int:
        return self.base_._n_outputs()

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self.base_._run(X, y, weight, out, serve, False)
            return
        said = np.zeros((1, self._n_outputs()))
        for i in range(len(X)):
            row = X[i : i + 1], y[i : i + 1], weight[i : i + 1]
            self.base_._run(*row, said, ANSWER_AND_SCORES, False)
            if serve:
                out[i] = said[0, : out.shape[1]]
            if weight[i] > 0.0 and self._is_new(said[0, 1 + int(y[i])]):
                self.base_._run(*row, _NOTHING, 0, True)

    def _is_new(self, share: float) -> bool:
        """Whether the loss of a row whose label had this probability is above the mean."""
        told, loss = self.loss_, -np.log(max(share, _LEAST))
        new = bool(loss >= told[MEAN] or told[ROWS] < self.n_warm)
        told[ROWS] += 1.0
        told[LEARNED] += new
        told[MEAN] += max(self.rate, 1.0 / told[ROWS]) * (loss - told[MEAN])
        return new

    def diagnostics(self) -> Diagnostics:
        """The share of rows that were learned, and the mean loss, beside what the base tells."""
        if not self.is_started or not self.loss_[ROWS]:
            return {}
        learned = float(self.loss_[LEARNED] / self.loss_[ROWS])
        return {
            **self.base_.diagnostics(),
            "mean_loss": float(self.loss_[MEAN]),
            "learned_shares": {"learned": learned, "passed over": 1.0 - learned},
        }
