"""What another policy would have earned, from the log of the one that acted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.schema import as_floats, wrong


class PolicyValue(NamedTuple):
    """Mean reward of a policy, as estimated.

    Parameters
    ----------
    value
        The estimate, in units of the rewards.
    standard_error
        Of the estimate.
    effective_size
        Rows of equal weight that would say as much.

    Examples
    --------
    >>> from onlineml.evaluation import policy_value
    >>> policy_value([1.0, 0.0], [0, 1], [0.5, 0.5], [[1.0, 0.0], [1.0, 0.0]]).effective_size
    1.0
    """

    value: float
    standard_error: float
    effective_size: float


def policy_value(
    rewards: Any,
    actions: Any,
    logged: Any,
    policy: Any,
    *,
    method: str = "snips",
    predicted: Any = None,
    clip: float = np.inf,
) -> PolicyValue:
    """Estimate the mean reward of a policy from rows that another one chose the actions of.

    Time and memory are O(n * n_actions).

    Parameters
    ----------
    rewards
        Of the logged actions, `(n,)`.
    actions
        Logged actions, `(n,)` whole numbers from 0.
    logged
        Probability with which each was drawn, `(n,)`, as `policy_one` of a bandit told it then.
    policy
        Probabilities of the policy in question, `(n, n_actions)`.
    method
        "ips": each reward times the ratio of probabilities, unbiased; "snips": divided by the sum
        of ratios, steadier, the bias falls as 1 / n; "dr": doubly robust, the ratio corrects
        `predicted`.
    predicted
        For "dr": a model's prediction of the reward of every action, `(n, n_actions)`, made without
        the row's own reward.
    clip
        Greatest ratio; smaller ones trade bias for less variance.

    Returns
    -------
    PolicyValue
        NaN by "snips" where the policy takes none of the logged actions.

    Raises
    ------
    ValueError
        For arrays of other shapes or none at all, rewards or predictions that are not finite,
        probabilities out of range or that do not sum to 1, actions that are none, a `clip` that is
        not > 0, and an unknown `method`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> actions = rng.integers(2, size=5_000)
    >>> rewards = (rng.random(5_000) < [0.2, 0.6][1] * actions + 0.2 * (1 - actions)).astype(float)
    >>> always_1 = np.tile([0.0, 1.0], (5_000, 1))
    >>> round(policy_value(rewards, actions, np.full(5_000, 0.5), always_1).value, 1)
    0.6

    References
    ----------
    .. [1] Dudik, Langford, Li (2011), Doubly robust policy evaluation and learning, ICML,
       equations 1 and 2.
    .. [2] Swaminathan, Joachims (2015), The self-normalized estimator for counterfactual learning,
       NeurIPS, equation 7.
    """
    if method not in ("ips", "snips", "dr"):
        raise wrong("method", method, "'ips', 'snips' or 'dr'")
    earned, drawn, chosen = as_floats(rewards, "rewards"), as_floats(logged, "logged"), actions
    n = len(earned) if earned.ndim == 1 else 0
    if not (n and np.isfinite(earned).all()):
        raise wrong("rewards", earned.shape, "one finite number a row, of one row at least")
    if not clip > 0:
        raise wrong("clip", clip, "a number > 0")
    table = _table(policy, n, "policy")
    arms = _arms(chosen, n, table.shape[1])
    if drawn.shape != (n,) or not ((drawn > 0) & (drawn <= 1)).all():
        raise wrong("logged", drawn.shape, f"{n} probabilities in (0, 1]")
    rows = np.arange(n)
    ratio = np.minimum(table[rows, arms] / drawn, clip)
    terms = ratio * earned
    if method == "dr":
        guess = _table(predicted, n, "predicted")
        if guess.shape != table.shape or not np.isfinite(guess).all():
            raise wrong("predicted", guess.shape, f"finite numbers, shape {table.shape}")
        terms = (table * guess).sum(1) + ratio * (earned - guess[rows, arms])
    total = ratio.sum()
    size = float(total**2 / (ratio**2).sum()) if total > 0 else 0.0
    if method == "snips":
        if total == 0:
            return PolicyValue(np.nan, np.nan, 0.0)
        value = float(terms.sum() / total)
        error = float(np.sqrt((ratio**2 * (earned - value) ** 2).sum()) / total)
        return PolicyValue(value, error, size)
    return PolicyValue(float(terms.mean()), float(terms.std() / np.sqrt(n)), size)


def _table(values: Any, n: int, name: str) -> Array:
    if values is None:
        raise wrong(name, None, f"an array of shape ({n}, n_actions)")
    table = as_floats(values, name)
    if table.ndim != 2 or len(table) != n:
        raise wrong(name, table.shape, f"shape ({n}, n_actions)")
    if name == "policy" and not (np.allclose(table.sum(1), 1.0) and (table >= 0.0).all()):
        raise wrong(name, float(table.sum(1).min()), "rows of probabilities, which sum to 1")
    return table


def _arms(actions: Any, n: int, n_actions: int) -> Any:
    arms = np.asarray(actions)
    whole = arms.shape == (n,) and np.issubdtype(arms.dtype, np.integer)
    if not whole or not ((arms >= 0) & (arms < n_actions)).all():
        raise wrong("actions", arms.shape, f"{n} whole numbers from 0 to {n_actions - 1}")
    return arms
