"""Acting: agents that learn from every transition once, and small compiled environments."""

from onlineml.rl.agent import Transition
from onlineml.rl.rules import SGD, Adam, AdaptiveObGD, Intentional, ObGD
from onlineml.rl.stream import Episodes
from onlineml.rl.stream_ac import StreamAC
from onlineml.rl.stream_q import StreamQ
from onlineml.rl.worlds import CartPole, Chain, World

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
