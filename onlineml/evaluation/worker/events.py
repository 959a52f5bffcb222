"""What messages say: samples, labels, rewards, requests to forget, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from onlineml.datasets.messages import Batch
from onlineml.schema import wrong
from onlineml.words import shortened

Id = str | int
Format = Literal["json", "arrow"]
LONGEST = 1000  # characters of text that is kept: ids, keys, labels, values of columns


class Sample(NamedTuple):
    """A row to answer, and to learn where its label is known."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]  # key and value of the message
    x: Any  # a mapping, a list of numbers or a row
    y: Any
    id: Id | None
    key: str | None


class Label(NamedTuple):
    """The label of a sample that came before, or that will come."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]
    id: Id
    y: Any


class Reward(NamedTuple):
    """What came of the action that answered a sample before."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]
    id: Id
    value: float
    key: str | None


class Forget(NamedTuple):
    """A request to forget a row, given by its id, or by what it was."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]
    id: Id | None
    x: Any
    y: Any
    key: str | None


class Bad(NamedTuple):
    """A message of some kind that cannot be used, and why."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]
    kind: str
    reason: str


Event = Sample | Label | Reward | Forget | Bad


class UnreadableError(ValueError):
    """A message that cannot be used; the text says why."""


@dataclass(frozen=True)
class Fields:
    """Names of the parts of a message.

    Parameters
    ----------
    x
        Part that holds the features, a mapping or a list of numbers; None where the features lie
        beside the other parts.
    y
        Label or target.
    id
        What labels and requests to forget refer to.
    key
        Part that says which model is meant, for keyed models; None takes the message's key.
    time
        Event time in seconds; None takes the message's time.
    reward
        What came of an action.
    """

    x: str | None = "x"
    y: str | None = "y"
    id: str | None = "id"
    key: str | None = None
    time: str | None = None
    reward: str = "reward"


def read_json(batch: Batch, kind: str, fields: Fields) -> Iterator[Event]:
    """The events of a batch of JSON messages, one each."""
    make = _MAKERS[kind]
    keys, times = batch.keys, batch.times
    loads = orjson.loads
    for i, (offset, value) in enumerate(zip(batch.offsets, batch.values)):
        source = (keys[i], value)
        # a message whose own time cannot be read has its turn at once, whenever it was sent
        time = times[i] if fields.time is None else None
        try:
            if value is None:
                raise UnreadableError("got no value, expected a JSON object")
            plain = loads(value)
            if type(plain) is not dict:
                raise UnreadableError(f"got {shown(plain)}, expected a JSON object")
            if fields.time is not None:
                time = _time(plain.get(fields.time))
            yield make(offset, time, source, plain, fields)
        except UnreadableError as error:
            yield Bad(offset, time, source, kind, str(error))
        except orjson.JSONDecodeError as error:
            yield Bad(offset, time, source, kind, f"not JSON: {error}")


def _sample(
    offset: int,
    time: float | None,
    source: tuple[bytes | None, bytes | None],
    plain: dict[str, Any],
    fields: Fields,
) -> Sample:
    y = None if fields.y is None else plain.get(fields.y)
    row_id = None if fields.id is None else plain.get(fields.id)
    if row_id is not None:
        check_id(row_id)
    key = _key(source[0], plain, fields)
    if fields.x is None:
        parts = (fields.y, fields.id, fields.key, fields.time)
        x: Any = {name: value for name, value in plain.items() if name not in parts}
    else:
        x = plain.get(fields.x)
        if type(x) is not dict and type(x) is not list:
            due = "features by name or a list of numbers"
            raise UnreadableError(f"{fields.x}: got {shown(x)}, expected {due}")
    return Sample(offset, time, source, x, y, row_id, key)


def _label(
    offset: int,
    time: float | None,
    source: tuple[bytes | None, bytes | None],
    plain: dict[str, Any],
    fields: Fields,
) -> Label:
    row_id: Any = plain.get(fields.id or "id")
    check_id(row_id)
    y = plain.get(fields.y or "y")
    if y is None:
        raise UnreadableError(f"{fields.y or 'y'}: got nothing, expected a label")
    return Label(offset, time, source, row_id, y)


def _reward(
    offset: int,
    time: float | None,
    source: tuple[bytes | None, bytes | None],
    plain: dict[str, Any],
    fields: Fields,
) -> Reward:
    row_id: Any = plain.get(fields.id or "id")
    check_id(row_id)
    value = plain.get(fields.reward)
    if not isinstance(value, int | float):  # JSON knows no number that is not finite
        raise UnreadableError(f"{fields.reward}: got {shown(value)}, expected a number")
    return Reward(offset, time, source, row_id, float(value), _key(source[0], plain, fields))


def _forget(
    offset: int,
    time: float | None,
    source: tuple[bytes | None, bytes | None],
    plain: dict[str, Any],
    fields: Fields,
) -> Forget:
    row_id, x = plain.get(fields.id or "id"), plain.get(fields.x or "x")
    if row_id is None and x is None:
        raise UnreadableError("got neither an id nor features, expected one of them")
    if row_id is not None:
        check_id(row_id)
    key = _key(source[0], plain, fields)
    return Forget(offset, time, source, row_id, x, plain.get(fields.y or "y"), key)


_MAKERS: Mapping[str, Callable[..., Event]] = {
    "samples": _sample,
    "labels": _label,
    "rewards": _reward,
    "forget": _forget,
}


def check_id(value: Any) -> None:
    """Raise where labels and requests to forget cannot refer to a row by `value`.

    Raises
    ------
    UnreadableError
        It is neither a whole number nor text, or too long to be kept while it is waited for.
    """
    if type(value) is not int and (type(value) is not str or len(value) > LONGEST):
        due = f"a whole number or text of at most {LONGEST:,} characters"
        raise UnreadableError(f"id: got {shown(value)}, expected {due}")


def _key(key: bytes | None, plain: Mapping[str, Any], fields: Fields) -> str | None:
    if fields.key is None:
        return None if key is None else key.decode(errors="backslashreplace")
    value = plain.get(fields.key)
    return None if value is None else str(value)


def key_check(key: str | None) -> str | None:
    """Why a key cannot say whose model is meant, or None."""
    if key is None:
        return "no key, which would say whose model is meant"
    if len(key) > LONGEST:
        return f"key: got {shown(key)}, expected at most {LONGEST:,} characters"
    return None


def _time(value: Any) -> float | None:
    if value is None or type(value) in (int, float):
        time: float | None = value
        return time
    raise UnreadableError(f"time: got {shown(value)}, expected seconds, a number")


def shown(value: Any) -> str:
    """What came, in a message; a long value loses its middle."""
    return shortened(repr(value), 60)


def read_arrow(batch: Batch, fields: Fields) -> Iterator[Any]:
    """The events of messages that hold Arrow record batches, one `Block` each."""
    from onlineml.evaluation.worker.blocks import block_of

    for offset, key, value, time in zip(batch.offsets, batch.keys, batch.values, batch.times):
        source = (key, value)
        try:
            if value is None:
                raise UnreadableError("got no value, expected Arrow record batches")
            yield block_of(offset, time, source, fields)
        except UnreadableError as error:
            yield Bad(offset, time, source, "samples", str(error))


def read(batch: Batch, kind: str, form: Format, fields: Fields) -> list[Any]:
    """The events of a batch of messages of a topic of some kind."""
    if form == "json":
        return list(read_json(batch, kind, fields))
    if kind != "samples":
        raise wrong("formats", form, f"json for {kind}")
    return list(read_arrow(batch, fields))


def row_check(y: Any, *, regression: bool) -> str | None:
    """Why `y` cannot be learned, or None."""
    kind = type(y)
    if regression:
        good = kind is int or (kind is float and y - y == 0.0)
        return None if good else f"y: got {shown(y)}, expected a finite number"
    if kind is str and len(y) > LONGEST:
        return f"y: got {shown(y)}, expected at most {LONGEST:,} characters"
    if kind in (int, str, bool) or (kind is float and y == y):
        return None
    return f"y: got {shown(y)}, expected a class label (a number, text or a boolean)"
