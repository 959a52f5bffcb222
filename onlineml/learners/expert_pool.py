"""Pools of experts of several kinds: trees and whatever else, watched or not, within a budget."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from onlineml.base import Array, Classifier, Estimator
from onlineml.estimator import _power_of_two
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.knn import KNNClassifier
from onlineml.learners.logistic_regression import LogisticRegression
from onlineml.learners.mlp_classifier import MLPClassifier
from onlineml.learners.passive_aggressive import PassiveAggressiveClassifier
from onlineml.learners.patched_members import LOOKS, PatchedEnsemble
from onlineml.learners.softmax_regression import SoftmaxRegression
from onlineml.learners.tree_growth import _size_of_arrays
from onlineml.learners.watched_classifiers import WATCHED_CLASSIFIERS_FIELDS, WatchedClassifiers
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong
from onlineml.transforms import StandardScaler

_LINEAR = (LogisticRegression, PassiveAggressiveClassifier, SoftmaxRegression)
_FORGETFUL = (*_LINEAR, KNNClassifier, MLPClassifier)  # follow a drift without being watched
_LOOKED_AT = 0.6  # share of the features that a tree or its leaves look at

#: The state that every such pool has.
POOL_FIELDS = (*WATCHED_CLASSIFIERS_FIELDS, LOOKS)

#: Experts beside the trees where none are given; members are clones of these.
_EXPERTS: tuple[Classifier, ...] = (
    GaussianNB(),
    KNNClassifier(n_neighbors=5, window_size=500),
    KNNClassifier(n_neighbors=10, window_size=2000),
    PassiveAggressiveClassifier(),
    SoftmaxRegression(learning_rate=0.05),
    MLPClassifier(),
)


class ExpertPool(PatchedEnsemble, WatchedClassifiers):
    """`n_trees` trees, experts that are watched as trees are, and experts that forget anyhow.

    Every second tree sees some features only; leaves of the others look at some each. Linear
    experts see standardized rows.
    """

    n_trees: int
    experts: Sequence[Classifier] | None
    scaler_: StandardScaler
    aside_: int
    _standard: Array  # the rows of the present call, standardized

    base = None
    weighted = True
    _guarded = True

    @property
    def n_members(self) -> int:  # type: ignore[override]  # others are told how many
        """Number of experts."""
        return self.n_trees + len(self._given())

    def _given(self) -> Sequence[Classifier]:
        """Experts beside the trees, as they were given."""
        return _EXPERTS if self.experts is None else self.experts

    def _pool(self) -> list[Classifier]:
        """Trees, then experts that are watched too, then all others."""
        given = self._given()
        watched = [expert for expert in given if not isinstance(expert, _FORGETFUL)]
        others = [expert for expert in given if isinstance(expert, _FORGETFUL)]
        return [*map(self._tree, range(self.n_trees)), *watched, *others]

    def _tree(self, place: int) -> Classifier:
        by_leaf = None if self._is_patched(place) else _LOOKED_AT
        return HoeffdingTreeClassifier(
            grace_period=50, delta=0.01, binary_splits=True, max_features=by_leaf, max_bytes=None
        )

    def _is_patched(self, place: int) -> bool:
        return place < self.n_trees and place % 2 == 1

    def _n_looked_at(self, place: int, n_features: int) -> int:
        return max(round(_LOOKED_AT * n_features), 1) if self._is_patched(place) else n_features

    def _base(self) -> Estimator:
        return self._pool()[0]

    def _base_at(self, place: int) -> Estimator:
        return self._pool()[place]

    def _n_watched(self) -> int:
        return sum(not isinstance(expert, _FORGETFUL) for expert in self._pool())

    def _check(self) -> None:
        whole("n_trees", self.n_trees, 0)
        pool = self._pool()
        if not pool or not all(isinstance(expert, Classifier) for expert in pool):
            raise wrong("experts", self.experts, "classifiers (at least one, or trees), or None")
        super()._check()

    def _start(self, schema: Schema) -> None:
        self.aside_ = self._aside(schema, [])
        super()._start(schema)
        self.scaler_ = StandardScaler()
        self.scaler_._begin(schema)

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            self.scaler_._admit(schema)
        super()._admit(schema)

    # ---------------------------------------------------------------- rows

    def _look(self, X: Array, m: int, *, background: bool = False) -> Array:
        linear = m >= len(self.background_) and isinstance(self.members_[m], _LINEAR)
        return self._standard if linear else super()._look(X, m, background=background)

    def _times(self, m: int, weight: Array) -> Array:
        return super()._times(m, weight) if m < self.n_trees else weight

    def _begin_anew(self, m: int) -> None:
        """Put the background expert, which may know nothing yet, in the place of a watched one."""
        self._promote(m)
        self._renew(m)
        self.warned_[m] = 0
        self.drift_windows_[m] = self.warning_windows_[m] = self.judged_[m] = 0.0

    # ---------------------------------------------------------------- memory

    def _aside(self, schema: Schema, news: Sequence[Hashable]) -> int:
        """Bytes of what has no budget of its own: such experts, and the pool's own arrays."""
        sizes = {
            "F": schema.n_features,
            "V": max(self._size("V"), _power_of_two(schema.n_values)),
            "C": max(self._size("C"), _power_of_two(len(news))),
        }
        total, n_watched = _size_of_arrays(self, sizes), self._n_watched()
        for m, expert in enumerate(self._pool()):
            if "max_bytes" not in expert.get_params(deep=False):
                trial = expert.clone()
                trial._begin(schema)
                trial._admit_targets(list(news))
                total += trial.nbytes * (2 if m < n_watched else 1)
        return total

    def _share(self) -> int:
        """What is left for each expert that has a budget, with room for twice all else."""
        assert self.max_bytes is not None
        n_watched = self._n_watched()
        budgeted = sum(
            2 if m < n_watched else 1
            for m, expert in enumerate(self._pool())
            if "max_bytes" in expert.get_params(deep=False)
        )
        return int((self.max_bytes - 2 * self.aside_) * 15 / 16) // max(budgeted, 1)

    def _check_budget(self, schema: Schema, news: Sequence[Hashable] | None) -> None:
        if self.max_bytes is None:
            return
        due = self._aside(schema, getattr(self, "classes_", []) if news is None else news)
        if max(due, 2 * self.aside_) > self.max_bytes or due > 2 * self.aside_:
            room = f"at least {max(due, 2 * self.aside_)} bytes, and some for trees"
            raise wrong("max_bytes", self.max_bytes, room)
