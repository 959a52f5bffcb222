"""One model a key: the last used in memory, the others in files, the longest unused forgotten."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Estimator
from onlineml.evaluation.at_work import Answers, AtWork, Bools, Labels
from onlineml.evaluation.worker.models import Models, Problems, begin, followed, twin
from onlineml.persistence import dumps, load, sync
from onlineml.schema import Array, Schema

_SUFFIX = ".key"


class KeyedModels(Models):
    """Clones of a model, one a key.

    A model that leaves the memory is written to a file of its own, never written again: models that
    change get a new file. A checkpoint names the files, and holds the models in memory; files that
    neither it nor the one before names are removed.

    Parameters
    ----------
    model
        What each key begins with; never fitted itself.
    folder
        Where the files are.
    max_models
        Most models in memory.
    max_keys
        Most keys in all.
    generation
        Number of this life of the worker: no other has written files with it.
    """

    def __init__(
        self,
        model: Estimator,
        labels: Labels,
        folder: Path,
        *,
        in_full: bool,
        max_models: int,
        max_keys: int,
        generation: int,
    ) -> None:
        self._template, self._labels, self._in_full = model, labels, in_full
        self.folder, self.max_models, self.max_keys = folder, max_models, max_keys
        self._hot: OrderedDict[str | None, AtWork] = OrderedDict()
        self._cold: dict[str | None, int] = {}  # key -> number of its file
        self._used: OrderedDict[str | None, None] = OrderedDict()  # all keys, the last used last
        self._next = generation << 32
        self._unsynced: list[int] = []
        self._useless: list[int] = []  # since the last checkpoint
        self._retired: list[int] = []  # named by the checkpoint before the last one only
        self.n_forgotten = 0

    # ---------------------------------------------------------------- at work

    def follow(
        self,
        schema: Schema,
        keys: Sequence[str | None],
        X: Array,
        y: npt.NDArray[Any],
        lesson: Bools,
        asked: Bools,
        ids: Sequence[Hashable],
    ) -> tuple[Answers, Problems]:
        """Each key's steps in order, by the model of the key."""
        found: list[tuple[list[int], Answers]] = []
        problems: Problems = {}
        for first, last in self._stretches(keys):
            groups: dict[str | None, list[int]] = {}
            for step in range(first, last):
                groups.setdefault(keys[step], []).append(step)
            for key, steps in groups.items():
                work = self._work(key, schema)
                names = [ids[step] for step in steps]
                answers, bad = followed(
                    work, X[steps], y[steps], lesson[steps], asked[steps], names
                )
                problems |= {steps[i]: reason for i, reason in bad.items()}
                found.append(([step for step in steps if asked[step]], answers))
            self._use(keys[first:last])
        return self._in_order(found, asked), problems

    def _stretches(self, keys: Sequence[str | None]) -> Iterator[tuple[int, int]]:
        """Steps among which no key is forgotten, so that their grouping leaves no trace."""
        first, room, new = 0, self.max_keys - len(self._used), set[str | None]()
        for step, key in enumerate(keys):
            if key in self._used or key in new:
                continue
            if len(new) >= room:
                if step > first:
                    yield first, step
                first, new = step, set()
                self._forget_oldest()
                room = 1
            new.add(key)
        yield first, len(keys)

    def _use(self, keys: Sequence[str | None]) -> None:
        """Note who was used last."""
        for key in keys:
            self._used[key] = None
            self._used.move_to_end(key)

    def _forget_oldest(self) -> None:
        """Forget the key that was not used for longest."""
        key, _ = self._used.popitem(last=False)
        self._hot.pop(key, None)
        number = self._cold.pop(key, None)
        if number is not None:
            self._useless.append(number)
        self.n_forgotten += 1

    def _in_order(self, found: list[tuple[list[int], Answers]], asked: Bools) -> Answers:
        """Answers of all keys in the order of the steps."""
        place = np.cumsum(asked) - 1
        n = int(asked.sum())
        answer = np.zeros(n, found[0][1].answer.dtype)
        tables = [answers.probabilities for _, answers in found]
        widths = [table.shape[1] for table in tables if table is not None]
        scores = np.zeros((n, max(widths))) if widths else None
        decided = None if found[0][1].decisions is None else np.empty(n, object)
        for steps, answers in found:
            at = place[steps]
            answer[at] = answers.answer
            if scores is not None and answers.probabilities is not None:
                scores[at, : answers.probabilities.shape[1]] = answers.probabilities
            if decided is not None:
                decided[at] = answers.decisions
        return Answers(answer, scores, decided)

    def of(self, key: str | None) -> Estimator | None:
        """The model of a key."""
        work = self._found(key)
        return None if work is None else work.model

    def _work(self, key: str | None, schema: Schema) -> AtWork:
        """The model of a key, a new one where it has none, which knows all columns."""
        work = self._found(key)
        if work is None:
            fresh = twin(self._template)
            begin(fresh, schema)
            return self._take_in(key, fresh)
        begin(work.model, schema)
        return work

    def _found(self, key: str | None) -> AtWork | None:
        """The model of a key in memory, the last one used; None where it has none."""
        work = self._hot.get(key)
        if work is not None:
            self._hot.move_to_end(key)
            return work
        number = self._cold.get(key)
        if number is None:
            return None
        model = load(self._path(number), classes=[type(self._template)])
        del self._cold[key]
        self._useless.append(number)
        return self._take_in(key, model)

    def _take_in(self, key: str | None, model: Estimator) -> AtWork:
        """Put a model into memory."""
        work = self._hot[key] = AtWork(model, self._labels, in_full=self._in_full)
        self._keep_bounds()
        return work

    def _keep_bounds(self) -> None:
        while len(self._hot) > self.max_models:
            key, work = self._hot.popitem(last=False)
            self._cold[key] = self._write(work.model)

    @property
    def main(self) -> Estimator:
        """The model that each key begins with."""
        return self._template

    def nbytes(self) -> int:
        """Bytes of the models in memory."""
        return sum(work.model.nbytes for work in self._hot.values())

    def __len__(self) -> int:
        return len(self._used)

    # ---------------------------------------------------------------- files and state

    def _path(self, number: int) -> Path:
        return self.folder / f"{number % 256:02x}" / f"{number}{_SUFFIX}"

    def _write(self, model: Estimator) -> int:
        number, self._next = self._next, self._next + 1
        path = self._path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dumps(model))
        self._unsynced.append(number)
        return number

    def get_state(self) -> dict[str, Any]:
        """Models in memory, and the files of the others, which are safe when this returns."""
        for path in sorted({self._path(n).parent for n in self._unsynced}):
            sync(path)
        for number in self._unsynced:
            sync(self._path(number))
        self._unsynced = []
        return {
            "hot": [[key, work.model.get_state()] for key, work in self._hot.items()],
            "cold": [list(item) for item in self._cold.items()],
            "used": list(self._used),
            "n_forgotten": self.n_forgotten,
        }

    def saved(self) -> None:
        """Remove files that neither the last checkpoint nor the one before it names."""
        for number in self._retired:
            with contextlib.suppress(FileNotFoundError):
                self._path(number).unlink()
        self._retired, self._useless = self._useless, []

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_state` gave."""
        self._hot = OrderedDict()
        for key, plain in state["hot"]:
            model = self._template.clone().set_state(plain)
            self._hot[key] = AtWork(model, self._labels, in_full=self._in_full)
        self._cold = {key: number for key, number in state["cold"]}
        self._used = OrderedDict.fromkeys(state["used"])
        self.n_forgotten = state["n_forgotten"]
        self._unsynced, self._useless, self._retired = [], [], []
        self._remove_strangers()

    def _remove_strangers(self) -> None:
        """Remove files of a life that was cut off: no checkpoint names them."""
        named = set(self._cold.values())
        for path in self.folder.glob(f"*/*{_SUFFIX}"):
            if int(path.stem) not in named:
                path.unlink()
