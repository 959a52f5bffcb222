"""Models that learn a stream and forget rows of it on request, beside those that never saw them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.evaluation.unlearning import measures
from onlineml.evaluation.unlearning.result import UnlearnResult, UnlearnRun
from onlineml.evaluation.unlearning.schedules import TO_BE_CHOSEN, Requests, doubled, requests
from onlineml.evaluation.unlearning.shadows import LikelihoodRatio
from onlineml.labels import codes_of
from onlineml.receipt import Receipt
from onlineml.schema import Schema, as_floats, wrong
from onlineml.unlearning.replay import Replayed

_POINTS = 5  # of the course of the distances
_LOOKED_AT = 200  # rows that an adaptive requester chooses from
_PASSES = 20  # over the forgotten rows, at the most, to learn them again


class _Rows(NamedTuple):
    """A stream cut into what is learned and what is tested on."""

    X: Array
    y: Any
    tested: Array
    targets: Array  # of all rows: columns of the answers, or numbers
    labels: list[Any]
    schema: Schema

    @property
    def n(self) -> int:
        """Rows that are learned."""
        return len(self.X)


def unlearn_bench(
    models: Estimator | Mapping[str, Estimator],
    X: Any,
    y: Any,
    *,
    schedules: Iterable[str] = ("uniform", "burst", "one_class"),
    n_requests: int = 100,
    test_share: float = 0.25,
    seed: int = 0,
    n_shadows: int = 8,
    stream: str = "",
    schema: Schema | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> UnlearnResult:
    """Let models learn rows and forget some on request; compare with models that never saw them.

    Time is that of learning the stream about 12 times, and once for each shadow model, a model
    and schedule.

    Parameters
    ----------
    models
        Unfitted classifiers or regressors, by name or one alone. A row's id is its number.
    X, y
        Rows in stream order, and their targets.
    schedules
        Names of `SCHEDULES`: "uniform", "poisson", "burst", "newest", "oldest", "one_class",
        "leverage", "adaptive", "duplicates".
    n_requests
        Rows asked to be forgotten, at the most.
    test_share
        Share of the rows, drawn at random, that are never learned.
    seed
        Of the test rows, the requests, the second gold and what shadow models learn.
    n_shadows
        Models that an attack on single rows is prepared with, at least 2; 0: no such attack.
    stream
        What the rows are called in reports.
    schema
        Names and kinds of the features.
    on_progress
        Called with runs done and runs due.

    Returns
    -------
    UnlearnResult
        One run a model and schedule.

    Raises
    ------
    ValueError
        For models of another role, unknown schedules, a useless `n_shadows`, or rows and targets
        of different numbers.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> result = unlearn_bench(GaussianNB(), X, X[:, 0] > 0, schedules=["burst"], n_requests=20)
    >>> run = result.runs[0]
    >>> run.kinds, run.distance < 1e-12 < run.untouched
    ({'exact': 20}, True)

    Notes
    -----
    The second gold tells how far apart two models are that never saw the rows: with another seed
    where the model has one, else with the rows in another order.
    """
    named = {repr(models): models} if isinstance(models, Estimator) else dict(models)
    for name, model in named.items():
        if not isinstance(model, Classifier | Regressor):
            raise wrong(f"models[{name!r}]", model, "a classifier or a regressor")
    if n_shadows < 0 or n_shadows == 1:
        raise wrong("n_shadows", n_shadows, "0, or a number of models >= 2")
    X = as_floats(X, "X")
    if len(X) != len(y):
        raise wrong("y", len(y), f"{len(X)} targets, one a row")
    plans = list(schedules)
    runs: list[UnlearnRun] = []
    for name, model in named.items():
        rows = _cut(X, y, isinstance(model, Classifier), test_share, seed, schema)
        for plan in plans:
            here = _doubled(rows, n_requests, seed) if plan == "duplicates" else rows
            asked = requests(plan, here.X, here.y, n_requests, seed)
            runs.append(_run(name, plan, model, here, asked, seed, n_shadows))
            if on_progress is not None:
                on_progress(len(runs), len(named) * len(plans))
    return UnlearnResult(stream, runs)


def _cut(
    X: Array, y: Any, classes: bool, test_share: float, seed: int, schema: Schema | None
) -> _Rows:
    y = np.asarray(y)
    test = np.zeros(len(X), bool)
    n_test = int(test_share * len(X))
    test[np.random.default_rng(seed).choice(len(X), n_test, replace=False)] = True
    targets, labels = y.astype(np.float64) if not classes else y, []
    if classes:
        targets, known = codes_of(y, {})
        labels = list(known)
    order = np.concatenate([np.flatnonzero(~test), np.flatnonzero(test)])
    return _Rows(
        np.ascontiguousarray(X[~test]), y[~test], np.ascontiguousarray(X[test]),
        np.asarray(targets)[order], labels, schema or Schema(X.shape[1]),
    )  # fmt: skip


def _doubled(rows: _Rows, n: int, seed: int) -> _Rows:
    """The stream, some of whose rows come a second time."""
    order = doubled(rows.n, n, seed)
    targets = np.concatenate([rows.targets[: rows.n][order], rows.targets[rows.n :]])
    return rows._replace(X=rows.X[order], y=rows.y[order], targets=targets)


class _Learner:
    """A model that learns rows of a stream by number."""

    def __init__(self, model: Estimator, rows: _Rows) -> None:
        self.model: Any = model.clone().start(rows.schema)
        self.rows, self.seconds = rows, 0.0

    def learn(self, which: Any) -> None:
        """Learn rows, in the order given."""
        if not len(which):
            return
        X, y = self.rows.X[which], self.rows.y[which]
        began = perf_counter()
        if isinstance(self.model, Replayed):
            self.model.fit_many(X, y, ids=which)
        else:
            self.model.fit_many(X, y)
        self.seconds += perf_counter() - began

    def forget(self, row: int) -> Receipt:
        """Ask the model to forget a row."""
        receipt: Receipt = self.model.unlearn_one(
            self.rows.X[row], self.rows.y[row : row + 1].tolist()[0], id=row
        )
        return receipt

    def answers(self, X: Array) -> Array:
        """What the model answers."""
        return measures.answers(self.model, X, self.rows.labels)


def _run(
    name: str, plan: str, model: Estimator, rows: _Rows, asked: Requests, seed: int, n_shadows: int
) -> UnlearnRun:
    subject, untouched = _Learner(model, rows), _Learner(model, rows)
    receipts: list[Receipt] = []
    course: list[tuple[int, float, float]] = [(0, 0.0, 0.0)]
    points = set(np.linspace(0, len(asked), _POINTS + 1).astype(int)[1:-1].tolist())
    at, gone = 0, list[int]()
    for k, (time, row) in enumerate(asked, 1):
        subject.learn(np.arange(at, time))
        untouched.learn(np.arange(at, time))
        at = max(at, time)
        gone.append(_best_known(subject, at, gone) if row == TO_BE_CHOSEN else row)
        receipts.append(subject.forget(gone[-1]))
        if k in points:
            gold = _gold(model, rows, gone, at)
            mine, none = _apart(gold, (subject, untouched), rows)
            course.append((k, mine, none))
    for learner in (subject, untouched):
        learner.learn(np.arange(at, rows.n))
    gold = _gold(model, rows, gone, rows.n)
    mine, none = _apart(gold, (subject, untouched), rows)
    course.append((len(asked), mine, none))
    found = _compare(subject, untouched, gold, gone)
    found |= _attacked(model, rows, gone, (subject, gold), n_shadows, seed)
    second, by = _second_gold(model, rows, gone, seed)
    return UnlearnRun(
        model=name,
        schedule=plan,
        n_rows=rows.n,
        n_requests=len(asked),
        kinds=dict(Counter(receipt.kind for receipt in receipts)),
        distance=mine,
        untouched=none,
        floor=_apart(gold, (second,), rows)[0],
        floor_by=by,
        latencies=[receipt.cost for receipt in receipts if receipt.forgotten],
        retraining=gold.seconds,
        course=course,
        nbytes=subject.model.nbytes,
        nbytes_gold=gold.model.nbytes,
        relearn=_passes(subject, untouched, gone),
        relearn_gold=_passes(gold, untouched, gone),
        twice_refused=bool(gone) and not subject.forget(gone[0]).forgotten,
        unknown_refused=_refuses_strangers(subject),
        **found,
    )


def _best_known(subject: _Learner, at: int, gone: list[int]) -> int:
    """What one asks for who wants to find out the most: the row that the answers fit best."""
    rows, left = subject.rows, np.setdiff1d(np.arange(at), gone)[-_LOOKED_AT:]
    lost = measures.losses(subject.answers(rows.X[left]), rows.targets[left])
    return int(left[np.argmin(lost)])


def _attacked(
    model: Estimator, rows: _Rows, gone: list[int], learners: tuple[_Learner, _Learner],
    n_shadows: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """AUC of an attack with shadow models on the forgotten rows, for the model and for gold."""
    if n_shadows == 0 or not gone or not len(rows.tested):
        return {"attack": np.nan, "attack_gold": np.nan}
    rng = np.random.default_rng(2000 + seed)
    n = min(len(gone), len(rows.tested))
    strangers = rng.choice(len(rows.tested), n, replace=False)
    stay = np.setdiff1d(np.arange(rows.n), gone)
    asked = np.concatenate([rows.X[gone], rows.tested[strangers]])
    targets = np.concatenate([rows.targets[gone], rows.targets[rows.n + strangers]])
    y = np.array([rows.labels[int(t)] for t in targets]) if rows.labels else targets
    times = np.concatenate([gone, rng.integers(0, rows.n, n)])
    bare = model.model if isinstance(model, Replayed) else model

    def train(marked: Any) -> Array:
        order = np.argsort(np.concatenate([stay, times[marked]]), kind="stable")
        X = np.concatenate([rows.X[stay], asked[marked]])[order]
        learned: Any = bare.clone().start(rows.schema)
        learned.fit_many(X, np.concatenate([rows.y[stay], y[marked]])[order])
        return measures.answers(learned, asked, rows.labels)

    attack = LikelihoodRatio(train, targets, n_shadows, seed)
    mine, due = (attack.auc(learner.answers(asked), len(gone)) for learner in learners)
    return {"attack": mine, "attack_gold": due}


def _gold(model: Estimator, rows: _Rows, gone: list[int], n_rows: int) -> _Learner:
    gold = _Learner(model, rows)
    gold.learn(np.setdiff1d(np.arange(n_rows), gone))
    return gold


def _second_gold(model: Estimator, rows: _Rows, gone: list[int], seed: int) -> tuple[_Learner, str]:
    params = model.get_params()
    seeds = [key for key in params if key.split("__")[-1] == "seed"]
    stay = np.setdiff1d(np.arange(rows.n), gone)
    twin = model.clone()
    if seeds:
        twin.set_params(**dict.fromkeys(seeds, 1000 + seed))
    else:
        stay = np.random.default_rng(1000 + seed).permutation(stay)
    second = _Learner(twin, rows)
    second.learn(stay)
    return second, "seed" if seeds else "order"


def _apart(gold: _Learner, others: tuple[_Learner, ...], rows: _Rows) -> list[float]:
    due = gold.answers(rows.tested)
    return [measures.distance(due, other.answers(rows.tested)) for other in others]


def _compare(
    subject: _Learner, untouched: _Learner, gold: _Learner, gone: list[int]
) -> dict[str, Any]:
    """Answers of the model and of gold on retained, forgotten and test rows."""
    rows = subject.rows
    stay = np.setdiff1d(np.arange(rows.n), gone)
    targets = {
        "retained": rows.targets[stay],
        "forgotten": rows.targets[gone],
        "test": rows.targets[rows.n :],
    }
    asked = {"retained": rows.X[stay], "forgotten": rows.X[gone], "test": rows.tested}
    mine = {part: subject.answers(X) for part, X in asked.items()}
    due = {part: gold.answers(X) for part, X in asked.items()}
    parts = list(asked)
    lost = {
        who: [measures.losses(found[part], targets[part]) for part in ("forgotten", "test")]
        for who, found in (("mine", mine), ("gold", due))
    }
    return {
        "identical": all(mine[part].tobytes() == due[part].tobytes() for part in parts),
        "gap": max(float(np.abs(mine[part] - due[part]).max(initial=0.0)) for part in parts),
        "distance_forgotten": measures.distance(due["forgotten"], mine["forgotten"]),
        "agreement_forgotten": measures.agreement(due["forgotten"], mine["forgotten"]),
        "agreement": measures.agreement(due["test"], mine["test"]),
        "quality": {part: measures.quality(mine[part], targets[part]) for part in parts},
        "quality_gold": {part: measures.quality(due[part], targets[part]) for part in parts},
        "membership": measures.membership(*lost["mine"]),
        "membership_gold": measures.membership(*lost["gold"]),
    }


def _passes(learner: _Learner, untouched: _Learner, gone: list[int]) -> int:
    """Passes over the forgotten rows until they are known as well as to the untouched model."""
    rows = learner.rows
    due = measures.losses(untouched.answers(rows.X[gone]), rows.targets[gone]).mean()
    twin: Any = learner.model.clone().set_state(learner.model.get_state())
    for n in range(_PASSES):
        found = measures.answers(twin, rows.X[gone], rows.labels)
        if measures.losses(found, rows.targets[gone]).mean() <= due + 1e-3 * abs(due):
            return n
        twin.fit_many(rows.X[gone], rows.y[gone])
    return _PASSES


def _refuses_strangers(subject: _Learner) -> bool:
    """Whether a request for a row that never came is refused."""
    rows = subject.rows
    twin: Any = subject.model.clone().set_state(subject.model.get_state())
    stranger = np.full(rows.X.shape[1], 1e6)
    receipt = twin.unlearn_one(stranger, rows.y[:1].tolist()[0], id=len(rows.targets) + 1)
    return not receipt.forgotten
