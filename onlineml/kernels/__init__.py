"""The one compiler: every compiled function of the package is made by `jit` or `entry`.

What Python calls is kept in a cache folder; what only kernels call is a part of them (`linking`).
The folder is named after a hash of the shared kernels that the file can call: numba looks only at
the file of the function that it compiles, so an edited callee in another file would go unnoticed,
and with raw memory layouts a stale callee is memory corruption.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numba

from onlineml.kernels.kept import kept
from onlineml.kernels.linking import Linked

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {"nogil": True, "error_model": "numpy"}
# Whether numba counts the references to arrays; never left to the caller, whose way it would take.
_COUNTED, _UNCOUNTED = {"_nrt": True}, {"_nrt": False}


_HERE = Path(__file__).parent
_IMPORT = re.compile(r"^\s*from onlineml\.kernels(?:\.(\w+))? import (\([^)]*\)|[^\n]*)", re.M)


@cache
def callees(path: Path) -> frozenset[Path]:
    """Files of this folder that kernels of the file `path` can reach through its imports.

    A kernel outside this folder is called only within its own file, which numba itself watches.
    Code without a file (a notebook's) may reach all of them.
    """
    if not path.exists():
        return frozenset(_HERE.glob("*.py"))
    found: set[Path] = set()
    for module, names in _IMPORT.findall(path.read_text()):
        for name in [module] if module else re.findall(r"\w+", names):
            file = _HERE / f"{name}.py"
            if file.exists() and file != path:
                found |= {file, *callees(file)}
    return frozenset(found)


@cache
def sources_digest(path: Path) -> str:
    """Hash of what compiled code of the file `path` is made of, beside the file itself."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted({Path(__file__), _HERE / "linking.py", *callees(path)}):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def base_folder() -> Path:
    """Where compiled kernels are kept; `ONLINEML_CACHE` moves it."""
    base = Path(os.environ.get("ONLINEML_CACHE") or Path.home() / ".cache" / "onlineml")
    folder = base / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on the next line
        probe.close()
    except OSError:  # a read-only home: compile anew each boot rather than fail
        folder = Path(tempfile.gettempdir()) / f"onlineml-{os.getuid()}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def cache_folder(file: str) -> Path:
    """Where compiled functions of the source `file` are kept."""
    folder = base_folder() / sources_digest(Path(file))
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _our_cache(function: Callable[..., Any]) -> Iterator[None]:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder(function.__code__.co_filename))
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def jit(function: F) -> F:
    """Compile `function` on first use: without the GIL, numpy's error model."""
    return _compiled(function, **_COUNTED)


def lean(function: F) -> F:
    """As `jit`, for functions that make no arrays, and return none but views of a descriptor.

    Nothing in them counts references. Views of a descriptor have no owner to count for, but numba
    calls its counter all the same wherever one is passed on: a tenth of a tree's time.
    """
    return _compiled(function, **_UNCOUNTED)


def inlined(function: F) -> F:
    """As `lean`, for short functions of the hot path: their code becomes a part of the caller's.

    LLVM weighs size against speed and leaves a call where many arrays are handed on; such a call
    costs more than the few operations inside.
    """
    return _compiled(function, forceinline=True, **_UNCOUNTED)


def _compiled(function: F, **options: bool) -> F:
    if numba.config.DISABLE_JIT:
        return function

    def alone(function: F) -> F:
        with _our_cache(function):
            compiled: F = kept(function, **_OPTIONS, **options)
        return compiled

    return Linked(function, alone, {**_OPTIONS, **options})


_entries: list[Entry] = []


class Entry:
    """A kernel that takes the address of a descriptor and returns how many rows it has done.

    `call` is numba's direct entry point, compiled when first asked for: it skips the
    dispatcher's type resolution, which would cost more than the work on one row.
    """

    def __init__(self, function: Callable[[int], int]) -> None:
        self.function = function
        self.name = function.__qualname__.strip("_")
        _entries.append(self)

    @cached_property
    def call(self) -> Callable[[int], int]:
        """The compiled kernel; the first use compiles it or loads it from the cache."""
        if numba.config.DISABLE_JIT:
            return self.function
        entry_point: Callable[[int], int] = self._compiled.entry_point
        return entry_point

    @property
    def address(self) -> int:
        """Where the machine code of the kernel begins."""
        made = self._compiled
        address: int = made.library.get_pointer_to_function(made.fndesc.llvm_func_name)
        return address

    def is_kept(self) -> bool:
        """Whether the cache folder holds the compiled kernel of a source of this name."""
        folder = cache_folder(self.function.__code__.co_filename)
        return any(folder.rglob(f"*.{self.function.__qualname__}-*.nbi"))

    @cached_property
    def _compiled(self) -> Any:
        with _our_cache(self.function), _note(self.name), _without_collecting():
            dispatcher = kept(self.function, **_OPTIONS, **_COUNTED)
            dispatcher.compile("int64(int64)")
        (compiled,) = dispatcher.overloads.values()
        return compiled


def entry(function: Callable[[int], int]) -> Entry:
    """Make `function(address) -> rows done` an estimator's kernel."""
    return Entry(function)


@contextmanager
def _note(name: str) -> Iterator[None]:
    """Say on stderr that a cold compile is under way, if it takes more than a second."""
    text = f"onlineml: compiling {name} (once; kept in {base_folder()})\n"
    timer = threading.Timer(1.0, lambda: sys.stderr.write(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Leave garbage lie for the while.

    A compiler makes objects by the million that hang together: to look for those that are of no
    more use takes an eighth of its time, and finds nothing that would not do later.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def entries() -> tuple[Entry, ...]:
    """Every kernel whose module has been imported."""
    return tuple(_entries)
