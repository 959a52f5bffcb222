"""What a convolutional network says of a window that moves along a signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.nn.streaming_conv import Arrays, StreamingConv
from onlineml.schema import wrong


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
    plan
        As for :class:`StreamingConv`.

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
    >>> from onlineml.nn.streaming_windows import StreamingWindows
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

    def __init__(self, net: Any, window: int, hop: int, plan: str = "auto") -> None:
        self.stream = StreamingConv(net, plan)
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
