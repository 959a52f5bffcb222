from .active_adapter import ActiveAdapter
from .adaptive_random_forest import (
    AdaptiveRandomForestClassifier,
    AdaptiveRandomForestRegressor,
)
from .adwin_bagging import AdwinBagging
from .aggregated_mondrian_forest_classifier import (
    AggregatedMondrianForestClassifier,
)
from .aggregated_mondrian_forest_regressor import (
    AggregatedMondrianForestRegressor,
)
from .banded_noise import BandedNoise
from .batch.aue import AUE
from .batch.awe import AWE
from .batch.kue import KUE
from .batch.learn_pp_cds import LearnPPCDS
from .batch.learn_pp_nie import LearnPPNIE
from .batch.oob import OOB
from .batch.ouse import OUSE
from .batch.rea import REA
from .batch.rose import ROSE
from .batch.sea_ensemble import SEAEnsemble
from .batch.uob import UOB
from .batch.wae import WAE
from .cand_classifier import CANDClassifier
from .cand_regressor import CANDRegressor
from .certified_logistic_regression import CertifiedLogisticRegression
from .dee import DEE
from .drift_mixture import DriftMixture
from .drift_moe import DriftMoE
from .dynamic_weighted_majority import DynamicWeightedMajority
from .ewc import EWC
from .extremely_fast_decision_tree_classifier import (
    ExtremelyFastDecisionTreeClassifier,
)
from .forecaster import Forecaster
from .gaussian_nb import GaussianNB
from .hoeffding_adaptive_tree_classifier import HoeffdingAdaptiveTreeClassifier
from .hoeffding_adaptive_tree_regressor import HoeffdingAdaptiveTreeRegressor
from .hoeffding_tree_classifier import HoeffdingTreeClassifier
from .hoeffding_tree_regressor import HoeffdingTreeRegressor
from .knn import KNNClassifier, KNNRegressor
from .last_classifier import LASTClassifier
from .leveraging_bagging import LeveragingBaggingClassifier
from .linear_regression import LinearRegression
from .logistic_regression import LogisticRegression
from .loss_filter import LossFilter
from .lwf import LwF
from .majority import MajorityClassifier
from .mean_regressor import MeanRegressor
from .mlp_classifier import MLPClassifier
from .mlp_regressor import MLPRegressor
from .nearest_class_mean import NearestClassMean
from .no_change import NoChangeClassifier
from .online_bagging import OnlineBagging, OnlineBaggingRegressor
from .online_boosting import OnlineBoosting
from .online_smooth_boost import OnlineSmoothBoost
from .passive_aggressive import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
)
from .replaying_classifier import ReplayingClassifier
from .ridge_regressor import RidgeRegressor
from .slda import SLDA
from .softmax_regression import SoftmaxRegression
from .stacked_classifier import StackedClassifier
from .stacked_regressor import StackedRegressor
from .streaming_gradient_boosted_trees import StreamingGradientBoostedTrees
from .streaming_random_patches import (
    StreamingRandomPatchesClassifier,
    StreamingRandomPatchesRegressor,
)
from .torch_classifier import TorchClassifier
from .torch_regressor import TorchRegressor
from .torch_sequence_classifier import TorchSequenceClassifier
from .torch_sequence_regressor import TorchSequenceRegressor
from .tree_aggregation import TreeAggregation

__all__ = [
    "AUE",
    "AWE",
    "DEE",
    "EWC",
    "KUE",
    "OOB",
    "OUSE",
    "REA",
    "ROSE",
    "SLDA",
    "UOB",
    "WAE",
    "ActiveAdapter",
    "AdaptiveRandomForestClassifier",
    "AdaptiveRandomForestRegressor",
    "AdwinBagging",
    "AggregatedMondrianForestClassifier",
    "AggregatedMondrianForestRegressor",
    "BandedNoise",
    "CANDClassifier",
    "CANDRegressor",
    "CertifiedLogisticRegression",
    "DriftMixture",
    "DriftMoE",
    "DynamicWeightedMajority",
    "ExtremelyFastDecisionTreeClassifier",
    "Forecaster",
    "GaussianNB",
    "HoeffdingAdaptiveTreeClassifier",
    "HoeffdingAdaptiveTreeRegressor",
    "HoeffdingTreeClassifier",
    "HoeffdingTreeRegressor",
    "KNNClassifier",
    "KNNRegressor",
    "LASTClassifier",
    "LearnPPCDS",
    "LearnPPNIE",
    "LeveragingBaggingClassifier",
    "LinearRegression",
    "LogisticRegression",
    "LossFilter",
    "LwF",
    "MLPClassifier",
    "MLPRegressor",
    "MajorityClassifier",
    "MeanRegressor",
    "NearestClassMean",
    "NoChangeClassifier",
    "OnlineBagging",
    "OnlineBaggingRegressor",
    "OnlineBoosting",
    "OnlineSmoothBoost",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "ReplayingClassifier",
    "RidgeRegressor",
    "SEAEnsemble",
    "SoftmaxRegression",
    "StackedClassifier",
    "StackedRegressor",
    "StreamingGradientBoostedTrees",
    "StreamingRandomPatchesClassifier",
    "StreamingRandomPatchesRegressor",
    "TorchClassifier",
    "TorchRegressor",
    "TorchSequenceClassifier",
    "TorchSequenceRegressor",
    "TreeAggregation",
]
