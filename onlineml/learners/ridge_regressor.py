"""Ridge regression: the exact least-squares line through all rows, and without those taken back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, jit, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f4, i1, opened, scratch
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.taking_back import lacks, note_loss, rest
from onlineml.kernels.vectors import add, dot, multiply
from onlineml.schema import wrong

_L2, _INTERCEPT = range(2)  # of the settings
# Of the totals: weight of the rows, mean target, intercept, and how much directions have shrunk
# since the last inversion: rounding errors of the inverse grow as much.
_N, _TARGET, _BASE, _SHRUNK = range(4)
_LEAST = 1e-2  # share to which directions may shrink until the inverse is made anew
_MOST = 1e3  # times that a row may widen its direction: the errors of a narrow one then show
_TOLERANCE = 1e-9  # relative: what may be rounding
_PATIENCE = 16  # changes a place from one inversion to the next


class _Line(NamedTuple):
    """The state; a row is spread out to `D` places, as one-hot encoding does, missing values 0."""

    totals: Array
    clock: Ints  # changes, changes at the last inversion
    mean: Array  # (D,)
    product: Array  # (D,) sum over rows of gap * (target - mean target), gap from the mean row
    weights: Array  # (D,)
    scatter: Array  # (D, D) sum over rows of gap gap'; above the diagonal not kept
    precision: Array  # (D, D) inverse of scatter + l2 * I


@entry
def _ridge_regressor(d: int) -> int:
    mean, scatter, precision = f2(d, 4), f4(d, 7), f4(d, 8)
    n = mean.shape[0] * mean.shape[1]
    line = _Line(
        f1(d, 2), i1(d, 3), mean.reshape(n), f2(d, 5).reshape(n), f2(d, 6).reshape(n),
        scatter.reshape((n, n)), precision.reshape((n, n)),
    )  # fmt: skip
    return _rows(opened(d), scratch(d)[0], f1(d, 0), i1(d, 1), mean.shape[1], line)


@lean
def _rows(
    call: Call, room_to_write: Array, settings: Array, nominal: Ints, room: int, line: _Line
) -> int:
    n = line.mean.shape[0]
    z, turned = room_to_write[:n], room_to_write[n : 2 * n]
    for i in range(call.first, call.last):
        w = call.weight[i] if call.fit else 0.0
        _place(call.X[i], nominal, room, z)
        if call.serve:
            call.out[i, 0] = line.totals[_BASE] + dot(line.weights, z)
        if w < 0.0:
            if not _take_back(line, settings, z, call.y[i], w, turned, call.out[i]):
                return i
        elif w > 0.0:
            _learn(line, settings, z, call.y[i], w, turned)
    return call.last


@lean
def _place(x: Array, nominal: Ints, room: int, z: Array) -> None:
    for j in range(x.shape[0]):
        for p in range(j * room, (j + 1) * room):
            z[p] = 0.0
        if not abs(x[j]) <= LARGEST:
            continue
        if nominal[j] == 0:
            z[j * room] = x[j]
        elif 0.0 <= x[j] < room:
            z[j * room + int(x[j])] = 1.0


@lean
def _learn(line: _Line, settings: Array, z: Array, y: float, w: float, turned: Array) -> None:
    totals, factor = line.totals, w
    before = totals[_N]
    totals[_N] += w
    target = y - totals[_TARGET]
    if settings[_INTERCEPT] > 0.0:
        share = w / totals[_N]
        factor = share * before
        for p in range(z.shape[0]):
            gap = z[p] - line.mean[p]
            line.mean[p] += share * gap
            z[p] = gap
        totals[_TARGET] += share * target
    for p in range(z.shape[0]):
        if z[p] != 0.0 and line.precision[p, p] == 0.0:  # the same in all rows until now
            line.precision[p, p] = 1.0 / settings[_L2]
    left = _left(line, z, factor, turned)
    _change(line, settings, z, target, factor, left if 0.0 < left < _MOST else 0.0, turned)


@lean
def _step_back(line: _Line, settings: Array, z: Array, w: float) -> tuple[float, float]:
    """Turn `z` into its gap from the mean of the other rows; factor of its square, share of mean.

    What adding the row to the others did, read backwards.
    """
    if settings[_INTERCEPT] == 0.0:
        return w, 0.0
    left = rest(line.totals[_N], w)
    if left == 0.0:
        z[:] = 0.0
        return 0.0, 0.0
    share = w / left
    for p in range(z.shape[0]):
        z[p] = (z[p] - line.mean[p]) * (1.0 - share)
    return w * left / line.totals[_N], share


@lean
def _holds(
    line: _Line, settings: Array, gaps: Array, factor: float, turned: Array
) -> tuple[bool, float]:
    """Whether the sums hold a row, and the share that is left of its direction without it.

    It would take `factor` times the square of `gaps` with it. 0 where the inverse cannot tell.
    """
    for p in range(gaps.shape[0]):
        square = line.scatter[p, p]
        if square + factor * gaps[p] * gaps[p] < -_TOLERANCE * (square + settings[_L2]):
            return False, 0.0
    left = _left(line, gaps, factor, turned)
    if left * line.totals[_SHRUNK] > _LEAST:
        return True, left
    _invert(line, settings)  # is it rounding?
    left = _left(line, gaps, factor, turned)
    return left > -_TOLERANCE, left if left > _LEAST else 0.0


@lean
def _left(line: _Line, gaps: Array, factor: float, turned: Array) -> float:
    multiply(line.precision, gaps, turned)
    return 1.0 + factor * dot(gaps, turned)


@lean
def _take_back(
    line: _Line, settings: Array, z: Array, y: float, w: float, turned: Array, loss: Array
) -> bool:
    """Take a row out of the sums; False where they do not hold it, and nothing is done."""
    totals = line.totals
    if lacks(totals[_N], w):
        return False
    rows, target = rest(totals[_N], w), y - totals[_TARGET]
    factor, share = _step_back(line, settings, z, w)
    held, left = _holds(line, settings, z, factor, turned)
    if not held:
        return False
    if share != 0.0:
        for p in range(z.shape[0]):  # `z` is the gap from where the mean goes
            line.mean[p] += share / (1.0 - share) * z[p]
        totals[_TARGET] += share * target
        target *= 1.0 - share
    totals[_N] = rows
    if rows == 0.0:
        line.mean[:] = line.product[:] = line.scatter[:] = 0.0
        totals[_TARGET] = totals[_BASE] = 0.0
        _invert(line, settings)
    else:
        _change(line, settings, z, target, factor, left, turned)
        _note_loss(line, settings, z, factor, loss)
    return True


@lean
def _note_loss(line: _Line, settings: Array, gaps: Array, factor: float, loss: Array) -> None:
    """By what rounding errors of the sums have grown: squares before, over what is left of them.

    What is left of a feature's squares is what the other features do not say of it.
    """
    most = 0.0
    for p in range(gaps.shape[0]):
        before = line.scatter[p, p] - factor * gaps[p] * gaps[p] + settings[_L2]
        left = line.precision[p, p] if line.precision[p, p] > 0.0 else 1.0 / settings[_L2]
        most = max(most, before * left)
    note_loss(loss, line.totals[_N], most, 1.0)


@lean
def _change(
    line: _Line, settings: Array, gaps: Array, target: float, factor: float, left: float,
    turned: Array,
) -> None:  # fmt: skip
    """Add `factor` times the square of a row to the sums, and follow with what solves them.

    Sherman and Morrison: (A + f g g')^-1 = A^-1 - f A^-1 g g' A^-1 / left, left = 1 + f g' A^-1 g.
    """
    for p in range(gaps.shape[0]):
        if gaps[p] != 0.0:
            line.product[p] += factor * gaps[p] * target
            add(line.scatter[p, : p + 1], factor * gaps[p], gaps)
            line.scatter[p, p] = max(line.scatter[p, p], 0.0)
    line.clock[0] += 1
    age, patience = line.clock[0] - line.clock[1], _PATIENCE * gaps.shape[0]
    if left == 0.0 or age >= max(1, min(line.clock[1], patience)):
        _invert(line, settings)
    else:
        line.totals[_SHRUNK] *= min(left, 1.0)
        error = target - dot(line.weights, gaps)
        for p in range(gaps.shape[0]):
            if turned[p] != 0.0:
                add(line.precision[p], -factor * turned[p] / left, turned)
        add(line.weights, factor * error / left, turned)
    if settings[_INTERCEPT] > 0.0:
        line.totals[_BASE] = line.totals[_TARGET] - dot(line.weights, line.mean)


@jit
def _invert(line: _Line, settings: Array) -> None:
    """Solve the sums anew: what has piled up of rounding errors goes.

    Gauss and Jordan without exchanges; a pivot below the ridge is a rounding error, and is lifted.
    Places where all rows are alike have no inverse until one differs.
    """
    a, n = line.precision, line.mean.shape[0]
    line.clock[1], line.totals[_SHRUNK] = line.clock[0], 1.0
    for p in range(n):
        for q in range(p + 1):
            a[p, q] = a[q, p] = line.scatter[p, q]
        a[p, p] += settings[_L2]
    for k in range(n):
        if line.scatter[k, k] == 0.0:  # no row differs there
            a[k] = a[:, k] = 0.0
            continue
        pivot = max(a[k, k], settings[_L2])
        a[k, k] = 1.0
        for p in range(n):
            a[k, p] /= pivot
        for p in range(n):
            if p != k and a[p, k] != 0.0:
                share = a[p, k]
                a[p, k] = 0.0
                add(a[p], -share, a[k])
    multiply(a, line.product, line.weights)


class RidgeRegressor(Regressor):
    """The linear function with the least squared errors on all rows so far, plus a ridge.

    What batch ridge regression of the same rows gives, after every row (recursive least squares):
    no learning rate, and no order that matters. Rows can be taken back exactly (`unlearn_one`):
    what is left is the solution for the others. Time per event is O(n_features) to predict and
    O(n_features^2) to fit or to take back, memory O(n_features^2); a nominal feature counts
    as its one-hot encoding.

    Parameters
    ----------
    l2
        Weight of the squared length of the weights beside the sum of the squared errors.
    intercept
        Whether there is one; it is free of the ridge.

    Raises
    ------
    ValueError
        At the first event, unless `l2` > 0.

    Examples
    --------
    >>> from onlineml.learners import RidgeRegressor
    >>> model = RidgeRegressor(l2=1e-6).fit_many([[0.0], [1.0], [2.0]], [1.0, 3.0, 8.0])
    >>> model.unlearn_one([2.0], 8.0).kind
    'exact'
    >>> round(model.predict_one([2.0]), 3)
    5.0

    Notes
    -----
    Sums are of deviations from the mean row, so that offsets cost no digits. The inverse follows
    each row by Sherman and Morrison, and is made anew from the sums after rows 1, 2, 4, ..., then
    every 16 rows a feature, where a row widens its direction a thousandfold, as the first do with a
    small ridge, and where rows taken back have left less than a hundredth of the directions
    that they lie in, as they do where few are left. Missing values count as 0 and so
    do those beyond 1e50: put `MeanImputer` before where 0 is far from the mean.

    References
    ----------
    .. [1] Plackett (1950), Some theorems in least squares, Biometrika 37, 149-157. Section 4.
    .. [2] Hoerl, Kennard (1970), Ridge regression, Technometrics 12(1), 55-67. Equation 2.1.
    """

    _kernel = _ridge_regressor
    _takes_back = True
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("totals_", (4,)),
        Field("clock_", (2,), np.int64),
        Field("mean_", ("F", "V")),
        Field("product_", ("F", "V")),
        Field("weights_", ("F", "V")),
        Field("scatter_", ("F", "V", "F", "V")),
        Field("precision_", ("F", "V", "F", "V")),
    )

    mean_: Array

    def __init__(self, *, l2: float = 1.0, intercept: bool = True) -> None:
        self.l2 = l2
        self.intercept = intercept

    def _check(self) -> None:
        if not 0.0 < self.l2 < np.inf:
            raise wrong("l2", self.l2, "a number > 0")

    def _settings(self) -> tuple[float, ...]:
        return float(self.l2), float(self.intercept)

    def _n_scratch(self) -> int:
        return 2 * int(self.mean_.size)
