"""Chunks that are answered and learned in one, where rows show text that was never met before.

To the answer of its own row such text is missing, as when the row comes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.schema import Schema


def shown_first(before: Schema | None, schema: Schema, rows: Array) -> dict[int, list[int]]:
    """Rows that are the first to show some text, and in which columns."""
    known = before.nominal if before else {}
    found: dict[int, list[int]] = {}
    for j, values in schema.nominal.items():
        n = len(known.get(j, ()))
        if len(values) > n:
            codes, first = np.unique(rows[:, j], return_index=True)
            for i in first[codes >= n].tolist():
                found.setdefault(i, []).append(j)
    return dict(sorted(found.items()))


def without_new_text(before: Schema | None, schema: Schema, rows: Array) -> Array:
    """The rows, in which text is missing where it is shown for the first time."""
    shown = shown_first(before, schema, rows)
    if shown:
        rows = rows.copy()
    for i, columns in shown.items():
        rows[i, columns] = np.nan
    return rows


def pass_in_parts(
    model: Any, X: Array, y: Array | None, weight: Array | None, serve: int, shown: dict[int, Any]
) -> Array:
    """Answer and learn rows; those that are `shown` are answered apart."""
    y = np.zeros(len(X)) if y is None else y
    weight = np.ones(len(X)) if weight is None else weight
    answers, done = [], 0
    for i, columns in shown.items():
        part, row, alone = slice(done, i), slice(i, i + 1), X[i : i + 1].copy()
        alone[0, columns] = np.nan
        answers.append(model._pass(X[part], y[part], weight[part], serve, fit=True))
        answers.append(model._pass(alone, None, None, serve, fit=False))
        model._pass(X[row], y[row], weight[row], 0, fit=True)
        done = i + 1
    answers.append(model._pass(X[done:], y[done:], weight[done:], serve, fit=True))
    return joined(answers)


def joined(answers: list[Array]) -> Array:
    """Answers of one part after the other; in scores the room may have grown."""
    if answers[-1].ndim > 1:
        width = max(part.shape[1] for part in answers)
        answers = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in answers]
    return np.concatenate(answers)
