"""DriftMoE: a neural router hands each row to a few Hoeffding trees."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.estimator import BLOCK, _power_of_two
from onlineml.kernels.arena import Descriptor, Ints
from onlineml.kernels.drift_moe import CHOSEN, NEW_CLASS, STATE, WANTING, drift_moe
from onlineml.kernels.mlp import n_weights, relaid
from onlineml.kernels.random import seeded
from onlineml.kernels.router import RULE, fill_layers
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.tree_growth import fit_in
from onlineml.network import check_widths
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_MODES = ("data", "task")
_DROPOUT = 0.2  # of the first hidden layer, in the mode "task"
_KEPT_BACK = 1 / 16  # share of a budget for names and labels


class DriftMoE(Classifier):
    """Mixture of Hoeffding trees under a neural router, both learned row by row.

    In the mode "data" the router gives every tree a logit. The tree with the largest answers; the
    `top_k` with the largest learn the row. The router learns which trees were right, a step of Adam
    each `batch_size` rows. In the mode "task" there is one tree for each class, which learns to
    tell it from the rest, and the router's largest logit is the answer: it learns the classes
    themselves, a step a row, and the trees have no part in it.

    Features reach the router as they are: put `StandardScaler` before where scales differ, which
    departs from the paper. Time per event is that of the router, O(number of its weights), and of
    one tree to predict, all trees to learn ("data"); memory is within `max_bytes`.

    Parameters
    ----------
    mode
        "data" or "task".
    n_experts
        Number of trees, in the mode "data".
    top_k
        How many of them learn a row.
    hidden
        Widths of the router's hidden layers.
    learning_rate
        Of Adam.
    batch_size
        Rows, counted, not chunks, for each step of the router in the mode "data".
    freeze_after
        Rows after which the router learns no more, in the mode "data"; None: it always does. Time
        per event is then a third, and under `Replayable` a request replays only the `top_k` trees
        that learned the row; on streams whose regions move, accuracy is up to 3 points lower.
    grace_period, delta, tie_threshold
        Of the trees, see `HoeffdingTreeClassifier`.
    diagnose_train_first
        A diagnosis, not a way to run: with True, in the mode "data", `predict_fit_many` and
        `predict_proba_fit_many` answer *after* the trees have learned the row, as published figures
        seem to have been obtained. Such figures are not prequential and say nothing of accuracy on
        new rows. Other verbs are as ever.
    seed
        Of the router's first weights and of dropout.
    max_bytes
        Bound of `nbytes`, shared out evenly among trees; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `n_experts`, `top_k` and `batch_size` are whole numbers >= 1,
        `top_k` <= `n_experts`, `hidden` are whole numbers >= 1, `learning_rate` > 0,
        `grace_period` > 0, 0 < `delta` < 1, `tie_threshold` >= 0, `max_bytes` > 0 or None,
        `freeze_after` is None or a whole number >= 1, and `mode` is "data" or "task", the latter
        without `freeze_after` and `diagnose_train_first`. At any event whose features or classes
        leave no room within `max_bytes` for router and trees.

    Examples
    --------
    >>> from onlineml.datasets import load
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import DriftMoE
    >>> result = prequential(DriftMoE(seed=1), load("sea", seed=1).take(4000), baselines=False)
    >>> result.runs[0].totals["accuracy"] > 0.8
    True

    Notes
    -----
    Follows the released code where it differs from the paper [1]_. In the mode "data": a tree's
    target is whether its first class is the right one; if no tree is right, that of the tree which
    gives the right class most is 1; the temperature has no effect and is left out; dropout takes no
    part. In the mode "task": dropout of 0.2 after the first hidden layer, in predictions too (drawn
    as for the row to be learned next). Departures: classes join as they appear, so that early on
    fewer outputs count; missing values are 0 to the router; trees are those of this library.

    References
    ----------
    .. [1] Aspis, Cajas Ordónez, Suárez-Cetrulo, Simón Carbajo (2025), DriftMoE: a mixture of
       experts approach to handle concept drifts, SYNDAiTE at ECML PKDD. Section 3.
       arXiv:2507.18464
    """

    _kernel = drift_moe
    _state = STATE

    seen_: Ints
    progress_: Ints
    n_learned_: Ints
    random_: Ints
    known_: Ints
    shape_: Ints
    weights_: Array
    moments_: Array
    gradient_: Array
    experts_: list[HoeffdingTreeClassifier]
    _descriptors: list[Descriptor]

    def __init__(
        self,
        *,
        mode: Literal["data", "task"] = "data",
        n_experts: int = 12,
        top_k: int = 3,
        hidden: Sequence[int] = (256, 128),
        learning_rate: float = 2e-3,
        batch_size: int = 256,
        freeze_after: int | None = None,
        grace_period: float = 50,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        diagnose_train_first: bool = False,
        seed: int | None = None,
        max_bytes: int | None = 1 << 27,
    ) -> None:
        self.mode = mode
        self.n_experts = n_experts
        self.top_k = top_k
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.freeze_after = freeze_after
        self.grace_period = grace_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.diagnose_train_first = diagnose_train_first
        self.seed = seed
        self.max_bytes = max_bytes

    def _check(self) -> None:
        if self.mode not in _MODES:
            raise wrong("mode", self.mode, f"one of {list(_MODES)}")
        for name in ("n_experts", "top_k", "batch_size"):
            whole(name, getattr(self, name), 1)
        if self.top_k > self.n_experts:
            raise wrong("top_k", self.top_k, f"at most n_experts, {self.n_experts}")
        check_widths(self.hidden)
        if not 0 < self.learning_rate < np.inf:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if self.diagnose_train_first and self.mode == "task":
            due = 'False in the mode "task", where trees do not answer'
            raise wrong("diagnose_train_first", True, due)
        if self.max_bytes is not None and not self.max_bytes > 0:
            raise wrong("max_bytes", self.max_bytes, "a number of bytes, or None")
        self._check_freezing()
        self._tree(None)._accept_parameters()

    def _check_freezing(self) -> None:
        rows = self.freeze_after
        if rows is None:
            return
        if self.mode == "task":
            raise wrong("freeze_after", rows, 'None in the mode "task", where the router answers')
        if rows < 1:
            raise wrong("freeze_after", rows, "a whole number >= 1, or None")

    def _sizes(self) -> dict[str, int]:
        n_experts = self.n_experts if self.mode == "data" else 2
        n_layers = len(self.hidden) + 1
        return {"E": n_experts, "R": CHOSEN + self.top_k, "S": 1 + n_layers} | dict.fromkeys(
            "MPG", 0
        )

    def _settings(self) -> tuple[float, ...]:
        task = self.mode == "task"
        last = np.inf if self.freeze_after is None else self.freeze_after
        numbers = task, self.learning_rate, self.batch_size, self.diagnose_train_first, last
        dropout = [_DROPOUT * task, *[0.0] * (len(self.hidden) - 1)]
        return *map(float, numbers), float(self._n_outputs()), *dropout

    def _n_scratch(self) -> int:
        said = len(self.experts_) * self._n_outputs()
        return int(self.schema_.n_features + 3 * self.shape_[1:].sum()) + 1 + said

    def diagnostics(self) -> Diagnostics:
        """Which part of what was learned so far each expert has learned: starved ones show."""
        if not self.is_started:
            return {}
        learned = self.n_learned_[: len(self.experts_)]
        shares = learned / max(float(learned.sum()), 1.0)
        return {"expert_shares": {f"{e} expert": float(share) for e, share in enumerate(shares)}}

    # ---------------------------------------------------------------- experts and router

    def _tree(self, max_bytes: int | None) -> HoeffdingTreeClassifier:
        return HoeffdingTreeClassifier(
            grace_period=self.grace_period,
            delta=self.delta,
            tie_threshold=self.tie_threshold,
            max_bytes=max_bytes,
        )

    def _start(self, schema: Schema) -> None:
        n_experts = len(self.n_learned_)
        self.random_[:] = seeded(self.seed, 2)
        self.shape_[:] = schema.n_features, *self.hidden, n_experts
        n = int(n_weights(self.shape_))
        self.weights_, self.moments_ = np.zeros(n), np.zeros((RULE, n))
        self.gradient_ = np.zeros(n if self.mode == "data" else 0)
        n_layers = len(self.hidden) + (self.mode == "data")  # outputs for classes come with them
        fill_layers(self.shape_, self.weights_, self.random_, n_layers)
        try:
            self.experts_ = [self._expert(schema) for _ in range(n_experts)]
        except ValueError:
            self.reset()
            raise

    def _expert(self, schema: Schema) -> HoeffdingTreeClassifier:
        tree = self._tree(self._share(len(self.n_learned_)))
        tree._begin(schema)
        if self.mode == "task":
            tree._admit_targets([False, True])
        return tree

    def _share(self, n_experts: int) -> int | None:
        """Bytes for one of so many experts."""
        if self.max_bytes is None:
            return None
        own = sum(getattr(self, field.name).nbytes for field in self._state)
        share = int((self.max_bytes - own) * (1 - _KEPT_BACK)) // n_experts
        if share <= 0:
            raise wrong("max_bytes", self.max_bytes, f"more than the {own} bytes of the router")
        return share

    def _rebudget(self) -> None:
        """After growth of what is not the trees': let them give way."""
        share = self._share(len(self.n_learned_))
        for tree in self.experts_:
            if tree.max_bytes != share:
                tree.set_params(max_bytes=share)
                fit_in(tree, tree._promise, {})

    def _lay_out(self, n_outputs: int) -> None:
        old = self.shape_.copy()
        self.shape_[[0, -1]] = len(self.known_), n_outputs
        for name in ("weights_", "moments_") + ("gradient_",) * (self.mode == "data"):
            setattr(self, name, relaid(getattr(self, name), old, self.shape_))
        self._forget_caches()

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        self._lay_out(len(self.n_learned_))
        self._rebudget()

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            for tree in self.experts_:
                tree._admit(schema)
        super()._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        if self.mode == "data":
            for tree in self.experts_:
                tree._admit_targets(news)
        elif len(news) > len(self.n_learned_):  # is there room for as many trees?
            self._tree(self._share(_power_of_two(len(news))))._begin(self.schema_)
        super()._admit_targets(news)

    def _grow(self) -> None:
        who = int(self.progress_[WANTING])
        self.progress_[WANTING] = 0
        if who != NEW_CLASS:
            self.experts_[who]._grow()
            return
        self._enlarge("E", 2 * len(self.n_learned_))
        missing = len(self.n_learned_) - len(self.experts_)
        self.experts_ += [self._expert(self.schema_) for _ in range(missing)]

    # ---------------------------------------------------------------- kernel

    def _parts(self) -> list[npt.NDArray[np.int64]]:
        for tree in self.experts_:
            if tree._width < 0:
                tree._prepare()
        self._descriptors = [tree._many for tree in self.experts_]
        return [self._choices, *(descriptor._slots for descriptor in self._descriptors)]

    @property
    def _choices(self) -> Ints:
        """Who learned the first rows of the last call, which may have stopped for want of room."""
        if "_chosen" not in vars(self):
            n_told = 0 if self.freeze_after is None else BLOCK
            self._chosen = np.full((n_told, self.top_k), -1)
        return self._chosen

    def _coupling(self) -> str:
        if self.freeze_after is None:
            return "the router learns from each row where to send later ones"
        return "the router, classes or features were not yet what they are now"

    def _is_settled(self, state: Mapping[str, Any]) -> bool:
        """Whether the router has learned all rows that it is to learn."""
        if self.freeze_after is None:
            return False
        n_learned = state["n_steps_"][0] * self.batch_size + state["in_batch_"][0]
        return bool(n_learned >= self.freeze_after)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if self._width >= 0 and any(
            vars(tree).get("_many") is not known
            for tree, known in zip(self.experts_, self._descriptors)
        ):
            self._forget_caches()  # somebody else has used a tree
        super()._run(X, y, weight, out, serve, fit)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if not self.is_started:
            return
        shape = [self.schema_.n_features, *self.hidden, len(self.experts_)]
        n = int(n_weights(np.array(shape)))
        due = shape, (n,), (RULE, n), (n * (self.mode == "data"),), (CHOSEN + self.top_k,)
        arrays = self.weights_, self.moments_, self.gradient_, self.progress_
        came = self.shape_.tolist(), *(array.shape for array in arrays)
        if came != due:
            self.reset()
            raise wrong("state", came, f"layers, weights and the like of {due}")

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied."""
        super().set_state(state)
        for tree in self.experts_ if self.is_started else ():
            tree.set_params(max_bytes=self._share(len(self.n_learned_)))
        return self
