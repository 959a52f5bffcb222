"""States of models: kept in memory that is there already, and gone back to in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from onlineml.estimator import Estimator, _to_plain
from onlineml.kernels.arena import Descriptor, Ints, address_of
from onlineml.schema import Schema
from onlineml.unlearning.writing import LARGE, AnyArray, Pairs, replace

State = dict[str, Any]
_BEHIND = 4  # times the room that large arrays need is set aside for them
_HUGE = 1 << 18  # numbers of a huge page of memory


class Bound(NamedTuple):
    """An estimator, and what it has as long as its arrays and its dictionaries stay the same."""

    estimator: Estimator
    descriptor: Descriptor
    schema: Schema


class Way(NamedTuple):
    """From the arrays of a model of kernels to where a state keeps them, and back."""

    state: State
    bound: list[Bound]
    pairs: Pairs
    others: list[tuple[Estimator, State, str]]  # what is no array of a kernel, and may change
    size: int
    held: Descriptor | None  # the model's own

    def stands(self, held: Descriptor) -> bool:
        """Whether arrays are all there is to copy, of a model that has this descriptor now."""
        told = all(estimator.schema_ is schema for estimator, _, schema in self.bound)
        return self.held is held and told and not self.others


class Ways:
    """Ways to the states that are kept, found out once: Python is slow on what is in no cache."""

    def __init__(self) -> None:
        self._ways: dict[int, Way] = {}
        self._held: list[Descriptor | None] = []  # of who does the work, when a state was last kept

    def __len__(self) -> int:
        return len(self._ways)

    def to(self, state: State) -> Way | None:
        """The way to `state`, if there is one."""
        way = self._ways.get(id(state))
        return way if way is not None and way.state is state else None

    def add(self, model: Estimator, state: State) -> None:
        """Find out the way from `model`, unless its arrays grow: it would not last."""
        before, self._held = self._held, [vars(w).get("_many") for w in _workers(model)]
        if all(one is other for one, other in zip_longest(before, self._held)):
            way = _way(model, state)
            if way is not None:
                self._ways[id(state)] = way

    def drop(self, state: State) -> None:
        """The state is no more."""
        self._ways.pop(id(state), None)

    def only(self, states: Sequence[State]) -> None:
        """None but these are left."""
        left = set(map(id, states))
        self._ways = {key: way for key, way in self._ways.items() if key in left}


def keep(model: Estimator, spare: State, ways: Ways) -> tuple[State, int]:
    """The state of `model`, in the memory of one that is no longer needed, and its size."""
    way = _found(model, spare, ways)
    if way is None:
        ways.drop(spare)
        state = state_in(spare, model)
        ways.add(model, state)
        return state, size_of(state)
    way.pairs.take()
    for estimator, part, name in way.others:
        part[name] = _copied(part[name], getattr(estimator, name))
    return spare, way.size


def _found(model: Estimator, state: State, ways: Ways) -> Way | None:
    """The way to `state`, if it leads from the arrays that the model has now."""
    way = ways.to(state)
    if way is None:
        return None
    for (estimator, descriptor, schema), worker in zip(way.bound, _workers(model)):
        held = estimator is worker and vars(worker).get("_many") is descriptor
        if not held or worker.schema_ is not schema:
            return None
    return way


def _workers(model: Estimator) -> list[Estimator]:
    """The estimators that do the work of `model`."""
    stages = model._stages()
    return [part for stage in stages for part in _workers(stage)] if stages else [model]


def _parts(model: Estimator, state: State) -> list[tuple[Estimator, State]]:
    """The same, and what there is of each in a state of `model`."""
    stages = model._stages()
    nested = zip(stages, state.get("steps_", [{} for _ in stages]))
    apart = [part for stage, inner in nested for part in _parts(stage, inner)]
    return apart if stages else [(model, state)]


def state_in(spare: State, model: Estimator) -> State:
    """The state of `model`, in the memory of `spare` where it fits."""
    try:
        state: State = _copied(spare, model)
    except _HasGrownError:
        state = _copied(spare, model, _Room([*_large_in(spare, model)]))
    return state


def size_of(state: Any) -> int:
    """Bytes of the arrays of a state."""
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, list):
        return sum(map(size_of, state))
    return state.nbytes if isinstance(state, np.ndarray) else 0


def restore(model: Estimator, state: State, ways: Ways) -> None:
    """`model.set_state(state)`, in place where only numbers differ: what is cached then stands."""
    way = _found(model, state, ways)
    if way is not None and not way.others:
        way.pairs.give()
        return
    held = {name: getattr(model, name) for name in model._learned()}
    if model._kernel is not None and held.keys() == state.keys():
        pairs = [(value, state[name]) for name, value in held.items()]
        if all(_same_but_for_numbers(value, due) for value, due in pairs):
            for value, due in pairs:
                if isinstance(value, np.ndarray):
                    value[...] = due
            return
    model.set_state(state)


def _way(model: Estimator, state: State) -> Way | None:
    """None for a model of which a part has no kernel, or is not ready."""
    bound: list[Bound] = []
    pairs: list[tuple[AnyArray, AnyArray]] = []
    others: list[tuple[Estimator, State, str]] = []
    for part, inner in _parts(model, state):
        descriptor = vars(part).get("_many")
        if descriptor is None or type(part).get_state is not Estimator.get_state:
            return None
        bound.append(Bound(part, descriptor, part.schema_))
        names = {field.name for field in part._state} & inner.keys()
        pairs += [(inner[name], getattr(part, name)) for name in names]
        left = inner.keys() - names - {"classes_", "schema_"}
        others += [(part, inner, name) for name in left]
    work = model._work()
    held = None if work is None else work[1]
    return Way(state, bound, Pairs(pairs), others, size_of(state), held)


def _same_but_for_numbers(value: Any, due: Any) -> bool:
    if isinstance(value, np.ndarray):
        return _alike(due, value)
    parts = value if isinstance(value, list | tuple) else [value]
    nested = any(isinstance(part, np.ndarray | Estimator | list | dict) for part in parts)
    return not nested and bool(_to_plain(value) == due)


def _copied(spare: Any, value: Any, room: _Room | None = None) -> Any:
    if isinstance(value, np.ndarray):
        large = _is_large(value)
        if large and room is not None:
            spare = room.take(value)
        elif not _alike(spare, value):
            if large:
                raise _HasGrownError
            return value.copy()
        if large:
            replace(*(array.reshape(-1).view(np.int64) for array in (spare, value)))
        else:
            spare[...] = value
        return spare
    if isinstance(value, Estimator):
        if type(value).get_state is not Estimator.get_state:
            return value.get_state()
        return {name: _copied(old, item, room) for name, old, item in _learned(spare, value)}
    if isinstance(value, list | tuple):
        old = spare if isinstance(spare, list) else []
        return [_copied(part, item, room) for part, item in zip_longest(old[: len(value)], value)]
    return _to_plain(value)


def _learned(spare: Any, model: Estimator) -> Iterator[tuple[str, Any, Any]]:
    """What `model` has learned: a name, what `spare` has under it, and what the model has."""
    for name in model._learned():
        yield name, spare.get(name) if isinstance(spare, dict) else None, getattr(model, name)


def _large_in(spare: Any, value: Any) -> Iterator[tuple[Any, AnyArray]]:
    """The large arrays of what is to be copied, and those that are in their places."""
    if isinstance(value, np.ndarray) and _is_large(value):
        yield spare, value
    elif isinstance(value, Estimator) and type(value).get_state is Estimator.get_state:
        for _, old, item in _learned(spare, value):
            yield from _large_in(old, item)
    elif isinstance(value, list | tuple):
        parts = spare if isinstance(spare, list) else []
        for old, item in zip_longest(parts[: len(value)], value):
            yield from _large_in(old, item)


class _HasGrownError(Exception):
    """A large array does not fit into the memory of an old one."""


class _Room:
    """Room for the large arrays of a state, one behind another: that of an old state, or new.

    What is never written takes no memory. Models grow by doubling: their states then need new
    memory, which is twenty times as slow as old, for no more than what they have grown by. And by
    huge pages, as memory that has long been left alone is looked up page by page.
    """

    def __init__(self, large: Sequence[tuple[Any, AnyArray]]) -> None:
        n = sum(value.size for _, value in large)
        old: Any = next((spare.base for spare, _ in large if isinstance(spare, np.ndarray)), None)
        fits = isinstance(old, np.ndarray) and old.dtype == np.int64 and old.ndim == 1
        if not fits or len(old) < n + _HUGE:
            old = np.empty(_BEHIND * n + _HUGE, np.int64)
        self._left: Ints = old[-(address_of(old) // 8) % _HUGE :]

    def take(self, value: AnyArray) -> AnyArray:
        """Room for an array like `value`."""
        taken, self._left = self._left[: value.size], self._left[value.size :]
        return taken.view(value.dtype).reshape(value.shape)


def _is_large(value: AnyArray) -> bool:
    return value.dtype.kind in "fi" and value.itemsize == 8 and value.size >= LARGE


def _alike(one: Any, other: Any) -> bool:
    return type(one) is np.ndarray and one.shape == other.shape and one.dtype == other.dtype
