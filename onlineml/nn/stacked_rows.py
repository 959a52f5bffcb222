"""Which rows go to which of many models: groups that are worked on at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.schema import wrong

Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]


class Group(NamedTuple):
    """Models that are worked on at once, in ascending order, and their rows."""

    models: Ints  # (k,)
    rows: Ints  # (k, r)
    share: Singles  # of the rows in the mean of their model; 0 for those that only fill


def places_of(which: Any, n: int, n_rows: int) -> Ints | None:
    """The model of each row, checked."""
    if which is None:
        return None
    places = np.asarray(which)
    if places.shape != (n_rows,) or (n_rows and places.dtype.kind not in "iu"):
        raise wrong("which", which, f"the whole number of a model for each of {n_rows} rows")
    if n_rows and not 0 <= places.min() <= places.max() < n:
        raise wrong("which", int(places.max()), f"numbers of models from 0 to {n - 1}")
    return places.astype(np.int64)


def groups(places: Ints, most: int) -> Iterator[Group]:
    """Models and the rows that are theirs; about `most` pairs at once.

    Models are grouped by the number of their rows, rounded up to a power of two: few groups, and
    less than half of the places hold a row only to fill it, which is one of the same model.
    """
    order = np.argsort(places, kind="stable")
    models, starts, counts = np.unique(places[order], return_index=True, return_counts=True)
    octaves = np.ceil(np.log2(counts))
    for octave in np.unique(octaves):
        alike = np.flatnonzero(octaves == octave)
        r = int(counts[alike].max())
        step = max(1, most // r)
        for first in range(0, len(alike), step):
            some = alike[first : first + step]
            due, ages = counts[some, None], np.arange(r)[None]
            rows = order[starts[some, None] + np.minimum(ages, due - 1)]
            yield Group(models[some], rows, ((ages < due) / due).astype(np.float32))
