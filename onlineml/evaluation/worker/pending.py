"""Samples whose labels are waited for, and labels whose samples are, in bounded space."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.evaluation.at_work import Answers
from onlineml.evaluation.worker.events import Id
from onlineml.schema import Array


class Waiting(NamedTuple):
    """Where a sample is kept: in a slot, or, while a batch is worked on, in step `-1 - slot`."""

    slot: int
    key: str | None


class Pending:
    """Rows and answers by id until the label comes; the oldest are given up when room is short.

    Rows are kept as they were answered, so that a label teaches the very input.

    Parameters
    ----------
    most
        Most samples that wait for their labels, and most labels that wait for their samples.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.n_expired = self.n_early_expired = 0
        self.early: OrderedDict[Id, Any] = OrderedDict()
        self._where: OrderedDict[Id, Waiting] = OrderedDict()
        self._free: list[int] = []
        self._X: Array = np.empty((0, 0))
        self._answer: npt.NDArray[Any] = np.empty(0)
        self._scores: Array = np.empty((0, 0))
        self._in_full = False  # whether answers come with probabilities
        self._before: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, row_id: Id) -> bool:
        return row_id in self._where

    # ---------------------------------------------------------------- event by event

    def wait(self, row_id: Id, step: int, key: str | None) -> None:
        """A sample of the present batch waits for its label."""
        old = self._where.pop(row_id, None)
        if old is not None or len(self._where) >= self.most:
            gone = old or self._where.popitem(last=False)[1]
            self.n_expired += 1
            if gone.slot >= 0:
                self._free.append(gone.slot)
        self._where[row_id] = Waiting(-1 - step, key)

    def pop(self, row_id: Id) -> Waiting | None:
        """The sample of this id, which waits no longer; its slot stays filled until `keep`."""
        return self._where.pop(row_id, None)

    def forget(self, row_id: Id | None) -> bool:
        """Give up a sample, and a label, of this id; whether the sample was waiting."""
        if row_id is None:
            return False
        self.early.pop(row_id, None)
        found = self._where.pop(row_id, None)
        if found is None:
            return False
        self._X[found.slot] = 0.0
        self._free.append(found.slot)
        return True

    def release(self, slots: list[int]) -> None:
        """Slots whose content has been used."""
        self._free += slots

    def come_early(self, row_id: Id, y: Any) -> None:
        """A label waits for its sample."""
        self.early.pop(row_id, None)
        if len(self.early) >= self.most:
            self.early.popitem(last=False)
            self.n_early_expired += 1
        self.early[row_id] = y

    # ---------------------------------------------------------------- batch by batch

    def rows(self, slots: list[int]) -> Array:
        """Rows of samples that waited."""
        return self._X[slots]

    def answers(self, slots: list[int]) -> tuple[Answers, npt.NDArray[np.int64]]:
        """What was answered, and the label that had been learned last."""
        scores = self._scores[slots] if self._in_full else None
        return Answers(self._answer[slots], scores), self._before[slots]

    def keep(
        self, rows: Array, answers: Answers, before: npt.NDArray[np.int64], place: dict[int, int]
    ) -> None:
        """Give slots to the samples that still wait: those at the end of the order.

        `place` says for a step which of `rows` and `answers` are its own.
        """
        ids: list[Id] = []
        for row_id in reversed(self._where):
            if self._where[row_id].slot >= 0:
                break
            ids.append(row_id)
        if not ids:
            return
        waiting = [self._where[row_id] for row_id in ids]
        at = [place[-1 - item.slot] for item in waiting]
        slots = self._slots(len(ids), rows, answers)
        for row_id, item, slot in zip(ids, waiting, slots):
            self._where[row_id] = Waiting(slot, item.key)
        self._X[slots] = rows[at]
        self._answer[slots] = answers.answer[at]
        self._before[slots] = before[at]
        self._in_full = answers.probabilities is not None
        if answers.probabilities is not None:
            self._scores[slots, : answers.probabilities.shape[1]] = answers.probabilities[at]
            self._scores[slots, answers.probabilities.shape[1] :] = 0.0

    def _slots(self, n: int, rows: Array, answers: Answers) -> list[int]:
        """Free slots; the arrays grow by doubling."""
        had = len(self._answer)
        due = had + n - len(self._free)
        size = had if due <= had else max(64, 2 * had, 1 << (due - 1).bit_length())
        width = 0 if answers.probabilities is None else answers.probabilities.shape[1]
        width = max(width, self._scores.shape[1])
        self._X = _enlarged(self._X, (size, rows.shape[1]), np.float64)
        self._answer = _enlarged(self._answer, (size,), answers.answer.dtype)
        self._before = _enlarged(self._before, (size,), np.int64)
        self._scores = _enlarged(self._scores, (size, width), np.float64)
        self._free += range(had, size)
        taken, self._free = self._free[len(self._free) - n :], self._free[: len(self._free) - n]
        return taken

    # ---------------------------------------------------------------- state

    def get_state(self) -> dict[str, Any]:
        """Everything that waits, in order, as plain values and arrays."""
        slots = [item.slot for item in self._where.values()]
        return {
            "ids": list(self._where),
            "keys": [item.key for item in self._where.values()],
            "X": self._X[slots],
            "answer": self._answer[slots],
            "scores": _trimmed(self._scores[slots]),
            "in_full": self._in_full,
            "before": self._before[slots],
            "early": [list(item) for item in self.early.items()],
            "n_expired": self.n_expired,
            "n_early_expired": self.n_early_expired,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_state` gave."""
        slots = range(len(state["ids"]))
        waiting = map(Waiting, slots, state["keys"])
        self._where = OrderedDict(zip(state["ids"], waiting))
        self._X, self._answer = state["X"].copy(), state["answer"].copy()
        self._scores, self._before = state["scores"].copy(), state["before"].copy()
        self._free, self._in_full = [], state["in_full"]
        self.early = OrderedDict((row_id, y) for row_id, y in state["early"])
        self.n_expired, self.n_early_expired = state["n_expired"], state["n_early_expired"]


def _trimmed(scores: Array) -> Array:
    """Without the last columns that are 0: how many there are says how rows were grouped."""
    used = np.flatnonzero(scores.any(axis=0))
    return scores[:, : used[-1] + 1 if len(used) else 0]


def _enlarged(array: npt.NDArray[Any], shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    if array.shape == shape and array.dtype == dtype:
        return array
    new = np.zeros(shape, dtype)
    new[tuple(map(slice, array.shape))] = array
    return new
