from .adaptive_q import AdaptiveQ
from .agent import Transition
from .bayes_ucb import BayesUCB
from .conv import Conv
from .epsilon_greedy import EpsilonGreedy
from .exp3 import Exp3
from .gvf_regressor import GVFRegressor
from .linear_bandit import LinTS, LinUCB
from .neural_linear import NeuralLinear
from .rules import QRC, SGD, Adam, AdaptiveObGD, Intentional, ObGD
from .stacked_agents import StackedAgents
from .stream import Episodes
from .stream_ac import StreamAC
from .stream_q import StreamQ
from .stream_sarsa import StreamSARSA
from .stream_td import StreamTD
from .streaming_arms_bandit import StreamingArmsBandit
from .swift_sarsa import SwiftSARSA
from .swift_td import SwiftTD
from .thompson_sampling import ThompsonSampling
from .ucb import UCB
from .worlds import Breakout, CartPole, Chain, World

__all__ = [
    "QRC",
    "SGD",
    "UCB",
    "Adam",
    "AdaptiveObGD",
    "AdaptiveQ",
    "BayesUCB",
    "Breakout",
    "CartPole",
    "Chain",
    "Conv",
    "Episodes",
    "EpsilonGreedy",
    "Exp3",
    "GVFRegressor",
    "Intentional",
    "LinTS",
    "LinUCB",
    "NeuralLinear",
    "ObGD",
    "StackedAgents",
    "StreamAC",
    "StreamQ",
    "StreamSARSA",
    "StreamTD",
    "StreamingArmsBandit",
    "SwiftSARSA",
    "SwiftTD",
    "ThompsonSampling",
    "Transition",
    "World",
]
