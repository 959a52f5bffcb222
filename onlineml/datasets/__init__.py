"""Where events come from: files, frames, real sets by name, generators.

`load` gives a stream by name, `names` tells what there is, `as_stream` takes whatever you have.
Importing this package reads no file and loads no reader: each comes with its first use.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from onlineml.datasets.stream import Chunk, Stream

if TYPE_CHECKING:
    from onlineml.datasets.arff import ARFFStream
    from onlineml.datasets.columnar import ArrowStream, ParquetStream
    from onlineml.datasets.csv_file import CSVStream
    from onlineml.datasets.download import DownloadError
    from onlineml.datasets.iterable import IterableStream
    from onlineml.datasets.known import Known
    from onlineml.datasets.memory import ArrayStream, FrameStream
    from onlineml.datasets.registry import load, names
    from onlineml.datasets.source import as_stream

# Name -> the module that has it.
_HOMES = {
    "ARFFStream": "arff",
    "ArrayStream": "memory",
    "ArrowStream": "columnar",
    "CSVStream": "csv_file",
    "DownloadError": "download",
    "FrameStream": "memory",
    "IterableStream": "iterable",
    "Known": "known",
    "ParquetStream": "columnar",
    "as_stream": "source",
    "load": "registry",
    "names": "registry",
}
_ROOMS = ("compose", "generators")  # their public names are also ours

__all__ = [
    "ARFFStream",
    "ArrayStream",
    "ArrowStream",
    "CSVStream",
    "Chunk",
    "DownloadError",
    "FrameStream",
    "IterableStream",
    "Known",
    "ParquetStream",
    "Stream",
    "as_stream",
    "load",
    "names",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if not name.startswith("_") and name[:1].isupper():
        for room in _ROOMS:
            module = (
                import_module(f"{__name__}.{room}") if find_spec(f"{__name__}.{room}") else None
            )
            if module is not None and name in getattr(module, "__all__", vars(module)):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
