"""Models of fixed size by key: their states lie in one array, and one compiled loop runs them all.

A state that finds no room in memory lies in a file, at the place of its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from onlineml.estimator import Estimator
from onlineml.graph.shelf import INDEX_BYTES, NOBODY, Cellar, Limits, Rows, Shelf
from onlineml.kernels.arena import Ints
from onlineml.kernels.stacked import Stack
from onlineml.schema import wrong

_FIRST = 16  # records for which there is room at first; it is doubled
_PAGE = 4096  # bytes of a page of a file
_SHARE = 16  # where room is short, a part of the records leaves at once


def is_stackable(model: Estimator) -> bool:
    """Whether the state of a started model is arrays that a kernel changes, and never grow."""
    kind = type(model)
    plain = kind._run is Estimator._run and kind._pass is Estimator._pass
    fields = {field.name for field in model._state} | {"schema_", "classes_"}
    known = set(model._learned()) <= fields and len(model._state) > 0
    whole = kind._grow is Estimator._grow and not model._parts()
    return model._kernel is not None and plain and whole and known


class Records(Shelf):
    """Models whose states are records of one length; record 0 is the fresh model's."""

    def __init__(self, fresh: Estimator, limits: Limits) -> None:
        super().__init__(fresh, limits)
        self._stack = _stack_of(fresh)
        self._begin()

    def _begin(self) -> None:
        """No key, and no more memory than that takes."""
        size = self._stack.n_words
        self._records = np.zeros((_FIRST, size), np.int64)
        self._records[0] = self._stack.packed(_arrays_of(self.fresh))
        self._owner = np.full(_FIRST, NOBODY)  # id by place
        self._touched = np.zeros(_FIRST, np.int64)  # when a record was last asked for
        self._changed = np.zeros(_FIRST, bool)  # since it was last written to the file
        self._free = list(range(_FIRST - 1, 0, -1))
        self._place = np.full(_FIRST, NOBODY)  # by id
        self._unborn = np.zeros(_FIRST, bool)  # by id: no model yet but the fresh one
        self._now = 0
        self._cellar = None if self.limits.folder is None else Cellar(self.limits.folder)

    # ---------------------------------------------------------------- limits

    @property
    def n_most(self) -> int:
        """Most keys: those for whose models, or names at least, memory has room."""
        keys, room, folder = self.limits
        if room is None:
            return keys
        if folder is not None:
            return min(keys, max(room // 2 // INDEX_BYTES, 1))
        return min(keys, max((room - self._fixed) // (self._size + INDEX_BYTES), 1))

    def _most_at_once(self) -> int:
        _, room, folder = self.limits
        if room is None or folder is None:
            return self.n_most
        names = INDEX_BYTES * self.n_most
        return min(self.n_most, max((room - names - self._fixed) // self._size, 1))

    @property
    def _size(self) -> int:
        return 8 * self._stack.n_words + 17  # and what is noted of a place in memory

    @property
    def _fixed(self) -> int:
        return self._size + 2 * self.fresh.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self._fixed + self._size * (len(self._records) - 1) + INDEX_BYTES * len(self.index)

    # ---------------------------------------------------------------- rows through

    def _born(self, id: int) -> None:
        if id >= len(self._place):
            self._place = _longer(self._place, 2 * len(self._place), NOBODY)
            self._unborn = _longer(self._unborn, len(self._place), False)
        self._unborn[id] = True

    def _gone(self, id: int) -> None:
        place = int(self._place[id])
        if place != NOBODY:
            self._owner[place], self._place[id] = NOBODY, NOBODY
            self._free.append(place)
        self._unborn[id] = False

    def _run(self, ids: Ints, rows: Rows, serve: int, fit: bool, tags: Ints | None) -> None:
        if len(ids) > 1:
            self._bring(np.unique(ids[ids >= 0]))
        elif ids[0] >= 0:
            self._bring_one(int(ids[0]))
        places = np.where(ids < 0, 0, self._place[ids])
        if self._stack.run(self._records, places, rows, serve=serve, fit=fit) != len(ids):
            raise RuntimeError(f"{type(self.fresh).__name__}: the kernel stopped at a row")
        if fit:
            self._changed[places] = True

    def _bring(self, ids: Ints) -> None:
        """See that the records of different `ids` are in memory."""
        self._now += 1
        places = self._place[ids]
        here = places != NOBODY
        self._touched[places[here]] = self._now
        if here.all():
            return
        ids = ids[~here]
        places = np.array(self._new_places(len(ids), len(places)))
        unborn = self._unborn[ids]
        self._records[places[unborn]] = self._records[0]
        if not unborn.all():
            assert self._cellar is not None
            self._cellar.read_rows(self._records, places[~unborn], ids[~unborn] * self._slot)
        self._changed[places], self._unborn[ids] = unborn, False
        self._place[ids], self._owner[places] = places, ids
        self._touched[places] = self._now

    def _bring_one(self, id: int) -> None:
        """The same of one record, without arrays made for it: it is asked for at every event."""
        self._now += 1
        place = self._place[id]
        if place == NOBODY:
            (place,) = self._new_places(1, 1)
            if self._unborn[id]:
                self._records[place] = self._records[0]
            else:
                assert self._cellar is not None
                at = np.array([id * self._slot])
                self._cellar.read_rows(self._records, np.array([place]), at)
            self._changed[place], self._unborn[id] = self._unborn[id], False
            self._place[id], self._owner[place] = place, id
        self._touched[place] = self._now

    def _new_places(self, n: int, n_wanted: int) -> list[int]:
        """Places for `n` records; for want of them, records leave that were not asked for now."""
        while len(self._free) < n:
            room, most = len(self._records), 1 + self._most_at_once()
            if room < most:  # to all that there may be, rather than twice by a little
                is_near = self.limits.max_bytes is not None and 4 * room >= most
                self._lengthen(most if is_near else min(2 * room, most))
            else:
                self._send_away(max(n - len(self._free), (most - n_wanted) // _SHARE))
        found = self._free[-n:]
        del self._free[-n:]
        return found

    @property
    def _slot(self) -> int:
        """Bytes from record to record in the file: whole pages, where a record has several.

        A page of which a part is written has to be read before.
        """
        size = 8 * self._stack.n_words
        return size if size < 2 * _PAGE else size + -size % _PAGE

    def _lengthen(self, size: int) -> None:
        self._free = [*range(size - 1, len(self._records) - 1, -1), *self._free]
        self._records = _longer(self._records, size, 0)
        self._owner = _longer(self._owner, size, NOBODY)
        self._touched = _longer(self._touched, size, 0)
        self._changed = _longer(self._changed, size, False)

    def _send_away(self, n: int) -> None:
        """Write the `n` records that were not asked for longest to the file."""
        assert self._cellar is not None
        there = np.flatnonzero((self._owner != NOBODY) & (self._touched < self._now))
        n = min(n, len(there))
        chosen = there[np.argpartition(self._touched[there], n - 1)[:n]]
        changed = chosen[self._changed[chosen]]
        self._cellar.write_rows(self._records, changed, self._owner[changed] * self._slot)
        self._place[self._owner[chosen]] = NOBODY
        self._owner[chosen] = NOBODY
        self._free += chosen.tolist()

    # ---------------------------------------------------------------- one model

    def model_of(self, id: int) -> Estimator:
        """A copy of the model of that id."""
        return self._as_model(self._record(id), self._stack, self._bare())

    def put_back(self, id: int, model: Estimator) -> None:
        """Take over what has changed."""
        self._bring_one(id)
        place = self._place[id]
        self._records[place], self._changed[place] = self._stack.packed(_arrays_of(model)), True

    def _record(self, id: int) -> Ints:
        place = self._place[id]
        if place != NOBODY:
            found: Ints = self._records[place]
            return found
        if self._unborn[id]:
            fresh: Ints = self._records[0]
            return fresh
        assert self._cellar is not None
        record: Ints = np.empty((1, self._stack.n_words), np.int64)
        self._cellar.read_rows(record, np.zeros(1, np.int64), np.array([id * self._slot]))
        (found,) = record
        return found

    def _bare(self) -> Estimator:
        """A twin of the fresh model."""
        return self.fresh.clone().set_state(self.fresh.get_state())

    def _as_model(self, record: Ints, stack: Stack, model: Estimator) -> Estimator:
        for field, array in zip(model._state, stack.unpacked(record), strict=True):
            setattr(model, field.name, array)
        model._forget_caches()
        return model

    # ---------------------------------------------------------------- all of them

    def _change(self, change: Callable[[Any], None]) -> None:
        before, stack = self._bare(), self._stack
        change(self.fresh)
        self._stack = _stack_of(self.fresh)
        if self._stack.shapes == stack.shapes:
            self._records[0] = self._stack.packed(_arrays_of(self.fresh))
            return
        self._stack, new = stack, self._stack
        keys, old = list(self.index), self._each()
        known = ("schema_", "classes_")
        learned: dict[str, Any] = {
            name: vars(before)[name] for name in known if name in vars(before)
        }

        def changed() -> Iterator[Ints]:
            for record in old:
                model = self._as_model(record, stack, before)
                vars(model).update(learned)
                change(model)
                yield new.packed(_arrays_of(model))

        self._fill(keys, changed(), new)

    def _each(self) -> Iterator[Ints]:
        """Copies of all records, in the order of the index; those of now, whatever comes."""
        twin = object.__new__(Records)
        vars(twin).update(vars(self))
        twin._place = self._place.copy()
        return (twin._record(id).copy() for id in list(self.index.values()))

    def _models(self) -> Ints:
        found = np.empty((len(self.index), self._stack.n_words), np.int64)
        for i, id in enumerate(self.index.values()):
            found[i] = self._record(id)
        return found

    def _put_all(self, keys: list[float], models: Any) -> None:
        stack = _stack_of(self.fresh)
        if models.shape != (len(keys), stack.n_words):
            raise wrong("state['models']", models.shape, f"shape {(len(keys), stack.n_words)}")
        self._fill(keys, iter(models), stack)

    def _fill(self, keys: list[float], records: Iterator[Ints], stack: Stack) -> None:
        """Begin anew with records of the layout `stack`."""
        self._stack = stack
        self._begin()
        short = len(keys) - self.n_most
        for _ in range(max(short, 0)):
            next(records)
            self.n_forgotten += 1
        keys = keys[max(short, 0) :]
        self._place = np.full(max(len(keys), _FIRST), NOBODY)
        self._unborn = np.zeros(len(self._place), bool)
        for (id, fits), record in zip(self._enter(keys), records, strict=True):
            if fits:
                place = self._new_places(1, 0).pop()
                self._records[place], self._changed[place] = record, True
                self._place[id], self._owner[place] = place, id
            else:
                assert self._cellar is not None
                self._cellar.write_rows(
                    record[None], np.zeros(1, np.int64), np.array([id * self._slot])
                )


def _stack_of(model: Estimator) -> Stack:
    assert model._kernel is not None
    settings = np.array(model._settings(), np.float64)
    return Stack(model._kernel, settings, _arrays_of(model), model._n_scratch())


def _arrays_of(model: Estimator) -> list[Any]:
    return [getattr(model, field.name) for field in model._state]


def _longer(array: Any, size: int, fill: Any) -> Any:
    new = np.zeros((size, *array.shape[1:]), array.dtype)  # memory is taken as it is written to
    new[: len(array)] = array
    if fill:
        new[len(array) :] = fill
    return new
