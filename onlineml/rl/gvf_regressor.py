"""General value functions as regressors: what is to come of a target, from the row at hand."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.estimator import Diagnostics
from onlineml.kernels.arena import Field
from onlineml.rl.agent import Transition
from onlineml.rl.stream_td import StreamTD
from onlineml.rl.swift_td import SwiftTD
from onlineml.schema import Schema, wrong

_LARGEST = 1e100  # of a target, as of a reward


class GVFRegressor(Regressor):
    """The discounted sum of a target from a row on, foretold by a learner of values.

    Rows come in the order of time. With y the target and gamma the discount of `base`, the answer
    to row t foretells y_t + gamma y_{t+1} + gamma^2 y_{t+2} + ..., the sum of about the next
    1 / (1 - gamma) targets; with gamma 0, its own. So temporal differences have the place of a
    regressor: in chains, and in graphs, where other nodes read what is foretold. The errors that
    `onlineml.evaluation.prequential` tells are from y_t alone. Time per event and memory are those
    of `base`.

    Parameters
    ----------
    base
        The learner of values, cloned: `StreamTD` or `SwiftTD`.

    Attributes
    ----------
    model_
        The clone that learns.

    Raises
    ------
    ValueError
        At the first row, for a `base` that is neither `StreamTD` nor `SwiftTD`, or has parameters
        that cannot be used. At any, for a target beyond 1e100.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import GVFRegressor, StreamTD
    >>> model, states = GVFRegressor(base=StreamTD(hidden=(32, 32), gamma=0.5, seed=1)), np.eye(3)
    >>> for i in range(3_000):  # a circle of three states, a target of 1 in the second
    ...     model = model.fit_one(states[i % 3], float(i % 3 == 1))
    >>> [round(model.predict_one(x), 1) for x in states]  # due: 4/7, 8/7, 2/7
    [0.6, 1.1, 0.3]

    Notes
    -----
    A row is learned when the next one says what followed. Rows of weight 0 are none of the series,
    all other weights count alike. Codes of nominal values are taken as numbers, and features that
    come after the first row are not read: encode, and fill, before it.

    References
    ----------
    .. [1] Sutton et al. (2011), Horde: a scalable real-time architecture for learning knowledge
       from unsupervised sensorimotor interaction, AAMAS, section 3.
    """

    _state = (Field("last_", ("F",)), Field("owed_", (1,), fill=np.nan))

    last_: Array  # the row that was learned last
    owed_: Array  # its target, which waits for the row that follows; NaN: there is none
    model_: StreamTD | SwiftTD

    def __init__(self, *, base: StreamTD | SwiftTD) -> None:
        self.base = base

    def _check(self) -> None:
        if not isinstance(self.base, StreamTD | SwiftTD):
            raise wrong("base", self.base, "a StreamTD or SwiftTD")

    def _start(self, schema: Schema) -> None:
        self.model_ = self.base.clone()
        self.model_.start(Schema(schema.n_features))

    def _targets(self, y: object, n_rows: int) -> tuple[Array, None]:
        targets, news = super()._targets(y, n_rows)
        far = np.flatnonzero(np.abs(targets) > _LARGEST)
        if len(far):
            raise wrong("y", float(targets[far[0]]), "numbers of at most 1e100 in size")
        return targets, news

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model = self.model_
        n = model.schema_.n_features
        if serve and not fit:
            out[:, 0] = model.predict_many(X[:, :n])
        for i in range(len(X) if fit else 0):
            if serve:
                out[i, 0] = model.predict_one(X[i, :n])
            if weight[i] > 0.0:
                self._follow(X[i, :n], float(y[i]))

    def _follow(self, x: Array, target: float) -> None:
        """Learn what row `x` says of the one before it."""
        owed, last = float(self.owed_[0]), self.last_[: len(x)]
        if owed == owed:
            self.model_.fit_one(Transition(last, None, owed, x))
        last[:], self.owed_[0] = x, target

    def diagnostics(self) -> Diagnostics:
        """What goes on inside `base`."""
        return self.model_.diagnostics() if self.is_started else {}
