"""What goes on inside a model, looked at where windows end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onlineml.base import Diagnostics, Estimator


class Course:
    """Diagnostics of a model at the end of every window of rows that it has learned.

    A model learns ahead of its scores, so what it tells waits until its window is scored. One that
    has nothing to tell at the end of the first window is not looked at again.
    """

    def __init__(self, model: Estimator, window: int) -> None:
        self.model, self.window = model, window
        self._left = window  # rows until the window ends
        self._silent = False
        self._waiting: deque[Diagnostics] = deque()

    def stretches(self, lesson: npt.NDArray[np.bool_]) -> Iterator[slice]:
        """Stretches of rows, to be worked off in turn; the model is looked at where windows end.

        `lesson` says which rows are learned.
        """
        if self._silent:
            yield slice(None)
            return
        learned, done, first = np.cumsum(lesson), 0, 0
        total = int(learned[-1]) if len(learned) else 0
        while not self._silent and done + self._left <= total:
            done += self._left
            last = int(np.searchsorted(learned, done)) + 1
            yield slice(first, last)
            self._look()
            first, self._left = last, self.window
        self._left -= total - done
        if first < len(lesson) or not first:
            yield slice(first, None)

    def _look(self) -> None:
        self._waiting.append(self.model.diagnostics())
        self._silent = not self._waiting[-1]

    def end(self) -> None:
        """The last window ends here, full or not."""
        self._waiting.clear()
        self._look()

    def seen(self) -> Diagnostics:
        """What was seen at the end of the window that is scored next."""
        return self._waiting.popleft() if self._waiting else {}
