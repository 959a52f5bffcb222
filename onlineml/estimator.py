"""What every estimator shares: parameters, state, life, and the way of rows into the kernel.

A compiled estimator declares its state arrays (`_state`), a kernel (`_kernel`) and a few hooks
(`_sizes`, `_settings`, `_start`, `_grow`). One that is made of other estimators overrides `_start`,
`_admit` and `_run` instead. The public verbs are in `onlineml.base`.
"""

from __future__ import annotations

import operator
import struct
import sys
from abc import ABC
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, Self

import numba
import numpy as np
import numpy.typing as npt

from onlineml.kernels import Entry
from onlineml.kernels.arena import (
    ANSWER,
    ANSWER_AND_SCORES,
    FIT,
    Array,
    Descriptor,
    Field,
    allocate,
    enlarged,
)
from onlineml.new_columns import learn_in_stretches, stretches_of
from onlineml.new_text import pass_in_parts, shown_first
from onlineml.parameters import as_plain, misfit, names_of, same, signature_of
from onlineml.receipt import Receipt, decremented, made, refused
from onlineml.schema import Schema, as_row, wrong
from onlineml.shared_budget import Claim, permit, shares_budget, undone_where_refused
from onlineml.weights import HEAVIEST, as_weights

#: What goes on inside an estimator, by name: numbers, or numbers by part.
Diagnostics = dict[str, float | dict[str, float]]

BLOCK = 4096  # rows that a kernel is given at a time: keeps its answers in the cache
_ndarray = np.ndarray  # a global name is found faster than an attribute
_ZEROS, _ONES, _NOTHING = np.zeros(BLOCK), np.ones(BLOCK), np.empty((0, 1))
_EPSILON = float(np.finfo(np.float64).eps)


class Estimator(ABC):
    """Anything that learns from one event at a time.

    Attributes come in three kinds: constructor arguments keep their name and value, learned
    state ends in `_`, a cache begins with `_` and can be rebuilt from the rest. Parameters,
    clones, states, files and sizes therefore need no code in any estimator.

    The constructor takes any arguments; they are looked at by `start`, or at the first event. A
    value of another kind than is annotated (a fraction or NaN where a whole number is due, text for
    a number) or out of range is then a `ValueError` that names it.

    Verbs for many rows (`fit_many` and the like) take the time of as many of one row, less what a
    call costs, and memory for their answers alone.

    Raises
    ------
    ValueError
        From any verb, not from the constructor, with the name of the argument, what came and what
        was due. At the first event, or at `start`: for parameters of another kind or out of their
        range (which classes tell of), and a `seed` that is neither a whole number >= 0 nor None. At
        any event: for rows that are not numbers, one for each feature, for infinite numbers (NaN is
        a missing value), mappings after arrays, text in a column of numbers; for targets that are
        missing where one is learned; for weights that are not finite, or below 0.
        What was learned before stays as it was.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> model = GaussianNB().fit_many([[1.0], [2.0], [9.0]], ["low", "low", "high"])
    >>> twin = model.clone().set_state(model.get_state())
    >>> twin.fit_one([8.0], "high").predict_one([7.0]), model.reset().predict_one([7.0])
    ('high', None)
    >>> model.fit_one([float("inf")], "high")
    Traceback (most recent call last):
    ...
    ValueError: x['column 0']: got inf, expected a finite number (NaN where missing)
    """

    _state: ClassVar[tuple[Field, ...]] = ()
    _kernel: ClassVar[Entry | None] = None
    #: Name of a check in `onlineml.checks` -> why this class is excused from it.
    _excuses: ClassVar[Mapping[str, str]] = {}

    #: 1 where an event is a number, None where it is a row of any width.
    _n_inputs: ClassVar[int | None] = None
    #: Whether the kernel takes a row back when it is fitted with a negative weight.
    _takes_back: ClassVar[bool] = False
    #: How far answers by row and by chunk may lie apart, relative to them; states never do.
    _tolerance: ClassVar[float] = 0.0
    #: Why it cannot.
    _keeps: ClassVar[str] = "keeps nothing that a row can be taken out of"

    schema_: Schema
    _width = -1  # length of a row that may take the fast path; -1: none yet
    _plain = -1  # the same; -1 also where a column is undecided, which a number would decide
    _spends: bool | None = None  # see `shares_budget`; None: not yet looked at
    _minus: Any = None  # the weight of a row that is taken back; None: not yet made
    _keys: Callable[[Any], Any]  # picks the values of a mapping, in column order

    # ---------------------------------------------------------------- parameters

    @classmethod
    def _parameter_names(cls) -> tuple[str, ...]:
        return names_of(cls)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name; with `deep`, those of nested estimators as `a__b`."""
        params = {name: getattr(self, name) for name in self._parameter_names()}
        for name, value in list(params.items()) if deep else ():
            for key, nested in _nested(value):
                own = nested.get_params()
                params |= {f"{name}__{key}{inner}": own[inner] for inner in own}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments; those of nested estimators as `a__b`.

        Once it has learned, a change takes effect from the next event on. Refused are values that
        cannot be used, and those that what was learned does not fit (`reset` first).

        Raises
        ------
        ValueError
            For names that are no parameters and, once it has learned, for values that cannot be
            used and those that what was learned does not fit.
        """
        twin = self._learned_under(params) if self.is_started else None
        self._alter(params)
        self._forget_caches()
        if twin is not None:
            vars(self).update({name: vars(twin)[name] for name in twin._learned()})
        return self

    def _alter(self, params: Mapping[str, Any]) -> None:
        """The hook of `set_params`: change arguments, of nested estimators too."""
        split = [(*name.partition("__")[::2], value) for name, value in params.items()]
        for own, _, _ in split:
            if own not in self._parameter_names():
                raise wrong(type(self).__name__, own, f"one of {list(self._parameter_names())}")
        for own, nested, value in split:
            if not nested:
                setattr(self, own, value)
                continue
            within = [item for item in _nested(getattr(self, own)) if nested.startswith(item[0])]
            if not within:
                raise wrong(type(self).__name__, f"{own}__{nested}", "a nested parameter's name")
            for key, estimator in within:
                estimator.set_params(**{nested.removeprefix(key): value})

    def _learned_under(self, params: Mapping[str, Any]) -> Self:
        """A twin of changed parameters that has learned the same: nested estimators have copies.

        Kernels trust sizes, which are those of the start.
        """
        twin = self.clone()
        before, kinds = twin._sizes(), _kinds(twin)
        twin._alter(params)
        twin._accept_parameters()
        due = "parameters that change no size or kind of what was learned; reset() first"
        if twin._sizes() != before or _kinds(twin) != kinds:
            raise wrong(type(self).__name__, dict(params), due)
        try:
            return twin.set_state(self.get_state())._ready()
        except (ValueError, RuntimeError) as error:  # PyTorch's are of the second kind
            raise wrong(type(self).__name__, dict(params), due) from error

    def clone(self) -> Self:
        """An unfitted twin with the same parameters."""
        params = self.get_params(deep=False)
        return type(self)(**{name: _cloned(value) for name, value in params.items()})

    def __repr__(self) -> str:
        signature = signature_of(type(self))
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if not same(value, signature[name].default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    # ---------------------------------------------------------------- state

    @property
    def is_started(self) -> bool:
        """Whether a schema is known: after `start`, or the first data."""
        return "schema_" in vars(self)

    def get_state(self) -> dict[str, Any]:
        """Learned state: a tree of arrays, plain values and nested estimators' states."""
        return {name: _to_plain(getattr(self, name)) for name in self._learned()}

    def _learned(self) -> list[str]:
        """Names of the learned attributes (`lambda_` and the like are parameters)."""
        params = self._parameter_names()
        names = [name for name in vars(self) if name.endswith("_") and name[0] != "_"]
        return sorted(name for name in names if name not in params)

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied.

        Returns
        -------
        Self
            The estimator, which goes on from there bit for bit.

        Raises
        ------
        ValueError
            For what is no such state, parameters that cannot be used, and arrays that do not fit
            together or those parameters. What was learned is then gone, or stays where the state is
            no mapping with a schema.
        """
        if not isinstance(state, Mapping) or (state and "schema_" not in state):
            raise wrong("state", state, "what get_state gave")
        self.reset()
        least = {}
        if state:
            self._begin(Schema.from_plain(state["schema_"]))
            axes = {axis for field in self._state for axis in field.axes if isinstance(axis, str)}
            least = {axis: self._size(axis) for axis in axes}
        for name, value in state.items():
            setattr(self, name, _from_plain(getattr(self, name, None), value))
        self._check_arrays()
        self._check_lengths(least)
        self._forget_caches()
        return self

    def _check_lengths(self, least: Mapping[str, int]) -> None:
        """No axis is shorter than at the start under these parameters: they only grow."""
        for axis, n in least.items():
            found = self._size(axis)
            if found < n:
                self.reset()
                raise wrong("state", f"{axis} = {found}", f"at least {n}, for {self!r}")

    def _check_arrays(self) -> None:
        """Kernels trust shapes: an axis has one size in all arrays, rows have `F` features."""
        sizes: dict[str, int] = {"F": self.schema_.n_features} if self.is_started else {}
        for field in self._state if self.is_started else ():
            shape = getattr(self, field.name).shape
            due = tuple(
                sizes.setdefault(axis, size) if isinstance(axis, str) else axis
                for axis, size in zip(field.axes, shape)
            )
            if shape != due or len(shape) != len(field.axes):
                self.reset()
                raise wrong(f"state[{field.name!r}]", shape, f"an array of shape {due}")

    def reset(self) -> Self:
        """Forget everything that was learned."""
        for name in self._learned():
            delattr(self, name)
        self._forget_caches()
        return self

    @property
    def nbytes(self) -> int:
        """Size of the learned state in bytes."""
        return _nbytes({name: getattr(self, name) for name in self._learned()})

    def diagnostics(self) -> Diagnostics:
        """What goes on inside, by name: numbers, or numbers by part; nothing for most.

        Evaluations look at it at the end of every window, and reports draw what they saw. A name
        that begins with `n_` counts events since the start, which become marks; the parts of one
        that ends in `_shares` sum to 1 and are stacked; all others become lines. Costs no more
        than reading what is there, and changes nothing.
        """
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __sklearn_clone__(self) -> Self:
        return self.clone()

    # ---------------------------------------------------------------- forgetting

    def unlearn_one(
        self, x: Any = None, y: Any = None, *, id: Hashable = None, weight: float = 1.0
    ) -> Receipt:
        """Forget one row that was learned; the receipt says how, or why not.

        A refusal changes nothing. Models that keep sums take the row itself out of them, with the
        target and the weight that it was learned with; sums cannot tell a row that they never met
        from one that they did, as long as they can hold it. Models that keep their rows find it
        by `id`, which others do not look at. Names of features and labels that only this row has
        shown stay known.

        Returns
        -------
        Receipt
            Its `kind`, `bound`, `rows` and `reason`; a row is taken out of sums in the time that it
            took to learn it.

        Raises
        ------
        ValueError
            For a row, a target or a weight that cannot be used (see the class).
        """
        began = perf_counter()
        if self._width < 0 and not self.is_started:
            return refused("nothing has been learned")
        kind, bound, _, rows, reason = self._unlearn(x, y, id, weight)
        return made(Receipt, (kind, bound, perf_counter() - began, rows, reason))

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        """The hook of `unlearn_one`."""
        if not self._takes_back:
            return refused(f"{type(self).__name__} {self._keeps} (Replayable keeps a log of rows)")
        if x is None:
            due = f"the row itself: {type(self).__name__} knows none by an id (Replayable does)"
            raise wrong("x", x, due)
        if not self._read(x):
            schema, rows = self._rows(self._as_one(x), fit=True, one=True)
            if schema is not self.schema_ and schema != self.schema_:
                return refused("the row has features or values that were never learned")
            self._ready()._row[...] = rows[0]
        target = self._known_target(y)
        if target is None:
            return refused(f"no row with the label {y!r} was learned")
        if not 0.0 <= weight <= HEAVIEST:
            raise wrong("weight", weight, f"a weight from 0 to {HEAVIEST:g}")
        if weight == 0.0:
            return decremented()
        return self._take_back(target, weight)

    def _take_back(self, target: float, weight: float) -> Receipt:
        """Fit the owned row with minus its weight.

        The kernel does not do a row that it cannot hold; it writes to the answer by what factor
        rounding errors have grown.
        """
        if self._minus is None:
            minus, loss = np.empty(1), np.empty((1, max(self._n_outputs(), 1)))
            rows = (self._row.reshape(1, -1), self._target, minus, loss)
            self._twin = self._many.twin()
            self._forgetting = self._twin.aim(rows, serve=0, fit=True)
            self._minus, self._loss = _cells(minus), _cells(loss[0])
        self._y[0], self._minus[0], self._loss[0] = target, -weight, 0.0
        if self._call(self._forgetting) != 1:
            self._refuse_row()
            return refused("the model does not hold such a row: it was not learned, or is gone")
        return decremented(_EPSILON * self._loss[0])

    def _coupling(self) -> str:
        """Why none of its experts can be replayed alone; empty where it has none."""
        return ""

    def _known_target(self, y: Any) -> float | None:
        """`y` as the kernel's number; None where no row can have been learned with it."""
        targets, _ = self._targets(y, 1)
        return 0.0 if targets is None else float(targets[0])

    # ---------------------------------------------------------------- hooks

    def _check(self) -> None:  # noqa: B027 - a hook that most leave empty
        """Raise `ValueError` for parameters that cannot be used."""

    def _sizes(self) -> dict[str, int]:
        """First sizes of the axes that are the estimator's own."""
        return {}

    def _settings(self) -> tuple[float, ...]:
        """Parameters as the numbers that the kernel reads from slot 0."""
        return ()

    def _parts(self) -> Sequence[npt.NDArray[Any]]:
        """Further arrays of the kernel, after those of the state: a member's descriptor is one."""
        return ()

    def _start(self, schema: Schema) -> None:  # noqa: B027 - a hook that most leave empty
        """Fill arrays whose first content is more than a constant."""

    def _grow(self) -> None:
        """Make the room for want of which the kernel stopped."""
        raise RuntimeError(f"{type(self).__name__}: the kernel stopped, and needs no room")

    def _n_columns(self) -> int:
        """Numbers of a row that reach the kernel."""
        return self.schema_.n_features

    def _n_outputs(self) -> int:
        """Numbers that the kernel writes per row."""
        return 1

    def _n_scratch(self) -> int:
        """Numbers, and integers, that the kernel may write on while a call lasts."""
        return self._n_columns() + self._n_outputs()

    # ---------------------------------------------------------------- life

    def start(self, schema: Schema) -> Self:
        """Declare names and kinds of the features before the first data; optional.

        Raises
        ------
        ValueError
            For an estimator that has started, what is no `Schema`, and parameters that cannot be
            used.
        """
        if self.is_started:
            raise wrong("schema", schema, "an estimator that has not started (see reset)")
        if not isinstance(schema, Schema):
            raise wrong("schema", schema, "a Schema: Schema.of(row) makes one")
        self._begin(schema)
        return self

    def _accept_parameters(self) -> None:
        """Raise `ValueError` for parameters that cannot be used, of a wrong type too."""
        for name in self._parameter_names():
            value = getattr(self, name)
            plain = as_plain(value)
            if plain is not value:
                setattr(self, name, plain)
        problem = misfit(signature_of(type(self)), vars(self))
        if problem is not None:
            raise problem
        seed = vars(self).get("seed")
        if isinstance(seed, int) and seed < 0:
            raise wrong("seed", seed, "a whole number >= 0, or None")
        self._check()

    def _begin(self, schema: Schema) -> None:
        self._accept_parameters()
        self._accept_width(schema)
        sizes = {"C": 2, "F": schema.n_features, "V": _power_of_two(schema.n_values)}
        sizes |= self._sizes()
        try:
            for field in self._state:
                setattr(self, field.name, allocate(field, sizes))
            self._mark_nominal(schema)
            self._start(schema)
        except Exception:
            Estimator.reset(self)
            raise
        self.schema_ = schema

    def _accept_width(self, schema: Schema) -> None:
        """Kernels that read one number trust that it is all there is."""
        if self._n_inputs not in (None, schema.n_features):
            raise wrong("x", f"{schema.n_features} numbers", "one number an event")

    def _mark_nominal(self, schema: Schema) -> None:
        """Kernels that treat nominal features apart read which they are in `nominal_`."""
        if any(field.name == "nominal_" for field in self._state):
            vars(self)["nominal_"][list(schema.nominal)] = 1

    def _size(self, axis: str) -> int:
        """Present size of an axis."""
        for field in self._state:
            if axis in field.axes:
                size: int = getattr(self, field.name).shape[field.axes.index(axis)]
                return size
        return 0

    def _enlarge(self, axis: str, size: int) -> None:
        """Give `axis` the given size in every array that has it."""
        for field in self._state:
            if axis in field.axes:
                old = getattr(self, field.name)
                shape = dict(zip(field.axes, old.shape, strict=True))
                sizes = {name: n for name, n in shape.items() if isinstance(name, str)}
                setattr(self, field.name, enlarged(field, old, {**sizes, axis: size}))
        self._forget_caches()

    def _enlarge_by_doubling(self, axis: str, due: int) -> None:
        self._enlarge(axis, max(self._size(axis), _power_of_two(due)))

    def _admit(self, schema: Schema) -> None:
        """Take `schema`, which may have more features and values than the present one."""
        if not self.is_started:
            self._begin(schema)
        elif schema is not self.schema_:
            fits = schema.n_values <= self._size("V") or not self._size("V")
            if fits and self._outlasts_values() and schema.has_columns_of(self.schema_):
                self.schema_ = schema
                return
            self._accept_width(schema)
            if schema.n_features > self.schema_.n_features:
                self._enlarge("F", schema.n_features)
            if schema.n_values > self._size("V") > 0:
                self._enlarge_by_doubling("V", schema.n_values)
            self._mark_nominal(schema)
            self.schema_ = schema
            self._forget_caches()

    def _outlasts_values(self) -> bool:
        """Whether its caches still hold when columns have new values, for which there is room."""
        kind = type(self)
        plain = kind._admit is Estimator._admit and kind._parts is Estimator._parts
        return plain and self._kernel is not None

    def _forget_caches(self) -> None:
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)

    def _prepare(self) -> None:
        """Build the caches of the one-row verbs: an owned row, and a call for each verb."""
        n, schema = self._n_columns(), self.schema_
        buffer = bytearray(8 * n)
        self._row = np.frombuffer(buffer, np.float64)
        self._target, out = np.zeros(1), np.zeros((1, self._n_outputs()))
        rows = (self._row.reshape(1, n), self._target, _ONES[:1], out)
        self._out: Array = out[0]
        self._answer, self._y = _cells(out[0]), _cells(self._target)
        self._pack, self._bytes = struct.Struct(f"{n}d").pack_into, buffer
        self._keys = _picking(schema) if n > 1 and not schema.nominal else _not_easily
        if self._kernel is None:
            self._call: Callable[[int], int] = partial(self._call_python, rows)
            self._serving, self._scoring, self._fitting = ANSWER, ANSWER_AND_SCORES, FIT
        else:
            arrays = [np.array(self._settings()), *(getattr(self, f.name) for f in self._state)]
            arrays += self._parts()
            self._many = Descriptor(arrays, self._n_scratch())
            ones = [self._many.twin() for _ in range(3)]
            self._serving = ones[0].aim(rows, serve=ANSWER, fit=False)
            self._scoring = ones[1].aim(rows, serve=ANSWER_AND_SCORES, fit=False)
            self._fitting = ones[2].aim(rows, serve=0, fit=True)
            self._ones = ones
            self._call = self._kernel.call
        self._width = n
        self._plain = -1 if schema.undecided else n

    def _ready(self) -> Self:
        """Build the caches of the one-row verbs where they are missing; for ensembles."""
        if self._width < 0:
            self._prepare()
        return self

    def _call_python(self, rows: tuple[Array, Array, Array, Array], what: int) -> int:
        """The one-row call of an estimator without a kernel."""
        if np.isinf(rows[0]).any():
            return 0
        fit = (what & FIT) != 0
        if fit and shares_budget(self):
            permit(self, None, 1)
            with undone_where_refused(self):
                self._run(*rows, what & 3, fit)
        else:
            self._run(*rows, what & 3, fit)
        return 1

    # ---------------------------------------------------------------- rows in

    def _read(self, x: Any) -> bool:
        """Copy `x` into the owned row on the fast path; False where it needs the slow one."""
        kind = x.__class__
        try:
            if kind is _ndarray and len(x) == self._plain:
                self._row[...] = x
                return True
            if kind is dict and len(x) == self._width:
                self._pack(self._bytes, 0, *self._keys(x))
                return True
        except (TypeError, ValueError, KeyError, OverflowError, struct.error):
            pass
        return kind is dict and self._read_cells(x)

    def _read_cells(self, x: dict[Any, Any]) -> bool:
        """The same of a mapping with text or without some of the values, if it brings no news."""
        if self._width < 0 or self._width != self.schema_.n_features:
            return False
        try:
            cells = self.schema_.cells(x)
            if cells is not None:
                self._pack(self._bytes, 0, *cells)
        except (TypeError, ValueError, OverflowError, struct.error):
            return False
        return cells is not None

    def _as_one(self, x: Any) -> Any:
        """A row as `_rows` takes it: by name, where it has names and arrays were not before it."""
        return x if self.is_started and self.schema_.names is None else as_row(x)

    def _first_schema(self, X: Any) -> Schema:
        """The schema to start with when the first data are `X`."""
        return Schema.of(X)

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        """`X` as checked rows, and the schema that fitting them would give."""
        if X.__class__ is list and X and X[0].__class__ not in (dict, list, float, int):
            X = [self._as_one(x) for x in X]
        if fit or not self.is_started:
            schema = self.schema_.admitting(X) if self.is_started else self._first_schema(X)
        else:
            schema = self.schema_
        rows = schema.row(X)[None] if one else schema.rows(X)
        infinite = np.isinf(rows)
        if infinite.any():
            i, j = np.argwhere(infinite)[0]
            where = f"x[{schema.name_of(j)!r}]" if one else f"X[{i}, {schema.name_of(j)!r}]"
            raise wrong(where, float(rows[i, j]), "a finite number (NaN where missing)")
        return schema, rows

    # ---------------------------------------------------------------- rows through

    def _pass(
        self, X: Array, y: Array | None, weight: Array | None, serve: int, fit: bool
    ) -> Array:
        """Serve and fit checked rows in blocks; the answers, or all outputs with scores."""
        whole = serve == ANSWER_AND_SCORES
        width = self._n_outputs()
        answers = np.empty((len(X), width) if whole else len(X)) if serve else _NOTHING
        out = _NOTHING if whole or not serve else np.empty((min(len(X), BLOCK), width))
        for lo in range(0, len(X), BLOCK):
            hi = min(lo + BLOCK, len(X))
            n = hi - lo
            here = answers[lo:hi] if whole else out[:n] if serve else _NOTHING
            self._run(
                X[lo:hi],
                _ZEROS[:n] if y is None else y[lo:hi],
                _ONES[:n] if weight is None else weight[lo:hi],
                here,
                serve,
                fit,
            )
            if serve and not whole:
                answers[lo:hi] = here[:, 0]
        return answers

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        """For each row in order: where `serve`, write the answer; where `fit`, learn."""
        if self._width < 0:
            self._prepare()
        rows, done = (X, y, weight, out), 0
        while True:
            address = self._many.aim(rows, serve=serve, fit=fit, first=done, checked=True)
            done = self._call(address)
            if done == len(X):
                return
            self._grow()
            self._prepare()

    def _work(self) -> tuple[Entry, Descriptor] | None:
        """The kernel that does all the work of `_run`, and its descriptor, if there is one."""
        self._ready()
        kernel = self._kernel
        if kernel is None or numba.config.DISABLE_JIT or type(self)._run is not Estimator._run:
            return None
        return (kernel, self._many) if self._call is kernel.call else None

    def _stages(self) -> Sequence[Estimator]:
        """Estimators whose states, in `steps_`, are all that this one has learned; else none."""
        return ()

    def _read_slowly(self, x: Any) -> bool:
        """Put any kind of row into the owned one, checked; False before any data has come."""
        row = self._rows(self._as_one(x), fit=False, one=True)[1]
        if not self.is_started:
            return False
        if self._width < 0:
            self._prepare()
        self._row[...] = row[0]
        return True

    def _learn(self, X: Any, y: Any, weight: Any, *, serve: int = 0, one: bool = False) -> Array:
        """Check everything, then take in what is new, then run: a failure leaves no trace."""
        schema, rows = self._rows(self._as_one(X) if one else X, fit=True, one=one)
        targets, news = self._targets(y, len(rows))
        weights = as_weights(np.full(1, weight) if one else weight, len(rows))
        permit(self, weights, len(rows))
        before = self.schema_ if self.is_started else None
        apart = serve and not self._awaits_values()
        shown = shown_first(before, schema, rows) if apart else {}
        stretches = [] if one else self._stretches(schema, X, serve)
        with undone_where_refused(self):
            if stretches:
                chunk = rows, targets, weights
                return learn_in_stretches(self, X, stretches, chunk, news, serve, shown)
            self._admit(schema)
            self._admit_targets(news)
            if shown:
                return pass_in_parts(self, rows, targets, weights, serve, shown)
            return self._pass(rows, targets, weights, serve, fit=True)

    def _events(self, X: Any) -> Any:
        """`X` as its schema knows it."""
        return X

    def _stretches(self, schema: Schema, X: Any, serve: int) -> list[slice]:
        """Rows that it learns before it is told of the next columns; none where it knows all."""
        return stretches_of(self.schema_ if self.is_started else None, schema, X)

    def _awaits_values(self) -> bool:
        """Whether text is missing to it until it has learned it, though the schema knows it."""
        return any(field.name == "n_values_" for field in self._state)

    def _targets(self, y: Any, n_rows: int) -> tuple[Array | None, Any]:
        """`y` as the numbers that the kernel reads, and what is new in it, not yet taken in."""
        return None, None

    def _admit_targets(self, news: Any) -> None:  # noqa: B027 - only classifiers meet new targets
        """Take in what `_targets` found new."""

    def _fit_row_again(self) -> None:
        """Fit the owned row, which the kernel refused: it holds an infinity, or wants room."""
        row, target = self._row.copy(), self._target.copy()
        self._refuse_row()
        self._run(row[None], target, _ONES[:1], _NOTHING, 0, True)

    def _refuse_row(self) -> None:
        """Raise for an infinity in the owned row."""
        self._rows(self._row, fit=False, one=True)

    # ---------------------------------------------------------------- shared budgets of privacy

    def _claims(self, weights: Array | None, n_rows: int) -> Sequence[Claim]:
        """What it will ask of shared budgets, at most, so as to learn so many rows."""
        return ()

    def _foretells(self) -> bool:
        """Whether, started, it asks for nothing that `_claims` has not told of."""
        return self._kernel is not None


def _not_easily(x: Any) -> Any:
    """Stands for `_keys` where rows need the slow path."""
    raise TypeError


def _picking(schema: Schema) -> Callable[[Any], Any]:
    """What picks the cells of a mapping, where all columns but undecided ones are numeric."""
    pick = operator.itemgetter(*schema.names) if schema.names else _not_easily
    if not schema.undecided:
        return pick

    def pick_gaps(x: Any) -> Any:
        cells = pick(x)
        for column in schema.undecided:
            if cells[column] == cells[column]:
                raise TypeError  # None, or a value that says which kind the column is of
        return cells

    return pick_gaps


def _cells(array: Array) -> Any:
    """Cells of `array` as Python floats: three times as fast as through numpy."""
    return memoryview(array)  # type: ignore[arg-type]


def _power_of_two(due: int) -> int:
    """The least one that is enough: sizes then do not depend on how rows were grouped."""
    return 1 << max(due - 1, 0).bit_length()


def _nested(value: Any) -> list[tuple[str, Estimator]]:
    """Estimators in a parameter, each with the prefix of its own parameters' names."""
    if isinstance(value, Estimator):
        return [("", value)]
    if isinstance(value, list | tuple):
        return [(f"{i}__", item) for i, item in enumerate(value) if isinstance(item, Estimator)]
    return []


def _kinds(estimator: Estimator) -> list[tuple[str, type]]:
    """Which nested estimators, all the way down, are of which class."""
    found = []
    for name, value in estimator.get_params(deep=False).items():
        for key, nested in _nested(value):
            found.append((name + key, type(nested)))
            found += [(f"{name}{key}.{inner}", kind) for inner, kind in _kinds(nested)]
    return found


def _cloned(value: Any) -> Any:
    if isinstance(value, Estimator):
        return value.clone()
    if isinstance(value, list | tuple):
        return type(value)(_cloned(item) for item in value)
    return deepcopy(value)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Estimator):
        return value.get_state()
    if isinstance(value, Schema):
        return value.to_plain()
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def _from_plain(present: Any, value: Any) -> Any:
    """`value` in the form of `present`, what a started twin holds under the same name."""
    if isinstance(present, Estimator):
        return present.set_state(value)
    if isinstance(present, Schema):
        return Schema.from_plain(value)
    if isinstance(present, list) and present and isinstance(present[0], Estimator):
        alike = len({type(twin) for twin in present}) == 1
        more = value[len(present) :] if alike else ()  # members that have come since the start
        twins = [*present, *(present[0].clone() for _ in more)]
        return [_from_plain(twin, item) for twin, item in zip(twins, value, strict=True)]
    if isinstance(present, np.ndarray):
        return np.array(value, present.dtype, order="C")
    return deepcopy(value)


def _nbytes(value: Any) -> int:
    if isinstance(value, np.ndarray | Estimator | Schema):
        return value.nbytes
    if isinstance(value, dict):
        return sum(_nbytes(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_nbytes(item) for item in value)
    return sys.getsizeof(value)
