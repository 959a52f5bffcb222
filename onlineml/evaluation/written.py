"""Results that were written as JSON, read from the text or from the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from onlineml.schema import wrong

T = TypeVar("T")


def made_of_json(source: str | Path, make: Callable[[Any], T], due: str) -> T:
    """What `make` makes of the JSON; an error that names the source where it is not what is due."""
    import orjson

    is_text = isinstance(source, str) and source.lstrip().startswith("{")
    text = source if isinstance(source, str) and is_text else Path(source).read_bytes()
    try:
        return make(orjson.loads(text))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        shown = source if is_text else Path(source).name  # of a path, what tells
        raise wrong("source", shown, due) from None
