"""How much of a privacy budget is spent, and whether the next step still fits into it."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any, Literal, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from onlineml.schema import wrong

RULES = ("basic", "adaptive", "concentrated")
_ABOVE_1 = np.exp(np.linspace(-9.0, 18.0, 4000))  # orders less 1; any order gives a valid bound
_ORDERS = 1.0 + _ABOVE_1
_SPENT = ("n_steps", "n_learners", "_sum", "_squares", "_deltas", "_rho")
_SPENDING = Lock()  # members of an ensemble may learn in threads
_IN_USE: WeakValueDictionary[str, PrivacyOdometer] = WeakValueDictionary()


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon of what is rho-concentrated, at this delta ([2]_ of `PrivacyOdometer`).

    Examples
    --------
    >>> round(epsilon_of(0.1, 1e-5), 2)
    1.91
    """
    if rho <= 0.0:
        return 0.0
    lost = _ORDERS * rho - np.log(delta * _ORDERS) / _ABOVE_1 + np.log1p(-1.0 / _ORDERS)
    return max(float(lost.min()), 0.0)


@lru_cache(256)
def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho that is within (epsilon, delta): the inverse of `epsilon_of`."""
    low, high = 0.0, epsilon
    while epsilon_of(high, delta) <= epsilon:
        high *= 2.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if epsilon_of(middle, delta) <= epsilon else (low, middle)
    return low


class BudgetSpentError(ValueError):
    """What was asked for would exceed a budget of privacy; nothing was spent, or learned.

    Raised by private learners whose odometer refuses: those of
    `onlineml.learners` that take a `privacy`.

    Examples
    --------
    >>> from onlineml.unlearning import BudgetSpentError
    >>> issubclass(BudgetSpentError, ValueError)
    True
    """


class Step(NamedTuple):
    """What a release or a removal costs."""

    epsilon: float = 0.0
    delta: float = 0.0
    rho: float = 0.0


def no_room(odometer: PrivacyOdometer) -> BudgetSpentError:
    """The error of a learner whose odometer refuses."""
    due = "rows that the budget has room for"
    return BudgetSpentError(f"privacy.odometer: got more rows with {odometer!r}, expected {due}")


class PrivacyOdometer:
    """Adds up what each release or removal costs, and refuses what would exceed the budget.

    Each step is (epsilon, delta)-private, or leaves a row with no more than that; steps may be
    chosen by what the earlier ones gave. All that was spent is within (epsilon, delta).

    One odometer may be shared, as the `odometer` of the `privacy` of several learners: see
    `onlineml.learners.TreeAggregation`. It stands for what others have seen, which cannot be taken
    back: copies of it, and of learners that have it, are the same budget, and so is what a file
    brings back while it is in use. A file holds what was spent when it was written; of files of
    different age, or one that is used, the most counts. Processes that go on from the same file do
    not know of one another. Time per step and memory are O(1).

    Parameters
    ----------
    epsilon, delta
        The budget.
    rule
        "basic": epsilons and deltas add up, best for few steps; "adaptive": many small steps cost
        about the root of the sum of their squares, for half of delta. It cannot be changed
        on the way, as the budget would then be spent twice; "concentrated": steps of Gaussian noise
        are told by their `rho`, half the squared ratio of sensitivity to noise, which add up; it
        wants some of delta left that steps do not take.

    Raises
    ------
    ValueError
        For an `epsilon` that is not finite and > 0, a `delta` outside of [0, 1), or 0 where the
        rule is not "basic", and an unknown `rule`.

    Examples
    --------
    >>> from onlineml.unlearning import PrivacyOdometer
    >>> odometer = PrivacyOdometer(epsilon=1.0, delta=1e-5)
    >>> [odometer.spend(0.4) for _ in range(3)]
    [True, True, False]
    >>> odometer.spent
    (0.8, 0.0)
    >>> many = PrivacyOdometer(epsilon=1.0, delta=1e-5, rule="adaptive")
    >>> sum(many.spend(0.01) for _ in range(1000))
    393

    Notes
    -----
    "adaptive" is the filter of [1]_, theorem 1: with delta' the half of delta, steps are allowed
    while sqrt(2 log(1 / delta') sum epsilon_i^2) + sum epsilon_i^2 / 2 <= epsilon and the deltas
    of the steps sum to no more than the other half. It holds however the steps are chosen.
    "concentrated" is zero-concentrated privacy, turned into (epsilon, delta) by [2]_, corollary 13;
    a step of epsilon counts as rho = epsilon^2 / 2, its delta is taken from that of the budget
    before ([3]_, section 8).

    References
    ----------
    .. [1] Whitehouse, Ramdas, Rogers, Wu (2023), Fully-adaptive composition in differential
       privacy, ICML. Theorem 1. arXiv:2203.05481
    .. [2] Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, NeurIPS.
       Corollary 13. arXiv:2004.00010
    .. [3] Bun, Steinke (2016), Concentrated differential privacy, TCC. Definition 1.1 and section
       8. arXiv:1605.02065
    """

    def __init__(
        self,
        *,
        epsilon: float,
        delta: float = 0.0,
        rule: Literal["basic", "adaptive", "concentrated"] = "basic",
    ) -> None:
        if not (isinstance(epsilon, int | float | np.number) and 0.0 < epsilon < math.inf):
            raise wrong("epsilon", epsilon, "a number > 0")
        if not (isinstance(delta, int | float | np.number) and 0.0 <= delta < 1.0):
            raise wrong("delta", delta, "a number from 0 to 1, below 1")
        if rule not in RULES:
            raise wrong("rule", rule, f"one of {list(RULES)}")
        if rule != "basic" and delta == 0.0:
            raise wrong("delta", delta, f"a number > 0, of which the {rule} rule takes its part")
        self.epsilon, self.delta, self.rule = epsilon, delta, rule
        self.n_steps = self.n_learners = 0
        self._sum = self._squares = self._deltas = self._rho = 0.0
        self._key = secrets.token_hex(8)
        _IN_USE[self._key] = self

    @property
    def spent(self) -> tuple[float, float]:
        """The epsilon and delta that all steps so far are within."""
        return self._after() if self.n_steps else (0.0, 0.0)

    def allows(self, epsilon: float = 0.0, delta: float = 0.0, *, rho: float = 0.0) -> bool:
        """Whether a step fits into what is left.

        Raises
        ------
        ValueError
            For an `epsilon` or `rho` that is not finite and >= 0, a `delta` outside of [0, 1), and
            a `rho` where the rule is not "concentrated".
        """
        for name, value in (("epsilon", epsilon), ("rho", rho)):
            if not 0.0 <= value < math.inf:
                raise wrong(name, value, "a number >= 0")
        if not 0.0 <= delta < 1.0:
            raise wrong("delta", delta, "a number from 0 to 1")
        if rho > 0.0 and self.rule != "concentrated":
            raise wrong("rho", rho, f"0 by the {self.rule} rule")
        return self._has_room(Step(epsilon, delta, rho))

    def spend(self, epsilon: float = 0.0, delta: float = 0.0, *, rho: float = 0.0) -> bool:
        """Take a step where it fits; False, and nothing is spent, where it does not.

        Raises
        ------
        ValueError
            As `allows`; nothing is spent.
        """
        with _SPENDING:
            if not self.allows(epsilon, delta, rho=rho):
                return False
            self.n_steps += 1
            self._sum += epsilon
            self._squares += epsilon * epsilon
            self._deltas += delta
            self._rho += rho
            return True

    def join(self) -> int:
        """Count a learner that begins to spend; the number tells its noise from that of others."""
        with _SPENDING:
            self.n_learners += 1
            return self.n_learners

    def _has_room(self, *steps: Step) -> bool:
        due = self._after(*steps)
        slack = 1.0 + 1e-12  # rounding of the sums
        return due[0] <= self.epsilon * slack and due[1] <= self.delta * slack

    def _after(self, *steps: Step) -> tuple[float, float]:
        deltas = self._deltas + sum(step.delta for step in steps)
        if self.rule == "basic":
            return self._sum + sum(step.epsilon for step in steps), deltas
        squares = self._squares + sum(step.epsilon * step.epsilon for step in steps)
        if self.rule == "concentrated":
            left = self.delta - deltas
            whole = self._rho + sum(step.rho for step in steps) + squares / 2.0
            return (epsilon_of(whole, left) if left > 0.0 else math.inf), self.delta
        half = self.delta / 2.0
        spent = math.sqrt(2.0 * math.log(1.0 / half) * squares) + squares / 2.0
        return spent, half + deltas

    # ---------------------------------------------------------------- copies and files

    def to_plain(self) -> dict[str, Any]:
        """Itself as numbers and text, for files."""
        return dict(vars(self))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> PrivacyOdometer:
        """The odometer that `to_plain` told of, which is the one in use where there is one."""
        made = _IN_USE.get(plain["_key"])
        if made is None:
            made = cls(epsilon=plain["epsilon"], delta=plain["delta"], rule=plain["rule"])
            made._key = plain["_key"]
            _IN_USE[made._key] = made
        with _SPENDING:
            for name in _SPENT:
                setattr(made, name, max(getattr(made, name), plain[name]))
        return made

    def __copy__(self) -> PrivacyOdometer:
        return self

    def __deepcopy__(self, memo: Any) -> PrivacyOdometer:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return PrivacyOdometer.from_plain, (self.to_plain(),)

    def __repr__(self) -> str:
        epsilon, delta = self.spent
        return (
            f"PrivacyOdometer(epsilon={epsilon:.4g} of {self.epsilon:.4g}, "
            f"delta={delta:.3g} of {self.delta:.3g}, n_steps={self.n_steps})"
        )
