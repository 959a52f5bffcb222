"""A mixture of experts of several kinds that follows concept drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.mixing import fill_hidden, mix, trust_in
from onlineml.kernels.mixing_steps import COMBINERS, MIXER_FIELDS, mixer_of, settle
from onlineml.learners.expert_pool import POOL_FIELDS, ExpertPool
from onlineml.learners.members import NO_ANSWERS
from onlineml.learners.watched_members import by_place
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_RARE = 10.0  # most by which the rows of a rare class are multiplied
_COUNTS_KEPT = 0.999  # share of the past in the frequencies of classes
_PERIOD = 1000  # rows from one look for useless experts to the next
_YOUNG = 2000  # rows after which an expert may be called useless
_NO_SHARE = 0.1  # of an even share of the gate's weights


class DriftMixture(ExpertPool):
    """Mixture of experts: trees, neighbors, naive Bayes, linear models and a network.

    Every expert learns every row, the trees Poisson(`poisson_mean`) times. Two adaptive windows
    watch the errors of those that do not forget by themselves: at the warning of the first a
    background expert begins to learn, at the alarm of the second, if late errors are above the
    expert's own mean, it takes the expert's place. Seven combiners make an answer of what the
    experts say, among them a gate that learns from the row whom to trust; their blend answers, in
    which those count most that erred least of late. Time per event is that of the experts plus
    O(hidden * (n_features + n_experts) + n_classes * (n_features + n_experts)); memory is that of
    the experts and of background experts, within `max_bytes`.

    Parameters
    ----------
    n_trees
        Number of Hoeffding trees. Every second one sees 60 % of the features; leaves of the
        others look at 60 % of them each.
    experts
        The other experts, unfitted classifiers. None for the nearest 5 of the last 500 and 10 of
        the last 2,000 rows, naive Bayes, passive-aggressive and softmax regression and a network of
        32 hidden units. Linear ones see standardized rows. All but linear ones, neighbors and
        networks are watched.
    poisson_mean
        Mean number of times that a tree learns a row.
    hidden
        Hidden units of the gate's network.
    imbalance
        "oob" multiplies rows of rare classes, up to tenfold, by how much more frequent the most
        frequent class is: for trees in number, for all else in weight; None does not.
    lag_labels
        How many labels before the row gate and stack see. Where labels persist this is no skill:
        report it apart, with kappa-T.
    combiner
        "blend", or "vote", "accuracy", "gate", "pool", "stack", "hedge" or "best" to answer with
        that one only.
    delta_warning, delta_drift
        Confidences of the two windows.
    seed
        Of the random numbers.
    n_jobs
        Threads that experts are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`; trees get what is left by twice the size that all else begins with. None
        for none.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` and `lag_labels` are whole numbers >= 0, `hidden` and
        `n_jobs` whole numbers >= 1, `experts` are classifiers or None (one at least where there
        are no trees), `poisson_mean` lies in (0, 100], `delta_warning` and `delta_drift` in
        (0, 1), `max_bytes` > 0 or None, and `imbalance` and `combiner` are among the above. At any
        event whose features or classes bring what has no budget of its own to more than
        `max_bytes`, or to more than twice its size at the start.

    Examples
    --------
    >>> from onlineml.datasets import load
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import DriftMixture
    >>> mixture = DriftMixture(n_trees=3, seed=1)
    >>> result = prequential(mixture, load("sea", seed=1).take(4000), baselines=False)
    >>> result.runs[0].totals["accuracy"] > 0.85
    True

    Notes
    -----
    Combiners: the mean of the experts' probabilities; the mean weighted by the 12th power of their
    discounted accuracies; a gate [1]_, a network of the standardized row on top of these, trained
    on the likelihood of the mixture; a product of powers of probabilities [2]_; the same with
    powers of each class and a linear function of the row; a hedge that shifts its weights to whom
    the last rows favor [3]_; and the most accurate expert. All learn by Adagrad, from answers given
    before the label was known. In the blend each weighs exp(-errors / 2), errors discounted by
    0.995 a row.

    Every 1,000 rows, the watched expert that is least accurate begins anew if the gate gives it
    less than a tenth of an even share, and it is less accurate than the mean.

    References
    ----------
    .. [1] Jacobs, Jordan, Nowlan, Hinton (1991), Adaptive mixtures of local experts, Neural
       Computation 3(1), 79-87. Equation 1.3. doi:10.1162/neco.1991.3.1.79
    .. [2] Hinton (2002), Training products of experts by minimizing contrastive divergence, Neural
       Computation 14(8), section 2. doi:10.1162/089976602760128018
    .. [3] Herbster, Warmuth (1998), Tracking the best expert, Machine Learning 32, section 4.
       doi:10.1023/A:1007424614876
    """

    _state = (
        *POOL_FIELDS,
        *MIXER_FIELDS,
        Field("nominal_", ("F",), np.int64),
        Field("frequency_", ("C",)),
        Field("n_rows_", (1,), np.int64),
        Field("n_renewed_", ("M",), np.int64),
    )

    accuracy_: Array
    hidden_: Array
    hedge_: Array
    losses_: Array
    shares_: Array
    disorder_: Array
    pool_: Array
    stack_: Array
    nominal_: Ints
    frequency_: Array
    n_rows_: Ints
    n_renewed_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 10,
        experts: Sequence[Classifier] | None = None,
        poisson_mean: float = 6.0,
        hidden: int = 32,
        imbalance: str | None = None,
        lag_labels: int = 0,
        combiner: str = "blend",
        delta_warning: float = 0.01,
        delta_drift: float = 0.001,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = 1 << 26,
    ) -> None:
        self.n_trees = n_trees
        self.experts = experts
        self.poisson_mean = poisson_mean
        self.hidden = hidden
        self.imbalance = imbalance
        self.lag_labels = lag_labels
        self.combiner = combiner
        self.delta_warning = delta_warning
        self.delta_drift = delta_drift
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _check(self) -> None:
        whole("hidden", self.hidden, 1)
        if self.imbalance not in (None, "oob"):
            raise wrong("imbalance", self.imbalance, "'oob' or None")
        whole("lag_labels", self.lag_labels, 0)
        if self.combiner not in ("blend", *COMBINERS):
            raise wrong("combiner", self.combiner, f"one of {('blend', *COMBINERS)}")
        super()._check()

    def _sizes(self) -> dict[str, int]:
        return super()._sizes() | {"H": self.hidden, "P": int(self.lag_labels)}

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        n = self.n_members
        self.hedge_[:] = self.shares_[:] = 1.0 / n
        self.disorder_[:] = np.log2(n)
        self.pool_[0] = self.stack_[0] = 1.5 / n
        fill_hidden(self.entropy_[0], self.hidden_, 0, 0)

    def _admit(self, schema: Schema) -> None:
        before = self.hidden_.shape[1:3] if self.is_started else (0, 0)
        super()._admit(schema)
        fill_hidden(self.entropy_[0], self.hidden_, *before)

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        first = 0
        while first < len(X):
            last = len(X)
            if fit:
                last = min(last, first + _PERIOD - int(self.n_rows_[0]) % _PERIOD)
            rows = X[first:last], y[first:last], weight[first:last]
            self._run_part(*rows, out[first:last], serve, fit)
            if fit:
                self.n_rows_[0] += last - first
                if self.n_rows_[0] % _PERIOD == 0:
                    self._renew_useless()
            first = last

    def _run_part(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool
    ) -> None:
        """Rows between two looks for useless experts."""
        self._standard = Z = np.empty((len(X), self.scaler_._n_outputs()))
        self.scaler_._run(X, y, weight, Z, ANSWER_AND_SCORES, fit)
        if fit and self.imbalance == "oob":
            weight = weight.copy()
            _weigh_classes(y, self.frequency_, weight)
        answers, _, begins = self._run_members(X, y, weight, ANSWER_AND_SCORES, fit)
        replaced = np.zeros(answers.shape[:2], np.int64)
        for m, rows in begins.items():
            replaced[m, [row - 1 for row in rows]] = 1
        fixed = -1 if self.combiner == "blend" else COMBINERS.index(self.combiner)
        mix(
            answers, replaced, self.seen_, y, weight, Z, self.nominal_, mixer_of(self), fixed,
            out if serve else NO_ANSWERS, serve, fit,
        )  # fmt: skip

    def _renew_useless(self) -> None:
        """Let the least accurate watched expert begin anew, if it is of no use."""
        n = len(self.background_)
        useless = (self.shares_[:n] < _NO_SHARE / self.n_members) & (self.judged_[:n, 0] >= _YOUNG)
        useless &= self.accuracy_[:n] < self.accuracy_.mean()
        if useless.any():
            m = int(np.where(useless, self.accuracy_[:n], np.inf).argmin())
            self._begin_anew(m)
            self.n_renewed_[m] += 1
            settle(mixer_of(self), m)

    # ---------------------------------------------------------------- what it does

    @property
    def expert_shares(self) -> dict[str, float]:
        """How much the gate has trusted each expert of late; sums to 1."""
        if not self.is_started:
            return {}
        return by_place(self.members_, self.shares_ / self.shares_.sum())

    @property
    def gate_entropy(self) -> float:
        """Mean entropy of the gate's weights of late, in bits; log2(n_experts) if all are alike."""
        return float(self.disorder_[0]) if self.is_started else 0.0

    @property
    def combiner_weights(self) -> dict[str, float]:
        """How much each combiner counts in the answer; sums to 1."""
        trust = np.zeros(len(COMBINERS))
        if self.combiner != "blend":
            trust[COMBINERS.index(self.combiner)] = 1.0
        elif self.is_started:
            trust = trust_in(self.losses_)
        else:
            trust[:] = 1.0
        return dict(zip(COMBINERS, (trust / trust.sum()).tolist()))

    @property
    def combiner_chosen(self) -> str:
        """The combiner that counts most."""
        weights = self.combiner_weights
        return max(weights, key=weights.__getitem__)

    @property
    def n_renewed(self) -> int:
        """How often an expert began anew because it was of no use."""
        return int(self.n_renewed_.sum()) if self.is_started else 0

    def diagnostics(self) -> Diagnostics:
        """Whom gate and blend trust, how undecided the gate is, and which experts began anew."""
        if not self.is_started:
            return {}
        return {
            "expert_shares": self.expert_shares,
            "combiner_shares": self.combiner_weights,
            "gate_entropy": self.gate_entropy,
            **super().diagnostics(),
            "n_renewed": by_place(self.members_, self.n_renewed_),
        }


@jit
def _weigh_classes(y: Array, frequency: Array, weight: Array) -> None:
    """Multiply weights by how much rarer than the most frequent class a row's class has been."""
    for i in range(y.shape[0]):
        if weight[i] <= 0.0:
            continue
        c = int(y[i])
        for k in range(frequency.shape[0]):
            frequency[k] *= _COUNTS_KEPT
        frequency[c] += 1.0
        weight[i] *= min(frequency.max() / frequency[c], _RARE)
