"""Chunks whose rows bring columns that were never met before.

Learners that draw from the columns they know, or set out by them, are told of each with the row
that brings it, as when rows come alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.new_text import joined, pass_in_parts
from onlineml.schema import Schema, as_row


def stretches_of(before: Schema | None, schema: Schema, X: Any) -> list[slice]:
    """Rows from one that brings new columns to the next; none where they all come with the first.

    Only mappings bring columns one by one.
    """
    known, names, firsts = before.n_features if before else 0, schema.names, [0]
    if known == schema.n_features or names is None or not isinstance(X, Sequence):
        return []
    column = {str(name): j for j, name in enumerate(names)}
    for i, x in enumerate(map(as_row, X)):
        if not isinstance(x, Mapping):
            return []
        n = max((column.get(str(name), -1) + 1 for name in x), default=0)
        if n > known:
            known = n
            firsts += [i] if i else []
        if known == schema.n_features:
            break
    return [slice(*ends) for ends in pairwise([*firsts, len(X)])] if len(firsts) > 1 else []


def learn_in_stretches(
    model: Any,
    events: Sequence[Any],
    stretches: list[slice],
    chunk: tuple[Array, Array | None, Array | None],
    news: Any,
    serve: int,
    shown: dict[int, Any],
) -> Array:
    """Learn rows, and answer them, stretch by stretch; a refusal leaves no trace."""
    before, (X, y, weight), answers = model.get_state(), chunk, []
    events = model._events(list(map(as_row, events)))
    try:
        for part in stretches:
            own, known = events[part], vars(model).get("schema_")
            schema = known.admitting(own) if known else model._first_schema(own)
            model._admit(schema)
            if not part.start:
                model._admit_targets(news)
            rows = np.ascontiguousarray(X[part, : schema.n_features])
            targets = None if y is None else y[part]
            weights = None if weight is None else weight[part]
            mine = {i - part.start: shown[i] for i in shown if part.start <= i < part.stop}
            answers.append(pass_in_parts(model, rows, targets, weights, serve, mine))
    except ValueError:
        model.set_state(before)
        raise
    return joined(answers)
