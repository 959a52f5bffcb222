"""Rows that are learned with an id each: what models that keep their rows share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.kernels.arena import Ints
from onlineml.kernels.looks import looked_at
from onlineml.schema import Schema, wrong
from onlineml.unlearning.fingerprints import PLAIN, fingerprint, fingerprints


def _is_sound_already(X: Any, n_features: int) -> bool:
    """Whether `X` is an array of the kind that rows are turned into."""
    return (
        type(X) is np.ndarray
        and X.dtype == np.float64
        and X.ndim == 2
        and X.shape[1] == n_features
        and X.flags.c_contiguous
    )


@contextmanager
def called(model: Estimator, tags: Ints | None) -> Iterator[None]:
    """Rows that `model` learns meanwhile have ids with these fingerprints, if it keeps any."""
    if tags is None or not isinstance(model, Called):
        yield
        return
    model._coming = tags
    try:
        yield
    finally:
        model._coming = None


class Called(Estimator):
    """The verbs of learning, with ids; those of the role do the work."""

    #: The role, which the model must have too.
    _role: ClassVar[type[Any]]
    _coming: Ints | int | None = None  # fingerprints of the rows, or row, that are being learned
    _plausible = False  # whether all rows that are being learned are known to be whole
    _tag: Any = None  # cell where a kernel looks for that of a single row

    def fit_one(self, x: Any, y: Any = None, *, weight: float = 1.0, id: Hashable = None) -> Any:
        """Learn one row `x` with its target, to be called `id`; as the role's own verb.

        Raises
        ------
        ValueError
            As the role's own verb, and for an id that is neither whole number nor text.
        """
        learn = self._role.fit_one  # found in half the time of super()
        if id is None:
            return learn(self, x, y, weight=weight)
        tag: Any = id
        if not (id.__class__ is int and 0 <= tag < PLAIN):  # here it is found in half the time
            tag = fingerprint(id)
        self._coming = tag
        if self._tag is not None:
            self._tag[0] = tag
        try:
            return learn(self, x, y, weight=weight)
        finally:
            self._coming = None
            if self._tag is not None:
                self._tag[0] = -1

    def fit_many(
        self, X: Any, y: Any = None, *, weight: Any = None, ids: Iterable[Hashable] | None = None
    ) -> Any:
        """Learn rows `X` with their targets, to be called `ids`; as the role's own verb.

        Raises
        ------
        ValueError
            As the role's own verb, and for ids that are neither whole numbers nor text, or not one
            a row.
        """
        learn = self._role.fit_many
        if ids is None:
            return learn(self, X, y, weight=weight)
        return self._named(ids, learn, X, y, weight)

    def _coupling(self) -> str:
        return f"with Replayable around the model within {type(self).__name__} it would be one"

    def _named(
        self, ids: Iterable[Hashable], learn: Callable[..., Any], X: Any, y: Any, weight: Any
    ) -> Any:
        """What `learn` gives, the rows that it learns having these ids."""
        self._coming = fingerprints(ids)
        try:
            return learn(self, X, y, weight=weight)
        finally:
            self._coming = None

    def _came(self, n_rows: int) -> Ints | None:
        """Fingerprints of the next rows; None where they came without ids."""
        tags = self._coming
        if tags is None:
            return None
        if isinstance(tags, int):
            return np.array([tags])
        if len(tags) == n_rows:
            return tags
        self._coming = tags[n_rows:]  # a long chunk comes in blocks
        return tags[:n_rows]

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        self._plausible = False
        sound = None if one or not self.is_started else self._sound(X, fit)
        schema, rows = sound or super()._rows(X, fit=fit, one=one)
        coming = self._coming
        if fit and isinstance(coming, np.ndarray) and len(coming) != len(rows):
            raise wrong("ids", len(coming), f"{len(rows)} ids, one a row")
        return schema, rows

    def _sound(self, X: Any, fit: bool) -> tuple[Schema, Array] | None:
        """What `_rows` gives, in one look at the rows; None where there is reason to complain."""
        schema, rows = self.schema_, X
        if schema.undecided or not _is_sound_already(X, schema.n_features):
            schema = schema.admitting(X) if fit else schema
            rows = schema.rows(X)
        infinite, n_plausible = looked_at(rows.reshape(-1))
        self._plausible = n_plausible == rows.size
        return None if infinite else (schema, rows)

    def _forget_caches(self) -> None:
        coming = vars(self).get("_coming")
        super()._forget_caches()
        if coming is not None:
            self._coming = coming
