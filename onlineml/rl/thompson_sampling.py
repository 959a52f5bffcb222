"""The arm that is best in a world drawn from what is believed."""

from __future__ import annotations

from onlineml.kernels.arms import BERNOULLI, GAUSSIAN
from onlineml.rl.bandit import ArmBandit
from onlineml.schema import wrong

_RULES = {"bernoulli": BERNOULLI, "gaussian": GAUSSIAN}


class ThompsonSampling(ArmBandit):
    """Thompson sampling: draw each arm's mean from its posterior, take the arm of the highest.

    Time per pull is O(n_actions), memory that and window_size.

    Parameters
    ----------
    n_actions
        Number of arms.
    rewards
        "bernoulli" for successes, or shares, in [0, 1] (what is beyond counts as the limit), with
        a uniform prior; "gaussian" for any numbers.
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    window_size
        Rewards that count; None for all.
    seed
        Of the draws.

    Attributes
    ----------
    weight_, total_, square_
        Number, sum and sum of squares of the rewards of each arm, `(n_actions,)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `discount`
        outside of (0, 1] or, beside a `window_size`, below 1, a `window_size` below 1, and unknown
        `rewards`. At any, for actions that are no arm, and rewards that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import ThompsonSampling, Transition
    >>> bandit = ThompsonSampling(n_actions=2, seed=1)
    >>> for i in range(200):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=float(i % 4 < 1 + 2 * arm)))
    >>> bandit.act_one()
    1

    Notes
    -----
    Gaussian posteriors have a flat prior and the variance of rewards about their arms' means, which
    is 1 until two rewards of an arm are known; an arm without rewards comes first.

    References
    ----------
    .. [1] Agrawal, Goyal (2013), Further optimal regret bounds for Thompson sampling, AISTATS,
       algorithms 1 and 2.
    """

    def __init__(
        self,
        *,
        n_actions: int,
        rewards: str = "bernoulli",
        discount: float = 1.0,
        window_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.rewards = rewards
        self.discount = discount
        self.window_size = window_size
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if self.rewards not in _RULES:
            raise wrong("rewards", self.rewards, f"one of {sorted(_RULES)}")

    @property
    def _rule(self) -> int:  # type: ignore[override]  # of a parameter here
        return _RULES[self.rewards]
