"""Rows that were learned, kept for requests to forget them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from onlineml.evaluation.worker.events import Id
from onlineml.schema import Array

Row = tuple[Array, Any, str | None]  # features, label, key


class Learned:
    """The last rows that were learned, by id; one id may stand for many, such as all of a person.

    Parameters
    ----------
    most
        How many are kept; 0 keeps none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.has_dropped = False  # whether rows have gone for want of room
        self._rows: OrderedDict[int, tuple[Id, Row]] = OrderedDict()  # by number
        self._numbers: dict[Id, list[int]] = {}
        self._next = 0

    def add(self, row_id: Id, x: Array, y: Any, key: str | None) -> None:
        """Keep a row; the oldest goes where room is short."""
        if len(self._rows) >= self.most:
            gone = self._rows.popitem(last=False)[1][0]
            self._numbers[gone].pop(0)
            if not self._numbers[gone]:
                del self._numbers[gone]
            self.has_dropped = True
        self._keep(row_id, (x.copy(), y, key))

    def _keep(self, row_id: Id, row: Row) -> None:
        self._rows[self._next] = row_id, row
        self._numbers.setdefault(row_id, []).append(self._next)
        self._next += 1

    def pop(self, row_id: Id | None) -> list[Row]:
        """The rows of that id, oldest first, which are kept no longer."""
        numbers = [] if row_id is None else self._numbers.pop(row_id, [])
        return [self._rows.pop(number)[1] for number in numbers]

    def get_state(self) -> dict[str, Any]:
        """All rows as plain values and arrays."""
        rows = [row for _, row in self._rows.values()]
        return {
            "ids": [row_id for row_id, _ in self._rows.values()],
            "X": np.array([x for x, _, _ in rows]) if rows else np.empty((0, 0)),
            "y": [y for _, y, _ in rows],
            "keys": [key for _, _, key in rows],
            "has_dropped": self.has_dropped,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        self._rows.clear()
        self._numbers.clear()
        for row_id, *row in zip(state["ids"], np.array(state["X"]), state["y"], state["keys"]):
            self._keep(row_id, (row[0], row[1], row[2]))
        self.has_dropped = state.get("has_dropped", True)  # unknown of what an older version wrote
