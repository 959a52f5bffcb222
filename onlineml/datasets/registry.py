"""Streams by name: bundled, generated, remote."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from onlineml.datasets.columns import one_of
from onlineml.datasets.known import Known
from onlineml.datasets.source import checked_options
from onlineml.datasets.stream import Stream

_ROOM = "onlineml.datasets"


def load(name: str, **options: Any) -> Stream:
    """The stream of that name.

    Time and memory are O(1): nothing is read before it is asked for, but a remote file, which is
    downloaded and checked.

    Parameters
    ----------
    name
        One of `names()`. A remote one is downloaded at first use.
    **options
        Arguments of the stream: `seed`, `variant`, ...

    Returns
    -------
    Stream
        A fresh one.

    Raises
    ------
    ValueError
        For an unknown name or option (the nearest ones named), and values that the stream refuses.
    DownloadError
        One of those, for a download that fails.

    Examples
    --------
    >>> load("phishing").n_rows
    1250
    """
    make = makers().get(name)
    if make is None:
        raise one_of("stream", name, makers())
    checked_options(make, options)
    stream = make(**options)
    known = _real().get(name)
    if known is not None and stream.n_rows is None:
        stream.n_rows = known.n_rows
    return stream


def names() -> dict[str, Known]:
    """What is known of every stream that `load` takes: the bundled ones first, then by kind.

    Nothing is downloaded or read.

    Returns
    -------
    dict
        Name -> `Known`.

    Examples
    --------
    >>> names()["shuttle"].task
    'anomaly'
    """
    return {**_real(), **_generated()}


def makers() -> dict[str, Callable[..., Stream]]:
    """Name -> what makes the stream."""
    return {**{name: known.make for name, known in _real().items()}, **_generators()}


@cache
def _real() -> dict[str, Known]:
    from onlineml.datasets.bundled import BUNDLED
    from onlineml.datasets.remote import REMOTE

    return {**BUNDLED, **REMOTE}


@cache
def _generators() -> dict[str, Callable[..., Stream]]:
    """Generator classes by their names in snake case, then the named recipes."""
    found: dict[str, Callable[..., Stream]] = {}
    if find_spec(f"{_ROOM}.generators"):
        for name, value in vars(import_module(f"{_ROOM}.generators")).items():
            if isinstance(value, type) and issubclass(value, Stream) and _is_whole(value):
                found[snake_case(name)] = value
    if find_spec(f"{_ROOM}.named"):
        found.update(import_module(f"{_ROOM}.named").NAMED)
    return found


def _is_whole(stream: type) -> bool:
    """Whether a class can be made without arguments."""
    parameters = inspect.signature(stream).parameters.values()
    return not inspect.isabstract(stream) and all(
        p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters
    )


@cache
def _generated() -> dict[str, Known]:
    found = {}
    for name, make in _generators().items():
        stream = make()
        description = _first_line(make)
        width = stream.schema.n_features
        found[name] = Known(make, "generator", stream.task, stream.n_rows, width, description)
    return found


def _first_line(make: Callable[..., Stream]) -> str:
    """First line of the docstring, without its full stop; of a partial, that of its function."""
    make = getattr(make, "func", make)
    return (inspect.getdoc(make) or "").partition("\n")[0].rstrip(".")


def snake_case(name: str) -> str:
    """`RandomRBF` as `random_rbf`.

    Examples
    --------
    >>> [snake_case(name) for name in ("RandomRBF", "SEA", "RandomTree", "LEDDrift")]
    ['random_rbf', 'sea', 'random_tree', 'led_drift']
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
