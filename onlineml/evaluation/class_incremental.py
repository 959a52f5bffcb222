"""Classes that arrive one after another, or a few at a time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.evaluation.continual import ContinualResult
from onlineml.evaluation.entrants import Models
from onlineml.evaluation.lessons import (
    Change,
    Ints,
    Rows,
    Task,
    as_it_is,
    check,
    held_out,
    rows_of,
    run_all,
)
from onlineml.parameters import whole
from onlineml.schema import wrong


def class_incremental(
    models: Models,
    X: Any,
    y: Any = None,
    *,
    classes_per_task: int = 1,
    order: Sequence[Hashable] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    test_share: float = 0.2,
    standardize: bool = False,
    boundaries: bool = True,
) -> ContinualResult:
    """Show models the classes one after another, each row once; test after each task.

    Rows are held out by class before anything is learned. A model predicts among all the classes
    that it has met: it is not told which one a test row may be of. Memory is that of the rows; the
    rows held out of all tasks so far are predicted once after each. Time per event is that of the
    models.

    Parameters
    ----------
    models
        One classifier, several, or name -> classifier; unfitted copies are used.
    X, y
        Rows `(n_rows, n_features)`, and their labels; or a stream with an end, and None.
    classes_per_task
        Classes that come together; the last task has what is left.
    order
        The labels in the order in which they come; None draws an order for each seed.
    seeds
        Seeds of the split, of the order of classes and rows, and of models that have one.
    test_share
        Share of each class that is held out, at least one row and not all.
    standardize
        Whether features are scaled by mean and standard deviation of all rows that are not held
        out. Published protocols do so; a stream could not, as it has not seen the later classes.
    boundaries
        Whether networks with a penalty (`EWC`, `LwF`) are told where a task ends. Others never are.

    Returns
    -------
    ContinualResult
        A run for each model and seed.

    Raises
    ------
    ValueError
        For models that do not predict classes, a `classes_per_task` that is not a whole number
        >= 1, an `order` that has not each label once, no `seeds`, a `test_share` outside of (0, 1),
        labels that are not one a row, or of regression, and a class of a single row.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.evaluation import class_incremental
    >>> from onlineml.learners import GaussianNB
    >>> y = np.arange(300) % 3
    >>> X = np.random.default_rng(1).normal(size=(300, 2)) + 9.0 * y[:, None]
    >>> result = class_incremental(GaussianNB(), X, y, seeds=[1])
    >>> result.runs[0].final_accuracy, result.runs[0].forgetting
    (1.0, 0.0)

    References
    ----------
    .. [1] Lopez-Paz, Ranzato (2017), Gradient episodic memory for continual learning, NeurIPS.
       Section 2: the matrix, backward and forward transfer. arXiv:1706.08840
    .. [2] Chaudhry et al. (2018), Riemannian walk for incremental learning, ECCV. Section 3.1:
       forgetting. arXiv:1801.10112
    """
    named = check(models, seeds, test_share)
    whole("classes_per_task", classes_per_task, 1)
    rows = rows_of(X, y)
    known = {label: code for code, label in enumerate(rows.labels)}
    fixed = None if order is None else _order(order, known)

    def tasks_of(seed: int) -> Sequence[Task]:
        return _tasks(rows, fixed, seed, test_share, standardize, classes_per_task)

    return run_all(named, seeds, boundaries, rows, tasks_of)


def _order(order: Sequence[Hashable], known: Mapping[Hashable, int]) -> Ints:
    codes = [known.get(label, -1) for label in order]
    if sorted(codes) != list(range(len(known))):
        raise wrong("order", list(order), f"each of {list(known)} once")
    return np.array(codes)


def _tasks(
    rows: Rows, order: Ints | None, seed: int, share: float, standardize: bool, at_once: int
) -> list[Task]:
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(rows.labels))  # in any case, so that a fixed order keeps the split
    chosen = (drawn if order is None else order).tolist()
    parts = [
        held_out(np.flatnonzero(rows.codes == code), share, rng, f"one row of {label!r}")
        for code, label in enumerate(rows.labels)
    ]
    shown = _scaler(rows, np.concatenate([part[0] for part in parts])) if standardize else as_it_is
    tasks = []
    for first in range(0, len(chosen), at_once):
        some = chosen[first : first + at_once]
        labels = tuple(rows.labels[code] for code in some)
        lessons, tests = (np.concatenate([parts[code][k] for code in some]) for k in (0, 1))
        if len(some) > 1:
            lessons = rng.permutation(lessons)
        tasks.append(Task(labels[0] if at_once == 1 else labels, lessons, tests, shown))
    return tasks


def _scaler(rows: Rows, lessons: Ints) -> Change:
    """Scales rows by mean and deviation of the lessons."""
    X = rows.X[lessons]
    mean, deviation = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    deviation = np.where(deviation > 0.0, deviation, 1.0)
    return lambda some: (some - mean) / deviation
