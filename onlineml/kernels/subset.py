"""Random choices of some features among all."""

from __future__ import annotations

from onlineml.kernels import lean
from onlineml.kernels.arena import Ints
from onlineml.kernels.random import uniform


@lean
def blindfold(blind: Ints, random: Ints, n: float) -> None:
    """Set `blind` (n_features,) to 0 at `n` features, each choice being equally likely, else to 1.

    `random` is a generator, (1,).
    """
    due = n
    for j in range(blind.shape[0]):
        looks = uniform(random, 0) * (blind.shape[0] - j) < due
        blind[j] = not looks
        due -= looks
