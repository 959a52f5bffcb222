"""The arm of the highest upper confidence bound."""

from __future__ import annotations

from onlineml.kernels.arms import UCB as _UCB
from onlineml.rl.bandit import ArmBandit
from onlineml.schema import wrong


class UCB(ArmBandit):
    """UCB1: the arm of the highest mean + confidence * sqrt(log(pulls) / pulls of the arm).

    With `discount` it is discounted UCB, with `window_size` sliding-window UCB: both follow arms
    that change. Time per pull is O(n_actions), memory that and window_size.

    Parameters
    ----------
    n_actions
        Number of arms.
    confidence
        How much what is unknown counts, in units of rewards: sqrt(2) where these lie in [0, 1].
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    window_size
        Rewards that count; None for all.
    seed
        Unused but by the generator's state; the rule draws nothing.

    Attributes
    ----------
    weight_, total_
        Number and sum of the rewards of each arm, `(n_actions,)`, faded or in the window.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `discount`
        outside of (0, 1] or, beside a `window_size`, below 1, a `window_size` below 1, and a
        `confidence` below 0. At any, for actions that are no arm, and rewards that are no finite
        number.

    Examples
    --------
    >>> from onlineml.rl import UCB, Transition
    >>> bandit = UCB(n_actions=3)
    >>> for _ in range(200):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=[0.1, 0.9, 0.5][arm]))
    >>> bandit.act_one()
    1

    References
    ----------
    .. [1] Auer, Cesa-Bianchi, Fischer (2002), Finite-time analysis of the multiarmed bandit
       problem, Machine Learning 47, figure 1.
    .. [2] Garivier, Moulines (2011), On upper-confidence bound policies for switching bandit
       problems, ALT, sections 3 and 4.
    """

    _rule = _UCB

    def __init__(
        self,
        *,
        n_actions: int,
        confidence: float = 2**0.5,
        discount: float = 1.0,
        window_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.confidence = confidence
        self.discount = discount
        self.window_size = window_size
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not self.confidence >= 0:
            raise wrong("confidence", self.confidence, "a number >= 0")

    def _own_settings(self) -> tuple[float, float, float]:
        return float(self.confidence), 0.0, 1.0
