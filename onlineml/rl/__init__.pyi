from .agent import Transition
from .rules import SGD, Adam, AdaptiveObGD, Intentional, ObGD
from .stream import Episodes
from .stream_ac import StreamAC
from .stream_q import StreamQ
from .worlds import CartPole, Chain, World

__all__ = [
    "SGD",
    "Adam",
    "AdaptiveObGD",
    "CartPole",
    "Chain",
    "Episodes",
    "Intentional",
    "ObGD",
    "StreamAC",
    "StreamQ",
    "Transition",
    "World",
]
