"""What users write for an estimator, `KNNClassifier(k=3)`, as plain values, built, and back.

The text is read as a Python expression and taken apart: names, keyword arguments and literals,
nothing else. No code of the user's is ever run.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from onlineml.estimator import Estimator
from onlineml.graph.chain import _Chain, chain

Plain = dict[str, Any]
_FEW = 12  # names that are all told where none is like the wrong one


def parse(text: str) -> Plain:
    """`text` as plain values: `{"name": ..., "params": {...}}`, or `{"chain": [...]}`.

    Raises `ValueError` for what cannot be read.

    Examples
    --------
    >>> parse("KNNClassifier(k=3)")
    {'name': 'KNNClassifier', 'params': {'k': 3}}
    >>> parse("StandardScaler | GaussianNB")["chain"][1]
    {'name': 'GaussianNB', 'params': {}}
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot read {text!r}: write Name, Name(key=value), or A | B") from None
    steps = list(_steps(tree, text))
    return steps[0] if len(steps) == 1 else {"chain": steps}


def _steps(node: ast.expr, text: str) -> Iterable[Plain]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _steps(node.left, text)
        yield from _steps(node.right, text)
    else:
        yield _call(node, text)


def _call(node: ast.expr, text: str) -> Plain:
    if isinstance(node, ast.Name):
        return {"name": node.id, "params": {}}
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"cannot read {text!r}: {ast.unparse(node)!r} is not a name or Name(...)")
    if node.args or any(word.arg is None for word in node.keywords):
        raise ValueError(f"cannot read {text!r}: arguments of {node.func.id} need names, key=value")
    params = {str(word.arg): _value(word.value, text) for word in node.keywords}
    return {"name": node.func.id, "params": params}


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Name | ast.Call | ast.BinOp):
        steps = list(_steps(node, text))
        return steps[0] if len(steps) == 1 else {"chain": steps}
    if isinstance(node, ast.List | ast.Tuple):
        values = [_value(item, text) for item in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise ValueError(
            f"cannot read {text!r}: {ast.unparse(node)!r} is not a number, text or list"
        ) from None


def is_spec(value: Any) -> bool:
    """Whether plain `value` describes something to build."""
    return isinstance(value, Mapping) and (
        set(value) == {"chain"}
        or "nodes" in value
        or ("name" in value and set(value) <= {"name", "params"})
    )


def written(spec: Mapping[str, Any]) -> str:
    """The text that `parse` reads as `spec`: the name that tables and files show.

    Of a graph it is its name.

    Examples
    --------
    >>> written(parse("StandardScaler|KNNClassifier( k = 3 )"))
    'StandardScaler | KNNClassifier(k=3)'
    """
    if "nodes" in spec:
        return str(spec.get("graph", "graph"))
    if "chain" in spec:
        return " | ".join(written(step) for step in spec["chain"])
    params = ", ".join(f"{k}={_shown(v)}" for k, v in spec.get("params", {}).items())
    return f"{spec['name']}({params})" if params else str(spec["name"])


def _shown(value: Any) -> str:
    if is_spec(value):
        return written(value)
    if isinstance(value, list | tuple):
        text = ", ".join(map(_shown, value))
        comma = "," * (len(value) == 1)
        return f"[{text}]" if isinstance(value, list) else f"({text}{comma})"
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)


def build_model(spec: Mapping[str, Any]) -> Any:
    """The estimator that `spec` describes, unfitted.

    Raises `ValueError` for a class or a parameter that does not exist.
    """
    if "nodes" in spec:
        from onlineml.graph.document import from_plain

        return from_plain(spec)
    if "chain" in spec:
        return chain(*(build_model(step) for step in spec["chain"]))
    from onlineml.registry import estimator, estimators

    name = spec["name"]
    kind = estimator(name)
    if kind is None:
        raise unknown("model", name, estimators(), hint="see `onlineml list models`")
    params = spec.get("params", {})
    allowed = inspect.signature(kind).parameters
    for key in params:
        if key not in allowed:
            raise unknown(f"parameter of {name}", key, allowed)
    for key, parameter in allowed.items():
        if parameter.default is parameter.empty and key not in params:
            raise ValueError(f"{name} lacks a parameter: write {name}({key}=...)")
    try:
        return kind(**{key: _built(value) for key, value in params.items()})
    except TypeError as error:
        raise ValueError(f"{written(spec)}: {error}") from error


def _built(value: Any) -> Any:
    if is_spec(value):
        try:
            return build_model(value)
        except ValueError as error:
            if written(value).isidentifier():
                error.add_note(f"a text goes between quotes: {written(value)!r}")
            raise
    if isinstance(value, list | tuple):
        return type(value)(_built(item) for item in value)
    return value


def unknown(kind: str, name: object, known: Iterable[str], *, hint: str = "") -> ValueError:
    """The error of naming a `kind` of thing that does not exist."""
    from onlineml.registry import nearest

    names = list(known)
    due = nearest(str(name), names)
    if hint and due.startswith("one of") and len(names) > _FEW:
        due = hint
    return ValueError(f"unknown {kind} {name!r}: {due}")


def spec_of(estimator: Estimator) -> Plain:
    """What `build_model` makes `estimator` from: its class, and what is not its default.

    Raises `ValueError` for parameters that have no place in a text.

    Examples
    --------
    >>> from onlineml.learners import KNNClassifier
    >>> written(spec_of(KNNClassifier(n_neighbors=3)))
    'KNNClassifier(n_neighbors=3)'
    """
    from onlineml.graph.graph import Graph

    if isinstance(estimator, Graph):
        from onlineml.graph.document import to_plain

        return to_plain(estimator)
    if isinstance(estimator, _Chain):
        return {"chain": [spec_of(step) for step in estimator.steps]}
    name = type(estimator).__name__
    params = {}
    for key, parameter in inspect.signature(type(estimator)).parameters.items():
        value = getattr(estimator, key)
        if not _is_default(value, parameter.default):
            params[key] = _plain(value, f"{name}.{key}")
    return {"name": name, "params": params}


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Estimator):
        return spec_of(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return type(value)(_plain(item, where) for item in value)
    if isinstance(value, dict):
        return {str(key): _plain(item, where) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{where}: got {value!r}, expected what can be written as text")
