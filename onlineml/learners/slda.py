"""Streaming linear discriminant analysis: class means and one covariance for all."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, f4, i1, i2, opened
from onlineml.kernels.one_hot import expand, meet
from onlineml.kernels.vectors import add, dot, multiply
from onlineml.kernels.votes import answer_from_logs
from onlineml.schema import wrong

_IMPOSSIBLE = -1e300  # score of a class of which nothing is known
_PRIORS = ("uniform", "observed")


class _Model(NamedTuple):
    """The state. Rows are spread out to places (see `kernels.one_hot`), `D` of them."""

    nominal: Ints
    n_values: Ints
    in_use: Ints  # (D,) whether a row has shown the place
    clock: Ints  # rows learned, rows at the last refresh, places in use
    totals: Array  # weight of all rows, ridge
    class_weight: Array  # (C,)
    n: Array  # (C, F) weight of the rows that show the feature
    mean: Array  # (C, D)
    weights: Array  # (C, D) precision @ mean
    offset: Array  # (C,) half of mean @ precision @ mean
    scatter: Array  # (D, D) sum over rows of gap gap', gap from the mean of the row's class
    precision: Array  # (D, D) inverse of scatter + ridge I on the places in use, else 0


@entry
def _slda(d: int) -> int:
    mean, weights, scatter, precision, in_use = f3(d, 8), f3(d, 9), f4(d, 11), f4(d, 12), i2(d, 4)
    n_classes, room = mean.shape[0], mean.shape[2]
    n = mean.shape[1] * room
    model = _Model(
        i1(d, 2), i1(d, 3), in_use.reshape(n), i1(d, 5), f1(d, 6), f1(d, 7), f2(d, 10),
        mean.reshape((n_classes, n)), weights.reshape((n_classes, n)), f1(d, 13),
        scatter.reshape((n, n)), precision.reshape((n, n)),
    )  # fmt: skip
    return _rows(opened(d), f1(d, 0), i1(d, 1), room, model)


@jit
def _rows(call: Call, settings: Array, seen: Ints, room: int, model: _Model) -> int:
    n = model.mean.shape[1]
    z, gaps, product = np.empty(n), np.empty(n), np.empty(n)
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            expand(x, model.nominal, room, model.n_values, z)
            _score(model, settings, z, seen[0], call.out[i])
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            seen[0] = max(seen[0], c + 1)
            if w > 0.0:
                meet(x, model.nominal, room, model.n_values)
                expand(x, model.nominal, room, model.n_values, z)
                _move_mean(model, room, z, c, w, gaps)
                if not _downdate(model, gaps, product, seen[0]) or _is_due(model.clock):
                    _refresh(model, settings[0], seen[0])
                else:
                    _weigh(model, c)
    return call.last


# ------------------------------------------------------------------------------- answers


@jit
def _score(model: _Model, settings: Array, z: Array, n_classes: int, scores: Array) -> None:
    """Log densities of the classes at `z`, up to a term that they share."""
    n_missing = 0
    for p in range(z.shape[0]):
        if model.in_use[p] and np.isnan(z[p]):
            n_missing += 1
    scale = model.totals[0] / (1.0 - settings[0])
    if n_missing > 0:
        _score_without(model, z, n_missing, n_classes, scores)
    for c in range(n_classes):
        if n_missing == 0:
            scores[1 + c] = -model.offset[c]
            for p in range(z.shape[0]):
                if model.in_use[p] and not np.isnan(z[p]):
                    scores[1 + c] += model.weights[c, p] * z[p]
        scores[1 + c] *= scale
        if model.class_weight[c] == 0.0:
            scores[1 + c] = _IMPOSSIBLE
        elif settings[1] > 0.0:
            scores[1 + c] += np.log(model.class_weight[c])


@jit
def _score_without(model: _Model, z: Array, m: int, n_classes: int, scores: Array) -> None:
    """Scores on the places that are left: the others at their best for each class.

    The inverse of a block of the covariance, by the precision that is at hand (Schur complement).
    """
    missing, block, trace, a = np.empty(m, np.int64), np.empty((m, m)), 0.0, 0
    for p in range(z.shape[0]):
        if model.in_use[p]:
            trace += model.scatter[p, p] + model.totals[1]
            if np.isnan(z[p]):
                missing[a] = p
                a += 1
    for a in range(m):
        for b in range(m):
            block[a, b] = model.precision[missing[a], missing[b]]
    _invert(block, m, 1.0 / trace)
    gaps, product = np.empty(z.shape[0]), np.empty(z.shape[0])
    for c in range(n_classes):
        for p in range(z.shape[0]):
            gaps[p] = 0.0 if np.isnan(z[p]) or not model.in_use[p] else z[p] - model.mean[c, p]
        multiply(model.precision, gaps, product)
        square = dot(gaps, product)
        for a in range(m):
            for b in range(m):
                square -= product[missing[a]] * block[a, b] * product[missing[b]]
        scores[1 + c] = -0.5 * square


# ------------------------------------------------------------------------------- learning


@jit
def _move_mean(model: _Model, room: int, z: Array, c: int, w: float, gaps: Array) -> None:
    """Learn the mean of class `c`; the row adds the square of `gaps` to the scatter."""
    model.totals[0] += w
    model.class_weight[c] += w
    model.clock[0] += 1
    for j in range(model.nominal.shape[0]):
        before = model.n[c, j]
        if not np.isnan(z[j * room]):
            model.n[c, j] += w
        for p in range(j * room, (j + 1) * room):
            gaps[p] = 0.0
            if np.isnan(z[p]):
                continue
            if not model.in_use[p]:  # apart from all other places until now
                model.in_use[p] = 1
                model.clock[2] += 1
                model.precision[p, p] = 1.0 / model.totals[1] if model.totals[1] > 0.0 else 0.0
            gap = z[p] - model.mean[c, p]
            model.mean[c, p] += w / model.n[c, j] * gap
            gaps[p] = np.sqrt(w * before / model.n[c, j]) * gap


@jit
def _downdate(model: _Model, gaps: Array, product: Array, n_classes: int) -> bool:
    """Add the square of `gaps` to the scatter, follow with its inverse; False where it cannot.

    Sherman and Morrison: (A + g g')^-1 = A^-1 - A^-1 g g' A^-1 / (1 + g' A^-1 g).
    """
    multiply(model.precision, gaps, product)
    square = dot(gaps, product)
    for p in range(gaps.shape[0]):
        if gaps[p] != 0.0:
            add(model.scatter[p], gaps[p], gaps)
    if not square >= 0.0:  # lost to rounding, after a wild row
        return False
    if square > 0.0:
        for p in range(gaps.shape[0]):
            if product[p] != 0.0:
                add(model.precision[p], -product[p] / (1.0 + square), product)
        for c in range(n_classes):
            share = dot(product, model.mean[c]) / (1.0 + square)
            add(model.weights[c], -share, product)
            model.offset[c] = 0.5 * dot(model.mean[c], model.weights[c])
    return True


@jit
def _is_due(clock: Ints) -> bool:
    """A refresh at rows 1, 2, 4, ..., then after as many rows as there are places."""
    return bool(clock[0] - clock[1] >= max(1, min(clock[1], clock[2])))


@jit
def _refresh(model: _Model, shrinkage: float, n_classes: int) -> None:
    """Invert anew: the ridge grows with the rows, and rounding errors go."""
    model.clock[1] = model.clock[0]
    model.totals[1] = ridge = shrinkage / (1.0 - shrinkage) * model.totals[0]
    n, a = model.clock[2], 0
    places, inverse = np.empty(n, np.int64), np.empty((n, n))
    for p in range(model.in_use.shape[0]):
        if model.in_use[p]:
            places[a] = p
            a += 1
    for a in range(n):
        for b in range(n):
            inverse[a, b] = model.scatter[places[a], places[b]]
        inverse[a, a] += ridge
    _invert(inverse, n, ridge)
    for a in range(n):
        for b in range(n):
            model.precision[places[a], places[b]] = inverse[a, b]
    for c in range(n_classes):
        _weigh(model, c)


@jit
def _weigh(model: _Model, c: int) -> None:
    multiply(model.precision, model.mean[c], model.weights[c])
    model.offset[c] = 0.5 * dot(model.mean[c], model.weights[c])


# ------------------------------------------------------------------------------- matrices


@jit
def _invert(a: Array, n: int, floor: float) -> None:
    """Invert a symmetric matrix in place whose eigenvalues are known to be at least `floor`.

    Gauss and Jordan without exchanges. Every pivot is an eigenvalue bound of a Schur complement, so
    one below `floor` is a rounding error, and is lifted.
    """
    row = np.empty(n)
    for k in range(n):
        pivot = max(a[k, k], floor)
        a[k, k] = 1.0
        for i in range(n):
            row[i] = a[k, i] / pivot
            a[k, i] = row[i]
        for i in range(n):
            if i != k and a[i, k] != 0.0:
                factor = a[i, k]
                a[i, k] = 0.0
                add(a[i], -factor, row)


class SLDA(Classifier):
    """Gaussian classes with means of their own and one covariance: a linear score for each class.

    Means and covariance are sums over the rows, so that nothing is forgotten and the order of the
    classes does not matter: one after another is as good as mixed. Time per event is
    O(n_classes * n_features) to predict and O(n_features^2 + n_classes * n_features) to fit;
    memory is O(n_features^2 + n_classes * n_features). A nominal feature counts as its one-hot
    encoding. Numeric features should be of similar scale (put `StandardScaler` before).

    Parameters
    ----------
    shrinkage
        The covariance is (1 - shrinkage) times the estimate plus shrinkage times the identity.
    prior
        "uniform": all classes are equally probable before the row is seen; "observed": as
        probable as they have been frequent.

    Examples
    --------
    >>> from onlineml.learners import SLDA
    >>> model = SLDA()
    >>> rows = [[0.0, 0.1], [1.0, 1.2], [2.0, 1.9], [0.0, 1.1], [1.0, 1.9], [2.0, 3.0]]
    >>> model.fit_many(rows, ["low"] * 3 + ["high"] * 3).predict_one([3.0, 4.0])
    'high'

    Notes
    -----
    The inverse of the covariance follows each row exactly (Sherman and Morrison), so predictions
    are never stale. Only the ridge waits: the shrinkage of an estimate over n rows is a ridge of
    shrinkage / (1 - shrinkage) * n on the sum of squares, and n is taken at the last refresh, where
    the inverse is computed anew: after rows 1, 2, 4, 8, ..., then every time as many rows have
    come as there are features (one-hot), by count and so whatever the chunks.

    Departures from [1]_: the covariance is the pooled one within classes, where the paper
    weights a row by all rows before it, not those of its class; no base initialization;
    weights, missing and nominal values. A value missing when learning counts as the mean of its
    class; when predicting, the density is that of the other features. A feature that a class has
    never shown has mean 0 in it. Values beyond 1e50 count as missing.

    References
    ----------
    .. [1] Hayes, Kanan (2020), Lifelong machine learning with deep streaming linear discriminant
       analysis, CVPR workshops. Section 3, equations 1 to 3. arXiv:1909.01520
    """

    _kernel = _slda
    _keeps = "has a ridge from the row of its last refresh"
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("in_use_", ("F", "V"), np.int64),
        Field("clock_", (3,), np.int64),
        Field("totals_", (2,)),
        Field("class_weight_", ("C",)),
        Field("mean_", ("C", "F", "V")),
        Field("weights_", ("C", "F", "V")),
        Field("n_", ("C", "F")),
        Field("scatter_", ("F", "V", "F", "V")),
        Field("precision_", ("F", "V", "F", "V")),
        Field("offset_", ("C",)),
    )

    def __init__(
        self, *, shrinkage: float = 1e-4, prior: Literal["uniform", "observed"] = "uniform"
    ) -> None:
        self.shrinkage = shrinkage
        self.prior = prior

    def _check(self) -> None:
        if not 0.0 < self.shrinkage < 1.0:
            raise wrong("shrinkage", self.shrinkage, "a number between 0 and 1")
        if self.prior not in _PRIORS:
            raise wrong("prior", self.prior, f"one of {list(_PRIORS)}")

    def _settings(self) -> tuple[float, ...]:
        return (float(self.shrinkage), float(_PRIORS.index(self.prior)))
