"""A classifier that learns only from rows that it gets more wrong than usual."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import seeded, uniform
from onlineml.schema import Schema, wrong

_LEAST = 1e-4  # probability: one bad row must not raise the bar for long
_FEWEST, _WINDOW = 50, 500  # rows above the mean that it takes to set a bar, and that set it
_NOTHING = np.empty((0, 1))
MEAN, ROWS, RUN, LEARNED, ABOVE, AUDITED, MISSED, BAR = range(8)

_Row = tuple[Array, Array, Array]


class LossFilter(Classifier):
    """Learns a row only if its loss is at least the running mean of the losses.

    For bases whose learning is dear: what they know by heart is answered, not learned again. With a
    `foreteller`, a cheap classifier, the base is not even run on rows to be learned of which that
    one expects that they are below the mean. A share of them, drawn at random, is run all the same:
    it goes on learning from those, and what it misses is counted. Time per event is that of an
    answer of the foreteller and, for some rows, of an answer of the base and of a step; memory is
    that of both.

    Parameters
    ----------
    base
        The unfitted classifier.
    rate
        Weight of a row in the running mean.
    n_warm
        First rows, all of which are learned.
    foreteller
        An unfitted classifier that learns whether a row is above the mean; None: all are run.
    missed
        Share of the rows above the mean that may be lost to the foreteller.
    audit
        Share of the rows, drawn at random, that are run whatever is foretold.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier, `foreteller` one or None, `n_warm` a
        whole number >= 0, `rate` and `audit` lie in (0, 1], and 0 <= `missed` < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import GaussianNB, LossFilter, MLPClassifier
    >>> X = np.random.default_rng(1).normal(size=(4000, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = LossFilter(base=MLPClassifier(seed=1), foreteller=GaussianNB(), seed=1)
    >>> bool((model.fit_many(X, y).predict_many(X) == y).mean() > 0.9)
    True
    >>> shares = model.diagnostics()["row_shares"]
    >>> bool(shares["learned"] < 0.4), bool(shares["not run"] > 0.2)
    (True, True)

    Notes
    -----
    The stages of [1]_: all rows are learned; then the model is run on all and learns where the
    loss is above a threshold, while naive Bayes learns to foretell that from the inputs; then naive
    Bayes alone decides what the model is run on. Departures: there the threshold is taken once,
    from a model that was trained before; here it is the running mean, as the model may start from
    nothing. There the last stage begins for good when the mean log-loss of naive Bayes is below a
    limit, and the likelier outcome counts; here a row is expected above the mean if its chance is
    at least the quantile, at `missed`, of the chances that were foretold of the last 500 rows
    found there. So the loss is bounded, not the log-loss, whatever the scale of the chances; where
    nothing can be foretold nearly all rows are run. Rows that are only run by chance count 1 /
    `audit` times in mean, quantile and foreteller: all three are about the stream. A class that is
    new is run.

    The loss is the cross-entropy, at most that of a probability of 1e-4. All rows are answered by
    the base, so the foreteller saves where rows are learned only. A base that counts rows, such as
    naive Bayes, learns other frequencies than those of the stream.

    References
    ----------
    .. [1] Chen, Wang, Zhang et al. (2023), Multistage data filtering for efficient training on
       streams, IJCAI. Section 3.
    """

    _state = (
        Field("loss_", (8,)),
        Field("seen_", (1,), np.int64),  # classes
        Field("chances_", ("W", 2)),  # foretold of the last rows above the mean, and their weight
        Field("random_", (1,), np.int64),
    )

    base_: Classifier
    foreteller_: Classifier | None
    loss_: Array
    seen_: Ints
    chances_: Array
    random_: Ints

    def __init__(
        self,
        *,
        base: Classifier,
        rate: float = 0.01,
        n_warm: int = 100,
        foreteller: Classifier | None = None,
        missed: float = 0.1,
        audit: float = 0.1,
        seed: int | None = None,
    ) -> None:
        self.base = base
        self.rate = rate
        self.n_warm = n_warm
        self.foreteller = foreteller
        self.missed = missed
        self.audit = audit
        self.seed = seed

    def _check(self) -> None:
        if not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier")
        if not (self.foreteller is None or isinstance(self.foreteller, Classifier)):
            raise wrong("foreteller", self.foreteller, "a classifier, or None")
        if not self.n_warm >= 0:
            raise wrong("n_warm", self.n_warm, "a number of rows >= 0")
        for name in ("rate", "audit"):
            if not 0 < getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in (0, 1]")
        if not 0 <= self.missed < 1:
            raise wrong("missed", self.missed, "a share in [0, 1)")

    def _sizes(self) -> dict[str, int]:
        return {"W": 0 if self.foreteller is None else _WINDOW}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)
        self.base_ = self.base.clone()
        self.base_._begin(schema)
        self.foreteller_ = None
        if self.foreteller is not None:
            self.foreteller_ = self.foreteller.clone()
            self.foreteller_._begin(schema)
            self.foreteller_._admit_targets([False, True])

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)
        if self.foreteller_ is not None:
            self.foreteller_._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        self.base_._admit_targets(list(news))

    def _n_outputs(self) -> int:
        return self.base_._n_outputs()

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self.base_._run(X, y, weight, out, serve, False)
            return
        for i in range(len(X)):
            row = X[i : i + 1], y[i : i + 1], weight[i : i + 1]
            said = self._answer_of(self.base_, row) if serve else None
            if said is not None:
                out[i] = said[: out.shape[1]]
            if weight[i] > 0.0 and self._is_to_learn(row, said):
                self.base_._run(*row, _NOTHING, 0, True)

    def _answer_of(self, model: Classifier, row: _Row) -> Array:
        out = np.zeros((1, model._n_outputs()))
        model._run(*row, out, ANSWER_AND_SCORES, False)
        answer: Array = out[0]
        return answer

    def _is_to_learn(self, row: _Row, said: Array | None) -> bool:
        """Whether a row is looked at, and its loss above the mean; `said` is the answer, if known.

        It takes note of what it saw.
        """
        told, code = self.loss_, int(row[1][0])
        told[ROWS] += 1.0
        chance, expected, drawn = 1.0, True, False
        if self.foreteller_ is not None:
            chance = float(self._answer_of(self.foreteller_, row)[2])
            expected = bool(chance >= told[BAR]) or code >= self.seen_[0]
            drawn = uniform(self.random_, 0) < self.audit
        self.seen_[0] = max(self.seen_[0], code + 1)
        if not (expected or drawn):
            return False
        answer = self._answer_of(self.base_, row) if said is None else said
        loss = -np.log(max(answer[1 + code], _LEAST))
        above = bool(loss >= told[MEAN])
        times = 1.0 if expected else 1.0 / self.audit
        if self.foreteller_ is not None:
            outcome, weight = np.array([float(above)]), np.array([times])
            self.foreteller_._run(row[0], outcome, weight, _NOTHING, 0, True)
            if above:
                self._set_bar(chance, times, expected, drawn)
        part = max(1.0 - (1.0 - self.rate) ** times, min(times / told[ROWS], 1.0))
        told[MEAN] += part * (loss - told[MEAN])
        learns = above or bool(told[ROWS] <= self.n_warm)
        told[RUN] += 1.0
        told[LEARNED] += learns
        return learns

    def _set_bar(self, chance: float, times: float, expected: bool, drawn: bool) -> None:
        """Of the last rows above the mean, this one included, a share `missed` had less chance."""
        told, n = self.loss_, int(self.loss_[ABOVE])
        if drawn and n >= _FEWEST:
            told[AUDITED] += 1.0
            part = max(self.rate, 1.0 / told[AUDITED])
            told[MISSED] += part * (float(not expected) - told[MISSED])
        self.chances_[n % _WINDOW] = chance, times
        told[ABOVE] += 1.0
        if n + 1 >= _FEWEST:
            known = self.chances_[: n + 1]
            known = known[np.argsort(known[:, 0], kind="stable")]
            weights = np.cumsum(known[:, 1])
            place = np.searchsorted(weights, self.missed * weights[-1], side="right")
            told[BAR] = known[place, 0]

    def diagnostics(self) -> Diagnostics:
        """Shares of rows that were learned, run only or not run, what was missed, the mean loss.

        `missed_share` is the running share, among rows above the mean that were drawn, of those
        that would not have been run. Besides, what the base tells.
        """
        told = self.loss_ if self.is_started else np.zeros(8)
        if not told[ROWS]:
            return {}
        learned, run = float(told[LEARNED] / told[ROWS]), float(told[RUN] / told[ROWS])
        shares = {"learned": learned, "run only": run - learned, "not run": 1.0 - run}
        mine: Diagnostics = {"mean_loss": float(told[MEAN]), "row_shares": shares}
        if self.foreteller_ is not None:
            mine["missed_share"] = float(told[MISSED])
        return {**self.base_.diagnostics(), **mine}
