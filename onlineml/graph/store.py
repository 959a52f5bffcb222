"""What nodes have read, by the id of the row, until label, reward or a request comes."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from onlineml.kernels.arena import Array

LABEL, REWARD, REMEMBERED = "label", "reward", "remembered"  # why a row is kept
_FIRST = 16  # slots at first; they are doubled


class Taken(NamedTuple):
    """What nodes have read of some rows, and said, one array a node; numbers of the samples."""

    reads: list[Array]
    said: list[Array]
    numbers: Array


NOTHING = Taken([], [], np.empty(0))


class Store:
    """Slots for rows, found by id; what is kept is plain, a part of the graph's state.

    Labels and rewards are for the last row of an id; of those that are remembered, the earlier ones
    of the same id stay, among `earlier`: a heap of their numbers, slots and ids.

    Parameters
    ----------
    state
        What `Store.empty` or an earlier state gave; changed in place.
    most
        For each cause to keep a row, how many may be kept for it. The oldest gives way.
    """

    def __init__(self, state: dict[str, Any], most: dict[str, int]) -> None:
        self._state, self._most = state, most
        self._by: dict[str, dict[Hashable, int]] = {cause: state[cause] for cause in most}
        self._earlier: list[list[Any]] = state.setdefault("earlier", [])
        used = {slot for held in self._by.values() for slot in held.values()}
        used |= {slot for _, slot, _ in self._earlier}
        self._free = [slot for slot in range(len(state["numbers"])) if slot not in used]

    @staticmethod
    def empty(n_nodes: int) -> dict[str, Any]:
        """The state of a store without rows."""
        arrays = {"reads": [np.empty((0, 0)) for _ in range(n_nodes)]}
        more = {"said": np.empty((0, n_nodes)), "numbers": np.empty(0), "targets": np.empty(0)}
        return {LABEL: {}, REWARD: {}, REMEMBERED: {}, "earlier": [], **arrays, **more}

    def __contains__(self, id: Hashable) -> bool:
        return any(id in held for held in self._by.values())

    def waiting(self, cause: str) -> int:
        """How many rows are kept for a cause."""
        return len(self._by[cause])

    def put(self, ids: Sequence[Hashable], taken: Taken, causes: Sequence[Sequence[str]]) -> int:
        """Keep rows, each for its causes; returns how many others were given up for them."""
        lost = 0
        for i, id in enumerate(ids):
            if not causes[i]:
                continue
            lost += self._set_aside(id)
            slot = self._slot()
            for kept, read in zip(self._reads(taken), taken.reads):
                kept[slot] = np.nan
                kept[slot, : read.shape[1]] = read[i]
            for node, said in enumerate(taken.said):
                self._state["said"][slot, node] = said[i]
            self._state["numbers"][slot] = taken.numbers[i]
            self._state["targets"][slot] = np.nan
            for cause in causes[i]:
                lost += self._hold(cause, id, slot)
        return lost

    def put_one(
        self, id: Hashable, cause: str, reads: list[Array], said: list[float], number: int
    ) -> int:
        """Keep a row for one cause; what nodes have read and said are as wide as what is kept."""
        lost = self.drop(id) if id in self else 0
        slot = self._slot()
        state, room = self._state, self.reads
        for i, read in enumerate(reads):
            if room[i].shape[1] != len(read):
                room[i] = wider(room[i], len(read))
            room[i][slot, len(read) :] = np.nan
            room[i][slot, : len(read)] = read
        state["said"][slot] = said
        state["numbers"][slot], state["targets"][slot] = number, np.nan
        return lost + self._hold(cause, id, slot)

    def slot(self, cause: str, id: Hashable) -> int | None:
        """Where a row is that is kept for a cause; None where it is not."""
        return self._by[cause].get(id)

    @property
    def reads(self) -> list[Array]:
        """What nodes have read, one array a node, one row a slot."""
        reads: list[Array] = self._state["reads"]
        return reads

    @property
    def said(self) -> Array:
        """What nodes have said, one row a slot."""
        said: Array = self._state["said"]
        return said

    @property
    def numbers(self) -> Array:
        """Numbers of the samples, one a slot."""
        numbers: Array = self._state["numbers"]
        return numbers

    def note(self, id: Hashable, target: float, taken: Taken) -> None:
        """A row that is remembered was learned, with this target; what nodes have read by now."""
        slot = self._by[REMEMBERED][id]
        self._state["targets"][slot] = target
        for kept, read in zip(self._reads(taken), taken.reads):
            kept[slot, : read.shape[1]] = read[0]

    def mark(self, id: Hashable, node: int) -> None:
        """Node number `node` of those that are kept has learned from a row that is remembered."""
        self._state["said"][self._by[REMEMBERED][id], node] = 1.0

    def _hold(self, cause: str, id: Hashable, slot: int) -> int:
        held = self._by[cause]
        held[id] = slot
        n = len(held) + len(self._earlier) * (cause == REMEMBERED)
        if n <= self._most[cause]:
            return 0
        oldest = next(iter(held))
        if cause == REMEMBERED and self._earlier:
            number, place, _ = self._earlier[0]
            if number < self._state["numbers"][held[oldest]]:
                heapq.heappop(self._earlier)
                heapq.heappush(self._free, place)
                return 0
        self.release(cause, oldest)
        return int(cause != REMEMBERED)

    def _set_aside(self, id: Hashable) -> int:
        """Make way for another row of this id; returns for how many causes the last one waited."""
        slot = self._by[REMEMBERED].pop(id, None)
        if slot is None:
            return self.drop(id)
        heapq.heappush(self._earlier, [float(self._state["numbers"][slot]), slot, id])
        waiting = [held for held in self._by.values() if held.pop(id, None) is not None]
        return len(waiting)

    def find(self, cause: str, ids: Sequence[Hashable]) -> Taken:
        """What was kept of rows."""
        return self.at([self._by[cause][id] for id in ids])

    def remembered(self, id: Hashable) -> list[int]:
        """Where the rows of an id are that are remembered, oldest first."""
        found = [slot for _, slot, other in sorted(self._earlier, key=_number) if other == id]
        last = self._by[REMEMBERED].get(id)
        return found if last is None else [*found, last]

    def at(self, slots: list[int]) -> Taken:
        """What was kept in some slots."""
        state = self._state
        said = state["said"][slots]
        reads = [kept[slots] for kept in state["reads"]]
        return Taken(reads, list(said.T), state["numbers"][slots])

    def target(self, slot: int) -> float:
        """With what a row was learned; NaN where it was not."""
        return float(self._state["targets"][slot])

    def holds(self, cause: str, id: Hashable) -> bool:
        """Whether a row is kept for a cause."""
        return id in self._by[cause]

    def release(self, cause: str, id: Hashable) -> None:
        """The cause is gone; the slot is free when that was the last one."""
        slot = self._by[cause].pop(id)
        if id not in self:
            heapq.heappush(self._free, slot)

    def forget(self, id: Hashable) -> None:
        """Keep no row of an id."""
        self._free += [slot for _, slot, other in self._earlier if other == id]
        self._earlier[:] = [entry for entry in self._earlier if entry[2] != id]
        heapq.heapify(self._earlier)
        heapq.heapify(self._free)
        self.drop(id)

    def drop(self, id: Hashable) -> int:
        """Keep the last row of an id no longer; returns for how many causes it was waiting."""
        lost = 0
        for cause, held in self._by.items():
            if id in held:
                lost += cause != REMEMBERED
                self.release(cause, id)
        return lost

    def _slot(self) -> int:
        """The least free slot: which one must not depend on what was saved and loaded."""
        if not self._free:
            state, n = self._state, len(self._state["numbers"])
            size = max(_FIRST, 2 * n)
            state["reads"] = [_longer(kept, size) for kept in state["reads"]]
            for name in ("said", "numbers", "targets"):
                state[name] = _longer(state[name], size)
            self._free = list(range(n, size))
        return heapq.heappop(self._free)

    def _reads(self, taken: Taken) -> list[Array]:
        """The arrays of what nodes have read, as wide as that now is."""
        reads: list[Array] = self._state["reads"]
        for k, read in enumerate(taken.reads):
            if read.shape[1] > reads[k].shape[1]:
                reads[k] = wider(reads[k], read.shape[1])
        return reads


def _number(entry: list[Any]) -> float:
    return float(entry[0])


def _longer(array: Array, n: int) -> Array:
    new = np.full((n, *array.shape[1:]), np.nan)
    new[: len(array)] = array
    return new


def wider(array: Array, width: int) -> Array:
    """Rows with as many columns, missing ones behind."""
    if array.shape[1] >= width:
        return array
    new = np.full((len(array), width), np.nan)
    new[:, : array.shape[1]] = array
    return new
