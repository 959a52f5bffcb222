"""Evaluations as MLflow runs: one per model and seed, written by one thread beside the evaluation.

MLflow takes milliseconds a call, so values are sent in batches, and a curve is thinned to 200
points; the whole one goes along as a Parquet file. A store that fails never fails the evaluation.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import re
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onlineml
from onlineml.evaluation.report import write_report
from onlineml.evaluation.result import Result, Run, WindowRecord
from onlineml.persistence import save

MAX_POINTS = 200  # of a metric of a run
_BATCH = 1000  # values to a call, MLflow's limit; each call costs as much as 100 values
_SECONDS = 10.0  # at most between two calls
_COARSER = 4  # times fewer points for baselines, which are there for their totals
_MAX_PARAM = 6000  # characters, MLflow's limit
_MAX_PARAMS = 100  # to a call, MLflow's limit

Key = tuple[str, int | None]


class MLflowTracker:
    """Sends an evaluation to MLflow; give it to `prequential` as `track`.

    Parameters
    ----------
    experiment
        Name of the experiment, for instance the stream's; made where it does not exist.
    tracking_uri
        The store; `MLFLOW_TRACKING_URI`, or else `mlflow.db` in the working folder.
    config
        Parameters to show beside the model's, such as a resolved configuration.
    n_windows
        Windows to expect; where it is known, points are sent while the evaluation runs, where
        not, at its end.
    resume
        Go on with the newest runs of the experiment that have the same models and seeds: curves
        continue at the row at which they ended. For models that went on learning from a file.
    run_ids
        (model, seed) -> id of the MLflow run to go on with, for an evaluation that was stopped and
        goes on: of its curves only what is not there yet is sent. A run that the store does not
        have is made anew.
    opened
        Told (model, seed) and id of every run that is made, by the tracker's thread: what
        `run_ids` takes.
    patience
        Seconds to wait for the store at most, before the evaluation and after it.
    say
        Told once when the store fails; by default a `RuntimeWarning`.

    Attributes
    ----------
    failure
        Why tracking stopped; None while it works.
    cpu_seconds
        CPU seconds of `"setup"` (loading MLflow, opening the store) and of `"log"`.

    Raises
    ------
    ImportError
        MLflow is not installed.

    Notes
    -----
    Switches MLflow's usage reports off, unless `MLFLOW_DISABLE_TELEMETRY` says otherwise.
    """

    def __init__(
        self,
        *,
        experiment: str = "onlineml",
        tracking_uri: str | None = None,
        config: Mapping[str, Any] | None = None,
        n_windows: int | None = None,
        resume: bool = False,
        run_ids: Mapping[Key, str] | None = None,
        opened: Callable[[Key, str], None] | None = None,
        patience: float = 60.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if find_spec("mlflow") is None:
            raise ImportError('tracking needs MLflow: pip install "onlineml[tracking]"')
        self.tracking_uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or _default_uri()
        self.experiment, self.config, self.patience = experiment, dict(config or {}), patience
        self.resume, self.run_ids, self.opened = resume, dict(run_ids or {}), opened
        self.failure: str | None = None
        self.cpu_seconds = {"setup": 0.0, "log": 0.0}
        self._stride = math.ceil(n_windows / MAX_POINTS) if n_windows else 0
        self._seen: Counter[Key] = Counter()
        self._say = say or (lambda text: warnings.warn(text, RuntimeWarning, stacklevel=2))
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()
        # Loading MLflow takes seconds of CPU that must not count for the first model.
        self._ready.wait(patience)

    def on_window(self, record: WindowRecord) -> None:
        """Take a window's values; costs the evaluation about a microsecond."""
        key = (record.model, record.seed)
        stride = self._stride * (_COARSER if record.baseline else 1)
        if stride and self._seen[key] % stride == 0:
            self._queue.put(record)
        self._seen[key] += 1

    def on_end(self, result: Result) -> None:
        """Send everything that is left, and wait for the store."""
        self._queue.put(result)
        self._queue.put(None)
        self._thread.join(self.patience)
        if self._thread.is_alive():
            self._fail(f"no answer within {self.patience:g} s")

    def _fail(self, reason: str) -> None:
        """Say it once; the evaluation goes on without tracking."""
        if self.failure is None:
            self.failure = reason
            self._say(
                f"MLflow tracking failed ({self.tracking_uri}): {reason}. "
                "The evaluation goes on; its results are complete, but not in MLflow."
            )

    # ---------------------------------------------------------------- in the thread

    def _work(self) -> None:
        began = time.thread_time()
        try:
            log = _Log(self)
            self.cpu_seconds["setup"] = time.thread_time() - began
            self._ready.set()
            self._drain(log)
        except Exception as error:  # whatever goes wrong in there, the evaluation goes on
            self._fail(" ".join(str(error).split())[:300] or type(error).__name__)
        finally:
            self._ready.set()
            self.cpu_seconds["log"] = time.thread_time() - began - self.cpu_seconds["setup"]

    def _drain(self, log: _Log) -> None:
        while self.failure is None:
            try:
                item = self._queue.get(timeout=_SECONDS)
            except queue.Empty:
                log.flush()
                continue
            if item is None:
                return
            if isinstance(item, Result):
                log.result(item)
            else:
                log.window(item)


class _Log:
    """The MLflow runs of one evaluation, and the values that wait to be sent."""

    def __init__(self, tracker: MLflowTracker) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # 7 stall for minutes
        with _quiet():
            from mlflow import MlflowClient

            self.client = MlflowClient(tracking_uri=tracker.tracking_uri)
            self.experiment_id = self._experiment(tracker.experiment)
        self.config, self.resume = tracker.config, tracker.resume
        self.run_ids, self.opened = tracker.run_ids, tracker.opened
        self.ids: dict[Key, str] = {}
        self.offsets: Counter[Key] = Counter()  # rows before this evaluation
        self.known: dict[str, set[str]] = {}  # parameters that a run has, which never change
        self.told: dict[Key, set[int]] = {}  # steps at which a run that goes on has points already
        self.points: Counter[Key] = Counter()
        self._waiting: dict[Key, list[Any]] = {}
        self._sent = time.monotonic()

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def window(self, record: WindowRecord) -> None:
        """Take a point of the windowed curves; sends when enough of them wait."""
        key = (record.model, record.seed)
        self._open(key, record.baseline)
        self.points[key] += 1
        self._take(key, record.n_rows, {f"{name}_window": v for name, v in record.window.items()})
        full = len(self._waiting[key]) >= _BATCH - len(record.window)
        if full or time.monotonic() - self._sent > _SECONDS:
            self.flush()

    def result(self, result: Result) -> None:
        """Complete and end all runs."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.html"
            write_report(result, report, configs=[_as_text(self.config)])
            for run in result:
                self._complete(result, run, report)
        status = "KILLED" if result.interrupted else "FINISHED"
        for run_id in self.ids.values():
            self.client.set_terminated(run_id, status=status)

    def _complete(self, result: Result, run: Run, report: Path) -> None:
        key = (run.model, run.seed)
        run_id = self._open(key, run.baseline)
        if not self.points[key]:
            stride = math.ceil(len(run.n_rows) / MAX_POINTS) or 1
            stride *= _COARSER if run.baseline else 1
            for i in range(0, len(run.n_rows), stride):
                if run.n_rows[i] in self.told.get(key, ()):
                    continue
                values = {f"{name}_window": curve[i] for name, curve in run.window.items()}
                self._take(key, run.n_rows[i], values)
        costs = {
            f"{result.unit}_per_second": run.rows_per_second,
            "cpu_seconds": run.cpu_seconds,
            "nbytes": float(run.nbytes),
        }
        self._take(key, run.n_scored, run.totals | costs)
        self.flush()
        self._describe(run_id, result, run)
        curves, model = report.with_name("curves.parquet"), report.with_name("model.oml")
        replace(result, runs=[run]).to_parquet(curves)
        estimator = result.estimators.get(key)
        if estimator is not None:
            model.unlink(missing_ok=True)
            save(estimator, model, extra={result.unit: run.n_scored})
        for path in (report, curves, model):
            if path.exists():
                self.client.log_artifact(run_id, str(path))

    def _describe(self, run_id: str, result: Result, run: Run) -> None:
        from mlflow.entities import Param, RunTag

        estimator = result.estimators.get((run.model, run.seed))
        params = {} if estimator is None else estimator.get_params()
        pairs = {
            "stream": result.stream, "window": result.window, "label_delay": result.label_delay,
            result.unit: result.n_rows, "estimator": run.estimator, **_flat(self.config),
            **{f"model.{name}": value for name, value in params.items()},
        }  # fmt: skip
        known = self.known.get(run_id, set())
        listed = [
            Param(_key(name), str(v)[:_MAX_PARAM])
            for name, v in pairs.items()
            if _key(name) not in known
        ]
        tags = {"task": result.task, "interrupted": str(result.interrupted).lower()}
        for first in range(0, max(len(listed), 1), _MAX_PARAMS):
            self.client.log_batch(
                run_id,
                params=listed[first : first + _MAX_PARAMS],
                tags=[RunTag(name, value) for name, value in tags.items()],
            )

    def _open(self, key: Key, baseline: bool) -> str:
        """The MLflow run of a model and seed, made when first asked for."""
        if key not in self.ids and not self._goes_on(key):
            model, seed = key
            tags = {
                "mlflow.runName": model if seed is None else f"{model}, seed {seed}",
                "mlflow.source.name": "onlineml",
                "onlineml.version": onlineml.__version__,
                "model": model,
                "seed": str(seed),
                "baseline": str(baseline).lower(),
            }
            run = self.client.create_run(self.experiment_id, tags=tags)
            self.ids[key] = run.info.run_id
            if self.opened is not None:
                self.opened(key, run.info.run_id)
        return self.ids[key]

    def _goes_on(self, key: Key) -> bool:
        """Go on with the run that is named, or found; whether there is one."""
        if key in self.run_ids:
            found = self._named(self.run_ids[key])
            if found is not None:
                self.told[key] = set(self._taken_up(key, found))
            return found is not None
        return self.resume and self._reopen(key)

    def _named(self, run_id: str) -> Any:
        """The MLflow run of this id; None where the store has none."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return found if found.info.lifecycle_stage == "active" else None

    def _reopen(self, key: Key) -> bool:
        """Go on with the newest run of a model and seed, if there is one."""
        model, seed = (str(part).replace("'", "\\'") for part in key)
        found = self.client.search_runs(
            [self.experiment_id], f"tags.model = '{model}' AND tags.seed = '{seed}'", max_results=1
        )
        if not found:
            return False
        self.offsets[key] = max(self._taken_up(key, found[0]), default=0)
        return True

    def _taken_up(self, key: Key, run: Any) -> list[int]:
        """Take an MLflow run up again; the steps at which it has points."""
        run_id = run.info.run_id
        curves = [name for name in run.data.metrics if name.endswith("_window")]
        ends = [name for name in ("cpu_seconds",) if name in run.data.metrics]  # there if complete
        told = [self.client.get_metric_history(run_id, name) for name in curves[:1] + ends]
        self.ids[key], self.known[run_id] = run_id, set(run.data.params)
        self.client.update_run(run_id, status="RUNNING")
        return [point.step for points in told for point in points]

    def _take(self, key: Key, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now, step = int(time.time() * 1000), step + self.offsets[key]
        waiting = self._waiting.setdefault(key, [])
        waiting += [
            Metric(_key(name), value, now, step)
            for name, value in values.items()
            if math.isfinite(value)
        ]

    def flush(self) -> None:
        """Send what waits, a batch for each run."""
        for key, values in self._waiting.items():
            for first in range(0, len(values), _BATCH):
                self.client.log_batch(self.ids[key], metrics=values[first : first + _BATCH])
        self._waiting.clear()
        self._sent = time.monotonic()


def _default_uri() -> str:
    return f"sqlite:///{Path('mlflow.db').absolute()}"


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow and what it loads warn about each other: nothing that a user could act on."""
    loggers = [logging.getLogger(name) for name in ("mlflow.store.db.utils", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _key(name: str) -> str:
    """`name` with only the characters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _as_text(config: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in _flat(config).items())
