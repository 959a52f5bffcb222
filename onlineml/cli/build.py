"""From a checked configuration to streams and models."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from onlineml.cli import specs
from onlineml.cli.config import Chain, Source, Step, Wiring
from onlineml.cli.mistakes import Mistake, unknown

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.base import Estimator
    from onlineml.datasets import Stream

_SEED = 1  # of models that are given none: every run can be repeated


def stream_of(wanted: Source, rows: int | None) -> tuple[Stream, int | None]:
    """The stream, and how many rows of it will be read where that is known."""
    from onlineml import datasets

    params = dict(wanted.params)
    if specs.is_file(wanted.name):
        if wanted.target is None:
            raise Mistake(f"{wanted.name}: which column is to be predicted? (--target NAME)")
        stream = datasets.as_stream(wanted.name, wanted.target, **params)
    else:
        stream = _by_name(wanted, params, rows)
        if stream.n_rows is None and rows is None:
            raise Mistake(f"stream {wanted.name!r} has no end: say how many --rows to read")
    counts = [n for n in (rows, stream.n_rows) if n is not None]
    return stream, min(counts) if counts else None


def _by_name(wanted: Source, params: dict[str, Any], rows: int | None) -> Stream:
    from onlineml import datasets

    known = datasets.names()
    if wanted.name not in known:
        raise unknown("stream", wanted.name, known, hint="see `onlineml list streams`")
    if wanted.target is not None:
        raise Mistake(f"stream {wanted.name!r} knows its target: --target is for data files")
    allowed = inspect.signature(known[wanted.name].make).parameters
    for key in params:
        if key not in allowed:
            raise unknown(f"parameter of {wanted.name}", key, allowed)
    if rows is not None and "n_rows" in allowed:
        params.setdefault("n_rows", rows)  # changes of concept move along
    return datasets.load(wanted.name, **params)


def models_of(
    wanted: Sequence[Step | Chain | Wiring], stream: Stream, *, seeded: bool
) -> dict[str, Estimator]:
    """Models by the text that describes them, tried out on the stream's schema."""
    models: dict[str, Estimator] = {}
    for item in wanted:
        spec = item.model_dump()
        text = name = specs.written(spec)
        number = 1
        while name in models:
            number += 1
            name = f"{text} #{number}"
        models[name] = _tried(specs.build_model(spec), text, stream, seeded)
    return models


def strategies_of(wanted: Sequence[Step], *, seeded: bool) -> dict[str, QueryStrategy] | None:
    """Query strategies by the text that describes them; None where there are none."""
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.registry import estimator

    found: dict[str, QueryStrategy] = {}
    for item in wanted:
        spec = item.model_dump()
        text = specs.written(spec)
        if "name" in spec and estimator(spec["name"]) is None:
            raise unknown("query strategy", spec["name"], _strategies())
        strategy = specs.build_model(spec)
        if not isinstance(strategy, QueryStrategy):
            raise Mistake(f"{text} is no query strategy: see `onlineml list models`")
        if seeded and strategy.get_params().get("seed") is None:
            strategy.set_params(seed=_SEED)
        try:
            strategy._accept_parameters()
        except ValueError as error:
            raise Mistake(f"{text}: {error}") from error
        found[text] = strategy
    return found or None


def _strategies() -> list[str]:
    """Names of all query strategies."""
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.registry import estimators

    return [name for name, kind in estimators().items() if issubclass(kind, QueryStrategy)]


def compile_kernels(models: Iterable[Estimator], stream: Stream) -> None:
    """Compile what `models` need, or load it from the cache."""
    import numpy as np

    from onlineml.base import Detector

    row = np.zeros((1, stream.schema.n_features))
    for model in models:
        twin: Any = model.clone().start(stream.schema)
        (twin.score_many if isinstance(twin, Detector) else twin.predict_many)(row)


def _tried(model: Estimator, text: str, stream: Stream, seeded: bool) -> Estimator:
    """`model` with seeds where it lacks them; wrong parameters raise here, before the run."""
    if seeded:
        with_seed(model)
    try:
        model.clone().start(stream.schema)
    except (TypeError, ValueError) as error:
        raise Mistake(f"{text}: {error}") from error
    return model


def with_seed(model: Estimator) -> Estimator:
    """`model`, which gets the same seeds in every run where it lacks them."""
    params = model.get_params()
    lacking = [name for name in params if name.split("__")[-1] == "seed" and params[name] is None]
    return model.set_params(**dict.fromkeys(lacking, _SEED)) if lacking else model
