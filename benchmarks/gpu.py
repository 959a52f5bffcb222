"""Torch learners on this machine's devices: `python -m benchmarks.gpu --help`.

First that a GPU says what the CPU says, for every torch part; then what a row or a model's step
costs on each device, beside the least that its memory and its arithmetic allow. Without a GPU the
columns of the CPU are measured, and what a GPU would be asked is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.gpu_checks import CLOSE, differences, parts
from benchmarks.gpu_times import (
    Device,
    Figure,
    batches,
    crowds,
    embeddings,
    measured,
    rows_one_by_one,
    stacks,
)
from benchmarks.report import figures_table


def checked(device: str) -> list[tuple[str, str]]:
    """How far a device lies from the CPU, part by part; ends the command where it is too far."""
    found = []
    for name, gap in differences(device):
        found.append((f"{name}: {device} against cpu", f"{gap:.1e}"))
        if not gap <= CLOSE:
            raise SystemExit(f"{name}: {gap:.1e} apart, at most {CLOSE:.0e} is allowed")
    return found


def table(figures: list[Figure], devices: dict[str, Device]) -> Table:
    """One line a thing, for each device its time, the floor, and how far apart they are."""
    shown = Table(box=box.MARKDOWN)
    shown.add_column("us", no_wrap=True)
    for on in devices:
        for name in (on, "floor", "x"):
            shown.add_column(name, justify="right")
    by_place = {(figure.what, figure.device): figure for figure in figures}
    for what in dict.fromkeys(figure.what for figure in figures):
        cells = []
        for on in devices:
            one = by_place.get((what, on))
            cells += ["", "", ""] if one is None else [
                f"{1e6 * one.seconds:,.2f}", f"{1e6 * one.floor:,.2f}",
                f"{one.seconds / one.floor:,.1f}",
            ]  # fmt: skip
        shown.add_row(what, *cells)
    return shown


def described(on: str, device: Device) -> str:
    """What a device can do at most."""
    return (
        f"{on}: {device.name}, {device.bandwidth / 1e9:,.0f} GB/s, "
        f"{device.arithmetic / 1e12:,.2f} TFLOP/s, {1e6 * device.call:.2f} us a call"
    )


@click.command()
@click.option("--device", "only", default=None, help="Measure only there: cpu, cuda, cuda:1, ...")
@click.option("--rows", default=500, show_default=True, help="Rows of a run, one by one.")
@click.option("--repeats", default=5, show_default=True, help="Runs of each; the median counts.")
@click.option("--hidden", default=64, show_default=True, help="Width of both hidden layers.")
@click.option("--models", default="1,10,100,1000,10000", show_default=True, help="Of a stack.")
@click.option("--loops-to", default=1000, show_default=True, help="Most models of a loop of torch.")
@click.option("--agents", default="1,16,256,2048", show_default=True, help="Agents at once.")
@click.option("--chunk", default=1024, show_default=True, help="Rows that are embedded at once.")
@click.option("--compile/--no-compile", "compiles", help="torch.compile, too: up to a minute more.")
@click.option("--threads", default=1, show_default=True, help="Of torch on the CPU.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
def main(
    only: str | None, rows: int, repeats: int, hidden: int, models: str, loops_to: int,
    agents: str, chunk: int, compiles: bool, threads: int, out: Path | None,
) -> None:  # fmt: skip
    """Check the GPU against the CPU, then time the learners on both.

    Times on the CPU are of the CPU, on a GPU of the wall until it is done.
    """
    import torch

    torch.set_num_threads(threads)
    console = Console(width=140)
    has_gpu = torch.cuda.is_available()
    if not has_gpu:
        names = "; ".join(name for name, _ in parts())
        console.print(
            f"No GPU here. One would be checked against the CPU, within {CLOSE:.0e} ({names}), "
            "then timed beside it: eager, by CUDA graphs, and all that is timed below.",
            highlight=False,
        )
    devices = [only] if only else ["cpu", *(["cuda"] if has_gpu else [])]
    if "cpu" not in devices and not has_gpu:
        raise SystemExit(f"--device {only}: torch finds no GPU here")
    for on in devices:
        if on != "cpu":
            console.print(figures_table(checked(on)))
    rates = {on: measured(on) for on in devices}
    for on, device in rates.items():
        console.print(described(on, device), highlight=False)
    sizes = [int(n) for n in models.split(",")]
    agents_of = [int(n) for n in agents.split(",")]

    def figures() -> Iterator[Figure]:
        for on, device in rates.items():
            yield from rows_one_by_one(device, on, rows, hidden, repeats, compiles)
            yield from batches(device, on, hidden, repeats, (32, 256, 2048))
            yield from stacks(device, on, repeats, sizes, loops_to)
            yield from crowds(device, on, repeats, agents_of)
            yield from embeddings(device, on, chunk, repeats)

    found = list(figures())
    console.print(table(found, rates))
    if out:
        out.write_text(json.dumps([figure._asdict() for figure in found], indent=1))


if __name__ == "__main__":
    main()
