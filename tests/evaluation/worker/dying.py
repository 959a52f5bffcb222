"""What makes a worker kill itself: at a random row, in a torn write, before or after a rename."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

from onlineml import persistence
from onlineml.evaluation.worker import Worker

MOMENTS = ["row", "torn", "before", "after"]


class Doom:
    """One way to die, drawn by a seed; 0 lives.

    Parameters
    ----------
    seed
        The same one dies at the same moment, as far as the worker is the same.
    most_rows
        Messages before which a worker that dies at a row does so.
    """

    def __init__(self, seed: int, most_rows: int) -> None:
        self.chance = random.Random(seed)
        self.moment = self.chance.choice(MOMENTS) if seed else "never"
        self._fatal_save = self.chance.randint(1, 6)
        self._fatal_row = self.chance.randint(50, most_rows)
        self._n_saves = 0
        if self.moment in ("never", "row"):
            return
        self._write, self._replace = persistence._write_atomically, os.replace
        persistence._write_atomically = self._writing
        os.replace = self._replacing  # type: ignore[assignment]

    def die(self) -> None:
        print(self.moment, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def at_row(self, worker: Worker) -> bool:
        """What `Worker.run` is to be given as `until`."""
        if self.moment == "row" and worker.n_messages > self._fatal_row:
            self.die()
        return False

    def changes(self) -> dict[str, Any]:
        """Settings of the worker that must leave no trace."""
        return {
            "checkpoint_messages": self.chance.randint(20, 200),
            "batch_size": self.chance.choice([16, 64, 256]),
        }

    def _writing(self, path: Any, content: bytes) -> None:
        self._n_saves += 1
        if self.moment == "torn" and self._n_saves >= self._fatal_save:
            with open(f"{path}.torn", "wb") as file:
                file.write(content[: len(content) // 2])
                self.die()
        self._write(path, content)

    def _replacing(self, source: Any, target: Any, **more: Any) -> None:
        # not ==: several partitions are saved at once, and the next may have been counted already
        last = str(target).endswith(".onl") and self._n_saves >= self._fatal_save
        replace: Callable[..., None] = self._replace
        if self.moment == "before" and last:
            self.die()
        replace(source, target, **more)
        if self.moment == "after" and last:
            self.die()
