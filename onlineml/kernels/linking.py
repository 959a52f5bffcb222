"""Functions that kernels call, compiled to become a part of their callers.

Left to itself, numba optimises each function and makes machine code of it, and does so again in
every caller that it becomes a part of. A kernel stands on dozens of functions, and nothing but the
kernel is ever run: half of a cold compile would be spent on code that nobody calls. Here a function
that another one calls is typed and translated, no more; its callers' optimiser sees it whole.
Called from Python (tests, and a few estimators outside their kernels) it is compiled on its own, as
by `numba.njit`, and kept in the cache folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.extending import overload


def _does_not_fit(given: Any, due: Any) -> None:
    raise NotImplementedError


@overload(_does_not_fit)  # type: ignore[untyped-decorator]  # numba has no types
def _complaint(given: Any, due: Any) -> Callable[[Any, Any], None]:
    def raise_error(given: Any, due: Any) -> None:
        raise ValueError("a slice does not have the shape of what is put there")

    return raise_error


@contextmanager
def _in_few_words() -> Iterator[None]:
    """Let numba say of an array that does not fit a slice no more than that.

    To name the shapes it would compile its strings, their lists and their joins: two seconds for
    the first kernel that puts an array into a slice.
    """
    from numba.np import arrayobj  # the compiler: loaded to compile only

    before = arrayobj.raise_with_shape_context
    arrayobj.raise_with_shape_context = _does_not_fit
    try:
        yield
    finally:
        arrayobj.raise_with_shape_context = before


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """Code of one function and of what it calls, neither optimised nor made ready to run."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _Linking(Compiler):  # type: ignore[misc]
    """Numba's compiler, whose result is a part of others and cannot be run."""

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        # Numba knows a function by what runs it; this context serves one compilation only.
        state.targetctx.get_executable = lambda library, description, environment: object()
        return super().define_pipelines()

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        with _in_few_words():
            return super().compile_extra(func)


class Linked(CPUDispatcher):  # type: ignore[misc]
    """What the compiler's decorators make of a function.

    Parameters
    ----------
    function
        To be compiled, for each combination of types that it is called with.
    alone
        Makes a function of its own of it, for those who call it from Python.
    options
        As of `numba.njit`.
    """

    def __init__(
        self, function: Callable[..., Any], alone: Callable[..., Any], options: dict[str, Any]
    ) -> None:
        super().__init__(
            function,
            targetoptions={
                "nopython": True,
                "no_cpython_wrapper": True,
                "no_cfunc_wrapper": True,
                **options,
            },
            pipeline_class=_Linking,
        )
        self._make_alone = alone

    @cached_property
    def _alone(self) -> Any:
        return self._make_alone(self.py_func)

    def add_overload(self, result: Any) -> None:
        """Remember a compiled part; callers in Python are not told of it."""
        self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """What runs a call from Python, the first of its types: later ones do not come here."""
        run = self._alone._compile_for_args(*args, **kws)
        for types, result in self._alone.overloads.items():
            if result.entry_point is run:
                self._insert([kind._code for kind in types], run, False)
        return run
