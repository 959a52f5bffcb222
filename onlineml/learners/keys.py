"""Keys of rows, and the places that at most so many of them have."""

from __future__ import annotations

import numpy as np

from onlineml.kernels.arena import Array, Ints
from onlineml.schema import Schema, wrong


def column_of(key: str | int | None, schema: Schema) -> int | None:
    """Position of the feature that holds the key; None where there is none.

    Raises
    ------
    ValueError
        No feature has that name or position.
    """
    names = schema.names or ()
    found = names.index(key) if key in names else key
    if found is None:
        return None
    if not (isinstance(found, int) and 0 <= found < schema.n_features):
        due = f"the name of a feature, or a position below {schema.n_features}"
        raise wrong("key", key, due)
    return found


def places_of(keys: Array, used: Ints) -> dict[float, int]:
    """Places by key; `used` says when the last row of each was learned, 0: no key."""
    return {float(keys[place]): place for place in np.flatnonzero(used).tolist()}


def make_place(key: float, keys: Array, used: Ints, places: dict[float, int]) -> tuple[int, bool]:
    """A place for a new key: a free one, or that of the key that was longest not learned.

    Returns it, and whether a key was dropped.
    """
    place = int(used.argmin())
    dropped = bool(used[place] > 0)
    if dropped:
        del places[float(keys[place])]
    keys[place], places[key] = key, place
    return place, dropped
