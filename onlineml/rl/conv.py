"""Convolutions, the first layers of an agent's network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onlineml.kernels.convolution import COLUMNS, KERNEL, N_OUT, ROWS, STRIDE
from onlineml.rl.part import Part
from onlineml.schema import wrong

Ints = npt.NDArray[np.int64]


class Conv(Part):
    """Convolutions before an agent's hidden layers, for observations that are maps.

    An observation is given as a row: of the map's rows one after another, the channels of each cell
    side by side, as NumPy flattens an array of `shape`. Windows stay within the map. Each layer's
    whole map is normalized as one, then a leaky rectifier follows. Time per transition is
    O(cells times weights) for these layers, memory O(cells times channels + weights); multiples of
    16 channels are fastest.

    Parameters
    ----------
    shape
        Rows, columns and channels of an observation.
    channels
        Channels of each layer.
    kernel
        Side of the square windows; a number a layer, or one for all.
    stride
        Cells from one window to the next; a number a layer, or one for all.

    Raises
    ------
    ValueError
        At the first transition of the agent that it is given to, for a `shape` that is not three
        whole numbers >= 1, `channels` that are not such numbers, a `kernel` or `stride` that is
        neither one nor one a layer, and windows that do not fit on the map.

    Examples
    --------
    >>> from onlineml.rl import Breakout, Conv, Intentional, StreamQ
    >>> agent = StreamQ(
    ...     n_actions=3, conv=Conv(shape=(10, 10, 4)), hidden=(128,), epsilon_steps=2_000,
    ...     critic_rule=Intentional(), seed=1,
    ... )
    >>> episodes = agent.run(Breakout(seed=1), 10_000)
    >>> bool(episodes.returns[-50:].mean() > 2 * episodes.returns[:50].mean())
    True

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Appendix, networks for MinAtar and Atari. arXiv:2410.14606
    """

    def __init__(
        self,
        *,
        shape: Sequence[int],
        channels: Sequence[int] = (16,),
        kernel: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
    ) -> None:
        self.shape = shape
        self.channels = channels
        self.kernel = kernel
        self.stride = stride

    def layers(self) -> list[Ints]:
        """What describes each layer to the kernel.

        Raises
        ------
        ValueError
            For parameters that cannot be used.
        """
        for name, due in (("shape", "rows, columns and channels"), ("channels", "one a layer")):
            came = getattr(self, name)
            if not (_are_counts(came) and (name != "shape" or len(came) == 3)):
                raise wrong(name, came, f"whole numbers >= 1: {due}")
        kernels, strides = self._of_each("kernel"), self._of_each("stride")
        rows, columns, n_in = self.shape
        found = []
        for n_out, kernel, stride in zip(self.channels, kernels, strides):
            if kernel > min(rows, columns):
                raise wrong("kernel", self.kernel, f"windows that fit on {rows} by {columns} cells")
            found.append(np.array([rows, columns, n_in, n_out, kernel, stride]))
            rows, columns = ((side - kernel) // stride + 1 for side in (rows, columns))
            n_in = n_out
        return found

    def _of_each(self, name: str) -> Sequence[int]:
        came = getattr(self, name)
        values = came if isinstance(came, Sequence) else [came] * len(self.channels)
        if not (_are_counts(values) and len(values) == len(self.channels)):
            raise wrong(name, came, "a whole number >= 1, or one for each layer")
        return values


def _are_counts(values: object) -> bool:
    """Whether these are whole numbers >= 1, and at least one."""
    return (
        isinstance(values, Sequence)
        and len(values) > 0
        and all(isinstance(n, int) and n >= 1 for n in values)
    )


def width(layer: Ints) -> int:
    """Numbers that a layer puts out."""
    across = (layer[[ROWS, COLUMNS]] - layer[KERNEL]) // layer[STRIDE] + 1
    return int(across.prod() * layer[N_OUT])
