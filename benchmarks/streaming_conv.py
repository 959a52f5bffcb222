"""Convolutions by the hop beside convolutions by the window: `python -m benchmarks.streaming_conv`.

A window that moves on by a few samples is worked on anew by torch; `StreamingWindows` works on what
is new. Both give the same outputs, which is checked on every window that is timed; one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.report import figures_table
from onlineml.nn.streaming_windows import StreamingWindows

_CLOSE = 1e-6


def dilated(n_channels: int) -> Any:
    """Six convolutions of kernel 3, dilated 1, 2, 4, 1, 2, 4, with normalization and ReLU."""
    from torch import nn

    layers: list[Any] = []
    for i, dilation in enumerate((1, 2, 4, 1, 2, 4)):
        n_in = n_channels if i else 8
        conv = nn.Conv1d(n_in, n_channels, 3, padding="same", dilation=dilation)
        layers += [conv, nn.BatchNorm1d(n_channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv1d(n_channels, 4, 1)).eval()


def pooled(n_channels: int) -> Any:
    """Five convolutions of kernel 5, two poolings between them: one output every 4 samples."""
    from torch import nn

    wide = [nn.Conv1d(n_channels, n_channels, 5, padding=2) for _ in range(4)]
    return nn.Sequential(
        *(nn.Conv1d(8, n_channels, 5, padding=2), nn.ReLU(), wide[0], nn.ReLU(), nn.MaxPool1d(2)),
        *(wide[1], nn.ReLU(), wide[2], nn.ReLU(), nn.MaxPool1d(2)),
        *(wide[3], nn.ReLU(), nn.Conv1d(n_channels, 4, 1)),
    ).eval()


def beside(net: Any, window: int, hop: int, n_hops: int, repeats: int) -> tuple[float, ...]:
    """CPU-seconds a hop of torch and of ours, and how far their outputs lie apart."""
    import torch

    rng = np.random.default_rng(0)
    signal = rng.normal(size=(8, window + n_hops * hop)).astype(np.float32)
    ours = StreamingWindows(net, window, hop)

    def by_window() -> list[Any]:
        with torch.inference_mode():
            starts = range(hop, n_hops * hop + 1, hop)
            signals = torch.from_numpy(signal)[None]
            return [net(signals[:, :, i : i + window])[0].numpy() for i in starts]

    def by_hop() -> list[Any]:
        starts = range(window, window + n_hops * hop, hop)
        return [ours.push(signal[:, i : i + hop])[0] for i in starts]

    def fill() -> None:
        ours.reset()
        ours.push(signal[:, :window])

    whole, whole_time = _least(by_window, repeats, lambda: None)
    hops, hop_time = _least(by_hop, repeats, fill)
    apart = max(float(np.abs(a[:, ours.valid] - b).max()) for a, b in zip(whole, hops))
    return whole_time / n_hops, hop_time / n_hops, apart


def _least(
    work: Callable[[], list[Any]], repeats: int, before: Callable[[], None]
) -> tuple[list[Any], float]:
    """What the work gave, and the CPU-seconds of its quickest run."""
    taken, outputs = [], []
    for _ in range(repeats):
        before()
        start = time.process_time()
        outputs = work()
        taken.append(time.process_time() - start)
    return outputs, min(taken)


@click.command()
@click.option("--window", default=256, show_default=True, help="Samples in a window.")
@click.option("--hop", default=8, show_default=True, help="Samples from window to window.")
@click.option("--hops", default=100, show_default=True, help="Windows in a run.")
@click.option("--repeats", default=5, show_default=True, help="Runs; the quickest counts.")
def main(window: int, hop: int, hops: int, repeats: int) -> None:
    """Time networks of 16 to 128 channels both ways."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = []
    for make in (dilated, pooled):
        for n_channels in (16, 32, 64, 128):
            whole, ours, apart = beside(make(n_channels), window, hop, hops, repeats)
            words = f"{1e6 * whole:,.0f} us -> {1e6 * ours:,.0f} us, {whole / ours:.1f}x"
            if apart > _CLOSE:
                raise SystemExit(f"{make.__name__}, {n_channels}: outputs differ by {apart:.1e}")
            found.append((f"{make.__name__}, {n_channels} channels", f"{words}, {apart:.0e} apart"))
    Console().print(figures_table(found))


if __name__ == "__main__":
    main()
