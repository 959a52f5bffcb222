"""Softmax regression: a linear score for each class."""

from __future__ import annotations

from typing import Literal

from onlineml.learners.guarded_classes import GuardedClasses
from onlineml.learners.privacy import Privacy


class SoftmaxRegression(GuardedClasses):
    """Class probabilities proportional to exp(linear score), one gradient step per event.

    Time per event and memory are O(n_classes * n_features). Numeric features should be of
    similar scale (put `StandardScaler` before); a nominal feature has a weight for each of its
    values (one-hot encoding inside). Missing values contribute nothing and leave their weights
    alone. Classes may appear at any time.

    Parameters
    ----------
    optimizer
        "sgd", "adagrad" or "adam".
    learning_rate
        Length of a step.
    l2
        Weight decay: every event multiplies the weights it touches by
        1 / (1 + learning_rate * l2). The intercept does not, unless `decay_intercept`.
    intercept
        Whether every class has one.
    decay_intercept
        Whether weight decay takes intercepts as well, as if they were weights of a feature that is
        always 1. That is not usual, and pulls answers towards equal chances; but where anything
        does not decay, no bound says how little is left of old rows (see
        `onlineml.unlearning.Replayable`).
    privacy
        None, or a promise of differential privacy: `TreeAggregation` or `BandedNoise`, which say
        what it asks of rows and of the learner. The budget left is then told by `odometer`.

    Raises
    ------
    BudgetSpentError
        Where `privacy` shares an odometer: see `TreeAggregation`.
    ValueError
        At the first event, unless `learning_rate` > 0, `l2` >= 0, `optimizer` is among the above,
        and `privacy` is None or a promise that can be kept; for labels that are not among its
        `classes`, where it has any.

    Examples
    --------
    >>> from onlineml.learners import SoftmaxRegression
    >>> model = SoftmaxRegression(learning_rate=0.5)
    >>> rows = [([-1.0, 0.0], "left"), ([1.0, 0.0], "right"), ([0.0, 1.0], "up")] * 20
    >>> for x, y in rows:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([0.1, 0.9])
    'up'

    Notes
    -----
    A step is never longer than `2 / |x|^2`, the bound of stability of this loss (Böhning's bound
    on its curvature, 1/2), so that one wild row cannot throw the weights far off: with features of
    unit scale and the usual learning rates the bound is not met. The gradients that Adagrad and
    Adam see are scaled by the same factor. Moments of weights that a row does not touch stay as
    they are (lazy updates); weight decay is apart from the gradient, as in AdamW.

    Departures from river's class of this name, which has no intercept (`intercept=False`):

    - A class that comes with a row takes part in that row's probabilities, with score 0; in river
      the classes before it share them all, so the first row of the second class pushes the first
      class away as if it had been certain.
    - Steps have the bound above.
    - In a `chain`, a row is learned as it was answered; river's pipelines scale it once more, by
      moments that include it.

    Where these three do not matter, the weights are the same but for rounding.

    References
    ----------
    .. [1] Böhning (1992), Multinomial logistic regression algorithm, Annals of the Institute of
       Statistical Mathematics 44(1), 197-200. doi:10.1007/BF00048682
    .. [2] Duchi, Hazan, Singer (2011), Adaptive subgradient methods, JMLR 12, 2121-2159. Figure 1.
    .. [3] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    """

    _has_reference = False

    def __init__(
        self,
        *,
        optimizer: Literal["sgd", "adagrad", "adam"] = "sgd",
        learning_rate: float = 0.01,
        l2: float = 0.0,
        intercept: bool = True,
        decay_intercept: bool = False,
        privacy: Privacy | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.l2 = l2
        self.intercept = intercept
        self.decay_intercept = decay_intercept
        self.privacy = privacy
