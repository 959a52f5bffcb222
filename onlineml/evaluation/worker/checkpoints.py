"""Checkpoints of one partition: who may write them, and which one counts.

Each life of a worker that takes a partition makes a folder with the next number, its generation,
and writes only there. The checkpoint that counts is that of the highest generation that has one, so
that a worker that lost the partition without noticing can do no harm: it finds a higher folder
before its next save, and stops.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from onlineml.base import Estimator
from onlineml.persistence import CheckpointError, Saved, load_all, read_header, save

FILE = "state.onl"
_LOG = logging.getLogger("onlineml.worker")


class _Stamp(NamedTuple):
    """Which file it was, and when it was written."""

    path: Path
    time_ns: int


class FencedError(RuntimeError):
    """Another worker has taken the partition."""


class Checkpoints:
    """The checkpoints that one life of a worker writes for a partition.

    Parameters
    ----------
    folder
        The partition's own; made where it is missing.

    Examples
    --------
    >>> import tempfile
    >>> from onlineml.learners import GaussianNB
    >>> folder = Path(tempfile.mkdtemp()) / "partition-00000"
    >>> first, second = Checkpoints(folder), Checkpoints(folder)
    >>> first.claim()
    >>> first.save(GaussianNB(), {"samples": 7}, {}, None)
    >>> second.load(GaussianNB()).extra["positions"]
    {'samples': 7}
    >>> second.claim()
    >>> try:
    ...     first.save(GaussianNB(), {"samples": 8}, {}, None)
    ... except FencedError as error:
    ...     print(str(error).partition(": ")[2])
    generation 2 has this partition now; generation 1, which is this worker, saves nothing more
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.generation = 0  # until `claim`
        self._loaded: _Stamp | None = None
        self._positions: dict[str, int] = {}
        self._n_saved = 0

    def claim(self) -> None:
        """Take the partition: from now on nobody who had it before saves anything."""
        while True:
            number = max(self._generations(), default=0) + 1
            with contextlib.suppress(FileExistsError):
                self._place(number).mkdir()
                self._clear(number)
                self.generation = number
                return

    def _clear(self, number: int) -> None:
        """Remove what lives before left that saved nothing: who crashes starts again and again."""
        for older in self._generations():
            if older < number:
                with contextlib.suppress(OSError):  # there is something in it
                    self._place(older).rmdir()

    def _generations(self) -> list[int]:
        return [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:08d}"

    def has_changed(self) -> bool:
        """Whether anything was saved since `load`, by who had the partition until `claim`."""
        return self._newest() != self._loaded

    def _newest(self) -> _Stamp | None:
        path = max(self.folder.glob(f"[0-9]*/{FILE}"), default=None)
        return None if path is None else _Stamp(path, path.stat().st_mtime_ns)

    def load(self, model: Estimator) -> Saved | None:
        """What was saved last for a model of this kind; None where nothing was.

        Who has the partition is not disturbed: that is for `claim` to do.

        Raises
        ------
        CheckpointError
            Where there are checkpoints, and none can be read.
        """
        failure: CheckpointError | None = None
        self._loaded = self._newest()
        for number in sorted(self._generations(), reverse=True):
            path = self._place(number) / FILE
            if not path.exists():
                continue
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    saved = load_all(path, classes=[type(model)])
            except CheckpointError as error:
                failure = error
                _LOG.warning("%s", error)
                continue
            for warning in caught:
                _LOG.warning("%s", warning.message)
            self._positions = dict(saved.extra["positions"])
            return saved
        if failure is not None:
            raise failure
        return None

    def save(
        self,
        model: Estimator,
        positions: Mapping[str, int],
        figures: Mapping[str, Any],
        attached: Any,
    ) -> None:
        """Write model, next offsets and all else, in one file, or not at all.

        Raises
        ------
        FencedError
            Where a higher generation has the partition.
        """
        for topic, offset in self._positions.items():
            if positions.get(topic, offset) < offset:
                raise RuntimeError(f"{topic}: offset {positions[topic]} after {offset}: a bug")
        self.check_fence()
        extra = {
            "generation": self.generation,
            "positions": dict(positions),
            "figures": dict(figures),
        }
        try:
            save(model, self._place(self.generation) / FILE, extra=extra, attached=attached)
        except FileNotFoundError:
            self.check_fence()  # the folder has gone meanwhile
            raise
        self._positions = dict(positions)
        self._n_saved += 1
        if self._n_saved == 2:  # by now the checkpoint before the last is our own too
            self._remove_older()

    def begin_anew(self, topic: str) -> None:
        """Offsets of a topic may be lower than they were."""
        self._positions.pop(topic, None)

    def check_fence(self) -> None:
        """Raise where a higher generation has the partition."""
        highest = max(self._generations(), default=0)
        if highest > self.generation or not self._place(self.generation).exists():
            raise FencedError(
                f"{self.folder}: generation {highest} has this partition now; "
                f"generation {self.generation}, which is this worker, saves nothing more"
            )

    def _remove_older(self) -> None:
        for number in self._generations():
            if number < self.generation:
                shutil.rmtree(self._place(number), ignore_errors=True)


def header_of(folder: Path) -> dict[str, Any] | None:
    """The `extra` values of the checkpoint in a partition's folder that counts."""
    newest = max(folder.glob(f"[0-9]*/{FILE}"), default=None)
    return None if newest is None else read_header(newest)["extra"]
