"""A mixture of experts of several kinds that follows concept drift."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.mixing import N_COMBINERS, Mixer, mix
from onlineml.kernels.random import poisson
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.knn import KNNClassifier
from onlineml.learners.logistic_regression import LogisticRegression
from onlineml.learners.members import NO_ANSWERS
from onlineml.learners.mlp_classifier import MLPClassifier
from onlineml.learners.passive_aggressive import PassiveAggressiveClassifier
from onlineml.learners.softmax_regression import SoftmaxRegression
from onlineml.learners.watched_classifiers import WATCHED_CLASSIFIERS_FIELDS, WatchedClassifiers
from onlineml.schema import Schema, wrong
from onlineml.transforms import StandardScaler

_LINEAR = (LogisticRegression, PassiveAggressiveClassifier, SoftmaxRegression)
_COMBINERS = ("vote", "accuracy", "gate", "pool", "stack", "hedge", "best")
_RARE = 10.0  # most by which the rows of a rare class are multiplied
_COUNTS_KEPT = 0.999  # share of the past in the frequencies of classes


class DriftMixture(WatchedClassifiers):
    """Mixture of experts: trees, neighbors, naive Bayes, linear models and a network.

    Every expert learns every row, the trees Poisson(`poisson_mean`) times. Two adaptive windows
    watch the errors of trees and naive Bayes: at the warning of the first a background expert
    begins to learn, at the alarm of the second it takes the expert's place. Seven combiners make an
    answer of what the experts say, among them a gate that learns from the row whom to trust; the
    one that did best of late answers. Time per event is that of the experts plus
    O(n_experts * (n_features + n_classes)).

    Parameters
    ----------
    n_trees
        Number of Hoeffding trees whose leaves look at 60 % of the features.
    experts
        The other experts, unfitted classifiers. None for the nearest 5 of the last 500 and 10 of
        the last 2,000 rows, naive Bayes, passive-aggressive and softmax regression and a network of
        32 hidden units. Linear ones see standardized rows.
    poisson_mean
        Mean number of times that a tree learns a row.
    imbalance
        "oob" multiplies the times that trees learn rows of rare classes, up to tenfold, by how much
        more frequent the most frequent class is; None does not.
    lag_labels
        Let gate and stack see the label before. Where labels persist this is no skill: report it
        apart, with kappa-T.
    combiner
        "chosen" answers with the combiner that did best of late; "vote", "accuracy", "gate",
        "pool", "stack", "hedge" or "best" with that one only.
    delta_warning, delta_drift
        Confidences of the two windows.
    seed
        Of the random numbers.
    n_jobs
        Threads that experts are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`; trees get what the other experts leave. None for none.

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
    discounted accuracies; a gate [1]_, linear in the standardized row, on top of these, trained on
    the likelihood of the mixture; a product of powers of probabilities [2]_; the same with powers
    of each class; a hedge that shifts its weights to whom the last rows favor [3]_; and the most
    accurate expert. All learn by Adagrad, from answers given before the label was known. The choice
    among them is by discounted error, plus a tenth of the log loss.

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
        *WATCHED_CLASSIFIERS_FIELDS,
        Field("accuracy_", ("M",), fill=0.5),
        Field("gate_", ("M", "F")),
        Field("gate_squares_", ("M", "F")),
        Field("gate_bias_", ("M",)),
        Field("gate_bias_squares_", ("M",)),
        Field("gate_lag_", ("M", "C")),
        Field("gate_lag_squares_", ("M", "C")),
        Field("pool_", ("M",)),
        Field("pool_squares_", ("M",)),
        Field("stack_", ("M", "C")),
        Field("stack_squares_", ("M", "C")),
        Field("stack_bias_", ("C",)),
        Field("stack_bias_squares_", ("C",)),
        Field("stack_lag_", ("C", "C")),
        Field("stack_lag_squares_", ("C", "C")),
        Field("hedge_", ("M",)),
        Field("losses_", (N_COMBINERS,)),
        Field("shares_", ("M",)),
        Field("last_", (1,), np.int64),
        Field("frequency_", ("C",)),
    )

    hedge_: Array
    losses_: Array
    shares_: Array
    pool_: Array
    frequency_: Array
    scaler_: StandardScaler
    aside_: int

    def __init__(
        self,
        *,
        n_trees: int = 10,
        experts: Sequence[Classifier] | None = None,
        poisson_mean: float = 6.0,
        imbalance: str | None = None,
        lag_labels: bool = False,
        combiner: str = "chosen",
        delta_warning: float = 0.01,
        delta_drift: float = 0.001,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = 1 << 26,
    ) -> None:
        self.n_trees = n_trees
        self.experts = experts
        self.poisson_mean = poisson_mean
        self.imbalance = imbalance
        self.lag_labels = lag_labels
        self.combiner = combiner
        self.delta_warning = delta_warning
        self.delta_drift = delta_drift
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    # ---------------------------------------------------------------- the experts

    @property
    def n_members(self) -> int:  # type: ignore[override]  # others are told how many
        """Number of experts."""
        return len(self._pool())

    base = None
    weighted = True

    def _pool(self) -> list[Classifier]:
        """Trees, then experts that are watched too, then all others."""
        tree = HoeffdingTreeClassifier(
            grace_period=50, delta=0.01, max_features=0.6, max_bytes=None
        )
        given = self._default_experts() if self.experts is None else self.experts
        watched = [expert for expert in given if isinstance(expert, GaussianNB)]
        others = [expert for expert in given if not isinstance(expert, GaussianNB)]
        return [*(tree for _ in range(self.n_trees)), *watched, *others]

    def _default_experts(self) -> list[Classifier]:
        return [
            GaussianNB(),
            KNNClassifier(n_neighbors=5, window_size=500),
            KNNClassifier(n_neighbors=10, window_size=2000),
            PassiveAggressiveClassifier(),
            SoftmaxRegression(learning_rate=0.05),
            MLPClassifier(),
        ]

    def _base(self) -> Estimator:
        return self._pool()[0]

    def _base_at(self, place: int) -> Estimator:
        return self._pool()[place]

    def _n_watched(self) -> int:
        return self.n_trees + sum(isinstance(expert, GaussianNB) for expert in self._pool())

    def _check(self) -> None:
        if not (isinstance(self.n_trees, int) and self.n_trees >= 0):
            raise wrong("n_trees", self.n_trees, "a whole number >= 0")
        pool = self._pool()
        if not pool or not all(isinstance(expert, Classifier) for expert in pool):
            raise wrong("experts", self.experts, "classifiers (at least one, or trees), or None")
        if self.imbalance not in (None, "oob"):
            raise wrong("imbalance", self.imbalance, "'oob' or None")
        if self.combiner not in ("chosen", *_COMBINERS):
            raise wrong("combiner", self.combiner, f"one of {('chosen', *_COMBINERS)}")
        super()._check()

    def _start(self, schema: Schema) -> None:
        self.aside_ = self._aside(schema, [])
        super()._start(schema)
        self.scaler_ = StandardScaler()
        self.scaler_._begin(schema)
        self.hedge_[:] = 1.0 / self.n_members
        self.pool_[:] = 2.0 / self.n_members

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            self.scaler_._admit(schema)
        super()._admit(schema)

    # ---------------------------------------------------------------- memory

    def _aside(self, schema: Schema, news: list[Hashable]) -> int:
        """Bytes of the experts that have no budget of their own."""
        total = 0
        for m, expert in enumerate(self._pool()):
            if "max_bytes" not in expert.get_params(deep=False):
                trial = expert.clone()
                trial._begin(schema)
                trial._admit_targets(news)
                total += trial.nbytes * (2 if m < self._n_watched() else 1)
        return total

    def _share(self) -> int:
        """What is left for each expert that has a budget, with room for twice the others."""
        assert self.max_bytes is not None
        own = sum(getattr(self, field.name).nbytes for field in self._state)
        budgeted = sum(
            2 if m < self._n_watched() else 1
            for m, expert in enumerate(self._pool())
            if "max_bytes" in expert.get_params(deep=False)
        )
        return int((self.max_bytes - 2 * own - 2 * self.aside_) * 15 / 16) // max(budgeted, 1)

    def _check_budget(self, schema: Schema, news: list[Hashable] | None) -> None:
        if self.max_bytes is None:
            return
        known = getattr(self, "classes_", []) if news is None else news
        due = self._aside(schema, known)
        if due > max(2 * self.aside_, self.max_bytes // 2):
            raise wrong(
                "max_bytes", self.max_bytes, f"room for experts of {due} bytes beside trees"
            )

    # ---------------------------------------------------------------- rows

    def _look(self, X: Array, m: int, *, background: bool = False) -> Array:
        linear = m >= len(self.background_) and isinstance(self.members_[m], _LINEAR)
        return self._standard if linear else X

    def _times(self, m: int, weight: Array) -> Array:
        if m >= self.n_trees:
            return weight
        drawn = np.zeros(len(weight))
        _draw(self.generators_, m, float(self.poisson_mean), self._rarity, weight, drawn)
        return drawn

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        Z = np.empty((len(X), self.scaler_._n_outputs()))
        self.scaler_._run(X, y, weight, Z, ANSWER_AND_SCORES, fit)
        self._standard, self._rarity = Z, np.ones(len(X))
        if fit and self.imbalance == "oob":
            _weigh_classes(y, weight, self.frequency_, self._rarity)
        answers, _ = self._run_members(X, y, weight, ANSWER_AND_SCORES, fit)
        fixed = -1 if self.combiner == "chosen" else _COMBINERS.index(self.combiner)
        mix(
            answers, self.seen_, y, weight, Z, self._mixer(), bool(self.lag_labels), fixed,
            out if serve else NO_ANSWERS, serve > 0, fit,
        )  # fmt: skip

    def _mixer(self) -> Mixer:
        return Mixer(*(vars(self)[f"{name}_"] for name in Mixer._fields))

    # ---------------------------------------------------------------- what it does

    @property
    def expert_shares(self) -> dict[str, float]:
        """How much the gate has trusted each expert of late; sums to 1."""
        if not self.is_started:
            return {}
        total = float(self.shares_.sum()) or 1.0
        names = [type(member).__name__ for member in self.members_]
        return {
            f"{m} {name}": float(share) / total
            for m, (name, share) in enumerate(zip(names, self.shares_))
        }

    @property
    def gate_entropy(self) -> float:
        """Entropy of the experts' shares, in bits: log2(n_experts) where all are trusted alike."""
        shares = np.array([share for share in self.expert_shares.values() if share > 0])
        return float(-(shares * np.log2(shares)).sum()) if len(shares) else 0.0

    @property
    def combiner_chosen(self) -> str:
        """The combiner that did best of late."""
        if self.combiner != "chosen" or not self.is_started:
            return self.combiner
        return _COMBINERS[int(self.losses_.argmin())]


@jit
def _draw(
    generators: Ints, m: int, mean: float, rarity: Array, weight: Array, drawn: Array
) -> None:
    """Times that tree `m` takes each row, times its weight."""
    for i in range(weight.shape[0]):
        if weight[i] > 0.0:
            drawn[i] = weight[i] * poisson(generators, m, mean * rarity[i])


@jit
def _weigh_classes(y: Array, weight: Array, frequency: Array, rarity: Array) -> None:
    """How much rarer than the most frequent class each row's class has been, up to `_RARE`."""
    for i in range(y.shape[0]):
        if weight[i] <= 0.0:
            continue
        c = int(y[i])
        for k in range(frequency.shape[0]):
            frequency[k] *= _COUNTS_KEPT
        frequency[c] += 1.0
        rarity[i] = min(frequency.max() / frequency[c], _RARE)
