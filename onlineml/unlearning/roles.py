"""Models that forget by replay: one class a role, made by `Replayable`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from onlineml.base import (
    Array,
    Classifier,
    Detector,
    DriftDetector,
    Estimator,
    Regressor,
    Transformer,
)
from onlineml.kernels.arena import Ints
from onlineml.schema import Schema, wrong
from onlineml.unlearning.replay import Replayed
from onlineml.unlearning.writing import ORDERED


class ReplayableClassifier(Replayed, Classifier):
    """A classifier that forgets rows by replay; made by `Replayable`.

    Time per event and memory are those of `Replayable`.

    Parameters
    ----------
    model
        The unfitted classifier.
    horizon, checkpoints, every, lazy, log
        As in `Replayable`.

    Raises
    ------
    ValueError
        At the first row, as `Replayable`.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.unlearning import Replayable
    >>> type(Replayable(GaussianNB())).__name__
    'ReplayableClassifier'
    """

    _role = Classifier

    def _meet(self, y: Array) -> None:
        if len(self.model_.classes_) == len(self.classes_):
            return
        n_classes = int(y.max()) + 1
        if n_classes > len(self.model_.classes_):
            self.model_._admit_targets(self.classes_[:n_classes])

    def _n_met(self) -> float:
        return len(self.model_.classes_)

    def keep_order(self) -> None:
        """Let classes stay in the order in which they are told, whichever rows are forgotten.

        For one among many that are told by another model, which numbers classes for all.
        """
        self.cursor_[ORDERED] = 1

    def _recode(self, first: int, end: int) -> None:
        known = len(self.model_.classes_)
        if known == len(self.classes_) or self.cursor_[ORDERED]:
            return  # none came in these rows, or it makes no difference
        places = self._places(first, end)
        codes = self.targets_[places].astype(np.int64)
        came = dict.fromkeys([*range(known), *codes.tolist()])
        new = np.zeros(len(self.classes_))
        new[list(came)] = np.arange(len(came))
        self.targets_[places] = new[codes]
        self.classes_ = [self.classes_[code] for code in came]

    def _n_outputs(self) -> int:
        return max(1 + len(self.classes_), super()._n_outputs())


class ReplayableRegressor(Replayed, Regressor):
    """A regressor that forgets rows by replay; made by `Replayable`.

    Time per event and memory are those of `Replayable`.

    Parameters
    ----------
    model
        The unfitted regressor.
    horizon, checkpoints, every, lazy, log
        As in `Replayable`.

    Raises
    ------
    ValueError
        At the first row, as `Replayable`.

    Examples
    --------
    >>> from onlineml.learners import LinearRegression
    >>> from onlineml.unlearning import Replayable
    >>> type(Replayable(LinearRegression())).__name__
    'ReplayableRegressor'
    """

    _role = Regressor


class ReplayableDetector(Replayed, Detector):
    """A detector of anomalies that forgets events by replay; made by `Replayable`.

    Time per event and memory are those of `Replayable`.

    Parameters
    ----------
    model
        The unfitted detector.
    horizon, checkpoints, every, lazy, log
        As in `Replayable`.

    Raises
    ------
    ValueError
        At the first row, as `Replayable`.

    Examples
    --------
    >>> from onlineml.detectors import HalfSpaceTrees
    >>> from onlineml.unlearning import Replayable
    >>> type(Replayable(HalfSpaceTrees())).__name__
    'ReplayableDetector'
    """

    _role = Detector

    @property
    def _explains(self) -> bool:  # type: ignore[override]  # of others it is their class's
        return isinstance(self.model, Detector) and self.model._explains

    @property
    def _n_inputs(self) -> int | None:  # type: ignore[override]
        return getattr(self.model, "_n_inputs", None)


class ReplayableTransformer(Replayed, Transformer):
    """A transformer that forgets rows by replay; made by `Replayable`.

    Time per event and memory are those of `Replayable`.

    Parameters
    ----------
    model
        The unfitted transformer.
    horizon, checkpoints, every, lazy, log
        As in `Replayable`.

    Raises
    ------
    ValueError
        At the first row, as `Replayable`.

    Examples
    --------
    >>> from onlineml.transforms import StandardScaler
    >>> from onlineml.unlearning import Replayable
    >>> type(Replayable(StandardScaler())).__name__
    'ReplayableTransformer'
    """

    _role = Transformer

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows."""
        schema: Schema = self.model_.output_schema()
        return schema


class ReplayableDriftDetector(Replayed, DriftDetector):
    """A drift detector that forgets values by replay; made by `Replayable`.

    Time per event and memory are those of `Replayable`.

    Parameters
    ----------
    model
        The unfitted drift detector.
    horizon, checkpoints, every, lazy, log
        As in `Replayable`.

    Raises
    ------
    ValueError
        At the first row, as `Replayable`.

    Examples
    --------
    >>> from onlineml.detectors import ADWIN
    >>> from onlineml.unlearning import Replayable
    >>> type(Replayable(ADWIN())).__name__
    'ReplayableDriftDetector'
    """

    _role = DriftDetector

    @property
    def flag_(self) -> Ints:  # type: ignore[override]  # what others keep, the model keeps here
        """What the model says of the last value."""
        self._catch_up()
        flag: Ints = self.model_.flag_
        return flag

    @property
    def _n_inputs(self) -> int | None:  # type: ignore[override]
        return getattr(self.model, "_n_inputs", None)


def Replayable(  # noqa: N802 - named as what it makes
    model: Estimator,
    *,
    horizon: int = 100_000,
    checkpoints: Literal["geometric", "even"] = "geometric",
    every: int | None = None,
    lazy: bool = False,
    log: str | None = None,
) -> Any:
    """A model that forgets any of its last rows as if it had never seen them, bit for bit.

    The last rows are kept in a log, and states of the model from time to time: a request goes back
    to the last state before the row, and learns the rows after it again. Later answers are those
    of a model that never met the row, whatever the model, as long as it is deterministic (those
    with a generator go on with the numbers that they would have drawn).

    Rows are learned with an id (`fit_one(x, y, id=7)`, `fit_many(X, y, ids=...)`), whole numbers or
    text, of which text is kept as a 64-bit digest; as long as none came with one, rows are known by
    their number, counted from 0. `unlearn_one(id=7)` forgets all rows of an id, `unlearn_one(x, y)`
    the last row equal to that one, and `unlearn_many(ids)` takes one replay for many requests.

    Forgetting takes the time in which the model learns the rows since, and half as many again on
    average. Time per event is that of the model and of a copy of the row, and of the model's state
    every `every` rows. Memory is that of 1.25 `horizon` rows and of 2 log2(`horizon` / `every`) + 4
    states.

    Parameters
    ----------
    model
        The unfitted classifier, regressor, detector, drift detector or transformer.
    horizon
        How many of the last rows can be forgotten by replay; older ones are refused, but by models
        that they fade from (see Notes).
    checkpoints
        "geometric": the older, the farther apart, up to half of the horizon; "even": all
        `every` rows.
    every
        Rows between the newest states. More cost less time in learning, and more in forgetting.
        None: 4,096, and up to eight times as many where a state takes more than a quarter of the
        room of so many rows.
    lazy
        Whether rows are learned again only when the model is next asked, taught or saved, so that
        requests that follow one another cost one replay. Receipts then tell no rows or cost of it.
    log
        Folder for a file that holds the log, mapped into memory; None: in memory. The file has no
        name, and goes with the process; what is to last is in the model's own file.

    Returns
    -------
    An estimator of the role of `model`.

    Raises
    ------
    ValueError
        For a model without one of these roles, with parameters that cannot be used, or with an
        odometer of privacy, which learning again would have to pay again; for a `horizon` or
        `every` that is not a whole number >= 1, unknown `checkpoints`, and a `log` that is no
        folder. Where rows are learned, for ids that are neither whole numbers nor text, or not one
        a row.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeClassifier
    >>> from onlineml.unlearning import Replayable
    >>> X = np.random.default_rng(0).normal(size=(3000, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = Replayable(HoeffdingTreeClassifier()).fit_many(X, y, ids=range(3000))
    >>> model.unlearn_one(id=1234).kind
    'replayed'
    >>> rest = np.delete(np.arange(3000), 1234)
    >>> gold = HoeffdingTreeClassifier().fit_many(X[rest], y[rest])
    >>> bool((model.predict_proba_many(X) == gold.predict_proba_many(X)).all())
    True

    Notes
    -----
    Classes are numbered in the order in which the remaining rows show them, so a class that only
    forgotten rows had is gone too; names of features, and values of nominal ones, stay known.
    An id may stand for many rows, such as all of a person; those beyond the log remain, and as
    nothing is known of them, the receipt says so once rows have left the log.

    Of a mixture, only the experts that the row has reached are replayed where they are models of
    their own: those of `DriftMoE(freeze_after=...)`, for rows since its router is frozen and no
    class or feature has come. The log then keeps which experts have learned each row; the receipt
    says how many were replayed, and by `rows`, how many rows any of them learned. Of all others
    every expert is replayed, and the receipt says why. Nearly all depend on each other: by a router
    that learns from every row (`DriftMoE`, whose router takes most of the time anyway), by
    generators that every row moves on (bagging, forests, `DriftMixture`), or as every row reaches
    each. `DEE` could replay those that a row has reached, but four fifths of its time are to find
    out which these are. Where a row's id or key tells its expert, each has a log of its own, and
    only that one is replayed: see `Sharded(model)` and, of `onlineml.graph`,
    `Keyed(Replayable(model), key="user")`.

    Linear models with weight decay forget by learning [2]_: each row brings any two sets of weights
    closer together. `LinearRegression`, `LogisticRegression` and `SoftmaxRegression` with
    `optimizer="sgd"`, `l2` > 0, and `decay_intercept` or no intercept, whose rows all had numbers
    for all features, answer a request for an older row with "certified". Its bound is the distance
    of their weights from those of a model that knows the same classes and never saw that row, or
    any others before the log, twice the longest weights times the product of 1 / (1 + learning_rate
    * l2 * weight) over the rows since, and what rounding may add. It says nothing of whether the
    row was learned. Steps of "adagrad" and "adam" have no such bound.

    References
    ----------
    .. [1] Bourtoule et al. (2021), Machine unlearning, IEEE S&P. Section IV: slices, and a state
       kept before each. arXiv:1912.03817
    .. [2] Hu, Schölkopf, Sanyal (2025), Online learning and unlearning. The section on passive
       unlearning, by the contraction of gradient steps. arXiv:2505.08557
    """
    kinds: dict[type[Estimator], type[Replayed]] = {
        Classifier: ReplayableClassifier,
        Regressor: ReplayableRegressor,
        Detector: ReplayableDetector,
        DriftDetector: ReplayableDriftDetector,
        Transformer: ReplayableTransformer,
    }
    for role, kind in kinds.items():
        if isinstance(model, role):
            made = kind(
                model=model, horizon=horizon, checkpoints=checkpoints, every=every, lazy=lazy,
                log=log,
            )  # fmt: skip
            made._accept_parameters()
            return made
    raise wrong("model", model, "a classifier, regressor, detector, drift detector or transformer")
