"""The role of strategies that decide which labels are worth buying, its verbs written once."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from onlineml.active import surprises
from onlineml.base import Array, Diagnostics, DriftDetector, Estimator
from onlineml.estimator import _power_of_two
from onlineml.kernels import label_budget as cells
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Field
from onlineml.kernels.random import seeded
from onlineml.new_text import without_new_text
from onlineml.schema import Schema, as_floats, wrong
from onlineml.weights import as_weights

Bools = npt.NDArray[np.bool_]
_ROOM = 4  # classes for which a row has room at first


class Query(NamedTuple):
    """Whether to ask for a row's label; the chance with which that was decided; the score.

    Parameters
    ----------
    ask
        Whether the label is wanted.
    probability
        Chance of a question, in [0, 1], as decided before the draw.
    score
        How much the strategy would like the label; the greater, the more.

    Examples
    --------
    >>> from onlineml.active import Query
    >>> Query(True, 0.25, 1.4).ask
    True
    """

    ask: bool
    probability: float
    score: float


class Queries(NamedTuple):
    """Whether to ask for the labels of rows, with what chances, and the scores.

    Parameters
    ----------
    asks
        Which labels are wanted, shape `(n_rows,)`, true or false.
    probabilities
        Chances of the questions, shape `(n_rows,)`, in [0, 1].
    scores
        Shape `(n_rows,)`; the greater, the more the strategy would like the label.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import Budget, PeriodicSampling
    >>> strategy = PeriodicSampling(budget=Budget(rate=0.5, n_min=0))
    >>> strategy.query_fit_many(np.zeros((4, 1))).asks.tolist()
    [False, True, False, True]
    """

    asks: Bools
    probabilities: Array
    scores: Array


class QueryStrategy(Estimator):
    """Decides, row by row and within a budget, whose label to ask for.

    A row `x` comes with `proba`, what the learner said of it: class probabilities in the order of
    its classes, of which more may come; an empty array before any; NaN counts as 0. `query_one`
    decides and changes nothing, `fit_one` takes note of the row by the same decision and pays if it
    was a question, `answer_one` brings the label, late or never. The probability of a question
    is for importance weights: 1 / probability is unbiased where `Budget.explore` is positive.

    Raises
    ------
    ValueError
        At the first row, for parameters that cannot be used. At any: as `onlineml.base.Estimator`,
        and for probabilities that are missing where they are needed, infinite, or not one row of
        them for each row.
    """

    _state: ClassVar[tuple[Field, ...]] = cells.STATE
    #: Whether rows must come with probabilities.
    _needs_proba: ClassVar[bool] = True
    #: Whether the strategy learns from the labels that come: see `_learn_answer`.
    _learns_answers: ClassVar[bool] = False

    ledger_: Array
    window_: Array
    random_: npt.NDArray[np.int64]
    waiting_: dict[Hashable, Array]
    detector_: DriftDetector
    answers_: dict[int, dict[Hashable, int]]
    _n = -1  # features of a row that may take the fast path
    _columns = _ROOM
    _stores = False  # what `_keeps_rows` says

    # ---------------------------------------------------------------- verbs

    def query_one(self, x: Any, proba: Any = None) -> Query:
        """Whether the label of row `x`, of which the learner said `proba`, should be bought.

        Raises
        ------
        ValueError
            For a row or probabilities that cannot be used, and parameters before any row.
        """
        if self._take(x, proba) and self._call(self._scoring) == 1:
            out = self._answer
            return Query(out[0] == 1.0, out[1], out[2])
        return _query(self._ask(x, proba, None, fit=False, one=True))

    def fit_one(
        self, x: Any, proba: Any = None, *, weight: float = 1.0, id: Hashable = None
    ) -> Self:
        """Take note of row `x`: the budget moves on, and is charged if the row is asked about.

        `id` is the name under which the answer will come; by default the number of the row, from 0.
        A row of weight `w` counts as `w` rows of the stream, one of weight 0 not at all.

        Returns
        -------
        Self
            The strategy.

        Raises
        ------
        ValueError
            For a row, probabilities or a weight that cannot be used; nothing is noted.
        """
        self.query_fit_one(x, proba, weight=weight, id=id)
        return self

    def query_fit_one(
        self, x: Any, proba: Any = None, *, weight: float = 1.0, id: Hashable = None
    ) -> Query:
        """`query_one`, then `fit_one`, in one pass.

        Returns
        -------
        Query
            The decision that was paid for.

        Raises
        ------
        ValueError
            For a row, probabilities or a weight that cannot be used; nothing is noted.
        """
        if weight == 1.0 and self._take(x, proba) and self._call(self._both) == 1:
            out = self._answer
            if self._stores and out[0] == 1.0:
                n = self._n if proba is None else self._n + len(proba)
                self._keep(self.n_rows - 1 if id is None else id, self._row[:n].copy())
            return Query(out[0] == 1.0, out[1], out[2])
        ids = None if id is None else [id]
        return _query(self._ask(x, proba, weight, fit=True, one=True, ids=ids))

    def query_many(self, X: Any, P: Any = None) -> Queries:
        """What `query_one` says of each row, in the present state.

        Raises
        ------
        ValueError
            As `query_one`, and for probabilities that are not one row each.
        """
        return _queries(self._ask(X, P, None, fit=False))

    def fit_many(self, X: Any, P: Any = None, *, weight: Any = None) -> Self:
        """Take note of rows `X`, in order.

        Returns
        -------
        Self
            The strategy.

        Raises
        ------
        ValueError
            As `fit_one`, and for probabilities or weights that are not one a row; no row is noted.
        """
        self._ask(X, P, weight, fit=True)
        return self

    def query_fit_many(
        self, X: Any, P: Any = None, *, weight: Any = None, ids: Sequence[Hashable] | None = None
    ) -> Queries:
        """What the loop "query a row, then fit it" would have said, in one pass.

        Returns
        -------
        Queries
            The decisions, each array of shape `(n_rows,)`.

        Raises
        ------
        ValueError
            As `fit_many`, and for `ids` that are not one a row.
        """
        return _queries(self._ask(X, P, weight, fit=True, ids=ids))

    def answer_one(self, id: Hashable, y: Any, *, cost: float | None = None) -> Self:
        """The label `y` of the row `id` has come; None: it never will, and is not to be paid.

        `cost` is what it did cost, where that is not `Budget.cost`.

        Raises
        ------
        ValueError
            Before any row, for a `cost` that is not finite and >= 0 and, in strategies that learn
            from labels, for an id whose label is not expected; nothing is then noted.
        """
        if not self.is_started:
            raise wrong("id", id, "a row that was asked about; none was")
        usual = self._budget().cost
        if cost is not None and not 0 <= cost < np.inf:
            raise wrong("cost", cost, "a number >= 0")
        if self._keeps_rows and id not in self.waiting_:
            raise wrong("id", id, "a row whose label is expected")
        if y is None:
            self.ledger_[cells.SPENT] -= 1.0
            self.ledger_[cells.DECLINED] += 1.0
        else:
            self.ledger_[cells.SPENT] += 0.0 if cost is None else cost / usual - 1.0
            self.ledger_[cells.ANSWERED] += 1.0
        if self._keeps_rows:
            row = self.waiting_.pop(id)
            if y is not None:
                self._learn_answer(row, y)
                surprises.note(self, row, y)
        return self

    def refund(self, n_labels: float) -> Self:
        """Plan `n_labels` from now on, ahead of the pace: for what changed. They are paid back.

        With a known horizon, all that is left after them is spread over the rest; otherwise the
        pace is halved until the rate is met again.

        Raises
        ------
        ValueError
            For a number that is not finite and >= 0.
        """
        if not 0 <= n_labels < np.inf:
            raise wrong("n_labels", n_labels, "a number >= 0")
        if self.is_started:
            ledger = self.ledger_
            due = min(ledger[cells.SPENT] + n_labels, self._budget()._terms()[1])
            ledger[cells.PLAN_TIME], ledger[cells.PLAN_SPENT] = ledger[cells.TIME], due
        return self

    @property
    def n_rows(self) -> int:
        """Rows that were fitted."""
        return int(self.ledger_[cells.ROWS]) if self.is_started else 0

    @property
    def n_asked(self) -> int:
        """Questions that were asked."""
        return int(self.ledger_[cells.ASKED]) if self.is_started else 0

    @property
    def n_answered(self) -> int:
        """Labels that have come."""
        return int(self.ledger_[cells.ANSWERED]) if self.is_started else 0

    @property
    def spent(self) -> float:
        """What was paid, in units of `Budget.cost`."""
        usual = self._budget().cost
        return float(self.ledger_[cells.SPENT]) * usual if self.is_started else 0.0

    def diagnostics(self) -> Diagnostics:
        """Labels that were bought so far, and their share of the rows."""
        if not self.is_started:
            return {}
        bought, time = float(self.ledger_[cells.SPENT]), float(self.ledger_[cells.TIME])
        return {"labels_bought": bought, "label_rate": bought / max(time, 1.0)}

    # ---------------------------------------------------------------- hooks of a strategy

    def _own_settings(self) -> tuple[float, ...]:
        """Further numbers for the kernel, from `label_budget.OWN` on."""
        return ()

    def _learn_answer(self, row: Array, y: Any) -> None:
        """Learn a label; `row` is `[x | proba]` as it came, with text that was new then."""

    def _max_waiting(self) -> int:
        """Most rows that wait for a label; older ones are given up."""
        return int(getattr(self, "max_pending", 1000))

    # ---------------------------------------------------------------- the purse

    def _budget(self) -> Any:
        """The parameter `budget` as a `Budget`; a number is a rate."""
        from onlineml.active.budget import Budget

        given = vars(self)["budget"]
        if isinstance(given, Budget):
            return given
        if isinstance(given, bool) or not isinstance(given, int | float | np.number):
            raise wrong("budget", given, "a Budget, or a share of the rows in (0, 1]")
        return Budget(rate=float(given))

    def _check(self) -> None:
        self._budget()._accept_parameters()

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self._budget().window_size), "C": _ROOM}

    def _settings(self) -> tuple[float, ...]:
        terms = self._budget()._terms()
        n_classes = terms[-1] if self._needs_proba else 0.0
        return (self.schema_.n_features, *terms[:-1], n_classes, *self._own_settings())

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(vars(self)["seed"], len(self.random_))
        if self._keeps_rows:
            self.waiting_ = {}
            surprises.start(self)

    @property
    def _keeps_rows(self) -> bool:
        """Whether rows that were asked about are kept until their labels come."""
        return self._learns_answers or self._budget().detector is not None

    def _n_columns(self) -> int:
        return self.schema_.n_features + self._n_room()

    def _n_room(self) -> int:
        """Classes for which the owned row has room: those of the state, if it has such an axis."""
        return self._size("C") or self._columns

    def _n_outputs(self) -> int:
        return 3

    # ---------------------------------------------------------------- rows in

    def _prepare(self) -> None:
        super()._prepare()
        self._n, self._stores = self.schema_.n_features, self._keeps_rows
        self._x, self._p = self._row[: self._n], self._row[self._n :]
        self._pack = struct.Struct(f"{self._n}d").pack_into
        if self._kernel is None:
            self._both = ANSWER_AND_SCORES | FIT
        else:
            rows = self._ones[0]._rows
            twin = self._many.twin()
            self._both = twin.aim(rows, serve=ANSWER_AND_SCORES, fit=True)
            self._ones.append(twin)

    def _take(self, x: Any, proba: Any) -> bool:
        """Copy a row and its probabilities into the owned row; False where they need a check."""
        kind = x.__class__
        try:
            if kind is np.ndarray and len(x) == self._n:
                self._x[...] = x
            elif kind is dict and len(x) == self._n:
                self._pack(self._bytes, 0, *self._keys(x))
            else:
                return False
            if proba is None and not self._needs_proba:
                self._p[:] = 0.0
                return True
            if proba.__class__ is not np.ndarray or len(proba) > len(self._p):
                return False
            self._p[len(proba) :] = 0.0
            self._p[: len(proba)] = proba
        except (TypeError, ValueError, KeyError, struct.error):
            return False
        return True

    def _ask(
        self,
        X: Any,
        P: Any,
        weight: Any,
        *,
        fit: bool,
        one: bool = False,
        ids: Sequence[Hashable] | None = None,
    ) -> Array:
        """Check everything, take in what is new, then run; asks, chances and scores by row."""
        X = self._as_rows(X, one)
        schema, rows = self._rows(X, fit=fit, one=one)
        shares = self._shares(P, len(rows), one)
        weight = np.full(1, weight) if one and weight is not None else weight
        weights = as_weights(weight, len(rows))
        if ids is not None and len(ids) != len(rows):
            raise wrong("ids", len(ids), f"{len(rows)} names, one a row")
        known = without_new_text(self.schema_ if self.is_started else None, schema, rows)
        if not self.is_started and not fit:
            return self.clone().start(schema)._through(known, shares, weights, False)
        if fit:
            self._admit(schema)
            self._make_room(shares.shape[1])
        first = self.n_rows
        out = self._through(known, shares, weights, fit)
        if fit and self._keeps_rows:
            counts = np.ones(len(rows), bool) if weights is None else weights > 0.0
            asked = np.flatnonzero(counts & (out[:, 0] == 1.0))
            names = (first - 1 + np.cumsum(counts)).tolist() if ids is None else ids
            for i in asked.tolist():
                self._keep(names[i], np.concatenate([rows[i], shares[i]]))
        return out

    def _as_rows(self, X: Any, one: bool) -> Any:
        """Numbers as rows, where a row is a number; rows of pandas by name."""
        X = self._as_one(X) if one else X
        if self._n_inputs is None or not isinstance(X, int | float | np.ndarray | list):
            return X
        values = as_floats(X, "x" if one else "X")
        return values.reshape(-1 if one else (-1, 1)) if values.ndim < (1 if one else 2) else values

    def _shares(self, P: Any, n_rows: int, one: bool) -> Array:
        """Probabilities as checked rows, shape `(n_rows, n_classes)`."""
        name = "proba" if one else "P"
        if P is None:
            if self._needs_proba and n_rows:
                raise wrong(name, P, "class probabilities: this strategy needs them")
            return np.empty((n_rows, 0))
        shares = as_floats(P, name)
        shares = shares[None] if one and shares.ndim == 1 else shares
        if shares.ndim != 2 or len(shares) != n_rows:
            due = "shape (n_classes,)" if one else f"shape ({n_rows}, n_classes)"
            raise wrong(name, np.shape(P), f"class probabilities of {due}")
        if np.isinf(shares).any():
            raise wrong(name, np.inf, "finite probabilities")
        return shares

    def _make_room(self, n_classes: int) -> None:
        """See that there is room for `n_classes` classes in the state and in the owned row."""
        if n_classes > self._n_room():
            if self._size("C"):
                self._enlarge_by_doubling("C", n_classes)
            self._forget_caches()
            self._columns = _power_of_two(n_classes)

    def _through(self, rows: Array, shares: Array, weights: Array | None, fit: bool) -> Array:
        joined = np.concatenate([rows, shares], 1)
        return self._pass(joined, None, weights, ANSWER_AND_SCORES, fit)

    # ---------------------------------------------------------------- rows that wait for labels

    def _keep(self, name: Hashable, row: Array) -> None:
        """Keep a row that was asked about; the oldest is given up when there are too many."""
        self.waiting_[name] = row
        if len(self.waiting_) > self._max_waiting():
            del self.waiting_[next(iter(self.waiting_))]


def _query(out: Array) -> Query:
    ask, chance, score = out[0].tolist()
    return Query(ask == 1.0, chance, score)


def _queries(out: Array) -> Queries:
    return Queries(out[:, 0] == 1.0, out[:, 1].copy(), out[:, 2].copy())
