"""Models that are shown one task after another, and tested on all of them after each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Estimator
from onlineml.datasets import Stream
from onlineml.estimator import BLOCK
from onlineml.evaluation.continual import ContinualResult, ContinualRun
from onlineml.evaluation.entrants import Models, named_models, seeds_of
from onlineml.labels import codes_of
from onlineml.schema import Schema, wrong

Ints = npt.NDArray[np.int64]
Change = Callable[[Array], Array]


class Rows(NamedTuple):
    """A labelled set: rows, codes of labels, labels by code, and features where they are known."""

    X: Array
    codes: Ints
    labels: list[Hashable]
    schema: Schema | None


class Task(NamedTuple):
    """Rows of a set that are learned, in order, those held out, and how both are shown."""

    name: Hashable
    lessons: Ints
    tests: Ints
    shown: Change


def as_it_is(X: Array) -> Array:
    """Rows as they are."""
    return X


def rows_of(X: Any, y: Any) -> Rows:
    """All rows of a stream, or those given."""
    if isinstance(X, Stream):
        if y is not None:
            raise wrong("y", y, "None: a stream has labels of its own")
        chunks = list(X.chunks(BLOCK))
        rows, schema = np.concatenate([chunk.X for chunk in chunks]), X.schema
        y = np.concatenate([chunk.y for chunk in chunks])
    else:
        schema = Schema.of(X)
        rows = schema.rows(X)
    codes, known = codes_of(y, {})
    if len(rows) != len(codes):
        raise wrong("y", len(codes), f"one label for each row of X, shape {rows.shape}")
    return Rows(rows, codes.astype(np.int64), list(known), schema)


def held_out(places: Ints, share: float, rng: np.random.Generator, what: str) -> tuple[Ints, Ints]:
    """Rows to learn and rows to test on, in random order: at least one of each."""
    places = rng.permutation(places)
    if len(places) < 2:
        raise wrong("y", what, "at least two rows of each")
    n_tests = min(max(round(share * len(places)), 1), len(places) - 1)
    return places[n_tests:], places[:n_tests]


def check(models: Models, seeds: Sequence[int], test_share: float) -> Mapping[str, Estimator]:
    """The models by name; `ValueError` for what cannot be used."""
    named = named_models(models)
    for name, model in named.items():
        if not isinstance(model, Classifier):
            raise wrong(f"models[{name!r}]", model, "a Classifier")
    if not 0.0 < test_share < 1.0:
        raise wrong("test_share", test_share, "a number between 0 and 1")
    if not len(seeds):
        raise wrong("seeds", seeds, "at least one seed")
    return named


def run_all(
    named: Mapping[str, Estimator],
    seeds: Sequence[int],
    boundaries: bool,
    rows: Rows,
    tasks_of: Callable[[int], Sequence[Task]],
) -> ContinualResult:
    """Each model under each seed, which `tasks_of` draws tasks with."""
    runs = []
    for seed in dict.fromkeys(seeds):
        tasks = tasks_of(seed)
        runs += [_run(name, model, seed, boundaries, rows, tasks) for name, model in named.items()]
    rank = {name: k for k, name in enumerate(named)}
    return ContinualResult(sorted(runs, key=lambda run: rank[run.model]))


def _run(
    name: str, model: Estimator, seed: int, boundaries: bool, rows: Rows, tasks: Sequence[Task]
) -> ContinualRun:
    twin = model.clone().set_params(**dict.fromkeys(seeds_of(model), seed))
    assert isinstance(twin, Classifier)
    if rows.schema is not None:
        twin.start(rows.schema)
    sizes = [len(task.tests) for task in tasks]
    accuracy, matrix = [], []
    for step, task in enumerate(tasks, 1):
        for X, y in _shown(rows, task, task.lessons):
            twin.fit_many(X, y)
        if boundaries and step < len(tasks):
            _tell(twin)
        matrix.append([_accuracy(twin, rows, other) for other in tasks])
        accuracy.append(float(np.average(matrix[-1][:step], weights=sizes[:step])))
    known = np.unique(rows.codes[tasks[0].lessons])
    guessing = [float(np.isin(rows.codes[task.tests], known).mean() / len(known)) for task in tasks]
    return ContinualRun(name, seed, [task.name for task in tasks], accuracy, matrix, guessing)


def _shown(rows: Rows, task: Task, places: Ints) -> Iterator[tuple[Array, list[Hashable]]]:
    """Rows and labels, block by block, as the task shows them."""
    for first in range(0, len(places), BLOCK):
        some = places[first : first + BLOCK]
        yield task.shown(rows.X[some]), [rows.labels[code] for code in rows.codes[some]]


def _accuracy(model: Classifier, rows: Rows, task: Task) -> float:
    right = [
        answer == label
        for X, y in _shown(rows, task, task.tests)
        for answer, label in zip(model.predict_many(X).tolist(), y)
    ]
    return float(np.mean(right))


def _tell(model: Estimator) -> None:
    """Let all networks with a penalty in a model, or in what it is made of, consolidate."""
    from onlineml.learners.torch_learner import TorchLearner

    if isinstance(model, TorchLearner):
        if model.penalty is not None:
            model.consolidate()
        return
    for name in model._learned():
        value = getattr(model, name)
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, Estimator):
                _tell(part)
