"""Forgetting by learning again: a log of the last rows, and states of the past to go back to."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Iterable, Mapping
from time import perf_counter
from typing import Any, ClassVar, Literal, Self

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.estimator import BLOCK, Diagnostics
from onlineml.kernels.arena import Field, Ints
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong
from onlineml.unlearning.called import Called
from onlineml.unlearning.fingerprints import fingerprint

_NOTHING = np.empty((0, 1))
CHECKPOINTS = ("geometric", "even")
# Places of `cursor_`: the first row of the log and the one after its last, rows ever learned (what
# rows without an id are called), the first row that is to be learned again, whether ids came.
_FIRST, _NEXT, _NUMBER, _STALE, _NAMED = range(5)
_LOG = 4  # arrays of the log
_LOST = "the log does not hold it: it was never learned, is forgotten, or is older than the log"
_OLDER = "rows of this id that are older than the log, if there were any, remain"


class Replayed(Called):
    """What `Replayable` makes, whatever its role: a model, its log, and its checkpoints.

    Rows are numbered from 0 without gaps: when some are forgotten, those behind close up, in the
    log too. Row `i` lies at place `i % W` of the log.
    """

    #: The role that the model must have.
    _role: ClassVar[type[Estimator]]

    _state = (
        Field("rows_", ("W", "F"), fill=np.nan),
        Field("targets_", ("W",)),
        Field("weights_", ("W",)),
        Field("tags_", ("W",), np.int64),  # its id's fingerprint, or -1 - its number
        Field("cursor_", (5,), np.int64),
    )

    rows_: Array
    targets_: Array
    weights_: Array
    tags_: Ints
    cursor_: Ints
    model_: Any
    checkpoints_: list[dict[str, Any]]

    def __init__(
        self,
        *,
        model: Any,
        horizon: int = 100_000,
        checkpoints: Literal["geometric", "even"] = "geometric",
        every: int = 4096,
        lazy: bool = False,
        log: str | None = None,
    ) -> None:
        self.model = model
        self.horizon = horizon
        self.checkpoints = checkpoints
        self.every = every
        self.lazy = lazy
        self.log = log

    def _check(self) -> None:
        if not isinstance(self.model, self._role):
            raise wrong("model", self.model, f"a {self._role.__name__.lower()}")
        for name in ("horizon", "every"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise wrong(name, value, "a whole number >= 1")
        if self.checkpoints not in CHECKPOINTS:
            raise wrong("checkpoints", self.checkpoints, f"one of {list(CHECKPOINTS)}")

    # ---------------------------------------------------------------- life

    def _sizes(self) -> dict[str, int]:
        return {"W": 1}

    def _start(self, schema: Schema) -> None:
        self.model_ = self.model.clone()
        self.model_._begin(schema)
        self.checkpoints_ = [{"at": 0, "state": self.model_.get_state()}]
        self.cursor_[_STALE] = -1
        self._move_to_disk()

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.model_._admit(schema)
        if self._width >= 0 and len(self._out) != self._n_outputs():
            self._forget_caches()

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        self._move_to_disk()

    def _move_to_disk(self) -> None:
        """Put the log into a file without a name, which goes when nothing holds it any more."""
        if self.log is None:
            return
        for field in self._state[:_LOG]:
            array = getattr(self, field.name)
            with tempfile.TemporaryFile(dir=self.log) as file:
                mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
            mapped[...] = array
            setattr(self, field.name, mapped)

    def get_state(self) -> dict[str, Any]:
        """Learned state, after what is to be learned again has been."""
        self._catch_up()
        return super().get_state()

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied."""
        super().set_state(state)
        if self.is_started:
            self._move_to_disk()
        return self

    def _n_outputs(self) -> int:
        return int(self.model_._n_outputs())

    def diagnostics(self) -> Diagnostics:
        """Those of the model."""
        found: Diagnostics = self.model_.diagnostics() if self.is_started else {}
        return found

    # ---------------------------------------------------------------- learning

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        self._catch_up()
        return super()._rows(X, fit=fit, one=one)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self._pass_on(X, y, weight, out, serve, False)
            return
        self._note(X, y, weight)
        self._feed(X, y, weight, out, serve)

    def _note(self, X: Array, y: Array, weight: Array) -> None:
        """Write rows into the log."""
        n, cursor = len(X), self.cursor_
        self._make_room_for(n)
        tags = self._came(n)
        if tags is None:
            tags = np.arange(-1 - cursor[_NUMBER], -1 - cursor[_NUMBER] - n, -1)
        else:
            cursor[_NAMED] = 1
        room, done = len(self.rows_), max(n - len(self.rows_), 0)
        while done < n:
            place = (cursor[_NEXT] + done) % room
            step = min(n - done, room - place)
            here, part = slice(place, place + step), slice(done, done + step)
            self.rows_[here], self.tags_[here] = X[part], tags[part]
            self.targets_[here], self.weights_[here] = y[part], weight[part]
            done += step
        cursor[_NUMBER] += n
        cursor[_FIRST] = max(cursor[_FIRST], cursor[_NEXT] + n - room)

    def _make_room_for(self, n: int) -> None:
        due = int(self.cursor_[_NEXT]) + n
        if len(self.rows_) < min(due, self._capacity()):
            self._enlarge("W", min(1 << (due - 1).bit_length(), self._capacity()))

    def _feed(self, X: Array, y: Array, weight: Array, out: Array, serve: int) -> None:
        """Let the model learn rows, keeping its state where one is due."""
        done = 0
        while done < len(X):
            at = int(self.cursor_[_NEXT])
            part = slice(done, min(len(X), done + self.every - at % self.every))
            self._meet(y[part])
            self._pass_on(X[part], y[part], weight[part], out[part], serve, True)
            self.cursor_[_NEXT] += part.stop - done
            done = part.stop
            if self.cursor_[_NEXT] % self.every == 0:
                self._keep_state()

    def _meet(self, y: Array) -> None:
        """Tell the model of classes when it meets the first row of each, not before."""

    def _pass_on(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool
    ) -> None:
        width = self.model_._n_outputs()
        if not serve or out.shape[1] == width:
            self.model_._run(X, y, weight, out, serve, fit)
            return
        wide = np.zeros((len(X), width))  # the model has room for more classes than are known
        self.model_._run(X, y, weight, wide, serve, fit)
        shared = min(width, out.shape[1])
        out[:, :shared], out[:, shared:] = wide[:, :shared], 0.0

    # ---------------------------------------------------------------- states of the past

    def _top(self) -> int:
        """Checkpoints lie `every` * 2^level rows apart; the highest level, a quarter horizon."""
        if self.checkpoints == "even":
            return 0
        return max(self.horizon // (4 * self.every), 1).bit_length() - 1

    def _capacity(self) -> int:
        """Rows of the log: those of the horizon, back to the checkpoint before them."""
        return self.horizon + (self.every << self._top())

    def _keep_state(self) -> None:
        """Keep the state, and of each level only the last few."""
        top, left = self._top(), {}
        left = {level: 2 for level in range(top)} | {top: -(-self.horizon // (self.every << top))}
        left[top] += 1
        kept = []
        made = {"at": int(self.cursor_[_NEXT]), "state": self.model_.get_state()}
        for checkpoint in [made, *reversed(self.checkpoints_)]:
            k = checkpoint["at"] // self.every
            level = min((k & -k).bit_length() - 1, top) if k else top
            if left[level] > 0:
                left[level] -= 1
                kept.append(checkpoint)
        self.checkpoints_ = kept[::-1]

    @property
    def n_rows(self) -> int:
        """Rows that were learned and are not forgotten."""
        return int(self.cursor_[_NEXT]) if self.is_started else 0

    # ---------------------------------------------------------------- forgetting

    def unlearn_many(self, ids: Iterable[Hashable]) -> list[Receipt]:
        """Forget the rows of many ids in one replay; a receipt for each.

        Each says how many rows that one replay has gone through, and an equal share of its cost.
        """
        began = perf_counter()
        asked = list(ids)
        found = [self._unlearn(None, None, id, 1.0, later=True) for id in asked]
        n = self._catch_up() if self.is_started and not self.lazy else 0
        cost = (perf_counter() - began) / max(len(asked), 1)
        return [
            receipt._replace(cost=cost, rows=n if receipt.forgotten else 0) for receipt in found
        ]

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float, later: bool = False) -> Receipt:
        if not self.is_started:
            return refused("nothing has been learned")
        if x is None and id is None:
            raise wrong("x", x, "a row, or the id that it was learned with")
        numbers = self._numbers_like(x, y, weight) if id is None else self._numbers_of(id)
        oldest = next(
            (c["at"] for c in self.checkpoints_ if c["at"] >= self.cursor_[_FIRST]), np.inf
        )
        if not len(numbers) or numbers[0] < oldest:
            return refused(_LOST)
        self._drop(numbers)
        n = 0 if later or self.lazy else self._catch_up()
        unsure = id is not None and self.cursor_[_NAMED] and self.cursor_[_FIRST]
        return Receipt("replayed", 0.0, 0.0, n, _OLDER if unsure else "")

    def _places(self, numbers: Any) -> Any:
        return numbers % len(self.rows_)

    def _numbers_of(self, id: Hashable) -> Ints:
        """Numbers of the rows that were learned with `id`."""
        tag = fingerprint(id)
        if not self.cursor_[_NAMED]:
            tag = -1 - tag
        first, end = self.cursor_[_FIRST], self.cursor_[_NEXT]
        places = np.flatnonzero(self.tags_ == tag)
        numbers = first + (places - first) % len(self.rows_)
        found: Ints = np.sort(numbers[numbers < end])
        return found

    def _numbers_like(self, x: Any, y: Any, weight: float) -> Ints:
        """The number of the last row that is like this one."""
        if not isinstance(x, Mapping):
            x = np.atleast_1d(x)
        row = self._rows(x, fit=True, one=True)[1][0]
        target = self._known_target(y)
        first, end = int(self.cursor_[_FIRST]), int(self.cursor_[_NEXT])
        if target is None or len(row) != self.rows_.shape[1]:
            return np.empty(0, np.int64)
        for stop in range(end, first, -BLOCK):
            numbers = np.arange(max(first, stop - BLOCK), stop)
            places = self._places(numbers)
            same = (self.targets_[places] == target) & (self.weights_[places] == weight)
            numbers, places = numbers[same], places[same]
            rows = self.rows_[places]
            same = ((rows == row) | (np.isnan(rows) & np.isnan(row))).all(1)
            if same.any():
                found: Ints = numbers[same][-1:]
                return found
        return np.empty(0, np.int64)

    def _drop(self, numbers: Ints) -> None:
        """Take rows out of the log; what was learned since the first is to be learned again."""
        first, end = int(numbers[0]), int(self.cursor_[_NEXT])
        stay = np.setdiff1d(np.arange(first, end), numbers, assume_unique=True)
        old, new = self._places(stay), self._places(np.arange(first, first + len(stay)))
        gone = self._places(np.arange(first + len(stay), end))
        for field in self._state[:_LOG]:
            array = getattr(self, field.name)
            array[new] = array[old]
            array[gone] = field.fill
        self.cursor_[_NEXT] = first + len(stay)
        stale = self.cursor_[_STALE]
        self.cursor_[_STALE] = first if stale < 0 else min(first, stale)
        self._forget_caches()

    def _catch_up(self) -> int:
        """Go back to before the first row that was forgotten; learn the others again, so many."""
        if not self.is_started or self.cursor_[_STALE] < 0:
            return 0
        self.checkpoints_ = [c for c in self.checkpoints_ if c["at"] <= self.cursor_[_STALE]]
        last, end = self.checkpoints_[-1], int(self.cursor_[_NEXT])
        at: int = last["at"]
        self.cursor_[_STALE] = -1
        self.cursor_[_NEXT] = at
        self.model_.set_state(last["state"])
        self._recode(at, end)
        self.model_._admit(self.schema_)
        for lo in range(at, end, BLOCK):
            places = self._places(np.arange(lo, min(lo + BLOCK, end)))
            y, weight = self.targets_[places], self.weights_[places]
            self._feed(self.rows_[places], y, weight, _NOTHING, 0)
        self._forget_caches()
        return end - at

    def _recode(self, first: int, end: int) -> None:
        """Number the classes as they come in the rows that are left."""
