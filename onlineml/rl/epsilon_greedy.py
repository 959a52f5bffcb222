"""Mostly the arm of the best mean, sometimes any."""

from __future__ import annotations

from onlineml.kernels.arms import EPSILON
from onlineml.rl.bandit import ArmBandit
from onlineml.schema import wrong


class EpsilonGreedy(ArmBandit):
    """Epsilon-greedy: the arm whose rewards were best on average, and with probability epsilon any.

    Time per pull and memory are O(n_actions), and window_size.

    Parameters
    ----------
    n_actions
        Number of arms.
    epsilon, final_epsilon
        Probability of any arm: the first, and the one after `epsilon_steps` rewards; None for no
        change.
    epsilon_steps
        Rewards in which the probability falls, linearly.
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    window_size
        Rewards that count; None for all.
    seed
        Of exploration.

    Attributes
    ----------
    weight_, total_
        Number and sum of the rewards of each arm, `(n_actions,)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `discount`
        outside of (0, 1] or, beside a `window_size`, below 1, a `window_size` below 1, an `epsilon`
        or `final_epsilon` outside of [0, 1], and `epsilon_steps` below 0. At any, for actions that
        are no arm, and rewards that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import EpsilonGreedy, Transition
    >>> bandit = EpsilonGreedy(n_actions=2, epsilon=0.1, seed=1)
    >>> for _ in range(100):
    ...     arm = bandit.act_one(explore=True)
    ...     bandit = bandit.fit_one(Transition(None, arm, reward=float(arm == 1)))
    >>> bandit.act_one(), bandit.policy_one()
    (1, array([0.05, 0.95]))

    References
    ----------
    .. [1] Sutton, Barto (2018), Reinforcement learning, second edition, section 2.4.
    """

    _rule = EPSILON

    def __init__(
        self,
        *,
        n_actions: int,
        epsilon: float = 0.1,
        final_epsilon: float | None = None,
        epsilon_steps: int = 10_000,
        discount: float = 1.0,
        window_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.epsilon = epsilon
        self.final_epsilon = final_epsilon
        self.epsilon_steps = epsilon_steps
        self.discount = discount
        self.window_size = window_size
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        for name in ("epsilon", "final_epsilon"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise wrong(name, value, "a probability")
        if not self.epsilon_steps >= 0:
            raise wrong("epsilon_steps", self.epsilon_steps, "a number >= 0")

    def _own_settings(self) -> tuple[float, float, float]:
        last = self.epsilon if self.final_epsilon is None else self.final_epsilon
        return float(self.epsilon), float(last), float(self.epsilon_steps)
