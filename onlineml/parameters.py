"""Arguments as users give them: numbers of NumPy, values of a wrong kind, whole numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any

import numpy as np

from onlineml.schema import wrong


def as_plain(value: Any) -> Any:
    """Numbers of NumPy, in lists and tuples too, as Python's; the very `value` where none is.

    Examples
    --------
    >>> as_plain((np.int64(3), "a"))
    (3, 'a')
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (list, tuple) and any(isinstance(item, np.generic) for item in value):
        return type(value)(as_plain(item) for item in value)
    return value


@cache
def signature_of(kind: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The constructor's arguments; to look them up takes longer than to copy a state."""
    return signature(kind).parameters


@cache
def names_of(kind: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the constructor's arguments."""
    return tuple(signature_of(kind))


def same(value: Any, default: Any) -> bool:
    """Whether `value` is of the kind of `default`, and equal to it.

    Examples
    --------
    >>> same(1, 1), same(1.0, 1)
    (True, False)
    """
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def whole(argument: str, value: Any, least: int, most: int | None = None, *, unit: str = "") -> int:
    """`value` as an int from `least` to `most`, or the error; `unit` is what it counts.

    Examples
    --------
    >>> whole("size", np.int64(3), 1)
    3
    >>> whole("size", 0.5, 1, unit="rows")
    Traceback (most recent call last):
    ...
    ValueError: size: got 0.5, expected a whole number of rows >= 1
    """
    try:
        number = operator.index(value)
        fits = least <= number and (most is None or number <= most)
    except TypeError:
        fits = False
    if fits:
        return number
    due = f"a whole number of {unit}" if unit else "a whole number"
    span = f">= {least}" if most is None else f"from {least} to {most}"
    raise wrong(argument, value, f"{due} {span}")


def misfit(expected: Mapping[str, Parameter], values: Mapping[str, Any]) -> ValueError | None:
    """The error for the first value that is not of the kind that is annotated; None without.

    Looked at are whole numbers, numbers (NaN is none), switches, sequences and mappings, each
    maybe None as well.
    """
    for name, parameter in expected.items():
        kind, value = _kind_of(parameter), values[name]
        plain, bare = kind.removesuffix(_OR_NONE), kind.endswith(_OR_NONE)
        due, fits = _KINDS.get(plain.partition("[")[0], _ANYTHING)
        if not (fits(value) or (bare and value is None)):
            shown = plain == "float" and isinstance(parameter.default, Real)
            due += f", such as {parameter.default!r}" * shown + ", or None" * bare
            return wrong(name, value, due)
    return None


_OR_NONE = " | None"
_ANYTHING: tuple[str, Callable[[Any], bool]] = ("", lambda value: True)
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", lambda value: isinstance(value, Integral)),
    "float": ("a number", lambda value: isinstance(value, Real) and not math.isnan(value)),
    "bool": ("True or False", lambda value: isinstance(value, Integral) and value in (0, 1)),
    "Sequence": (
        "a sequence",
        lambda value: isinstance(value, Sequence | np.ndarray) and not isinstance(value, str),
    ),
    "Mapping": ("a mapping", lambda value: isinstance(value, Mapping)),
}


def _kind_of(parameter: Parameter) -> str:
    """The annotation as text."""
    kind = parameter.annotation
    return kind.__name__ if isinstance(kind, type) else str(kind)
