"""What learners of many networks of torch share: one answer of all, or a network for each key."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from onlineml.estimator import Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array, Field, Ints
from onlineml.learners.keys import column_of, make_place, places_of
from onlineml.learners.torch_learner import STATE, TorchLearner
from onlineml.nn.options import Options
from onlineml.nn.stacked_net import StackedNet
from onlineml.nn.stacked_steps import known_params
from onlineml.nn.torch_estimator import Singles
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_CLOCK, _DROPPED = 3, 4  # of counts, after those of `torch_learner`: keys learned, keys dropped

#: The keys of the models, when their last row was learned (0: never), and those of the batch.
STACKED_STATE = (
    *(field for field in STATE if field.name != "counts_"),
    Field("counts_", (5,), np.int64),
    Field("keys_", ("K",), fill=np.nan),
    Field("used_", ("K",), np.int64),
    Field("held_key_", ("B",)),
)


class StackedLearner(TorchLearner):
    """An estimator around many networks of torch; classifier and regressor add a role."""

    _state: ClassVar[tuple[Field, ...]] = STACKED_STATE
    _net_kind = StackedNet
    replay_size = replay_rows = 0
    penalty = None
    standardize = True
    scheduler = scheduler_params = None
    mixed_precision = False

    n_models: int
    key: str | int | None
    max_keys: int
    keys_: Array
    used_: Ints
    held_key_: Array

    # ---------------------------------------------------------------- hooks of the roles

    def _learned_targets(self, y: Array) -> Any:
        """Targets of a batch as the loss gets them."""
        raise NotImplementedError

    def _row_loss(self) -> Any:
        """The loss of each row, a function of outputs and targets."""
        raise NotImplementedError

    def _answer_each(self, outputs: Any, out: Array) -> None:
        """Write what single models answer to some rows; outputs `(n_models, n_rows, ...)`."""
        raise NotImplementedError

    def _together(self, outputs: Any) -> Any:
        """Outputs of all models as those of one."""
        raise NotImplementedError

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        super()._check()
        known_params(self.optimizer, self.optimizer_params or {})
        for name in ("n_models", "max_keys"):
            whole(name, getattr(self, name), 1)
        if self.key is not None and self.max_keys < self.batch_size:
            raise wrong("max_keys", self.max_keys, f"at least batch_size, {self.batch_size}")

    def _options(self) -> Options:
        if self.key is None:
            return super()._options()._replace(n_models=self.n_models)
        # one more, which never learns, answers for keys that are not known
        return super()._options()._replace(n_models=self.max_keys + 1, alike=True)

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "K": 0 if self.key is None else self.max_keys}

    def _start(self, schema: Schema) -> None:
        column_of(self.key, schema)
        super()._start(schema)

    def diagnostics(self) -> Diagnostics:
        """How many keys were dropped for want of room."""
        if self.key is None or not self.is_started:
            return {}
        return {"n_keys_dropped": float(self.counts_[_DROPPED])}

    def _embedded(self, X: Array) -> Singles:
        raise TypeError(f"{type(self).__name__}: every model has an embedding of its own")

    # ---------------------------------------------------------------- rows

    def _scaled(self, X: Array, weight: Array) -> Singles:
        """Rows in the units of the network; in the place of the key, the number of the row."""
        scaled, column = super()._scaled(X, weight), column_of(self.key, self.schema_)
        if column is not None:
            self._came = np.where(np.isnan(X[:, column]), np.inf, X[:, column])
            scaled[:, column] = np.arange(len(X))  # at most a block: exact
        return scaled

    def _parted(self, scaled: Singles) -> tuple[Singles, Array]:
        """Rows without their keys, and these."""
        column = column_of(self.key, self.schema_)
        if column is None:
            return scaled, np.zeros(len(scaled))
        keys, rows = self._came[scaled[:, column].astype(np.int64)], scaled.copy()
        rows[:, column] = 0.0
        return rows, keys

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        rows, keys = self._parted(scaled)
        if self.key is not None:
            known = self._known_places()
            places = [known.get(key, self.max_keys) for key in keys.tolist()]
            self._answer_to(self._network().outputs(rows, np.array(places)), out, serve)
            return
        outputs = self._network().outputs(rows)
        self._answer_to(self._together(outputs), out, serve)
        if serve == ANSWER_AND_SCORES:
            self._answer_each(outputs, out)

    def _hold(self, X: Array, scaled: Singles, y: Array, weight: Array) -> None:
        rows, keys = self._parted(scaled)
        place = int(self.counts_[0])
        self.held_key_[place : place + len(y)] = keys
        super()._hold(X, rows, y, weight)

    def _step(self, net: Any) -> None:
        which = None
        if self.key is not None:
            which = np.array([self._place_for(key, net) for key in self.held_key_.tolist()])
        y = self._learned_targets(self.held_y_)
        net.step(self.held_, y, self._row_loss(), which, self.held_weight_)

    @property
    def _n_each(self) -> int:
        """Models whose answers stand in the last columns of what is served with scores."""
        return 0 if self.key is not None else self.n_models

    def _pass_each(self, X: Any, y: Any, weight: Any, fit: bool) -> Array:
        """What single models answer, `(n_models, n_rows)`, rows learned one by one if `fit`."""
        if self.key is not None:
            raise wrong("key", self.key, "None: each row has one model to answer")
        if fit:
            out = self._learn(X, y, weight, serve=ANSWER_AND_SCORES)
        else:
            out = self._pass(self._rows(X, fit=False)[1], None, None, ANSWER_AND_SCORES, fit=False)
        return out[:, -self.n_models :].T.copy()

    # ---------------------------------------------------------------- keys

    def _known_places(self) -> dict[float, int]:
        if "_by_key" not in vars(self):
            self._by_key = places_of(self.keys_, self.used_)
        return self._by_key

    def _place_for(self, key: float, net: StackedNet) -> int:
        """The place of a key; a new one takes that of the key that was longest not learned."""
        places = self._known_places()
        place = places.get(key)
        if place is None:
            place, dropped = make_place(key, self.keys_, self.used_, places)
            if dropped:
                self.counts_[_DROPPED] += 1
                net.reset(place)
        self.counts_[_CLOCK] += 1
        self.used_[place] = self.counts_[_CLOCK]
        return place
