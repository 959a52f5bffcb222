"""Private learning by the banded square root of the matrix that sums up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from onlineml.base import Array
from onlineml.kernels.correlated_noise import BANDED, root_of_sums
from onlineml.learners.privacy import Privacy
from onlineml.odometer import PrivacyOdometer
from onlineml.schema import wrong


class BandedNoise(Privacy):
    """A promise of differential privacy as `TreeAggregation`, kept by other noise.

    With C the banded square root [1]_ of the matrix that sums up, the noise of the gradients is
    C^-1 times independent draws: each row takes part of the noise of the `bands` - 1 rows before
    back. Time per event is one normal draw and `bands` products a weight; memory is `bands`
    times that of the weights.

    Parameters
    ----------
    epsilon, delta, clip, n_periods, noise_multiplier, target_range, classes, seed, odometer
        As in `TreeAggregation`.
    period
        Any two rows of a person are at least that far apart.
    bands
        The noise of so many rows, the present one with them, is put together; no more than
        `period`.

    Raises
    ------
    BudgetSpentError
        As in `TreeAggregation`.
    ValueError
        By the learner, at its first event, unless `bands` is a whole number from 1 to `period`;
        all else as in `TreeAggregation`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import BandedNoise, LinearRegression
    >>> X = np.random.default_rng(0).normal(size=(20_000, 2))
    >>> y = 10.0 + 3.0 * X[:, 0]
    >>> promise = BandedNoise(epsilon=2.0, target_range=(0.0, 20.0), seed=1)
    >>> model = LinearRegression(learning_rate=0.002, privacy=promise).fit_many(X, y)
    >>> bool(abs(model.predict_many(X) - y).mean() < 0.5)
    True

    Notes
    -----
    A row of length `clip` moves what the noise is added to, C times the gradients, by `clip` times
    the length of a column of C; rows that are `bands` apart move parts that do not meet, so that
    the costs of periods add up. What the promise covers, and what not, as in `TreeAggregation`.

    References
    ----------
    .. [1] Kalinin, Lampert (2024), Banded square root matrix factorization for differentially
       private model training, NeurIPS. The section on the banded square root factorization.
       arXiv:2405.13763
    .. [2] Denisov, McMahan, Rush, Smith, Thakurta (2022), Improved differential privacy for SGD via
       optimal private linear operators on adaptive streams, NeurIPS. Theorem 2.1. arXiv:2202.08312
    """

    _kind = BANDED

    def __init__(
        self,
        *,
        epsilon: float = 2.0,
        delta: float = 1e-5,
        clip: float = 1.0,
        period: int = 100_000,
        n_periods: int | None = None,
        bands: int = 64,
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
        self.bands = bands
        self.noise_multiplier = noise_multiplier
        self.target_range = target_range
        self.classes = classes
        self.seed = seed
        self.odometer = odometer

    @property
    def n_vectors(self) -> int:
        """Rows before the present one whose noise is remembered."""
        return self.bands - 1

    def _check(self) -> None:
        super()._check()
        if not 1 <= self.bands <= self.period:
            due = f"a whole number from 1 to the period, {self.period}"
            raise wrong("bands", self.bands, due)

    def _plan(self) -> Array:
        return root_of_sums(self.bands)

    def _sensitivity(self) -> float:
        return float(np.linalg.norm(self._plan()))
