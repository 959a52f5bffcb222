"""`onlineml warmup`: compile everything, for images and continuous integration."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from onlineml.kernels import Entry

_ENTRY = b"\n@entry\n"  # stands in the files that define a kernel


@click.command("warmup")
@click.option("--quiet", is_flag=True, help="Only the last line.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores if unset.")
def command(quiet: bool, jobs: int | None) -> None:
    """Compile every kernel now, so that later runs start at once.

    What was compiled is kept in a folder of this version; ONLINEML_CACHE moves it.
    """
    from onlineml.kernels import base_folder

    began = time.perf_counter()
    kernels = _all_kernels()
    cold = [name for name, kernel in kernels.items() if not kernel.is_kept()]
    for i, (name, seconds) in enumerate(_compiled(cold, jobs or os.cpu_count() or 1), 1):
        if not quiet:
            click.echo(f"{i:>3}/{len(cold)}  {seconds:7.2f} s  {name}")
    for kernel in kernels.values():
        _ = kernel.call
    wall = time.perf_counter() - began
    click.echo(
        f"{len(kernels)} kernels, {len(cold)} of them compiled now, in {wall:.1f} s; "
        f"kept in {base_folder()}"
    )


def _all_kernels() -> dict[str, Entry]:
    """Every kernel of the package by name, trees first: they take longest.

    Files without a kernel are not imported: some would load what plots and tables need.
    """
    import onlineml
    from onlineml.kernels import entries

    package = Path(onlineml.__path__[0])
    for file in sorted(package.rglob("*.py")):
        if _ENTRY in file.read_bytes():
            import_module(".".join(file.relative_to(package.parent).with_suffix("").parts))
    by_name = {kernel.name: kernel for kernel in entries()}
    return dict(sorted(by_name.items(), key=lambda item: "tree" not in item[0]))


def _compiled(names: list[str], jobs: int) -> Iterator[tuple[str, float]]:
    """Compile kernels in processes of their own; names and seconds as they come."""
    jobs = min(jobs, len(names))
    if jobs < 2:
        yield from map(_compile, names)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        for done in as_completed([pool.submit(_compile, name) for name in names]):
            yield done.result()


def _compile(name: str) -> tuple[str, float]:
    kernel, start = _all_kernels()[name], time.perf_counter()
    with redirect_stderr(StringIO()):  # the note on slow compiling says no more than our own line
        _ = kernel.call
    return name, time.perf_counter() - start
