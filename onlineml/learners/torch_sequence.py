"""What the sequence learners of torch share: states by key, windows of rows, their steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from onlineml.estimator import Diagnostics
from onlineml.kernels.arena import Array, Field, Ints
from onlineml.learners.keys import column_of, make_place, places_of
from onlineml.learners.torch_learner import SCALES, scale
from onlineml.nn.captured import Loss
from onlineml.nn.options import Options
from onlineml.nn.recurrent_net import CELLS, RecurrentNet
from onlineml.nn.torch_estimator import Singles, TorchEstimator
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

CLOCK, DROPPED, KNOWN = range(3)  # counts: rows learned, keys dropped, classes

STATE = (
    *SCALES,
    Field("counts_", (3,), np.int64),
    Field("keys_", ("K",), fill=np.nan),
    Field("used_", ("K",), np.int64),  # when the key's last row was learned; 0: no key
    Field("n_held_", ("K",), np.int64),
    Field("n_learned_", ("K",), np.int64),  # windows that the carried state has come through
    Field("held_", ("K", "T", "F"), np.float32),
    Field("held_y_", ("K", "T")),
    Field("held_weight_", ("K", "T")),
)
_Places = dict[int, list[int]]  # rows by the place of their key


class TorchSequence(TorchEstimator):
    """An estimator around a recurrent network; classifier and regressor add a role.

    What is kept of a key is the state before its present window, and the rows of that window: the
    state after them is a cache, so that it does not depend on how rows were grouped.
    """

    _state: ClassVar[tuple[Field, ...]] = STATE
    _net_kind = RecurrentNet

    cell: str
    hidden: int
    truncation: int
    key: str | int | None
    max_keys: int
    loss: Any
    counts_: Ints
    keys_: Array
    used_: Ints
    n_held_: Ints
    n_learned_: Ints
    known_: Array
    mean_: Array
    m2_: Array
    held_: Singles
    held_y_: Array
    held_weight_: Array
    carried_: Singles

    # ---------------------------------------------------------------- hooks of the roles

    def _n_net_outputs(self) -> int:
        """Outputs of the network."""
        return 1

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        """Write the answers that the outputs of some rows give."""
        raise NotImplementedError

    def _loss_of(self, y: Array, weight: Array) -> Loss:
        """The loss of a window."""
        raise NotImplementedError

    def _is_new(self, y: float) -> bool:
        """Whether a target changes what can be answered."""
        return False

    def _meet(self, y: float) -> None:
        """Take a target in that changes what can be answered."""

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        for name in ("hidden", "truncation", "max_keys"):
            whole(name, getattr(self, name), 1)
        super()._check()
        if self.module is None and self.cell not in CELLS:
            raise wrong("cell", self.cell, f"one of {list(CELLS)}")

    def _options(self) -> Options:
        return super()._options()._replace(cell=self.cell)

    def _widths(self) -> tuple[int]:
        return (self.hidden,)

    def _sizes(self) -> dict[str, int]:
        return {"K": 1 if self.key is None else self.max_keys, "T": self.truncation}

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        return schema.n_features, self._n_net_outputs()

    def _start(self, schema: Schema) -> None:
        column_of(self.key, schema)
        net = RecurrentNet(self._options(), *self._net_sizes(schema))
        self.net_ = net.arrays()
        self.carried_ = np.zeros((len(self.keys_), net.n_state), np.float32)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started:
            due = len(self.keys_), self._network().n_state
            if self.carried_.shape != due:
                came = self.carried_.shape
                self.reset()
                raise wrong("state['carried_']", came, f"an array of shape {due}")

    def _keep(self) -> None:
        super()._keep()
        self._forget_states()  # a twin would come to them by other sums

    def diagnostics(self) -> Diagnostics:
        """How many keys were dropped for want of room."""
        if self.key is None or not self.is_started:
            return {}
        return {"n_keys_dropped": float(self.counts_[DROPPED])}

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        told = (weight > 0.0).tolist() if fit else [False] * len(X)
        scaled, keys = self._scaled(X, weight if fit else np.zeros(len(X)))
        first = 0
        while first < len(X):
            if told[first]:
                places, last = self._together(keys, told, y, first)
                self._go_on(places, scaled, out, serve)
                self._take_in(places, scaled, y, weight)
                if self._is_new(y[last - 1]):
                    self._meet(y[last - 1])
                self._step_where_full(places)
            else:
                last = first + 1
                if serve:
                    outputs = self._looked_at(scaled[first:last], keys[first])
                    self._answer_to(outputs, out[first:last], serve)
            first = last

    def _scaled(self, X: Array, weight: Array) -> tuple[Singles, list[float]]:
        """Rows in the units of the network, which does not see their keys, and these."""
        scaled = np.empty(X.shape, np.float32)
        scale(X, weight, self.known_, self.mean_, self.m2_, scaled)
        column = column_of(self.key, self.schema_)
        if column is None:
            return scaled, [0.0] * len(X)
        scaled[:, column] = 0.0
        return scaled, np.where(np.isnan(X[:, column]), np.inf, X[:, column]).tolist()

    def _together(
        self, keys: list[float], told: list[bool], y: Array, first: int
    ) -> tuple[_Places, int]:
        """Rows from `first` on that come before any step, and the row after them.

        A key that takes the place of another comes first, and one whose window is full, or a
        target that changes what can be answered, last.
        """
        places: _Places = {}
        for i in range(first, len(keys)):
            if i > first and (not told[i] or self._lacks_room(keys[i])):
                return places, i
            place = self._place_for(keys[i])
            self.counts_[CLOCK] += 1
            self.used_[place] = self.counts_[CLOCK]
            rows = places.setdefault(place, [])
            rows.append(i)
            if self.n_held_[place] + len(rows) == self.truncation or self._is_new(y[i]):
                return places, i + 1
        return places, len(keys)

    def _go_on(self, places: _Places, scaled: Singles, out: Array, serve: int) -> None:
        """Answer rows, each after those of its key before it."""
        if not serve:
            return
        for place, rows in places.items():
            outputs, after = self._network().carry(scaled[rows], self._state_at(place))
            answers = np.empty((len(rows), out.shape[1]))
            self._answer_to(outputs, answers, serve)
            out[rows] = answers
            self._after[place] = after
            self._ahead[place] += len(rows)

    def _take_in(self, places: _Places, scaled: Singles, y: Array, weight: Array) -> None:
        for place, rows in places.items():
            n: Any = int(self.n_held_[place])
            held, which = (slice(n, n + len(rows)), rows) if len(rows) > 1 else (n, rows[0])
            self.held_[place, held] = scaled[which]
            self.held_y_[place, held], self.held_weight_[place, held] = y[which], weight[which]
            self.n_held_[place] = n + len(rows)

    def _step_where_full(self, places: _Places) -> None:
        """Learn a window, if one is full; every state after rows that wait is then another."""
        for place in places:
            if self.n_held_[place] == self.truncation:
                loss = self._loss_of(self.held_y_[place], self.held_weight_[place])
                start = self._start_of(place)
                self.carried_[place] = self._network().learn(self.held_[place], start, loss)
                self.n_learned_[place] += 1
                self.n_held_[place] = 0
                self._forget_states()

    # ---------------------------------------------------------------- keys and their states

    def _known_places(self) -> dict[float, int]:
        if "_by_key" not in vars(self):
            self._by_key = places_of(self.keys_, self.used_)
        return self._by_key

    def _lacks_room(self, key: float) -> bool:
        places = self._known_places()
        return key not in places and len(places) == len(self.keys_)

    def _place_for(self, key: float) -> int:
        """The place of a key; a new one takes that of the key that was longest not learned."""
        places = self._known_places()
        if key in places:
            return places[key]
        place, dropped = make_place(key, self.keys_, self.used_, places)
        if dropped:
            self.counts_[DROPPED] += 1
            vars(self).pop("_seen", None)
        self.n_held_[place] = self.n_learned_[place] = 0
        if "_ahead" in vars(self):
            self._ahead[place] = 0
        return place

    def _start_of(self, place: int) -> Singles | None:
        return self.carried_[place] if self.n_learned_[place] else None

    def _state_at(self, place: int) -> Singles | None:
        """The state after all rows of a key: a cache, brought up to date."""
        if "_ahead" not in vars(self):
            self._ahead = np.zeros(len(self.keys_), np.int64)
            self._after = np.empty_like(self.carried_)
        ahead, n = int(self._ahead[place]), int(self.n_held_[place])
        if ahead < n:
            rows = self.held_[place, ahead:n]
            where, row, after = vars(self).get("_seen", (None, None, None))
            if where != (place, ahead) or n > ahead + 1 or row.tobytes() != rows.tobytes():
                start = self._after[place] if ahead else self._start_of(place)
                after = self._network().carry(rows, start)[1]
            self._after[place], self._ahead[place] = after, n
        return self._after[place] if n else self._start_of(place)

    def _now(self, key: float) -> Singles | None:
        """The state of a key, None where it is not known."""
        place = self._known_places().get(key)
        return None if place is None else self._state_at(place)

    def _looked_at(self, row: Singles, key: float) -> Any:
        """Outputs for one row; the state after it is kept, as it is mostly learned next."""
        place = self._known_places().get(key)
        state = None if place is None else self._state_at(place)
        outputs, after = self._network().carry(row, state)
        if place is not None:
            self._seen = (place, int(self.n_held_[place])), row, after
        return outputs

    def _forget_states(self) -> None:
        """States after rows that wait for their step depend on the weights."""
        for name in ("_ahead", "_after", "_seen"):
            vars(self).pop(name, None)

    def _embedded(self, X: Array) -> Singles:
        scaled, keys = self._scaled(X, np.zeros(len(X)))
        net = self._network()
        rows: Iterator[Any] = (
            net.embedded_after(scaled[i : i + 1], self._now(keys[i])) for i in range(len(X))
        )
        return np.concatenate(list(rows) or [np.empty((0, net.last.in_features), np.float32)])
