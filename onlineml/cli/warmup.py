"""`onlineml warmup`: compile what is named, or everything; for images and for CI."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlineml.cli.mistakes import unknown
from onlineml.words import counted

if TYPE_CHECKING:
    from onlineml.estimator import Estimator
    from onlineml.kernels import Entry

_ENTRY = b"\n@entry\n"  # stands in the files that define a kernel


@click.command("warmup")
@click.argument("names", nargs=-1, metavar="[NAMES]...")
@click.option("--quiet", is_flag=True, help="Only the last line.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores if unset.")
def command(names: tuple[str, ...], quiet: bool, jobs: int | None) -> None:
    """Compile kernels now, so that later runs start at once.

    NAMES are estimators, with what they are made of unless told otherwise, or rooms of the package:
    learners, detectors, transforms, active, rl, and so on. Without a name, everything is
    compiled. What was compiled is kept in a folder of this version; ONLINEML_CACHE moves it.

    \b
    onlineml warmup
    onlineml warmup StandardScaler HoeffdingTreeClassifier
    onlineml warmup learners transforms
    """  # noqa: D301 - click reads the backspace
    from onlineml.cli.compiling import compiled
    from onlineml.kernels import base_folder

    began = time.perf_counter()
    kernels = _kernels_of(names) if names else _all_kernels()
    cold = {name: kernel for name, kernel in kernels.items() if not kernel.is_kept()}
    for i, (name, seconds) in enumerate(compiled(cold, jobs or os.cpu_count() or 1), 1):
        if not quiet:
            click.echo(f"{i:>3}/{len(cold)}  {seconds:7.2f} s  {name}")
    for kernel in kernels.values():
        _ = kernel.call
    wall = time.perf_counter() - began
    click.echo(
        f"{counted(len(kernels), 'kernel(s)')}, {len(cold)} of them compiled now, in {wall:.1f} s; "
        f"kept in {base_folder()}"
    )


def _all_kernels() -> dict[str, Entry]:
    """Every kernel of the package by name."""
    from onlineml.kernels import entries

    for files in _files().values():
        for module in files:
            import_module(module)
    return _by_name(entries())


def _files() -> dict[str, list[str]]:
    """Room -> its modules that define kernels.

    Others are not imported: some would load what plots and tables need.
    """
    import onlineml

    package = Path(onlineml.__path__[0])
    found: dict[str, list[str]] = {}
    for file in sorted(package.rglob("*.py")):
        if _ENTRY in file.read_bytes():
            parts = file.relative_to(package).with_suffix("").parts
            found.setdefault(parts[0], []).append(".".join((package.name, *parts)))
    return found


def _by_name(kernels: Iterable[Entry]) -> dict[str, Entry]:
    return {kernel.name: kernel for kernel in kernels}


def _kernels_of(names: Iterable[str]) -> dict[str, Entry]:
    """The kernels of some estimators and rooms; a name that is neither is a user's mistake."""
    from onlineml.kernels import entries
    from onlineml.registry import estimator

    found: list[Entry] = []
    rooms = _files()
    for name in names:
        if name in rooms:
            for module in rooms[name]:
                import_module(module)
            found += [k for k in entries() if k.function.__module__ in rooms[name]]
        elif kind := estimator(name):
            found += _of_estimator(kind)
        else:
            raise unknown("estimator or room", name, [*rooms, *_estimators()])
    return _by_name(found)


def _estimators() -> Iterator[str]:
    """Names that may be those of estimators; their files are not loaded."""
    from onlineml.registry import ROOMS

    for room in ROOMS:
        yield from (name for name in import_module(f"onlineml.{room}").__all__ if name[0].isupper())


def _of_estimator(kind: type[Estimator]) -> list[Entry]:
    """The kernels of a class, and of the parts that it has by default."""
    from onlineml.graph.compiled import kernels_of
    from onlineml.schema import Schema

    own = [] if kind._kernel is None else [kind._kernel]
    try:
        return own + list(kernels_of(kind().start(Schema(2))))
    except (TypeError, ValueError, ImportError):  # its parts are the user's to choose
        return own
