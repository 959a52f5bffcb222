"""What all trees that grow with a stream share towards their users: counts, text, room."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.kernels.arena import Ints
from onlineml.kernels.tree import AT_MOST, CHILD, DEPTH, EQUAL, FEATURE, KIND, N_CHILDREN, THRESHOLD
from onlineml.learners.tree_growth import admit, check_budget, grow, plant
from onlineml.schema import Schema


class Tree(Estimator):
    """An estimator with the state of `tree_fields`: one tree, which grows within `max_bytes`."""

    max_bytes: int | None
    header_: Ints
    table_: Ints
    numbers_: Array

    def _promise(self, nodes: Any) -> Array:
        """How promising some nodes are: the weight that each gets wrong, or the like."""
        raise NotImplementedError

    def _describe(self, leaf: int) -> str:
        """A leaf in words."""
        raise NotImplementedError

    def _start(self, schema: Schema) -> None:
        plant(self)
        check_budget(self, schema)

    def _admit(self, schema: Schema) -> None:
        admit(self, self._promise, schema)
        super()._admit(schema)

    def _grow(self) -> None:
        grow(self, self._promise)

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included; 0 before any data."""
        return len(self._nodes())

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int((self.table_[self._nodes(), FEATURE] < 0).sum()) if self.is_started else 0

    @property
    def depth(self) -> int:
        """Divisions on the longest way from the root to a leaf."""
        return int(self.table_[self._nodes(), DEPTH].max()) if self.is_started else 0

    def _nodes(self) -> Any:
        """Ids of the nodes below the root, and of itself, level by level."""
        levels = [np.zeros(int(self.is_started), np.int64)]
        while len(levels[-1]):
            rows = self.table_[levels[-1]]
            inner = rows[rows[:, FEATURE] >= 0]
            first, n = inner[:, CHILD], inner[:, N_CHILDREN]
            steps = np.arange(n.sum()) - np.repeat(n.cumsum() - n, n)
            levels.append(np.repeat(first, n) + steps)
        return np.concatenate(levels)

    def to_text(self) -> str:
        """The tree as text, one line a node."""
        lines: list[str] = []

        def write(node: int, depth: int, condition: str) -> None:
            row, indent = self.table_[node], "    " * depth
            if row[FEATURE] < 0:
                lines.append(f"{indent}{condition}{self._describe(node)}")
                return
            if condition:
                lines.append(f"{indent}{condition.removesuffix(': ')}")
            for k in range(row[N_CHILDREN]):
                below = f"{self._condition(node, k)}: "
                write(int(row[CHILD]) + k, depth + bool(condition), below)

        if self.is_started:
            write(0, 0, "")
        return "\n".join(lines)

    def _condition(self, node: int, k: int) -> str:
        """Which rows go from `node` to its child `k`."""
        row, threshold = self.table_[node], float(self.numbers_[node, THRESHOLD])
        name = self.schema_.name_of(int(row[FEATURE]))
        if row[KIND] == AT_MOST:
            return f"{name} {'>' if k else '<='} {threshold:.6g}"
        values = self.schema_.nominal.get(int(row[FEATURE]), ())
        code = int(threshold) if row[KIND] == EQUAL else k
        value = values[code] if code < len(values) else code
        return f"{name} {'!=' if row[KIND] == EQUAL and k else '=='} {value!r}"
