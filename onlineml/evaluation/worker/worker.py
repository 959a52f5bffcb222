"""A model at work on messages: it answers, learns, and survives whatever happens to it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from time import monotonic, process_time, sleep
from typing import Any, NamedTuple

from onlineml.base import Estimator
from onlineml.datasets.messages import (
    Batch,
    End,
    Listener,
    LostMessagesError,
    MessageSource,
    Partition,
)
from onlineml.datasets.sinks import Record, Sink
from onlineml.evaluation.worker.desk import Desk
from onlineml.evaluation.worker.scoreboard import Scoreboard, task_of
from onlineml.evaluation.worker.settings import Settings
from onlineml.graph.compiled import compile_kernels
from onlineml.graph.wired import Wired
from onlineml.persistence import CheckpointError
from onlineml.schema import wrong

_LOG = logging.getLogger("onlineml.worker")
_WAIT = 0.5  # most seconds that a poll waits: a request to stop is seen after it
_SHORT_WAIT = 5.0  # seconds that nobody is asked for: to pause and resume Kafka takes one
_MOST_THREADS = 8
_LONGEST_QUEUE = 20_000  # messages of a topic that wait for others before no more are read


class Report(NamedTuple):
    """What a worker did: messages of this run, and figures of its partitions since they began.

    Of this run is also how many messages were too large to be written.
    """

    messages: int
    cpu_seconds: float
    partitions: dict[int, dict[str, Any]]
    too_large: int = 0


class Worker(Listener):
    """Serves and trains a model on partitioned messages, each of which counts exactly once.

    Every partition has a model of its own, which answers the samples of that partition, learns
    their labels (with them or later, by id), and forgets on request. Model, next offsets, samples
    that wait for labels, metrics and generators are saved in one file, so that a worker that is
    killed goes on as if nothing had happened. What it writes may be written again after a kill;
    messages say which partition and offset they are about.

    Cost per JSON message with ten features is about 10 microseconds plus that of the model.

    Parameters
    ----------
    model
        A classifier, a regressor, a detector, or a graph, which is told of labels, rewards and
        requests to forget as they come; copied for each partition.
    source
        Where messages come from.
    sink
        Where predictions, alerts, receipts and dead letters go; None drops them.
    checkpoint_dir
        Folder for the state; workers that share partitions must share it.
    settings
        A `Settings`; its fields can also be given one by one.

    Raises
    ------
    ValueError
        For settings that do not fit together, or a model that is not that of the checkpoint.

    Examples
    --------
    >>> import tempfile
    >>> from onlineml.datasets.messages import MemorySource
    >>> from onlineml.datasets.sinks import MemorySink
    >>> from onlineml.learners import GaussianNB
    >>> rows = [b'{"x": {"a": %d}, "y": "%s"}' % (i % 9, b"low high".split()[i % 9 > 4])
    ...         for i in range(90)]
    >>> source, sink = MemorySource({"samples": [rows]}), MemorySink()
    >>> worker = Worker(GaussianNB(), source, sink, tempfile.mkdtemp(), window=10)
    >>> report = worker.run()
    >>> report.messages, round(report.partitions[0]["accuracy"], 1)
    (90, 1.0)
    """

    def __init__(
        self,
        model: Estimator,
        source: MessageSource,
        sink: Sink | None = None,
        checkpoint_dir: str | PathLike[str] = "checkpoints",
        *,
        settings: Settings | None = None,
        **changes: Any,
    ) -> None:
        self.settings = Settings.of(settings, changes)
        task = task_of(model)
        if self.settings.alert_above is not None and task != "anomaly":
            raise wrong("alert_above", self.settings.alert_above, "None: only detectors score")
        _check_graph(model, self.settings)
        Scoreboard(model, self.settings)  # refuses metrics before any partition is taken
        self.model, self.source, self.sink = model, source, sink
        self.folder = Path(checkpoint_dir)
        self._desks: dict[int, Desk] = {}
        self._stopped = self._broken = False
        self._paused: set[Partition] = set()
        self._ended: set[Partition] = set()
        self.n_messages = 0

    # ---------------------------------------------------------------- the loop

    def run(self, *, until: Callable[[Worker], bool] | None = None) -> Report:
        """Work until all topics end, `stop` is called, SIGTERM or SIGINT comes, or `until` is true.

        Then everything is saved and given up.

        Raises
        ------
        LostMessagesError
            Messages were dropped by the source before they were read.
        PoisonError
            Too many messages in a row cannot be used.
        FencedError
            Another worker has taken a partition.
        SinkError
            What the worker writes cannot be written.
        """
        began = process_time()
        self._stopped = self._broken = False
        figures: dict[int, dict[str, Any]] = {}
        for part in (self.model, self.settings.drift):
            if part is not None:  # before there are partitions: who is slow then may lose them
                compile_kernels(part)
        with self._stopping_on_signals():
            try:
                self.source.subscribe(list(self.settings.topics.read), self)
                while not self._stopped and not self._is_done():
                    self._turn()
                    if until is not None and until(self):
                        break
                self.save()
                figures = self.figures()
            except BaseException as error:
                self._broken = True  # what is in memory may be half of something
                if isinstance(error, OSError | CheckpointError):
                    self._check_fences()  # who takes a partition clears its files away
                raise
            finally:
                self._close()
        too_large = 0 if self.sink is None else self.sink.n_left_out
        return Report(self.n_messages, process_time() - began, figures, too_large)

    def _check_fences(self) -> None:
        """Raise where another worker has taken a partition."""
        for desk in self._desks.values():
            desk.check_fence()

    def _close(self) -> None:
        try:
            self.source.close()
        finally:
            self._desks.clear()
            if self.sink is not None:
                self.sink.close()

    def stop(self) -> None:
        """End `run` after the present batch; may be called from a signal handler or a thread."""
        self._stopped = True

    def figures(self) -> dict[int, dict[str, Any]]:
        """Counts and metrics of each partition."""
        return {number: desk.figures() for number, desk in sorted(self._desks.items())}

    def _turn(self) -> None:
        try:
            found = self.source.poll(self.settings.batch_size, _WAIT)
        except LostMessagesError as error:
            self._skip(error)
            return
        for item in found:
            desk = self._desks.get(item.partition.number)
            if desk is None:  # given up while messages of it were on their way
                continue
            if isinstance(item, End):
                desk.end(item.partition.topic)
                self._ended.add(item.partition)
            else:
                self.n_messages += len(item.offsets)
                desk.put(item)
        for number, desk in list(self._desks.items()):
            if self._desks.get(number) is not desk:  # given up while others were written
                continue
            self._write(desk.work(partial(self._is_caught_up, number)))
        self._hold_back()
        now = monotonic()
        if any(desk.is_due(now) for desk in self._desks.values()):
            self.save()

    def _is_caught_up(self, number: int, topic: str) -> bool:
        return self.source.is_caught_up(Partition(topic, number))

    def _is_done(self) -> bool:
        return bool(self._desks) and all(desk.is_done for desk in self._desks.values())

    def _skip(self, error: LostMessagesError) -> None:
        """Go on where the source has messages again, if that is wanted."""
        if not self.settings.skip_lost:
            error.add_note("skip_lost=True goes on with what is kept")
            raise error
        _LOG.error("%s; going on with what is kept", error)
        self.source.seek(error.partition, None)
        desk = self._desks.get(error.partition.number)
        if desk is not None and error.wanted > error.end:
            desk.begin_anew(error.partition.topic)

    def _write(self, records: list[Record]) -> None:
        if self.sink is None or not records:
            return
        self.sink.write(records)
        if self.sink.backlog() <= self.settings.max_backlog:
            return
        soon = monotonic() + _SHORT_WAIT
        while self._is_behind() and monotonic() < soon:
            sleep(0.005)
        if not self._is_behind():
            return
        partitions = [p for p in self._partitions() if p not in self._paused]
        self.source.pause(partitions)
        while self._is_behind():
            for item in self.source.poll(1, 0.1):  # keeps the group's membership alive
                if isinstance(item, Batch) and item.partition.number in self._desks:
                    self._desks[item.partition.number].put(item)
        self.source.resume([p for p in partitions if p.number in self._desks])

    def _is_behind(self) -> bool:
        """Whether too much is on its way out for more to be read."""
        assert self.sink is not None
        return self.sink.backlog() > self.settings.max_backlog // 2 and not self._stopped

    def _hold_back(self) -> None:
        """Read no more of topics that are far ahead of others."""
        for partition in self._partitions():
            waiting = self._desks[partition.number].waiting(partition.topic)
            if waiting > _LONGEST_QUEUE and partition not in self._paused:
                self.source.pause([partition])
                self._paused.add(partition)
            elif waiting < _LONGEST_QUEUE // 2 and partition in self._paused:
                self.source.resume([partition])
                self._paused.discard(partition)

    def _partitions(self) -> list[Partition]:
        topics = self.settings.topics.read
        return [Partition(topic, number) for number in self._desks for topic in topics]

    # ---------------------------------------------------------------- state

    def save(self) -> None:
        """Write checkpoints of all partitions, after all that was written is safe."""
        self._save(list(self._desks))

    def _save(self, numbers: Sequence[int]) -> None:
        desks = [self._desks[number] for number in numbers]
        if any(desk.n_unsaved for desk in desks) and self.sink is not None:
            self.sink.flush()
        if len(desks) > 1:  # disks sync several files in the time of one
            with ThreadPoolExecutor(min(len(desks), _MOST_THREADS)) as pool:
                list(pool.map(Desk.save, desks))
        else:
            for desk in desks:
                desk.save()
        progress = {
            Partition(t, desk.number): n for desk in desks for t, n in desk.positions.items()
        }
        if progress:
            self.source.note_progress(progress)

    def on_assign(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """Take partitions: the state of each from its checkpoint, or a fresh copy of the model."""
        due = set(self.settings.topics.read)
        desks: list[Desk] = []
        for number in sorted({partition.number for partition in partitions}):
            given = {partition.topic for partition in partitions if partition.number == number}
            if given != due:
                raise wrong(
                    "topics",
                    f"partition {number} of {sorted(given)}",
                    f"the same partitions of {sorted(due)}: they need equal numbers of partitions",
                )
            folder = self.folder / f"partition-{number:05d}"
            desks.append(Desk(self.model, self.settings, number, folder))
        starts: dict[Partition, int | None] = {}
        for desk in desks:  # none of them is refused by now: those who have them may be stopped
            desk.claim()
            self._desks[desk.number] = desk
            starts |= {Partition(topic, desk.number): desk.positions.get(topic) for topic in due}
        return starts

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """Save partitions and give them up."""
        numbers = [n for n in {partition.number for partition in partitions} if n in self._desks]
        if not self._broken:
            self._save(numbers)
        self._drop(numbers)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Drop partitions that another worker has: it went on from the last checkpoint."""
        _LOG.warning("lost %s", ", ".join(map(str, partitions)))
        self._drop([partition.number for partition in partitions])

    def _drop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._desks.pop(number, None)
        self._paused = {p for p in self._paused if p.number in self._desks}

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """The first SIGTERM or SIGINT stops the worker in good order, a second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.getsignal(number) for number in numbers}

        def note(number: int, frame: Any) -> None:
            self.stop()
            signal.signal(number, before[signal.Signals(number)])

        for number in numbers:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number in numbers:
                signal.signal(number, before[number])


def _check_graph(model: Estimator, settings: Settings) -> None:
    """Rewards need an agent, queries a strategy."""
    wiring = model._wiring if isinstance(model, Wired) else None
    if settings.topics.rewards and (wiring is None or wiring.agent is None):
        raise wrong("topics.rewards", settings.topics.rewards, "None: no agent would learn them")
    if settings.topics.queries and (wiring is None or wiring.strategy is None):
        raise wrong("topics.queries", settings.topics.queries, "None: no strategy asks for labels")
