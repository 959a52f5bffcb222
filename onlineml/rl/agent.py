"""The roles of reinforcement learning: what learns from transitions, and what acts on them.

An observation is a row, as `x` is everywhere in the package: numbers, or a mapping of names to
values; NaN where a value is missing. An action is a whole number from 0, or an array of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from onlineml.estimator import BLOCK, Estimator
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Array, Descriptor
from onlineml.schema import Schema, as_floats, wrong

EXPLORE = ANSWER_AND_SCORES  # value of `serve`: act as in training
_LARGEST = 1e100
_ONE = np.ones(1)
_ndarray = np.ndarray
_missing = np.nan


class Transition(NamedTuple):
    """What happened in one step of an environment.

    Parameters
    ----------
    observation
        What was seen, `(n_features,)` numbers or a mapping; of bandits without context, None.
    action
        What was done: a whole number from 0, or numbers.
    reward
        What came of it, a finite number.
    next_observation
        What was seen then; may be None after an end of the environment's own, and always for
        bandits, to which nothing follows.
    terminated
        Whether the episode came to an end of the environment's own: nothing follows.
    truncated
        Whether it was cut off from outside, as by a limit of time: something would have followed.
    probability
        With which the action was drawn, where it is known: rewards that come late are then learned
        without bias, and other policies can be judged by them.

    Examples
    --------
    >>> from onlineml.rl import Transition
    >>> Transition([0.1, 0.2], 1, 0.5, [0.3, 0.4]).terminated
    False
    """

    observation: Any
    action: Any
    reward: float
    next_observation: Any = None
    terminated: bool = False
    truncated: bool = False
    probability: float | None = None


class TransitionLearner(Estimator):
    """Learns from one transition at a time."""

    _looks_ahead: ClassVar[bool] = True  # whether what follows is of any use
    _reads: ClassVar[bool] = True  # whether observations are; else they may be None

    def fit_one(self, transition: Transition) -> Self:
        """Learn one transition.

        Returns
        -------
        Self
            The learner.

        Raises
        ------
        ValueError
            For observations that do not fit those before or are infinite, actions that are none,
            rewards that are no finite number up to 1e100, and probabilities outside of (0, 1];
            before any data also for parameters. Nothing is learned.
        """
        if not (self._put(transition) and self._call(self._fitting) == 1):
            self._learn_transitions([transition], 0)
        return self

    def fit_many(self, transitions: Iterable[Transition]) -> Self:
        """Learn transitions, in order; where one cannot be learned, none is.

        Raises
        ------
        ValueError
            As `fit_one`.
        """
        self._learn_transitions(list(transitions), 0)
        return self

    def _go_on_one(self, transition: Transition) -> Any:
        """Learn, then serve the transition's next observation, as in training."""
        if self._put(transition) and self._call(self._going_on) == 1:
            return self._to_action()
        return self._to_actions(self._learn_transitions([transition], EXPLORE))[0]

    def _go_on_many(self, transitions: Iterable[Transition]) -> npt.NDArray[Any]:
        return self._to_actions(self._learn_transitions(list(transitions), EXPLORE))

    # ---------------------------------------------------------------- hooks

    def _to_action(self) -> Any:
        """What was served, for the user."""
        return float(self._answer[0])

    def _to_actions(self, out: Array) -> npt.NDArray[Any]:
        """The same of many rows."""
        return out[:, 0]

    def _action_width(self) -> int:
        """Numbers of an action; 0 where actions do not count."""
        return 1

    def _is_action(self, action: Array) -> bool:
        """Whether an action can be learned."""
        return bool((np.abs(action) <= _LARGEST).all())

    def _due_action(self) -> str:
        """What an action should be, for messages."""
        return f"{self._action_width()} finite numbers"

    # ---------------------------------------------------------------- one row

    def _n_columns(self) -> int:
        return 2 * self.schema_.n_features + self._action_width() + 4

    def _prepare(self) -> None:
        """Build the caches: an owned transition, and a call for each verb."""
        self._make_row()
        rows = (self._row.reshape(1, -1), _ONE, _ONE, self._out.reshape(1, -1))
        self._many = Descriptor(self._arrays(self._parts()), self._n_scratch())
        ones = [self._many.twin() for _ in range(4)]
        self._serving = ones[0].aim(rows, serve=ANSWER, fit=False)
        self._exploring = ones[1].aim(rows, serve=EXPLORE, fit=False)
        self._fitting = ones[2].aim(rows, serve=0, fit=True)
        self._going_on = ones[3].aim(rows, serve=EXPLORE, fit=True)
        self._ones = ones
        assert self._kernel is not None
        self._call = self._kernel.call

    def _make_row(self) -> None:
        """An owned transition, and an owned answer."""
        n, m = self.schema_.n_features, self._action_width()
        self._row, self._out = np.zeros(self._n_columns()), np.zeros(self._n_outputs())
        self._observation, self._action = self._row[:n], self._row[n : n + m]
        self._next = self._row[n + m + 1 : 2 * n + m + 1]
        self._cells: Any = memoryview(self._row)  # type: ignore[arg-type]  # thrice as fast as numpy
        self._answer = memoryview(self._out)  # type: ignore[arg-type]
        self._places = n, n + m, 2 * n + m + 1, 2 * n + m + 2, 2 * n + m + 3
        self._width, self._acts, self._any_next = n, m > 0, True

    def _arrays(self, parts: Iterable[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """What a descriptor holds; numbers in single precision travel in pairs."""
        arrays = [np.array(self._settings()), *(getattr(self, f.name) for f in self._state), *parts]
        single = np.dtype(np.float32)
        return [a.view(np.float64) if a.dtype == single else a for a in arrays]

    def _put(self, transition: Transition) -> bool:
        """Copy a transition into the owned one; False where it needs the slow way."""
        try:
            observation, action, reward, following, terminated, truncated, p = transition
            width = self._width
            if observation.__class__ is not _ndarray or len(observation) != width:
                if self._reads or observation is not None or width < 0:
                    return False
                observation = _missing
            if (following.__class__ is not _ndarray or len(following) != width) and (
                following is not None or (self._looks_ahead and not terminated)
            ):
                return False
            if p is not None and not 0.0 < p <= 1.0:
                return False
            cells, (at_action, at_reward, at_end, at_cut, at_p) = self._cells, self._places
            self._observation[...] = observation
            if action.__class__ is int and at_reward - at_action == 1:
                cells[at_action] = action
            elif self._acts and not self._put_action(action):
                return False
            if following is not None or self._any_next:
                self._any_next = following is not None
                self._next[...] = _missing if following is None else following
            cells[at_reward] = reward
            cells[at_end] = 1.0 if terminated else 0.0
            cells[at_cut] = 1.0 if truncated else 0.0
            cells[at_p] = _missing if p is None else p
        except (TypeError, ValueError, OverflowError):
            return False
        return True

    def _put_action(self, action: Any) -> bool:
        """Copy an action; False where it needs the slow way."""
        if action.__class__ is _ndarray:
            if action.shape != self._action.shape or action.dtype.kind not in "fiu":
                return False
            self._action[...] = action
            return True
        if len(self._action) > 1:
            return False
        self._cells[self._places[0]] = action  # what is no number raises
        return True

    def _serve_one(self, observation: Any, how: int) -> None:
        """Fill `_out` for an observation; `how` is the address of a call that serves."""
        if observation.__class__ is _ndarray and len(observation) == self._width:
            self._observation[...] = observation
        else:
            self._observation[...] = self._observed(self.schema_, observation)
        if self._call(how) != 1:
            self._serve_again(how)

    def _serve_again(self, how: int) -> None:
        """Serve without what is left of a transition that was refused, which is not looked at."""
        self._row[self._width :] = 0.0
        self._any_next = True
        if self._call(how) != 1:
            _row(self.schema_, self._observation, "observation")

    def _started(self, observation: Any) -> Self:
        """Self, ready to serve; before any data a twin that is started on the observation."""
        if not self.is_started:
            return self.clone().start(self._schema_of(observation))._ready()
        return self._ready()

    # ---------------------------------------------------------------- many rows

    def _serve_many(self, X: Any, serve: int) -> Array:
        rows = self.schema_.rows(X)
        if np.isinf(rows).any():
            i, j = np.argwhere(np.isinf(rows))[0]
            raise wrong(f"X[{i}, {j}]", float(rows[i, j]), "a finite number")
        packed = np.zeros((len(rows), self._n_columns()))
        packed[:, : rows.shape[1]] = rows
        return self._through(packed, serve, fit=False)

    def _learn_transitions(self, transitions: list[Transition], serve: int) -> Array:
        """Check all, then learn them; what is done after each, where `serve`."""
        if not transitions:
            return np.empty((0, 1))
        first = transitions[0].observation
        schema = self.schema_ if self.is_started else self._schema_of(first)
        packed = self._packed(transitions, schema)
        if not self.is_started:
            self._begin(schema)
        return self._ready()._through(packed, serve, fit=True)

    def _schema_of(self, observation: Any) -> Schema:
        """The schema that a first observation tells; without one, of one that is missing."""
        if observation is None and not self._reads:
            return Schema(1)
        return _schema_of(observation)

    def _observed(self, schema: Schema, observation: Any) -> Any:
        """What the kernel gets of an observation."""
        if observation is None and not self._reads:
            return _missing
        return _row(schema, observation, "observation")

    def _packed(self, transitions: list[Transition], schema: Schema) -> Array:
        """Transitions as rows for the kernel, all of them checked."""
        n, m = schema.n_features, self._action_width()
        packed = np.zeros((len(transitions), 2 * n + m + 4))
        for row, transition in zip(packed, transitions):
            row[:n] = self._observed(schema, transition.observation)
            if m:
                row[n : n + m] = self._done(transition.action, m)
            row[n + m] = _reward(transition.reward)
            row[n + m + 1 : 2 * n + m + 1] = self._following(schema, transition)
            row[-3:] = transition.terminated, transition.truncated, _probability(transition)
        return packed

    def _done(self, action: Any, width: int) -> Array:
        """An action as checked numbers."""
        if isinstance(action, str):
            raise wrong("action", action, self._due_action())
        numbers = as_floats(action, "action").reshape(-1)
        text = np.asarray(action).dtype.kind in "US"  # of which NumPy reads what looks like numbers
        if text or len(numbers) != width or not self._is_action(numbers):
            raise wrong("action", action, self._due_action())
        return numbers

    def _following(self, schema: Schema, transition: Transition) -> Any:
        """What the kernel gets of the next observation."""
        following = transition.next_observation
        if following is None and (transition.terminated or not self._looks_ahead):
            return _missing
        return _row(schema, following, "next_observation")

    def _through(self, rows: Array, serve: int, *, fit: bool) -> Array:
        """Send checked rows through the kernel."""
        out = np.empty((len(rows), self._n_outputs()))
        for lo in range(0, len(rows), BLOCK):
            part = rows[lo : lo + BLOCK]
            call = (part, _ONE, _ONE, out[lo : lo + BLOCK])
            done = self._call(self._many.aim(call, serve=serve, fit=fit, checked=True))
            if done != len(part):
                raise RuntimeError(f"the kernel refused row {lo + done}, which had been checked")
        return out


class Foreteller(TransitionLearner):
    """Foretells the discounted sum of rewards."""

    def predict_one(self, observation: Any) -> float:
        """The discounted sum of rewards that are to come."""
        made = self if self._width >= 0 else self._started(observation)
        made._serve_one(observation, made._serving)
        return float(made._answer[0])

    def predict_many(self, X: Any) -> Array:
        """What `predict_one` says of each observation, a row of `X`."""
        if not self.is_started:
            return np.array([self.predict_one(x) for x in X])
        return self._ready()._serve_many(X, ANSWER)[:, 0]

    def fit_predict_one(self, transition: Transition) -> float:
        """Learn, then predict from the transition's next observation: both in one call."""
        return float(self._go_on_one(transition))

    def fit_predict_many(self, transitions: Iterable[Transition]) -> Array:
        """What the loop of `fit_predict_one` would have answered, in one pass."""
        return self._go_on_many(transitions)

    def _action_width(self) -> int:
        return 0  # what was done is of no interest


class Agent(TransitionLearner):
    """Acts on observations, and learns from what comes of it.

    Acting changes nothing: what it draws depends on the transitions learned so far alone, so that
    an agent that is asked twice answers alike, and one that was saved goes on as if nothing had
    happened.
    """

    #: How many actions there are, whole numbers from 0; None where actions are other numbers.
    n_actions: int | None = None

    def act_one(self, observation: Any = None, *, explore: bool = False) -> Any:
        """What to do; with `explore` as in training, else the best that is known.

        Only bandits without context go without an observation.

        Raises
        ------
        ValueError
            For observations that do not fit those before or are infinite; before any data also for
            parameters.
        """
        made = self if self._width >= 0 else self._started(observation)
        made._serve_one(observation, made._exploring if explore else made._serving)
        return made._to_action()

    def act_many(self, X: Any, *, explore: bool = False) -> npt.NDArray[Any]:
        """What `act_one` says of each observation, a row of `X`, by itself.

        Raises
        ------
        ValueError
            For observations that do not fit those before or are infinite; before any data also for
            parameters.
        """
        if not self.is_started:
            return np.array([self.act_one(x, explore=explore) for x in X])
        made = self._ready()
        return made._to_actions(made._serve_many(X, EXPLORE if explore else ANSWER))

    def fit_act_one(self, transition: Transition) -> Any:
        """Learn, then act, exploring, on the transition's next observation: both in one call.

        Raises
        ------
        ValueError
            As `fit_one`.
        """
        return self._go_on_one(transition)

    def fit_act_many(self, transitions: Iterable[Transition]) -> npt.NDArray[Any]:
        """What the loop of `fit_act_one` would have answered, in one pass.

        Raises
        ------
        ValueError
            As `fit_one`; none is then learned.
        """
        return self._go_on_many(transitions)

    def _is_action(self, action: Array) -> bool:
        if self.n_actions is None:
            return super()._is_action(action)
        return bool(0 <= action[0] < self.n_actions and action[0] == np.floor(action[0]))

    def _due_action(self) -> str:
        if self.n_actions is None:
            return super()._due_action()
        return f"a whole number below {self.n_actions}"

    def _to_action(self) -> Any:
        return int(self._answer[0])

    def _to_actions(self, out: Array) -> npt.NDArray[Any]:
        return out[:, 0].astype(np.int64)


def _schema_of(observation: Any) -> Schema:
    schema = Schema.of(observation if isinstance(observation, Mapping) else _array(observation))
    if schema.nominal:
        raise wrong("observation", observation, "numbers")
    return replace(schema, undecided=frozenset())


def _array(observation: Any) -> Array:
    row = as_floats(observation, "observation")
    if row.ndim != 1:
        raise wrong("observation", row.shape, "one row of numbers")
    return row


def _row(schema: Schema, observation: Any, argument: str) -> Array:
    """An observation as a checked row."""
    if isinstance(observation, Mapping):
        wide = schema.admitting(observation)
        if wide is not schema:
            raise wrong(argument, list(observation), f"numbers named {list(schema.names or ())}")
        row = schema.row(observation)
    else:
        row = as_floats(observation, argument)
        if row.shape != (schema.n_features,):
            raise wrong(argument, row.shape, f"a row of shape ({schema.n_features},)")
    if np.isinf(row).any():
        j = int(np.argmax(np.isinf(row)))
        raise wrong(f"{argument}[{schema.name_of(j)!r}]", float(row[j]), "a finite number")
    return row


def _probability(transition: Transition) -> float:
    p = transition.probability
    if p is not None and not 0 < p <= 1:
        raise wrong("probability", p, "a number in (0, 1], or None")
    return _missing if p is None else float(p)


def _reward(reward: Any) -> float:
    try:
        number = float(reward)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not abs(number) <= _LARGEST:
        raise wrong("reward", reward, "a finite number, at most 1e100 in size")
    return number
