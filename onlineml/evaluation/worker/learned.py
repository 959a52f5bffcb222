"""Rows that were learned, kept for requests to forget them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from onlineml.evaluation.worker.events import Id
from onlineml.schema import Array


class Learned:
    """The last rows that were learned, by id.

    Parameters
    ----------
    most
        How many are kept; 0 keeps none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._rows: OrderedDict[Id, tuple[Array, Any, str | None]] = OrderedDict()

    def add(self, row_id: Id, x: Array, y: Any, key: str | None) -> None:
        """Keep a row; the oldest goes where room is short."""
        self._rows.pop(row_id, None)
        if len(self._rows) >= self.most:
            self._rows.popitem(last=False)
        self._rows[row_id] = (x.copy(), y, key)

    def pop(self, row_id: Id | None) -> tuple[Array, Any, str | None] | None:
        """The row of that id, which is kept no longer."""
        return None if row_id is None else self._rows.pop(row_id, None)

    def get_state(self) -> dict[str, Any]:
        """All rows as plain values and arrays."""
        rows = list(self._rows.values())
        return {
            "ids": list(self._rows),
            "X": np.array([x for x, _, _ in rows]) if rows else np.empty((0, 0)),
            "y": [y for _, y, _ in rows],
            "keys": [key for _, _, key in rows],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        rows = zip(np.array(state["X"]), state["y"], state["keys"])
        self._rows = OrderedDict(zip(state["ids"], rows))
