"""What every estimator must pass; run them on your own with `check_estimator(MyEstimator())`.

Each check takes an unfitted estimator and raises `AssertionError` where a promise is broken. An
estimator that cannot keep one declares it in `_excuses`, with the reason; the check must
then fail, or the excuse is out of date.
"""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, DriftDetector, Estimator, Regressor, Transformer
from onlineml.checks.roles import (
    asks_for_labels,
    assert_close_answers,
    assert_same_answers,
    assert_same_state,
    cut,
    fit_many,
    fit_one,
    has_role,
    held_bytes,
    learns_transitions,
    rows,
    rows_for,
    serve_fit_many,
    serve_many,
    serve_one,
    served_by_row,
    takes_one_number,
    targets,
    trained,
    transitions,
)
from onlineml.persistence import load, save
from onlineml.schema import Schema, wrong

__all__ = [
    "all_checks",
    "assert_same_answers",
    "assert_same_state",
    "check_estimator",
    "checks_of",
    "cut",
    "rows",
    "serve_many",
    "served_by_row",
    "targets",
    "trained",
]

Check = Callable[[Estimator], None]


def check_estimator(estimator: Estimator) -> None:
    """Run all checks on an unfitted `estimator`; raises `AssertionError` at the first failure.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> check_estimator(GaussianNB())
    """
    if not isinstance(estimator, Estimator):
        raise wrong("estimator", estimator, "an unfitted estimator, such as GaussianNB()")
    for name, check in checks_of(type(estimator)):
        if name not in estimator._excuses:
            check(estimator)
            continue
        try:
            check(estimator)
        except AssertionError:
            continue
        raise AssertionError(f"{type(estimator).__name__} passes {name}: its excuse is out of date")


def all_checks() -> Iterator[tuple[str, Check]]:
    """Names and functions of all checks."""
    for name, item in sorted(globals().items()):
        if name.startswith("check_") and name != "check_estimator":
            yield name, item


#: Checks of what transitions do not have: weights, frames, labels; observations have no new names.
_OF_ROWS = (
    "check_weights_by_row",
    "check_mappings_equal_arrays",
    "check_nominal_features",
    "check_bad_input_is_refused",
    "check_features_come_and_go",
    "check_columns_that_begin_with_gaps",
    "check_any_label_type",
)
_OF_TRANSITIONS = ("check_bad_transitions_are_refused", "check_observations_by_name")


def checks_of(kind: type[Estimator]) -> Iterator[tuple[str, Check]]:
    """Names and functions of the checks for the role of `kind`."""
    from onlineml.learners.penalty import Penalty
    from onlineml.learners.privacy import Privacy
    from onlineml.rl.agent import TransitionLearner
    from onlineml.rl.part import Part

    for name, check in all_checks():
        if issubclass(kind, Part | Penalty | Privacy):  # parameters, and nothing that is learned
            due = name == "check_is_documented"
        elif issubclass(kind, TransitionLearner):
            due = name not in _OF_ROWS
        else:
            due = name not in _OF_TRANSITIONS
        if due:
            yield name, check


# -------------------------------------------------------------------- parameters


def check_parameters_are_kept(estimator: Estimator) -> None:
    """Arguments are keyword-only, stored unchanged; clones and `set_params` carry them."""
    signature = inspect.signature(type(estimator)).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in signature), "keyword-only"
    params = estimator.get_params(deep=False)
    twin = estimator.clone()
    assert repr(twin) == repr(estimator)
    assert twin.get_params(deep=False).keys() == params.keys()
    assert twin.set_params(**params) is twin
    model = trained(estimator)
    assert repr(model.get_params(deep=False)) == repr(params), "fitting changed a parameter"
    assert not model.clone().is_started, "a clone is unfitted"


def check_is_documented(estimator: Estimator) -> None:
    """The class says what it computes, and every parameter is described."""
    text = inspect.getdoc(type(estimator)) or ""
    assert text, "no docstring"
    for name in estimator.get_params(deep=False):
        assert name in text, f"parameter {name} is not documented"


# -------------------------------------------------------------------- P1: batch = loop


def check_chunks_equal_rows(estimator: Estimator) -> None:
    """By row, by random chunks, all at once: the same answers and state, bit for bit."""
    X, score = rows_for(estimator, 1)
    y = targets(estimator, score)
    by_row = estimator.clone()
    answers = served_by_row(by_row, X, y)
    for seed in (0, 1):
        chunked, got = estimator.clone(), []
        for part in cut(seed, len(X)) if seed else [slice(0, len(X))]:
            got += serve_fit_many(chunked, X[part], None if y is None else y[part])
        assert_same_answers(answers, got, estimator._tolerance)
        assert_same_state(by_row.get_state(), chunked.get_state())


def check_fitting_alone_equals_fused(estimator: Estimator) -> None:
    """`fit_many` leaves the state that the fused verb leaves; serving many equals serving one."""
    X, score = rows_for(estimator, 2)
    y = targets(estimator, score)
    alone, fused = estimator.clone(), estimator.clone()
    fit_many(alone, X, y)
    serve_fit_many(fused, X, y)
    assert_same_state(alone.get_state(), fused.get_state())
    by_row = [serve_one(alone, x) for x in X[:50]]
    assert_same_answers(serve_many(alone, X[:50]), by_row, estimator._tolerance)


def check_weights_by_row(estimator: Any) -> None:
    """Weights by row equal weights by chunk; a weight of 2 or 0 is accepted."""
    X, score = rows_for(estimator, 3, 200)
    y = targets(estimator, score)
    weight = np.random.default_rng(0).choice([0.0, 0.5, 1.0, 2.0], len(X))
    many, ones = estimator.clone(), estimator.clone()
    many.fit_many(X, y, weight=weight)
    for i, x in enumerate(X):
        ones.fit_one(x, None if y is None else y[i], weight=float(weight[i]))
    assert_same_state(many.get_state(), ones.get_state())


def check_mappings_equal_arrays(estimator: Any) -> None:
    """Rows as mappings, in any key order, and as a data frame give what arrays give."""
    import pandas as pd

    if takes_one_number(estimator):
        return
    X, score = rows_for(estimator, 4, 200)
    y = targets(estimator, score)
    names = [f"f{j}" for j in range(X.shape[1])]
    model, mapped, framed = (
        estimator.clone().start(Schema(X.shape[1], tuple(names))) for _ in "123"
    )
    fit_many(model, X, y)
    for i, x in enumerate(X):
        row = dict(zip(names, x.tolist()))
        fit_one(mapped, row if i % 2 else dict(reversed(row.items())), None if y is None else y[i])
    fit_many(framed, pd.DataFrame(X, columns=names), y)
    assert_same_state(model.get_state(), mapped.get_state())
    assert_same_state(model.get_state(), framed.get_state())
    mappings = [dict(zip(names, x.tolist())) for x in X[:20]]
    by_row = [serve_one(model, row) for row in mappings]
    assert_same_answers(serve_many(model, X[:20]), by_row, estimator._tolerance)


def check_nominal_features(estimator: Any) -> None:
    """Nominal values, new ones in mid-stream too, by row as by chunk."""
    if takes_one_number(estimator):
        return
    rng = np.random.default_rng(5)
    X, score = rows_for(estimator, 5, 300)
    X[:, 2] = rng.integers(0, 4, len(X))
    X[150:, 2] = rng.integers(0, 7, 150)
    X[rng.random(len(X)) < 0.05, 2] = np.nan
    y = targets(estimator, score)
    schema = Schema(X.shape[1], nominal={2: tuple("abcdefg")})
    by_row, at_once = estimator.clone().start(schema), estimator.clone().start(schema)
    answers = served_by_row(by_row, X, y)
    assert_same_answers(answers, serve_fit_many(at_once, X, y), estimator._tolerance)
    assert_same_state(by_row.get_state(), at_once.get_state())


def check_columns_that_begin_with_gaps(estimator: Any) -> None:
    """A column is of the kind of its first value, whenever that comes, by row as by chunk.

    New values of text are missing to an answer. Those of transformers are not compared where the
    columns became more within the chunk.
    """
    if takes_one_number(estimator):
        return
    X, score = rows_for(estimator, 14, 120, clean=True)
    y = targets(estimator, score)
    mappings: list[dict[str, Any]] = [dict(zip("abcde", x.tolist())) for x in X]
    for i, row in enumerate(mappings):
        row["b"] = None if i < 20 else row["b"]
        row["c"] = None if i < 50 or i % 9 == 0 else "rstu"[i % (2 if i < 90 else 4)]
    ones, many, said = estimator.clone(), estimator.clone(), []
    due = served_by_row(ones, mappings, y)
    for part in (slice(0, 30), slice(30, 60), slice(60, 120)):
        said += serve_fit_many(many, mappings[part], None if y is None else y[part])
    assert ones.schema_ == many.schema_
    tolerance = max(estimator._tolerance, 1e-9)  # room for values to come changes orders of sums
    if isinstance(estimator, Transformer):
        due, said = zip(*((a, b) for a, b in zip(due, said) if len(a) == len(b)))
    assert_same_answers(due, said, tolerance)
    assert_same_answers(serve_many(ones, mappings), serve_many(many, mappings), tolerance)


# -------------------------------------------------------------------- P2: stop anywhere


def check_resumes_from_state(estimator: Estimator) -> None:
    """Everything that was learned is in the state: a twin that takes it over goes on alike."""
    X, score = rows_for(estimator, 6)
    y = targets(estimator, score)
    model, stop = estimator.clone(), 2 * len(X) // 3
    fit_many(model, X[:stop], None if y is None else y[:stop])
    twin = estimator.clone().set_state(model.get_state())
    copied = copy.deepcopy(model)
    rest = None if y is None else y[stop:]
    due = serve_fit_many(model, X[stop:], rest)
    for other in (twin, copied):
        assert_same_answers(due, serve_fit_many(other, X[stop:], rest))
        assert_same_state(model.get_state(), other.get_state())


def check_resumes_from_file(estimator: Estimator) -> None:
    """A saved and loaded model answers as if nothing had happened, ever after."""
    X, score = rows_for(estimator, 7)
    y = targets(estimator, score)
    model, stop = estimator.clone(), int(np.random.default_rng(7).integers(1, len(X)))
    fit_many(model, X[:stop], None if y is None else y[:stop])
    with tempfile.TemporaryDirectory() as folder:
        path = save(model, Path(folder) / "model.onl")
        other = load(path, classes=[type(estimator)])
    rest = None if y is None else y[stop:]
    assert repr(other) == repr(model)
    assert_same_answers(
        serve_fit_many(model, X[stop:], rest), serve_fit_many(other, X[stop:], rest)
    )
    assert_same_state(model.get_state(), other.get_state())


def check_same_seed_same_bits(estimator: Estimator) -> None:
    """Two clones given the same rows are equal; the global generator plays no part."""
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    first = trained(estimator)
    np.random.seed(2)  # noqa: NPY002
    assert_same_state(first.get_state(), trained(estimator).get_state())


# -------------------------------------------------------------------- P4: forget on request


def check_forgets_or_refuses(estimator: Any) -> None:
    """`unlearn_one` changes nothing, or leaves the model that the other rows alone make."""
    X, score = rows_for(estimator, 14, 90)
    y = targets(estimator, score)
    model, asked = estimator.clone(), range(10, 45, 3)  # after them comes a new class
    assert model.unlearn_one(X[0], None if y is None else y[0]).kind == "refused"
    rest = np.array([i for i in range(len(X)) if i not in asked or i == len(X) // 3])
    fit_many(model, X[:60], None if y is None else y[:60])
    kinds = set()
    for i in asked:
        before = copy.deepcopy(model.get_state()) if i == 10 else None
        if i in rest:
            continue
        receipt = model.unlearn_one(X[i], None if y is None else y[i])
        kinds.add(receipt.kind)
        if before is not None and not receipt.forgotten:
            assert_same_state(before, model.get_state(), "state after a refusal")
            return
    assert "refused" not in kinds, "some rows are forgotten, others refused"
    fit_many(model, X[60:], None if y is None else y[60:])
    if kinds == {"exact"}:
        gold = estimator.clone()
        fit_many(gold, X[rest], None if y is None else y[rest])
        assert_close_answers(serve_many(gold, X), serve_many(model, X))


def check_replays_without_rows(estimator: Any) -> None:
    """Behind a log, rows are forgotten as if they had never come: the same state, bit for bit."""
    from onlineml.unlearning import Replayable

    if not has_role(estimator):
        return
    X, score = rows_for(estimator, 15, 72)
    y = targets(estimator, score)
    late = np.flatnonzero(y == "high")[:1].tolist() if isinstance(estimator, Classifier) else []
    gone = sorted({20, 24, 35, 50, *late})
    model, gold = Replayable(estimator.clone(), horizon=64, every=16), estimator.clone()
    fit_many(model, X[:60], None if y is None else y[:60])
    receipts = model.unlearn_many([id for id in gone if id < 60])
    assert {receipt.kind for receipt in receipts} == {"replayed"}, receipts
    fit_many(model, X[60:], None if y is None else y[60:])
    rest = np.setdiff1d(np.arange(len(X)), [id for id in gone if id < 60])
    fit_many(gold, X[rest], None if y is None else y[rest])
    assert_same_state(gold.get_state(), model.model_.get_state())


# -------------------------------------------------------------------- P3: bounded


def check_memory_is_bounded(estimator: Estimator) -> None:
    """Everything the model holds stays the same size, or within `max_bytes`, as rows go by."""
    model: Any = estimator.clone()
    limited = "max_bytes" in estimator.get_params(deep=False)
    if limited:
        model.set_params(max_bytes=100_000)
    sizes = []
    for seed in range(4):
        X, score = rows_for(estimator, seed, 2000)
        y = targets(model, score)
        fit_many(model, X, y)
        for i in range(30):
            fit_one(model, X[i], None if y is None else y[i])
            serve_one(model, X[i])
        sizes.append(held_bytes(model))
        if limited:
            assert model.nbytes <= 100_000, f"{model.nbytes} bytes, max_bytes is 100000"
    if not limited:
        assert sizes[1] == sizes[2] == sizes[3], f"bytes held after 2000-row blocks: {sizes}"


# -------------------------------------------------------------------- serving and aliases


def check_serving_changes_nothing(estimator: Estimator) -> None:
    """Serving, rows with unknown names and before any data too, leaves the state alone."""
    X, _ = rows_for(estimator, 8, 50)
    fresh = estimator.clone()
    serve_many(fresh, X)
    serve_one(fresh, X[0])
    assert not fresh.is_started, "serving started the estimator"
    model = trained(estimator)
    before, bare = copy.deepcopy(model.get_state()), set(vars(model))
    first = serve_many(model, X)
    for x in X:
        serve_one(model, x)
    assert_same_answers(first, serve_many(model, X))
    assert_same_state(before, model.get_state())
    new = {name for name in set(vars(model)) - bare if not name.startswith("_")}
    assert not new, f"serving set {new}"


def check_keeps_no_reference(estimator: Estimator) -> None:
    """Changing the caller's arrays, or the answers, does not reach the model."""
    X, score = rows_for(estimator, 9, 100)
    y = targets(estimator, score)
    model = estimator.clone()
    mine, mine_y = X.copy(), None if y is None else y.copy()
    fit_many(model, mine, mine_y)
    fit_one(model, mine[0], None if mine_y is None else mine_y[0])
    before = copy.deepcopy(model.get_state())
    mine[:] = 7.0
    if isinstance(mine_y, np.ndarray):
        mine_y[:] = mine_y[0]
    assert_same_state(before, model.get_state())
    answer = serve_one(model, X[0])
    if isinstance(model, Classifier):
        model.predict_proba_one(X[0])[:] = 9.0
    if isinstance(model, Transformer):
        model.transform_one(X[0])[:] = 9.0
    assert_same_answers([answer], [serve_one(model, X[0])])


# -------------------------------------------------------------------- P7: bad rows


def check_odd_rows(estimator: Estimator) -> None:
    """Missing values, an outlier, duplicates, a constant column: all answers stay finite."""
    model = trained(estimator)
    X, _ = rows_for(estimator, 10, 80, clean=True)
    for answer in serve_many(model, X):
        numbers = [value for value in answer if isinstance(value, float)]
        assert np.isfinite(numbers).all(), f"answer {answer}"
    probabilities = isinstance(model, Classifier) and model.predict_proba_many(
        rows_for(estimator, 10, 80)[0]
    )
    if isinstance(probabilities, np.ndarray):
        np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-9)
        assert (probabilities >= 0).all()


def check_empty_chunks(estimator: Estimator) -> None:
    """No rows: nothing happens, before data and after."""
    none: Array = rows_for(estimator, 0)[0][:0]
    for model in (estimator.clone(), trained(estimator)):
        before = copy.deepcopy(model.get_state())
        assert len(serve_many(model, none)) == 0
        has_targets = isinstance(model, Classifier | Regressor) or learns_transitions(model)
        y: Any = [] if has_targets else None
        fit_many(model, none, y)
        assert not before or before.keys() == model.get_state().keys()
        if before:
            assert_same_state(before, model.get_state())


def check_bad_input_is_refused(estimator: Any) -> None:
    """Wrong width, text, infinities, wrong lengths: `ValueError`, the state as it was."""
    X, score = rows_for(estimator, 11, 40)
    y = targets(estimator, score)
    model = trained(estimator)
    before = copy.deepcopy(model.get_state())
    for i, (call, named) in enumerate([*_bad_rows(X, y), *_bad_targets(X, y)]):
        said = _refusal(call, model)
        due = ("proba", "P") if named == "y" and asks_for_labels(estimator) else (named,)
        assert said.startswith(due), f"case {i} does not name {named}: {said or 'accepted'}"
        assert_same_state(before, model.get_state(), f"state after bad input {i}")
    if takes_one_number(estimator) and not asks_for_labels(estimator):
        fresh = estimator.clone()
        said = _refusal(lambda m: m.fit_one([0.0, 1.0]), fresh)
        assert said.startswith("x: got"), f"a row of two numbers at first: {said or 'accepted'}"
        assert not fresh.is_started


def _bad_rows(X: Array, y: Any) -> Iterator[tuple[Callable[[Any], Any], str]]:
    """Calls that must be refused, and how the message begins."""
    infinite, text, wide = X.copy(), X.astype(object), np.hstack([X, X])
    infinite[30, -1] = np.inf
    text[7, 0] = "seven"
    label = None if y is None else y[0]
    yield lambda m: fit_many(m, wide, y), "X"
    yield lambda m: fit_many(m, infinite, y), "X[30"
    yield lambda m: fit_many(m, text, y), "X[7, 0]"
    yield lambda m: fit_one(m, wide[0], label), "x"
    yield lambda m: fit_one(m, infinite[30], label), "x["
    yield lambda m: fit_one(m, -infinite[30], label), "x["
    yield lambda m: fit_one(m, ["a"] * X.shape[1], label), "x[0]"
    yield lambda m: m.fit_many(X, y, weight=-np.ones(len(X))), "weight"
    yield lambda m: m.fit_many(X, y, weight=np.ones(3)), "weight"
    yield lambda m: m.fit_one(X[0], label, weight=float("nan")), "weight"


def _bad_targets(X: Array, y: Any) -> Iterator[tuple[Callable[[Any], Any], str]]:
    if y is None:
        return
    yield lambda m: m.fit_many(X, y[:-1]), "y"
    yield lambda m: m.fit_one(X[0], float("nan")), "y"
    yield lambda m: m.fit_many(X, [None] * len(X)), "y"


def check_bad_rows_are_not_served(estimator: Any) -> None:
    """Wrong width and infinities are refused in serving too."""
    if isinstance(estimator, DriftDetector):
        return
    X, _ = rows_for(estimator, 11, 40)
    infinite, wide = X.copy(), np.hstack([X, X])
    infinite[30, -1] = np.inf
    model = trained(estimator)
    one = "observation" if learns_transitions(model) else "x"
    assert _refusal(lambda m: serve_one(m, wide[0]), model).startswith(one)
    assert _refusal(lambda m: serve_one(m, infinite[30]), model).startswith(f"{one}[")
    assert _refusal(lambda m: serve_many(m, wide), model).startswith("X")
    assert _refusal(lambda m: serve_many(m, infinite), model).startswith("X[30")


def check_bad_transitions_are_refused(estimator: Any) -> None:
    """Wrong widths, infinities, impossible actions and rewards: `ValueError`, the state kept."""
    X, score = rows_for(estimator, 11, 40)
    model = trained(estimator)
    before = copy.deepcopy(model.get_state())
    good = transitions(estimator, X, np.asarray(score))
    infinite, wide = X[0].copy(), np.hstack([X[0], X[0]])
    infinite[-1] = -np.inf
    nan = np.full(np.shape(good[0].action), np.nan)
    bad: list[tuple[str, Any]] = [
        ("observation", infinite), ("observation", wide), ("next_observation", infinite),
        ("next_observation", wide), ("reward", np.nan), ("reward", np.inf), ("reward", "much"),
        ("observation", ["a"] * len(X[0])),
    ]  # fmt: skip
    if estimator._action_width():
        bad.append(("action", nan))
    for name, value in bad:
        wrong_one = good[7]._replace(**{name: value})
        for call in (
            lambda m, t=wrong_one: m.fit_one(t),
            lambda m, t=wrong_one: m.fit_many([*good, t]),
            lambda m, t=wrong_one: m._go_on_one(t),
        ):
            said = _refusal(call, model)
            assert said.startswith(name), f"{name} {value!r}: {said or 'accepted'}"
            assert_same_state(before, model.get_state(), f"state after bad {name}")


def check_observations_by_name(estimator: Any) -> None:
    """Observations as mappings, in any order, give what arrays give."""
    X, score = rows_for(estimator, 4, 60)
    names = [f"f{j}" for j in range(X.shape[1])]
    model, mapped = (estimator.clone().start(Schema(X.shape[1], tuple(names))) for _ in "12")
    made = transitions(estimator, X, np.asarray(score))
    for transition in made:
        x, following = (
            dict(reversed(list(zip(names, row.tolist()))))
            for row in (transition.observation, transition.next_observation)
        )
        model.fit_one(transition)
        mapped.fit_one(transition._replace(observation=x, next_observation=following))
    assert_same_state(model.get_state(), mapped.get_state())
    row = dict(zip(names, X[0].tolist()))
    assert_same_answers([serve_one(model, X[0])], [serve_one(mapped, row)])


def _refusal(call: Callable[[Any], Any], model: Any) -> str:
    try:
        call(model)
    except ValueError as error:
        return str(error)
    return ""


def check_features_come_and_go(estimator: Any) -> None:
    """Mappings that lack a name or bring a new one are served and learned."""
    if takes_one_number(estimator):
        return
    X, score = rows_for(estimator, 12, 120)
    y = targets(estimator, score)
    model = estimator.clone()
    for i, x in enumerate(X):
        row = dict(zip("abcde", x.tolist()))
        if i % 3 == 0:
            del row["b"]
        if i >= 60:
            row["new"] = float(i)
        serve_one(model, row)
        fit_one(model, row, None if y is None else y[i])
    assert model.schema_.names == ("a", "c", "d", "e", "b", "new")
    numbers = [value for value in serve_one(model, {"a": 1.0}) if isinstance(value, float)]
    assert np.isfinite(numbers).all() or isinstance(model, Transformer)


def check_any_label_type(estimator: Estimator) -> None:
    """Labels may be strings, integers or bools, and come back as plain values of that type."""
    if not isinstance(estimator, Classifier):
        return
    X, score = rows_for(estimator, 13, 60, clean=True)
    kinds: list[npt.NDArray[Any]] = [score > 0, (score > 0) * 5 - 2, np.where(score > 0, "p", "q")]
    for y in kinds:
        model = estimator.clone().fit_many(X, y)
        ones = estimator.clone()
        for x, label in zip(X, y):
            ones.fit_one(x, label)
        assert model.classes_ == ones.classes_ == list(dict.fromkeys(y.tolist()))
        assert type(model.predict_one(X[0])) is type(y.tolist()[0])
        assert set(model.predict_many(X).tolist()) <= set(y.tolist())
