"""The arm of the highest quantile of what its mean may be."""

from __future__ import annotations

from onlineml.kernels.arms import BAYES_UCB
from onlineml.rl.bandit import ArmBandit


class BayesUCB(ArmBandit):
    """Bayes-UCB: the arm whose mean reward has the highest quantile 1 - 1 / pulls, a posteriori.

    Posteriors are normal, their variance that of rewards about their arms' means, so that rewards
    may have any unit. Time per pull is O(n_actions), memory that and window_size.

    Parameters
    ----------
    n_actions
        Number of arms.
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    window_size
        Rewards that count; None for all.
    seed
        Unused but by the generator's state; the rule draws nothing.

    Attributes
    ----------
    weight_, total_, square_
        Number, sum and sum of squares of the rewards of each arm, `(n_actions,)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `discount`
        outside of (0, 1] or, beside a `window_size`, below 1, and a `window_size` below 1. At any,
        for actions that are no arm, and rewards that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import BayesUCB, Transition
    >>> bandit = BayesUCB(n_actions=3)
    >>> for i in range(300):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=[10, 90, 50][arm] + i % 7))
    >>> bandit.act_one()
    1

    Notes
    -----
    The variance is pooled over arms and taken as known, where the source has a posterior of each
    arm's; it is 1 until two rewards of an arm are known.

    References
    ----------
    .. [1] Kaufmann, Cappe, Garivier (2012), On Bayesian upper confidence bounds for bandit
       problems, AISTATS, algorithm 1 with c = 0.
    """

    _rule = BAYES_UCB

    def __init__(
        self,
        *,
        n_actions: int,
        discount: float = 1.0,
        window_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.discount = discount
        self.window_size = window_size
        self.seed = seed
