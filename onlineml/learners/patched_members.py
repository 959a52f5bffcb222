"""Watched members that look at features of their own."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.kernels.arena import Field, Ints
from onlineml.learners.watched_members import WatchedEnsemble
from onlineml.schema import Schema

_NOW, _NEXT = 0, 1  # whose features: the member's, or the background member's

#: Which features members look at, and background members.
LOOKS = Field("looks_", (2, "M", "F"), np.int64)


class PatchedEnsemble(WatchedEnsemble):
    """Members that each see only some features, drawn anew for each background member."""

    looks_: Ints

    def _n_looked_at(self, place: int, n_features: int) -> int:
        """How many of the features the member at `place` sees."""
        raise NotImplementedError

    def _sees_all(self, place: int, n_features: int) -> bool:
        return self._n_looked_at(place, n_features) >= n_features

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        # members were made first, background members over them: now their own features
        for m in range(int(self.n_members)):
            self._draw_features(m, schema.n_features, number=0, whose=_NOW)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        for m in range(int(self.n_members)):
            if self._sees_all(m, schema.n_features):
                self.looks_[:, m] = 1

    def _made(self, place: int, schema: Schema) -> Estimator:
        """A fresh member on fresh features, which are noted as the background member's."""
        number = int(self.n_made_[place])
        self._draw_features(place, schema.n_features, number=number, whose=_NEXT)
        return super()._made(place, self._part_of(schema, place, background=True))

    def _draw_features(self, place: int, n_features: int, *, number: int, whose: int) -> None:
        """Features of the member that is the `number`-th of its place."""
        origin = int(self.entropy_.view(np.uint64)[0]), place, number, 1
        rng = np.random.default_rng(np.random.SeedSequence(origin))
        chosen = rng.permutation(n_features)[: self._n_looked_at(place, n_features)]
        self.looks_[whose, place] = 0
        self.looks_[whose, place, chosen] = 1

    def _part_of(self, schema: Schema, m: int, *, background: bool = False) -> Schema:
        if self._sees_all(m, schema.n_features):
            return schema
        return schema.taking(np.flatnonzero(self.looks_[int(background), m]).tolist())

    def _look(self, X: Array, m: int, *, background: bool = False) -> Array:
        if self._sees_all(m, X.shape[1]):
            return X
        return np.ascontiguousarray(X[:, self.looks_[int(background), m] == 1])

    def _promote(self, m: int) -> None:
        super()._promote(m)
        self.looks_[_NOW, m] = self.looks_[_NEXT, m]
