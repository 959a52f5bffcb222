"""States that are kept by the kernel that learns the rows, each in place of an older one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from onlineml.kernels import inlined
from onlineml.kernels.arena import Descriptor, Ints
from onlineml.unlearning.states import Ways
from onlineml.unlearning.writing import take

AT, LEVEL, HOW = range(3)  # of a state: as in `checkpoints_`; and what copies the model's to it
_MOST = 64  # states that are looked through; of more, Python keeps them


@inlined
def rotate(states: Ints, pace: Ints, at: int, gap: int) -> bool:
    """Whether the state due at row `at` is kept in place of an old one, or none is due.

    `pace` has the lowest level of which states are kept, and after how many rows they go, by level.
    """
    k, level, top = at // gap, 0, pace.shape[0] - 2
    while level < top and k >> level & 1 == 0:
        level += 1
    if level < pace[0]:
        return True
    for i in range(states.shape[0]):
        state = states[i]
        if state[HOW] and state[LEVEL] == level and state[AT] <= at - pace[1 + level]:
            take(state[HOW])
            state[AT] = at
            return True
    return False


class Rotation:
    """Which of a log's checkpoints a kernel may write over, and what it has written.

    For a model whose arrays are those of `held`; `ages` are those at which states go, by level.
    """

    def __init__(self, held: Descriptor, ages: Sequence[int]) -> None:
        self.states, self.pace = np.zeros((_MOST, 3), np.int64), np.array([0, *ages])
        self._held = held
        self._checkpoints: list[dict[str, Any]] = []

    def show(self, checkpoints: list[dict[str, Any]], ways: Ways, least: int) -> None:
        """Let the kernel write over these, and keep no states below level `least`."""
        self._checkpoints, self.pace[0] = checkpoints, least
        self.states[:] = 0
        for row, checkpoint in zip(self.states, checkpoints):
            way = ways.to(checkpoint["state"])
            if way is not None and way.stands(self._held):
                row[:] = checkpoint["at"], checkpoint["level"], way.pairs.address

    def settle(self) -> None:
        """Tell the checkpoints what the kernel has done, and let it do no more."""
        if not self._checkpoints:
            return
        for (at, _, how), checkpoint in zip(self.states.tolist(), self._checkpoints):
            if how:
                checkpoint["at"] = at
        self._checkpoints.sort(key=itemgetter("at"))
        self.states[:], self._checkpoints = 0, []
