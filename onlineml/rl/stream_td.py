"""Prediction with traces, learned from every transition once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from onlineml.kernels.stream_agent import TD
from onlineml.rl.agent import Foreteller
from onlineml.rl.conv import Conv
from onlineml.rl.rules import UpdateRule
from onlineml.rl.stream import StreamNetwork


class StreamTD(Foreteller, StreamNetwork):
    """Stream TD(lambda): the discounted sum of the rewards to come, foretold from an observation.

    The reward may be any number of interest, such as a sensor's next value: then this is a general
    value function. Hidden layers are normalized, first weights sparse, observations and rewards
    scaled by running statistics; predictions are in the units of the rewards. Time per transition
    and memory are O(number of weights).

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    conv
        Convolutions before them, for observations that are maps; None for none.
    gamma
        Discount of what comes a step later.
    lambda_
        Fading of the traces, beside gamma.
    critic_rule
        Update rule; `Intentional()` where None.
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
        Of the first weights.

    Raises
    ------
    ImportError
        A `module` or `device` is given, and torch is not installed.
    ValueError
        At the first transition, for `hidden` that are not whole numbers >= 1 (one at least without
        a `conv`), a `conv` that is none or does not fit the observations, a `gamma`, `lambda_`,
        `forgetting`, `average_reward` or `sparsity` outside of [0, 1], a `time_feature` below 1 or
        beside a `conv`, and what the rule refuses; of networks of torch, for a `module` that is no
        function, a `conv`, a rule with a second network, and a `device` that is not there. At any,
        for transitions that cannot be learned: observations that do not fit or are infinite, and
        rewards that are no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import StreamTD, Transition
    >>> model, states = StreamTD(hidden=(32, 32), gamma=0.5, seed=1), np.eye(3)
    >>> for i in range(3_000):  # a circle of three states, a reward on the way into the last
    ...     step = Transition(states[i % 3], None, float(i % 3 == 1), states[(i + 1) % 3])
    ...     model = model.fit_one(step)
    >>> [round(model.predict_one(x), 1) for x in states]  # due: 4/7, 8/7, 2/7
    [0.6, 1.1, 0.3]

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Algorithm 1 and appendix A. arXiv:2410.14606
    .. [2] Sutton et al. (2011), Horde: a scalable real-time architecture for learning knowledge
       from unsupervised sensorimotor interaction, AAMAS, section 3.
    """

    _kind = TD

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (128, 128),
        conv: Conv | None = None,
        gamma: float = 0.99,
        lambda_: float = 0.8,
        critic_rule: UpdateRule | None = None,
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
        self.hidden = hidden
        self.conv = conv
        self.gamma = gamma
        self.lambda_ = lambda_
        self.critic_rule = critic_rule
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
