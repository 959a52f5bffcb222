"""One door for every kind of source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from onlineml.datasets.arff import ARFFStream
from onlineml.datasets.columnar import ArrowStream, ParquetStream
from onlineml.datasets.columns import one_of
from onlineml.datasets.csv_file import CSVStream
from onlineml.datasets.files import format_of
from onlineml.datasets.iterable import IterableStream
from onlineml.datasets.memory import ArrayStream, FrameStream, named_by_text
from onlineml.datasets.stream import Stream
from onlineml.schema import is_frame, wrong

FORMATS: dict[str, Callable[..., Stream]] = {
    ".csv": CSVStream, ".tsv": CSVStream, ".txt": CSVStream, ".data": CSVStream,
    ".arff": ARFFStream, ".parquet": ParquetStream, ".pq": ParquetStream,
    ".arrow": ArrowStream, ".feather": ArrowStream, ".ipc": ArrowStream,
}  # fmt: skip


def as_stream(source: Any, target: str | None = None, **options: Any) -> Stream:
    """A stream over whatever `source` is.

    Time and memory are O(1) of arrays, those of the first rows of files and iterables.

    Parameters
    ----------
    source
        A `Stream` (given back as it is); the path of a CSV, ARFF, Parquet or Arrow file; the name
        of a known stream (see `onlineml.datasets.load`); a pandas, polars or Arrow table; a pair
        `(X, y)` of arrays, or of a table and an array; an iterable of pairs `(x, y)`, or a
        function that returns one.
    target
        Column of labels; for files and tables.
    **options
        Further arguments of the reader: `task`, `nominal`, `time`, `on_error`, ...

    Returns
    -------
    Stream
        Of what is in memory, without a copy.

    Raises
    ------
    ValueError
        For a source of another kind, an option that its reader does not have, and what the reader
        refuses.

    Examples
    --------
    >>> as_stream(([[1.0], [2.0]], ["a", "b"])).schema.n_features
    1
    """
    if target is not None:
        options["target"] = target
    if isinstance(source, Stream):
        return _made(lambda: source, options)
    if isinstance(source, str | PathLike):
        return _of_path(source, options)
    if is_frame(source):
        return _made(FrameStream, options, source)
    if isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], tuple):
        if is_frame(source[0]):
            return _made(FrameStream, {**options, "target": _LABEL}, _table(*source))
        return _made(ArrayStream, options, *source)
    if callable(source) or isinstance(source, Iterable):
        return _made(IterableStream, options, source)
    raise wrong("source", source, "a stream, path, name, table, (X, y) or iterable of (x, y)")


def checked_options(make: Callable[..., Any], options: dict[str, Any]) -> None:
    """Raise for options that `make` does not take."""
    known = inspect.signature(make).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return
    for name in options:
        if name not in known:
            if not known:
                raise wrong("option", name, "no options here")
            raise one_of("option", name, known)


def _made(make: Callable[..., Stream], options: dict[str, Any], *sources: Any) -> Stream:
    checked_options(make, options)
    return make(*sources, **options)


def _of_path(source: str | PathLike[str], options: dict[str, Any]) -> Stream:
    path = Path(source).expanduser()
    reader = FORMATS.get(format_of(path))
    if reader is not None:
        return _made(reader, options, path)
    if path.exists():
        raise wrong("path", str(source), f"a name that ends in one of {', '.join(FORMATS)}")
    from onlineml.datasets.registry import load

    return load(str(source), **options)


_LABEL = "__label__"


def _table(X: Any, y: Any) -> Any:
    """`X` as an Arrow table with the labels as one more column."""
    import narwhals as nw
    import pyarrow as pa

    frame = named_by_text(nw.from_native(X, eager_only=True))
    if len(y) != len(frame):
        raise wrong("y", len(y), f"{len(frame)} labels, one a row")
    labels = pa.array(y.to_list() if hasattr(y, "to_list") else list(y))
    return frame.to_arrow().select(frame.columns).append_column(_LABEL, labels)
