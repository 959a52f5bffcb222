"""Constructor arguments as users give them: numbers of NumPy, values of a wrong type."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from inspect import Parameter
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
    """The error for the first value that is no number where the default is one; None without."""
    for name, parameter in signature.items():
        default, value = parameter.default, values[name]
        if isinstance(default, int | float) and not isinstance(value, numbers.Real):
            return wrong(name, value, f"a number, such as {default!r}")
    return None
