"""Q-learning with traces whose errors are bounded and whose steps are scaled by their variance."""

from __future__ import annotations

from collections.abc import Sequence

from onlineml.kernels.stream_agent import Q
from onlineml.rl.conv import Conv
from onlineml.rl.rules import Adam, UpdateRule
from onlineml.rl.stream_q import ValueAgent


class AdaptiveQ(ValueAgent):
    """Adaptive Q(lambda): every weight steps by `error * trace`, over its root mean square.

    The error is cut down to `clip`, so that one event moves no weight far. No buffer, no target
    network; network and running statistics are those of `StreamQ`. Time per transition and memory
    are O(number of weights).

    Parameters
    ----------
    n_actions
        Number of actions.
    hidden
        Widths of the hidden layers.
    conv
        Convolutions before them, for observations that are maps; None for none.
    gamma
        Discount of what comes a step later.
    lambda_
        Fading of the traces, beside gamma.
    learning_rate
        Length of a step.
    beta_2
        What is kept of the mean of squared steps at an event.
    clip
        Largest error that counts in full.
    epsilon, final_epsilon
        Probability of any action: the first, and the one after `epsilon_steps` transitions.
    epsilon_steps
        Transitions in which the probability falls, linearly.
    cut_traces
        Whether traces begin anew after an action that was not the best (Watkins).
    bootstrap_on_truncation
        Whether an episode that was cut off is worth what its last observation promises.
    time_feature
        Steps of an episode, to add the share of it that has gone as a feature; None for none.
    normalize_observations
        Whether features are brought to mean 0 and variance 1.
    normalize_rewards
        Whether rewards are divided by the standard deviation of their discounted sum (by .99 at
        most, with an `average_reward`).
    forgetting
        Least weight of the newest value in these statistics; 0 remembers all alike.
    average_reward
        Step of the running mean of rewards, relative to which the others count (with gamma 1);
        0 for none.
    sparsity
        Share of a unit's first weights that are 0.
    seed
        Of the first weights and of exploration.

    Raises
    ------
    ValueError
        At the first transition, for an `n_actions` that is not a whole number >= 2, an `epsilon` or
        `final_epsilon` outside of [0, 1], an `epsilon_steps` below 0, `hidden` that are not whole
        numbers >= 1 (one at least without a `conv`), a `conv` that is none or does not fit the
        observations, a `gamma`, `lambda_`, `forgetting`, `average_reward` or `sparsity` outside of
        [0, 1], a `time_feature` below 1 or beside a `conv`, a `learning_rate` or `clip` that is not
        finite and > 0, and a `beta_2` outside of [0, 1). At any, for transitions that cannot be
        learned: observations that do not fit or are infinite, actions that are none, and rewards
        that are no finite number.

    Examples
    --------
    >>> from onlineml.rl import AdaptiveQ, CartPole
    >>> agent = AdaptiveQ(n_actions=2, hidden=(32, 32), epsilon_steps=5_000, seed=1)
    >>> episodes = agent.run(CartPole(seed=1), 60_000)
    >>> bool(episodes.returns[-20:].mean() > 5 * episodes.returns[:20].mean())
    True

    Notes
    -----
    Written from the two properties that the paper finds to matter, a bounded derivative of the loss
    and steps adjusted by their variance, on top of the traces, network and scaling of `StreamQ`;
    constants are ours. It is `StreamQ` with the rule `Adam(beta_1=0, clip=1)`.

    References
    ----------
    .. [1] Gogianu, Lutu, Pascanu (2026), Revisiting Adam for streaming reinforcement learning.
       arXiv:2605.06764
    """

    _kind = Q

    def __init__(
        self,
        *,
        n_actions: int,
        hidden: Sequence[int] = (128, 128),
        conv: Conv | None = None,
        gamma: float = 0.99,
        lambda_: float = 0.8,
        learning_rate: float = 3e-4,
        beta_2: float = 0.999,
        clip: float = 1.0,
        epsilon: float = 1.0,
        final_epsilon: float = 0.01,
        epsilon_steps: int = 25_000,
        cut_traces: bool = True,
        bootstrap_on_truncation: bool = True,
        time_feature: int | None = None,
        normalize_observations: bool = True,
        normalize_rewards: bool = True,
        forgetting: float = 0.0,
        average_reward: float = 0.0,
        sparsity: float = 0.9,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.hidden = hidden
        self.conv = conv
        self.gamma = gamma
        self.lambda_ = lambda_
        self.learning_rate = learning_rate
        self.beta_2 = beta_2
        self.clip = clip
        self.epsilon = epsilon
        self.final_epsilon = final_epsilon
        self.epsilon_steps = epsilon_steps
        self.cut_traces = cut_traces
        self.bootstrap_on_truncation = bootstrap_on_truncation
        self.time_feature = time_feature
        self.normalize_observations = normalize_observations
        self.normalize_rewards = normalize_rewards
        self.forgetting = forgetting
        self.average_reward = average_reward
        self.sparsity = sparsity
        self.seed = seed

    def _default_rule(self, part: str) -> UpdateRule:
        return Adam(
            learning_rate=self.learning_rate, beta_1=0.0, beta_2=self.beta_2, clip=self.clip
        )

    def _own_settings(self) -> dict[str, float]:
        return super()._own_settings() | {"cuts": float(self.cut_traces)}
