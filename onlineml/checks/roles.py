"""Streams that suit an estimator's role, and its verbs: what the checks are written with."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from onlineml.base import (
    Array,
    Classifier,
    Detector,
    DriftDetector,
    Estimator,
    Regressor,
    Transformer,
)

N_ROWS, N_FEATURES = 600, 5


def rows(seed: int, n_rows: int = N_ROWS, *, clean: bool = False) -> tuple[Array, Any]:
    """A small drifting stream: features, and a hidden score for labels or targets.

    Unless `clean` it has missing values, a constant column, duplicates and one huge outlier.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_FEATURES))
    X[n_rows // 2 :, 0] += 1.0
    score = X[:, 0] - 2.0 * X[:, 1] + rng.normal(size=n_rows) / 4
    if not clean:
        X[:, 4] = 3.0
        X[rng.random(X.shape) < 0.03] = np.nan
        X[n_rows // 3] = 1e6
        X[n_rows // 4 + 1] = X[n_rows // 4]
        X[5] = np.nan
    return np.ascontiguousarray(X), score


def errors(seed: int, n_rows: int = N_ROWS, *, clean: bool = False) -> tuple[Array, Any]:
    """A stream of errors, 0 or 1, whose rate triples half way; a few missing unless `clean`."""
    rng = np.random.default_rng(seed)
    rate = np.where(np.arange(n_rows) < n_rows // 2, 0.2, 0.6)
    X = (rng.random(n_rows) < rate).astype(np.float64)
    if not clean:
        X[rng.random(n_rows) < 0.03] = np.nan
    return X.reshape(-1, 1), X


def rows_for(
    estimator: Estimator, seed: int, n_rows: int = N_ROWS, *, clean: bool = False
) -> tuple[Array, Any]:
    """The stream that suits the estimator's role."""
    if not takes_one_number(estimator):
        return rows(seed, n_rows, clean=clean)
    if isinstance(estimator, DriftDetector):
        return errors(seed, n_rows, clean=clean)
    X, score = rows(seed, n_rows, clean=clean)
    return np.ascontiguousarray(X[:, :1]), score


def has_role(estimator: Estimator) -> bool:
    """Whether the estimator has one of the roles whose events are rows, with or without targets."""
    roles = Classifier | Regressor | Detector | DriftDetector | Transformer
    return isinstance(estimator, roles)


def takes_one_number(estimator: Estimator) -> bool:
    """Whether events are numbers, not rows."""
    takes = isinstance(estimator, Detector | DriftDetector) or asks_for_labels(estimator)
    return takes and getattr(estimator, "_n_inputs", None) == 1


def asks_for_labels(estimator: Estimator) -> bool:
    """Whether the estimator is a query strategy: its targets are a learner's probabilities."""
    from onlineml.active.query_strategy import QueryStrategy

    return isinstance(estimator, QueryStrategy)


def learns_transitions(estimator: Estimator) -> bool:
    """Whether events are transitions of an environment."""
    from onlineml.rl.agent import TransitionLearner

    return isinstance(estimator, TransitionLearner)


def transitions(estimator: Any, X: Array, y: Array) -> list[Any]:
    """A transition for each row, of that row and target alone: action, reward, both kinds of end.

    What is infinite stays out: `check_bad_transitions_are_refused` sees to it.
    """
    from onlineml.rl.agent import Transition

    whole = getattr(estimator, "action_size", None) is None
    size = estimator._action_width()
    made = []
    for x, reward in zip(X, y.tolist()):
        action: Any = np.sin(reward + np.arange(size))
        if whole:
            action = int(1e6 * abs(reward)) % 2
        terminated, truncated = reward > 4.0, reward < -4.0
        made.append(Transition(x, action, reward, np.roll(x, 1) / 2, terminated, truncated))
    return made


def targets(estimator: Estimator, score: Array) -> Any:
    """Targets of the estimator's role: labels (one class comes late), numbers or none."""
    if learns_transitions(estimator):
        return score
    if asks_for_labels(estimator):
        odds = np.exp(np.stack([0 * score, score, 2 * np.abs(score) - 4], 1))
        odds[: len(score) // 2 + 7, 2] = 0.0
        return odds / odds.sum(1, keepdims=True)
    if isinstance(estimator, Classifier):
        labels = np.where(score > 0, "up", "down").astype(object)
        late = len(score) // 2 + 7
        labels[late:][score[late:] > 2.0] = "high"
        return labels
    return score if isinstance(estimator, Regressor) else None


def fit_one(estimator: Any, x: Any, y: Any) -> None:
    """The role's `fit_one`."""
    if learns_transitions(estimator):
        estimator.fit_one(transitions(estimator, x[None], np.array([y]))[0])
        return
    estimator.fit_one(x) if y is None else estimator.fit_one(x, y)


def fit_many(estimator: Any, X: Any, y: Any) -> None:
    """The role's `fit_many`."""
    if learns_transitions(estimator):
        estimator.fit_many(transitions(estimator, X, np.asarray(y)))
        return
    estimator.fit_many(X) if y is None else estimator.fit_many(X, y)


def serve_one(estimator: Any, x: Any) -> list[Any]:
    """All one-row answers, as a list of comparable values."""
    if isinstance(estimator, Classifier):
        return [estimator.predict_one(x), *estimator.predict_proba_one(x).tolist()]
    if isinstance(estimator, Regressor):
        return [estimator.predict_one(x)]
    if isinstance(estimator, Detector):
        parts = estimator.explain_one(x).tolist() if estimator._explains else []
        return [estimator.score_one(x), *parts]
    if isinstance(estimator, DriftDetector):
        return [float(estimator.drift_detected), float(estimator.warning_detected)]
    if asks_for_labels(estimator):
        return list(estimator.query_one(x, _shares_of(1)[0]))
    if learns_transitions(estimator):
        return _numbers(answer for answer in _answers(estimator, x))
    return list(estimator.transform_one(x).tolist())


def _answers(estimator: Any, x: Any) -> Iterator[Any]:
    """All that a learner of transitions says of one observation."""
    from onlineml.rl.agent import Agent

    if isinstance(estimator, Agent):
        yield estimator.act_one(x)
        yield estimator.act_one(x, explore=True)
    else:
        yield estimator.predict_one(x)


def _numbers(answers: Iterable[Any]) -> list[float]:
    return [float(number) for answer in answers for number in np.atleast_1d(answer)]


def serve_many(estimator: Any, X: Any) -> list[list[Any]]:
    """All many-row answers, row by row."""
    if isinstance(estimator, Classifier):
        labels, shares = estimator.predict_many(X), estimator.predict_proba_many(X)
        return [[label, *share] for label, share in zip(labels.tolist(), shares.tolist())]
    if isinstance(estimator, Regressor):
        return [[value] for value in estimator.predict_many(X).tolist()]
    if isinstance(estimator, Detector):
        scores = estimator.score_many(X).tolist()
        parts = [estimator.explain_one(x).tolist() if estimator._explains else [] for x in X]
        return [[score, *part] for score, part in zip(scores, parts)]
    if isinstance(estimator, DriftDetector):
        return [serve_one(estimator, x) for x in X]
    if asks_for_labels(estimator):
        return _by_row(estimator.query_many(X, _shares_of(len(X))))
    if learns_transitions(estimator):
        from onlineml.rl.agent import Agent

        if not isinstance(estimator, Agent):
            return [[value] for value in estimator.predict_many(X).tolist()]
        both = estimator.act_many(X), estimator.act_many(X, explore=True)
        return [_numbers(pair) for pair in zip(*both)]
    return list(estimator.transform_many(X).tolist())


def serve_fit_many(estimator: Any, X: Any, y: Any) -> list[list[Any]]:
    """Answers of the fused verb, row by row."""
    if isinstance(estimator, Classifier):
        return list(estimator.predict_proba_fit_many(X, y).tolist())
    if isinstance(estimator, Regressor):
        return [[value] for value in estimator.predict_fit_many(X, y).tolist()]
    if isinstance(estimator, Detector):
        return [[value] for value in estimator.score_fit_many(X).tolist()]
    if isinstance(estimator, DriftDetector):
        return [[flag] for flag in estimator.flags_of(X).tolist()]
    if asks_for_labels(estimator):
        return _by_row(estimator.query_fit_many(X, y))
    if learns_transitions(estimator):
        return [
            _numbers([answer])
            for answer in estimator._go_on_many(transitions(estimator, X, np.asarray(y)))
        ]
    return list(estimator.transform_fit_many(X).tolist())


def served_by_row(estimator: Any, X: Any, y: Any) -> list[list[Any]]:
    """What the loop "serve a row, then fit it" gives, in the form of `serve_fit_many`."""
    answers = []
    for i, x in enumerate(X):
        if isinstance(estimator, DriftDetector):
            estimator.fit_one(x)
            answers.append([float(estimator.flag_[0])])
            continue
        if asks_for_labels(estimator):
            answers.append(list(estimator.query_one(x, y[i])))
            estimator.fit_one(x, y[i])
            continue
        if learns_transitions(estimator):
            (transition,) = transitions(estimator, x[None], y[i : i + 1])
            answers.append(_numbers([estimator._go_on_one(transition)]))
            continue
        answer = serve_one(estimator, x)
        answer = answer[:1] if isinstance(estimator, Detector) else answer
        answers.append(answer[1:] if isinstance(estimator, Classifier) else answer)
        fit_one(estimator, x, None if y is None else y[i])
    return answers


def _shares_of(n_rows: int) -> Array:
    """Probabilities to serve a query strategy with where none belong to the rows."""
    return np.full((n_rows, 3), (0.5, 0.3, 0.2))


def _by_row(queries: Any) -> list[list[Any]]:
    return [[bool(ask), chance, score] for ask, chance, score in zip(*queries)]


def trained(estimator: Estimator, seed: int = 0, n_rows: int = N_ROWS) -> Any:
    """A clone that has learned a stream."""
    X, score = rows_for(estimator, seed, n_rows)
    model = estimator.clone()
    fit_many(model, X, targets(model, score))
    return model


def assert_same_state(a: Any, b: Any, where: str = "state") -> None:
    """States equal bit for bit."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), f"{where}: {sorted(a)} and {sorted(b)}"
        for key in a:
            assert_same_state(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, list):
        assert len(a) == len(b), f"{where}: lengths {len(a)} and {len(b)}"
        for i, (left, right) in enumerate(zip(a, b)):
            assert_same_state(left, right, f"{where}[{i}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, f"{where}: {a.dtype} and {b.dtype}"
        assert a.shape == b.shape, f"{where}: {a.shape} and {b.shape}"
        assert a.tobytes() == b.tobytes(), f"{where}: arrays differ at {np.argwhere(a != b)[:3]}"
    else:
        assert a == b or (a != a and b != b), f"{where}: {a!r} and {b!r}"


def assert_same_answers(a: list[list[Any]], b: list[list[Any]], tolerance: float = 0.0) -> None:
    """Answers equal bit for bit, or within the tolerance that an estimator declares.

    A class that came later may be absent from the shorter row.
    """
    assert len(a) == len(b), f"{len(a)} and {len(b)} answers"
    padded = []
    for left, right in zip(a, b):
        n = max(len(left), len(right))
        padded.append((left + [0.0] * (n - len(left)), right + [0.0] * (n - len(right))))
    assert_close_answers([left for left, _ in padded], [right for _, right in padded], tolerance)


def assert_close_answers(a: list[list[Any]], b: list[list[Any]], tolerance: float = 1e-9) -> None:
    """Answers equal up to rounding."""
    assert len(a) == len(b), f"{len(a)} and {len(b)} answers"
    for i, (left, right) in enumerate(zip(a, b)):
        for p, q in zip(left, right, strict=True):
            same = p == q or (p != p and q != q)
            if not same and isinstance(p, float) and isinstance(q, float):
                same = abs(p - q) <= tolerance * max(1.0, abs(p))
            assert same, f"answers differ at row {i}: {left} and {right}"


def cut(seed: int, n_rows: int) -> list[slice]:
    """A random chunking, with chunks of 1 row and of many."""
    rng = np.random.default_rng(seed)
    ends = np.unique(np.append(rng.integers(1, n_rows, 12), n_rows)).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends)]


def held_bytes(value: Any) -> int:
    """Bytes of everything that hangs from an estimator, caches included."""
    if isinstance(value, Estimator):
        return sum(held_bytes(item) for item in vars(value).values())
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(held_bytes(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple | set):
        return sum(held_bytes(item) for item in value) + 8 * len(value)
    if isinstance(value, int | float):
        return 8  # a bigger counter is no growth
    return sys.getsizeof(value)
