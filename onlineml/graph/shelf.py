"""Who has a model, and since when it was not used: what keyed models of both kinds share."""

from __future__ import annotations

import os
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from typing import Any, NamedTuple, Self

import numpy as np

from onlineml.base import Classifier
from onlineml.estimator import Estimator
from onlineml.kernels.arena import Array, Ints
from onlineml.schema import Schema

INDEX_BYTES = 200  # that a key costs, beside its model
NOBODY = -1  # id of a key without a model
Rows = tuple[Array, Array, Array, Array]  # X, y, weight, out


class Limits(NamedTuple):
    """What a shelf may hold: keys, bytes in memory; where models go that find no room there."""

    max_keys: int
    max_bytes: int | None
    folder: str | None


class Shelf(ABC):
    """Models by key; `index` names the keys with their ids, the longest unused first.

    Parameters
    ----------
    fresh
        What each key begins with: started, and told of what the others have been told of.
    limits
        Where they do not let a key be, the one that was not used for longest is forgotten.
    """

    def __init__(self, fresh: Estimator, limits: Limits) -> None:
        self.fresh, self.limits = fresh, limits
        self.index: OrderedDict[float, int] = OrderedDict()
        self.n_forgotten = 0
        self._free_ids: list[int] = []
        self._n_ids = 0

    # ---------------------------------------------------------------- rows through

    def follow(
        self, keys: Array, rows: Rows, serve: int, fit: bool, tags: Ints | None = None
    ) -> None:
        """Each row by the model of its key; keys without one get one, if rows are learned.

        Models that keep rows by id are told the `tags` of theirs.

        Rows are taken together as long as no key is forgotten that they show.
        """
        ids = self._ids(keys, fit)
        if ids is None:
            half = len(keys) // 2
            for part in (slice(0, half), slice(half, len(keys))):
                X, y, weight, out = rows
                some = X[part], y[part], weight[part], out[part] if serve else out
                self.follow(keys[part], some, serve, fit, None if tags is None else tags[part])
        elif len(keys):
            self._run(ids, rows, serve, fit, tags)

    def _ids(self, keys: Array, fit: bool) -> Ints | None:
        """The id of each row's model; None where the rows are too many to be taken together."""
        if len(keys) == 1:
            return np.array([self._id(float(keys[0]), fit)])
        found, backwards, inverse = np.unique(keys[::-1], return_index=True, return_inverse=True)
        names = found.tolist()
        if len(names) > self._most_at_once():
            return None
        ids = list(map(self.index.get, names, repeat(NOBODY)))
        if fit:
            new = [i for i, id in enumerate(ids) if id == NOBODY]
            if not self._make_room(len(new), set(names)):
                return None
            for i in new:
                ids[i] = self._add(names[i])
            move = self.index.move_to_end
            for key in found[np.argsort(-backwards)].tolist():  # in the order of their last rows
                move(key)
        return np.array(ids)[inverse[::-1]]

    def _id(self, key: float, fit: bool) -> int:
        id = self.index.get(key, NOBODY)
        if fit:
            if id == NOBODY:
                self._make_room(1, set())
                id = self._add(key)
            self.index.move_to_end(key)
        return id

    def _make_room(self, n: int, present: set[float]) -> bool:
        """Forget keys for `n` new ones; False where these are among the `present`."""
        short = len(self.index) + n - self.n_most
        if short > 0:
            oldest = list(islice(self.index, short))
            if len(oldest) < short or not present.isdisjoint(oldest):
                return False
            for key in oldest:
                self.forget(key)
                self.n_forgotten += 1
        return True

    def _add(self, key: float) -> int:
        if self._free_ids:
            id = self._free_ids.pop()
        else:
            id, self._n_ids = self._n_ids, self._n_ids + 1
        self.index[key] = id
        self._born(id)
        return id

    def forget(self, key: float) -> bool:
        """Let a key be as if it had never come; whether it had."""
        id = self.index.pop(key, None)
        if id is not None:
            self._gone(id)
            self._free_ids.append(id)
        return id is not None

    # ---------------------------------------------------------------- what is new

    def admit(self, schema: Schema) -> None:
        """Tell all models of columns."""
        if schema != self.fresh.schema_:
            self._change(lambda model: model._admit(schema))

    def tell(self, classes: list[Any]) -> None:
        """Tell all models of classes."""
        self._change(lambda model: model._admit_targets(list(classes)))

    @property
    def n_told(self) -> int:
        """Classes that the models have been told of."""
        return len(self.fresh.classes_) if isinstance(self.fresh, Classifier) else 0

    # ---------------------------------------------------------------- of the two kinds

    @property
    @abstractmethod
    def n_most(self) -> int:
        """Most keys that there may be."""

    @abstractmethod
    def _most_at_once(self) -> int:
        """Most keys whose models can be in memory together."""

    @abstractmethod
    def _born(self, id: int) -> None:
        """A key has come: its model is a fresh one."""

    @abstractmethod
    def _gone(self, id: int) -> None:
        """The model is needed no longer."""

    @abstractmethod
    def _run(self, ids: Ints, rows: Rows, serve: int, fit: bool, tags: Ints | None) -> None:
        """Each row by the model of that id, `NOBODY`'s by a fresh one."""

    @abstractmethod
    def _change(self, change: Callable[[Any], None]) -> None:
        """Change all models, and the fresh one."""

    @abstractmethod
    def model_of(self, id: int) -> Estimator:
        """The model of that id; changes of it are kept by `put_back` only."""

    @abstractmethod
    def put_back(self, id: int, model: Estimator) -> None:
        """Take over what has changed."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes in memory."""

    # ---------------------------------------------------------------- state

    def get_state(self) -> dict[str, Any]:
        """All models, those in files too, the longest unused first: plain values."""
        return {
            "fresh": self.fresh.get_state(),
            "keys": np.array(list(self.index), np.float64),
            "n_forgotten": self.n_forgotten,
            "models": self._models(),
        }

    def set_state(self, plain: dict[str, Any]) -> Self:
        """Take over what `get_state` gave."""
        self.fresh.set_state(plain["fresh"])
        self.n_forgotten = plain["n_forgotten"]
        self._put_all(plain["keys"].tolist(), plain["models"])
        return self

    @abstractmethod
    def _models(self) -> Any:
        """All models as plain values, in the order of the index."""

    @abstractmethod
    def _put_all(self, keys: list[float], models: Any) -> None:
        """Begin anew with these models."""

    def _enter(self, keys: list[float]) -> Iterator[tuple[int, bool]]:
        """Put keys into the index, which was empty; their ids, and whether memory has room."""
        self.index = OrderedDict((key, id) for id, key in enumerate(keys))
        self._free_ids, self._n_ids = [], len(keys)
        cold = max(len(keys) - self._most_at_once(), 0)
        return ((id, id >= cold) for id in range(len(keys)))

    def __reduce__(self) -> Any:
        return _made_again, (type(self), self.fresh, self.limits, self.get_state())


def _made_again(kind: type[Shelf], fresh: Estimator, limits: Limits, state: Any) -> Shelf:
    return kind(fresh, limits).set_state(state)


class Cellar:
    """A file without a name for what finds no room in memory; it goes with the process."""

    def __init__(self, folder: str) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - as long as this lives
        weakref.finalize(self, self._file.close)
        self._free: dict[int, list[int]] = {}  # by size, a power of two
        self._end = 0

    def write_rows(self, rows: Ints, chosen: Ints, at: Ints) -> None:
        """Write some rows of a table, each to a place of its own."""
        file, data = self._file.fileno(), rows.data.cast("B")
        size = data.nbytes // len(rows)
        for start, place in zip((chosen * size).tolist(), at.tolist()):
            os.pwrite(file, data[start : start + size], place)

    def read_rows(self, rows: Ints, chosen: Ints, at: Ints) -> None:
        """Fill some rows of a table with what lies from places of their own on."""
        file, data = self._file.fileno(), rows.data.cast("B")
        size = data.nbytes // len(rows)
        for start, place in zip((chosen * size).tolist(), at.tolist()):
            os.preadv(file, (data[start : start + size],), place)

    def put(self, data: bytes) -> tuple[int, int]:
        """Write `data` to any free place; returns where, and how long it is."""
        size = 1 << max(len(data) - 1, 0).bit_length()
        free = self._free.get(size)
        if free:
            at = free.pop()
        else:
            at, self._end = self._end, self._end + size
        os.pwrite(self._file.fileno(), data, at)
        return at, len(data)

    def take(self, at: int, length: int) -> bytes:
        """What `put` has written; its place is free again."""
        data = os.pread(self._file.fileno(), length, at)
        self.release(at, length)
        return data

    def peek(self, at: int, length: int) -> bytes:
        """The same, which stays."""
        return os.pread(self._file.fileno(), length, at)

    def release(self, at: int, length: int) -> None:
        """Free a place."""
        self._free.setdefault(1 << max(length - 1, 0).bit_length(), []).append(at)
