"""Models on several streams with several seeds, in one process or several."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from onlineml.base import Estimator
from onlineml.datasets.stream import Stream
from onlineml.evaluation.comparison import Comparison
from onlineml.evaluation.entrants import (
    Models,
    baselines_of,
    has_detectors,
    named_models,
    seeds_of,
    task_with,
)
from onlineml.evaluation.metrics import chosen
from onlineml.evaluation.prequential import prequential
from onlineml.evaluation.result import Result
from onlineml.parameters import whole
from onlineml.schema import wrong


def compare(
    models: Models,
    streams: Any,
    *,
    seeds: Sequence[int] | None = None,
    n_jobs: int = 1,
    executor: Executor | None = None,
    baselines: bool = True,
    max_rows: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Comparison:
    """Evaluate models on several streams, each with every seed; see `prequential`.

    Time per event and memory are those of `prequential`, of `n_jobs` at a time.

    Parameters
    ----------
    models
        One estimator, several, or name -> estimator.
    streams
        Streams or anything that `onlineml.datasets.as_stream` takes: several, or name -> source.
    seeds
        Seeds of the models that have one.
    n_jobs
        Processes. With one, all models share a pass over each stream; with more, every model and
        seed makes its own. The numbers are the same, but for times, which processes that share a
        machine disturb. Streams, models and options then have to be picklable.
    executor
        Runs the evaluations in place of processes on this machine, such as
        `onlineml.integrations.RayExecutor`; it is shut down in the end.
    baselines, max_rows
        As in `prequential`.
    on_progress
        Called with the number of evaluations that are done, and of all.
    **options
        Further arguments of `prequential`: `metrics`, `window`, `label_delay`, `strategies`,
        `budgets`, `chunk_size`, `max_pending`.

    Returns
    -------
    Comparison
        Also after Ctrl-C: then `interrupted` is true, and results lack what was not done.

    Raises
    ------
    ValueError
        As `prequential`, and for an `n_jobs` that is not a whole number >= 1, no streams, and
        sources that are none; nothing is evaluated then, where the argument shows it.

    Examples
    --------
    >>> from onlineml.datasets import SEA
    >>> from onlineml.evaluation import compare
    >>> from onlineml.learners import GaussianNB
    >>> found = compare({"nb": GaussianNB()}, {"sea": SEA(n_rows=2000)}, metrics="accuracy")
    >>> bool(found.table()["nb"]["sea"][0] > 0.8), found.models
    (True, ['nb', 'NoChangeClassifier', 'MajorityClassifier'])
    """
    whole("n_jobs", n_jobs, 1, unit="processes")
    apart = n_jobs > 1 or executor is not None
    sources = _named_streams(streams, max_rows)
    named = named_models(models)
    units = []
    for stream, source in sources.items():
        used = chosen(options.get("metrics"), source.task, detectors=has_detectors(named))
        own = options | {"metrics": [metric.name for metric in used]}
        units += list(_units(stream, source, named, seeds, own, baselines, apart=apart))
    tell = _ignore if on_progress is None else on_progress
    if not apart:
        done = _in_turn(units, tell)
    else:
        done = _side_by_side(units, executor or _processes(min(n_jobs, len(units))), tell)
    return _joined(units, done, list(sources))


class _Unit(NamedTuple):
    """One evaluation."""

    stream: str
    source: Stream
    models: dict[str, Estimator]
    seeds: Sequence[int] | None
    options: dict[str, Any]
    baselines: bool = False
    #: Whether the models are baselines themselves.
    is_baseline: bool = False


def _named_streams(streams: Any, max_rows: int | None) -> dict[str, Stream]:
    from onlineml.datasets import as_stream

    if isinstance(streams, Mapping):
        listed = list(streams.items())
    else:
        single = isinstance(streams, str | Path | Stream)
        listed = [("", source) for source in ([streams] if single else streams)]
    named: dict[str, Stream] = {}
    for given, source in listed:
        stream = as_stream(source)
        name = base = given or stream.name
        n = 1
        while name in named:
            n += 1
            name = f"{base} {n}"
        named[name] = stream if max_rows is None else stream.take(max_rows)
    if not named:
        raise wrong("streams", streams, "at least one stream")
    return named


def _units(
    stream: str,
    source: Stream,
    models: dict[str, Estimator],
    seeds: Sequence[int] | None,
    options: dict[str, Any],
    baselines: bool,
    *,
    apart: bool,
) -> Iterator[_Unit]:
    if not apart:
        yield _Unit(stream, source, models, seeds, options, baselines)
        return
    buys = options.get("strategies") is not None
    for name, model in models.items():
        one_run = seeds is None or not (buys or seeds_of(model))
        for seed in [None] if one_run else dict.fromkeys(seeds or ()):
            only = None if seed is None else [seed]
            yield _Unit(stream, source, {name: model}, only, options)
    if baselines:
        options = options | {"strategies": None, "budgets": None}
        if buys:
            taught = {f"{name} with all labels": model for name, model in models.items()}
            yield _Unit(stream, source, taught, seeds, options, is_baseline=True)
        added = baselines_of(source.task, models)
        if added:
            yield _Unit(stream, source, added, None, options, is_baseline=True)


def _evaluate(unit: _Unit) -> Result:
    result = prequential(
        unit.models, unit.source, seeds=unit.seeds, baselines=unit.baselines, **unit.options
    )
    result.stream = unit.stream
    result.estimators = {}
    for run in result:
        run.baseline = run.baseline or unit.is_baseline
    return result


def _ignore(n_done: int, n_units: int) -> None:
    """Nobody follows the comparison."""


def _in_turn(units: list[_Unit], tell: Callable[[int, int], None]) -> dict[int, Result]:
    done: dict[int, Result] = {}
    for k, unit in enumerate(units):
        done[k] = _evaluate(unit)
        tell(len(done), len(units))
        if done[k].interrupted:
            break
    return done


def _processes(n_jobs: int) -> Executor:
    # spawned, not forked: compiled kernels and Arrow run threads, which do not survive a fork
    return ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn"), initializer=_ignore_ctrl_c)


def _side_by_side(
    units: list[_Unit], pool: Executor, tell: Callable[[int, int], None]
) -> dict[int, Result]:
    """Results by number of their unit; Ctrl-C ends those that run and drops those that wait."""
    futures = {pool.submit(_evaluate_in_worker, unit): k for k, unit in enumerate(units)}
    try:
        for n, future in enumerate(as_completed(futures), 1):
            future.result()
            tell(n, len(units))
    except KeyboardInterrupt:
        pass
    finally:
        pool.shutdown(cancel_futures=True)
    return {k: future.result() for future, k in futures.items() if _has_result(future)}


def _has_result(future: Future[Result]) -> bool:
    return not future.cancelled() and future.exception() is None


_heard_ctrl_c = Event()  # in a worker


def _ignore_ctrl_c() -> None:
    """A worker that has nothing to do leaves Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _evaluate_in_worker(unit: _Unit) -> Result:
    """A worker at work hears Ctrl-C: its evaluation ends with a partial result, and is the last.

    A pool hands out a few evaluations ahead, which can no longer be called back.
    """
    if _heard_ctrl_c.is_set():
        raise KeyboardInterrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = _evaluate(unit)
    finally:
        _ignore_ctrl_c()
    if result.interrupted:
        _heard_ctrl_c.set()
    return result


def _joined(units: list[_Unit], done: dict[int, Result], streams: list[str]) -> Comparison:
    """One result a stream, of its units in their order."""
    joined: dict[str, Result] = {}
    for stream in streams:
        own = {k: unit for k, unit in enumerate(units) if unit.stream == stream}
        parts = [done[k] for k in own if k in done]
        if not parts:
            continue
        runs = [run for part in parts for run in part]
        missing = len(parts) < len(own)
        joined[stream] = replace(
            parts[0],
            task=_task([unit for unit in own.values() if not unit.is_baseline]),
            runs=runs,
            n_rows=max(part.n_rows for part in parts),
            interrupted=missing or any(part.interrupted for part in parts),
        )
    return Comparison(joined, interrupted=len(done) < len(units))


def _task(units: Sequence[_Unit]) -> str:
    """The task that the models of a stream have together."""
    models = {name: model for unit in units for name, model in unit.models.items()}
    return task_with(models, units[0].source.task)
