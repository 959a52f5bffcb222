"""Labels for rows that would steady a linear regression most."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, f2, opened, scratch
from onlineml.kernels.label_budget import FIRST, OWN, Purse, by_rank, purse, settle
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.schema import wrong

_PRIOR = OWN


@entry
def _leverage_sampling(d: int) -> int:
    known, standing, room = f2(d, FIRST), f2(d, FIRST + 1), scratch(d)[0]
    n = known.shape[0]
    return _rows(opened(d), purse(d), known, standing, room[:n], room[n : 2 * n])


@jit
def _rows(call: Call, p: Purse, known: Array, standing: Array, z: Array, along: Array) -> int:
    prior = p.settings[_PRIOR]
    for i in range(call.first, call.last):
        x = call.X[i]
        standardize(x, standing, z)
        score = _leverage(z, prior, known, along)
        ask = settle(call, i, p, by_rank(p, score, 0), score, 0)
        if call.fit and call.weight[i] > 0.0:
            if ask:
                _choose(score, known, along)
            stand(x, call.weight[i], standing)
    return call.last


@jit
def _leverage(z: Array, prior: float, known: Array, along: Array) -> float:
    """The form z' P z for P = prior * I - known, and P z along the way."""
    found = 0.0
    for j in range(z.shape[0]):
        along[j] = prior * z[j]
        for k in range(z.shape[0]):
            along[j] -= known[j, k] * z[k]
        found += along[j] * z[j]
    return max(found, 0.0)


@jit
def _choose(score: float, known: Array, along: Array) -> None:
    """Sherman and Morrison: P loses (P z) (P z)' / (1 + z' P z)."""
    for j in range(along.shape[0]):
        for k in range(along.shape[0]):
            known[j, k] += along[j] * along[k] / (1.0 + score)


class LeverageSampling(QueryStrategy):
    """Asks where a linear regression on the rows asked about is least sure, at a steady pace.

    The score of a row is its leverage z' P z, z being its standardized features and P the inverse
    of the covariances of the rows asked about: the variance of its prediction, in units of the
    noise. No learner is listened to, so it serves regressors. Time per event and memory are
    O(n_features^2 + window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    prior
        Variance of a coefficient that no label has told of.
    seed
        Of the draw between equal scores.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1],
        and a `prior` that is not > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import LeverageSampling
    >>> X = np.random.default_rng(0).normal(size=(4000, 3))
    >>> asks = LeverageSampling(budget=0.1, seed=1).query_fit_many(X).asks
    >>> bool(abs(asks.mean() - 0.1) < 0.002)
    True
    >>> bool((X[asks] ** 2).sum() / asks.sum() > 1.5 * (X**2).sum() / len(X))
    True

    Notes
    -----
    The D-optimal rule of [1]_ with this package's budget in the place of its threshold, and with
    features standardized by all rows, not only by those with labels. P is that of recursive least
    squares [2]_ without forgetting: its leverages shrink as labels are bought, which a rank among
    the last ones does not mind.

    References
    ----------
    .. [1] Cacciarelli, Kulahci, Tyssedal (2022), Stream-based active learning with linear models,
       Knowledge-Based Systems 254, 109664. Section 3. doi:10.1016/j.knosys.2022.109664
    .. [2] Plackett (1950), Some theorems in least squares, Biometrika 37(1), 149-157.
       doi:10.1093/biomet/37.1-2.149
    """

    _kernel = _leverage_sampling
    _state = (*QueryStrategy._state, Field("known_", ("F", "F")), STANDING)
    _needs_proba = False

    def __init__(
        self, *, budget: Budget | float = 0.1, prior: float = 1.0, seed: int | None = None
    ) -> None:
        self.budget = budget
        self.prior = prior
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not self.prior > 0:
            raise wrong("prior", self.prior, "a number > 0")

    def _own_settings(self) -> tuple[float, ...]:
        return (float(self.prior),)

    def _n_scratch(self) -> int:
        return 2 * self.schema_.n_features
