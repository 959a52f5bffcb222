"""Chunk-based evaluation: each chunk of rows is predicted and scored as a whole, then learned."""
# ruff: noqa: PT028 - `test_then_train` is no test, whatever its name begins with

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier
from onlineml.datasets.stream import Stream
from onlineml.labels import codes_of
from onlineml.schema import wrong

Ints = npt.NDArray[np.int64]


class _Counts(NamedTuple):
    """A chunk's rows: in all, and of each class that was asked for."""

    n: int
    right: int
    occurred: Ints  # rows of the class
    answered: Ints  # rows answered with the class
    hits: Ints  # both

    def recall(self) -> Array:
        """Share of a class's rows that were found; NaN where it did not occur."""
        return _ratios(self.hits, self.occurred)

    def specificity(self) -> Array:
        """Share of the other rows that were not taken for the class."""
        false = self.answered - self.hits
        return 1.0 - _ratios(false, self.n - self.occurred)

    def precision(self) -> Array:
        """Share of the answers that were right; 0 where the class was never answered."""
        return np.nan_to_num(_ratios(self.hits, self.answered))


def _ratios(part: Ints, whole: Ints) -> Array:
    found = np.full(len(part), math.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _f1(counts: _Counts) -> float:
    return _mean(_ratios(2 * counts.hits, counts.occurred + counts.answered))


def _precision(counts: _Counts) -> float:
    return _mean(counts.precision()[(counts.occurred + counts.answered) > 0])


def _g_mean_1(counts: _Counts) -> float:
    """Geometric mean of recall and specificity."""
    return _mean(np.sqrt(counts.recall() * counts.specificity()))


def _g_mean_2(counts: _Counts) -> float:
    """Geometric mean of recall and precision."""
    return _mean(np.sqrt(counts.recall() * counts.precision()))


#: Metrics of the chosen class, or means over the classes.
_OF_CLASSES: dict[str, Callable[[_Counts], float]] = {
    "precision": _precision,
    "recall": lambda counts: _mean(counts.recall()),
    "specificity": lambda counts: _mean(counts.specificity()),
    "f1": _f1,
    "g_mean_1": _g_mean_1,
    "g_mean_2": _g_mean_2,
}
#: Metrics of all classes together.
_OF_ALL: dict[str, Callable[[_Counts], float]] = {
    "accuracy": lambda counts: counts.right / counts.n,
    "balanced_accuracy": lambda counts: _mean(counts.recall()),
    "g_mean": lambda counts: _geometric_mean(counts.recall()),
}
CHUNK_METRICS = (*_OF_ALL, *_OF_CLASSES)


def _geometric_mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(np.exp(np.log(known).mean())) if known.all() else 0.0


class ChunkScores(NamedTuple):
    """What `test_then_train` found.

    Parameters
    ----------
    scores
        Shape `(n_models, n_chunks - 1, n_metrics)`: the first chunk is only learned.
    models, metrics
        Names along the first and the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.evaluation import ChunkScores
    >>> found = ChunkScores(np.array([[[0.5], [1.0]]]), ("GaussianNB",), ("accuracy",))
    >>> found.of("accuracy").tolist(), found.means()
    ([[0.5, 1.0]], {'GaussianNB': {'accuracy': 0.75}})
    """

    scores: Array
    models: tuple[str, ...]
    metrics: tuple[str, ...]

    def of(self, metric: str) -> Array:
        """Scores of one metric, `(n_models, n_chunks - 1)`.

        Raises
        ------
        ValueError
            For a metric that was not asked for.
        """
        if metric not in self.metrics:
            raise wrong("metric", metric, f"one of {', '.join(self.metrics)}")
        return self.scores[:, :, self.metrics.index(metric)]

    def means(self) -> dict[str, dict[str, float]]:
        """Mean over the chunks by model and metric; chunks without a value are left out."""
        return {
            model: {metric: _mean(scores[:, j]) for j, metric in enumerate(self.metrics)}
            for model, scores in zip(self.models, self.scores, strict=True)
        }


def test_then_train(
    models: Mapping[str, Classifier] | Sequence[Classifier] | Classifier,
    stream: Stream,
    *,
    chunk_size: int = 200,
    metrics: Sequence[str] = ("accuracy", "balanced_accuracy"),
    positive: Hashable = None,
) -> ChunkScores:
    """Predict each chunk as a whole, score it, then learn it; the first one is only learned.

    Each row is predicted by a model that has learned no row of its chunk: stricter than
    prequential evaluation, whose models learn every row before the next. Time per event and memory
    are those of the models and of a chunk.

    Parameters
    ----------
    models
        Unfitted classifiers, by name or in order; clones of them are fitted.
    stream
        Where the rows come from; it must be one of class labels.
    chunk_size
        Rows of a chunk. A last chunk that is shorter counts like the others.
    metrics
        Of "accuracy", "balanced_accuracy" (mean recall), "g_mean" (geometric mean of the recalls),
        which are of all classes, and "precision", "recall", "specificity", "f1", "g_mean_1" (of
        recall and specificity), "g_mean_2" (of recall and precision), which are of one class.
    positive
        The label that the metrics of one class are of; None = their mean over the classes that
        occur in a chunk (for precision and f1: or are answered).

    Returns
    -------
    ChunkScores
        A score per model, chunk and metric; NaN where a chunk gives none, such as the recall of a
        class that did not occur.

    Raises
    ------
    ValueError
        For an unknown metric, models that are no classifiers or none at all, a stream without
        classes, and a `chunk_size` below 1.

    Examples
    --------
    >>> from onlineml.datasets import StreamGenerator
    >>> from onlineml.learners import AUE, GaussianNB
    >>> stream = StreamGenerator(n_chunks=20, n_drifts=1, seed=3)
    >>> found = test_then_train([GaussianNB(), AUE()], stream)
    >>> found.models, found.scores.shape
    (('GaussianNB', 'AUE'), (2, 19, 2))
    """
    entrants = {name: model.clone() for name, model in _named(models).items()}
    for name in metrics:
        if name not in CHUNK_METRICS:
            raise wrong("metrics", name, f"some of {', '.join(CHUNK_METRICS)}")
    if stream.task == "regression":
        raise wrong("stream", stream.name, "a stream of class labels")
    scores: list[list[list[float]]] = [[] for _ in entrants]
    for number, (X, y, _) in enumerate(stream.chunks(chunk_size)):
        for own, model in zip(scores, entrants.values(), strict=True):
            if number:
                own.append(_scores(y, model.predict_many(X), metrics, positive))
            model.fit_many(X, y)
    shape = (len(entrants), len(scores[0]), len(metrics))
    return ChunkScores(np.array(scores).reshape(shape), tuple(entrants), tuple(metrics))


def _scores(
    y: npt.NDArray[Any],
    answers: npt.NDArray[Any],
    metrics: Sequence[str],
    positive: Hashable,
) -> list[float]:
    codes, known = codes_of(y, {})
    said = answers.tolist()
    for label in [*said, positive]:
        if label is not None:
            known.setdefault(label, len(known))
    n_classes = len(known)
    true = codes.astype(np.int64)
    told = np.array([n_classes if label is None else known[label] for label in said])
    right = true == told
    counts = _Counts(
        len(true),
        int(right.sum()),
        np.bincount(true, minlength=n_classes),
        np.bincount(told, minlength=n_classes)[:n_classes],
        np.bincount(true[right], minlength=n_classes),
    )
    named = counts
    if positive is not None:
        own = slice(known[positive], known[positive] + 1)
        named = _Counts(*counts[:2], counts.occurred[own], counts.answered[own], counts.hits[own])
    return [
        _OF_ALL[name](counts) if name in _OF_ALL else _OF_CLASSES[name](named) for name in metrics
    ]


def _named(
    models: Mapping[str, Classifier] | Sequence[Classifier] | Classifier,
) -> dict[str, Classifier]:
    if isinstance(models, Classifier):
        models = [models]
    if isinstance(models, Mapping):
        found = dict(models)
    else:
        found = {}
        for model in models:
            name, n = type(model).__name__, 2
            while name in found:
                name, n = f"{type(model).__name__}-{n}", n + 1
            found[name] = model
    if not found or not all(isinstance(model, Classifier) for model in found.values()):
        raise wrong("models", models, "one classifier or more")
    return found


test_then_train.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name
