"""Naive Bayes over Gaussian and nominal features."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, inlined, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, keep_row, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.taking_back import lacks, note_loss, rest, without
from onlineml.kernels.votes import answer_from_logs
from onlineml.schema import wrong

_IMPOSSIBLE = -690.0  # log of a density that is taken for 0
_STALE = 2  # marks a class, until the call ends, whose summary is to be made
_NO_CLASS = -1e300  # score of a class without rows
_FARTHEST = -1e80  # log of a density below which a value may be none that counts
_LOG_2PI = float(np.log(2.0 * np.pi))


@entry
def _gaussian_nb(d: int) -> int:
    return _rows(
        opened(d), f1(d, 0)[0], i1(d, 1), i1(d, 2), i1(d, 3), f1(d, 4), f1(d, 5), i1(d, 6),
        f2(d, 7), f2(d, 8), f2(d, 9), f2(d, 10), f3(d, 11),
    )  # fmt: skip


@lean
def _rows(
    call: Call, floor: float, seen: Ints, nominal: Ints, n_values: Ints, weight: Array,
    base: Array, simple: Ints, n: Array, mean: Array, m2: Array, half_precision: Array,
    counts: Array,
) -> int:  # fmt: skip
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            scores = call.out[i]
            _score(
                x, floor, seen, nominal, n_values, weight, base, simple, n, mean, m2,
                half_precision, counts, scores,
            )  # fmt: skip
            answer_from_logs(scores, seen[0], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            if w < 0.0 and not _holds(x, w, nominal, weight[c], n[c], counts[c]):
                _catch_up(floor, seen, nominal, weight, base, simple, n, m2, half_precision)
                return i
            seen[0] = max(seen[0], c + 1)
            if w != 0.0:
                weight[c] = weight[c] + w if w > 0.0 else rest(weight[c], w)
                _change(x, w, c, nominal, n_values, n[c], mean[c], m2[c], counts, call.out, i)
                simple[c] = _STALE
                if call.serve:  # a row that is only learned need not be summed up yet
                    base[c], simple[c] = _summarize(
                        weight[c], floor, nominal, n[c], m2[c], half_precision[c]
                    )
        keep_row(call, i)
    _catch_up(floor, seen, nominal, weight, base, simple, n, m2, half_precision)
    return call.last


@inlined
def _score(
    x: Array, floor: float, seen: Ints, nominal: Ints, n_values: Ints, weight: Array, base: Array,
    simple: Ints, n: Array, mean: Array, m2: Array, half_precision: Array, counts: Array,
    scores: Array,
) -> None:  # fmt: skip
    """Log of the joint density with each class to `scores[1:]`."""
    for c in range(seen[0]):
        if simple[c]:
            scores[1 + c] = _log_density(x, base[c], mean[c], half_precision[c])
        else:
            scores[1 + c] = 0.0
        if weight[c] == 0.0:
            scores[1 + c] = _NO_CLASS
        elif not simple[c] or not scores[1 + c] >= _FARTHEST:  # NaN too
            scores[1 + c] = np.log(weight[c]) + _careful_log_density(
                x, floor, nominal, n_values, n[c], mean[c], m2[c], counts[c]
            )


@lean
def _catch_up(
    floor: float, seen: Ints, nominal: Ints, weight: Array, base: Array, simple: Ints, n: Array,
    m2: Array, half_precision: Array,
) -> None:  # fmt: skip
    """Summarize the classes that have learned since they were last summarized."""
    for c in range(seen[0]):
        if simple[c] == _STALE:
            base[c], simple[c] = _summarize(
                weight[c], floor, nominal, n[c], m2[c], half_precision[c]
            )


@lean
def _log_density(x: Array, base: float, mean: Array, half_precision: Array) -> float:
    """All features present, numeric and of positive variance: no logarithm left to take."""
    total = base
    for j in range(x.shape[0]):
        gap = x[j] - mean[j]
        total -= gap * gap * half_precision[j]
    return total


@lean
def _careful_log_density(
    x: Array, floor: float, nominal: Ints, n_values: Ints, n: Array, mean: Array, m2: Array,
    counts: Array,
) -> float:  # fmt: skip
    total = 0.0
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST or (nominal[j] and not 0.0 <= x[j] < n_values[j]):
            continue
        if n[j] == 0.0:
            total += _IMPOSSIBLE
        elif nominal[j]:
            total += np.log((counts[j, int(x[j])] + 1.0) / (n[j] + n_values[j]))
        else:
            variance, gap = _variance(n[j], m2[j]), x[j] - mean[j]
            if variance > floor:
                total -= gap * gap * 0.5 / variance + 0.5 * (np.log(variance) + _LOG_2PI)
            elif gap * gap > floor:
                total += _IMPOSSIBLE
    return total


@lean
def _variance(n: float, m2: float) -> float:
    return m2 / (n - 1.0) if n > 1.0 else 0.0


@inlined
def _learn(
    x: Array, w: float, nominal: Ints, n_values: Ints, n: Array, mean: Array, m2: Array,
    counts: Array,
) -> None:  # fmt: skip
    for j in range(x.shape[0]):
        value = x[j]
        if not abs(value) <= LARGEST:  # NaN too
            continue
        if nominal[j]:
            code = int(value)
            if 0 <= code < counts.shape[1]:
                n_values[j] = max(n_values[j], code + 1)
                counts[j, code] += w
                n[j] += w
        else:
            total, gap = n[j] + w, value - mean[j]
            middle = mean[j] + w * gap / total
            m2[j] += w * gap * (value - middle)
            n[j], mean[j] = total, middle


@lean
def _holds(
    x: Array, w: float, nominal: Ints, weight: float, n: Array, counts: Array
) -> bool:  # fmt: skip
    """Whether the class holds a row of weight `-w`, which is to be taken back."""
    if lacks(weight, w):
        return False
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:  # NaN too
            continue
        if nominal[j]:
            value = int(x[j])
            if not 0 <= value < counts.shape[1] or lacks(counts[j, value], w):
                return False
        elif lacks(n[j], w):
            return False
    return True


@lean
def _take_back(
    x: Array, w: float, c: int, nominal: Ints, n_values: Ints, n: Array, mean: Array, m2: Array,
    counts: Array, loss: Array,
) -> None:  # fmt: skip
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:  # NaN too
            continue
        if nominal[j]:
            counts[c, j, int(x[j])] = rest(counts[c, j, int(x[j])], w)
            n[j] = rest(n[j], w)
            while n_values[j] > 0 and _total(counts, j, n_values[j] - 1) == 0.0:
                n_values[j] -= 1
        else:
            before = m2[j]
            n[j], mean[j], m2[j] = without(x[j], w, n[j], mean[j], m2[j])
            note_loss(loss, n[j], before, m2[j])


@inlined
def _change(
    x: Array, w: float, c: int, nominal: Ints, n_values: Ints, n: Array, mean: Array, m2: Array,
    counts: Array, out: Array, i: int,
) -> None:  # fmt: skip
    """Learn a row of class `c`, or take it back and say in `out[i]` what that has cost."""
    if w > 0.0:
        _learn(x, w, nominal, n_values, n, mean, m2, counts[c])
    else:
        _take_back(x, w, c, nominal, n_values, n, mean, m2, counts, out[i])


@lean
def _total(counts: Array, j: int, value: int) -> float:
    total = 0.0
    for c in range(counts.shape[0]):
        total += counts[c, j, value]
    return total


@lean
def _summarize(
    weight: float, floor: float, nominal: Ints, n: Array, m2: Array, half_precision: Array
) -> tuple[float, int]:
    """Log of prior and normalizers of one class, and whether the short formula holds for it."""
    total, product = np.log(weight), 1.0
    for j in range(n.shape[0]):
        variance = _variance(n[j], m2[j])
        if nominal[j] or variance <= floor:
            half_precision[:] = 0.0
            return 0.0, 0
        half_precision[j] = 0.5 / variance
        product *= variance
        if not 1e-100 < product < 1e100:  # one logarithm for many features
            total -= 0.5 * np.log(product)
            product = 1.0
    return total - 0.5 * (np.log(product) + n.shape[0] * _LOG_2PI), 1


class GaussianNB(Classifier):
    """Naive Bayes: a Gaussian per class and numeric feature, counts per class and nominal value.

    Time per event is O(n_classes * n_features) to predict and O(n_features) to fit; memory is
    O(n_classes * n_features * n_values). Missing values are left out of the product, and so are
    numbers beyond 1e50, of which one would spoil its class for good.

    Parameters
    ----------
    var_floor
        A variance at or below this counts as zero, in squared units of the feature: the density is
        then 1 at the mean and 0 elsewhere.

    Raises
    ------
    ValueError
        At the first event, unless `var_floor` >= 0.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> model = GaussianNB()
    >>> for x, y in [([1.0], "low"), ([2.0], "low"), ([8.0], "high"), ([9.0], "high")]:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([7.5])
    'high'

    Notes
    -----
    Densities follow MOA's `NaiveBayes`: sample variance, zero density where a class never
    showed a feature, Laplace smoothing of nominal counts. Departures: products are sums of
    logarithms, so that they never underflow, with exp(-690) for a zero density; smoothing
    counts the values seen in any class.

    References
    ----------
    .. [1] John, Langley (1995), Estimating continuous distributions in Bayesian classifiers, UAI.
       Section 2.
    """

    _kernel = _gaussian_nb
    _takes_back = True
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("weight_", ("C",)),
        Field("base_", ("C",)),
        Field("simple_", ("C",), np.int64),
        Field("n_", ("C", "F")),
        Field("mean_", ("C", "F")),
        Field("m2_", ("C", "F")),
        Field("half_precision_", ("C", "F")),
        Field("counts_", ("C", "F", "V")),
    )

    simple_: Ints
    base_: Array
    half_precision_: Array

    def __init__(self, *, var_floor: float = 1e-12) -> None:
        self.var_floor = var_floor

    def _check(self) -> None:
        if not self.var_floor >= 0:
            raise wrong("var_floor", self.var_floor, "a number >= 0")

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        if axis == "F":  # no class knows what is new: none has a density without gaps
            self.simple_[:], self.base_[:], self.half_precision_[:] = 0, 0.0, 0.0

    def _settings(self) -> tuple[float, ...]:
        return (float(self.var_floor),)
