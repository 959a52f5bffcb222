"""What is known of a stream that can be had by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from onlineml.datasets.stream import Stream, Task

Kind = Literal["bundled", "generator", "remote"]


@dataclass(frozen=True)
class Known:
    """A stream by name: how to make it, and what it will be.

    Parameters
    ----------
    make
        Makes the stream; its arguments are the options of `onlineml.datasets.load`.
    kind
        "bundled" (comes with a dependency), "generator", or "remote" (downloaded at first use).
    task, n_rows, n_features
        As in the stream; `n_rows` is None where the stream has no end.
    description
        One line.

    Examples
    --------
    >>> from onlineml.datasets import names
    >>> known = names()["sea"]
    >>> known.kind, known.task, known.n_rows, known.n_features
    ('generator', 'classification', None, 3)
    """

    make: Callable[..., Stream]
    kind: Kind
    task: Task
    n_rows: int | None
    n_features: int
    description: str
