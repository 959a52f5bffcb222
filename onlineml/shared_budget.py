"""Before learners that share a budget of privacy learn: whether it has room for all of them.

Those that are made of others tell of their parts' claims, by the hook `_claims`; what they could
not foretell (`_foretells`) is undone where it is refused half way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from onlineml.odometer import BudgetSpentError, PrivacyOdometer, Step, no_room


class Claim(NamedTuple):
    """A step that a learner is going to ask a shared odometer for."""

    odometer: PrivacyOdometer
    step: Step


def see_room(claims: Iterable[Claim]) -> None:
    """Raise `BudgetSpentError` where an odometer has no room for all that is claimed of it."""
    steps: dict[PrivacyOdometer, list[Step]] = {}
    for odometer, step in claims:
        steps.setdefault(odometer, []).append(step)
    for odometer, due in steps.items():
        if not odometer._has_room(*due):
            raise no_room(odometer)


def shares_budget(model: Any) -> bool:
    """Whether `model`, or a part of it, spends of a budget that is shared with others."""
    if model._spends is None:
        model._spends = any(
            isinstance(value, PrivacyOdometer) and name.endswith("privacy__odometer")
            for name, value in model.get_params().items()
        )
    found: bool = model._spends
    return found


def all_foretell(parts: Iterable[Any]) -> bool:
    """Whether none of the parts asks a shared budget for more than it has told of."""
    return all(part._foretells() or not shares_budget(part) for part in parts)


def permit(model: Any, weights: Any, n_rows: int) -> None:
    """Raise `BudgetSpentError` where shared budgets have no room for so many more rows."""
    if shares_budget(model):
        see_room(model._claims(weights, n_rows))


def undone_where_refused(model: Any) -> AbstractContextManager[None]:
    """What is learned within is undone where a shared budget refuses a part of it half way.

    What parts before it have spent stays spent: that the refusal came, and when, is seen outside
    and depends on the rows, such as on a drift in them by which a part was replaced. So it cannot
    be shown that nothing was released, though no state and no answer is left of it.
    """
    if not shares_budget(model) or (model.is_started and model._foretells()):
        return nullcontext()
    return _undone(model)


@contextmanager
def _undone(model: Any) -> Iterator[None]:
    before = model.get_state()
    try:
        yield
    except BudgetSpentError:
        model.set_state(before)
        raise
