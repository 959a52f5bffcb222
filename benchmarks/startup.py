"""What it costs to begin: imports, `--help`, compiling. `python -m benchmarks.startup`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.measure import Cost, MeasurementError, cost, middle
from benchmarks.report import figures_table

COMMAND = [sys.executable, "-c", "from onlineml.cli import main; main()"]


def imports(repeats: int) -> list[tuple[str, str]]:
    """CPU-seconds of starting Python alone, with the package, and for `--help`."""
    commands = {
        "start Python": [sys.executable, "-c", ""],
        "import onlineml": [sys.executable, "-c", "import onlineml"],
        "import onlineml.learners": [sys.executable, "-c", "import onlineml.learners"],
        "onlineml --help": [*COMMAND, "--help"],
    }
    return [
        (what, f"{middle([cost(command) for _ in range(repeats)]).cpu:.2f} CPU-s")
        for what, command in commands.items()
    ]


def compiling() -> list[tuple[str, str]]:
    """Every kernel compiled into an empty cache, then loaded from it."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"ONLINEML_CACHE": folder}
        cold = cost([*COMMAND, "warmup"], cache)
        kept = set(Path(folder).rglob("*.nbc"))
        warm = cost([*COMMAND, "warmup"], cache)
        if kept != set(Path(folder).rglob("*.nbc")):
            raise MeasurementError("the sources changed while the kernels were compiled")
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    return [
        ("compile everything, cold", _both(cold)),
        ("the same, warm", _both(warm)),
        ("compiled code on disk", f"{size / 1e6:.1f} MB"),
    ]


def _both(taken: Cost) -> str:
    return f"{taken.cpu:.1f} CPU-s, {taken.wall:.1f} s"


if __name__ == "__main__":
    Console().print(figures_table([*imports(5), *compiling()]))
