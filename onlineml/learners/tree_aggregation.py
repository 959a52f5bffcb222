"""Private learning by sums over the nodes of a tree."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from onlineml.base import Array
from onlineml.kernels.correlated_noise import TREE, shares_of_draws
from onlineml.learners.privacy import Privacy
from onlineml.odometer import PrivacyOdometer


class TreeAggregation(Privacy):
    """A promise that a learner's weights tell nobody whether a row was among those learned.

    For the `privacy` of `LogisticRegression`, `SoftmaxRegression`, `LinearRegression`,
    `MLPClassifier` and `MLPRegressor`, which then learn by DP-FTRL [1]_: each row's gradient is cut
    to the length `clip`, and Gaussian noise is added so that all weights together, after every row,
    are (`epsilon`, `delta`)-differentially private for the row that is or is not there. The noise
    of different rows cancels in part: sums of gradients keep noise that grows with the logarithm of
    their number, where independent noise would grow as its root. Time per event is two normal draws
    a weight; memory is that of log2(`period`) + 1 times the weights.

    Parameters
    ----------
    epsilon, delta
        The budget of privacy, for all rows of one person.
    clip
        Length that a row's gradient is cut to, of a loss of targets between -1 and 1.
    period
        Any two rows of a person are at least that far apart; a tree has so many rows, and the next
        begins anew.
    n_periods
        How many such rows a person may have. Each period is charged; when the budget is spent, rows
        are learned no more (`diagnostics` counts them, `odometer` tells what is spent). None: one
        row a person in all, and no end.
    noise_multiplier
        Deviation of the noise in what a row of a person moves, in lengths of that move: instead of
        `n_periods`, the budget then has room for as many periods as fit, each at a cost of half its
        squared inverse.
    target_range
        For numbers: the two ends of where targets lie, which must be known without looking at them.
        Targets beyond count as the nearest end, and answers are kept within.
    classes
        Labels that are known before any row; others are refused. None: labels count as public, as
        they appear.
    seed
        Of the noise. Who knows it can take the noise away.
    odometer
        A budget that learners share, each of which still keeps its own promise; None: there is
        none. Each pays as its periods begin: rho to a `PrivacyOdometer` of the rule "concentrated",
        all that it promises at once to one of another rule. Learners that share it have noise of
        their own even if they have the same seed. Clones pay as well. `Replayable`, and graphs that
        replay, refuse such learners: what they learn again would have to be paid again.

    Raises
    ------
    BudgetSpentError
        By the learner: for rows that begin more periods than the shared `odometer` has room for.
        All is left as it was, also the chain, graph or ensemble that it is a part of: the parts
        ask for their rows together. Of ensembles that is as if each member learned each row; what
        cannot be foreseen (members that are replaced, labels that a strategy buys) is undone where
        it is refused half way, and what parts have spent by then stays spent.
    ValueError
        By the learner, at its first event, unless `epsilon` > 0, 0 < `delta` < 1, `clip` > 0,
        `period` and `n_periods` are whole numbers >= 1 (`n_periods` or None, as it must be beside
        a `noise_multiplier`), `noise_multiplier` is None or so large that one period fits into the
        budget, `target_range` is two finite numbers, the lower first, or None, `classes` are at
        least two, all different, or None, and `odometer` is a `PrivacyOdometer` or None; for a
        `target_range` that a regressor lacks and an optimizer whose steps look at single rows
        ("obgd", "intentional"). Later, for labels that are not among `classes`, and a promise that
        is another than at the start.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import SoftmaxRegression, TreeAggregation
    >>> X = np.random.default_rng(0).normal(size=(20_000, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = SoftmaxRegression(learning_rate=0.05, privacy=TreeAggregation(epsilon=2.0, seed=1))
    >>> bool((model.fit_many(X, y).predict_many(X) == y).mean() > 0.97)
    True
    >>> [round(number, 6) for number in model.odometer.spent]
    [2.0, 1e-05]

    Two learners that share one budget:

    >>> from onlineml.unlearning import PrivacyOdometer
    >>> shared = PrivacyOdometer(epsilon=2.0, delta=1e-5, rule="concentrated")
    >>> for seed in (1, 2):
    ...     own = TreeAggregation(epsilon=1.0, seed=seed, odometer=shared)
    ...     model = SoftmaxRegression(privacy=own).fit_many(X, y)
    >>> round(shared.spent[0], 2)
    1.46

    Notes
    -----
    The estimate of a sum is that of [2]_ from below, the best mean of what the nodes of its subtree
    say. Neighboring streams differ in one row, whose gradient is 0 in one of them. With L levels
    each row is hidden by rho-concentrated privacy, rho = L / (2 (noise / clip)^2), whatever was
    shown before [3]_. What follows the noise is free: optimizers with moments see gradients with
    noise, and weight decay is the same for rows of any weight.

    Networks take features as they are, beyond 10 as 10, instead of standardizing them: means and
    variances would tell of rows. What stands before the model must not learn from rows either
    (`StandardScaler` does): bring features to a known scale by constants. Names of features and
    the values of nominal ones count as public, as does the number of rows. Missing values count
    as 0.

    The promise is that of the learner alone. What it stands in tells of rows by itself where it
    weighs or replaces members by their errors, chooses rows, shows them again or puts them into
    others, as ensembles, `LossFilter`, `ReplayingClassifier` and `Forecaster` do.

    Draws come from a fast generator, not from one for cryptography, and are rounded as floats are.
    Copies of a model have the same noise, so that their difference shows what rows they did not
    share: show no two of them, nor what `Replayable` made of one before and after a request. Each
    model that learns a row, a member of an ensemble too, spends a budget of its own.

    References
    ----------
    .. [1] Kairouz, McMahan, Song, Thakkar, Thakurta, Xu (2021), Practical and private (deep)
       learning without sampling or shuffling, ICML. Algorithm 1. arXiv:2103.00039
    .. [2] Honaker (2015), Efficient use of differentially private binary trees, TPDP. Section 3.
    .. [3] Denisov, McMahan, Rush, Smith, Thakurta (2022), Improved differential privacy for SGD via
       optimal private linear operators on adaptive streams, NeurIPS. Theorem 2.1. arXiv:2202.08312
    """

    _kind = TREE

    def __init__(
        self,
        *,
        epsilon: float = 2.0,
        delta: float = 1e-5,
        clip: float = 1.0,
        period: int = 100_000,
        n_periods: int | None = None,
        noise_multiplier: float | None = None,
        target_range: Sequence[float] | None = None,
        classes: Sequence[Hashable] | None = None,
        seed: int | None = None,
        odometer: PrivacyOdometer | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.clip = clip
        self.period = period
        self.n_periods = n_periods
        self.noise_multiplier = noise_multiplier
        self.target_range = target_range
        self.classes = classes
        self.seed = seed
        self.odometer = odometer

    @property
    def n_vectors(self) -> int:
        """Levels of a tree, a noise vector each."""
        return int(self.period).bit_length()

    def _plan(self) -> Array:
        return shares_of_draws(self.n_vectors + 1)

    def _sensitivity(self) -> float:
        return math.sqrt(self.n_vectors)  # a row is in one node of each level
