"""Actor-critic with traces, learned from every transition once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onlineml.kernels.arena import Array
from onlineml.kernels.stream_agent import AC_CONTINUOUS, AC_DISCRETE
from onlineml.rl.conv import Conv
from onlineml.rl.rules import Intentional, ObGD, UpdateRule
from onlineml.rl.stream import StreamAgent
from onlineml.schema import wrong


class StreamAC(StreamAgent):
    """Stream AC(lambda): a policy and a value, two networks, no buffer, no target network.

    Hidden layers are normalized, first weights sparse, observations and rewards scaled by running
    statistics. Time per transition and memory are O(number of weights).

    Parameters
    ----------
    n_actions
        Number of actions, where they are whole numbers; the policy is a softmax.
    action_size
        Numbers of an action, where it is an array; the policy is Gaussian. Actions are not cut to
        any bounds: whoever hands them on does that, and the agent learns those that it drew.
    hidden
        Widths of the hidden layers, of both networks.
    conv
        Convolutions before them, for observations that are maps; None for none.
    gamma
        Discount of what comes a step later.
    lambda_
        Fading of the traces, beside gamma.
    actor_lambda
        The same of the policy's traces; `lambda_` where None.
    actor_rule
        Update rule of the policy; where None, `ObGD()` of a softmax or of one number, and
        `Intentional()` of several numbers.
    critic_rule
        Update rule of the values; `Intentional()` where None.
    entropy
        Weight of the policy's entropy in what it follows.
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
        At the first transition, for both or none of `n_actions` and `action_size`, an `n_actions`
        below 2, an `action_size` below 1, an `entropy` that is not finite and >= 0, `hidden` that
        are not whole numbers >= 1 (one at least without a `conv`), a `conv` that is none or does
        not fit the observations, a `gamma`, `lambda_`, `forgetting`, `average_reward` or `sparsity`
        outside of [0, 1], a `time_feature` below 1 or beside a `conv`, and what the rules refuse;
        of networks of torch, for a `module` that is no function, a `conv`, a rule with a second
        network, and a `device` that is not there. At any, for transitions that cannot be learned:
        observations that do not fit or are infinite, actions that are none, and rewards that are no
        finite number.

    Examples
    --------
    >>> from onlineml.rl import CartPole, StreamAC
    >>> agent = StreamAC(n_actions=2, hidden=(32, 32), seed=1)
    >>> episodes = agent.run(CartPole(seed=1), 60_000)
    >>> bool(episodes.returns[-20:].mean() > 5 * episodes.returns[:20].mean())
    True

    Notes
    -----
    Published with `ObGD`, a feature of time and no value after a cut; `Intentional` steps, no such
    feature and a value there are what did better. A softmax that has made up its mind has next to
    no gradient, which an intentional step would make up for: hence `ObGD` there. So it is with one
    number that is far beyond its limits: intentional steps, as long whether or not the error is
    noise, then walk at random, and it does not come back (InvertedPendulum-v5: 1,000 by `ObGD`, 2
    by `Intentional`; DM Control's cartpole-balance: 980 and 140). The entropy's
    gradient lies within the trace, as published. Departures: an episode's reward sum ends with it,
    and the observation that it begins with is scaled by what was known when the agent acted on it.
    The standard deviation of an action is softplus plus 1e-5; scaled features are cut at 100.

    The defaults suit tasks whose rewards tell at once, such as HalfCheetah's. Where a fall ends
    all that is paid, as in Hopper, `gamma=0.995`, `actor_lambda=0.93` and
    `actor_rule=Intentional(share=0.02)` together earn more (`benchmarks.rl --returns`), though a
    run in ten fails; in HalfCheetah they earn far less.

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Algorithm 1 and section 3. arXiv:2410.14606
    .. [2] Intentional updates for streaming reinforcement learning (2026). arXiv:2604.19033
    """

    _has_actor = True

    def __init__(
        self,
        *,
        n_actions: int | None = None,
        action_size: int | None = None,
        hidden: Sequence[int] = (128, 128),
        conv: Conv | None = None,
        gamma: float = 0.99,
        lambda_: float = 0.8,
        actor_lambda: float | None = None,
        actor_rule: UpdateRule | None = None,
        critic_rule: UpdateRule | None = None,
        entropy: float = 0.01,
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
        self.action_size = action_size
        self.hidden = hidden
        self.conv = conv
        self.gamma = gamma
        self.lambda_ = lambda_
        self.actor_lambda = actor_lambda
        self.actor_rule = actor_rule
        self.critic_rule = critic_rule
        self.entropy = entropy
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

    @property
    def _kind(self) -> int:  # type: ignore[override]  # depends on the kind of actions
        return AC_DISCRETE if self.action_size is None else AC_CONTINUOUS

    def _check(self) -> None:
        if (self.n_actions is None) == (self.action_size is None):
            came = (self.n_actions, self.action_size)
            raise wrong("n_actions and action_size", came, "exactly one of them")
        if self.n_actions is not None and self.n_actions < 2:
            raise wrong("n_actions", self.n_actions, "a whole number >= 2")
        if self.action_size is not None and self.action_size < 1:
            raise wrong("action_size", self.action_size, "a whole number >= 1")
        if not 0 <= self.entropy < np.inf:
            raise wrong("entropy", self.entropy, "a number >= 0")
        if self.actor_lambda is not None and not 0 <= self.actor_lambda <= 1:
            raise wrong("actor_lambda", self.actor_lambda, "a number in [0, 1], or None")
        super()._check()

    def _default_rule(self, part: str) -> UpdateRule:
        careful = part == "actor" and self.action_size in (None, 1)
        return ObGD() if careful else Intentional()

    def _own_settings(self) -> dict[str, float]:
        fading = self.lambda_ if self.actor_lambda is None else self.actor_lambda
        return {"entropy": float(self.entropy), "actor_lambda": float(fading)}

    def _actor_outputs(self) -> int:
        return self.n_actions or 2 * (self.action_size or 0)

    def _action_width(self) -> int:
        return self.action_size or 1

    def _n_outputs(self) -> int:
        return self._action_width()

    def _to_action(self) -> Any:
        return self._out.copy() if self.n_actions is None else int(self._answer[0])

    def _to_actions(self, out: Array) -> npt.NDArray[Any]:
        return out if self.n_actions is None else super()._to_actions(out)
