"""Bandits whose rewards an adversary may choose."""

from __future__ import annotations

from onlineml.kernels.arms import EXP3
from onlineml.rl.bandit import ArmBandit
from onlineml.schema import wrong


class Exp3(ArmBandit):
    """Exp3: exponential weights of rewards, each divided by the probability of its arm.

    With `share` it is Exp3.S, which follows the best arm where that changes. Time per pull and
    memory are O(n_actions).

    Parameters
    ----------
    n_actions
        Number of arms.
    gamma
        Share of pulls that go to any arm, in (0, 1]; also the step.
    share
        Of all weight that is spread over the arms after each reward, times e.
    reward_range
        Least and greatest reward; what is beyond counts as the limit.
    seed
        Of the draws.

    Attributes
    ----------
    total_
        Logarithms of the arms' weights, `(n_actions,)`, the greatest 0.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `gamma` outside
        of (0, 1], a `share` outside of [0, 1), and a `reward_range` whose least is not below its
        greatest. At any, for actions that are no arm, and rewards that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import Exp3, Transition
    >>> bandit = Exp3(n_actions=2, gamma=0.1, seed=1)
    >>> for i in range(500):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=float(arm == 0)))
    >>> bandit.act_one(), bandit.policy_one().round(2)
    (0, array([0.95, 0.05]))

    Notes
    -----
    The probability is that of the transition where it is given, as it must be for rewards that come
    late, else the present one.

    References
    ----------
    .. [1] Auer, Cesa-Bianchi, Freund, Schapire (2002), The nonstochastic multiarmed bandit problem,
       SIAM Journal on Computing 32(1), figures 1 and 4.
    """

    _rule = EXP3

    def __init__(
        self,
        *,
        n_actions: int,
        gamma: float = 0.1,
        share: float = 0.0,
        reward_range: tuple[float, float] = (0.0, 1.0),
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.gamma = gamma
        self.share = share
        self.reward_range = reward_range
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not 0 < self.gamma <= 1:
            raise wrong("gamma", self.gamma, "a number in (0, 1]")
        if not 0 <= self.share < 1:
            raise wrong("share", self.share, "a number in [0, 1)")
        given = self.reward_range
        if not (isinstance(given, tuple | list) and len(given) == 2 and given[0] < given[1]):
            raise wrong("reward_range", given, "(least, greatest)")

    def _settings(self) -> tuple[float, ...]:
        low, high = map(float, self.reward_range)
        return (float(self._rule), float(self.gamma), float(self.share), 1.0, 1.0, low, high)
