"""Classes that arrive one after another: what is known in the end, and what was forgotten."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Estimator
from onlineml.evaluation.entrants import Models, named_models, seeds_of
from onlineml.labels import codes_of
from onlineml.schema import as_floats, wrong

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


@dataclass
class ClassIncrementalRun:
    """One model under one seed.

    Attributes
    ----------
    model, seed
        Which model; the seed of its split, order and randomness.
    order
        The classes as they came.
    accuracy
        Accuracy on the held-out rows of all classes so far, after each class.
    matrix
        `matrix[i][j]`: accuracy on the held-out rows of the j-th class after the i-th, `j <= i`.
    """

    model: str
    seed: int
    order: list[Hashable]
    accuracy: list[float]
    matrix: list[list[float]]

    @property
    def final_accuracy(self) -> float:
        """Accuracy on all held-out rows at the end."""
        return self.accuracy[-1]

    @property
    def forgetting(self) -> float:
        """Mean over all classes but the last of best accuracy before the end, less that at it.

        0 where there is only one class.
        """
        last = len(self.matrix) - 1
        bests = [max(self.matrix[i][j] for i in range(j, last)) for j in range(last)]
        return _mean([best - self.matrix[last][j] for j, best in enumerate(bests)])

    @property
    def backward_transfer(self) -> float:
        """Mean over all classes but the last of accuracy at the end, less that when it came."""
        last = len(self.matrix) - 1
        return _mean([self.matrix[last][j] - self.matrix[j][j] for j in range(last)])


@dataclass
class ClassIncrementalResult:
    """What `class_incremental` found: one run a model and seed."""

    runs: list[ClassIncrementalRun]

    def __iter__(self) -> Iterator[ClassIncrementalRun]:
        return iter(self.runs)

    def summary(self) -> list[dict[str, Any]]:
        """One row a model: means over seeds and, for the accuracy, the sample deviation."""
        rows = []
        for model in dict.fromkeys(run.model for run in self.runs):
            runs = [run for run in self.runs if run.model == model]
            final = [run.final_accuracy for run in runs]
            rows.append(
                {
                    "model": model,
                    "n_seeds": len(runs),
                    "final_accuracy": _mean(final),
                    "final_accuracy_sd": float(np.std(final, ddof=1)) if len(runs) > 1 else np.nan,
                    "forgetting": _mean([run.forgetting for run in runs]),
                    "backward_transfer": _mean([run.backward_transfer for run in runs]),
                }
            )
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """One row a model, seed and class that came: `step` (from 1), `label`, `accuracy`."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "model": run.model,
                    "seed": run.seed,
                    "step": step,
                    "label": label,
                    "accuracy": accuracy,
                }
                for run in self.runs
                for step, (label, accuracy) in enumerate(zip(run.order, run.accuracy), 1)
            ]
        )

    def to_json(self, path: str | Path | None = None) -> str:
        """Runs and summary as JSON, NaN as null; written to `path` where given."""
        import orjson

        plain = {"runs": [asdict(run) for run in self.runs], "summary": self.summary()}
        text = orjson.dumps(plain, option=orjson.OPT_INDENT_2, default=str)
        if path is not None:
            Path(path).write_bytes(text)
        return text.decode()


def class_incremental(
    models: Models,
    X: Any,
    y: Any,
    *,
    order: Sequence[Hashable] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    test_share: float = 0.2,
    standardize: bool = False,
) -> ClassIncrementalResult:
    """Show models the classes one after another, each row once; test after each class.

    Rows are held out by class before anything is learned. A model predicts among all the classes
    that it has met: it is not told which one a test row may be of.

    Parameters
    ----------
    models
        One classifier, several, or name -> classifier; unfitted copies are used.
    X, y
        Rows `(n_rows, n_features)`, and their labels.
    order
        The labels in the order in which they come; None draws an order for each seed.
    seeds
        Seeds of the split, of the order of classes and rows, and of models that have one.
    test_share
        Share of each class that is held out, at least one row and not all.
    standardize
        Whether features are scaled by mean and standard deviation of all rows that are not held
        out. Published protocols do so; a stream could not, as it has not seen the later classes.

    Raises
    ------
    ValueError
        For models that do not predict classes, a wrong order, or a class of a single row.

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
       Section 2: the matrix, and backward transfer. arXiv:1706.08840
    .. [2] Chaudhry et al. (2018), Riemannian walk for incremental learning, ECCV. Section 3.1:
       forgetting. arXiv:1801.10112
    """
    named = named_models(models)
    for name, model in named.items():
        if not isinstance(model, Classifier):
            raise wrong(f"models[{name!r}]", model, "a Classifier")
    if not 0.0 < test_share < 1.0:
        raise wrong("test_share", test_share, "a number between 0 and 1")
    if not len(seeds):
        raise wrong("seeds", seeds, "at least one seed")
    rows = as_floats(X, "X")
    codes, known = codes_of(y, {})
    if rows.ndim != 2 or len(rows) != len(codes):
        raise wrong("y", len(codes), f"one label for each row of X, shape {rows.shape}")
    labels = list(known)
    fixed = None if order is None else _order(order, known)
    runs = []
    for seed in dict.fromkeys(seeds):
        task = _task(rows, codes.astype(np.int64), labels, fixed, seed, test_share, standardize)
        runs += [_run(name, model, seed, task) for name, model in named.items()]
    rank = {name: k for k, name in enumerate(named)}
    return ClassIncrementalResult(sorted(runs, key=lambda run: rank[run.model]))


@dataclass
class _Task:
    """Labels in their order, and for each what is learned and what is held out."""

    order: list[Hashable]
    lessons: list[Array]
    tests: list[Array]


def _order(order: Sequence[Hashable], known: Mapping[Hashable, int]) -> Ints:
    codes = [known.get(label, -1) for label in order]
    if sorted(codes) != list(range(len(known))):
        raise wrong("order", list(order), f"each of {list(known)} once")
    return np.array(codes)


def _task(
    X: Array,
    codes: Ints,
    labels: list[Hashable],
    order: Ints | None,
    seed: int,
    test_share: float,
    standardize: bool,
) -> _Task:
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(labels))  # in any case, so that a fixed order keeps the split
    chosen = (drawn if order is None else order).tolist()
    lessons, tests = {}, {}
    for code in range(len(labels)):
        rows = rng.permutation(np.flatnonzero(codes == code))
        if len(rows) < 2:
            raise wrong("y", labels[code], "at least two rows of each label")
        n_tests = min(max(round(test_share * len(rows)), 1), len(rows) - 1)
        tests[code], lessons[code] = X[rows[:n_tests]], X[rows[n_tests:]]
    mean, deviation = _scale(np.concatenate([*lessons.values()])) if standardize else (0.0, 1.0)
    return _Task(
        [labels[code] for code in chosen],
        [(lessons[code] - mean) / deviation for code in chosen],
        [(tests[code] - mean) / deviation for code in chosen],
    )


def _scale(X: Array) -> tuple[Array, Array]:
    deviation = np.nanstd(X, axis=0)
    return np.nanmean(X, axis=0), np.where(deviation > 0.0, deviation, 1.0)


def _run(name: str, model: Estimator, seed: int, task: _Task) -> ClassIncrementalRun:
    twin = model.clone().set_params(**dict.fromkeys(seeds_of(model), seed))
    assert isinstance(twin, Classifier)
    sizes = [len(test) for test in task.tests]
    accuracy, matrix = [], []
    for step, (label, lesson) in enumerate(zip(task.order, task.lessons), 1):
        twin.fit_many(lesson, [label] * len(lesson))
        right = [
            np.mean([answer == met for answer in twin.predict_many(test).tolist()])
            for met, test in zip(task.order[:step], task.tests)
        ]
        matrix.append([float(share) for share in right])
        accuracy.append(float(np.average(right, weights=sizes[:step])))
    return ClassIncrementalRun(name, seed, task.order, accuracy, matrix)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
