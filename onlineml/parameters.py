"""Constructor arguments as users give them: numbers of NumPy, values of a wrong type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
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


def misfit(signature: Mapping[str, Parameter], values: Mapping[str, Any]) -> ValueError | None:
    """The error for the first value that is not of the kind that is annotated; None without.

    Looked at are whole numbers, numbers (NaN is none), switches, sequences and mappings, each
    maybe None as well.
    """
    for name, parameter in signature.items():
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
