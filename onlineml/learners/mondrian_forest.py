"""What forests of Mondrian trees share: their state, and how they find room within `max_bytes`."""

from __future__ import annotations

import sys
from math import prod

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.mondrian import AT_LIMIT, NONE, ODDS, WANTED_CLASSES, Trees, undo_latest
from onlineml.kernels.random import seeded
from onlineml.schema import Schema, wrong

#: The state of every forest, before what its forecasts are made from, which has axes T, N first.
FOREST_FIELDS = (
    Field("asked_", (3,), np.int64),
    Field("n_nodes_", ("T",), np.int64, 1),
    Field("random_", ("T",), np.int64),
    Field("table_", ("T", "N", 3), np.int64, NONE),
    Field("numbers_", ("T", "N", 5)),
    Field("boxes_", ("T", "N", 2, "F"), fill=np.nan),
)
_LEAST_NODES = 3  # of a tree: one cut
_LABEL_BYTES = 128  # set aside for a class label


class MondrianForest(Estimator):
    """`n_trees` Mondrian trees in arrays of one size, which double while `max_bytes` allows."""

    n_trees: int
    step: float
    seed: int | None
    max_bytes: int | None
    asked_: Ints
    n_nodes_: Ints
    random_: Ints
    table_: Ints
    numbers_: Array
    boxes_: Array

    def _check(self) -> None:
        if not self.n_trees >= 1:
            raise wrong("n_trees", self.n_trees, "an integer >= 1")
        if not self.step > 0:
            raise wrong("step", self.step, "a number > 0")
        if self.max_bytes is not None and not self.max_bytes > 0:
            raise wrong("max_bytes", self.max_bytes, "a number of bytes, or None")

    def _coupling(self) -> str:
        return "every row reaches every one"

    def _sizes(self) -> dict[str, int]:
        return {"T": int(self.n_trees), "N": _LEAST_NODES}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, int(self.n_trees))
        self.numbers_[:, 0, ODDS] = 1.0
        least = self._bytes_of({}, schema)
        if self.max_bytes is not None and least > self.max_bytes:
            came = self.max_bytes
            self.reset()
            raise wrong("max_bytes", came, f"at least {least} bytes for such rows")

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            self._fit_in({"F": schema.n_features}, schema)
        super()._admit(schema)

    def _grow(self) -> None:
        """Make room for the class that the kernel met, or for the nodes of another cut."""
        n_classes, self.asked_[WANTED_CLASSES] = int(self.asked_[WANTED_CLASSES]), 0
        if n_classes:
            size = max(n_classes, 2 * self._size("C"))
            if not self._fits({"C": size}, self.schema_):
                size = n_classes
                self._fit_in({"C": size}, self.schema_)
            self._enlarge("C", size)
            return
        present = self._size("N")
        size = min(2 * present, self._most_nodes({}, self.schema_))
        if size > present:
            self._enlarge("N", size)
        else:
            self.asked_[AT_LIMIT] = 1

    # ---------------------------------------------------------------- budget

    def _bytes_of(self, sizes: dict[str, int], schema: Schema) -> int:
        """Bytes of everything, were the axes of the arrays of `sizes`."""
        at = {axis: self._size(axis) for axis in "TNCF"} | sizes
        cells = sum(prod(n if isinstance(n, int) else at[n] for n in f.axes) for f in self._state)
        return 8 * cells + schema.nbytes + 64 + _LABEL_BYTES * at["C"]

    def _fits(self, sizes: dict[str, int], schema: Schema) -> bool:
        return self.max_bytes is None or self._bytes_of(sizes, schema) <= self.max_bytes

    def _most_nodes(self, sizes: dict[str, int], schema: Schema) -> int:
        """Nodes of a tree that the budget allows, with the other axes of `sizes`."""
        if self.max_bytes is None:
            return sys.maxsize
        one, two = (self._bytes_of({**sizes, "N": n}, schema) for n in (1, 2))
        return 1 + (self.max_bytes - one) // (two - one)

    def _check_room(self, sizes: dict[str, int], schema: Schema) -> None:
        """Raise where not even the least trees would fit, with axes of at least `sizes`."""
        least = {axis: max(n, self._size(axis)) for axis, n in sizes.items()}
        if self._most_nodes(least, schema) < _LEAST_NODES:
            raise wrong("max_bytes", self.max_bytes, f"more bytes, for arrays with axes {least}")

    def _fit_in(self, sizes: dict[str, int], schema: Schema) -> None:
        """Undo the latest cuts until arrays of `sizes` are within the budget."""
        self._check_room(sizes, schema)
        most = self._most_nodes(sizes, schema)
        self.asked_[AT_LIMIT] = 0
        if most < self._size("N"):
            arrays = [getattr(self, field.name) for field in self._state[: len(Trees._fields)]]
            for t in range(int(self.n_trees)):
                undo_latest(Trees(*arrays), t, most)
            for field in self._state:
                if "N" in field.axes:
                    setattr(self, field.name, getattr(self, field.name)[:, :most].copy())
            self._forget_caches()

    # ---------------------------------------------------------------- what has grown

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees, leaves included; 0 before any data."""
        return int(self.n_nodes_.sum()) if self.is_started else 0
