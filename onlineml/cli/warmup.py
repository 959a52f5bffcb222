"""`onlineml warmup`: compile everything, for images and continuous integration."""

from __future__ import annotations

import pkgutil
import time
from importlib import import_module

import click

#: Rooms that may lack an optional package, or that hold no kernels.
_SKIPPED = ("onlineml.cli", "onlineml.integrations", "onlineml.evaluation.tracking")


@click.command("warmup")
@click.option("--quiet", is_flag=True, help="Only the last line.")
def command(quiet: bool) -> None:
    """Compile every kernel now, so that later runs start at once.

    What was compiled is kept in a folder of this version; ONLINEML_CACHE moves it.
    """
    import onlineml
    from onlineml.kernels import cache_folder, entries

    began, spent = time.perf_counter(), time.process_time()
    for module in pkgutil.walk_packages(onlineml.__path__, "onlineml."):
        if not module.name.startswith(_SKIPPED):
            import_module(module.name)
    kernels = entries()
    for i, kernel in enumerate(kernels, 1):
        start = time.perf_counter()
        _ = kernel.call
        if not quiet:
            seconds = time.perf_counter() - start
            click.echo(f"{i:>3}/{len(kernels)}  {seconds:7.2f} s  {kernel.name}")
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    click.echo(
        f"{len(kernels)} kernels in {wall:.1f} s ({cpu:.1f} CPU s), kept in {cache_folder()}"
    )
