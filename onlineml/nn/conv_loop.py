"""The compiled loop of streamed convolutions: a program of steps over buffers of samples.

A buffer holds samples in time order, each a row of `STEP` float32 numbers of which the first are
its channels; the rest is room for whole vectors. A step takes the samples of one buffer and appends
to another, or changes what was appended last. What is small enough that a call of a library costs
more than its work is done here at the cost of the work.
"""

from __future__ import annotations

import math
from inspect import Parameter, Signature
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from onlineml.kernels import entry
from onlineml.kernels.arena import Ints, f1, i1, i2
from onlineml.kernels.bare import bare
from onlineml.kernels.singles import LANES, Singles, singles

#: Numbers of a buffer: where it begins, numbers a row, rows that it holds, rows that are to be
#: dropped as they come, and its first row that came last.
AT, STEP, HELD, SKIP, FRESH = range(5)
#: Numbers of a step. Its two sources are one where it has one; `WEIGHTS` is where its numbers lie.
KIND, SOURCE, OTHER, TARGET, WEIGHTS, CHANNELS = range(6)
#: Of windows: samples that one spans, from one to the next, taps, samples from tap to tap, rows of
#: padding that end the signal, where the number lies that they are made of; groups of a
#: convolution, inputs and outputs of each.
SPAN, STRIDE, TAPS, DILATION, AFTER, FILL, GROUPS, INPUTS, OUTPUTS = range(6, 15)
N_NUMBERS = 15
CONVOLVE, LARGEST, MEAN, COPY, SHARE, ADD = range(6)
CLAMP, SLOPE, AFFINE, TANH, SIGMOID, GELU, SILU, ELU = range(6, 14)

_VECTOR = ir.VectorType(ir.FloatType(), LANES)


# ------------------------------------------------------------------------------- products


def _tile(n_rows: int) -> Any:
    """`(memory, x, weights, w, out, sizes)`: products of `n_rows` windows and `LANES` outputs.

    Their sums stay in registers from the first product to the last. They begin with the intercepts,
    which lie before the weights. Bits may depend on whether the machine multiplies and adds in one.
    `sizes` is (from window to window, taps, from tap to tap, inputs, from output to output).
    """

    def typed(typing_context: Any, *arguments: Any) -> Any:
        return types.int64(*arguments), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory, x, weights, w, out, sizes = arguments
        move, taps, tap_step, n_in, out_step = cgutils.unpack_tuple(builder, sizes)
        data, factors = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in ((signature.args[0], memory), (signature.args[2], weights))
        )
        fused = builder.module.declare_intrinsic(
            f"llvm.fmuladd.v{LANES}f32", fnty=ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        )
        word, pointer = ir.IntType(64), ir.PointerType(_VECTOR)

        def vector_at(array: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(array, [place]), pointer)

        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(n_rows)]
        first = builder.load(vector_at(factors, w), align=4)
        for total in sums:
            builder.store(first, total)
        rows = [builder.add(x, builder.mul(move, word(r))) for r in range(n_rows)]
        at = cgutils.alloca_once_value(builder, builder.add(w, word(LANES)))
        with cgutils.for_range(builder, taps) as tap, cgutils.for_range(builder, n_in) as c:
            place = builder.add(builder.mul(tap.index, tap_step), c.index)
            factor = builder.load(vector_at(factors, builder.load(at)), align=4)
            for row, total in zip(rows, sums):
                value = builder.load(builder.gep(data, [builder.add(row, place)]))
                terms = [_spread(builder, value), factor, builder.load(total)]
                builder.store(builder.call(fused, terms), total)
            builder.store(builder.add(builder.load(at), word(LANES)), at)
        for r, total in enumerate(sums):
            place = builder.add(out, builder.mul(out_step, word(r)))
            builder.store(builder.load(total), vector_at(data, place), align=4)
        return word(0)

    names = ("typing_context", "memory", "x", "weights", "w", "out", "sizes")
    kinds = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in names]
    vars(typed)["__signature__"] = Signature(kinds)  # an intrinsic tells how many it takes
    return intrinsic(typed)


def _spread(builder: Any, value: Any) -> Any:
    index = ir.IntType(32)
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, index(0))
    places = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
    return builder.shuffle_vector(one, one, places)


def _tile_in_python(n_rows: int) -> Any:
    def run(memory: Singles, x: int, weights: Singles, w: int, out: int, sizes: Any) -> int:
        move, taps, tap_step, n_in, out_step = sizes
        matrix = weights[w + LANES : w + LANES * (1 + taps * n_in)].reshape(taps, n_in, LANES)
        for r in range(n_rows):
            at, to = x + r * move, out + r * out_step
            seen = [memory[at + t * tap_step : at + t * tap_step + n_in] for t in range(taps)]
            sums = weights[w : w + LANES] + np.einsum("ti,tio->o", np.array(seen), matrix)
            memory[to : to + LANES] = sums
        return 0

    return run


_made = _tile_in_python if numba.config.DISABLE_JIT else _tile
_eight, _four, _two, _one = (_made(n) for n in (8, 4, 2, 1))


@bare
def _convolve(
    step: Ints, source: Ints, target: Ints, cut: int, memory: Singles, weights: Singles
) -> None:
    """Outputs of the windows from number `cut` on, group by group, `LANES` by `LANES`.

    The lanes that a group has too many are written over by the next group's.
    """
    x_step, out_step, n = source[STEP], target[STEP], target[HELD] - target[FRESH]
    taps, n_in, w = step[TAPS], step[INPUTS], step[WEIGHTS]
    move = step[STRIDE] * x_step
    sizes = (move, taps, step[DILATION] * x_step, n_in, out_step)
    for group in range(step[GROUPS]):
        for lane in range(0, step[OUTPUTS], LANES):
            x = source[AT] + cut * move + group * n_in
            out = target[AT] + target[FRESH] * out_step + group * step[OUTPUTS] + lane
            for _ in range(n // 8):
                _eight(memory, x, weights, w, out, sizes)
                x, out = x + 8 * move, out + 8 * out_step
            if n & 4:
                _four(memory, x, weights, w, out, sizes)
                x, out = x + 4 * move, out + 4 * out_step
            if n & 2:
                _two(memory, x, weights, w, out, sizes)
                x, out = x + 2 * move, out + 2 * out_step
            if n & 1:
                _one(memory, x, weights, w, out, sizes)
            w += LANES * (1 + taps * n_in)


# ------------------------------------------------------------------------------- windows


@bare
def _pool(step: Ints, source: Ints, target: Ints, cut: int, memory: Singles) -> None:
    """The largest, or the mean, of each channel's taps, of the windows from number `cut` on."""
    taps, is_mean, n_channels = step[TAPS], step[KIND] == MEAN, step[CHANNELS]
    for i in range(target[HELD] - target[FRESH]):
        at = source[AT] + (cut + i) * step[STRIDE] * source[STEP]
        to = target[AT] + (target[FRESH] + i) * target[STEP]
        _copy(memory, at, to, n_channels)
        for _ in range(1, taps):
            at += step[DILATION] * source[STEP]
            for c in range(n_channels):
                so_far, value = memory[to + c], memory[at + c]
                if is_mean:
                    memory[to + c] = so_far + value
                elif value > so_far or value != value:
                    memory[to + c] = value
        if is_mean:
            for c in range(n_channels):
                memory[to + c] /= np.float32(taps)


@bare
def _copy(memory: Singles, source: int, target: int, n: int) -> None:
    """`n` numbers; where they overlap, to an earlier place."""
    for i in range(n):
        memory[target + i] = memory[source + i]


@bare
def _take_away(buffer: Ints, n: int, memory: Singles) -> None:
    """The first `n` rows of a buffer have been used."""
    rest = max(buffer[HELD] - n, 0)
    if n > 0:
        _copy(memory, buffer[AT] + n * buffer[STEP], buffer[AT], rest * buffer[STEP])
        buffer[SKIP] = max(n - buffer[HELD], 0)
        buffer[HELD] = rest


@bare
def _end(step: Ints, buffer: Ints, memory: Singles, weights: Singles) -> None:
    """Append the padding at the end of the signal."""
    n, fill = step[AFTER], weights[step[FILL]]
    cut = min(buffer[SKIP], n)
    start = buffer[AT] + buffer[HELD] * buffer[STEP]
    for i in range((n - cut) * buffer[STEP]):
        memory[start + i] = fill
    buffer[SKIP] -= cut
    buffer[HELD] += n - cut


@bare
def _arrive(buffer: Ints, n: int) -> int:
    """Make room for `n` rows; how many of them, the first ones, are not wanted."""
    cut = min(buffer[SKIP], n)
    buffer[SKIP] -= cut
    buffer[FRESH] = buffer[HELD]
    buffer[HELD] += n - cut
    return int(cut)


@bare
def _slide(step: Ints, buffers: Ints, memory: Singles, weights: Singles, last: bool) -> None:
    """Windows over one buffer, whose outputs go to another."""
    source, target = buffers[step[SOURCE]], buffers[step[TARGET]]
    if last:
        _end(step, source, memory, weights)
    n = max((source[HELD] - step[SPAN]) // step[STRIDE] + 1, 0)
    cut = _arrive(target, n)
    if step[KIND] == CONVOLVE:
        _convolve(step, source, target, cut, memory, weights)
    else:
        _pool(step, source, target, cut, memory)
    _take_away(source, n * step[STRIDE], memory)


@bare
def _share(source: Ints, target: Ints, n_channels: int, memory: Singles) -> None:
    """Append to a buffer what another holds, and goes on holding."""
    cut = _arrive(target, source[HELD])
    for i in range(target[HELD] - target[FRESH]):
        at = source[AT] + (cut + i) * source[STEP]
        to = target[AT] + (target[FRESH] + i) * target[STEP]
        _copy(memory, at, to, n_channels)


@bare
def _add(step: Ints, buffers: Ints, memory: Singles) -> None:
    """Sums of what two buffers hold, as far as both go."""
    one, other, target = buffers[step[SOURCE]], buffers[step[OTHER]], buffers[step[TARGET]]
    n = min(one[HELD], other[HELD])
    cut = _arrive(target, n)
    for i in range(n - cut):
        a, b = one[AT] + (cut + i) * one[STEP], other[AT] + (cut + i) * other[STEP]
        to = target[AT] + (target[FRESH] + i) * target[STEP]
        for c in range(step[CHANNELS]):
            memory[to + c] = memory[a + c] + memory[b + c]
    _take_away(one, n, memory)
    _take_away(other, n, memory)


# ------------------------------------------------------------------------------- samples


@bare
def _change(step: Ints, buffer: Ints, memory: Singles, weights: Singles) -> None:
    """A function of each number that came last, or of it and its channel."""
    kind, w, n_channels = step[KIND], step[WEIGHTS], step[CHANNELS]
    for i in range(buffer[FRESH], buffer[HELD]):
        at = buffer[AT] + i * buffer[STEP]
        if kind == CLAMP:
            low, high = weights[w], weights[w + 1]
            for k in range(at, at + n_channels):
                value = memory[k]
                memory[k] = low if value < low else (high if value > high else value)
        elif kind == SLOPE:
            for c in range(n_channels):
                value = memory[at + c]
                memory[at + c] = value * weights[w + c] if value < np.float32(0.0) else value
        elif kind == AFFINE:
            for c in range(n_channels):
                memory[at + c] = memory[at + c] * weights[w + c] + weights[w + n_channels + c]
        else:
            for k in range(at, at + n_channels):
                memory[k] = _curve(kind, float(memory[k]), float(weights[w]))


@bare
def _curve(kind: int, x: float, number: float) -> float:
    if kind == TANH:
        return math.tanh(x)
    if kind == SIGMOID:
        return 1.0 / (1.0 + math.exp(-x))
    if kind == GELU:
        return 0.5 * x * (1.0 + math.erf(x * math.sqrt(0.5)))
    if kind == SILU:
        return x / (1.0 + math.exp(-x))
    return number * math.expm1(x) if x < 0.0 else x  # ELU


@entry
def _conv_loop(d: int) -> int:
    """Run the program on what the first buffer holds; rows that the last one holds then.

    Slot 4 holds whether the signal ends, and which buffer is the last one.
    """
    program, buffers, memory, weights = i2(d, 0), i2(d, 1), singles(f1(d, 2)), singles(f1(d, 3))
    last = i1(d, 4)[0] != 0
    for k in range(program.shape[0]):
        step = program[k]
        kind, target = step[KIND], buffers[step[TARGET]]
        if kind < SHARE:
            _slide(step, buffers, memory, weights, last)
        elif kind == SHARE:
            _share(buffers[step[SOURCE]], target, step[CHANNELS], memory)
            if step[OTHER]:
                buffers[step[SOURCE], HELD] = 0
        elif kind == ADD:
            _add(step, buffers, memory)
        else:
            _change(step, target, memory, weights)
    return int(buffers[i1(d, 4)[1], HELD])
