"""Convolutional networks of torch on a signal that comes piece by piece.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.nn.online_net import threads, torch
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

    Attributes
    ----------
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
        Where the network is in training mode, or has a layer that cannot be streamed, by name.

    Notes
    -----
    A sample costs the products of its own outputs; memory is the span of each kernel. Blocks of a
    few samples are paid for mostly by the calls of torch, some ten microseconds a layer.

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

    def __init__(self, net: Any) -> None:
        self._torch = torch()
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
            self._chain, self.n_outputs = streamed(net, self.n_channels, self._like)
        self.stride = self._chain.stride
        self.latency = self._chain.right
        self.receptive_field = self._chain.left + self._chain.right + 1

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
        pieces = [x[i : i + _PIECE] for i in range(0, max(1, len(x)), _PIECE)]
        with self._threads(len(pieces[0])), self._torch.inference_mode():
            outputs = [self._chain.push(self._tensor(piece)) for piece in pieces]
            y = outputs[0] if len(outputs) == 1 else self._torch.cat(outputs)
            return np.asarray(y.cpu().numpy()).T

    def flush(self) -> npt.NDArray[Any]:
        """The outputs that the padding at the right determines; then a new signal may begin.

        Returns
        -------
        outputs
            `(n_outputs, m)`, m >= 0.
        """
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
        """`(n, n_channels)`, a copy."""
        try:
            x = np.asarray(block, self._dtype)
        except (TypeError, ValueError):
            raise wrong("block", block, "an array of numbers") from None
        x = x[:, None] if x.ndim == 1 else x
        if x.ndim != 2 or len(x) != self.n_channels:
            due = f"({self.n_channels}, n), or one sample: ({self.n_channels},)"
            raise wrong("block", np.shape(block), f"an array of shape {due}")
        return np.array(x.T, order="C")

    def _threads(self, n: int) -> Any:
        on_cpu = self._like.device.type == "cpu"
        return threads(self._torch, self._n_weights * n if on_cpu else None)

    def _tensor(self, x: npt.NDArray[Any]) -> Any:
        return self._torch.from_numpy(x).to(self._like.device)


class StreamingWindows:
    """What a network says of the last `window` samples, every `hop` samples.

    Equal to `net(signal[:, start : start + window])[:, valid]` for start = 0, hop, 2 hop, ...:
    all outputs that depend on samples of the window alone. Outside `valid` lie those that depend on
    the zeros beyond the window's ends, of which the stream knows better; a network without padding
    has none of them.

    Parameters
    ----------
    net
        As for :class:`StreamingConv`.
    window
        Samples in a window.
    hop
        Samples from one window to the next: a multiple of the network's stride.

    Attributes
    ----------
    stream
        The :class:`StreamingConv` beneath.
    valid
        The slice of the outputs of a whole window that are returned.

    Raises
    ------
    ValueError
        Where `net` cannot be streamed, or `window` or `hop` does not fit it.

    Notes
    -----
    A hop costs its own samples, and a copy of the outputs of the window.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from onlineml.nn.streaming_conv import StreamingWindows
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 5, padding=2)).eval()
    >>> windows = StreamingWindows(net, window=16, hop=4)
    >>> windows.valid
    slice(2, 14, None)
    >>> signal = np.random.default_rng(0).normal(size=(2, 20)).astype(np.float32)
    >>> outputs = windows.push(signal)
    >>> outputs.shape  # windows, channels, outputs
    (2, 3, 12)
    >>> last = net(torch.from_numpy(signal[None, :, 4:]))[0, :, windows.valid]
    >>> bool(np.allclose(outputs[1], last.detach(), atol=1e-6))
    True
    """

    def __init__(self, net: Any, window: int, hop: int) -> None:
        self.stream = StreamingConv(net)
        self.window, self.hop, stride = window, hop, self.stream.stride
        if hop < 1 or hop % stride:
            raise wrong("hop", hop, f"a multiple of {stride}, the stride of the network")
        left = self.stream.receptive_field - 1 - self.stream.latency
        first, stop = -(-left // stride), (window - 1 - self.stream.latency) // stride + 1
        if stop <= first:
            due = f"more samples than the {self.stream.receptive_field} that an output depends on"
            raise wrong("window", window, due)
        self.valid = slice(first, stop)
        self.reset()

    def reset(self) -> None:
        """As before the first sample."""
        self.stream.reset()
        self._kept = np.zeros((self.stream.n_outputs, 0), self.stream._dtype)
        self._first = 0  # index of the first output that is kept
        self._n_samples = self._n_windows = 0

    def push(self, block: npt.ArrayLike) -> npt.NDArray[Any]:
        """The outputs of the windows that the next samples complete.

        Parameters
        ----------
        block
            `(n_channels, n)`, any n >= 0, or one sample: `(n_channels,)`.

        Returns
        -------
        outputs
            `(n_windows, n_outputs, n_valid)`, n_windows >= 0.

        Raises
        ------
        ValueError
            Where the block has another shape, or is not of numbers.
        """
        new = self.stream.push(block)
        kept = np.concatenate((self._kept, new), axis=1)
        self._n_samples += 1 if np.ndim(block) == 1 else np.shape(block)[1]
        step, length = self.hop // self.stream.stride, self.valid.stop - self.valid.start
        start = self._n_windows * step + self.valid.start - self._first
        n = max(0, (self._n_samples - self.window) // self.hop + 1 - self._n_windows)
        outputs = np.empty((n, len(kept), length), kept.dtype)
        for i in range(n):
            outputs[i] = kept[:, start + i * step : start + i * step + length]
        gone = min(start + n * step, kept.shape[1])
        self._kept, self._first = kept[:, gone:].copy(), self._first + gone
        self._n_windows += n
        return outputs

    def get_state(self) -> Arrays:
        """The state of the stream, the outputs that windows still need, and three counts."""
        counts = np.array([self._first, self._n_samples, self._n_windows])
        return {**self.stream.get_state(), "kept": self._kept.copy(), "counts": counts}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `get_state` was called, with the same network, window and hop.

        Raises
        ------
        ValueError
            Where an array is missing or does not fit; the state is then as before.
        """
        own = {name: np.asarray(array) for name, array in state.items()}
        kept, counts = own.pop("kept", np.empty(0)), own.pop("counts", np.empty(0))
        if kept.ndim != 2 or len(kept) != self.stream.n_outputs or counts.shape != (3,):
            raise wrong("state", sorted(state), "arrays of get_state, with 'kept' and 'counts'")
        self.stream.set_state(own)
        self._kept = np.array(kept, self.stream._dtype)
        self._first, self._n_samples, self._n_windows = (int(count) for count in counts)


def _n_channels(net: Any) -> int:
    """Channels of the first layer that says how many it takes."""
    for part in net.modules():
        found = getattr(part, "in_channels", getattr(part, "num_features", None))
        if found is not None and next(part.parameters(), None) is not None:
            return int(found)
    raise wrong("net", type(net).__name__, "a network with a Conv1d or a BatchNorm1d")
