"""Synthetic streams, compiled and lazy: the same seed gives the same rows in any chunks."""

from onlineml.datasets.generators.agrawal import Agrawal
from onlineml.datasets.generators.friedman import Friedman
from onlineml.datasets.generators.generator import Generator
from onlineml.datasets.generators.hyperplane import Hyperplane
from onlineml.datasets.generators.led import LED
from onlineml.datasets.generators.mixed import Mixed
from onlineml.datasets.generators.random_rbf import RandomRBF
from onlineml.datasets.generators.random_tree import RandomTree
from onlineml.datasets.generators.sea import SEA
from onlineml.datasets.generators.semi_synthetic import SemiSyntheticStreamGenerator
from onlineml.datasets.generators.sine import Sine
from onlineml.datasets.generators.stagger import STAGGER
from onlineml.datasets.generators.stream_learn import StreamGenerator
from onlineml.datasets.generators.waveform import Waveform

__all__ = [
    "LED",
    "SEA",
    "STAGGER",
    "Agrawal",
    "Friedman",
    "Generator",
    "Hyperplane",
    "Mixed",
    "RandomRBF",
    "RandomTree",
    "SemiSyntheticStreamGenerator",
    "Sine",
    "StreamGenerator",
    "Waveform",
]
