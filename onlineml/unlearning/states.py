"""States of models: kept in memory that is there already, and gone back to in place."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from onlineml.estimator import Estimator, _to_plain
from onlineml.kernels.arena import Descriptor, Ints
from onlineml.schema import Schema
from onlineml.unlearning.writing import LARGE, Pairs, replace

State = dict[str, Any]
_BEHIND = 4  # times the room that a large array needs is set aside for it


class Bound(NamedTuple):
    """An estimator, and what it has as long as its arrays and its dictionaries stay the same."""

    estimator: Estimator
    descriptor: Descriptor | None
    schema: Schema


class Way(NamedTuple):
    """From the arrays of a model of kernels to where a state keeps them, and back."""

    state: State
    bound: list[Bound]
    pairs: Pairs
    others: list[tuple[Estimator, State, str]]  # what is no array of a kernel, and may change
    size: int


Ways = dict[int, Way]


def keep(model: Estimator, spare: State, ways: Ways) -> tuple[State, int]:
    """The state of `model`, in the memory of one that is no longer needed, and its size.

    New memory is slow, and so is Python on objects that rows have pushed out of the cache: `ways`
    is for what was found out to be found again.
    """
    way = _found(model, spare, ways)
    ways.pop(id(spare), None)
    if way is None:
        state = state_in(spare, model)
        grows = spare and any(
            now[field.name] is not before.get(field.name)
            for (part, now), (_, before) in zip(_parts(model, state), _parts(model, spare))
            for field in part._state
        )
        way = None if grows else _way(model, state)  # of a model that grows it would not last
        if way is None:
            return state, size_of(state)
        spare = state
    else:
        way.pairs.take()
        for estimator, part, name in way.others:
            part[name] = _copied(part[name], getattr(estimator, name))
    ways[id(spare)] = way
    return spare, way.size


def _found(model: Estimator, state: State, ways: Ways) -> Way | None:
    """The way of `state`, if it is one of the arrays that the model has now."""
    way = ways.get(id(state))
    if way is None or way.state is not state or way.bound[0].estimator is not model:
        return None
    for estimator, descriptor, schema in way.bound:
        if vars(estimator).get("_many") is not descriptor or estimator.schema_ is not schema:
            return None
    return way


def _parts(model: Estimator, state: State) -> list[tuple[Estimator, State]]:
    """The estimators that do the work of `model`, and what there is of them in its state."""
    stages = model._stages()
    if not stages:
        return [(model, state)]
    nested = zip(stages, state.get("steps_", [{} for _ in stages]))
    return [part for stage, inner in nested for part in _parts(stage, inner)]


def state_in(spare: State, model: Estimator) -> State:
    """The state of `model`, in the memory of `spare` where it fits."""
    if type(model).get_state is not Estimator.get_state:
        return model.get_state()
    return {name: _copied(spare.get(name), getattr(model, name)) for name in model._learned()}


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
    bound, pairs, others = [Bound(model, vars(model).get("_many"), model.schema_)], [], []
    for part, inner in _parts(model, state):
        descriptor = vars(part).get("_many")
        if descriptor is None or type(part).get_state is not Estimator.get_state:
            return None
        bound.append(Bound(part, descriptor, part.schema_))
        names = {field.name for field in part._state} & inner.keys()
        pairs += [(inner[name], getattr(part, name)) for name in names]
        left = inner.keys() - names - {"classes_", "schema_"}
        others += [(part, inner, name) for name in left]
    return Way(state, bound, Pairs(pairs), others, size_of(state))


def _same_but_for_numbers(value: Any, due: Any) -> bool:
    if isinstance(value, np.ndarray):
        return _alike(due, value)
    parts = value if isinstance(value, list | tuple) else [value]
    nested = any(isinstance(part, np.ndarray | Estimator | list | dict) for part in parts)
    return not nested and bool(_to_plain(value) == due)


def _copied(spare: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        plain = value.dtype.kind in "fi" and value.itemsize == 8 and value.size >= LARGE
        if not _alike(spare, value):
            if not plain:
                return value.copy()
            spare = _room_in(spare, value.size).view(value.dtype).reshape(value.shape)
        if plain:
            replace(*(array.reshape(-1).view(np.int64) for array in (spare, value)))
        else:
            spare[...] = value
        return spare
    if isinstance(value, Estimator):
        return state_in(spare if isinstance(spare, dict) else {}, value)
    if isinstance(value, list | tuple):
        old = spare if isinstance(spare, list) else []
        return [_copied(part, item) for part, item in zip_longest(old[: len(value)], value)]
    return _to_plain(value)


def _room_in(spare: Any, n: int) -> Ints:
    """Room for `n` numbers: those of `spare` and what lies behind, or new, with more behind.

    What is never written takes no memory. Models grow by doubling: their states then need new
    memory, which is twenty times as slow as old, for no more than what they have grown by.
    """
    room: Any = spare.base if isinstance(spare, np.ndarray) else None
    fits = isinstance(room, np.ndarray) and room.dtype == np.int64 and room.ndim == 1
    if not fits or len(room) < n:
        room = np.empty(_BEHIND * n, np.int64)
    found: Ints = room[:n]
    return found


def _alike(one: Any, other: Any) -> bool:
    return type(one) is np.ndarray and one.shape == other.shape and one.dtype == other.dtype
