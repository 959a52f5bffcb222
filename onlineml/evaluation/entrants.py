"""Who takes part in an evaluation: names, copies, seeds and baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from onlineml.base import Classifier, Detector, Estimator, Regressor
from onlineml.categories import one_begins_other
from onlineml.schema import Schema, wrong

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.evaluation.label_budgets import Purchase
    from onlineml.graph import Graph

# A graph becomes an estimator with its first node, which checkers of types cannot know.
Models: TypeAlias = (
    "Estimator | Graph | Sequence[Estimator | Graph] | Mapping[str, Estimator | Graph]"
)


class Entrant(NamedTuple):
    """An estimator that is to be evaluated, under a name."""

    name: str
    seed: int | None
    estimator: Estimator
    baseline: bool = False
    #: What decides which labels it learns, and how the parts of the name are called.
    strategy: QueryStrategy | None = None
    learner: str = ""
    strategy_name: str = ""
    budget: str = ""


def entrants(
    models: Models,
    task: str,
    schema: Schema,
    *,
    seeds: Sequence[int] | None,
    baselines: bool,
    inplace: bool,
    purchases: Sequence[Purchase] = (),
) -> list[Entrant]:
    """Started copies of `models`, one for each seed where they have one, baselines last.

    With `purchases`, one for each of them; the models that learn all labels are then baselines.
    """
    named = named_models(models)
    roles = (Regressor,) if task == "regression" else (Classifier, Detector)
    for name, model in named.items():
        if not isinstance(model, roles):
            due = " or ".join(role.__name__ for role in roles)
            raise wrong(f"models[{name!r}]", model, f"a {due}, as the task is {task}")
    entered = [
        Entrant(name, seed, twin)
        for name, model in named.items()
        for seed, twin in _copies(name, model, seeds, inplace)
    ]
    if purchases:
        if inplace:
            raise wrong("inplace", inplace, "False: several copies learn with strategies")
        others = [e._replace(name=f"{e.name} with all labels", baseline=True) for e in entered]
        entered = [
            entrant
            for name, model in named.items()
            for purchase in purchases
            for entrant in _buyers(name, model, purchase, seeds)
        ]
        entered += others if baselines else []
    if baselines:
        added = baselines_of(task, named)
        entered += [Entrant(name, None, model, baseline=True) for name, model in added.items()]
    for entrant in entered:
        _start(entrant, schema)
    return entered


def named_models(models: Models) -> dict[str, Estimator]:
    """Models by name: the class's, numbered from the second of a kind on."""
    if isinstance(models, Mapping):
        named: dict[str, Any] = dict(models)
    else:
        several = isinstance(models, Iterable) and not isinstance(models, Estimator | str)
        listed: list[Any] = list(models) if several else [models]  # type: ignore[arg-type]
        named = {}
        for model in listed:
            name, n = type(model).__name__, 1
            while name in named:
                n += 1
                name = f"{type(model).__name__} {n}"
            named[name] = model
    if not named:
        raise wrong("models", models, "at least one estimator")
    for name, model in named.items():
        if not isinstance(model, Estimator):
            due = "an estimator of onlineml (see onlineml.integrations for those of others)"
            if isinstance(model, type):
                due = f"an instance, such as {model.__name__}()"
            raise wrong(f"models[{name!r}]", model, due)
    return named


def has_detectors(models: Models) -> bool:
    """Whether some of `models` give scores, not labels."""
    return any(isinstance(model, Detector) for model in named_models(models).values())


def task_with(models: Models, task: str) -> str:
    """The task of `models` on a stream of `task`: classes that only detectors see are anomalies."""
    only = all(isinstance(model, Detector) for model in named_models(models).values())
    return "anomaly" if only and task == "classification" else task


def _copies(
    name: str, model: Estimator, seeds: Sequence[int] | None, inplace: bool
) -> Iterable[tuple[int | None, Estimator]]:
    if seeds is not None and (not isinstance(seeds, Iterable) or not len(seeds)):
        raise wrong("seeds", seeds, "at least one seed, such as [1, 2, 3], or None")
    params = seeds_of(model)
    if seeds is None or not params:
        seed = model.get_params().get("seed")
        yield seed, model if inplace else _copy(model)
        return
    if model.is_started or inplace:
        due = "None, as a seed counts only from the start and these models go on"
        raise wrong("seeds", seeds, due)
    for seed in dict.fromkeys(seeds):
        yield seed, model.clone().set_params(**dict.fromkeys(params, seed))


def _buyers(
    name: str, model: Estimator, purchase: Purchase, seeds: Sequence[int] | None
) -> Iterable[Entrant]:
    """The model with a strategy, once for each seed."""
    if not isinstance(model, Classifier) and purchase.strategy._needs_proba:
        due = "a classifier, as that strategy reads class probabilities"
        raise wrong(f"models[{name!r}]", model, due)
    pairs = list(_copies(name, model, seeds, inplace=False))
    if seeds is not None and not seeds_of(model):  # then the strategies differ
        pairs = [(seed, _copy(model)) for seed in dict.fromkeys(seeds)]
    for seed, twin in pairs:
        strategy = purchase.strategy.clone()
        if seeds is not None:
            strategy.set_params(seed=seed)
        yield Entrant(
            f"{name} with {purchase.label}", seed, twin,
            strategy=strategy, learner=name, strategy_name=purchase.name, budget=purchase.budget,
        )  # fmt: skip


def _copy(model: Estimator) -> Estimator:
    twin = model.clone()
    return twin.set_state(model.get_state()) if model.is_started else twin


def seeds_of(model: Estimator) -> list[str]:
    """The parameters of a model and its parts that are seeds."""
    return [key for key in model.get_params() if key == "seed" or key.endswith("__seed")]


def baselines_of(task: str, named: Mapping[str, Estimator]) -> dict[str, Estimator]:
    """The baselines of a task that are not among the models."""
    from onlineml.learners import MajorityClassifier, MeanRegressor, NoChangeClassifier

    classifiers = [NoChangeClassifier(), MajorityClassifier()]
    baselines: list[Estimator] = [MeanRegressor()] if task == "regression" else [*classifiers]
    present = {*map(type, named.values())}
    return {
        type(model).__name__: model
        for model in baselines
        if type(model) not in present and type(model).__name__ not in named
    }


def _start(entrant: Entrant, schema: Schema) -> None:
    """Tell an estimator the kinds of the features."""
    if entrant.estimator.is_started:
        admit(entrant, schema)
    else:
        entrant.estimator.start(schema)


def admit(entrant: Entrant, schema: Schema) -> None:
    """Tell an estimator of nominal values that the stream has found since.

    Raises `ValueError` where the estimator has learned other columns, or other codes of values.
    """
    model = entrant.estimator
    known = model.schema_
    named = known.names is not None and schema.names is not None
    fits = (
        known.n_features == schema.n_features
        and (known.names == schema.names or not named)
        and known.nominal.keys() == schema.nominal.keys()
        and all(one_begins_other(known.nominal[j], schema.nominal[j]) for j in known.nominal)
    )
    if not fits:
        due = "a model that has learned the stream's columns, nominal values in the same order"
        raise wrong(f"models[{entrant.name!r}]", known, due)
    nominal = {j: max(known.nominal[j], schema.nominal[j], key=len) for j in known.nominal}
    if nominal != known.nominal:
        model._admit(replace(known, nominal=nominal))
