"""What users write for a model or a stream, `KNNClassifier(k=3)`, as plain values, and built.

The text is read as a Python expression and taken apart: names, keyword arguments and literals,
nothing else. No code of the user's is ever run.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from onlineml.cli.mistakes import Mistake, unknown

Plain = dict[str, Any]


def parse(text: str) -> Plain:
    """`text` as plain values: `{"name": ..., "params": {...}}`, or `{"chain": [...]}`.

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
        raise Mistake(f"cannot read {text!r}: write Name, Name(key=value), or A | B") from None
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
        raise Mistake(f"cannot read {text!r}: {ast.unparse(node)!r} is not a name or Name(...)")
    if node.args or any(word.arg is None for word in node.keywords):
        raise Mistake(f"cannot read {text!r}: arguments of {node.func.id} need names, key=value")
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
        raise Mistake(
            f"cannot read {text!r}: {ast.unparse(node)!r} is not a number, text or list"
        ) from None


def is_spec(value: Any) -> bool:
    """Whether plain `value` describes something to build."""
    return isinstance(value, Mapping) and (
        set(value) == {"chain"} or ("name" in value and set(value) <= {"name", "params"})
    )


def written(spec: Mapping[str, Any]) -> str:
    """The text that `parse` reads as `spec`: the name that tables and files show.

    Examples
    --------
    >>> written(parse("StandardScaler|KNNClassifier( k = 3 )"))
    'StandardScaler | KNNClassifier(k=3)'
    """
    if "chain" in spec:
        return " | ".join(written(step) for step in spec["chain"])
    params = ", ".join(f"{k}={_shown(v)}" for k, v in spec.get("params", {}).items())
    return f"{spec['name']}({params})" if params else str(spec["name"])


def _shown(value: Any) -> str:
    return written(value) if is_spec(value) else repr(value)


def build_model(spec: Mapping[str, Any]) -> Any:
    """The estimator that `spec` describes, unfitted."""
    if "chain" in spec:
        from onlineml.graph import chain

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
    try:
        return kind(**{key: _built(value) for key, value in params.items()})
    except TypeError as error:
        raise Mistake(f"{written(spec)}: {error}") from error


def _built(value: Any) -> Any:
    if is_spec(value):
        return build_model(value)
    if isinstance(value, list | tuple):
        return type(value)(_built(item) for item in value)
    return value


def is_file(text: str) -> bool:
    """Whether a stream is given by its file, not by its name."""
    return "(" not in text and ("/" in text or "." in text or Path(text).is_file())
