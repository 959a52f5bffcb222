"""Forgetting by learning again: a log of the last rows, and states of the past to go back to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from time import perf_counter
from typing import Any, ClassVar, Literal

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.estimator import BLOCK, Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Field, Ints
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong
from onlineml.unlearning.certificate import NO_ROWS, bound, fades, note
from onlineml.unlearning.experts import coupling
from onlineml.unlearning.fingerprints import fingerprint
from onlineml.unlearning.log import (
    FIRST,
    NAMED,
    NEXT,
    NUMBER,
    STALE,
    TAGGED,
    WEIGHED,
    Logged,
    cells,
)
from onlineml.unlearning.states import State, Ways, keep, restore, size_of

_NOTHING, _ONE = np.empty((0, 1)), np.ones(1)
CHECKPOINTS = ("geometric", "even")
EVERY = 4096  # rows between two states, where they are no larger than these
_LOST = "the log does not hold it: it was never learned, is forgotten, or is older than the log"
_OLDER = "rows of this id that are older than the log, if there were any, remain"
_FADED = "older than the log, if it was ever learned: the bound is for all such rows together"


class Replayed(Logged):
    """What `Replayable` makes, whatever its role: a model, its log, and its checkpoints.

    When rows are forgotten, those behind close up: all is as if they had never been numbered.
    """

    #: The role that the model must have.
    _role: ClassVar[type[Estimator]]

    _state = (*Logged._state, Field("extremes_", (4,)))  # see `onlineml.unlearning.certificate`

    model_: Any
    checkpoints_: list[dict[str, Any]]
    extremes_: Array

    def __init__(
        self,
        *,
        model: Any,
        horizon: int = 100_000,
        checkpoints: Literal["geometric", "even"] = "geometric",
        every: int | None = None,
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
        for name, value in (("horizon", self.horizon), ("every", self._gap())):
            if not (isinstance(value, int) and value >= 1):
                raise wrong(name, value, "a whole number >= 1")
        if self.checkpoints not in CHECKPOINTS:
            raise wrong("checkpoints", self.checkpoints, f"one of {list(CHECKPOINTS)}")

    # ---------------------------------------------------------------- life

    def _start(self, schema: Schema) -> None:
        self.model_ = self.model.clone()
        self.model_._begin(schema)
        state = self.model_.get_state()
        self.checkpoints_ = [{"at": 0, "state": state, "size": size_of(state)}]
        self.cursor_[STALE] = -1
        self.extremes_[:] = NO_ROWS
        self._move_to_disk()

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.model_._admit(schema)
        if self._width >= 0 and len(self._out) != self._n_outputs():
            self._forget_caches()

    def get_state(self) -> dict[str, Any]:
        """Learned state, after what is to be learned again has been."""
        self._catch_up()
        return super().get_state()

    def _n_outputs(self) -> int:
        return int(self.model_._n_outputs())

    def diagnostics(self) -> Diagnostics:
        """Those of the model."""
        self._catch_up()
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
        if self._ready()._fades:
            note(self.extremes_, X, y, weight)
        self._feed(X, y, weight, out, serve, new=True)
        self._ready()  # rows that follow one by one take the short way

    def _prepare(self) -> None:
        super()._prepare()
        self._cursor = cells(self.cursor_)
        self._marks = [cells(array) for array in (self.targets_, self.weights_, self.tags_)]
        self._fades = fades(self.model_)

    def _call_python(self, rows: tuple[Array, Array, Array, Array], what: int) -> int:
        """One row, through the model's one-row calls; the way of chunks where it balks."""
        model = self.model_._ready()
        model._row[...] = self._row
        if what & FIT:
            if self._y[0] < self._n_met() and self._note_row(model):
                return 1
            return super()._call_python(rows, what)
        call = model._scoring if what & ANSWER_AND_SCORES else model._serving
        if model._call(call) != 1:
            return super()._call_python(rows, what)
        out, wide = self._out, model._out
        if len(out) == len(wide):
            out[...] = wide
        else:  # the model has room for more classes than are known
            shared = min(len(out), len(wide))
            out[:shared], out[shared:] = wide[:shared], 0.0
        return 1

    def _n_met(self) -> float:
        """From which target on the way of chunks is needed: classes that the model knows."""
        return np.inf

    def _note_row(self, model: Any) -> bool:
        """Let the model learn its owned row, and write it into the log; False where it balks."""
        cursor, room, target = self._cursor, len(self.rows_), self._y[0]
        following, number = cursor[NEXT], cursor[NUMBER]
        if following >= room and room < self._capacity():
            return False
        model._y[0] = target
        if model._call(model._fitting) != 1:
            return False
        place = following % room
        tag = self._came(1)
        self.rows_[place] = self._row
        self._marks[0][place] = target
        if cursor[WEIGHED]:
            self._marks[1][place] = 1.0
        if self._fades:
            note(self.extremes_, self._row[None], self._target, _ONE)
        if tag is not None:
            self._write_tags()
            self._marks[2][place] = int(tag[0])
            cursor[NAMED], cursor[TAGGED] = 1, following + 1
        cursor[NEXT], cursor[NUMBER] = following + 1, number + 1
        if following >= room + cursor[FIRST]:
            cursor[FIRST] += 1
        if (following + 1) % self._gap() == 0:
            self._keep_state()
        return True

    def _feed(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, *, new: bool
    ) -> None:
        """Let the model learn rows, writing new ones into the log and keeping states in time."""
        done, gap, cursor = 0, self._gap(), cells(self.cursor_)
        while done < len(X):
            left = gap - cursor[NEXT] % gap
            part = slice(done, min(len(X), done + left))
            done = part.stop
            self._meet(y[part])
            self._pass_on(X[part], y[part], weight[part], out[part], serve, True)
            if new:  # only now: the model has read the rows while it was busy with them
                self._note(X[part], y[part], weight[part])
            else:
                cursor[NEXT] += part.stop - part.start
            if cursor[NEXT] % gap == 0:
                self._keep_state()

    def _meet(self, y: Array) -> None:
        """Tell the model of classes when it meets the first row of each, not before."""

    def _pass_on(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool
    ) -> None:
        width = self.model_._n_outputs() if serve else 0
        if not serve or out.shape[1] == width:
            self.model_._run(X, y, weight, out, serve, fit)
            return
        wide = np.zeros((len(X), width))  # the model has room for more classes than are known
        self.model_._run(X, y, weight, wide, serve, fit)
        shared = min(width, out.shape[1])
        out[:, :shared], out[:, shared:] = wide[:, :shared], 0.0

    # ---------------------------------------------------------------- states of the past

    def _gap(self) -> int:
        """Rows between two states, at least."""
        return EVERY if self.every is None else self.every

    def _top(self) -> int:
        """States lie `_gap` * 2^level rows apart; the highest level, a quarter horizon."""
        if self.checkpoints == "even":
            return 0
        return max(self.horizon // (4 * self._gap()), 1).bit_length() - 1

    def _capacity(self) -> int:
        """Rows of the log: those of the horizon, back to the checkpoint before them."""
        return self.horizon + (self._gap() << self._top())

    def _keep_state(self) -> None:
        """Keep the state, in place of one of its level: of each level the last few stay."""
        at, gap, top = int(self.cursor_[NEXT]), self._gap(), self._top()
        k = at // gap
        level = min((k & -k).bit_length() - 1, top)
        due = at - (4 * gap << level if level < top else self._reach())
        spare = self._let_go(due)
        ways: Ways = vars(self).setdefault("_ways", {})
        rows = 8 * self.rows_.shape[1] * (gap << level)  # their bytes, since the last such state
        if self.every is None and level < top and rows < self.checkpoints_[-1]["size"]:
            ways.pop(id(spare), None)
            return
        state, size = keep(self.model_, spare, ways)
        self.checkpoints_.append({"at": at, "state": state, "size": size})

    def _reach(self) -> int:
        """How many rows states of the highest level go back: the horizon, and one more state."""
        gap = self._gap() << self._top()
        return gap * (1 + -(-self.horizon // gap))

    def _let_go(self, due: int) -> State:
        """Let the state go that was taken at `due` rows, if there is one."""
        i = len(self.checkpoints_) - 1
        while i >= 0 and self.checkpoints_[i]["at"] > due:
            i -= 1
        found = i >= 0 and self.checkpoints_[i]["at"] == due
        state: State = self.checkpoints_.pop(i)["state"] if found else {}
        return state

    @property
    def n_rows(self) -> int:
        """Rows that were learned and are not forgotten."""
        return int(self.cursor_[NEXT]) if self.is_started else 0

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
        if numbers is None:
            return refused(_LOST)
        edge = next((c["at"] for c in self.checkpoints_ if c["at"] >= self.cursor_[FIRST]), None)
        edge = self.n_rows if edge is None else edge
        recent = numbers[numbers >= edge]
        known, left = len(recent) == len(numbers) > 0, self._left(id, edge, recent)
        if not known and not isinstance(left, float):
            return refused(f"{_LOST}; {left}" if left else _LOST)
        n = self._replay_without(recent, later) if len(recent) else 0
        if not known:
            return Receipt("certified", float(left or 0.0), 0.0, n, _FADED)
        unsure = id is not None and left is not None
        within = f" (within {left:.3g})" if isinstance(left, float) else ""
        said = [_OLDER + within] if unsure else []
        said += [why] if (why := coupling(self.model_)) else []
        return Receipt("replayed", 0.0, 0.0, n, "; ".join(said))

    def _left(self, id: Hashable, edge: int, recent: Ints) -> float | str | None:
        """A bound on what is left of rows before `edge`, or why there is none.

        None where no such row can have been learned with this id and not be forgotten.
        """
        cursor = self.cursor_
        if edge == 0:
            return None
        numbered = id is not None and not cursor[NAMED]
        if numbered and fingerprint(id) >= -1 - self._tag_at(edge):
            return None
        weight = self.weights_[self._places(edge, int(cursor[NEXT]))]
        return bound(self.model_, self.extremes_, np.delete(weight, recent - edge))

    def _replay_without(self, numbers: Ints, later: bool) -> int:
        """Take rows out of the log, and learn those behind again: so many, or later."""
        self._drop(numbers)
        stale, first = self.cursor_[STALE], numbers[0]
        self.cursor_[STALE] = first if stale < 0 else min(first, stale)
        self._forget_caches()
        return 0 if later or self.lazy else self._catch_up()

    def _catch_up(self) -> int:
        """Go back to before the first row that was forgotten; learn the others again, so many."""
        if not self.is_started or self.cursor_[STALE] < 0:
            return 0
        self.checkpoints_ = [c for c in self.checkpoints_ if c["at"] <= self.cursor_[STALE]]
        last, end = self.checkpoints_[-1], int(self.cursor_[NEXT])
        at: int = last["at"]
        self.cursor_[STALE] = -1
        self.cursor_[NEXT] = at
        restore(self.model_, last["state"])
        self._recode(at, end)
        self.model_._admit(self.schema_)
        for lo in range(at, end, BLOCK):
            places = self._places(lo, min(lo + BLOCK, end))
            y, weight = self.targets_[places], self.weights_[places]
            self._feed(self.rows_[places], y, weight, _NOTHING, 0, new=False)
        self._forget_caches()
        return end - at

    def _recode(self, first: int, end: int) -> None:
        """Number the classes as they come in the rows that are left."""
