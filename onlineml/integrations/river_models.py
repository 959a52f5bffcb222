"""How models of river are made, what they are, and how rows reach them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from onlineml.schema import Schema, wrong


def made(wrapper: Any, *roles: str) -> Any:
    """A new model of river, of one of the roles."""
    if getattr(wrapper, "nominal", "values") not in ("values", "codes"):
        raise wrong("nominal", wrapper.nominal, "'values' or 'codes'")
    given = wrapper.model
    if isinstance(given, str):
        module, _, name = given.rpartition(".")
        try:
            kind = getattr(importlib.import_module(f"river.{module}" if module else "river"), name)
        except (ImportError, AttributeError):
            due = "the name of a class within river, such as 'tree.HoeffdingTreeClassifier'"
            raise wrong("model", given, due) from None
        try:
            model = kind(**(wrapper.params or {}))
        except TypeError as error:
            due = f"arguments of {given} ({error})"
            raise wrong("params", wrapper.params, due) from None
    else:
        model = given.clone() if callable(getattr(given, "clone", None)) else given
    if not any(has_role(model, role) for role in roles):
        raise wrong("model", given, f"a {roles[0]} of river, or the name of one")
    return model


def has_role(model: Any, role: str) -> bool:
    """Whether a model, or the last step of a pipeline, is of a class of river's `base`."""
    from river import base, compose

    if isinstance(model, compose.Pipeline):
        model = list(model.steps.values())[-1]
    home = base if hasattr(base, role) else importlib.import_module("river.anomaly.base")
    return isinstance(model, getattr(home, role))


def reader(wrapper: Any) -> Callable[[list[float]], dict[Any, Any]]:
    """What makes a mapping of a row: names or places, and values without those that are missing."""
    schema: Schema = wrapper.schema_
    nominal = schema.nominal if wrapper.nominal == "values" else {}
    names: Iterable[Hashable] = schema.names or range(schema.n_features)
    columns = [(name, nominal.get(j)) for j, name in enumerate(names)]

    def to_mapping(row: list[float]) -> dict[Any, Any]:
        return {
            name: value if values is None else values[int(value)]
            for (name, values), value in zip(columns, row)
            if value == value
        }

    return to_mapping


def takes_weight_of(model: Any) -> bool:
    """Whether a row may be given a weight."""
    return "w" in inspect.signature(model.learn_one).parameters
