"""Kernels compiled in several processes, those that share functions in one of them.

What two kernels call is typed and translated once where one process compiles both, else twice. So
kernels stand in a line, those side by side that call the same files. Each process goes along a
stretch of the line; when that is done, it takes the latter half of what another one has before it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path

from onlineml.kernels import Entry, callees, entries


def compiled(kernels: Mapping[str, Entry], jobs: int) -> Iterator[tuple[str, float]]:
    """Compile kernels in so many processes of their own; names and seconds as they come."""
    line = in_line({name: source(kernel) for name, kernel in kernels.items()})
    jobs = min(jobs, len(line))
    if jobs < 2:
        for name in line:
            yield name, _seconds(kernels[name])
        return
    stretches = [list(line), *([] for _ in range(jobs - 1))]
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [stack.enter_context(ProcessPoolExecutor(1, spawn)) for _ in stretches]
        running: dict[Future[float], tuple[int, str]] = {}

        def go_on(k: int) -> None:
            name = next_of(stretches, k, line)
            if name is not None:
                module = kernels[name].function.__module__
                running[pools[k].submit(_compile, name, module)] = k, name

        for k in range(jobs):
            go_on(k)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                k, name = running.pop(future)
                yield name, future.result()
                go_on(k)


def source(kernel: Entry) -> Path:
    """The file of a kernel."""
    return Path(kernel.function.__code__.co_filename)


def in_line(sources: Mapping[str, Path]) -> dict[str, int]:
    """Names with what each adds to the one before: bytes of its file, and of others that it calls.

    The files that most kernels share come first among the reasons to stand together.
    """
    called = {name: callees(path) for name, path in sources.items()}
    users = Counter(path for paths in called.values() for path in paths)
    size = {path: path.stat().st_size for path in {*users, *sources.values()} if path.exists()}
    weight = {path: n * size[path] for path, n in users.items()}

    def reasons(name: str) -> list[tuple[int, str]]:
        return sorted((-weight[path], path.name) for path in called[name])

    line, before = {}, frozenset[Path]()
    for name in sorted(sources, key=reasons):
        line[name] = size.get(sources[name], 0) + sum(size[path] for path in called[name] - before)
        before = called[name]
    return line


def next_of(stretches: list[list[str]], k: int, line: Mapping[str, int]) -> str | None:
    """What process `k` is to compile now, taken from its stretch; None where all is done."""
    if not stretches[k]:
        longest = max(stretches, key=lambda stretch: sum(line[name] for name in stretch))
        stretches[k] = _latter_half(longest, line)
    return stretches[k].pop(0) if stretches[k] else None


def _latter_half(stretch: list[str], line: Mapping[str, int]) -> list[str]:
    """Take from `stretch` what lies behind its middle, or all that it has if that is one."""
    total, ahead, n = sum(line[name] for name in stretch), 0, 0
    while n < len(stretch) and 2 * (ahead + line[stretch[n]]) <= total:
        ahead, n = ahead + line[stretch[n]], n + 1
    taken, stretch[n:] = stretch[n:], []
    return taken


def _compile(name: str, module: str) -> float:
    """In a process of its own: compile a kernel of `module`; seconds."""
    import_module(module)
    (kernel,) = (kernel for kernel in entries() if kernel.name == name)
    return _seconds(kernel)


def _seconds(kernel: Entry) -> float:
    start = time.perf_counter()
    with redirect_stderr(StringIO()):  # the note on slow compiling says no more than our own line
        _ = kernel.call
    return time.perf_counter() - start
