"""Test, then train: the only place where predict, measure and fit happen in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from onlineml.active import Budget
from onlineml.datasets.stream import Chunk, Stream
from onlineml.evaluation.buyer import contender_of
from onlineml.evaluation.contender import Answers, Contender, Labels
from onlineml.evaluation.delay import Delay, LabelDelay, Script, delay_of
from onlineml.evaluation.entrants import Models, admit, entrants, has_detectors, task_with
from onlineml.evaluation.label_budgets import Strategies, purchases
from onlineml.evaluation.metrics import chosen
from onlineml.evaluation.result import Result, Run, WindowRecord
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong

Ints = npt.NDArray[np.int64]


class Tracker(Protocol):
    """Follows an evaluation, for instance to log it: what `prequential` takes as `track`.

    Any object with these two methods is one; what they raise ends the evaluation.

    Examples
    --------
    >>> from onlineml.datasets import SEA
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import GaussianNB
    >>> class Counter:
    ...     windows = 0
    ...     def on_window(self, record):
    ...         self.windows += 1
    ...     def on_end(self, result):
    ...         print(self.windows, "windows of", len(result.runs), "run")
    >>> found = prequential(GaussianNB(), SEA(n_rows=3000), baselines=False, track=Counter())
    3 windows of 1 run
    """

    def on_window(self, record: WindowRecord) -> None:
        """Take note of one model's window."""

    def on_end(self, result: Result) -> None:
        """Take note of the result."""


def prequential(
    models: Models,
    stream: Any,
    *,
    metrics: Sequence[Any] | str | None = None,
    window: int = 1000,
    label_delay: LabelDelay = 0,
    strategies: Strategies | None = None,
    budgets: Sequence[Budget | float] | Budget | float | None = None,
    seeds: Sequence[int] | None = None,
    baselines: bool = True,
    alert_rate: float = 0.01,
    max_rows: int | None = None,
    until: Callable[[int], bool] | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    track: Tracker | None = None,
    chunk_size: int = 4096,
    max_pending: int = 100_000,
    inplace: bool = False,
) -> Result:
    """Evaluate models on a stream: every row is first answered, then scored, then learned.

    All models see the same single pass. Numbers depend on nothing but the rows: not on
    `chunk_size`, not on which other models take part. Beside each model it costs about 0.05
    microseconds a row in windows of 1,000 rows and 0.2 in those of 100. Rankings ("roc_auc",
    "average_precision") cost more, as every window ends with their totals over all rows: 0.7 and 4;
    with the alerts of detectors, 1.4 and 6. Time per event is that of the models and of this;
    memory is that of the models, a chunk, the figures of each window, and rows that wait for
    labels.

    Parameters
    ----------
    models
        One estimator, several, or name -> estimator. Copies are evaluated; they go on from what
        the estimators have learned. Detectors of anomalies never see the labels: their scores are
        measured against them, the greater of the two labels being that of an anomaly. Members of a
        `StackedClassifier` or `StackedRegressor` without a key have runs of their own beside that
        of the whole, one for each seed that they began with.
    stream
        A `Stream`, or anything that `onlineml.datasets.as_stream` takes.
    metrics
        Names (see `onlineml.evaluation.METRICS`), or river's as `river.F1`, `river.FBeta(beta=2)`
        or its objects; by default those of the stream's task.
    window
        Rows over which the windowed curves are taken.
    label_delay
        When the label of a row comes. An int `d`: when `d` more rows have been answered. A float
        (seconds) or a timedelta: before the first row whose time is at least that much later. A
        function `(row number, time, x, y) -> d`, or None for never. Answers are given when the row
        comes and scored when its label comes, which is also when it is learned; labels come in
        order of their time, then of their rows. Those outstanding at the end of the stream are
        scored and learned then. Detectors need no label: they learn a row when it comes.
    strategies
        Query strategies that decide which labels are bought: one, several, or name -> strategy.
        Every model takes part once with each; all rows are answered and scored, those that were
        bought are learned when their labels come. Labels that never come are paid all the same.
        Baselines, the models with all labels are among them, learn every row.
    budgets
        Each strategy takes part once with each of them, in the place of its own: a `Budget`, a
        share of the rows in (0, 1], or a number of labels above 1, spread over the rows of a stream
        whose number is known.
    seeds
        Models with a parameter `seed` (or parts that have one) run once for each; others run once.
        The stream stays the same.
    baselines
        Add the no-change and the majority classifier, or the mean for a regression.
    alert_rate
        Detectors without a threshold of their own raise an alert where a score exceeds all but this
        share of the last 1,000 scores (of 10 / alert_rate where that is more): see `Run.alerts`.
    max_rows
        Read no more rows than this.
    until
        Called with the number of rows read after every chunk; True ends the stream there.
    on_progress
        Called with the number of rows read, and that of the stream where known, after every chunk.
    track
        Told of every window of every model, and of the result.
    chunk_size
        Rows that are read at a time.
    max_pending
        Most rows that wait for a label of a `label_delay` in seconds or by function. Rows that
        come while so many are waiting are answered, but neither scored nor learned (save by
        detectors); they are counted in `Result.n_dropped`.
    inplace
        Train the estimators given, rather than copies.

    Returns
    -------
    Result
        Also after Ctrl-C: then `interrupted` is true, it holds what was scored so far, and the last
        chunk may be missing for some models.

    Raises
    ------
    ValueError
        For a stream without rows, one that is none, and rows that a model refuses, with their
        numbers; for no models, or one that cannot do the stream's task; for metrics that are
        unknown or of another task; for a `window`, `chunk_size` or `max_rows` that is not a whole
        number >= 1, an `alert_rate` outside of (0, 1), a `label_delay` below 0, or in seconds where
        rows have no time, a `max_pending` below 1, no `seeds`, and `strategies` and `budgets` that
        do not go together.

    Examples
    --------
    >>> from onlineml.datasets import SEA
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import GaussianNB
    >>> result = prequential(GaussianNB(), SEA(n_rows=5000), metrics="accuracy", window=500)
    >>> run = result.run("GaussianNB")
    >>> bool(run.totals["accuracy"] > 0.85), len(run.window["accuracy"])
    (True, 10)

    References
    ----------
    .. [1] Gama, Sebastiao, Rodrigues (2013), On evaluating stream learning algorithms, Machine
       Learning 90(3), 317-346. doi:10.1007/s10994-012-5320-9
    """
    _check(window=window, chunk_size=chunk_size, max_rows=1 if max_rows is None else max_rows)
    if not 0 < alert_rate < 1:
        raise wrong("alert_rate", alert_rate, "a share between 0 and 1")
    source = _opened(stream, max_rows)
    delay, late_by = delay_of(label_delay, max_pending)
    used = chosen(metrics, source.task, detectors=has_detectors(models))
    labels = Labels(source.task)
    bought = purchases(strategies, budgets, source.n_rows)
    entered = entrants(
        models, source.task, source.schema, seeds=seeds, baselines=baselines, inplace=inplace,
        purchases=bought,
    )  # fmt: skip
    on_window = _ignore if track is None else track.on_window
    shared = used, window, labels, on_window, alert_rate
    contenders = [contender_of(entrant, *shared) for entrant in entered]
    result = Result(
        stream=source.name,
        task=task_with(models, source.task),
        metrics=[metric.name for metric in used],
        window=window,
        runs=_once(run for contender in contenders for run in contender.runs()),
        drifts=list(source.drifts),
        label_delay=late_by,
        estimators={(entrant.name, entrant.seed): entrant.estimator for entrant in entered},
    )
    evaluation = _Evaluation(contenders, labels, delay)
    try:
        for result.n_rows in evaluation.walk(source, chunk_size):
            if on_progress is not None:
                on_progress(result.n_rows, source.n_rows)
            if until is not None and until(result.n_rows):
                break
        evaluation.settle()
    except KeyboardInterrupt:
        result.interrupted = True
    result.drifts = [row for row in result.drifts if row < result.n_rows]
    for contender in contenders:
        contender.finish()
    if delay is not None:
        result.n_unlabeled, result.n_dropped = delay.n_unlabeled, delay.n_dropped
        result.n_pending = delay.n_pending
    result.n_broken = source.n_skipped
    if track is not None:
        track.on_end(result)
    return result


def _check(**rows: int) -> None:
    for name, value in rows.items():
        whole(name, value, 1, unit="rows")


def _opened(stream: Any, max_rows: int | None) -> Stream:
    if not isinstance(stream, Stream):
        from onlineml.datasets import as_stream

        stream = as_stream(stream)
    source: Stream = stream if max_rows is None else stream.take(max_rows)
    return source


def _once(runs: Iterable[Run]) -> list[Run]:
    """Members of one seed may take part in several models, and say the same there."""
    return list({(run.model, run.seed): run for run in runs}.values())


def _ignore(record: WindowRecord) -> None:
    """Nobody follows the evaluation."""


class _Waiting(NamedTuple):
    """Rows that were answered and whose labels are outstanding, in order of their numbers."""

    number: Ints
    X: Array
    y: npt.NDArray[Any]
    code: npt.NDArray[Any]
    no_change: Ints

    def then(self, more: _Waiting) -> _Waiting:
        return _Waiting(*(np.concatenate(pair) for pair in zip(self, more)))

    def at(self, rows: Any) -> _Waiting:
        return _Waiting(*(column[rows] for column in self))


class _Evaluation:
    """The walk of all contenders over a stream."""

    def __init__(self, contenders: list[Contender], labels: Labels, delay: Delay | None) -> None:
        self.contenders, self.labels, self.delay = contenders, labels, delay
        self._is_regression = labels.is_regression
        self._last = -1  # code of the label that was learned last
        self._waiting: _Waiting | None = None
        self._answers: list[Answers] = []  # to the waiting rows, by contender

    def walk(self, stream: Stream, chunk_size: int) -> Iterator[int]:
        """Evaluate chunk by chunk; yields the number of rows read."""
        n_rows, schema = 0, stream.schema
        for chunk in stream.chunks(chunk_size):
            if not len(chunk.X):
                continue
            try:
                schema = self._admit(stream.schema, schema)
                if self.delay is None:
                    self._at_once(chunk)
                else:
                    self._late(n_rows, chunk, self.delay)
            except ValueError as error:
                error.add_note(f"in rows {n_rows} to {n_rows + len(chunk.X) - 1} of the stream")
                raise
            n_rows += len(chunk.X)
            yield n_rows
        if not n_rows:
            raise wrong("stream", stream.name, "at least one row")

    def _admit(self, now: Schema, before: Schema) -> Schema:
        """Readers of files meet new nominal values on the way."""
        if now is not before and now != before:
            for contender in self.contenders:
                admit(contender.entrant, now)
        return now

    def settle(self) -> None:
        """Score and learn what is outstanding when the stream ends."""
        if self.delay is not None and self._waiting is not None:
            self._play(self._waiting, self._answers, self.delay.rest())

    def _at_once(self, chunk: Chunk) -> None:
        """Labels come with the rows: one fused pass a model."""
        codes = self.labels.encode(chunk.y)
        no_change = self._no_change(codes)
        for contender in self.contenders:
            answers = contender.answer_and_learn(chunk.X, chunk.y)
            contender.score(codes, answers, no_change)

    def _no_change(self, codes: npt.NDArray[Any]) -> Ints | None:
        """What the no-change classifier says: the label of the row before."""
        if self._is_regression:
            return None
        before = np.empty(len(codes), np.int64)
        before[0], before[1:] = self._last, codes[:-1]
        self._last = int(codes[-1])
        return before

    def _late(self, first: int, chunk: Chunk, delay: Delay) -> None:
        """Labels come late: every model follows the script of questions and lessons."""
        X, y, time = chunk
        rows = np.arange(first, first + len(X))
        new = _Waiting(rows, X, y, self.labels.encode(y), np.full(len(X), -1))
        waiting = new if self._waiting is None else self._waiting.then(new)
        self._play(waiting, self._answers, delay.next(first, X, y, time))

    def _play(self, waiting: _Waiting, earlier: list[Answers], script: Script) -> None:
        """Ask and teach as the script says, score what was taught, keep what is outstanding."""
        at = np.searchsorted(waiting.number, script.rows)
        asked, taught = at[~script.lesson], at[script.lesson]
        waiting.no_change[asked] = self._no_change_between(waiting.code[at], script.lesson)
        keep = np.ones(len(waiting.number), bool)
        keep[taught] = False
        keep[np.searchsorted(waiting.number, script.lost)] = False
        kept: list[Answers] = []
        X, y = waiting.X[at], waiting.y[at]
        for k, contender in enumerate(self.contenders):
            answers = contender.play(X, y, script.rows, script.lesson)
            contender.give_up(script.lost)
            if earlier:
                answers = earlier[k].then(answers)
            scored = answers.at(taught)
            contender.score(waiting.code[taught], scored, waiting.no_change[taught])
            kept.append(answers.at(keep))
        self._waiting, self._answers = waiting.at(keep), kept

    def _no_change_between(self, codes: npt.NDArray[Any], lesson: npt.NDArray[np.bool_]) -> Ints:
        """For each question, the label of the lesson before it."""
        if self._is_regression:
            return np.full(int((~lesson).sum()), -1)
        place = np.maximum.accumulate(np.where(lesson, np.arange(len(lesson)), -1))
        last = np.where(place >= 0, codes[place], self._last) if len(place) else place
        if len(last):
            self._last = int(last[-1])
        said: Ints = last[~lesson].astype(np.int64)
        return said
