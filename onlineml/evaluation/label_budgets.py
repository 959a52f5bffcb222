"""Which strategies buy labels in an evaluation, and what they may spend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from onlineml.active import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.schema import wrong

Strategies = QueryStrategy | Sequence[QueryStrategy] | Mapping[str, QueryStrategy]


class Purchase(NamedTuple):
    """A strategy with a budget, and what they are called."""

    name: str
    budget: str
    strategy: QueryStrategy
    #: Name of both, for the names of models.
    label: str


def purchases(
    strategies: Strategies | None,
    budgets: Sequence[Budget | float] | Budget | float | None,
    n_rows: int | None,
) -> list[Purchase]:
    """Every strategy with every budget; `n_rows` are those of the stream, where known."""
    if strategies is None:
        if budgets is not None:
            raise wrong("budgets", budgets, "None, as no strategies are given to spend them")
        return []
    named = _named(strategies)
    if budgets is None:
        own = {name: strategy.get_params().get("budget") for name, strategy in named.items()}
        return [Purchase(n, words_of(own[n]), s.clone(), n) for n, s in named.items()]
    listed = list(budgets) if isinstance(budgets, Sequence) else [budgets]
    if not listed:
        raise wrong("budgets", budgets, "at least one budget, or None")
    return [
        Purchase(
            name,
            words_of(budget),
            strategy.clone().set_params(budget=_as_budget(budget, n_rows)),
            name if len(listed) == 1 else f"{name} at {words_of(budget)}",
        )
        for name, strategy in named.items()
        for budget in listed
    ]


def words_of(budget: object) -> str:
    """A budget in words.

    Examples
    --------
    >>> words_of(0.05), words_of(70), words_of(Budget(rate=0.1))
    ('5%', '70 labels', '10%')
    """
    if isinstance(budget, Budget):
        budget = budget.rate if budget.total is None else budget.total
    if not isinstance(budget, int | float | np.number):
        return ""
    share = float(budget)
    return f"{100 * share:.4g}%" if share <= 1.0 else f"{share:,.0f} labels"


def _as_budget(budget: Budget | float, n_rows: int | None) -> Budget | float:
    if isinstance(budget, Budget) or budget <= 1.0:
        return budget
    if n_rows is None:
        raise wrong("budgets", budget, "a share in (0, 1]: the stream does not tell its rows")
    return Budget(total=float(budget), horizon=n_rows)


def _named(strategies: Strategies) -> dict[str, QueryStrategy]:
    """Strategies by name: the class's, numbered from the second of a kind on."""
    if isinstance(strategies, Mapping):
        named = dict(strategies)
    else:
        listed = [strategies] if isinstance(strategies, QueryStrategy) else list(strategies)
        named = {}
        for strategy in listed:
            kind = type(strategy).__name__
            count = sum(type(other) is type(strategy) for other in named.values())
            named[kind if not count else f"{kind} {count + 1}"] = strategy
    for name, strategy in named.items():
        if not isinstance(strategy, QueryStrategy):
            raise wrong(f"strategies[{name!r}]", strategy, "a query strategy")
    if not named:
        raise wrong("strategies", strategies, "at least one strategy, or None")
    return named
