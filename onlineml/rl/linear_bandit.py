"""Bandits that choose by context: a ridge regression of the reward for each arm."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from onlineml.kernels.arena import Array, Field
from onlineml.kernels.linear_arms import BOUND, SAMPLE, _linear_arms
from onlineml.kernels.random import seeded
from onlineml.rl.bandit import Bandit
from onlineml.schema import Schema, wrong

_LEAST_RIDGE = 1e-100  # its inverse, times the square of the largest value, is still a number


def check_regressions(bandit: Any) -> None:
    """Raise `ValueError` for settings of the arms' regressions that cannot be used."""
    if not bandit.confidence >= 0:
        raise wrong("confidence", bandit.confidence, "a number >= 0")
    if not bandit.ridge >= _LEAST_RIDGE:
        raise wrong("ridge", bandit.ridge, f"a number of {_LEAST_RIDGE} or more")
    if not 0 < bandit.discount <= 1:
        raise wrong("discount", bandit.discount, "a number in (0, 1]")


class LinearBandit(Bandit):
    """What LinUCB and linear Thompson sampling share: all but the rule that explores."""

    _rule: ClassVar[int]
    _kernel = _linear_arms
    _state = (
        Field("random_", (1,), np.int64),
        Field("n_rewards_", (1,), np.int64),
        Field("inverse_root_", ("A", "D", "D")),
        Field("weights_", ("A", "D")),
    )

    confidence: float
    ridge: float
    discount: float
    inverse_root_: Array

    def _check(self) -> None:
        super()._check()
        check_regressions(self)

    def _settings(self) -> tuple[float, ...]:
        numbers = self._rule, self.confidence, self.ridge, self.discount
        return tuple(map(float, numbers))

    def _sizes(self) -> dict[str, int]:
        return {"A": self.n_actions, "D": 1}

    def _start(self, schema: Schema) -> None:
        self.random_ = seeded(self.seed, 1)
        n = schema.n_features + 1
        self.inverse_root_ = np.tile(np.eye(n) / np.sqrt(self.ridge), (self.n_actions, 1, 1))
        self.weights_ = np.zeros((self.n_actions, n))

    def _n_scratch(self) -> int:
        return 3 * (self.schema_.n_features + 1) + self.n_actions


class LinUCB(LinearBandit):
    """LinUCB: the arm of the highest prediction and `confidence` times its standard error.

    Time per pull is O(n_actions * n_features^2), per reward O(n_features^2), times n_actions with
    a discount; memory is O(n_actions * n_features^2).

    Parameters
    ----------
    n_actions
        Number of arms.
    confidence
        How much what is unknown counts, alpha of the source, in units of rewards.
    ridge
        Penalty of large weights.
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    seed
        Unused but by the generator's state; the rule draws nothing.

    Attributes
    ----------
    weights_
        Of each arm, of the features and a constant, `(n_actions, n_features + 1)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `confidence`
        below 0, a `ridge` below 1e-100, and a `discount` outside of (0, 1]. At any, for
        observations that do not fit or are infinite, actions that are no arm, and rewards that are
        no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import LinUCB, Transition
    >>> bandit, rng = LinUCB(n_actions=2), np.random.default_rng(0)
    >>> for x in rng.normal(size=(300, 2)):
    ...     arm = bandit.act_one(x, explore=True)
    ...     bandit = bandit.fit_one(Transition(x, arm, reward=x[arm] + rng.normal()))
    >>> [bandit.act_one([2.0, -2.0]), bandit.act_one([-2.0, 2.0])]
    [0, 1]

    Notes
    -----
    Each arm has weights of its own and a constant. Missing values count as 0; a value counts as
    1e8 at most. Of the source's inverse a triangular root is kept here.

    References
    ----------
    .. [1] Li, Chu, Langford, Schapire (2010), A contextual-bandit approach to personalized news
       article recommendation, WWW, algorithm 1.
    .. [2] Russac, Vernade, Cappe (2019), Weighted linear bandits for non-stationary environments,
       NeurIPS, algorithm 1 (with one matrix, and the ridge put back a feature at a time).
    """

    _rule = BOUND

    def __init__(
        self,
        *,
        n_actions: int,
        confidence: float = 1.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.confidence = confidence
        self.ridge = ridge
        self.discount = discount
        self.seed = seed


class LinTS(LinearBandit):
    """Linear Thompson sampling: weights drawn from each arm's posterior, the best arm by them.

    Time per pull is O(n_actions * n_features^2), per reward O(n_features^2), times n_actions with
    a discount; memory is O(n_actions * n_features^2).

    Parameters
    ----------
    n_actions
        Number of arms.
    confidence
        Standard deviation of the draws, v of the source, relative to the standard error.
    ridge
        Penalty of large weights.
    discount
        Weight of a reward, relative to the next one; below 1, what is old is forgotten.
    seed
        Of the draws.

    Attributes
    ----------
    weights_
        Of each arm, of the features and a constant, `(n_actions, n_features + 1)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `confidence`
        below 0, a `ridge` below 1e-100, and a `discount` outside of (0, 1]. At any, for
        observations that do not fit or are infinite, actions that are no arm, and rewards that are
        no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import LinTS, Transition
    >>> bandit, rng = LinTS(n_actions=2, seed=1), np.random.default_rng(0)
    >>> for x in rng.normal(size=(300, 2)):
    ...     arm = bandit.act_one(x, explore=True)
    ...     bandit = bandit.fit_one(Transition(x, arm, reward=x[arm] + rng.normal()))
    >>> [bandit.act_one([2.0, -2.0]), bandit.act_one([-2.0, 2.0])]
    [0, 1]

    Notes
    -----
    Arms have weights of their own, so that of a draw only its product with the context counts, one
    normal number an arm. The rest as in `LinUCB`.

    References
    ----------
    .. [1] Agrawal, Goyal (2013), Thompson sampling for contextual bandits with linear payoffs,
       ICML, algorithm 1.
    """

    _rule = SAMPLE

    def __init__(
        self,
        *,
        n_actions: int,
        confidence: float = 1.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.confidence = confidence
        self.ridge = ridge
        self.discount = discount
        self.seed = seed
