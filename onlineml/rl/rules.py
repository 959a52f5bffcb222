"""Update rules: how far the weights of an agent's network step along their traces.

A rule is an object with parameters and no state; an agent takes one for its critic and, where it
has one, another for its actor.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from onlineml.kernels.trace_rules import N_MOMENTS, N_NUMBERS, RULES
from onlineml.parameters import whole
from onlineml.rl.part import Part
from onlineml.schema import wrong


class UpdateRule(Part):
    """A way to step along traces of gradients."""

    #: Its name among the rules that kernels know.
    _name: ClassVar[str]
    #: Whether it learns a second network, of the same shape.
    has_second_network: ClassVar[bool] = False

    def numbers(self, fade: float, *, of_policy: bool = False) -> tuple[float, ...]:
        """What the kernel reads, for traces that fade by `fade` (gamma times lambda) an event.

        Raises
        ------
        ValueError
            For parameters that cannot be used.
        """
        self._accept_parameters()
        own = float(RULES[self._name]), *self._own_numbers(fade, of_policy)
        return own + (0.0,) * (N_NUMBERS - len(own))

    def n_moments(self) -> int:
        """How many numbers it keeps of a weight, beside its trace."""
        return N_MOMENTS[self._name]

    @abstractmethod
    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        """Numbers of the rule, in the order in which the kernel reads them."""

    def _see_positive(self, *names: str) -> None:
        for name in names:
            if not 0 < getattr(self, name) < float("inf"):
                raise wrong(name, getattr(self, name), "a number > 0")

    def _see_shares(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a share in [0, 1)")


class SGD(UpdateRule):
    """Weights step by `learning_rate` times error times trace.

    Time per event is O(1) a weight; memory is that of the traces.

    Parameters
    ----------
    learning_rate
        Length of a step.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `learning_rate` that is not
        finite and > 0.

    Examples
    --------
    >>> from onlineml.rl import SGD
    >>> SGD(learning_rate=0.001)
    SGD(learning_rate=0.001)

    References
    ----------
    .. [1] Sutton, Barto (2018), Reinforcement learning, 2nd edition. Section 12.2.
    """

    _name = "sgd"

    def __init__(self, *, learning_rate: float = 1e-4) -> None:
        self.learning_rate = learning_rate

    def _check(self) -> None:
        self._see_positive("learning_rate")

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        return (float(self.learning_rate),)


class Adam(UpdateRule):
    """Adam, the product of error and trace taken for the gradient.

    Time per event is O(1) a weight; memory is that of the traces and of two moments a weight.

    Parameters
    ----------
    learning_rate
        Length of a step.
    beta_1
        What is kept of the mean of the gradients at an event.
    beta_2
        What is kept of the mean of their squares.
    clip
        Errors beyond are cut down to it, which is the derivative of Huber's loss; None for none.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `learning_rate` or `clip`
        that is not finite and > 0, and a `beta_1` or `beta_2` outside of [0, 1).

    Examples
    --------
    >>> from onlineml.rl import Adam
    >>> Adam(beta_1=0.0)
    Adam(beta_1=0.0)

    References
    ----------
    .. [1] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    """

    _name = "adam"

    def __init__(
        self,
        *,
        learning_rate: float = 1e-4,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        clip: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.clip = clip

    def _check(self) -> None:
        self._see_positive("learning_rate", *(("clip",) if self.clip is not None else ()))
        self._see_shares("beta_1", "beta_2")

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        own = float(self.learning_rate), float(self.beta_1), float(self.beta_2)
        return *own, float(self.clip or 0.0)


class ObGD(UpdateRule):
    """Step bounded so that an event's own error is, under an assumption, not overshot.

    The step is `learning_rate / max(M, 1)`, with M = learning_rate * kappa * `max(|error|, 1)`
    times the sum of the absolute values of all traces. Time per event is O(1) a weight; memory is
    that of the traces and of one number more a weight.

    Parameters
    ----------
    learning_rate
        Step where the bound does not bind.
    kappa
        How careful the bound is; 2 for values and 3 for policies where None.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `learning_rate` or `kappa`
        that is not finite and > 0.

    Examples
    --------
    >>> from onlineml.rl import ObGD
    >>> ObGD(kappa=3.0)
    ObGD(kappa=3.0)

    Notes
    -----
    Weights are kept in single precision, and with them what rounding takes off each, which the
    next step adds: networks of two layers of 128 units are within 1e-7 of the rule in double
    precision after 300 steps (narrow ones step farther at an event: within 1e-6).

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Section 3, algorithm 3. arXiv:2410.14606
    """

    _name = "obgd"

    def __init__(self, *, learning_rate: float = 1.0, kappa: float | None = None) -> None:
        self.learning_rate = learning_rate
        self.kappa = kappa

    def _check(self) -> None:
        self._see_positive("learning_rate", *(("kappa",) if self.kappa is not None else ()))

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        return float(self.learning_rate), _caution(self.kappa, of_policy)


def _caution(kappa: float | None, of_policy: bool) -> float:
    if kappa is None:
        return 3.0 if of_policy else 2.0
    return float(kappa)


class AdaptiveObGD(UpdateRule):
    """`ObGD` on traces that are divided by the root mean square of their weight's steps.

    Time per event is O(1) a weight; memory is that of the traces and of the moments.

    Parameters
    ----------
    learning_rate
        Step where the bound does not bind.
    kappa
        How careful the bound is; 2 for values and 3 for policies where None.
    beta_2
        What is kept of the mean of squares at an event.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `learning_rate` or `kappa`
        that is not finite and > 0, and a `beta_2` outside of [0, 1).

    Examples
    --------
    >>> from onlineml.rl import AdaptiveObGD
    >>> AdaptiveObGD(beta_2=0.99)
    AdaptiveObGD(beta_2=0.99)

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Appendix. arXiv:2410.14606
    """

    _name = "adaptive_obgd"

    def __init__(
        self, *, learning_rate: float = 1.0, kappa: float | None = None, beta_2: float = 0.999
    ) -> None:
        self.learning_rate = learning_rate
        self.kappa = kappa
        self.beta_2 = beta_2

    def _check(self) -> None:
        self._see_positive("learning_rate", *(("kappa",) if self.kappa is not None else ()))
        self._see_shares("beta_2")

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        return float(self.learning_rate), _caution(self.kappa, of_policy), float(self.beta_2)


class Intentional(UpdateRule):
    """Step chosen by its outcome: a share of the error removed, or of a change of the policy.

    Every weight is scaled by the root mean square of its gradients; the step is `share` over the
    geometric mean of what the present gradient and the traces would achieve. Time per event is O(1)
    a weight; memory is that of the traces and of the moments.

    Parameters
    ----------
    share
        What is intended: 0.5 for values and 0.05 for policies where None.
    beta_2
        What is kept of the mean of squared gradients at an event.
    clip
        Errors beyond this many times their root mean square are cut down to it.
    error_decay
        What is kept of the mean of squared errors at an event.
    refresh
        Inverse roots of a weight's squared gradients are renewed once in so many events.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `share` or `clip` that is
        not finite and > 0, a `beta_2` or `error_decay` outside of [0, 1), and a `refresh` that is
        not a whole number >= 1.

    Examples
    --------
    >>> from onlineml.rl import Intentional
    >>> Intentional(share=0.25)
    Intentional(share=0.25)

    Notes
    -----
    For a policy the error is divided by its running mean absolute value. Departures: inverse roots
    are renewed in turn (`refresh=1` is the published rule), a quarter of the time and, in our runs,
    no difference in what is learned.

    References
    ----------
    .. [1] Intentional updates for streaming reinforcement learning (2026). arXiv:2604.19033
    """

    _name = "intentional"

    def __init__(
        self,
        *,
        share: float | None = None,
        beta_2: float = 0.999,
        clip: float = 20.0,
        error_decay: float = 0.9998,
        refresh: int = 8,
    ) -> None:
        self.share = share
        self.beta_2 = beta_2
        self.clip = clip
        self.error_decay = error_decay
        self.refresh = refresh

    def _check(self) -> None:
        self._see_positive("clip", *(("share",) if self.share is not None else ()))
        self._see_shares("beta_2", "error_decay")
        whole("refresh", self.refresh, 1)

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        share = (0.05 if of_policy else 0.5) if self.share is None else float(self.share)
        own = share, float(fade), float(self.beta_2), float(self.clip), float(self.error_decay)
        return *own, float(self.refresh), float(of_policy)


class QRC(UpdateRule):
    """Gradient temporal-difference learning: the true gradient, along traces, of values only.

    A second network h foretells the error; the weights w of the values follow `error * z -
    h(s) * grad v(s) + c * (grad v(s) - gamma * grad v(s'))`, with traces z of the values' gradient
    and c of h. Sound where plain traces may diverge: with a network, learning of one policy while
    another acts. Time per event is O(1) a weight, thrice that of
    `SGD`; memory is twice as much.

    Parameters
    ----------
    learning_rate
        Length of a step.
    ratio
        Step of the second network, relative to that of the first.
    beta
        Decay of the second network's weights, relative to its step.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `learning_rate` or `ratio`
        that is not finite and > 0, a `beta` that is not finite and >= 0, and as a rule of a policy.

    Examples
    --------
    >>> from onlineml.rl import CartPole, QRC, StreamQ
    >>> rule = QRC(learning_rate=0.003)
    >>> agent = StreamQ(n_actions=2, hidden=(32, 32), critic_rule=rule, epsilon_steps=5_000, seed=1)
    >>> episodes = agent.run(CartPole(seed=1), 60_000)
    >>> bool(episodes.returns[-20:].mean() > 3 * episodes.returns[:20].mean())
    True

    Notes
    -----
    TDRC(lambda) under `StreamTD`, QRC(lambda) under `StreamQ`: traces are cut there after an action
    that was not the best, as published. Under `StreamSARSA` the next action is the one that will
    be taken.

    References
    ----------
    .. [1] Elelimy, Daley, Patterson, Machado, White, White (2025), Deep reinforcement learning with
       gradient eligibility traces, RLC. Equations 26 to 28. arXiv:2507.09087
    .. [2] Ghiassian, Patterson, Garg, Gupta, White, White (2020), Gradient temporal-difference
       learning with regularized corrections, ICML. Section 4.
    """

    _name = "qrc"
    has_second_network = True

    def __init__(
        self, *, learning_rate: float = 1e-4, ratio: float = 0.1, beta: float = 1.0
    ) -> None:
        self.learning_rate = learning_rate
        self.ratio = ratio
        self.beta = beta

    def _check(self) -> None:
        self._see_positive("learning_rate", "ratio")
        if not 0 <= self.beta < float("inf"):
            raise wrong("beta", self.beta, "a number >= 0")

    def _own_numbers(self, fade: float, of_policy: bool) -> tuple[float, ...]:
        if of_policy:
            raise wrong("actor_rule", self, "a rule for policies: QRC is for values")
        return float(self.learning_rate), float(self.beta), float(self.ratio)
