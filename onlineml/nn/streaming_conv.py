"""Convolutional networks of torch on a signal that comes piece by piece.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.nn.online_net import threads
from onlineml.nn.options import torch
from onlineml.schema import wrong

_PIECE = 4096  # samples that are worked on at once: memory is bounded however long a block is
Arrays = dict[str, npt.NDArray[Any]]


class StreamingConv:
    """A convolutional network whose outputs come as soon as they are determined.

    Every layer keeps the end of its own input, so that no sample is worked on twice: the cost is
    that of the new samples, whatever the kernels span. What all pushes and the last `flush` return,
    side by side, is `net(signal)`, wherever the signal was cut.

    Parameters
    ----------
    net
        A `torch.nn.Sequential`, in eval mode, of `Conv1d` (any kernel, stride, dilation, groups;
        padding by zeros), `AvgPool1d`, `MaxPool1d`, `ZeroPad1d`, `ConstantPad1d`, `BatchNorm1d`,
        dropout, elementwise activations, more of these, and
        :class:`onlineml.nn.residual.Residual` blocks. Its weights are copied: after more
        training, make another `StreamingConv`.
    plan
        What works: "compiled", one compiled loop for all layers, on one thread of the CPU; "torch",
        call by call; "auto", the loop where the network is of float32 numbers on the CPU and has
        no activations but `ReLU`, `ReLU6`, `Hardtanh`, `LeakyReLU`, `PReLU`, `ELU`, `GELU`, `SiLU`,
        `Sigmoid` and `Tanh`.

    Attributes
    ----------
    plan
        "compiled" or "torch", with the reason where "auto" came to it.
    n_channels, n_outputs
        Rows of what goes in, and of what comes out.
    stride
        Samples from one output to the next: output j belongs to sample `j * stride`.
    latency
        Samples after its own that an output waits for: output j comes with the push that brings
        sample `j * stride + latency`, not sooner. 0 for causal networks. (Padding that is wider
        than its kernel makes outputs of zeros alone, which wait for nothing.)
    receptive_field
        Samples that an output depends on: from `j * stride + latency - receptive_field + 1` to
        `j * stride + latency`.

    Raises
    ------
    ValueError
        Where the network is in training mode, or has a layer that cannot be streamed, by name, or
        cannot be compiled where that is asked for.

    Notes
    -----
    A sample costs the products of its own outputs; memory is the span of each kernel. By torch,
    blocks of a few samples are paid for mostly by its calls, some ten microseconds a layer; the
    compiled loop has one call for all, of a few microseconds. Outputs of both differ in the last
    bits, and their states are the same arrays.

    Departures from the source: non-causal kernels are not shifted into causal ones, but outputs are
    held back until their right context is there, so that they keep their index and their padding at
    both ends; branches wait for each other in queues, not by delays that are computed beforehand.

    References
    ----------
    A. Caillon, P. Esling (2022), Streamable neural audio synthesis with non-causal convolutions:
    cached padding, and parallel branches that are brought into line.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from onlineml.nn.streaming_conv import StreamingConv
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 3, padding=1, bias=False)).eval()
    >>> _ = torch.nn.init.ones_(net[0].weight)
    >>> stream = StreamingConv(net)
    >>> stream.latency
    1
    >>> stream.push(np.array([[1.0, 2.0, 3.0]]))
    array([[3., 6.]], dtype=float32)
    >>> stream.push(np.array([4.0]))
    array([[9.]], dtype=float32)
    >>> stream.flush()
    array([[7.]], dtype=float32)
    """

    def __init__(self, net: Any, plan: str = "auto") -> None:
        self._torch = torch()
        if plan not in ("auto", "compiled", "torch"):
            raise wrong("plan", plan, "'auto', 'compiled' or 'torch'")
        if not isinstance(net, self._torch.nn.Module):
            raise wrong("net", net, "a torch.nn.Sequential")
        if any(part.training for part in net.modules()):
            raise wrong("net", "a network in training mode", "one in eval mode: net.eval()")
        from onlineml.nn.streaming_layers import streamed  # it needs torch

        self.n_channels = _n_channels(net)
        self._like = next(net.parameters()).detach().new_zeros(0)
        self._dtype = self._like.cpu().numpy().dtype
        self._n_weights = sum(p.numel() for p in net.parameters())
        with self._torch.no_grad():
            chain, self.n_outputs = streamed(net, self.n_channels, self._like)
        self.stride, self.latency = chain.stride, chain.right
        self.receptive_field = chain.left + chain.right + 1
        self._chain: Any = chain
        self.plan = plan
        self._compiled: Any = None
        if plan != "torch":
            self._compile(plan)

    def _compile(self, plan: str) -> None:
        """Let one loop do the work of the layers, or say why it does not."""
        from onlineml.nn.compiled_conv import CannotCompileError, CompiledChain  # it needs torch

        reason = f"{self._dtype} on {self._like.device}"
        if reason == "float32 on cpu":
            try:
                self._chain = self._compiled = CompiledChain(self._chain, self.n_channels)
            except CannotCompileError as error:
                reason = str(error)
        if self._compiled is None and plan == "compiled":
            raise wrong("plan", plan, f"'torch', as there is no compiled loop for {reason}")
        self.plan = "compiled" if self._compiled is not None else f"torch, because of {reason}"

    def __repr__(self) -> str:
        names = ("n_channels", "n_outputs", "stride", "latency", "receptive_field", "plan")
        return f"StreamingConv({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def push(self, block: npt.ArrayLike) -> npt.NDArray[Any]:
        """The outputs that the next samples determine.

        Parameters
        ----------
        block
            `(n_channels, n)`, any n >= 0, or one sample: `(n_channels,)`.

        Returns
        -------
        outputs
            `(n_outputs, m)`, m >= 0, in the type of the network's weights.

        Raises
        ------
        ValueError
            Where the block has another shape, or is not of numbers.
        """
        x = self._samples(block)
        if self._compiled is not None:
            outputs: npt.NDArray[Any] = self._compiled.push(x)
            return outputs
        x = np.array(x.T, order="C")
        pieces = [x[i : i + _PIECE] for i in range(0, max(1, len(x)), _PIECE)]
        with self._threads(len(pieces[0])), self._torch.inference_mode():
            parts = [self._chain.push(self._tensor(piece)) for piece in pieces]
            y = parts[0] if len(parts) == 1 else self._torch.cat(parts)
            return np.asarray(y.cpu().numpy()).T

    def flush(self) -> npt.NDArray[Any]:
        """The outputs that the padding at the right determines; then a new signal may begin.

        Returns
        -------
        outputs
            `(n_outputs, m)`, m >= 0.
        """
        if self._compiled is not None:
            outputs: npt.NDArray[Any] = self._compiled.finish()
        else:
            with self._threads(self.receptive_field), self._torch.inference_mode():
                y = self._chain.finish(self._like.new_zeros((0, self.n_channels)))
                outputs = np.asarray(y.cpu().numpy()).T
        self.reset()
        return outputs

    def reset(self) -> None:
        """As before the first sample."""
        self._chain.reset()

    def get_state(self) -> Arrays:
        """What the layers keep of the signal, by layer: arrays, copied.

        Returns
        -------
        state
            `tail` (samples, channels) and `skip` (1,) of each layer, `waiting` outputs of branches.
        """
        return dict(self._chain.state())

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `get_state` was called, of a stream of the same network.

        Raises
        ------
        ValueError
            Where an array is missing or does not fit; the state is then as before.
        """
        own = self.get_state()
        if set(state) != set(own):
            raise wrong("state", sorted(state), f"arrays by the names {sorted(own)}")
        for name, array in own.items():
            shape = np.shape(state[name])
            if len(shape) != array.ndim or (array.ndim == 2 and shape[1] != array.shape[1]):
                raise wrong(f"state[{name!r}]", shape, f"a shape like {array.shape}")
        self._chain.load(state)

    def _samples(self, block: npt.ArrayLike) -> npt.NDArray[Any]:
        """`(n_channels, n)`, in the network's type."""
        try:
            x = np.asarray(block, self._dtype)
        except (TypeError, ValueError):
            raise wrong("block", block, "an array of numbers") from None
        x = x[:, None] if x.ndim == 1 else x
        if x.ndim != 2 or len(x) != self.n_channels:
            due = f"({self.n_channels}, n), or one sample: ({self.n_channels},)"
            raise wrong("block", np.shape(block), f"an array of shape {due}")
        return x

    def _threads(self, n: int) -> Any:
        on_cpu = self._like.device.type == "cpu"
        return threads(self._torch, self._n_weights * n if on_cpu else None)

    def _tensor(self, x: npt.NDArray[Any]) -> Any:
        return self._torch.from_numpy(x).to(self._like.device)


def _n_channels(net: Any) -> int:
    """Channels of the first layer that says how many it takes."""
    for part in net.modules():
        found = getattr(part, "in_channels", getattr(part, "num_features", None))
        if found is not None and next(part.parameters(), None) is not None:
            return int(found)
    raise wrong("net", type(net).__name__, "a network with a Conv1d or a BatchNorm1d")
