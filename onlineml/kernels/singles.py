"""Single-precision bricks: loops over float32 arrays as vector code whose order is written down.

The arena knows cells of 64 bits, so arrays of float32 have an even length and reach kernels as
float64: `singles` gives them back their type. A compiler may not reorder a sum, and asks before
every loop whether its arrays overlap; here each loop is generated with sixteen partial sums, added
in pairs at the end, over arrays that do not overlap. The bits depend on nothing but the length.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels.arena import Array
from onlineml.kernels.bare import bare

Singles = npt.NDArray[np.float32]

LANES = 16
_WORD, _SINGLE, _INDEX = ir.IntType(64), ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_SINGLE, LANES)


def _reader() -> Callable[[Array], Singles]:
    if numba.config.DISABLE_JIT:
        return lambda cells: cells.view(np.float32)

    @intrinsic  # type: ignore[untyped-decorator]
    def read(typing_context: Any, cells: Any) -> Any:
        kind = types.Array(types.float32, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            from numba.np.arrayobj import populate_array  # the compiler: loaded to compile only

            given = context.make_array(signature.args[0])(context, builder, arguments[0])
            array = context.make_array(kind)(context, builder)
            start = builder.bitcast(given.data, array.data.type)
            n = builder.mul(given.nitems, _WORD(2))
            populate_array(array, start, [n], [_WORD(4)], _WORD(4), meminfo=None)
            return array._getvalue()

        return kind(cells), generate

    made: Callable[[Array], Singles] = read
    return made


#: `singles(cells)`: the float32 numbers that lie in `cells`.
singles = _reader()


class Lanes:
    """Numbers of one array, or one number for all: arithmetic on it writes code."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, other.value))

    def __mul__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, other.value))

    def __truediv__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self.value, other.value))

    def sqrt(self) -> Lanes:
        """Square roots."""
        return self._intrinsic("llvm.sqrt")

    def __abs__(self) -> Lanes:
        return self._intrinsic("llvm.fabs")

    def _intrinsic(self, name: str) -> Lanes:
        kind = self.value.type
        function = self.builder.module.declare_intrinsic(
            f"{name}.{'f32' if kind == _SINGLE else f'v{LANES}f32'}",
            fnty=ir.FunctionType(kind, [kind]),
        )
        return Lanes(self.builder, self.builder.call(function, [self.value]))


#: `(arrays, numbers) -> (new content of the first arrays, terms of the sums)`.
Body = Callable[[list[Any], list[Any]], tuple[list[Any], list[Any]]]


def row_loop(n_arrays: int, n_sums: int, body: Body) -> Any:
    """Typing and code of an intrinsic `(arrays..., numbers..., n)` that runs `body` over `n`."""

    def typed(typing_context: Any, *arguments: Any) -> Any:
        n_numbers = len(arguments) - n_arrays - 1
        given = (*arguments[:n_arrays], *[types.float32] * n_numbers, types.int64)
        if n_sums < 2:
            return (types.float32 if n_sums else types.int64)(*given), generate
        return types.UniTuple(types.float32, n_sums)(*given), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = [
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args, arguments[:n_arrays])
        ]
        numbers, n = list(arguments[n_arrays:-1]), arguments[-1]
        whole = builder.and_(n, _WORD(-LANES))
        zeros = [ir.Constant(_VECTOR, [0.0] * LANES)] * n_sums
        spread = [_spread(builder, number) for number in numbers]
        sums = _loop(builder, (_WORD(0), whole, LANES), zeros, data, spread, body)
        firsts = [_folded(builder, vector) for vector in sums]
        sums = _loop(builder, (whole, n, 1), firsts, data, numbers, body)
        if n_sums < 2:
            return sums[0] if n_sums else _WORD(0)
        return context.make_tuple(builder, signature.return_type, sums)

    return typed


def _spread(builder: Any, number: Any) -> Any:
    vector = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INDEX(0))
    places = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
    return builder.shuffle_vector(vector, vector, places)


def _folded(builder: Any, vector: Any) -> Any:
    """The sum of all lanes: halves are added until one is left."""
    width = LANES
    while width > 1:
        width //= 2
        kind = ir.VectorType(_INDEX, width)
        low, high = (
            builder.shuffle_vector(vector, vector, ir.Constant(kind, list(places)))
            for places in (range(width), range(width, 2 * width))
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, _INDEX(0))


def _loop(
    builder: Any, span: tuple[Any, Any, int], firsts: list[Any], data: list[Any],
    numbers: list[Any], body: Body,
) -> list[Any]:  # fmt: skip
    """`body` at `start`, `start + step`, ... before `stop`; the sums, which begin with `firsts`."""
    start, stop, step = span
    kind, before = _SINGLE if step == 1 else _VECTOR, builder.basic_block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    place, sums = builder.phi(_WORD), [builder.phi(kind) for _ in firsts]
    place.add_incoming(start, before)
    for total, first in zip(sums, firsts):
        total.add_incoming(first, before)
    builder.cbranch(builder.icmp_signed("<", place, stop), inside, after)
    builder.position_at_end(inside)
    at = [builder.bitcast(builder.gep(d, [place]), ir.PointerType(kind)) for d in data]
    values = [Lanes(builder, builder.load(pointer, align=4)) for pointer in at]
    news, terms = body(values, [Lanes(builder, number) for number in numbers])
    for pointer, new in zip(at, news):
        builder.store(new.value, pointer, align=4)
    for total, term in zip(sums, terms):
        total.add_incoming(builder.fadd(total, term.value), inside)
    place.add_incoming(builder.add(place, _WORD(step)), inside)
    builder.branch(head)
    builder.position_at_end(after)
    return sums


def in_python(n_arrays: int, n_sums: int, body: Body) -> Any:
    """What `row_loop` makes, in numpy: for stepping through kernels in a debugger."""

    def run(*arguments: Any) -> Any:
        n = arguments[-1]
        arrays = [_Numbers(array[:n]) for array in arguments[:n_arrays]]
        news, terms = body(arrays, [_Numbers(x) for x in map(np.float32, arguments[n_arrays:-1])])
        for array, new in zip(arrays, news):
            array.value[...] = new.value
        sums = [np.float32(np.sum(term.value)) for term in terms]
        return tuple(sums) if n_sums > 1 else sums[0] if n_sums else 0

    return run


class _Numbers:
    """`Lanes` whose arithmetic is done at once."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __add__(self, other: _Numbers) -> _Numbers:
        return _Numbers(self.value + other.value)

    def __sub__(self, other: _Numbers) -> _Numbers:
        return _Numbers(self.value - other.value)

    def __mul__(self, other: _Numbers) -> _Numbers:
        return _Numbers(self.value * other.value)

    def __truediv__(self, other: _Numbers) -> _Numbers:
        return _Numbers(self.value / other.value)

    def sqrt(self) -> _Numbers:
        return _Numbers(np.sqrt(self.value))

    def __abs__(self) -> _Numbers:
        return _Numbers(np.abs(self.value))


def made(n_arrays: int, n_numbers: int, n_sums: int, body: Body) -> Any:
    """The function `(arrays..., numbers..., n) -> sums`; the first arrays take what `body` says."""
    if numba.config.DISABLE_JIT:
        return in_python(n_arrays, n_sums, body)
    typed = row_loop(n_arrays, n_sums, body)
    names = [f"a{i}" for i in range(n_arrays + n_numbers + 1)]
    kinds = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in ("typing_context", *names)]
    vars(typed)["__signature__"] = Signature(kinds)  # an intrinsic tells how many it takes
    return intrinsic(typed)


#: `dot(a, b, n)`: scalar product of the first `n` numbers.
dot = made(2, 0, 1, lambda a, x: ([], [a[0] * a[1]]))
#: `total(a, n)`: their sum.
total = made(1, 0, 1, lambda a, x: ([], [a[0]]))
#: `add_scaled(a, b, factor, n)`: a += factor * b.
add_scaled = made(2, 1, 0, lambda a, x: ([a[0] + x[0] * a[1]], []))
_add_four = made(
    5, 4, 0,
    lambda a, x: ([a[0] + ((x[0] * a[1] + x[1] * a[2]) + (x[2] * a[3] + x[3] * a[4]))], []),
)  # fmt: skip


@bare
def add_rows(matrix: Singles, scalars: Singles, n_rows: int, target: Singles) -> None:
    """Add the rows of a flat matrix, each times its scalar, to `target`; four at once."""
    n = target.shape[0]
    for i in range(0, n_rows - 3, 4):
        k = i * n
        a, b, c, d = matrix[k:], matrix[k + n :], matrix[k + 2 * n :], matrix[k + 3 * n :]
        _add_four(target, a, b, c, d, scalars[i], scalars[i + 1], scalars[i + 2], scalars[i + 3], n)
    for i in range(n_rows - n_rows % 4, n_rows):
        add_scaled(target, matrix[i * n :], scalars[i], n)


@bare
def place_of_largest(a: Singles) -> int:
    """The first place of the largest number."""
    best = 0
    for i in range(1, a.shape[0]):
        if a[i] > a[best]:
            best = i
    return best
