"""A network under shift, by the labels it is given: `python -m benchmarks.active_shift --help`.

A perceptron is trained on upright digits; then digits come turned further and further, with more
and more noise, or in segments of one kind of shift each, or all of them turned. Answers are scored
before anything is learned from a row. Settings were chosen on seeds 101 to 114; seeds 0 to 4 are
for reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

N_TRAIN, N_CLASSES, ENTROPY_BATCH = 700, 10, 16
STREAMS = ("tilt", "segments", "turned")


class Case(NamedTuple):
    """A trained network, the stream that it meets, and rows as they were in training."""

    module: Any
    X: Any
    y: Any
    clean: Any
    clean_y: Any


def case_of(stream: str, seed: int) -> Case:
    """scikit-learn's digits: 700 to train on, 1,097 that come shifted."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    order = random.permutation(len(X))
    X, y = X[order] / 16.0, y[order]
    clean, clean_y = X[N_TRAIN:], y[N_TRAIN:]
    shift = {"tilt": _tilted, "segments": _by_segment, "turned": _turned}[stream]
    rows = np.array([
        shift(x.reshape(8, 8), i / len(clean), random).ravel() for i, x in enumerate(clean)
    ])  # fmt: skip
    return Case(_trained(X[:N_TRAIN], y[:N_TRAIN], seed), rows, clean_y, clean, clean_y)


def _tilted(image: Any, part: float, random: np.random.Generator) -> Any:
    """Turned by up to 45 degrees, with noise of up to a fifth of the range."""
    from scipy.ndimage import rotate

    turned = rotate(image, 45.0 * part, reshape=False, order=1)
    return turned + 0.2 * part * random.normal(size=image.shape)


def _by_segment(image: Any, part: float, random: np.random.Generator) -> Any:
    """As it was, then noise, turned by 30 degrees, low contrast, moved by a pixel."""
    from scipy.ndimage import rotate

    segment = int(5 * part)
    if segment == 1:
        return image + 0.3 * random.normal(size=image.shape)
    if segment == 2:
        return rotate(image, 30.0, reshape=False, order=1)
    if segment == 3:
        return 0.5 + 0.4 * (image - 0.5)
    return np.roll(image, 1, 1) if segment == 4 else image


def _turned(image: Any, part: float, random: np.random.Generator) -> Any:
    """Turned by 30 degrees, with noise, from the first row on: nothing is as it was in training."""
    from scipy.ndimage import rotate

    return rotate(image, 30.0, reshape=False, order=1) + 0.1 * random.normal(size=image.shape)


def _trained(X: Any, y: Any, seed: int) -> Any:
    import torch

    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, N_CLASSES)
    )
    steps = torch.optim.Adam(module.parameters(), lr=3e-3)
    rows, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    for _ in range(30):
        for batch in torch.randperm(len(X)).split(32):
            steps.zero_grad()
            torch.nn.functional.cross_entropy(module(rows[batch]), labels[batch]).backward()
            steps.step()
    return module


# -------------------------------------------------------------------- those who take part


def unchanged(case: Case, rate: float, seed: int) -> tuple[float, float, int]:
    """The network as it was."""
    return _accuracy(case, _answers(case.module, case.X)), _on_clean(case, case.module), 0


def entropy_minimized(case: Case, rate: float, seed: int) -> tuple[float, float, int]:
    """Steps that make the answers to the last 16 rows more certain; no labels.

    As TENT, with all weights: this network has no normalization layers, which are those it moves.
    """
    from copy import deepcopy

    import torch

    module, said = deepcopy(case.module), []
    steps = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)
    for first in range(0, len(case.X), ENTROPY_BATCH):
        rows = case.X[first : first + ENTROPY_BATCH]
        said.append(_answers(module, rows))
        shares = module(torch.tensor(rows, dtype=torch.float32)).softmax(1)
        steps.zero_grad()
        (-(shares * (shares + 1e-9).log()).sum(1).mean()).backward()
        steps.step()
    return _accuracy(case, np.concatenate(said)), _on_clean(case, module), 0


def adapting(
    strategy: str, **params: Any
) -> Callable[[Case, float, int], tuple[float, float, int]]:
    """`ActiveAdapter` with the labels that a strategy buys."""

    def run(case: Case, rate: float, seed: int) -> tuple[float, float, int]:
        from onlineml import active
        from onlineml.learners import ActiveAdapter

        classes = tuple(range(N_CLASSES))
        model = ActiveAdapter(module=case.module, classes=classes, seed=seed, **params)
        budget = active.Budget(total=round(rate * len(case.X)), horizon=len(case.X))
        asker = getattr(active, strategy)(budget=budget, seed=seed)
        rows = enumerate(case.X)
        said = dict(active.consult(model, asker, rows, lambda i, x: int(case.y[i])))
        right = float(np.mean([said[i] == label for i, label in enumerate(case.y)]))
        clean = float((model.predict_many(case.clean) == case.clean_y).mean())
        return right, clean, asker.n_answered

    return run


ENTRANTS: dict[str, Callable[[Case, float, int], tuple[float, float, int]]] = {
    "unchanged": unchanged,
    "entropy minimized": entropy_minimized,
    "random labels alone": adapting("RandomSampling", label_share=1.0),
    "random labels": adapting("RandomSampling"),
    "margin": adapting("MarginSampling"),
    "entropy": adapting("EntropySampling"),
    "clusters": adapting("ClusterSampling"),
}


def _answers(module: Any, X: Any) -> Any:
    import torch

    with torch.inference_mode():
        return module(torch.tensor(X, dtype=torch.float32)).argmax(1).numpy()


def _accuracy(case: Case, said: Any) -> float:
    return float((said == case.y).mean())


def _on_clean(case: Case, module: Any) -> float:
    return float((_answers(module, case.clean) == case.clean_y).mean())


# -------------------------------------------------------------------- all together


def figures(
    streams: list[str], entrants: list[str], rates: list[float], seeds: range
) -> Iterator[tuple[str, ...]]:
    """Rows of the table."""
    for stream in streams:
        cases = {seed: case_of(stream, seed) for seed in seeds}
        for rate in rates:
            for name in entrants:
                found = np.array([ENTRANTS[name](case, rate, s) for s, case in cases.items()])
                right, clean, labels = found.mean(0)
                spread = 100 * found[:, 0].std(ddof=1) if len(found) > 1 else float("nan")
                yield (
                    stream, f"{rate:.3g}", name, f"{100 * right:.1f}", f"{spread:.1f}",
                    f"{100 * clean:.1f}", f"{labels:.0f}",
                )  # fmt: skip


def _words(kind: Callable[[str], Any]) -> Callable[..., list[Any]]:
    return lambda ctx, param, value: [kind(word.strip()) for word in value.split(",")]


@click.command()
@click.option("--streams", default=",".join(STREAMS), callback=_words(str))
@click.option("--rates", default="0.0625", callback=_words(float), help="Labels a row.")
@click.option("--entrants", default=",".join(ENTRANTS), callback=_words(str))
@click.option("--seeds", default=5)
@click.option("--first-seed", default=0)
def main(
    streams: list[str], rates: list[float], entrants: list[str], seeds: int, first_seed: int
) -> None:
    """Answers under shift, and on rows as they were in training, afterwards."""
    import torch

    torch.set_num_threads(1)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("stream", "labels a row", "who"):
        table.add_column(title)
    for title in ("answers %", "sd", "unshifted after %", "labels"):
        table.add_column(title, justify="right")
    for row in figures(streams, entrants, rates, range(first_seed, first_seed + seeds)):
        table.add_row(*row)
    Console(width=120, highlight=False).print(table)


if __name__ == "__main__":
    main()
