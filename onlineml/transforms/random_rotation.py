"""Rows turned in space, so that all features come to be alike."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.schema import Schema

_PASSES, _TURNED = 1, 2  # kinds of nominal features


@entry
def _random_rotation(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2), f1(d, 3), f1(d, 4), f2(d, 5))


@jit
def _rows(call: Call, nominal: Ints, n_values: Ints, n: Array, mean: Array, turn: Array) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            _turn(x, nominal, n_values, mean, turn, call.out[i])
        if call.fit:
            note_values(x, nominal, n_values)
            for j in range(x.shape[0]):
                if call.weight[i] > 0.0 and nominal[j] != _PASSES and abs(x[j]) <= LARGEST:
                    n[j] += call.weight[i]
                    mean[j] += call.weight[i] / n[j] * (x[j] - mean[j])
    return call.last


@jit
def _turn(x: Array, nominal: Ints, n_values: Ints, mean: Array, turn: Array, out: Array) -> None:
    out[: x.shape[0]] = 0.0
    for j in range(x.shape[0]):
        value = passed_on(x[j], n_values[j]) if nominal[j] else x[j]
        if nominal[j] == _PASSES:
            out[j] = value
            continue
        value = value if abs(value) <= LARGEST else mean[j]
        for k in range(x.shape[0]):
            if nominal[k] != _PASSES:
                out[k] += turn[j, k] * value


class RandomRotation(Transformer):
    """Rows turned by a random rotation, which keeps all distances between them.

    For features that share one unit, such as pixels or the channels of an array of sensors. A
    learner that standardizes each feature makes much of those that hardly vary; turned, all vary
    alike and have the weight of their unit. Nominal features pass as they are; a missing value
    counts as the mean so far, or 0; a feature that comes later is not turned. One that shows text
    after it has come, and has shown no value before, is turned as the numbers that are its codes.
    Numbers beyond 1e50 count as missing. Time per event and memory are O(n_features^2).

    Parameters
    ----------
    seed
        Of the rotation.

    Raises
    ------
    ValueError
        At the first row, for a `seed` that is neither a whole number >= 0 nor None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.transforms import RandomRotation
    >>> X = np.random.default_rng(0).normal(size=(1000, 3)) * (5.0, 1.0, 0.1)
    >>> turned = RandomRotation(seed=3).transform_many(X)
    >>> bool(np.allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(X, axis=1)))
    True
    >>> turned.std(0).round(1)
    array([3.5, 3.5, 1.1])

    References
    ----------
    .. [1] Blaser, Fryzlewicz (2016), Random rotation ensembles, JMLR 17(4), 1-26. Section 3: the
       Q of a normal matrix, with the signs of R, is uniform among all rotations and reflections.
    """

    _kernel = _random_rotation
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("turn_", ("F", "F")),
    )

    nominal_: Ints
    turn_: Array

    def __init__(self, *, seed: int | None = None) -> None:
        self.seed = seed

    def _start(self, schema: Schema) -> None:
        numeric = schema.numeric_at_first
        if numeric:
            random = np.random.default_rng(self.seed).normal(size=(len(numeric), len(numeric)))
            q, r = np.linalg.qr(random)
            self.turn_[np.ix_(numeric, numeric)] = q * np.sign(np.diag(r))

    def _mark_nominal(self, schema: Schema) -> None:
        super()._mark_nominal(schema)
        new = [j for j in schema.numeric_at_first if self.turn_[j, j] == 0.0]
        self.turn_[new, new] = 1.0
        self.nominal_[(self.nominal_ > 0) & (self.turn_.diagonal() != 0.0)] = _TURNED

    def _n_outputs(self) -> int:
        return self._size("F")

    def output_schema(self) -> Schema:
        """The new features have no names, unless all are nominal."""
        known, passed = self.schema_, np.flatnonzero(self.nominal_ == _PASSES).tolist()
        names = known.names if len(passed) == known.n_features else None
        return Schema(known.n_features, names, {j: known.nominal[j] for j in passed})
