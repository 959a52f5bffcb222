"""Streaming linear discriminant analysis: class means and one covariance for all."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, f4, i1, i2, keep_row, opened
from onlineml.kernels.one_hot import expand, meet
from onlineml.kernels.taking_back import lacks, note_loss, rest
from onlineml.kernels.vectors import add, dot, multiply
from onlineml.kernels.votes import answer_from_logs
from onlineml.receipt import Receipt
from onlineml.schema import wrong

_IMPOSSIBLE = -1e300  # score of a class of which nothing is known
_PRIORS = ("uniform", "observed")
# Of the totals: weight of all rows, ridge, how much directions have shrunk since the last refresh,
# and whether a row has missed what others of its class show.
_WEIGHT, _RIDGE, _SHRUNK, _GAPS = range(4)
_CHANGES, _REFRESHED, _IN_USE = range(3)  # of the clock
_PATIENCE = 16  # changes a place from one refresh to the next
_LEAST = 1e-2  # share to which directions may shrink until the inverse is made anew
_TOLERANCE = 1e-9  # relative: what may be rounding


class _Model(NamedTuple):
    """The state. Rows are spread out to places (see `kernels.one_hot`), `D` of them."""

    nominal: Ints
    n_values: Ints
    in_use: Ints  # (D,) whether a row shows the place
    shown: Array  # (D,) weight of the rows with this value, or with any of a numeric feature
    clock: Ints
    totals: Array
    class_weight: Array  # (C,)
    n: Array  # (C, F) weight of the rows that show the feature
    mean: Array  # (C, D)
    weights: Array  # (C, D) precision @ mean
    offset: Array  # (C,) half of mean @ precision @ mean
    scatter: Array  # (D, D) sum over rows of gap gap', gap from the mean of the row's class
    precision: Array  # (D, D) inverse of scatter + ridge I on the places in use, else 0


@entry
def _slda(d: int) -> int:
    mean, weights, scatter, precision, in_use = f3(d, 9), f3(d, 10), f4(d, 12), f4(d, 13), i2(d, 4)
    n_classes, room = mean.shape[0], mean.shape[2]
    n = mean.shape[1] * room
    model = _Model(
        i1(d, 2), i1(d, 3), in_use.reshape(n), f2(d, 5).reshape(n), i1(d, 6), f1(d, 7), f1(d, 8),
        f2(d, 11), mean.reshape((n_classes, n)), weights.reshape((n_classes, n)), f1(d, 14),
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
                _count(model, room, x, z, c, w)
                _move_mean(model, room, z, c, w, gaps)
                _follow(model, settings[0], seen[0], c, gaps, product, 1.0)
            elif w < 0.0 and not _take_back(
                model, settings[0], seen[0], room, x, c, w, z, gaps, product, call.out[i]
            ):
                return i
        keep_row(call, i)
    return call.last


# ------------------------------------------------------------------------------- answers


@jit
def _score(model: _Model, settings: Array, z: Array, n_classes: int, scores: Array) -> None:
    """Log densities of the classes at `z`, up to a term that they share."""
    n_missing = 0
    for p in range(z.shape[0]):
        if model.in_use[p] and np.isnan(z[p]):
            n_missing += 1
    scale = model.totals[_WEIGHT] / (1.0 - settings[0])
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
            trace += model.scatter[p, p] + model.totals[_RIDGE]
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
def _count(model: _Model, room: int, x: Array, z: Array, c: int, w: float) -> None:
    """Note which places the row shows, and whether it misses what others of its class show."""
    for j in range(model.nominal.shape[0]):
        there = not np.isnan(z[j * room])
        if model.n[c, j] != (model.class_weight[c] if there else 0.0):
            model.totals[_GAPS] = 1.0
        if there:
            model.shown[j * room + (int(x[j]) if model.nominal[j] else 0)] += w


@jit
def _move_mean(model: _Model, room: int, z: Array, c: int, w: float, gaps: Array) -> None:
    """Learn the mean of class `c`; the row adds the square of `gaps` to the scatter."""
    model.totals[_WEIGHT] += w
    model.class_weight[c] += w
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
                model.clock[_IN_USE] += 1
                ridge = model.totals[_RIDGE]
                model.precision[p, p] = 1.0 / ridge if ridge > 0.0 else 0.0
            gap = z[p] - model.mean[c, p]
            model.mean[c, p] += w / model.n[c, j] * gap
            gaps[p] = np.sqrt(w * before / model.n[c, j]) * gap


@jit
def _follow(
    model: _Model, shrinkage: float, n_classes: int, c: int, gaps: Array, product: Array,
    sign: float,
) -> None:  # fmt: skip
    """Add `sign` times the square of `gaps` to the scatter, and follow with its inverse.

    Sherman and Morrison: (A + g g')^-1 = A^-1 - A^-1 g g' A^-1 / (1 + g' A^-1 g).
    """
    model.clock[_CHANGES] += 1
    left = _left(model, gaps, product, sign)
    for p in range(gaps.shape[0]):
        if gaps[p] != 0.0:
            add(model.scatter[p], sign * gaps[p], gaps)
            model.scatter[p, p] = max(model.scatter[p, p], 0.0)
    age = model.clock[_CHANGES] - model.clock[_REFRESHED]
    wild = not (left >= 1.0 if sign > 0.0 else left * model.totals[_SHRUNK] > _LEAST)
    due = age >= _PATIENCE * model.clock[_IN_USE]
    if wild or due or model.totals[_RIDGE] != _ridge(model, shrinkage):
        _refresh(model, shrinkage, n_classes)
        return
    model.totals[_SHRUNK] *= min(left, 1.0)
    for p in range(gaps.shape[0]):
        if product[p] != 0.0:
            add(model.precision[p], -sign * product[p] / left, product)
    for k in range(n_classes):
        if k != c:
            share = sign * dot(product, model.mean[k]) / left
            add(model.weights[k], -share, product)
            model.offset[k] = 0.5 * dot(model.mean[k], model.weights[k])
    _weigh(model, c)


@jit
def _left(model: _Model, gaps: Array, product: Array, sign: float) -> float:
    """What the square of `gaps` makes of its direction, as a factor."""
    multiply(model.precision, gaps, product)
    return 1.0 + sign * dot(gaps, product)


@jit
def _ridge(model: _Model, shrinkage: float) -> float:
    """The ridge that is due: of the weight of the rows, rounded down to 4, 5, 6 or 7 * 2^k.

    It says nothing of the order in which they came, and seldom changes.
    """
    weight, power = math.frexp(model.totals[_WEIGHT] * (1.0 + _TOLERANCE))
    return float(shrinkage / (1.0 - shrinkage) * math.ldexp(math.floor(8.0 * weight), power - 3))


@jit
def _refresh(model: _Model, shrinkage: float, n_classes: int) -> None:
    """Invert anew: the ridge grows with the rows, and rounding errors go."""
    model.clock[_REFRESHED] = model.clock[_CHANGES]
    model.totals[_SHRUNK], model.totals[_RIDGE] = 1.0, _ridge(model, shrinkage)
    ridge, n, a = model.totals[_RIDGE], model.clock[_IN_USE], 0
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


# ------------------------------------------------------------------------------- forgetting


@jit
def _take_back(
    model: _Model, shrinkage: float, n_classes: int, room: int, x: Array, c: int, w: float,
    z: Array, gaps: Array, product: Array, loss: Array,
) -> bool:  # fmt: skip
    """Take a row of weight `-w` out of the sums; False where they do not hold it."""
    expand(x, model.nominal, room, model.n_values, z)
    if not _holds(model, room, x, z, c, w):
        return False
    _step_back(model, room, z, c, w, gaps)
    for p in range(z.shape[0]):
        square = model.scatter[p, p]
        if square - gaps[p] * gaps[p] < -_TOLERANCE * (square + model.totals[_RIDGE]):
            return False
    if _left(model, gaps, product, -1.0) * model.totals[_SHRUNK] <= _LEAST:
        _refresh(model, shrinkage, n_classes)  # is it rounding?
        if _left(model, gaps, product, -1.0) <= -_TOLERANCE:
            return False
    emptied = _uncount(model, room, x, z, c, w, gaps)
    if model.totals[_WEIGHT] == 0.0:
        model.scatter[:] = 0.0
        model.totals[_GAPS] = 0.0
        _refresh(model, shrinkage, n_classes)
        return True
    _follow(model, shrinkage, n_classes, c, gaps, product, -1.0)
    if emptied:
        _refresh(model, shrinkage, n_classes)
    _note_losses(model, gaps, loss)
    return True


@jit
def _holds(model: _Model, room: int, x: Array, z: Array, c: int, w: float) -> bool:
    """Whether class `c` has the weight, and its features show the values."""
    if lacks(model.class_weight[c], w):
        return False
    for j in range(model.nominal.shape[0]):
        if not np.isnan(z[j * room]):
            p = j * room + (int(x[j]) if model.nominal[j] else 0)
            if lacks(model.n[c, j], w) or lacks(model.shown[p], w):
                return False
        elif model.nominal[j] and 0.0 <= x[j] < room:  # a value that no row shows
            return False
    return True


@jit
def _step_back(model: _Model, room: int, z: Array, c: int, w: float, gaps: Array) -> None:
    """Write to `gaps` what the row has added to the scatter: `_move_mean` read backwards."""
    for j in range(model.nominal.shape[0]):
        before = model.n[c, j]
        left = rest(before, w)
        factor = np.sqrt(-w * before / left) if left > 0.0 else 0.0
        for p in range(j * room, (j + 1) * room):
            gaps[p] = 0.0 if np.isnan(z[p]) else factor * (z[p] - model.mean[c, p])


@jit
def _uncount(
    model: _Model, room: int, x: Array, z: Array, c: int, w: float, gaps: Array
) -> bool:  # fmt: skip
    """Take the row out of means and weights; whether some place is shown by no row any more."""
    model.totals[_WEIGHT] = rest(model.totals[_WEIGHT], w)
    model.class_weight[c] = rest(model.class_weight[c], w)
    emptied = False
    for j in range(model.nominal.shape[0]):
        if np.isnan(z[j * room]):
            continue
        left = model.n[c, j] = rest(model.n[c, j], w)
        for p in range(j * room, (j + 1) * room):
            if not np.isnan(z[p]):
                gap = z[p] - model.mean[c, p]
                model.mean[c, p] = model.mean[c, p] + w / left * gap if left > 0.0 else 0.0
        p = j * room + (int(x[j]) if model.nominal[j] else 0)
        model.shown[p] = rest(model.shown[p], w)
        if model.shown[p] == 0.0:
            emptied = _leave(model, room, j, gaps) or emptied
    return emptied


@jit
def _leave(model: _Model, room: int, j: int, gaps: Array) -> bool:
    """Let go of the last places of feature `j` that no row shows; whether there are any."""
    due = room
    while due > 0 and model.shown[j * room + due - 1] == 0.0:
        due -= 1
    model.n_values[j] = min(model.n_values[j], due)
    left = False
    for p in range(j * room + due, (j + 1) * room):
        if model.in_use[p]:
            model.in_use[p], gaps[p], left = 0, 0.0, True
            model.clock[_IN_USE] -= 1
            model.scatter[p] = model.scatter[:, p] = 0.0
            model.precision[p] = model.precision[:, p] = 0.0
            model.mean[:, p] = model.weights[:, p] = 0.0
    return left


@jit
def _note_losses(model: _Model, gaps: Array, loss: Array) -> None:
    """By what rounding errors have grown: squares before, over what others do not say of them."""
    if model.totals[_GAPS] > 0.0:
        loss[0] = np.inf
    for p in range(gaps.shape[0]):
        if model.in_use[p]:
            before = model.scatter[p, p] + gaps[p] * gaps[p] + model.totals[_RIDGE]
            note_loss(loss, model.totals[_WEIGHT], before * model.precision[p, p], 1.0)


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

    Raises
    ------
    ValueError
        At the first event, unless 0 < `shrinkage` < 1 and `prior` is "uniform" or "observed".

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
    shrinkage / (1 - shrinkage) * n on the sum of squares, and n is rounded down to 4, 5, 6 or 7
    times a power of 2. The inverse is computed anew when the ridge changes, every 16 rows a feature
    (one-hot), and where rows taken back have left less than a hundredth of a direction.

    Rows are taken back exactly (`unlearn_one`), as all that is kept are sums that know no order. It
    is no more than approximate, and the receipt says so, once a row of a class has missed a value
    that others of the class show: its products are of gaps from the means of its time.

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
    _takes_back = True
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("in_use_", ("F", "V"), np.int64),
        Field("shown_", ("F", "V")),
        Field("clock_", (3,), np.int64),
        Field("totals_", (4,)),
        Field("class_weight_", ("C",)),
        Field("mean_", ("C", "F", "V")),
        Field("weights_", ("C", "F", "V")),
        Field("n_", ("C", "F")),
        Field("scatter_", ("F", "V", "F", "V")),
        Field("precision_", ("F", "V", "F", "V")),
        Field("offset_", ("C",)),
    )

    totals_: Array

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

    def _take_back(self, target: float, weight: float) -> Receipt:
        receipt = super()._take_back(target, weight)
        if receipt.kind == "approximate" and self.totals_[_GAPS]:
            return receipt._replace(reason="rows that miss values count by what came before them")
        return receipt
