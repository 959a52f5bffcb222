"""Class labels and their codes 0, 1, ... in order of appearance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.schema import is_missing, wrong

Array = npt.NDArray[np.float64]
_WIDEST_TABLE = 1 << 16


def plain(label: Any) -> Hashable:
    """A label as a plain Python value; missing or unhashable ones are an error."""
    value = label.item() if isinstance(label, np.generic) else label
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if is_missing(value) or not isinstance(value, Hashable):
        raise wrong("y", label, "a class label (a number, a string or a bool)")
    return value


def codes_of(y: Any, known: dict[Hashable, int]) -> tuple[Array, dict[Hashable, int]]:
    """Codes of the labels `y`, and `known` with the new ones added; `known` is not changed."""
    try:
        labels = np.asarray(y)
    except ValueError:  # sequences among texts
        raise wrong("y", y, "one label a row: numbers, strings or bools") from None
    if labels.ndim != 1:
        raise wrong("y", labels.shape, "one label a row, shape (n_rows,)")
    if labels.dtype.kind in "iu" and len(labels):
        low, high = int(labels.min()), int(labels.max())
        if high - low < _WIDEST_TABLE:
            return _by_table(labels, low, high, known)
    if labels.dtype.kind == "b" and len(labels):
        first = bool(labels[0])
        known = _extended(known, [first] if (labels == first).all() else [first, not first])
        return np.where(labels, float(known.get(True, -1)), float(known.get(False, -1))), known
    listed = list(y) if isinstance(y, list | tuple) else labels.tolist()
    codes = [known.get(label, -1) if label.__hash__ else -1 for label in listed]
    if -1 in codes:
        known = _extended(known, (label for label, code in zip(listed, codes) if code < 0))
        codes = [known[plain(label)] for label in listed]
    return np.array(codes, np.float64), known


def _by_table(
    labels: npt.NDArray[Any], low: int, high: int, known: dict[Hashable, int]
) -> tuple[Array, dict[Hashable, int]]:
    table = np.full(high - low + 1, -1.0)
    for label, code in known.items():
        if isinstance(label, int) and low <= label <= high:
            table[label - low] = code
    offsets = labels - low if low else labels
    codes = table[offsets]
    if (codes < 0).any():
        first = np.full(len(table), -1)  # row that shows a label first; a sort would take longer
        first[offsets[::-1]] = np.arange(len(labels))[::-1]
        new = np.flatnonzero(first >= 0)
        new = new[np.argsort(first[new])]
        known = _extended(known, (new + low).tolist())
        table[new] = [known[label] for label in (new + low).tolist()]
        codes = table[offsets]
    return codes, known


def _extended(known: dict[Hashable, int], labels: Any) -> dict[Hashable, int]:
    extended = dict(known)
    for label in labels:
        extended.setdefault(plain(label), len(extended))
    return extended


def labels_of(codes: Array, classes: Sequence[Hashable]) -> npt.NDArray[Any]:
    """Labels of `codes`; code -1 (no class was known yet) gives None."""
    table = label_array(classes)
    whole = codes.astype(np.int64)
    if len(whole) and whole.min() < 0:
        table = np.array([*table.tolist(), None], object)
    return table[whole] if len(table) else np.full(len(whole), None)


def label_array(classes: Sequence[Hashable]) -> npt.NDArray[Any]:
    """`classes` as an array: of their own type when they share one, else of objects."""
    kinds = {type(label) for label in classes}
    if len(kinds) == 1 and kinds <= {int, float, bool}:
        return np.array(classes)
    table = np.empty(len(classes), object)
    table[:] = classes
    return table
