"""The same classes in one domain after another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.evaluation.continual import ContinualResult
from onlineml.evaluation.entrants import Models
from onlineml.evaluation.lessons import (
    Ints,
    Rows,
    Task,
    as_it_is,
    check,
    held_out,
    rows_of,
    run_all,
)
from onlineml.schema import wrong

Domains = str | int | Sequence[Callable[[Array], Array]] | Mapping[str, Callable[[Array], Array]]


def domain_incremental(
    models: Models,
    X: Any,
    y: Any = None,
    *,
    by: Domains,
    order: Sequence[Hashable] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    test_share: float = 0.2,
    boundaries: bool = True,
) -> ContinualResult:
    """Show models rows of one domain after another, each once; test on all domains after each.

    Domains share the labels. A model is not told which domain a row is of. Memory is that of the
    rows, however many domains they are shown in. Time per event is that of the models; rows held
    out are predicted once after each domain.

    Parameters
    ----------
    models
        One classifier, several, or name -> classifier; unfitted copies are used.
    X, y
        Rows `(n_rows, n_features)`, and their labels; or a stream with an end, and None.
    by
        Functions of rows `(n, n_features)`, or name -> function: each makes a domain of all rows,
        of which the same are held out in every domain. Or the name or the place of a column, whose
        values are the domains; models do not see it.
    order
        Names of the domains (those of functions without one are 0, 1, ...), or values of the
        column, in the order in which they come; None for that of `by`, or of first appearance.
    seeds
        Seeds of the split, of the order of rows, and of models that have one.
    test_share
        Share of the rows, of each value of a column, that is held out; at least one, and not all.
    boundaries
        Whether networks with a penalty (`EWC`, `LwF`) are told where a task ends. Others never are.

    Returns
    -------
    ContinualResult
        A run for each model and seed.

    Raises
    ------
    ValueError
        For models that do not predict classes, a `by` that is neither functions nor a column, a
        column with missing values, an `order` that has not each domain once, no `seeds`, a
        `test_share` outside of (0, 1), and a domain of a single row.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.evaluation import domain_incremental
    >>> from onlineml.learners import LogisticRegression
    >>> X = np.random.default_rng(1).normal(size=(2000, 2))
    >>> y = X[:, 0] > 0
    >>> turned = {"as it is": lambda X: X, "other way": lambda X: -X}
    >>> (run,) = domain_incremental(LogisticRegression(), X, y, by=turned, seeds=[1])
    >>> np.array(run.matrix).round()
    array([[1., 0.],
           [0., 1.]])
    >>> round(run.forward_transfer, 1), round(run.backward_transfer, 1)
    (-0.5, -1.0)

    References
    ----------
    .. [1] van de Ven, Tolias (2019), Three scenarios for continual learning. Section 2.
       arXiv:1904.07734
    .. [2] Lopez-Paz, Ranzato (2017), Gradient episodic memory for continual learning, NeurIPS.
       Section 2: the matrix, backward and forward transfer. arXiv:1706.08840
    """
    named = check(models, seeds, test_share)
    rows = rows_of(X, y)
    if isinstance(by, str | int):
        rows, domains = _split(rows, by)
        chosen = _order(order, domains)

        def tasks_of(seed: int) -> Sequence[Task]:
            rng = np.random.default_rng(seed)
            parts = {
                name: held_out(places, test_share, rng, f"one row of {name!r}")
                for name, places in domains.items()
            }
            return [Task(name, *parts[name], as_it_is) for name in chosen]

        return run_all(named, seeds, boundaries, rows, tasks_of)
    changes = dict(by) if isinstance(by, Mapping) else dict(enumerate(by))
    if not changes or not all(map(callable, changes.values())):
        raise wrong("by", by, "functions of rows, or a column")
    chosen = _order(order, changes)

    def tasks_of_all(seed: int) -> Sequence[Task]:
        rng = np.random.default_rng(seed)
        lessons, tests = held_out(np.arange(len(rows.X)), test_share, rng, "one row")
        return [Task(name, rng.permutation(lessons), tests, changes[name]) for name in chosen]

    shown = rows._replace(schema=None)  # functions may change the number of columns
    return run_all(named, seeds, boundaries, shown, tasks_of_all)


def _order(order: Sequence[Hashable] | None, domains: Mapping[Any, Any]) -> list[Any]:
    chosen = list(domains) if order is None else list(order)
    if set(chosen) != set(domains) or len(chosen) != len(domains):
        raise wrong("order", order, f"each of {list(domains)} once")
    return chosen


def _split(rows: Rows, by: str | int) -> tuple[Rows, dict[Hashable, Ints]]:
    """Rows without a column, and those of each of its values in order of appearance."""
    schema = rows.schema
    assert schema is not None
    names = list(schema.names or ())
    if isinstance(by, str) and by not in names:
        raise wrong("by", by, f"one of the columns {names}")
    column = names.index(by) if isinstance(by, str) else by
    if not 0 <= column < schema.n_features or schema.n_features < 2:
        raise wrong("by", by, f"a column of several, from 0 to {schema.n_features - 1}")
    values = rows.X[:, column]
    if np.isnan(values).any():
        raise wrong("by", by, "a column without missing values")
    known, first = np.unique(values, return_index=True)
    words = schema.nominal.get(column)
    domains: dict[Hashable, Ints] = {
        (value if words is None else words[int(value)]): np.flatnonzero(values == value)
        for value in known[np.argsort(first)].tolist()
    }
    left = [j for j in range(schema.n_features) if j != column]
    return Rows(rows.X[:, left], rows.codes, rows.labels, schema.taking(left)), domains
