"""The class whose mean is nearest."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, keep_row, opened
from onlineml.kernels.one_hot import expand, meet
from onlineml.kernels.taking_back import lacks, note_loss, rest, without
from onlineml.kernels.votes import answer_from_logs

_IMPOSSIBLE = -1e300  # score of a class of which nothing is known


@entry
def _nearest_class_mean(d: int) -> int:
    mean = f3(d, 5)
    room = mean.shape[2]
    return _rows(
        opened(d), f1(d, 0)[0] > 0.0, room, i1(d, 1), i1(d, 2), i1(d, 3), f2(d, 4),
        mean.reshape((mean.shape[0], mean.shape[1] * room)), f2(d, 6),
    )  # fmt: skip


@jit
def _rows(
    call: Call, scaled: bool, room: int, seen: Ints, nominal: Ints, n_values: Ints, n: Array,
    mean: Array, spread: Array,
) -> int:  # fmt: skip
    z, units = np.empty(mean.shape[1]), np.ones(nominal.shape[0])
    for i in range(call.first, call.last):
        if call.serve:
            expand(call.X[i], nominal, room, n_values, z)
            if scaled:
                _to_units(z, nominal, room, spread, units)
            for c in range(seen[0]):
                call.out[i, 1 + c] = -0.5 * _distance(z, room, n[c], mean[c], units)
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            seen[0] = max(seen[0], c + 1)
            if w < 0.0:
                expand(call.X[i], nominal, room, n_values, z)
                if not _holds(z, w, nominal, room, n[c], mean[c], spread):
                    return i
                _take_back(z, w, nominal, room, n[c], mean[c], spread, call.out[i])
            elif w > 0.0:
                meet(call.X[i], nominal, room, n_values)
                expand(call.X[i], nominal, room, n_values, z)
                _learn(z, w, nominal, room, n[c], mean[c], spread)
        keep_row(call, i)
    return call.last


@jit
def _unit(nominal: int, spread: Array) -> float:
    """One over the standard deviation of a feature; 0 where it has none."""
    if nominal:
        return 1.0
    return np.sqrt(spread[0] / spread[2]) if spread[2] > 0.0 else 0.0


@jit
def _to_units(z: Array, nominal: Ints, room: int, spread: Array, units: Array) -> None:
    for j in range(nominal.shape[0]):
        units[j] = _unit(nominal[j], spread[j])
        for p in range(j * room, (j + 1) * room):
            z[p] *= units[j]


@jit
def _distance(z: Array, room: int, n: Array, mean: Array, units: Array) -> float:
    """Squared distance over the features that both have, as if it were over all of the row's."""
    total, present, common, known = 0.0, 0.0, 0.0, 0.0
    for j in range(n.shape[0]):
        known += n[j]
        if np.isnan(z[j * room]):
            continue
        present += 1.0
        if n[j] == 0.0:
            continue
        common += 1.0
        for p in range(j * room, (j + 1) * room):
            if not np.isnan(z[p]):
                gap = z[p] - mean[p] * units[j]
                total += gap * gap
    if common == 0.0:
        return 0.0 if present == 0.0 and known > 0.0 else -2.0 * _IMPOSSIBLE
    return total * present / common


@jit
def _learn(
    z: Array, w: float, nominal: Ints, room: int, n: Array, mean: Array, spread: Array
) -> None:
    for j in range(nominal.shape[0]):
        if np.isnan(z[j * room]):
            continue
        n[j] += w
        for p in range(j * room, (j + 1) * room):
            if not np.isnan(z[p]):
                mean[p] += w / n[j] * (z[p] - mean[p])
        if not nominal[j]:
            spread[j, 0] += w
            gap = z[j * room] - spread[j, 1]
            spread[j, 1] += w / spread[j, 0] * gap
            spread[j, 2] += w * gap * (z[j * room] - spread[j, 1])


@jit
def _holds(
    z: Array, w: float, nominal: Ints, room: int, n: Array, mean: Array, spread: Array
) -> bool:
    """Whether the class holds a row of weight `-w`, which is to be taken back."""
    for j in range(nominal.shape[0]):
        if np.isnan(z[j * room]):
            continue
        if lacks(n[j], w) or (not nominal[j] and lacks(spread[j, 0], w)):
            return False
        for p in range(j * room, (j + 1) * room if nominal[j] else 0):
            if z[p] == 1.0 and lacks(n[j] * mean[p], w):
                return False
    return True


@jit
def _take_back(
    z: Array, w: float, nominal: Ints, room: int, n: Array, mean: Array, spread: Array, loss: Array
) -> None:
    for j in range(nominal.shape[0]):
        if np.isnan(z[j * room]):
            continue
        left = rest(n[j], w)
        for p in range(j * room, (j + 1) * room):
            if left == 0.0:
                mean[p] = 0.0
            elif nominal[j]:  # exactly 0 where no row of the class has the value any more
                mass = n[j] * mean[p]
                mean[p] = (rest(mass, w) if z[p] == 1.0 else mass) / left
            elif not np.isnan(z[p]):
                mean[p] += w / left * (z[p] - mean[p])
        n[j] = left
        if not nominal[j]:
            before = spread[j, 2]
            spread[j, 0], spread[j, 1], spread[j, 2] = without(
                z[j * room], w, spread[j, 0], spread[j, 1], before
            )
            note_loss(loss, spread[j, 0], before, spread[j, 2])


class NearestClassMean(Classifier):
    """The class whose mean row is nearest, by Euclidean distance.

    Nothing that one class learns touches another: classes may come in any order, one after
    another too, with the same result. Time per event is O(n_classes * n_features) to predict and
    O(n_features) to fit; memory is O(n_classes * n_features). A nominal feature counts as its
    one-hot encoding.

    Parameters
    ----------
    scaled
        Whether numeric features are measured in units of their standard deviation so far; those
        that have been constant then do not count.

    Raises
    ------
    ValueError
        At the first event, unless `scaled` is True or False.

    Examples
    --------
    >>> from onlineml.learners import NearestClassMean
    >>> model = NearestClassMean()
    >>> rows = [[0.0, 5.0], [0.2, 7.0], [1.0, 6.0], [1.2, 5.0]]
    >>> model.fit_many(rows, ["a", "a", "b", "b"]).predict_one([0.9, 6.0])
    'b'

    Notes
    -----
    Probabilities are those of Gaussians of unit variance around the means, without priors: exp of
    minus half the squared distance, normalized. A feature missing from the row is left out for all
    classes; one that a class has never shown counts in it as much as its other features do on
    average. Values beyond 1e50 count as missing.

    References
    ----------
    .. [1] Mensink, Verbeek, Perronnin, Csurka (2013), Distance-based image classification:
       generalizing to new classes at near-zero cost, IEEE TPAMI 35(11). Section 3.2.
       doi:10.1109/TPAMI.2013.83
    """

    _kernel = _nearest_class_mean
    _takes_back = True
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("n_", ("C", "F")),
        Field("mean_", ("C", "F", "V")),
        Field("spread_", ("F", 3)),  # weight, mean and sum of squared deviations over all classes
    )

    def __init__(self, *, scaled: bool = True) -> None:
        self.scaled = scaled

    def _settings(self) -> tuple[float, ...]:
        return (float(self.scaled),)
