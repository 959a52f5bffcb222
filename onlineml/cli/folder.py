"""The output folder of a run: configuration, results, report, models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from onlineml import __version__
from onlineml.cli.config import Evaluation
from onlineml.cli.mistakes import Mistake

if TYPE_CHECKING:
    from onlineml.evaluation import Result

REPORT, RESULT, CURVES, CONFIG = "report.html", "result.json", "curves.parquet", "config.yaml"


def chosen_folder(config: Evaluation, name: str) -> Path:
    """The folder to write to, which must be new unless the configuration forces it."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    path = config.out or Path("runs") / f"{slug(name)}-{stamp}"
    if path.is_file():
        raise Mistake(f"{path} is a file, expected a folder")
    if path.exists() and any(path.iterdir()) and not config.force:
        raise Mistake(f"{path} exists: choose another --out, or --force to write into it")
    return path


def write_config(folder: Path, config: Evaluation) -> str:
    """Make the folder and keep the resolved configuration in it; returns its text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = config_text(config)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    return text


@contextmanager
def kept_if_run(folder: Path, config: Evaluation) -> Iterator[None]:
    """Takes a new folder away again where the run fails, so that the next one may have its name."""
    try:
        yield
    except Exception:
        if not config.force and [file.name for file in folder.iterdir()] == [CONFIG]:
            (folder / CONFIG).unlink()
            folder.rmdir()
        raise


def config_text(config: Evaluation) -> str:
    """The resolved configuration as YAML that runs again, under its hash."""
    head = f"# onlineml {__version__}, configuration {config.digest()}\n"
    return head + yaml.safe_dump(config.plain(), sort_keys=False, allow_unicode=True)


def write_results(
    folder: Path, results: Sequence[Result], config: str, *, models: bool = True
) -> None:
    """Results, curves, models (unless they are there already) and the report."""
    try:
        _write_all(folder, results, config, models=models)
    except OSError as error:
        if error.filename is None:  # such as a full disk, found out as bytes are written
            raise OSError(error.errno, error.strerror, str(folder)) from error
        raise


def _write_all(folder: Path, results: Sequence[Result], config: str, *, models: bool) -> None:
    from onlineml.evaluation.report import write_report

    for i, result in enumerate(results):
        place = folder if len(results) == 1 else folder / f"{i + 1:02d}-{slug(result.stream)}"
        place.mkdir(exist_ok=True)
        result.to_json(place / RESULT)
        result.to_parquet(place / CURVES)
        if models:
            _write_models(place, result)
    write_report(results, folder / REPORT, configs=[config] * len(results))


def _write_models(folder: Path, result: Result) -> None:
    from onlineml.persistence import save

    for (model, seed), estimator in result.estimators.items():
        (folder / "models").mkdir(exist_ok=True)
        extra = {"stream": result.stream, "rows": result.run(model, seed).n_scored}
        try:
            save(estimator, model_file(folder, model, seed), extra=extra)
        except ValueError as error:  # it holds a model of another library
            click.echo(f"{model} is not saved: {error}", err=True)


def model_file(folder: Path, model: str, seed: int | None) -> Path:
    """Where a model of a run is saved."""
    name = slug(model) + ("" if seed is None else f"-seed{seed}")
    return folder / "models" / f"{name}.oml"


def result_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The result files that folders or files stand for."""
    for path in paths:
        if path.is_file():
            yield path
        elif (path / RESULT).is_file():
            yield path / RESULT
        elif found := sorted(path.glob(f"*/{RESULT}")):
            yield from found
        else:
            raise Mistake(f"{path}: got no {RESULT} in it, expected a folder that a run wrote")


def slug(text: str) -> str:
    """`text` as a file name.

    Examples
    --------
    >>> slug("StandardScaler | KNNClassifier(k=3)")
    'StandardScaler-KNNClassifier-k-3'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.")[:100] or "unnamed"
