"""Random numbers inside kernels: SplitMix64, whose whole state is one int64 of the estimator.

One stream per member makes the bits independent of the order and the thread in which members run.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onlineml.kernels import lean

Ints = npt.NDArray[np.int64]


def seeded(seed: int | None, n: int) -> Ints:
    """`n` independent generator states; `None` draws fresh entropy."""
    words = np.random.SeedSequence(seed).generate_state(n, np.uint64)
    return words.view(np.int64)


@lean
def bits(state: Ints, k: int) -> np.uint64:
    """64 random bits from generator `k` (Steele, Lea, Flood 2014, figure 10)."""
    state[k] += np.int64(-7046029254386353131)  # 0x9E3779B97F4A7C15
    z = np.uint64(state[k])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lean
def uniform(state: Ints, k: int) -> float:
    """Uniform on [0, 1), 53 bits."""
    return float(np.float64(bits(state, k) >> np.uint64(11)) * 2.0**-53)


@lean
def below(state: Ints, k: int, n: int) -> int:
    """Uniform integer in [0, n)."""
    return int(uniform(state, k) * n)


@lean
def normal(state: Ints, k: int) -> float:
    """Standard normal by Box and Muller; two draws each time, so that no half is kept."""
    u = 1.0 - uniform(state, k)
    return float(np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * uniform(state, k)))


@lean
def poisson(state: Ints, k: int, mean: float) -> int:
    """Poisson by multiplication (Knuth); cost grows with `mean`, meant for small ones."""
    limit, product, n = np.exp(-mean), uniform(state, k), 0
    while product > limit:
        product *= uniform(state, k)
        n += 1
    return n
