"""How trees find room: arrays double, and within `max_bytes` the least promising leaves give way.

Functions over an estimator with the fields `header_`, `table_`, `numbers_`, `free_` of
`onlineml.kernels.tree`, the axes `N` (nodes) and `L` (leaf pool), and a parameter `max_bytes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from onlineml.base import Array, Estimator
from onlineml.kernels.arena import Field
from onlineml.kernels.tree import (
    ALTERNATE,
    CHILD,
    DEAD,
    FEATURE,
    HEADER_CELLS,
    LINKS,
    N_FREE,
    N_NODES,
    N_SLOTS,
    NODES_CAPPED,
    PARENT,
    SCARCE,
    SLOT,
    WANTED,
    WANTED_AT,
    WANTED_SLOTS,
)
from onlineml.schema import Schema, wrong

#: How promising each of some leaves is: the weight that it gets wrong, or the like.
Promise = Callable[[Any], Array]

_NODES_PER_SLOT = 4  # room for nodes that is set aside with each row of the leaf pool
_AT_FIRST = {"N": 16, "L": 4}  # the first division makes room for a few more
_AT_ONCE = 16  # a full pool gives up one in so many leaves
_WORTH_IT = 8  # gaps are closed when one in so many nodes is gone
_LABEL_BYTES = 128  # set aside for a class label


def tree_fields(n_numbers: int, links: int = LINKS) -> tuple[Field, ...]:
    """The state that every tree has; `n_numbers` and `links` are columns of its nodes."""
    return (
        Field("header_", (HEADER_CELLS,), np.int64),
        Field("table_", ("N", links), np.int64),
        Field("numbers_", ("N", n_numbers)),
        Field("free_", ("L",), np.int64),
    )


def check_growth(tree: Any) -> None:
    """Raise `ValueError` for parameters of growth that cannot be used."""
    if not 0 <= tree.min_branch_fraction < 0.5:
        raise wrong("min_branch_fraction", tree.min_branch_fraction, "a share in [0, 0.5)")
    if tree.max_depth is not None and not tree.max_depth >= 0:
        raise wrong("max_depth", tree.max_depth, "an integer >= 0, or None")
    if tree.max_bytes is not None and not tree.max_bytes > 0:
        raise wrong("max_bytes", tree.max_bytes, "a number of bytes, or None")


def check_examination(tree: Any) -> None:
    """Raise `ValueError` for parameters of the Hoeffding test that cannot be used."""
    if not tree.grace_period > 0:
        raise wrong("grace_period", tree.grace_period, "a weight > 0")
    if not 0 < tree.delta < 1:
        raise wrong("delta", tree.delta, "a probability between 0 and 1")
    if not tree.tie_threshold >= 0:
        raise wrong("tie_threshold", tree.tie_threshold, "a number >= 0")


def plant(tree: Any) -> None:
    """A single active leaf in fresh arrays."""
    tree.header_[[N_NODES, N_SLOTS]] = 1
    tree.table_[0] = 0
    tree.table_[0, [FEATURE, CHILD]] = -1
    tree.table_[0, PARENT:] = -1


def check_budget(tree: Any, schema: Schema) -> None:
    """Raise where `max_bytes` cannot hold a single leaf."""
    least = _size_of_arrays(tree, {}) + _size_beside_arrays(schema, tree._size("C"))
    if tree.max_bytes is not None and tree.max_bytes < least:
        came = tree.max_bytes
        tree.reset()
        raise wrong("max_bytes", came, f"at least {least} bytes for such rows")


def grow(tree: Any, promise: Promise) -> None:
    """Make room for the division that the kernel wants, or note that there is none."""
    header = tree.header_
    wanted, slots = header[[WANTED, WANTED_SLOTS]].tolist()
    header[[WANTED, WANTED_SLOTS]] = 0
    if header[N_NODES] + wanted > tree._size("N") and _has_gaps(tree, wanted):
        close_gaps(tree)
    due = int(header[N_NODES]) + wanted
    if due > tree._size("N"):
        size = _largest(tree, "N", due, {})
        if size < due:
            header[NODES_CAPPED] = 1
            return
        tree._enlarge("N", size)
    lacking = slots - int(header[N_FREE]) - (tree._size("L") - int(header[N_SLOTS]))
    if lacking <= 0:
        return
    due = tree._size("L") + lacking
    size = _largest(tree, "L", due, {"N": _NODES_PER_SLOT})
    if size >= due:
        tree._enlarge("L", size)
    else:
        losers = max(lacking, len(_active(tree)) // _AT_ONCE)  # not each time it is full again
        if _deactivate(tree, promise, losers, spared=int(header[WANTED_AT])) < lacking:
            header[SCARCE] = 1


def _has_gaps(tree: Any, wanted: int) -> bool:
    """Whether so many nodes were felled that closing their gaps is worth it."""
    n = int(tree.header_[N_NODES])
    n_dead = int((tree.table_[:n, PARENT] == DEAD).sum())
    return n_dead >= max(wanted, n // _WORTH_IT)


def close_gaps(tree: Any) -> None:
    """Move the nodes that were not felled together; their order stays."""
    header, n = tree.header_, int(tree.header_[N_NODES])
    alive = tree.table_[:n, PARENT] != DEAD
    n_alive = int(alive.sum())
    for field in tree._state:
        if field.axes[0] == "N":
            array = getattr(tree, field.name)
            array[:n_alive], array[n_alive:] = array[:n][alive], 0
    place = np.cumsum(alive) - 1
    for column in {CHILD, PARENT, ALTERNATE} & set(range(tree.table_.shape[1])):
        ids = tree.table_[:n_alive, column]
        ids[ids >= 0] = place[ids[ids >= 0]]
    header[N_NODES], header[WANTED_AT] = n_alive, place[header[WANTED_AT]]


def admit(tree: Any, promise: Promise, schema: Schema) -> None:
    """Before `schema` is taken: see that its features and nominal values find room."""
    if tree.is_started and schema is not tree.schema_:
        n_values = tree._size("V")
        while n_values < schema.n_values:
            n_values *= 2
        fit_in(tree, promise, {"F": schema.n_features, "V": n_values}, schema)


def grow_axis(tree: Any, promise: Promise, axis: str, due: int) -> None:
    """Twice the room along `axis`, or just what is `due` where that would cost leaves."""
    size = max(due, 2 * tree._size(axis))
    if not _fits(tree, {axis: size}):
        size = due
        fit_in(tree, promise, {axis: due})
    tree._enlarge(axis, size)


def check_room(tree: Any, sizes: dict[str, int], schema: Schema | None = None) -> None:
    """Raise where not even a single leaf with axes of `sizes` would fit."""
    least = {axis: max(size, tree._size(axis)) for axis, size in sizes.items()}
    if not _fits(tree, {**least, "L": 1, "N": 1}, schema):
        raise wrong("max_bytes", tree.max_bytes, f"more bytes, for arrays with axes {least}")


def fit_in(
    tree: Any, promise: Promise, sizes: dict[str, int], schema: Schema | None = None
) -> None:
    """Give up leaves, at worst all of the tree, until arrays of `sizes` are within the budget."""
    check_room(tree, sizes, schema)
    if _fits(tree, sizes, schema):
        return
    for n_slots in _halvings(tree._size("L")):
        if _fits(tree, {**sizes, "L": n_slots}, schema):
            _shrink_pool(tree, promise, n_slots)
            return
    _fell(tree)


def _halvings(n: int) -> list[int]:
    sizes = []
    while n > 1:
        n //= 2
        sizes.append(n)
    return sizes


def _fits(tree: Any, sizes: dict[str, int], schema: Schema | None = None) -> bool:
    if tree.max_bytes is None:
        return True
    n_classes = sizes.get("C", tree._size("C"))
    beside = _size_beside_arrays(schema or tree.schema_, n_classes)
    return bool(_size_of_arrays(tree, sizes) + beside <= tree.max_bytes)


def _size_of_arrays(tree: Estimator, sizes: Mapping[Any, int]) -> int:
    """Bytes of the arrays, were their axes of `sizes`."""
    n_cells = 0
    for field in tree._state:
        n = 1
        for axis, size in zip(field.axes, getattr(tree, field.name).shape, strict=True):
            n *= sizes.get(axis, size)
        n_cells += n
    return 8 * n_cells


def _size_beside_arrays(schema: Schema, n_classes: int) -> int:
    """Bytes of schema and labels, whatever classes the rows have reached yet."""
    return schema.nbytes + 64 + _LABEL_BYTES * n_classes


def _largest(tree: Any, axis: str, due: int, aside: dict[str, int]) -> int:
    """Twice the size of `axis` (or `due`), or what the budget allows of it.

    `aside` names axes to be given so many times that size, if they are smaller.
    """
    size = max(2 * tree._size(axis), due, _AT_FIRST.get(axis, 0))
    while size >= due:
        others = {name: max(times * size, tree._size(name)) for name, times in aside.items()}
        if _fits(tree, {axis: size, **others}):
            break
        size -= max((size - due) // 2, 1)
    return int(size)


def _active(tree: Any) -> Any:
    """Nodes with a pool row."""
    return np.flatnonzero(tree.table_[: tree.header_[N_NODES], SLOT] >= 0)


def _deactivate(tree: Any, promise: Promise, n: int, spared: int = -1) -> int:
    """Take their pool rows from the `n` least promising leaves; how many there were."""
    leaves = _active(tree)
    leaves = leaves[leaves != spared]
    losers = leaves[np.argsort(promise(leaves), kind="stable")[:n]]
    header, slots = tree.header_, tree.table_[losers, SLOT]
    tree.free_[header[N_FREE] : header[N_FREE] + len(slots)] = slots
    header[N_FREE] += len(slots)
    tree.table_[losers, SLOT] = -1
    return len(losers)


def _shrink_pool(tree: Any, promise: Promise, n_slots: int) -> None:
    """Keep the `n_slots` most promising leaves active, in a pool of that size."""
    _deactivate(tree, promise, max(len(_active(tree)) - n_slots, 0))
    leaves = _active(tree)
    slots = tree.table_[leaves, SLOT]
    for field in tree._state:
        if field.axes[0] == "L":
            old = getattr(tree, field.name)
            new = np.zeros((n_slots, *old.shape[1:]), old.dtype)
            if field.name != "free_":
                new[: len(slots)] = old[slots]
            setattr(tree, field.name, new)
    tree.table_[leaves, SLOT] = np.arange(len(leaves))
    tree.header_[[N_SLOTS, N_FREE]] = len(leaves), 0
    tree._forget_caches()


def _fell(tree: Any) -> None:
    """Begin anew with one leaf that knows nothing."""
    for field in tree._state:
        if field.axes[0] in ("N", "L"):
            old = getattr(tree, field.name)
            setattr(tree, field.name, np.zeros((1, *old.shape[1:]), old.dtype))
    tree.header_[:] = 0
    plant(tree)
    tree._forget_caches()
