"""Graphs as YAML: written, and read with one line about what is wrong."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from onlineml.graph.graph import Graph
from onlineml.graph.signals import consolidate, refit, refund, replace, reset
from onlineml.graph.specs import build_model, is_spec, parse, spec_of, unknown, written
from onlineml.graph.wiring import CONSOLIDATE, REFIT, REFUND, REPLACE, RESET, check_name
from onlineml.schema import wrong

KEYS = ("graph", "nodes", "signals", "output", "max_pending", "remember", "replay")
_SIGNALS = {RESET: None, CONSOLIDATE: None, REPLACE: "by", REFIT: "last", REFUND: "n_labels"}


# -------------------------------------------------------------------- plain values


def to_plain(graph: Graph) -> dict[str, Any]:
    """A graph as mappings, lists, numbers and text; what is a default is left out.

    Raises `ValueError` for signals that are functions, and for parameters and names that are no
    text.
    """
    check_name(graph.name)
    signals: dict[str, list[Any]] = {}
    for source, action, *more in graph.signals:
        signals.setdefault(source, []).append(_signal(source, action, more))
    plain: dict[str, Any] = {
        "graph": graph.name,
        "nodes": {name: _node(name, made, after) for name, made, after in graph.nodes},
    }
    plain |= {"signals": signals} if signals else {}
    if graph.outputs:
        plain["output"] = graph.outputs[0] if len(graph.outputs) == 1 else list(graph.outputs)
    for key, default in _defaults().items():
        if getattr(graph, key) != default:
            plain[key] = getattr(graph, key)
    return plain


def _defaults() -> dict[str, int | bool]:
    fresh = Graph()
    return {key: getattr(fresh, key) for key in ("max_pending", "remember", "replay")}


def _node(name: str, estimator: Any, after: tuple[str, ...]) -> dict[str, Any]:
    try:
        spec = spec_of(estimator)
    except ValueError as error:
        raise ValueError(f"node {name!r}: {error}") from error
    model = spec if "nodes" in spec else written(spec)
    return {"model": model, "after": after[0] if len(after) == 1 else list(after)}


def _signal(source: str, action: Any, more: list[Any]) -> dict[str, Any]:
    if callable(action):
        raise wrong(f"signal on {source!r}", action, "reset, replace, refit, refund or consolidate")
    if _SIGNALS[action] is None:
        return {action: more[0] if len(more) == 1 else more}
    return {action: more[0], _SIGNALS[action]: more[1]}


def from_plain(plain: Any) -> Any:
    """The graph that `to_plain` described.

    Raises `ValueError` for keys that it does not know and graphs that cannot be wired.
    """
    _only(plain, KEYS, "graph")
    name = plain.get("graph", "graph")
    if not isinstance(name, str):
        raise wrong("graph", name, "a name")
    given = {key: plain[key] for key in _defaults() if key in plain}
    for key, value in given.items():
        if isinstance(value, bool) != (key == "replay") or not isinstance(value, int):
            raise wrong(
                key, value, "true or false" if key == "replay" else "a whole number of rows"
            )
    graph = Graph(name, **given)
    nodes = plain.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        raise wrong("nodes", nodes, "name: {model: ..., after: ...}")
    for key, node in nodes.items():
        _add(graph, str(key), node)
    signals = plain.get("signals") or {}
    if not isinstance(signals, Mapping):
        raise wrong("signals", signals, "detector: [{reset: node}, ...]")
    for source, actions in signals.items():
        for action in [actions] if isinstance(actions, Mapping) else _listed(source, actions):
            graph.on(str(source), _read_signal(str(source), action))
    if "output" in plain:
        output = plain["output"]
        graph.output(*output) if isinstance(output, list) else graph.output(output)
    return graph


def _add(graph: Graph, name: str, node: Any) -> None:
    given = {"model": node} if isinstance(node, str) or is_spec(node) else node
    _only(given, ("model", "after"), f"node {name!r}")
    if "model" not in given:
        raise wrong(f"node {name!r}", node, "a model")
    model, after = given["model"], given.get("after", "x")
    if not (isinstance(model, str) or is_spec(model)):
        raise wrong(f"model of {name!r}", model, "Name(key=value), A | B, or nodes of its own")
    if isinstance(after, str):
        after = [after]
    if not (isinstance(after, list) and all(isinstance(source, str) for source in after)):
        raise wrong(f"after of {name!r}", after, "x, names of nodes, or error_of(node)")
    try:
        made = build_model(parse(model) if isinstance(model, str) else model)
    except ValueError as error:
        raise ValueError(f"node {name!r}: {error}") from error
    graph.add(name, made, after)


def _listed(source: Any, actions: Any) -> list[Any]:
    if isinstance(actions, list):
        return actions
    raise wrong(f"signals of {source!r}", actions, "[{reset: node}, ...]")


def _read_signal(source: str, given: Any) -> tuple[Any, ...]:
    where = f"signal of {source!r}"
    if not isinstance(given, Mapping):
        raise wrong(where, given, "{reset: node} or such")
    named = [action for action in _SIGNALS if action in given]
    if len(named) != 1:
        keys = [key for key in given if key not in _SIGNALS.values()]
        if keys and not named:
            raise unknown(where, keys[0], _SIGNALS)
        raise wrong(where, dict(given), f"one of {', '.join(_SIGNALS)}")
    (action,) = named
    word = _SIGNALS[action]
    _only(given, [key for key in (action, word) if key], where)
    target: Any = given[action]
    if word is None:
        signal = reset if action == RESET else consolidate
        return signal(*([target] if isinstance(target, str) else target))
    if word not in given:
        raise wrong(where, dict(given), f"{action}: node, {word}: ...")
    value: Any = given[word]
    if action == REPLACE:
        return replace(target, by=value)
    return refit(target, last=value) if action == REFIT else refund(target, n_labels=value)


def _only(given: Any, keys: Iterable[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise wrong(where, given, "keys and values")
    for key in given:
        if key not in keys:
            raise unknown(f"key of {where}", key, keys)


# -------------------------------------------------------------------- YAML


def to_yaml(graph: Graph) -> str:
    """The graph as YAML."""
    import yaml

    text: str = yaml.safe_dump(
        to_plain(graph), sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    return text


def from_yaml(source: str | Path) -> Any:
    """The graph in a text of several lines, or in a file."""
    is_text = isinstance(source, str) and "\n" in source
    text = str(source) if is_text else Path(source).read_text(encoding="utf-8")
    where = "" if is_text else f"{source}: "
    try:
        return from_plain(load_yaml(text))
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error


def load_yaml(text: str) -> Any:
    """Plain values of a YAML text; `ValueError` where it cannot be read."""
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        if mark is None or problem is None:
            raise ValueError(str(error)) from error
        raise ValueError(f"line {mark.line + 1}, column {mark.column + 1}: {problem}") from error


@cache
def _loader() -> Any:
    """Safe YAML that reads 1e-7 as a number, as YAML 1.2 does, and refuses a key given twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
            if twice is not None:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"{twice!r} is given twice in the mapping at line {line}")
            made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
            return made

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )
    return Loader
