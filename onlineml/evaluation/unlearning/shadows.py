"""An attack on single rows: by models that have met a row, and models that have not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.evaluation.unlearning import measures

_LEAST = 1e-6  # probability below which all are alike, and least spread of what shadows say


class LikelihoodRatio:
    """Tells members from strangers by how far a model knows each row, beside shadow models.

    Each shadow model has learned a random half of the rows in question: of each row it is then
    known how well models know it that have met it, and models that have not.

    Parameters
    ----------
    train
        Learns the stream and those rows in question that are marked; gives answers to all of them.
    targets
        Of the rows in question: columns of the answers, or numbers.
    n_shadows
        Number of shadow models, at least 2.
    seed
        Of who learns what.

    Notes
    -----
    After [1]_ with few shadows: Gaussians with a mean for each row, and a variance for all rows.

    References
    ----------
    .. [1] Carlini et al. (2022), Membership inference attacks from first principles, IEEE S&P.
       Algorithm 1, section VI.C. arXiv:2112.03570
    """

    def __init__(
        self, train: Callable[[Any], Array], targets: Array, n_shadows: int, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        ranks = rng.random((n_shadows, len(targets))).argsort(0)
        met, self.targets = ranks < n_shadows // 2, targets
        knows = np.array([known(train(marked), targets) for marked in met])
        self.means = [np.nanmean(np.where(side, knows, np.nan), 0) for side in (met, ~met)]
        self.spreads = [
            max(float(np.sqrt(np.mean((knows - mean)[side] ** 2))), _LEAST)
            for side, mean in zip((met, ~met), self.means)
        ]

    def suspicion(self, answers: Array) -> Array:
        """Log of how much likelier each answer is of a model that has met the row."""
        knows = known(answers, self.targets)
        met, unmet = (
            -0.5 * ((knows - mean) / spread) ** 2 - np.log(spread)
            for mean, spread in zip(self.means, self.spreads)
        )
        return np.asarray(met - unmet)

    def auc(self, answers: Array, n_members: int) -> float:
        """Chance to tell one of the first `n_members` rows from one of the others; 0.5 is none."""
        said = np.round(self.suspicion(answers), 6)  # what differs by rounding is a tie
        return measures.membership(-said[:n_members], -said[n_members:])


def known(answers: Array, targets: Array) -> Array:
    """How well a model knows rows: the log odds of the label; minus the log error of a number."""
    lost = measures.losses(answers, targets)
    if answers.shape[1] == 1:
        return np.asarray(-np.log(lost + _LEAST**2))
    share = np.clip(np.exp(-lost), _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(share / (1.0 - share)))
