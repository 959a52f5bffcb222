"""How many labels may be bought, and at what pace."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import Purse, by_rank, purse, settle
from onlineml.parameters import whole
from onlineml.schema import wrong

_LEAST = 1e-300
_TERMS = (
    ("rate", _LEAST, 1.0, "a share in (0, 1]"),
    ("total", _LEAST, 1e300, "a number > 0"),
    ("horizon", 1, 1e300, "a number of rows >= 1"),
    ("explore", 0.0, 1.0, "a share in [0, 1]"),
    ("cost", _LEAST, 1e300, "a number > 0"),
    ("n_min", 0, 1e300, "a number of labels >= 0"),
    ("k_min", 0, 1e300, "a number of classes >= 0"),
    ("n_refund", 0.0, 1e300, "a number of labels >= 0"),
)
_UNKNOWN = ("rate", "total", "horizon")  # terms that may be None
_COLD_SHARE = 0.2  # of all labels, at most, that are bought at the very start


@entry
def by_given_score(d: int) -> int:
    """Ask about the greatest of the numbers that are given."""
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    for i in range(call.first, call.last):
        score = call.X[i, 0]
        settle(call, i, p, by_rank(p, score, 0), score, 0)
    return call.last


class Budget(QueryStrategy):
    """How many labels may be bought, at what pace; by itself, asks about the greatest numbers.

    Every strategy takes one as its parameter `budget` and reads its terms. Used as a strategy, its
    rows are numbers, such as scores of a detector: it asks about those that are among the greatest
    of the last ones, as many as the pace allows. Time per event and memory are O(window_size).

    Parameters
    ----------
    rate
        Share of the rows whose labels are bought, in (0, 1].
    total
        Labels that are bought in all or, where labels have a `cost`, what they may cost together.
    horizon
        Rows of the stream, where known: labels are then spread over them to the last one. It
        makes a `rate` a `total` and the other way round. Without it the rate is kept at any time.
    hard
        Never spend more than the total, nor run ahead of the pace. Otherwise both are kept on
        the average: at least a quarter of the rate goes on whatever was spent.
    pace
        "uniform", or "front" (needs a horizon): labels bought by row t grow as the root of t.
        That helps while a learner is young, and costs dearly if the stream drifts.
    explore
        Share of the questions that are drawn at random, so that every row has a chance.
    cost
        Of one label, in the units of `total`.
    n_min
        Labels that are bought first, whatever the learner says; at most a fifth of all.
    k_min
        Go on so, up to twice as many but a quarter of all, until the learner knows so many classes.
    window_size
        Scores of the past with which a new one is compared.
    detector
        A drift detector that watches the answers. After an alarm `n_refund` labels are bought ahead
        of the pace; see `refund`. It is told whether a label differs from the one that came
        most often where the learner was of that mind; answers have to be given by `answer_one`.
    n_refund
        Labels, at an alarm.
    seed
        Of the draw between equal scores, where this is used as a strategy.

    Raises
    ------
    ValueError
        At the first row, or that of the strategy that it is given to: for a `rate` outside of (0,
        1], or None without `total` and `horizon`; a `total` or `cost` that is not > 0, a `horizon`
        below 1, an `explore` outside of [0, 1], an `n_min`, `k_min` or `n_refund` below 0, a
        `window_size` that is not a whole number >= 1; an unknown `pace`, or "front" without a
        horizon; and a `detector` that is none.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import Budget
    >>> scores = np.random.default_rng(0).normal(size=20_000)
    >>> budget = Budget(rate=0.05, seed=1)
    >>> asks = budget.query_fit_many(scores).asks
    >>> bool(abs(asks.mean() - 0.05) < 0.001), bool(scores[asks].mean() > 1.8)
    (True, True)

    Notes
    -----
    A score is compared by its smoothed conformal p-value [1]_, so that the share of questions is
    kept whatever the scores' distribution, ties included. The share is the slope of the plan,
    corrected by the gap to it: 6 labels ahead (fewer where the total is small) stop all questions.
    Three labels behind the plan, a part of the questions is drawn at random. What is bought first,
    or ahead after a `refund`, is paid back: over the whole horizon or, without one, at half the
    pace until the rate is met.

    References
    ----------
    .. [1] Vovk, Gammerman, Shafer (2005), Algorithmic learning in a random world. Section 2.2.
    .. [2] Zliobaite, Bifet, Pfahringer, Holmes (2014), Active learning with drifting streaming
       data, IEEE TNNLS 25(1), 27-39. Section II: the budget of labels.
       doi:10.1109/TNNLS.2012.2236570
    """

    _kernel = by_given_score
    _needs_proba = False
    _n_inputs = 1

    def __init__(
        self,
        *,
        rate: float | None = None,
        total: float | None = None,
        horizon: int | None = None,
        hard: bool = True,
        pace: Literal["uniform", "front"] = "uniform",
        explore: float = 0.0,
        cost: float = 1.0,
        n_min: int = 20,
        k_min: int = 2,
        window_size: int = 200,
        detector: DriftDetector | None = None,
        n_refund: float = 20.0,
        seed: int | None = None,
    ) -> None:
        self.rate = rate
        self.total = total
        self.horizon = horizon
        self.hard = hard
        self.pace = pace
        self.explore = explore
        self.cost = cost
        self.n_min = n_min
        self.k_min = k_min
        self.window_size = window_size
        self.detector = detector
        self.n_refund = n_refund
        self.seed = seed

    def _budget(self) -> Any:
        return self

    def _check(self) -> None:
        for name, low, high, due in _TERMS:
            value = getattr(self, name)
            if value is None and name in _UNKNOWN:
                continue
            if not low <= value <= high:
                raise wrong(name, value, due)
        whole("window_size", self.window_size, 1)
        if self.rate is None and (self.total is None or self.horizon is None):
            raise wrong("rate", self.rate, "a share in (0, 1], or a total and a horizon")
        if not (self.detector is None or isinstance(self.detector, DriftDetector)):
            raise wrong("detector", self.detector, "a drift detector, or None")
        if self.pace not in ("uniform", "front"):
            raise wrong("pace", self.pace, "'uniform' or 'front'")
        if self.pace == "front" and self.horizon is None:
            raise wrong("pace", self.pace, "'uniform': 'front' needs a horizon")

    def _terms(self) -> tuple[float, ...]:
        """The numbers that kernels read: see the cells of `label_budget`."""
        total = np.inf if self.total is None else self.total / self.cost
        horizon = np.inf if self.horizon is None else float(self.horizon)
        if self.rate is None:
            rate = total / horizon
        else:
            rate = float(self.rate)
            if horizon < np.inf:
                total = min(total, float(round(rate * horizon)))
                rate = total / horizon
        cold = float(self.n_min)
        if total < np.inf:
            cold = min(cold, max(1.0, np.floor(_COLD_SHARE * total)))
        front = self.pace == "front"
        explore = float(self.explore)
        return rate, total, horizon, self.hard, front, explore, cold, float(self.k_min)
