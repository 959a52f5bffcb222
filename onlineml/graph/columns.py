"""Which columns a node reads from which source: as they come, the later ones behind."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from onlineml.base import Classifier, Transformer
from onlineml.graph.wiring import AGENT, CLASSIFIER, DRIFT, TRANSFORMER, Node, Source, X
from onlineml.schema import Schema, wrong

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired


def settle(graph: Wired, schema: Schema) -> None:
    """Start the nodes, or tell them of columns that have come: `schema` is that of the rows."""
    for k, node in enumerate(graph._wiring.nodes):
        made, due = graph.nodes_[k], _inputs(graph, schema, k, node)
        if not made.is_started:
            if getattr(made, "_n_inputs", None) == 1 and due.n_features != 1:
                number = f"a source of one number, not of {due.n_features}"
                raise wrong(f"after of {node.name!r}", list(graph.nodes[k][2]), number)
            graph._named(node.name, made._begin, due)
        elif due != made.schema_:
            if node.role == AGENT:
                columns = f"{made.schema_.n_features} columns, as before: agents take no new ones"
                raise wrong(f"after of {node.name!r}", due.n_features, columns)
            graph._named(node.name, made._admit, due)


def _inputs(graph: Wired, schema: Schema, k: int, node: Node) -> Schema:
    """What node `k` reads; columns that its sources have gained are put behind the others."""
    extents = graph.layout_[k]
    parts = [_output(graph, schema, source) for source in node.sources]
    for i, part in enumerate(parts):
        covered = max((hi for place, _, hi in extents if place == i), default=0)
        if part.n_features > covered:
            extents.append([i, covered, part.n_features])
    if len(parts) == 1:
        return parts[0]
    names: list[str] | None = []
    nominal: dict[int, Sequence[Hashable]] = {}
    places: list[dict[int, int]] = [{} for _ in parts]
    width = 0
    for i, lo, hi in extents:
        part, source = parts[i], node.sources[i]
        prefix = "" if source.node == X else f"{graph._wiring.nodes[source.node].name}."
        for j in range(lo, hi):
            places[i][j] = width
            if j in part.nominal:
                nominal[width] = part.nominal[j]
            if names is not None and part.names is not None:
                names.append(_unique(f"{prefix}{part.names[j]}", names))
            else:
                names = None
            width += 1
    late = [
        (at[j], 1 + at[n - 1]) for part, at in zip(parts, places, strict=True) for j, n in part.late
    ]
    return Schema(width, None if names is None else tuple(names), nominal, late=tuple(late))


def _unique(name: str, others: list[str]) -> str:
    while name in others:
        name += "'"
    return name


def _output(graph: Wired, schema: Schema, source: Source) -> Schema:
    """What `source` gives to those that read it."""
    if source.node == X:
        return schema
    node, made = graph._wiring.nodes[source.node], graph.nodes_[source.node]
    if node.role == TRANSFORMER and not source.error:
        assert isinstance(made, Transformer)
        return made.output_schema()
    if node.role == CLASSIFIER and not source.error:
        assert isinstance(made, Classifier)
        n = handed(made)
        return Schema(n, tuple(map(str, range(n))) if schema.names else None)
    assert node.role != DRIFT
    return Schema(1, ("error" if source.error else "answer",) if schema.names else None)


def handed(classifier: Classifier) -> int:
    """How many probabilities a classifier hands over: two at least, missing while unknown."""
    return max(2, len(classifier.classes_))
