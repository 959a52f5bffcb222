"""Well-known synthetic streams by name.

The recipes with several concepts change at 1/4, 1/2 and 3/4 of their rows: at a million rows, at
rows 250,000, 500,000 and 750,000, over 50 rows (names in `_a`, abrupt) or 50,000 (`_g`, gradual);
positions and widths scale with `n_rows`. A change is centered on its row; the code behind the
DriftMoE paper (arXiv:2507.18464), from which the LED, SEA and RBF recipes come,
centers it half a width earlier. The other recipes are those of the adaptive random forest paper
(Gomes et al. 2017, doi:10.1007/s10994-017-5642-8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from onlineml.datasets.compose import ConceptDrift
from onlineml.datasets.generators import (
    LED,
    SEA,
    STAGGER,
    Agrawal,
    Friedman,
    Hyperplane,
    Mixed,
    RandomRBF,
    RandomTree,
    Sine,
    Waveform,
)
from onlineml.datasets.stream import Stream
from onlineml.parameters import whole

_ROWS = 1_000_000
_ABRUPT, _GRADUAL = 50 / _ROWS, 50_000 / _ROWS


def _seeds(seed: int, n: int) -> list[int]:
    """Seeds for the parts of a stream, so that no two of them make the same rows."""
    words: list[int] = np.random.SeedSequence(whole("seed", seed, 0)).generate_state(n).tolist()
    return words


def _in_turn(
    name: str,
    concepts: Sequence[int],
    make: Callable[[int, int], Stream],
    n_rows: int,
    width: float,
    seed: int,
) -> Stream:
    """The concepts one after another, each for the same number of rows."""
    n_rows = whole("n_rows", n_rows, len(concepts))
    seeds = _seeds(seed, 2 * len(concepts))
    stream = make(concepts[0], seeds[0])
    for k, concept in enumerate(concepts[1:], 1):
        stream = ConceptDrift(
            stream,
            make(concept, seeds[2 * k]),
            position=n_rows * k // len(concepts),
            width=width * n_rows,
            seed=seeds[2 * k + 1],
            name=name,
        )
    return stream.take(n_rows)


def _led(name: str, n_rows: int, width: float, seed: int) -> Stream:
    def make(n_drift_features: int, part_seed: int) -> Stream:
        return LED(n_drift_features=n_drift_features, model_seed=seed, seed=part_seed)

    return _in_turn(name, (1, 3, 5, 7), make, n_rows, width, seed)


def led_a(*, n_rows: int = _ROWS, seed: int = 1) -> Stream:
    """LED with 10 % noise and 1, 3, 5, then 7 features swapped; abrupt changes."""
    return _led("led_a", n_rows, _ABRUPT, seed)


def led_g(*, n_rows: int = _ROWS, seed: int = 1) -> Stream:
    """LED with 10 % noise and 1, 3, 5, then 7 features swapped; gradual changes."""
    return _led("led_g", n_rows, _GRADUAL, seed)


def _sea(name: str, functions: Sequence[int], n_rows: int, width: float, seed: int) -> Stream:
    def make(function: int, part_seed: int) -> Stream:
        return SEA(function=function, seed=part_seed)

    return _in_turn(name, functions, make, n_rows, width, seed)


def sea_a(*, n_rows: int = _ROWS, seed: int = 1, functions: Sequence[int] = (1, 2, 4, 1)) -> Stream:
    """SEA with 10 % noise and functions in turn (1, 2, 1, 4 in the ARF paper); abrupt changes."""
    return _sea("sea_a", functions, n_rows, _ABRUPT, seed)


def sea_g(*, n_rows: int = _ROWS, seed: int = 1, functions: Sequence[int] = (1, 2, 4, 1)) -> Stream:
    """SEA with 10 % noise and functions in turn (1, 2, 1, 4 in the ARF paper); gradual changes."""
    return _sea("sea_g", functions, n_rows, _GRADUAL, seed)


def _agrawal(name: str, functions: Sequence[int], n_rows: int, width: float, seed: int) -> Stream:
    def make(function: int, part_seed: int) -> Stream:
        return Agrawal(function=function, seed=part_seed)

    return _in_turn(name, functions, make, n_rows, width, seed)


def agr_a(*, n_rows: int = _ROWS, seed: int = 1, functions: Sequence[int] = (1, 2, 1, 4)) -> Stream:
    """Agrawal with 5 % perturbation and functions in turn; abrupt changes."""
    return _agrawal("agr_a", functions, n_rows, _ABRUPT, seed)


def agr_g(*, n_rows: int = _ROWS, seed: int = 1, functions: Sequence[int] = (1, 2, 1, 4)) -> Stream:
    """Agrawal with 5 % perturbation and functions in turn; gradual changes."""
    return _agrawal("agr_g", functions, n_rows, _GRADUAL, seed)


def _rbf(name: str, n_rows: int, seed: int, n_classes: int, speed: float) -> Stream:
    stream = RandomRBF(
        n_classes=n_classes, n_features=10, n_centroids=50, speed=speed,
        model_seed=seed, seed=seed, n_rows=n_rows,
    )  # fmt: skip
    stream.name = name
    return stream


def rbf_m(*, n_rows: int = _ROWS, seed: int = 1, n_classes: int = 2) -> Stream:
    """RandomRBF, 10 features, 50 centers moving 0.0001 a row (5 classes in the ARF paper)."""
    return _rbf("rbf_m", n_rows, seed, n_classes, 0.0001)


def rbf_f(*, n_rows: int = _ROWS, seed: int = 1, n_classes: int = 2) -> Stream:
    """RandomRBF, 10 features, 50 centers moving 0.001 a row (5 classes in the ARF paper)."""
    return _rbf("rbf_f", n_rows, seed, n_classes, 0.001)


def hyper(*, n_rows: int = _ROWS, seed: int = 1) -> Stream:
    """Hyperplane, 10 features whose weights all change by 0.001 a row, 5 % noise."""
    stream = Hyperplane(
        n_features=10, n_drift_features=10, magnitude=0.001,
        model_seed=seed, seed=seed, n_rows=n_rows,
    )  # fmt: skip
    stream.name = "hyper"
    return stream


def rtg(*, n_rows: int = _ROWS, seed: int = 1) -> Stream:
    """RandomTree of depth 5 over 5 nominal and 5 numeric features, 2 classes."""
    stream = RandomTree(model_seed=seed, seed=seed, n_rows=n_rows)
    stream.name = "rtg"
    return stream


#: Name -> what makes the stream; all take `n_rows` and `seed`.
NAMED: dict[str, Callable[..., Stream]] = {
    make.__name__: make
    for make in (led_a, led_g, sea_a, sea_g, agr_a, agr_g, rbf_m, rbf_f, hyper, rtg)
} | {
    kind.name: kind
    for kind in (
        Agrawal, Friedman, Hyperplane, LED, Mixed, RandomRBF, RandomTree, SEA, STAGGER, Sine,
        Waveform,
    )
}  # fmt: skip
