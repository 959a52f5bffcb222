"""Steps that are prepared once and done many times: CUDA graphs, and `torch.compile`.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable, Hashable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from onlineml.schema import wrong

_WARM = 3  # times that work is done as it stands before it is captured: buffers are then there
_MOST = 16  # kinds of work that are kept; that which was longest not done is dropped
_STEADY = ("Adam", "AdamW", "SGD")  # optimizers whose steps can be captured
_COMPILERS = ("g++", "clang++", "c++", "cl")


class Loss(NamedTuple):
    """What a step goes down: a function of the outputs, and of arrays beside them."""

    of: Callable[..., Any]  # (outputs, *tensors of the arrays) -> a number
    arrays: Sequence[npt.NDArray[Any]] = ()
    #: Functions of one kind do the same to their arguments; of those without, each is its own.
    kind: Hashable = None
    #: Its derivatives by the outputs, array for array, where they are known without autograd.
    slopes: Callable[[Any], Any] | None = None


class Captured:
    """Work of fixed shapes: done a few times, then captured as a CUDA graph, then replayed.

    A graph is one launch instead of one for every operation. It reads its input from buffers of its
    own, and does what was captured: `work` must do the same at each call of a kind, on tensors that
    stay where they are, and wait for nothing.
    """

    def __init__(self, library: Any, device: Any) -> None:
        self.torch, self.device = library, device
        self._known: dict[Hashable, Any] = {}  # times that it was done, or what replays it

    def run(self, kind: Hashable, work: Callable[..., Any], arrays: Sequence[Any]) -> Any:
        """What `work` gives for the tensors of the arrays; good until the next call."""
        key = kind, tuple((array.shape, array.dtype.str) for array in arrays)
        known = self._known.pop(key, 0)
        if known == _WARM:
            known = self._record(work, [self._tensor(array) for array in arrays])
        if isinstance(known, int):
            result, known = self._warm(work, [self._tensor(array) for array in arrays]), known + 1
        else:
            replay, buffers, result = known
            for buffer, array in zip(buffers, arrays):
                buffer.copy_(self.torch.from_numpy(array))
            replay()
        self._known[key] = known
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return result

    def _tensor(self, array: Any) -> Any:
        return self.torch.tensor(array, device=self.device)

    def _warm(self, work: Callable[..., Any], tensors: Sequence[Any]) -> Any:
        """Do it as it stands, beside the default stream: what is captured must not wait for it."""
        cuda = self.torch.cuda
        main = cuda.current_stream(self.device)
        aside = self._stream()
        aside.wait_stream(main)
        with cuda.stream(aside):
            result = work(*tensors)
        main.wait_stream(aside)
        return result

    def _record(self, work: Callable[..., Any], tensors: Sequence[Any]) -> Any:
        """Capture, which does nothing yet: what replays, its input and its output."""
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph, stream=self._stream()):
            result = work(*tensors)
        return graph.replay, tensors, result

    def _stream(self) -> Any:
        if "_aside" not in vars(self):
            self._aside = self.torch.cuda.Stream(self.device)
        return self._aside


def check_graphs(
    asked: Any, device: str, optimizer: Any, scheduler: Any, is_own: bool, draws: bool
) -> bool:
    """Whether steps are captured as CUDA graphs.

    "auto" captures networks of ours on a GPU; a module of the user's (`is_own`), which may do what
    a graph cannot, takes their word. `ValueError` where it is asked for and cannot be.
    """
    if asked not in (True, False, "auto"):
        raise wrong("cuda_graphs", asked, 'True, False or "auto"')
    on, steady = "with cuda_graphs=True", optimizer in _STEADY
    lacks = [
        ("device", device, f'"cuda" {on}', "cuda" in str(device)),
        ("optimizer", optimizer, f"one of {list(_STEADY)} {on}", steady),
        ("scheduler", scheduler, f"None {on}", scheduler is None),
        ("module", "one with dropout", f"one that draws nothing {on}", not draws),
    ]
    found = [wrong(name, came, due) for name, came, due, fits in lacks if not fits]
    if asked is True and found:
        raise found[0]
    return bool(asked) and not found and (asked is True or not is_own)


def check_compile(asked: Any, device: str) -> None:
    """Raise `ValueError` where `torch.compile` is asked for and lacks what it compiles with."""
    if asked not in (True, False):
        raise wrong("compile", asked, "True or False")
    if not asked:
        return
    named = [os.environ["CXX"]] if os.environ.get("CXX") else _COMPILERS
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not any(map(shutil.which, named)):
        raise wrong("compile", True, f"a C++ compiler on the path: one of {list(named)} (CXX)")
    if not header.exists():
        raise wrong("compile", True, f"the headers of Python: {header}")
    if "cuda" in device and find_spec("triton") is None:
        raise wrong("compile", True, "triton, which torch needs to compile for a GPU")
