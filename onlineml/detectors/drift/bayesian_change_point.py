"""Bayesian online change point detection: a distribution over the time since the last change."""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

MODELS = ("gaussian", "bernoulli")
_SINCE, _N_RUNS = range(2)  # values since the last alarm; runs that are kept
_MASS, _MEAN, _SPREAD, _LENGTH = range(4)  # of a run: probability, mean, sum of squares


@entry
def _change_point(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f2(d, 2), i1(d, 3), i1(d, 4))


@jit
def _rows(call: Call, settings: Array, norms: Array, runs: Array, counts: Ints, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, norms, runs, counts, call.X[i, 0])
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, norms: Array, runs: Array, counts: Ints, value: float) -> int:
    """Row r of `runs` is the hypothesis that the last change was r values ago."""
    bernoulli, n, highest = settings[0] > 0.0, counts[_N_RUNS], -np.inf
    if bernoulli:
        value = min(max(value, 0.0), 1.0)
    for r in range(n):
        density = (
            _log_bernoulli(runs[r, _MEAN], value)
            if bernoulli
            else _log_student(settings, norms[r], runs[r], r, value)
        )
        runs[r, _MASS] = np.log(max(runs[r, _MASS], 1e-300)) + density
        highest = max(highest, runs[r, _MASS])
    total = 0.0
    for r in range(n):
        runs[r, _MASS] = np.exp(runs[r, _MASS] - highest)
        total += runs[r, _MASS]
        _learn(settings, runs[r], r, value)
    _advance(settings, runs, counts, total)
    return _alarm(settings, runs, counts)


@jit
def _log_student(settings: Array, norm: float, run: Array, r: int, value: float) -> float:
    """Log density of the next value after `r`, normal-inverse-gamma prior."""
    kappa, alpha = settings[4] + r, settings[5] + 0.5 * r
    scale = run[_SPREAD] * (kappa + 1.0) / kappa  # twice beta, times what the mean adds
    gap = value - run[_MEAN]
    return float(norm - 0.5 * np.log(scale) - (alpha + 0.5) * np.log1p(gap * gap / scale))


@jit
def _log_bernoulli(rate: float, value: float) -> float:
    """Log probability of the next value, beta prior; a share counts as that much of an error."""
    rate = min(max(rate, 1e-9), 1.0 - 1e-9)
    return float(value * np.log(rate) + (1.0 - value) * np.log(1.0 - rate))


@jit
def _learn(settings: Array, run: Array, r: int, value: float) -> None:
    """Posterior mean; and for the normal model, twice the posterior beta."""
    kappa = settings[4] + r
    gap = value - run[_MEAN]
    run[_MEAN] += gap / (kappa + 1.0)
    run[_SPREAD] += gap * gap * kappa / (kappa + 1.0)


@jit
def _advance(settings: Array, runs: Array, counts: Ints, total: float) -> None:
    """Every run grows by a value or ends."""
    n, hazard = counts[_N_RUNS], settings[1]
    if n == runs.shape[0]:
        n -= 1
        _merge_longest(settings[5], runs, n)
    for r in range(n, 0, -1):
        for k in range(_LENGTH):
            runs[r, k] = runs[r - 1, k]
        runs[r, _MASS] *= (1.0 - hazard) / total
    runs[0, _MASS], runs[0, _MEAN], runs[0, _SPREAD] = hazard, settings[3], 2.0 * settings[6]
    counts[_N_RUNS] = n + 1
    counts[_SINCE] += 1


@jit
def _merge_longest(alpha: float, runs: Array, longest: int) -> None:
    """Make the two longest runs one, with the statistics of the likelier, for as many values."""
    mass = runs[longest, _MASS] + runs[longest - 1, _MASS]
    if runs[longest, _MASS] > runs[longest - 1, _MASS]:
        runs[longest - 1, _MEAN] = runs[longest, _MEAN]
        shrink = (alpha + 0.5 * longest) / (alpha + 0.5 * (longest + 1))
        runs[longest - 1, _SPREAD] = runs[longest, _SPREAD] * shrink
    runs[longest - 1, _MASS] = mass


@jit
def _alarm(settings: Array, runs: Array, counts: Ints) -> int:
    """Whether nearly all mass lies on runs shorter than half of the time since the last alarm."""
    if counts[_SINCE] < settings[7]:
        return 0
    since = min(counts[_SINCE], runs.shape[0] - 1)
    mass, best = 0.0, 0
    for r in range(since // 2):
        mass += runs[r, _MASS]
        if runs[r, _MASS] > runs[best, _MASS]:
            best = r
    if mass <= settings[2]:
        return 0
    counts[_SINCE] = best
    return DRIFT


class BayesianChangePoint(DriftDetector):
    """Bayesian online change point detection, with a bounded number of run lengths.

    Keeps the probability of every run length, the number of values since the last change, up to
    `max_run_length`: a value multiplies each by its predictive density under that run and by the
    chance 1 - 1 / `expected_run_length` that the run goes on. An alarm is raised when runs
    shorter than half of the time since the last alarm together have more than `threshold`. Time
    and memory per event are O(max_run_length).

    Parameters
    ----------
    model
        "gaussian": normal values of unknown mean and variance; "bernoulli": errors, 0 or 1.
    expected_run_length
        Expected number of values from one change to the next.
    threshold
        Posterior probability that raises an alarm.
    max_run_length
        Longer runs are counted as this long.
    min_instances
        Least number of values from one alarm to the next.
    prior_mean
        Mean that is expected after a change.
    prior_strength
        How many values that expectation is worth.
    prior_scale
        Standard deviation that is expected after a change (model "gaussian").

    Raises
    ------
    ValueError
        At the first event, unless `model` is "gaussian" or "bernoulli", `expected_run_length` > 1,
        0 < `threshold` < 1, `max_run_length` is a whole number >= 10, `min_instances` one >= 0,
        `prior_strength` and `prior_scale` are > 0, and `prior_mean` lies between 0 and 1 for
        "bernoulli". For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import BayesianChangePoint
    >>> detector = BayesianChangePoint(model="bernoulli")
    >>> detector.fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([418])

    Notes
    -----
    The source gives the distribution, not a rule for alarms: this one is ours, and so is the
    bound. When there are too many run lengths, the two longest become one with the statistics of
    the likelier, which thus forget exponentially. The normal-inverse-gamma prior has shape 1.
    Changes in either direction are alarms. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Adams, MacKay (2007), Bayesian online changepoint detection, arXiv:0710.3742.
       Algorithm 1.
    """

    _kernel = _change_point
    _state = (
        Field("norms_", ("R",)),
        Field("runs_", ("R", _LENGTH)),
        Field("counts_", (2,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    norms_: Array
    runs_: Array
    counts_: Ints

    def __init__(
        self,
        *,
        model: str = "gaussian",
        expected_run_length: float = 1000.0,
        threshold: float = 0.95,
        max_run_length: int = 500,
        min_instances: int = 30,
        prior_mean: float = 0.5,
        prior_strength: float = 1.0,
        prior_scale: float = 1.0,
    ) -> None:
        self.model = model
        self.expected_run_length = expected_run_length
        self.threshold = threshold
        self.max_run_length = max_run_length
        self.min_instances = min_instances
        self.prior_mean = prior_mean
        self.prior_strength = prior_strength
        self.prior_scale = prior_scale

    def _check(self) -> None:
        if self.model not in MODELS:
            raise wrong("model", self.model, f"one of {MODELS}")
        if not self.expected_run_length > 1:
            raise wrong("expected_run_length", self.expected_run_length, "a number > 1")
        if not 0 < self.threshold < 1:
            raise wrong("threshold", self.threshold, "a number between 0 and 1")
        if self.max_run_length < 10:
            raise wrong("max_run_length", self.max_run_length, "a number of values >= 10")
        whole("min_instances", self.min_instances, 0, unit="values")
        for name in ("prior_strength", "prior_scale"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")
        if self.model == "bernoulli" and not 0 < self.prior_mean < 1:
            raise wrong("prior_mean", self.prior_mean, "a rate between 0 and 1")

    def _sizes(self) -> dict[str, int]:
        return {"R": int(self.max_run_length) + 1}

    def _start(self, schema: Schema) -> None:
        for r in range(len(self.norms_)):
            alpha = 1.0 + 0.5 * r
            self.norms_[r] = lgamma(alpha + 0.5) - lgamma(alpha) - 0.5 * log(pi)
        self.runs_[0] = 1.0, float(self.prior_mean), 2.0 * float(self.prior_scale) ** 2
        self.counts_[_N_RUNS] = 1

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.model == "bernoulli"),
            1.0 / self.expected_run_length,
            float(self.threshold),
            float(self.prior_mean),
            float(self.prior_strength),
            1.0,
            float(self.prior_scale) ** 2,
            float(self.min_instances),
        )
