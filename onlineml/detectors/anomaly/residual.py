"""What a regressor cannot foretell of a row from its other features and the rows before."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Detector, Regressor
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.faded_moments import learn, share
from onlineml.kernels.linear import LARGEST
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_FAR, _TAME = 100.0, 4.0  # deviations that a value counts as at most, and is learned as at most
_CLIP = 10.0  # deviations that a value changes mean and deviation by
# Rows of `standing_`: weight, mean, variance of a feature; weight, mean square of what is left.
_N, _MEAN, _VARIANCE, _N_LEFT, _LEFT = range(5)
_LEAST_LEFT = 1e-4  # share of a feature's variance that is taken to be left at least


class ResidualDetector(Detector):
    """The part of a row that regressors do not foretell, each feature from all others.

    A regressor for every feature learns to foretell it from the other features of the row and from
    the last `n_lags` rows. The score is the root mean square over the features of what is left of
    them, in units of what is usually left. Any regressor of the package will do: linear for speed,
    trees or neighbors where features depend on each other in other ways. Works for a series of
    numbers too, foretold from its past. Time per event is that of n_features regressors of
    n_features - 1 + n_lags n_features inputs; memory too.

    Parameters
    ----------
    regressor
        The unfitted regressor; each feature has a clone of it.
    n_lags
        Rows before that a row is foretold from; at least 1 where rows have one feature.
    fading_factor
        What means and deviations forget by, an event.

    Raises
    ------
    ValueError
        At the first event, unless `regressor` is a regressor, `n_lags` a whole number >= 0 (>= 1
        where rows have one feature), and 0 < `fading_factor` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import ResidualDetector
    >>> from onlineml.learners import LinearRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 1)) + 0.1 * rng.normal(size=(3000, 3))  # all nearly equal
    >>> model = ResidualDetector(regressor=LinearRegression(), n_lags=0).fit_many(X)
    >>> model.score_one([1.0, 1.0, 1.0]) < 1.5 < 3 < model.score_one([1.0, 0.0, 1.0])
    True
    >>> model.explain_one([1.0, 0.0, 1.0]).argmax()
    np.int64(1)

    Notes
    -----
    Departures from [1]_: errors are weighed by what is usual for their feature, and regressors
    learn row by row. Features are standardized by a mean and a variance that
    forget; values count as at most 100 deviations off and are learned, and foretold from, as at
    most 4, so that one huge row does no harm. A missing value is not asked for; a feature that has
    not varied does not count. Codes of nominal values are taken as numbers. What features
    contribute are their parts of the mean square; they sum to the score.

    References
    ----------
    .. [1] Paulheim, Meusel (2015), A decomposition of the outlier detection problem into a set of
       supervised learning problems, Machine Learning 100, 509-531, section 3.
       doi:10.1007/s10994-015-5507-y
    """

    _explains = True
    _state = (
        Field("standing_", (5, "F")),
        Field("lags_", ("L", "F"), fill=np.nan),
        Field("cursor_", (1,), np.int64),
    )

    standing_: Array
    lags_: Array
    cursor_: Ints
    members_: list[Regressor]

    def __init__(
        self, *, regressor: Regressor, n_lags: int = 1, fading_factor: float = 0.999
    ) -> None:
        self.regressor = regressor
        self.n_lags = n_lags
        self.fading_factor = fading_factor

    def _check(self) -> None:
        if not isinstance(self.regressor, Regressor):
            raise wrong("regressor", self.regressor, "a regressor")
        whole("n_lags", self.n_lags, 0)
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"L": self.n_lags}

    def _begin(self, schema: Schema) -> None:
        if self.n_lags == 0 and schema.n_features == 1:
            raise wrong("n_lags", 0, "at least 1, as rows have one feature")
        super()._begin(schema)

    def _start(self, schema: Schema) -> None:
        self.members_ = []
        self._bring_up(schema)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self._bring_up(schema)

    def _bring_up(self, schema: Schema) -> None:
        """Show the members all features, and start those that are missing."""
        for j in range(schema.n_features):
            inputs = tuple(f"{column}" for column in self._inputs(j, schema.n_features))
            seen = Schema(len(inputs), inputs)
            if j == len(self.members_):
                self.members_.append(self.regressor.clone())
                self.members_[j]._begin(seen)
            elif self.members_[j].schema_.n_features < len(inputs):
                self.members_[j]._admit(seen)

    def _inputs(self, j: int, n_features: int) -> list[int]:
        """Columns that feature `j` is foretold from: of each feature its value, then its past."""
        each = 1 + self.n_lags
        return [column for column in range(n_features * each) if column != j * each]

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        width = X.shape[1]
        z, inputs = np.empty(X.shape), np.empty((len(X), width * (1 + self.n_lags)))
        least = 1.0 - self.fading_factor
        _standardize(X, weight, self.standing_, self.lags_, self.cursor_, least, z, inputs, fit)
        foretold, target = np.zeros(X.shape), np.clip(z, -_TAME, _TAME)
        for j, member in enumerate(self.members_):
            known = np.flatnonzero(~np.isnan(z[:, j]))
            if len(known):
                answers = np.empty((len(known), member._n_outputs()))
                rows = np.ascontiguousarray(inputs[known][:, self._inputs(j, width)])
                own = np.ascontiguousarray(target[known, j])
                member._run(rows, own, weight[known], answers, ANSWER, fit)
                foretold[known, j] = answers[:, 0]
        explain = serve == ANSWER_AND_SCORES
        _judge(z, foretold, weight, self.standing_, least, out, serve > 0, explain, fit)


@jit
def _standardize(
    X: Array, weight: Array, standing: Array, lags: Array, cursor: Ints, least: float, z: Array,
    inputs: Array, fit: bool,
) -> None:  # fmt: skip
    """Write values in deviations to `z`, and what they are foretold from to `inputs`."""
    n_lags = lags.shape[0]
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            value, variance = X[i, j], standing[_VARIANCE, j]
            z[i, j] = np.nan
            if variance > 1e-24 and abs(value) <= LARGEST:
                z[i, j] = min(max((value - standing[_MEAN, j]) / np.sqrt(variance), -_FAR), _FAR)
            at = j * (1 + n_lags)
            inputs[i, at] = _tame(z[i, j])
            for k in range(n_lags):
                inputs[i, at + 1 + k] = lags[(cursor[0] - 1 - k) % n_lags, j]
        if fit and weight[i] > 0.0:
            if n_lags > 0:
                for j in range(X.shape[1]):
                    lags[cursor[0], j] = _tame(z[i, j])
                cursor[0] = (cursor[0] + 1) % n_lags
            learn(X[i], weight[i], least, _CLIP, standing[_N], standing[_MEAN], standing[_VARIANCE])


@jit
def _tame(z: float) -> float:
    return z if np.isnan(z) else min(max(z, -_TAME), _TAME)


@jit
def _judge(
    z: Array, foretold: Array, weight: Array, standing: Array, least: float, out: Array,
    serve: bool, explain: bool, fit: bool,
) -> None:  # fmt: skip
    """Write scores, and learn how much is usually left of each feature."""
    for i in range(z.shape[0]):
        total, n = 0.0, 0
        for j in range(z.shape[1]):
            if serve and explain:
                out[i, 1 + j] = 0.0
            if np.isnan(z[i, j]):
                continue
            rest = abs(z[i, j] - foretold[i, j])
            left = standing[_LEFT, j]
            if serve and left > 0.0:
                part = rest * rest / max(left, _LEAST_LEFT)
                total, n = total + part, n + 1
                if explain:
                    out[i, 1 + j] = part
            if fit and weight[i] > 0.0:
                tame = min(rest, _TAME)
                standing[_N_LEFT, j] += weight[i]
                step = share(weight[i] / standing[_N_LEFT, j], weight[i], least)
                standing[_LEFT, j] = left + step * (tame * tame - left)
        if serve:
            out[i, 0] = np.sqrt(total / n) if n > 0 else 0.0
            for j in range(z.shape[1] if explain else 0):
                out[i, 1 + j] *= out[i, 0] / total if total > 0.0 else 0.0
