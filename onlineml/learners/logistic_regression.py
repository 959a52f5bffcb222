"""Logistic regression."""

from __future__ import annotations

from typing import Literal

from onlineml.learners.guarded_classes import GuardedClasses
from onlineml.learners.privacy import Privacy


class LogisticRegression(GuardedClasses):
    """Log odds against the first class are linear; one gradient step per event.

    With two classes this is binary logistic regression with one weight vector, that of the class
    that appeared second. A class that appears later gets its own weights and the model is the
    multinomial logit, with the first class as reference. Scaling, nominal and missing features as
    in `SoftmaxRegression`, whose weights are not tied to a reference. Time per event and memory
    are O(n_classes * n_features).

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
        Whether the log odds have one.
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
    >>> from onlineml.learners import LogisticRegression
    >>> model = LogisticRegression(learning_rate=0.5)
    >>> for x, y in [([-1.0], False), ([1.0], True)] * 20:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([0.4])
    True
    >>> model.predict_proba_one([0.4]).round(2)
    array([0.23, 0.77])

    Notes
    -----
    Steps are bounded, decay is apart from the gradient and updates are lazy, as in
    `SoftmaxRegression`.

    References
    ----------
    .. [1] Bottou (2010), Large-scale machine learning with stochastic gradient descent, COMPSTAT.
       Table 1. doi:10.1007/978-3-7908-2604-3_16
    """

    _has_reference = True

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
