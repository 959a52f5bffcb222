"""Ray: workers as supervised actors on many machines, and evaluations as tasks.

Ray comes with the extra `ray`, and is started only by what is here, when it is asked for. It
listens on all interfaces of a machine, whatever it is told; leave its token authentication on.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from onlineml.evaluation.worker import Report, Worker
from onlineml.parameters import whole
from onlineml.schema import wrong

_LOG = logging.getLogger("onlineml.ray")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECONDS = 1.0  # between two looks at the actors
_PATIENCE = 60.0  # seconds in which an actor must answer what is asked of it

MakeWorker = Callable[[Sequence[int]], Worker]


class Life(NamedTuple):
    """An actor at work: its process, its partitions, and how many messages it has taken."""

    pid: int
    partitions: tuple[int, ...]
    messages: int
    figures: dict[int, dict[str, Any]]


def supervise(
    make_worker: MakeWorker,
    partitions: Sequence[int],
    checkpoint_dir: str | os.PathLike[str],
    *,
    n_actors: int = 2,
    address: str | None = None,
    max_deaths: int = 5,
    on_status: Callable[[list[Life]], None] | None = None,
) -> list[Report]:
    """Let actors work on partitions, each on its own, until all end or SIGTERM or Ctrl-C comes.

    An actor that dies is made again, anywhere, and goes on from the checkpoints of its partitions:
    what counts exactly once is their promise, not Ray's. Being killed costs the seconds of a start.
    Time per event and memory are those of the workers, each in a process of its own.

    Parameters
    ----------
    make_worker
        Makes the worker of some partitions, in the actor; picklable.
    partitions
        Numbers of all partitions, dealt out in turn.
    checkpoint_dir
        The workers' folder of checkpoints, the same on all machines.
    n_actors
        Actors, each with one core; at most one for each partition.
    address
        A running cluster: "auto", "host:port" or "ray://..."; None starts Ray on this machine, and
        stops it in the end.
    max_deaths
        Deaths of an actor, without a checkpoint in between, that are put up with.
    on_status
        Told about once a second how the actors are getting on.

    Returns
    -------
    list of Report
        One an actor.

    Raises
    ------
    ImportError
        Ray is not installed: `pip install "onlineml[ray]"`.
    ValueError
        For an `n_actors` that is not a whole number >= 1, and no partitions.
    RuntimeError
        An actor keeps dying. Errors of a worker are raised as they are. The others stop in good
        order before.

    Examples
    --------
    >>> from onlineml.integrations import supervise
    >>> reports = supervise(make_worker, range(8), "checkpoints", n_actors=4)  # doctest: +SKIP
    """
    whole("n_actors", n_actors, 1)
    if not partitions:
        raise wrong("partitions", partitions, "at least one partition")
    shares = [tuple(partitions[i::n_actors]) for i in range(min(n_actors, len(partitions)))]
    with _Signals() as signals, _ray(address, len(shares)) as ray:
        team = _Team(ray, make_worker, Path(checkpoint_dir), max_deaths)
        for share in shares:
            team.start(share)
        try:
            while team.runs:
                team.turn()
                if signals.came:
                    team.stop()
                if on_status is not None:
                    on_status(team.lives())
        except BaseException:
            team.stop()
            team.wait()
            raise
        return team.reports


class _Actor:
    """What runs in an actor: one worker; it is asked about in other threads than it runs in."""

    def __init__(self, make_worker: MakeWorker, partitions: tuple[int, ...]) -> None:
        self.partitions = partitions
        self.worker = make_worker(partitions)

    def run(self) -> Report:
        return self.worker.run()

    def stop(self) -> None:
        self.worker.stop()

    def life(self) -> Life:
        worker = self.worker
        return Life(os.getpid(), self.partitions, worker.n_messages, worker.figures())


class _Team:
    """The actors, by the partitions that they work on."""

    def __init__(self, ray: Any, make: MakeWorker, folder: Path, max_deaths: int) -> None:
        self.ray, self.make, self.folder, self.max_deaths = ray, make, folder, max_deaths
        self.runs: dict[Any, tuple[int, ...]] = {}  # reference to the end -> partitions
        self.actors: dict[tuple[int, ...], Any] = {}
        self.reports: list[Report] = []
        self._saved: dict[tuple[int, ...], Any] = {}  # what was saved when the last one began
        self._deaths: dict[tuple[int, ...], int] = {}
        self._is_stopped = False
        # max_restarts stays 0: Ray would start again for ever what dies of its first message
        self._kind = ray.remote(num_cpus=1, max_concurrency=3)(_Actor)

    def start(self, share: tuple[int, ...]) -> None:
        self._saved[share] = self._saved_by(share)
        self.actors[share] = actor = self._kind.remote(self.make, share)
        self.runs[actor.run.remote()] = share

    def turn(self) -> None:
        """Wait a little, take reports, and make anew what has died."""
        ended, _ = self.ray.wait(list(self.runs), timeout=_SECONDS)
        for run in ended:
            share = self.runs.pop(run)
            try:
                self.reports.append(self.ray.get(run))
            except self.ray.exceptions.RayActorError as error:
                self._died(share, error)
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None

    def _died(self, share: tuple[int, ...], error: Exception) -> None:
        cause = getattr(error, "cause", None)
        if isinstance(cause, Exception) and not isinstance(cause, self.ray.exceptions.RayError):
            raise cause  # its worker could not be made
        progress = self._saved_by(share) != self._saved[share]
        self._deaths[share] = 1 if progress else self._deaths.get(share, 0) + 1
        why = str(error).split("\n")[0]
        if self._deaths[share] > self.max_deaths:
            raise RuntimeError(
                f"partitions {share}: died {self._deaths[share]} times at the same place: {why}"
            )
        if not self._is_stopped:
            _LOG.warning("partitions %s: %s Starting again.", share, why)
            self.start(share)

    def _saved_by(self, share: tuple[int, ...]) -> list[tuple[str, int]]:
        """Checkpoints of partitions, and when they were written."""
        folders = [self.folder / f"partition-{number:05d}" for number in share]
        files = [path for folder in folders for path in folder.glob("*/*") if path.is_file()]
        return sorted((str(path), path.stat().st_mtime_ns) for path in files)

    def lives(self) -> list[Life]:
        """How those that answer are getting on."""
        asked = [self.actors[share].life.remote() for share in self.runs.values()]
        answered, _ = self.ray.wait(asked, num_returns=len(asked), timeout=_PATIENCE)
        found = []
        for answer in answered:
            try:
                found.append(self.ray.get(answer))
            except self.ray.exceptions.RayError:
                continue  # it has just died: the next turn deals with it
        return found

    def stop(self) -> None:
        """Ask all to end in good order, once."""
        if not self._is_stopped:
            for share in self.runs.values():
                self.actors[share].stop.remote()
        self._is_stopped = True

    def wait(self) -> None:
        """Wait for those that were asked to end."""
        self.ray.wait(list(self.runs), num_returns=len(self.runs), timeout=_PATIENCE)


class _Signals:
    """Notes SIGTERM and SIGINT; the second one has its usual effect."""

    def __enter__(self) -> _Signals:
        self.came = False
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self.came = True
        signal.signal(number, self._before[signal.Signals(number)])

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class RayExecutor(Executor):
    """Runs calls as tasks of Ray, one core each; for `onlineml.evaluation.compare`.

    Beside what a call takes itself, its arguments and its result are copied: time and memory are
    O(their size).

    Parameters
    ----------
    address
        A running cluster, as for `supervise`; None starts Ray on this machine.
    n_jobs
        Cores, where Ray is started here.

    Raises
    ------
    ImportError
        Ray is not installed: `pip install "onlineml[ray]"`.

    Examples
    --------
    >>> from onlineml.evaluation import compare
    >>> from onlineml.integrations import RayExecutor
    >>> compare(models, streams, executor=RayExecutor("auto"))  # doctest: +SKIP
    """

    def __init__(self, address: str | None = None, n_jobs: int = 2) -> None:
        self._context = _ray(address, n_jobs)
        self._ray = self._context.__enter__()
        self._waiting: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The result of a call, to come."""
        reference = self._ray.remote(num_cpus=1)(fn).remote(*args, **kwargs)
        future: Future[Any] = Future()
        reference.future().add_done_callback(lambda done: self._pass_on(done, future))
        self._waiting[future] = reference
        return future

    def _pass_on(self, done: Future[Any], future: Future[Any]) -> None:
        """What a task gave, or what went wrong in it, without Ray around it."""
        if not future.set_running_or_notify_cancel():
            return
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        else:
            future.set_exception(getattr(error, "cause", None) or error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for all calls, or cancel those that are left; stop Ray where it was started here."""
        for future, reference in self._waiting.items():
            if cancel_futures and future.cancel():
                self._ray.cancel(reference, force=True)
            elif wait and not future.cancelled():
                future.exception()
        self._waiting.clear()
        self._context.__exit__(None, None, None)


@contextmanager
def _ray(address: str | None, n_cpus: int) -> Iterator[Any]:
    """Ray, joined or started; left as it was found."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = import_module("ray")
    except ImportError:
        raise ImportError("ray is not installed: pip install 'onlineml[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        quiet |= {"num_cpus": n_cpus, "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    ray.init(address, **quiet)
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put its own there
        yield ray
    finally:
        ray.shutdown()
