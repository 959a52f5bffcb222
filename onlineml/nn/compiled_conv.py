"""A chain of streamed layers as one program of a compiled loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from onlineml.kernels.arena import Descriptor
from onlineml.kernels.singles import LANES
from onlineml.nn import conv_loop as loop
from onlineml.nn.streaming_layers import Chain, Convolution, Each, Pool, Sum
from onlineml.schema import wrong

_ROWS = 128  # samples that go through at once
_LINE = 64  # bytes of a line of the cache
_CURVES = {nn.Tanh: loop.TANH, nn.Sigmoid: loop.SIGMOID, nn.SiLU: loop.SILU, nn.ELU: loop.ELU}
Arrays = dict[str, npt.NDArray[Any]]
Singles = npt.NDArray[np.float32]


class CannotCompileError(Exception):
    """What a chain has that the loop has no step for."""


class _Buffer:
    """Samples between two steps: at most `new` come at once, `kept` may be there before."""

    def __init__(self, n_channels: int, new: int) -> None:
        self.n_channels, self.width, self.new = n_channels, n_channels, new
        self.kept = self.end = self.n_before = 0
        self.fill = 0.0  # what the first rows are made of
        self.tail = self.skip = ""  # names in the state

    @property
    def n_rows(self) -> int:
        return self.kept + self.new + self.end

    @property
    def step(self) -> int:
        return self.width + -self.width % LANES


class _Program:
    """Steps, buffers and numbers, as the layers are gone through."""

    def __init__(self, n_channels: int) -> None:
        self.steps: list[list[int]] = []
        self.buffers = [_Buffer(n_channels, _ROWS)]
        self.numbers: list[Singles] = []
        self.n_numbers = 0
        self.slack = 0  # a bound of how far the layers so far delay or pad a signal

    def chain(self, layers: list[Any], source: int, prefix: str) -> int:
        """The buffer in which what came to `source` is found after the layers."""
        for i, layer in enumerate(layers):
            name = f"{prefix}{i}."
            if isinstance(layer, Chain):
                source = self.chain(layer.layers, source, name)
            elif isinstance(layer, Sum):
                source = self._sum(layer, source, name)
            elif isinstance(layer, Each):
                self._each(layer, source)
            else:
                source = self._windows(layer, source, name)
        return source

    def _buffer(self, n_channels: int, new: int) -> int:
        self.buffers.append(_Buffer(n_channels, new))
        return len(self.buffers) - 1

    def _put(self, numbers: Any) -> int:
        """Where numbers lie that are put to the others."""
        array = np.asarray(numbers, np.float32).ravel()
        self.numbers.append(np.append(array, np.zeros(-len(array) % LANES, np.float32)))
        self.n_numbers += len(self.numbers[-1])
        return self.n_numbers - len(self.numbers[-1])

    def _step(self, kind: int, source: int, target: int, **numbers: int) -> None:
        step = [0] * loop.N_NUMBERS
        step[loop.KIND], step[loop.SOURCE], step[loop.TARGET] = kind, source, target
        for name, number in numbers.items():
            step[getattr(loop, name.upper())] = number
        self.steps.append(step)

    def share(self, source: int, *, empty: bool) -> int:
        """Another buffer to which goes what comes to `source`."""
        given = self.buffers[source]
        target = self._buffer(given.n_channels, given.new)
        self._step(loop.SHARE, source, target, channels=given.n_channels, other=int(empty))
        return target

    def _windows(self, layer: Any, source: int, name: str) -> int:
        given = self.buffers[source]
        given.n_before, given.end = len(layer.before), len(layer.after)
        given.kept = max(given.n_before, layer.span - 1)
        given.tail, given.skip = f"{name}tail", f"{name}skip"
        given.fill = layer.fill
        n_outputs = layer.n_outputs if isinstance(layer, Convolution) else given.n_channels
        target = self._buffer(n_outputs, given.n_rows // layer.stride + 1)
        self.slack += given.n_rows - given.new + layer.span + layer.stride
        kind, numbers = loop.COPY, {"taps": 1, "dilation": 1}
        if isinstance(layer, Convolution):
            kind, numbers = loop.CONVOLVE, self._convolution(layer, self.buffers[target])
        elif isinstance(layer, Pool):
            kind = loop.MEAN if layer.is_mean else loop.LARGEST
            numbers = {"taps": layer.taps, "dilation": layer.dilation}
        self._step(
            *(kind, source, target), span=layer.span, stride=layer.stride, after=given.end,
            fill=self._put([layer.fill]), channels=n_outputs, **numbers,
        )  # fmt: skip
        return target

    def _convolution(self, layer: Convolution, target: _Buffer) -> dict[str, int]:
        """Before its weights, `LANES` columns of a group have their intercepts."""
        weight, bias = layer.weight.numpy(), layer.bias.numpy()
        n_groups, n_products, n_out = weight.shape
        room = n_out + -n_out % LANES
        wide = np.zeros((n_groups, 1 + n_products, room), np.float32)
        wide[:, 0, :n_out], wide[:, 1:, :n_out] = bias.reshape(n_groups, n_out), weight
        blocks = wide.reshape(n_groups, 1 + n_products, room // LANES, LANES).swapaxes(1, 2)
        target.width = (n_groups - 1) * n_out + room
        return {
            "taps": layer.taps, "dilation": layer.dilation, "weights": self._put(blocks),
            "groups": n_groups, "inputs": n_products // layer.taps, "outputs": n_out,
        }  # fmt: skip

    def _sum(self, layer: Sum, source: int, name: str) -> int:
        before, ends = self.slack, []
        for i, chain in enumerate(layer.chains):
            start = self.share(source, empty=i == 1)
            ends.append(self.chain(chain.layers, start, f"{name}branch.{i}."))
        wait = self.slack - before
        for i, end in enumerate(ends):
            self.buffers[end].kept, self.buffers[end].tail = wait, f"{name}waiting.{i}"
        one, other = (self.buffers[end] for end in ends)
        target = self._buffer(one.n_channels, wait + max(one.new, other.new))
        self._step(loop.ADD, ends[0], target, other=ends[1], channels=one.n_channels)
        return target

    def _each(self, layer: Each, source: int) -> None:
        part, n = layer.part, self.buffers[source].n_channels
        if layer.moments is not None:
            kind, numbers = loop.AFFINE, np.concatenate([m.numpy() for m in layer.moments])
        elif type(part) in (nn.ReLU, nn.ReLU6, nn.Hardtanh):
            bounds = (0.0, np.inf) if type(part) is nn.ReLU else (part.min_val, part.max_val)
            kind, numbers = loop.CLAMP, np.array(bounds)
        elif type(part) is nn.LeakyReLU:
            kind, numbers = loop.SLOPE, np.full(n, part.negative_slope)
        elif type(part) is nn.PReLU:
            slopes = part.weight.detach().numpy()
            kind, numbers = loop.SLOPE, np.broadcast_to(slopes, n)
        elif type(part) is nn.GELU and part.approximate == "none":
            kind, numbers = loop.GELU, np.zeros(1)
        elif type(part) in _CURVES:
            kind, numbers = _CURVES[type(part)], np.array([getattr(part, "alpha", 0.0)])
        else:
            raise CannotCompileError(str(part))
        self._step(kind, source, source, weights=self._put(numbers), channels=n)


class CompiledChain:
    """A :class:`onlineml.nn.streaming_layers.Chain` on float32 numbers: one call a push.

    Parameters
    ----------
    chain
        On the CPU, of float32 numbers. Its weights are copied; what it keeps is not touched.
    n_channels
        That come in.

    Raises
    ------
    CannotCompileError
        With the name of an activation that the loop does not know.
    """

    def __init__(self, chain: Chain, n_channels: int) -> None:
        program = _Program(n_channels)
        self._last = program.chain(chain.layers, program.share(0, empty=True), "")
        self._buffers, self.stride = program.buffers, chain.stride
        self._table = np.zeros((len(program.buffers), 5), np.int64)
        end = 0
        for row, buffer in zip(self._table, program.buffers):
            row[loop.AT], row[loop.STEP] = end, buffer.step
            end += buffer.n_rows * buffer.step
        self._memory, weights = _room(end), _room(program.n_numbers)
        numbers = np.concatenate([np.empty(0), *program.numbers])
        weights.view(np.float32)[: len(numbers)] = numbers
        self._header = np.array([0, self._last])
        steps = np.array(program.steps, np.int64)
        self._arrays = steps, self._table, self._memory, weights, self._header
        self._descriptor = Descriptor(self._arrays)
        none = np.zeros(1)
        self._address = self._descriptor.aim(
            (none[None], none, none, none[None]), serve=0, fit=False
        )
        self._call = loop._conv_loop.call
        views = [self._rows(k) for k in range(len(self._buffers))]
        self._views, self._inbox, self._outbox = views, views[0], views[self._last]
        self.reset()

    def _rows(self, k: int) -> Singles:
        """The channels of all rows for which a buffer has room."""
        at, step = self._table[k, : loop.STEP + 1].tolist()
        buffer, floats = self._buffers[k], self._memory.view(np.float32)
        rows = floats[at : at + buffer.n_rows * step].reshape(-1, step)
        return rows[:, : buffer.n_channels]

    def push(self, x: Singles) -> Singles:
        """`(n_outputs, m)` for `(n_channels, n)`."""
        n = x.shape[1]
        if n <= _ROWS:
            return self._through(x, n)
        parts = [x[:, i : i + _ROWS] for i in range(0, n, _ROWS)]
        return np.concatenate([self._through(part, part.shape[1]) for part in parts], axis=1)

    def finish(self) -> Singles:
        """The last outputs; `ValueError` where one branch gives more outputs than the other."""
        self._header[0] = 1
        outputs = self._through(np.zeros((len(self._inbox[0]), 0), np.float32), 0)
        self._header[0] = 0
        waits = [row for row, b in zip(self._table, self._buffers) if "waiting" in b.tail]
        more = max((int(row[loop.HELD]) for row in waits), default=0)
        if more:
            came = f"a Residual, one branch with {more} outputs more than the other"
            raise wrong("net", came, "equally many")
        return outputs

    def _through(self, x: Singles, n: int) -> Singles:
        self._inbox[:n] = x.T
        self._table[0, loop.HELD] = n
        m = self._call(self._address)
        self._table[self._last, loop.HELD] = 0
        return self._outbox[:m].T.copy()

    def reset(self) -> None:
        """As before the first sample."""
        self._table[:, loop.HELD] = [buffer.n_before for buffer in self._buffers]
        self._table[:, loop.SKIP] = self._table[:, loop.FRESH] = 0
        for view, buffer in zip(self._views, self._buffers):
            view[: buffer.n_before] = buffer.fill

    def state(self) -> Arrays:
        """Arrays by name, as those of the chain."""
        found: Arrays = {}
        for row, view, buffer in zip(self._table, self._views, self._buffers):
            if buffer.tail:
                found[buffer.tail] = view[: row[loop.HELD]].copy()
            if buffer.skip:
                found[buffer.skip] = row[loop.SKIP : loop.SKIP + 1].copy()
        return found

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave; `ValueError` where more is kept than a stream may keep."""
        kept = [(k, buffer) for k, buffer in enumerate(self._buffers) if buffer.tail]
        for _, buffer in kept:
            n = len(state[buffer.tail])
            if n > buffer.kept:
                raise wrong(f"state[{buffer.tail!r}]", n, f"at most {buffer.kept} rows")
        for k, buffer in kept:
            tail = state[buffer.tail]
            self._views[k][: len(tail)] = tail
            self._table[k, loop.HELD] = len(tail)
            if buffer.skip:
                self._table[k, loop.SKIP] = int(state[buffer.skip][0])


def _room(n: int) -> npt.NDArray[np.float64]:
    """Zeros for `n` float32 numbers, and for vectors that begin at the last one.

    They begin with a line of the cache: vectors across two take twice as long.
    """
    n_cells, line = n // 2 + LANES, _LINE // 8
    cells = np.zeros(n_cells + line)
    start = -cells.ctypes.data % _LINE // 8
    return cells[start : start + n_cells]
