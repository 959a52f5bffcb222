"""Timing, in processes of their own: CPU-seconds, wall seconds and peak memory."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA", "POLARS_MAX")
#: One thread for everybody: no library may win by a second core.
SINGLE_THREADED = {f"{name}_{'' if 'MAX' in name else 'NUM_'}THREADS": "1" for name in _THREADS}


class Cost(NamedTuple):
    """What something took: seconds of CPU, seconds on the wall, peak memory in MB."""

    cpu: float
    wall: float
    peak: float


class MeasurementError(RuntimeError):
    """A measured process ended with an error."""


def timed(
    work: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.process_time
) -> tuple[list[float], list[float], Any]:
    """Run `work` several times: CPU-seconds and wall seconds of each, and its last result."""
    cpu, wall, result = [], [], None
    for _ in range(repeats):
        cpu_before, wall_before = clock(), time.perf_counter()
        result = work()
        cpu.append(clock() - cpu_before)
        wall.append(time.perf_counter() - wall_before)
    return cpu, wall, result


def peak_memory() -> float:
    """Largest resident size of this process so far, MB."""
    try:  # the kernel's own mark: getrusage also counts the parent before exec
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fresh(module: str, *arguments: object, python: str = sys.executable) -> dict[str, Any]:
    """Run `python -m module arguments` alone, on one thread; it prints one JSON object."""
    command = [python, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=_environment())
    if done.returncode:
        raise MeasurementError(
            (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        )
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def cost(command: Sequence[str], more: Mapping[str, str] | None = None, cwd: Any = ROOT) -> Cost:
    """What a command costs, its children included."""
    environment = {**_environment(), **(more or {})}
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        complaint = process.stderr.read().decode(errors="replace").strip()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise MeasurementError(f"{' '.join(command)}: {complaint or process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each part."""
    return Cost(*(statistics.median(part) for part in zip(*costs, strict=True)))


def _environment() -> dict[str, str]:
    """One thread; and Python keeps what it compiled, as it does where nobody forbids it."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **SINGLE_THREADED}
