"""Predicting a target: classifiers and regressors."""

from onlineml.learners.adaptive_random_forest import (
    AdaptiveRandomForestClassifier,
    AdaptiveRandomForestRegressor,
)
from onlineml.learners.adwin_bagging import AdwinBagging
from onlineml.learners.aggregated_mondrian_forest_classifier import (
    AggregatedMondrianForestClassifier,
)
from onlineml.learners.aggregated_mondrian_forest_regressor import (
    AggregatedMondrianForestRegressor,
)
from onlineml.learners.batch.aue import AUE
from onlineml.learners.batch.awe import AWE
from onlineml.learners.batch.kue import KUE
from onlineml.learners.batch.learn_pp_cds import LearnPPCDS
from onlineml.learners.batch.learn_pp_nie import LearnPPNIE
from onlineml.learners.batch.oob import OOB
from onlineml.learners.batch.ouse import OUSE
from onlineml.learners.batch.rea import REA
from onlineml.learners.batch.rose import ROSE
from onlineml.learners.batch.sea_ensemble import SEAEnsemble
from onlineml.learners.batch.uob import UOB
from onlineml.learners.batch.wae import WAE
from onlineml.learners.dee import DEE
from onlineml.learners.drift_mixture import DriftMixture
from onlineml.learners.drift_moe import DriftMoE
from onlineml.learners.dynamic_weighted_majority import DynamicWeightedMajority
from onlineml.learners.extremely_fast_decision_tree_classifier import (
    ExtremelyFastDecisionTreeClassifier,
)
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.hoeffding_adaptive_tree_classifier import HoeffdingAdaptiveTreeClassifier
from onlineml.learners.hoeffding_adaptive_tree_regressor import HoeffdingAdaptiveTreeRegressor
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.knn import KNNClassifier, KNNRegressor
from onlineml.learners.last_classifier import LASTClassifier
from onlineml.learners.leveraging_bagging import LeveragingBaggingClassifier
from onlineml.learners.linear_regression import LinearRegression
from onlineml.learners.logistic_regression import LogisticRegression
from onlineml.learners.majority import MajorityClassifier
from onlineml.learners.mean_regressor import MeanRegressor
from onlineml.learners.mlp_classifier import MLPClassifier
from onlineml.learners.mlp_regressor import MLPRegressor
from onlineml.learners.nearest_class_mean import NearestClassMean
from onlineml.learners.no_change import NoChangeClassifier
from onlineml.learners.online_bagging import OnlineBagging, OnlineBaggingRegressor
from onlineml.learners.online_boosting import OnlineBoosting
from onlineml.learners.online_smooth_boost import OnlineSmoothBoost
from onlineml.learners.passive_aggressive import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
)
from onlineml.learners.replaying_classifier import ReplayingClassifier
from onlineml.learners.slda import SLDA
from onlineml.learners.softmax_regression import SoftmaxRegression
from onlineml.learners.streaming_gradient_boosted_trees import StreamingGradientBoostedTrees
from onlineml.learners.streaming_random_patches import (
    StreamingRandomPatchesClassifier,
    StreamingRandomPatchesRegressor,
)

__all__ = [
    "AUE",
    "AWE",
    "DEE",
    "KUE",
    "OOB",
    "OUSE",
    "REA",
    "ROSE",
    "SLDA",
    "UOB",
    "WAE",
    "AdaptiveRandomForestClassifier",
    "AdaptiveRandomForestRegressor",
    "AdwinBagging",
    "AggregatedMondrianForestClassifier",
    "AggregatedMondrianForestRegressor",
    "DriftMixture",
    "DriftMoE",
    "DynamicWeightedMajority",
    "ExtremelyFastDecisionTreeClassifier",
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
    "SEAEnsemble",
    "SoftmaxRegression",
    "StreamingGradientBoostedTrees",
    "StreamingRandomPatchesClassifier",
    "StreamingRandomPatchesRegressor",
]
