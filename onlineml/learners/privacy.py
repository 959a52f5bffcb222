"""Private learning as a switch of learners: what is promised, and what that asks of a learner.

A promise is an object with parameters and no state; what is spent of it lies in the learner. An
odometer that it shares with others grants what the learner's kernel stops for, as others stop for
want of room.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import Any, Generic, Self, TypeVar, cast

import numpy as np

from onlineml.base import Array
from onlineml.estimator import Diagnostics, Estimator, _power_of_two
from onlineml.kernels.arena import Ints
from onlineml.kernels.privacy import BUDGET, COST, ENDLESS, GRANTED, PERIOD, REACH, REFUSED, SPENT
from onlineml.kernels.random import seeded
from onlineml.odometer import PrivacyOdometer, Step, no_room, rho_of
from onlineml.parameters import whole
from onlineml.receipt import Receipt
from onlineml.schema import Schema, wrong
from onlineml.shared_budget import Claim, permit, shares_budget
from onlineml.weights import as_weights

T = TypeVar("T")
_ROUNDED = 1.0 - 1e-12  # so that costs add up to no more than the budget


class Privacy(Estimator):
    """Adds noise to the clipped gradients of a learner that it is the `privacy` of."""

    epsilon: float
    delta: float
    clip: float
    period: int
    n_periods: int | None
    noise_multiplier: float | None
    target_range: Sequence[float] | None
    classes: Sequence[Hashable] | None
    seed: int | None
    odometer: PrivacyOdometer | None

    #: Number of the kind of noise in kernels.
    _kind = -1

    @property
    @abstractmethod
    def n_vectors(self) -> int:
        """Noise vectors that are remembered."""

    @abstractmethod
    def _plan(self) -> Array:
        """The numbers of the plan."""

    @abstractmethod
    def _sensitivity(self) -> float:
        """How far a row of length 1 moves all that noise is added to."""

    @property
    def rho(self) -> float:
        """What a period costs, in zero-concentrated privacy; rows of one period all share it."""
        if self.noise_multiplier is not None:
            return 0.5 / self.noise_multiplier**2
        return rho_of(self.epsilon, self.delta) * _ROUNDED / (self.n_periods or 1)

    @property
    def is_endless(self) -> bool:
        """Whether a person has one row in all, so that later periods cost nothing."""
        return self.n_periods is None and self.noise_multiplier is None

    def _check(self) -> None:
        PrivacyOdometer(epsilon=self.epsilon, delta=self.delta, rule="concentrated")
        if not 0.0 < self.clip < math.inf:
            raise wrong("clip", self.clip, "a number > 0")
        whole("period", self.period, 1)
        if self.n_periods is not None:
            whole("n_periods", self.n_periods, 1)
        self._check_multiplier()
        if self.odometer is not None and not isinstance(self.odometer, PrivacyOdometer):
            raise wrong("odometer", self.odometer, "a PrivacyOdometer, or None")
        if self.target_range is not None and not _is_range(self.target_range):
            raise wrong("target_range", self.target_range, "two finite numbers, the lower first")
        if self.classes is not None and not len(set(self.classes)) == len(self.classes) >= 2:
            raise wrong("classes", self.classes, "at least two different labels, or None")

    def _check_multiplier(self) -> None:
        given = self.noise_multiplier
        if given is None:
            return
        if self.n_periods is not None:
            due = "None, as noise_multiplier says how many periods the budget has room for"
            raise wrong("n_periods", self.n_periods, due)
        least = math.sqrt(0.5 / rho_of(self.epsilon, self.delta))
        if not least <= given < math.inf:
            due = f"at least {least:.4g}, for one period to fit into the budget"
            raise wrong("noise_multiplier", given, due)

    def promise(self) -> Array:
        """Itself as the numbers that kernels read; see `onlineml.kernels.privacy`."""
        low, high = self.target_range or (-1.0, 1.0)
        scale = self.clip * self._sensitivity() / math.sqrt(2.0 * self.rho)
        n_periods = self.n_periods
        whole = rho_of(self.epsilon, self.delta)
        budget = whole if n_periods is None else self.rho * n_periods
        own = self._kind, scale, self.clip, self.period, self.rho, budget, self.is_endless
        ends = 0.5 * (low + high), 0.5 * (high - low)
        return np.array([*own, *ends, *self._plan()], np.float64)

    def step(self, n_periods: int) -> dict[str, float]:
        """What a shared odometer is to spend on so many periods.

        One that does not add up rho pays for all that is promised at once.
        """
        if self.odometer is not None and self.odometer.rule == "concentrated":
            return {"rho": self.rho * n_periods}
        return {"epsilon": self.epsilon, "delta": self.delta}


def _n_begun(n_before: int, n_rows: int, period: int, endless: bool) -> int:
    """Periods of which the first row is among `n_rows`, after `n_before`."""
    if endless:
        return int(n_before == 0 and n_rows > 0)
    return -(-(n_before + n_rows) // period) + (-n_before // period)


def check_replays(model: Estimator) -> None:
    """Raise `ValueError` for learners that a replay could not pay for, half way."""
    for name, value in model.get_params().items():
        if isinstance(value, Privacy) and value.odometer is not None:
            due = "None where rows are learned again, as that would have to be paid again"
            raise wrong(f"{name}.odometer", value.odometer, due)


def with_own_noise(member: Estimator, base: Estimator, number: int) -> None:
    """Give a clone of `base` noise of its own: what two with the same noise tell is no secret."""
    for name, seed in base.get_params().items():
        if f"__{name}".endswith("__privacy__seed") and seed is not None:
            member.set_params(**{name: seed + number})


def _is_range(ends: Any) -> bool:
    return len(ends) == 2 and math.isfinite(ends[0]) and ends[0] < ends[1] < math.inf


# ---------------------------------------------------------------- learners


class _ByPrivacy(Generic[T]):
    """An attribute of a learner that is another one once it is private."""

    def __init__(self, plain: T, private: T) -> None:
        self._plain, self._private = plain, private

    def __get__(self, model: Any, kind: type) -> T:
        if model is None:
            return self._plain
        found: Any = self._plain if model.privacy is None else self._private
        return cast(T, MethodType(found, model) if isinstance(found, FunctionType) else found)


def by_privacy(plain: T, private: T) -> T:
    """`plain`, or `private` of a learner whose `privacy` is not None."""
    return cast(T, _ByPrivacy(plain, private))


def _ask(model: Guarded) -> None:
    """Have the shared odometer grant the period that the kernel stopped for."""
    promise, spent = model.privacy, model.spent_
    assert promise is not None
    odometer = promise.odometer
    assert odometer is not None
    if not odometer.spend(**promise.step(1)):
        raise no_room(odometer)
    if spent[SPENT] == 0.0 and promise.seed is not None:  # no two that spend have the same noise
        own = np.random.SeedSequence((promise.seed, odometer.join())).generate_state(1, np.uint64)
        model.source_[:] = seeded(int(own[0]), 1)
    once = odometer.rule != "concentrated"
    spent[GRANTED] = model.promise_[BUDGET] if once else spent[SPENT] + model.promise_[COST]


class Guarded(Estimator):
    """A learner that keeps rows private where its `privacy` says so.

    Its private `_state` holds `STATE` of `onlineml.kernels.privacy`, `nominal_`, `known_`,
    `n_steps_`, and arrays of `B` noise vectors.
    """

    privacy: Privacy | None
    known_: Ints
    n_steps_: Array
    source_: Ints
    spent_: Array
    promise_: Array

    _grow = by_privacy(Estimator._grow, _ask)

    @property
    def odometer(self) -> PrivacyOdometer:
        """What is spent of the budget of a private learner, by itself where it shares another."""
        if self.privacy is None:  # `hasattr` then says no
            raise AttributeError(f"{type(self).__name__} has no odometer where privacy is None")
        epsilon, delta = self.privacy.epsilon, self.privacy.delta
        made = PrivacyOdometer(epsilon=epsilon, delta=delta, rule="concentrated")
        if self.is_started and self.spent_[SPENT] > 0.0:
            cost = float(self.promise_[COST])
            for _ in range(round(float(self.spent_[SPENT]) / cost)):
                made.spend(rho=cost)
        return made

    def diagnostics(self) -> Diagnostics:
        """Rows that came when the budget of privacy was spent."""
        if self.privacy is None or not self.is_started:
            return super().diagnostics()
        return {"n_not_learned": float(self.spent_[REFUSED])}

    def _check_privacy(self, *rules: str) -> None:
        """Raise `ValueError` for a promise that cannot be kept; `rules` are those that can."""
        if self.privacy is None:
            return
        if not isinstance(self.privacy, Privacy):
            raise wrong("privacy", self.privacy, "TreeAggregation(), BandedNoise() or None")
        self.privacy._accept_parameters()
        optimizer = vars(self)["optimizer"]
        if optimizer not in rules:
            raise wrong("optimizer", optimizer, f"one of {list(rules)} where rows are private")

    def _check_range(self) -> None:
        """Raise `ValueError` for a promise that leaves open where targets lie."""
        if self.privacy is not None and self.privacy.target_range is None:
            due = "the two ends of where targets lie, known without looking at them"
            raise wrong("privacy.target_range", None, due)

    def _private_sizes(self) -> dict[str, int]:
        """First sizes of the axes of a private learner's own."""
        if self.privacy is None:
            return {}
        n_classes = _power_of_two(max(2, len(self._first_classes())))
        return {"B": self.privacy.n_vectors, "N": len(self.privacy.promise()), "C": n_classes}

    def _room_of_row(self) -> int:
        """Numbers that a private kernel writes a row on, one a weight of it."""
        return 0 if self.privacy is None else int(self.known_.size)

    def _reach(self) -> float:
        """What a private learner's targets are divided by."""
        return 1.0 if self.privacy is None else float(self.promise_[REACH])

    def _keeps_promise(self) -> bool:
        """Whether a started learner's promise is still that of the start."""
        if self.privacy is None or "promise_" not in vars(self):
            return (self.privacy is not None) == ("promise_" in vars(self))
        due = self.privacy.promise()
        same = due.shape == self.promise_.shape and np.allclose(due, self.promise_, 1e-9, 0.0)
        shares = self.privacy.odometer is not None
        same = same and math.isfinite(self.spent_[GRANTED]) == shares
        return bool(same) and self._size("B") == self.privacy.n_vectors

    def _check_promise(self) -> None:
        """Raise `ValueError` where the promise is not that of the start."""
        if not self._keeps_promise():
            raise wrong("privacy", self.privacy, "what it was at the start (see reset)")

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started and not self._keeps_promise():
            self.reset()
            raise wrong("state", "another promise, or none", f"that of privacy={self.privacy!r}")

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied.

        Raises `ValueError` where the arrays do not fit together, or not to `privacy`.
        """
        if state and ("promise_" in state) != (self.privacy is not None):
            raise wrong("state", "another promise, or none", f"that of privacy={self.privacy!r}")
        return super().set_state(state)

    # ---------------------------------------------------------------- hooks

    def _mark_nominal(self, schema: Schema) -> None:
        """Features are public, from the schema that brings them: their weights get noise at once.

        Were it the first row that shows a value, the noise would tell which that was.
        """
        super()._mark_nominal(schema)
        if self.privacy is None:
            return
        if not self.is_started:
            self.source_[:] = seeded(self.privacy.seed, 1)
            self.promise_[:] = self.privacy.promise()
            self.spent_[GRANTED] = math.inf if self.privacy.odometer is None else 0.0
            if "seen_" in vars(self):
                vars(self)["seen_"][0] = len(self._first_classes())
        self._meet(schema.numeric_at_first)

    def _meet(self, numeric: list[int]) -> None:
        """Let weights of these features be known, where they are new."""
        self.known_[numeric, 0] = 1

    def _first_classes(self) -> list[Hashable]:
        """Classes that are known before any data."""
        return list(getattr(self.privacy, "classes", None) or ())

    def _targets(self, y: Any, n_rows: int) -> Any:
        codes, news = super()._targets(y, n_rows)
        known = self._first_classes()
        if known and news is not None and len(news) > len(known):
            raise wrong("y", news[len(known)], f"one of privacy.classes, {known}")
        return codes, news

    def _learn(self, X: Any, y: Any, weight: Any, *, serve: int = 0, one: bool = False) -> Array:
        if self.privacy is None or one or not self._widens(X):
            return super()._learn(X, y, weight, serve=serve, one=one)
        _, rows = self._rows(X, fit=True)
        targets, news = self._targets(y, len(rows))
        weights = as_weights(weight, len(rows))
        permit(self, weights, len(rows))
        answers = []
        for i, x in enumerate(X):  # weights of a feature get noise from the row on that brings it
            self._admit(self.schema_.admitting(x) if self.is_started else self._first_schema(x))
            if i == 0:
                self._admit_targets(news)
            part = None if weights is None else weights[i : i + 1]
            own = None if targets is None else targets[i : i + 1]
            answers.append(self._pass(self.schema_.rows([x]), own, part, serve, fit=True))
        return np.concatenate(answers)

    def _claims(self, weights: Array | None, n_rows: int) -> Sequence[Claim]:
        if not shares_budget(self):
            return ()
        if not self.is_started:
            self._accept_parameters()
        assert self.privacy is not None
        odometer = self.privacy.odometer
        assert odometer is not None
        n_rows = n_rows if weights is None else int(np.count_nonzero(weights))
        promise = self.promise_ if self.is_started else self.privacy.promise()
        spent = self.spent_ if self.is_started else np.zeros(3)
        n = int(self.n_steps_[0]) if self.is_started else 0
        due = _n_begun(n, n_rows, int(promise[PERIOD]), bool(promise[ENDLESS]))
        due = min(due, int((promise[BUDGET] - spent[SPENT]) / promise[COST] + 1e-9))
        granted = spent[SPENT] + due * promise[COST] <= spent[GRANTED] * (1.0 + 1e-9)
        if due <= 0 or granted:
            return ()
        return (Claim(odometer, Step(**self.privacy.step(due))),)

    def _widens(self, X: Any) -> bool:
        """Whether rows behind the first bring features of their own; only mappings can."""
        if not (isinstance(X, Sequence) and len(X) > 1 and isinstance(X[0], Mapping)):
            return False
        known = self.schema_.names if self.is_started else ()
        return not {name for x in X for name in x} <= {*X[0], *(known or ())}

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        if self.privacy is None:
            return super()._unlearn(x, y, id, weight)
        epsilon, delta = self.privacy.epsilon, self.privacy.delta
        why = f"({epsilon:g}, {delta:g})-indistinguishable from models that never saw it"
        return Receipt("certified", math.inf, 0.0, 0, why)
