"""Where events come from: files, frames, real sets by name, generators.

`load` gives a stream by name, `names` tells what there is, `as_stream` takes whatever you have.
Importing this package reads no file and loads no reader: each comes with its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from onlineml.datasets.stream import Chunk, Stream

if TYPE_CHECKING:
    from onlineml.datasets.arff import ARFFStream
    from onlineml.datasets.columnar import ArrowStream, ParquetStream
    from onlineml.datasets.compose import ConceptDrift, Recurring
    from onlineml.datasets.csv_file import CSVStream
    from onlineml.datasets.download import DownloadError
    from onlineml.datasets.generators import (
        LED,
        SEA,
        STAGGER,
        Agrawal,
        Friedman,
        Generator,
        Hyperplane,
        Mixed,
        RandomRBF,
        RandomTree,
        SemiSyntheticStreamGenerator,
        Sine,
        StreamGenerator,
        Waveform,
    )
    from onlineml.datasets.iterable import IterableStream
    from onlineml.datasets.known import Known
    from onlineml.datasets.memory import ArrayStream, FrameStream
    from onlineml.datasets.registry import load, names
    from onlineml.datasets.source import as_stream

# Name -> the module that has it.
_HOMES = {
    "ARFFStream": "arff",
    "Agrawal": "generators",
    "ArrayStream": "memory",
    "ArrowStream": "columnar",
    "CSVStream": "csv_file",
    "ConceptDrift": "compose",
    "DownloadError": "download",
    "FrameStream": "memory",
    "Friedman": "generators",
    "Generator": "generators",
    "Hyperplane": "generators",
    "IterableStream": "iterable",
    "Known": "known",
    "LED": "generators",
    "Mixed": "generators",
    "ParquetStream": "columnar",
    "RandomRBF": "generators",
    "RandomTree": "generators",
    "Recurring": "compose",
    "SEA": "generators",
    "STAGGER": "generators",
    "SemiSyntheticStreamGenerator": "generators",
    "Sine": "generators",
    "StreamGenerator": "generators",
    "Waveform": "generators",
    "as_stream": "source",
    "load": "registry",
    "names": "registry",
}

__all__ = [
    "LED",
    "SEA",
    "STAGGER",
    "ARFFStream",
    "Agrawal",
    "ArrayStream",
    "ArrowStream",
    "CSVStream",
    "Chunk",
    "ConceptDrift",
    "DownloadError",
    "FrameStream",
    "Friedman",
    "Generator",
    "Hyperplane",
    "IterableStream",
    "Known",
    "Mixed",
    "ParquetStream",
    "RandomRBF",
    "RandomTree",
    "Recurring",
    "SemiSyntheticStreamGenerator",
    "Sine",
    "Stream",
    "StreamGenerator",
    "Waveform",
    "as_stream",
    "load",
    "names",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
