"""The parameter `max_features`: how many features are looked at, of those that there are."""

from __future__ import annotations

from onlineml.schema import wrong


def check_max_features(value: object, *, may_be_none: bool = False) -> None:
    """Raise `ValueError` where `value` is no number of features."""
    share = isinstance(value, float) and 0 < value <= 1
    number = isinstance(value, int) and value >= 1
    if not (share or number or value == "sqrt" or (may_be_none and value is None)):
        due = 'an integer >= 1, a share in (0, 1] or "sqrt"' + ", or None" * may_be_none
        raise wrong("max_features", value, due)


def n_looked_at(value: float | str, n_features: int) -> int:
    """How many of `n_features` are looked at."""
    if isinstance(value, str):
        return min(round(float(n_features**0.5)) + 1, n_features)
    if isinstance(value, float):
        return max(round(value * n_features), 1)
    return min(value, n_features)
