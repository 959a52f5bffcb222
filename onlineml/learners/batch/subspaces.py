"""Members that see random features each, and learn rows as often as Poisson numbers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Schema
from onlineml.kernels import jit
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.random import below, poisson, seeded
from onlineml.learners.batch.ensemble import BatchEnsemble, is_plain


@jit
def draw_subspace(rng: Ints, k: int, n_features: int, n_chosen: int, chosen: Ints) -> None:
    """Mark `n_chosen` features of the first `n_features` in `chosen`, all subsets alike."""
    chosen[:] = 0
    left = n_chosen
    for j in range(n_features):
        if below(rng, k, n_features - j) < left:
            chosen[j] = 1
            left -= 1


@jit
def draw_poisson(rng: Ints, k: int, mean: Array, weight: Array, drawn: Array) -> None:
    """`drawn`: each weight times a Poisson number of the row's mean."""
    for i in range(weight.shape[0]):
        drawn[i] = weight[i] * poisson(rng, k, mean[i])


@jit
def _pick(X: Array, columns: Ints) -> Array:
    """Some columns; numpy's `take` is ten times slower here."""
    out = np.empty((X.shape[0], columns.shape[0]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = X[i, columns[j]]
    return out


class SubspaceEnsemble(BatchEnsemble):
    """A batch ensemble whose members see some of the features each."""

    _state = (
        *BatchEnsemble._state,
        Field("subspace_", ("M", "F"), np.int64),
        Field("rng_", ("M",), np.int64),
    )

    _excuses: ClassVar[Mapping[str, str]] = {
        "check_memory_is_bounded": "members of fewer features are smaller: bounded by all features"
    }

    subspace_: Ints
    rng_: Ints

    def __init__(
        self, *, base: Classifier | None, n_members: int, batch_size: int, seed: int | None
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size)
        self.seed = seed

    def _choose(self, k: int, n_features: int) -> None:
        """Draw the features of slot `k`."""
        n_chosen = 1 + int(below(self.rng_, k, n_features))
        draw_subspace(self.rng_, k, n_features, n_chosen, self.subspace_[k])

    def _start(self, schema: Schema) -> None:
        self.rng_ = seeded(self.seed, self._n_slots())
        for k in range(self._n_slots()):
            self._choose(k, schema.n_features)
        super()._start(schema)

    def _columns(self, k: int) -> npt.NDArray[np.int64]:
        """The features of slot `k`, looked up once."""
        known: dict[int, npt.NDArray[np.int64]] = vars(self).setdefault("_known_columns", {})
        if k not in known:
            known[k] = np.flatnonzero(self.subspace_[k])
        return known[k]

    def _seen_by(self, k: int, X: Array) -> Array:
        return _pick(X, self._columns(k))

    def _schema_of(self, k: int, schema: Schema) -> Schema:
        return schema.taking(self._columns(k).tolist())

    def _move(self, source: int, target: int) -> None:
        super()._move(source, target)
        vars(self).pop("_known_columns", None)
        for array in (self.subspace_, self.rng_):
            array[[source, target]] = array[[target, source]]

    def _resize(self, k: int) -> None:
        """See that the member in slot `k` has the size of its new features, and their schema.

        To make a member takes longer than to train it, so those of another size are put by.
        """
        member, schema = self.members_[k], self._schema_of(k, self.schema_)
        if not is_plain(member):
            member.reset()
            member._begin(schema)
            return
        spares: dict[int, list[Classifier]] = vars(self).setdefault("_spares", {})
        if sum(map(len, spares.values())) >= self._n_slots():
            spares.clear()
        spares.setdefault(member.schema_.n_features, []).append(member)
        same = spares.get(schema.n_features)
        self.members_[k] = member = same.pop() if same else self._base().clone()
        if member.is_started:
            member.schema_ = schema
        else:
            member._begin(schema)

    def _train_new(self, k: int, X: Array, y: Array, weight: Array) -> None:
        """A new member, on new features."""
        self._choose(k, X.shape[1])
        vars(self).pop("_known_columns", None)
        self._resize(k)
        super()._train_new(k, X, y, weight)
