"""Q-learning with traces, learned from every transition once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from onlineml.kernels.stream_agent import Q
from onlineml.parameters import whole
from onlineml.rl.conv import Conv
from onlineml.rl.rules import ObGD, UpdateRule
from onlineml.rl.stream import StreamAgent
from onlineml.schema import wrong


class ValueAgent(StreamAgent):
    """Acts by the values of actions: mostly the best, sometimes any."""

    n_actions: int
    epsilon: float
    final_epsilon: float
    epsilon_steps: int

    def _check(self) -> None:
        whole("n_actions", self.n_actions, 2)
        for name in ("epsilon", "final_epsilon"):
            if not 0 <= getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a probability")
        whole("epsilon_steps", self.epsilon_steps, 0)
        super()._check()

    def _default_rule(self, part: str) -> UpdateRule:
        return ObGD()

    def _own_settings(self) -> dict[str, float]:
        epsilons = {"epsilon": float(self.epsilon), "last": float(self.final_epsilon)}
        return epsilons | {"steps": float(self.epsilon_steps)}

    def _critic_outputs(self) -> int:
        return self.n_actions


class StreamQ(ValueAgent):
    """Stream Q(lambda): values of all actions, one network, no buffer, no target network.

    Hidden layers are normalized, first weights sparse, observations and rewards scaled by running
    statistics. Time per transition and memory are O(number of weights).

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
    critic_rule
        Update rule of the values; `ObGD()` where None.
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
    module
        Function `(n_inputs, n_outputs) -> torch.nn.Module` that makes each network, instead of
        `hidden`: rows `(1, n_inputs)` in, `(1, n_outputs)` out. Learned by torch.
    device
        "cpu"; "cuda", "cuda:1", ... for networks of torch there.
    cuda_graphs
        Whether a GPU replays a whole step as one launch: "auto" for the network of `hidden`,
        True for a module of yours too, which must then do the same at every step.
    seed
        Of the first weights and of exploration.

    Raises
    ------
    ImportError
        A `module` or `device` is given, and torch is not installed.
    ValueError
        At the first transition, for an `n_actions` that is not a whole number >= 2, an `epsilon` or
        `final_epsilon` outside of [0, 1], an `epsilon_steps` below 0, `hidden` that are not whole
        numbers >= 1 (one at least without a `conv`), a `conv` that is none or does not fit the
        observations, a `gamma`, `lambda_`, `forgetting`, `average_reward` or `sparsity` outside of
        [0, 1], a `time_feature` below 1 or beside a `conv`, and what the rule refuses; of networks
        of torch, for a `module` that is no function, a `conv`, a rule with a second network, and a
        `device` that is not there. At any, for transitions that cannot be learned: observations
        that do not fit or are infinite, actions that are none, and rewards that are no finite
        number.

    Examples
    --------
    >>> from onlineml.rl import CartPole, StreamQ
    >>> agent = StreamQ(n_actions=2, hidden=(32, 32), epsilon_steps=5_000, seed=1)
    >>> episodes = agent.run(CartPole(seed=1), 60_000)
    >>> bool(episodes.returns[-20:].mean() > 5 * episodes.returns[:20].mean())
    True

    Notes
    -----
    Traces are cut after the update, as the authors' program does, not before it. An exploratory
    draw of the best action counts as the best. Departures as in `StreamAC`.

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Algorithm 2. arXiv:2410.14606
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
        critic_rule: UpdateRule | None = None,
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
        module: Any = None,
        device: str = "cpu",
        cuda_graphs: bool | Literal["auto"] = "auto",
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.hidden = hidden
        self.conv = conv
        self.gamma = gamma
        self.lambda_ = lambda_
        self.critic_rule = critic_rule
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
        self.module = module
        self.device = device
        self.cuda_graphs = cuda_graphs
        self.seed = seed

    def _own_settings(self) -> dict[str, float]:
        return super()._own_settings() | {"cuts": float(self.cut_traces)}
