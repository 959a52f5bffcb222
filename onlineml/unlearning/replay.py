"""Forgetting by learning again: a log of the last rows, and states of the past to go back to."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, Literal, Self

import numpy as np

from onlineml.base import Array
from onlineml.estimator import BLOCK, Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Field, Ints
from onlineml.learners.privacy import check_replays
from onlineml.parameters import whole
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong
from onlineml.unlearning.certificate import NO_ROWS, Noter, bound, fades
from onlineml.unlearning.checkpoints import CHECKPOINTS, Checkpointed
from onlineml.unlearning.experts import (
    are_apart,
    can_be_apart,
    learn_apart,
    make_room,
    note_choices,
    who_learns,
    withdraw,
)
from onlineml.unlearning.fingerprints import fingerprint, several
from onlineml.unlearning.log import cells
from onlineml.unlearning.states import restore
from onlineml.unlearning.straight import Rows, Straight, straight
from onlineml.unlearning.writing import FIRST, NAMED, NEXT, NUMBER, STALE, TAGGED, WEIGHED

_NOTHING = np.empty((0, 1))
_LOST = "the log does not hold it: it was never learned, is forgotten, or is older than the log"
_OLDER = "rows of this id that are older than the log, if there were any, remain"
_FADED = "older than the log, if it was ever learned: the bound is for all such rows together"


class Replayed(Checkpointed):
    """What `Replayable` makes, whatever its role: a model, its log, and its checkpoints.

    When rows are forgotten, those behind close up: all is as if they had never been numbered.
    """

    _state = (*Checkpointed._state, Field("extremes_", (4,)))  # see `unlearning.certificate`

    extremes_: Array
    _straight: Straight | None = None  # to the model's kernel; None: not yet known, or no way

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
        check_replays(self.model)
        for name, value in (("horizon", self.horizon), ("every", self._gap())):
            whole(name, value, 1)
        if self.checkpoints not in CHECKPOINTS:
            raise wrong("checkpoints", self.checkpoints, f"one of {list(CHECKPOINTS)}")
        if self.log is not None and not os.path.isdir(self.log):
            raise wrong("log", self.log, "a folder that is there, or None for a log in memory")

    def _learned_under(self, params: Mapping[str, Any]) -> Self:
        if any(name.partition("__")[0] == "model" for name in params):
            due = "none of the model's: rows are learned again as they were; reset() first"
            raise wrong(type(self).__name__, dict(params), due)
        return super()._learned_under(params)

    # ---------------------------------------------------------------- life

    def _start(self, schema: Schema) -> None:
        self.model_ = self.model.clone()
        self.model_._begin(schema)
        self._keep_first_state()
        self.cursor_[STALE] = -1
        make_room(self)
        self.extremes_[:] = NO_ROWS
        self._move_to_disk()

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is self.schema_ and schema is self.model_.schema_:
            return
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
        if self._width < 0 or self._cursor[STALE] >= 0:
            self._catch_up()
        return super()._rows(X, fit=fit, one=one)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self._pass_on(X, y, weight, out, serve, False)
            return
        done = self._learn_straight((X, y, weight, out), serve)
        if done < len(X):
            part = slice(done, None)
            self._learn_on(X[part], y[part], weight[part], out[part], serve)

    def _learn_straight(self, rows: Rows, serve: int) -> int:
        """Let rows be learned and written straight; the first that cannot be."""
        done, n, way, tags = 0, len(rows[0]), self._straight, self._coming
        if way is None or not 1 < n <= BLOCK or (serve and rows[3].shape[1] != len(self._out)):
            return 0
        if isinstance(tags, np.ndarray):
            way.tags[:n] = tags[:n]
        way.aim(rows, serve, self._plausible)
        while done < n:
            before = done
            done, due = way.learn(done)
            if done == before:
                break
            if due:
                self._keep_state()
        if isinstance(tags, np.ndarray):
            self._coming = tags[done:]
        way.rest()
        return done

    def _learn_on(self, X: Array, y: Array, weight: Array, out: Array, serve: int) -> None:
        """Learn rows and write them, whatever else there is to do."""
        noter = self._ready()._noter
        if noter is not None:
            noter.note(X, y, weight)
        self._feed(X, y, weight, out, serve, new=True)
        self._look_again()
        self._ready()  # the next rows go straight

    def _prepare(self) -> None:
        super()._prepare()
        self._cursor = cells(self.cursor_)
        self._marks = [cells(array) for array in (self.targets_, self.weights_, self.tags_)]
        does = fades(self.model_)
        self._noter = Noter(self.extremes_) if does else None
        self._is_whole = len(self.rows_) >= self._capacity()
        way = self._straight = straight(self)
        self._tag = None if way is None else way.tag
        if way is not None:
            self._call, self._fitting = way.call, way.learning
            self._serving, self._scoring = way.answering, way.scoring

    def _call_python(self, rows: tuple[Array, Array, Array, Array], what: int) -> int:
        """One row, through the model's one-row calls; the way of chunks where it balks."""
        model = self.model_._ready()
        model._row[...] = self._row
        if what & FIT:
            if self._y[0] < self._n_met() and self._note_row(model, rows):
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

    def _note_row(self, model: Any, rows: tuple[Array, Array, Array, Array]) -> bool:
        """Let the model learn its owned row, and write it into the log; False where it balks."""
        cursor, room, target = self._cursor, len(self.rows_), self._y[0]
        following, number = cursor[NEXT], cursor[NUMBER]
        if following >= room and room < self._capacity():
            return False
        model._y[0] = target
        if model._call(model._fitting) != 1:
            return False
        place = following % room
        tags = self._came(1)
        self.rows_[place] = self._row
        self._marks[0][place] = target
        if cursor[WEIGHED]:
            self._marks[1][place] = 1.0
        if self._noter is not None:
            self._noter.note(*rows[:3])
        if tags is not None:
            if cursor[TAGGED] != following:
                self._write_tags()
            self._marks[2][place] = int(tags[0])
            cursor[NAMED], cursor[TAGGED] = 1, following + 1
        cursor[NEXT], cursor[NUMBER] = following + 1, number + 1
        if following >= room + cursor[FIRST]:
            cursor[FIRST] += 1
        note_choices(self, 1)
        if (following + 1) % self._gap() == 0:
            self._keep_state()
        return True

    def _feed(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, *, new: bool
    ) -> None:
        """Let the model learn rows, writing new ones into the log and keeping states in time."""
        done, n, gap, cursor = 0, len(X), self._gap(), cells(self.cursor_)
        while done < n:
            left = min(gap - cursor[NEXT] % gap, BLOCK)
            if not done and n <= left:  # as a rule: to slice four arrays takes a microsecond
                self._feed_block(X, y, weight, out, serve, new)
            else:
                part = slice(done, done + left)
                self._feed_block(X[part], y[part], weight[part], out[part], serve, new)
            done += left
            if cursor[NEXT] % gap == 0:
                self._keep_state()

    def _feed_block(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, new: bool
    ) -> None:
        self._meet(y)
        self._pass_on(X, y, weight, out, serve, True)
        if new:  # only now: the model has read the rows while it was busy with them
            self._note(X, y, weight)
        else:
            cells(self.cursor_)[NEXT] += len(X)
        note_choices(self, len(X))

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
        asked = several(ids)
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
        known, left = len(recent) > 0, self._left(id, edge, recent)
        if not known and not isinstance(left, float):
            return refused(f"{_LOST}; {left}" if left else _LOST)
        why = who_learns(self, recent) if len(recent) else ""
        n = self._replay_without(recent, later) if len(recent) else 0
        if not known:
            return Receipt("certified", float(left or 0.0), 0.0, n, _FADED)
        unsure = id is not None and (left is not None or len(recent) < len(numbers))
        within = f" (within {left:.3g})" if isinstance(left, float) else ""
        said = [_OLDER + within] if unsure else []
        said += [why] if why else []
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
        if are_apart(self) and not can_be_apart(self, int(numbers[0])):
            self._catch_up()
        self._drop(numbers)
        stale, first = self.cursor_[STALE], numbers[0]
        if withdraw(self, numbers):
            self.cursor_[STALE] = first if stale < 0 else min(first, stale)
        if not (later or self.lazy):
            return self._catch_up()
        self._forget_caches()  # so that whatever comes next goes by `_rows`, and catches up
        return 0

    def _catch_up(self) -> int:
        """Go back to before the first row that was forgotten; learn the others again, so many."""
        if not self.is_started or self.cursor_[STALE] < 0:
            return 0
        if are_apart(self):
            self.cursor_[STALE] = -1
            self._forget_caches()
            return learn_apart(self)
        stale, known = self.cursor_[STALE], self._known()
        self._spares = [c["state"] for c in self.checkpoints_ if c["at"] > stale]
        self.checkpoints_ = [c for c in self.checkpoints_ if c["at"] <= stale]
        last, end = self.checkpoints_[-1], int(self.cursor_[NEXT])
        at: int = last["at"]
        self.cursor_[STALE] = -1
        self.cursor_[NEXT] = at
        restore(self.model_, last["state"], self._ways)
        self._recode(at, end)
        self._learn_again(at, end)
        self._ways.only([*(c["state"] for c in self.checkpoints_), *self._spares])
        if self._known() != known:
            self._forget_caches()
        self._look_again()
        return end - at

    def _look_again(self) -> None:
        """Forget the straight way where the model's arrays or classes are others."""
        if self._straight is not None and not self._straight.holds(self):
            self._forget_caches()

    def _learn_again(self, first: int, end: int) -> None:
        # of text, all values at once: the log holds their codes
        self.model_._admit(_first_columns(self.schema_, self.model_.schema_.n_features))
        for lo in range(first, end, BLOCK):
            places = self._places(lo, min(lo + BLOCK, end))
            X, y, weight = self.rows_[places], self.targets_[places], self.weights_[places]
            for part in self._as_told(X):
                rows = np.ascontiguousarray(X[part, : self.model_.schema_.n_features])
                self._feed(rows, y[part], weight[part], _NOTHING, 0, new=False)
        self.model_._admit(self.schema_)

    def _as_told(self, X: Array) -> Iterator[slice]:
        """Stretches of rows; before each, the model is told of the columns that it shows."""
        first, model, schema = 0, self.model_, self.schema_
        while (known := model.schema_.n_features) < schema.n_features:
            shown = ~np.isnan(X[first:, known:])
            ahead = np.flatnonzero(shown.any(axis=1))
            if not len(ahead):
                break
            row = first + int(ahead[0])
            if row > first:
                yield slice(first, row)
            n = known + 1 + int(np.flatnonzero(shown[ahead[0]])[-1])
            model._admit(_first_columns(schema, n))
            first = row
        yield slice(first, len(X))

    def _known(self) -> tuple[Any, ...]:
        """What the caches of rows in and out depend on."""
        return (self._n_outputs(), *getattr(self, "classes_", ()))

    def _recode(self, first: int, end: int) -> None:
        """Number the classes as they come in the rows that are left."""


def _first_columns(schema: Schema, n: int) -> Schema:
    """The schema of the first `n` columns, with all values of text."""
    return schema if n == schema.n_features else schema.taking(range(n))
