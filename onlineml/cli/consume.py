"""`onlineml consume`: a model at work on messages of Kafka, or of files to try it out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlineml.cli.config import resolve
from onlineml.cli.mistakes import Mistake, one_line
from onlineml.cli.options import flags
from onlineml.cli.pipeline import Pipeline, Saved
from onlineml.words import counted

if TYPE_CHECKING:
    from onlineml.base import Estimator
    from onlineml.datasets.messages import MessageSource
    from onlineml.datasets.sinks import Sink
    from onlineml.evaluation.worker import Report, Settings, Worker
    from onlineml.integrations.ray import Life

_TIME = "%Y-%m-%dT%H:%M:%S%z"  # months of it lie in one file
FAILED = 1  # the worker could not go on; what was saved is good


@click.command("consume")
@click.argument(
    "config_file", metavar="[CONFIG]", required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option("--model", "-m", help="Name, Name(key=value), A | B, or a file of a saved model.")
@click.option(
    "--source",
    "-s",
    "files",
    multiple=True,
    metavar="[KIND=]FILE",
    help="JSON lines to read instead of Kafka; KIND: samples, labels, rewards, forget.",
)
@click.option("--brokers", "-b", metavar="HOST:PORT[,...]", help="Kafka's bootstrap.servers.")
@click.option("--group", "-g", help="Kafka's group.id: workers of a group share the partitions.")
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path),
    help="With Kafka: folder of the state [checkpoints].",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="With --source: folder of state and results [consumed].",
)
@click.option("--follow", is_flag=True, help="With --source: wait for more lines.")
@click.option("--ray", is_flag=True, help="With Kafka: share partitions out to actors of Ray.")
@click.option(
    "--ray-address", metavar="ADDRESS",
    help="A running cluster: auto, HOST:PORT, ray://...; Ray is started here if unset.",
)  # fmt: skip
@click.option("--actors", type=int, help="With --ray: actors, each with one core [2].")
@click.option("--until-end", is_flag=True, help="Stop after the last message that there is.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.KEY=VALUE",
    help="Change one value of the configuration.",
)
def command(
    config_file: Path | None, files: tuple[str, ...], brokers: str | None, group: str | None,
    **given: Any,
) -> int | None:  # fmt: skip
    """Answer and learn messages, each exactly once, until SIGTERM or Ctrl-C.

    CONFIG is a YAML or TOML file; flags win over it, --set over both. The same command goes on
    where the one before it ended, however that was.

    \b
    onlineml consume --model GaussianNB --source samples.jsonl
    onlineml consume pipeline.yaml
    onlineml consume pipeline.yaml --source labels=labels.jsonl --source samples.jsonl
    """  # noqa: D301 - click reads the backspace
    values, overrides = flags(given)
    if files:
        values["files"] = _by_kind(files)
    if group is not None:
        overrides = [f"kafka.group.id={group!r}", *overrides]
    if brokers is not None:
        overrides = [f"kafka.bootstrap.servers={brokers!r}", *overrides]
    return consume(resolve(Pipeline, config_file, values, overrides))


def _by_kind(files: tuple[str, ...]) -> dict[str, list[str]]:
    """Paths of each kind of topic, one a partition."""
    found: dict[str, list[str]] = {}
    for text in files:
        kind, equals, path = text.partition("=")
        found.setdefault(kind if equals else "samples", []).append(path if equals else text)
    return found


def consume(pipeline: Pipeline) -> int | None:
    """Work until told to stop; the exit code."""
    from onlineml.datasets.messages import LostMessagesError
    from onlineml.datasets.sinks import SinkError
    from onlineml.evaluation.worker import FencedError, PoisonError
    from onlineml.integrations.kafka import SourceError
    from onlineml.persistence import CheckpointError

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt=_TIME)
    try:
        if pipeline.ray:
            report, folder = _on_ray(pipeline), pipeline.checkpoints
        else:
            worker = worker_of(pipeline)
            report, folder = _run(worker, pipeline), worker.folder
    except (
        LostMessagesError, PoisonError, FencedError, SinkError, SourceError, CheckpointError,
        _DiskError,
    ) as error:  # fmt: skip
        click.echo(f"Error: {one_line(error)}", err=True)
        return FAILED
    _say(report, folder, pipeline)
    return None


class _DiskError(RuntimeError):
    """The state cannot be written, now."""


def _run(worker: Worker, pipeline: Pipeline) -> Report:
    try:
        return worker.run(until=_Status(pipeline.status))
    except OSError as error:
        raise _DiskError(one_line(error)) from error


def worker_of(pipeline: Pipeline, partitions: Sequence[int] | None = None) -> Worker:
    """The worker that a pipeline describes, on these partitions only where they are given."""
    from onlineml.evaluation.worker import Worker

    if partitions is not None:
        pipeline = pipeline.model_copy(update={"partitions": list(partitions)})
    settings, model = pipeline.settings(), _model(pipeline)
    source, sink = _ends(pipeline, settings)
    folder = pipeline.out / "checkpoints" if pipeline.files else pipeline.checkpoints
    return Worker(model, source, sink, folder, settings=settings)


def _on_ray(pipeline: Pipeline) -> Report:
    """The work of all actors together."""
    from onlineml.evaluation.worker import Report
    from onlineml.integrations import KafkaSource, supervise

    if pipeline.files:
        raise Mistake("ray: actors read Kafka, not files")
    settings = pipeline.settings()
    _model(pipeline)  # mistakes in it are better told here
    partitions = pipeline.partitions
    if partitions is None:
        config = {"group.id": "onlineml", **pipeline.kafka}
        reader = KafkaSource(config)
        try:
            partitions = list(range(reader.n_partitions(list(settings.topics.read))))
        finally:
            reader.close()
    folder = pipeline.checkpoints.absolute()  # actors have a working folder of their own
    reports = supervise(
        partial(worker_of, pipeline.model_copy(update={"checkpoints": folder})),
        partitions,
        folder,
        n_actors=pipeline.actors,
        address=pipeline.ray_address,
        on_status=_Status(pipeline.status).team,
    )
    figures = {number: told for report in reports for number, told in report.partitions.items()}
    spent = sum(report.cpu_seconds for report in reports)
    too_large = sum(report.too_large for report in reports)
    return Report(sum(report.messages for report in reports), spent, figures, too_large)


def _model(pipeline: Pipeline) -> Estimator:
    from onlineml.cli import specs
    from onlineml.cli.build import with_seed
    from onlineml.persistence import load

    if isinstance(pipeline.model, Saved):
        saved: Estimator = load(pipeline.model.file)
        return saved
    return with_seed(specs.build_model(pipeline.model.model_dump()))


def _ends(pipeline: Pipeline, settings: Settings) -> tuple[MessageSource, Sink]:
    """Where messages come from, and where they go."""
    if pipeline.files:
        from onlineml.datasets.message_files import JSONLinesSource
        from onlineml.datasets.sinks import JSONLinesSink

        if pipeline.form != "json":
            raise Mistake("form: files hold lines of JSON; record batches come from Kafka")
        files: dict[str, Any] = {}
        for topic, kind in settings.topics.read.items():
            if kind not in pipeline.files:
                raise Mistake(f"topics.{kind}: give its file too, --source {kind}=FILE")
            files[topic] = pipeline.files[kind]
        source = JSONLinesSource(files, follow=pipeline.follow)
        return source, JSONLinesSink(pipeline.out)
    if not pipeline.kafka:
        raise Mistake("what is to be read? kafka: settings or --brokers, or --source FILE")
    if not pipeline.kafka.get("group.id") and pipeline.partitions is None:
        raise Mistake("kafka.group.id is missing (a config key, or --group): workers share it")
    from onlineml.integrations import KafkaSink, KafkaSource

    reader = KafkaSource(pipeline.kafka, partitions=pipeline.partitions, ends=pipeline.until_end)
    return reader, KafkaSink(pipeline.kafka)


class _Status:
    """Says now and then, on stderr, how the work goes on; never asks it to stop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._said, self._messages = time.monotonic(), 0

    def __call__(self, worker: Worker) -> bool:
        if self._is_due():
            self._say(worker.n_messages, worker.figures())
        return False

    def team(self, lives: Sequence[Life]) -> None:
        """The same of several workers; those that began anew count from there."""
        if self._is_due():
            figures = {number: told for life in lives for number, told in life.figures.items()}
            self._say(sum(life.messages for life in lives), figures)

    def _is_due(self) -> bool:
        return time.monotonic() - self._said >= self.seconds

    def _say(self, n_messages: int, figures: dict[int, dict[str, Any]]) -> None:
        now = time.monotonic()
        pace = max(n_messages - self._messages, 0) / (now - self._said)
        self._said, self._messages = now, n_messages
        words = [counted(n_messages, "message(s)"), f"{pace:,.0f}/s", *_together(figures, 1)]
        click.echo(f"{time.strftime(_TIME)} {', '.join(words)}", err=True)


def _together(partitions: dict[int, dict[str, Any]], n_metrics: int | None = None) -> list[str]:
    """Figures of all partitions in words: sums of counts, means of metrics over scored rows."""
    counts = {"dead": "dead letter(s)", "waiting": "waiting for labels", "missed": "missed",
              "expired": "waited for labels in vain", "early": "label(s) without a sample",
              "early_expired": "label(s) given up",
              "left_out": "value(s) of unknown features left out",
              "alerts": "alert(s)", "drifts": "drift(s)", "forgotten": "forgotten"}  # fmt: skip
    words = [counted(len(partitions), "partition(s)")]
    listed = list(partitions.values())
    for name, title in counts.items():
        total = sum(figures[name] for figures in listed)
        if total:
            words.append(counted(total, title))
    metrics = [name for name, value in listed[0].items() if type(value) is float] if listed else []
    for name in metrics[:n_metrics]:
        known = [figures for figures in listed if figures[name] == figures[name]]
        if rows := sum(figures["scored"] for figures in known):
            mean = sum(figures[name] * figures["scored"] for figures in known) / rows
            words.append(f"{name} {mean:.4f}")
    return words


def _say(report: Report, folder: Path, pipeline: Pipeline) -> None:
    """What was done, and where it lies."""
    listed = [counted(report.messages, "message(s)"), *_together(report.partitions)]
    if report.too_large:
        listed.append(f"{report.too_large:,} too large to be written")
    click.echo(f"{', '.join(listed)}; {report.cpu_seconds:.1f} CPU s", err=True)
    if pipeline.files:
        for path in sorted(pipeline.out.glob("*.jsonl")):
            click.echo(f"{path.stem:<12} {path}", err=True)
    click.echo(f"{'state':<12} {folder}", err=True)
    if not report.messages and report.partitions:
        were = sum(figures["rows"] + figures["dead"] for figures in report.partitions.values())
        said = (
            "Nothing was new: all messages had been taken before." if were else "No message came."
        )
        click.echo(said, err=True)
