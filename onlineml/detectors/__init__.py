"""What is strange, and what has changed: detectors of anomalies and of drift."""

from onlineml.detectors.anomaly.adaptive_isolation_forest import AdaptiveIsolationForest
from onlineml.detectors.anomaly.autoencoder import Autoencoder
from onlineml.detectors.anomaly.calibrated import CalibratedDetector
from onlineml.detectors.anomaly.deviation_from_mean import DeviationFromMean
from onlineml.detectors.anomaly.exact_storm import ExactStorm
from onlineml.detectors.anomaly.gated import GatedDetector
from onlineml.detectors.anomaly.half_space_trees import HalfSpaceTrees
from onlineml.detectors.anomaly.iforest_asd import IForestASD
from onlineml.detectors.anomaly.kitnet import KitNet
from onlineml.detectors.anomaly.knn_cad import KNNCAD
from onlineml.detectors.anomaly.knn_detector import KNNDetector
from onlineml.detectors.anomaly.local_outlier_factor import LocalOutlierFactor
from onlineml.detectors.anomaly.local_outlier_probability import LocalOutlierProbability
from onlineml.detectors.anomaly.loda import LODA
from onlineml.detectors.anomaly.mahalanobis_detector import MahalanobisDetector
from onlineml.detectors.anomaly.matrix_profile_detector import MatrixProfileDetector
from onlineml.detectors.anomaly.median_absolute_deviation import MedianAbsoluteDeviation
from onlineml.detectors.anomaly.one_class_svm import OneClassSVM
from onlineml.detectors.anomaly.online_isolation_forest import OnlineIsolationForest
from onlineml.detectors.anomaly.rank_ensemble import RankEnsemble
from onlineml.detectors.anomaly.relative_entropy import RelativeEntropy
from onlineml.detectors.anomaly.robust_random_cut_forest import RobustRandomCutForest
from onlineml.detectors.anomaly.rs_hash import RSHash
from onlineml.detectors.anomaly.seasonal_detector import SeasonalDetector
from onlineml.detectors.anomaly.standard_absolute_deviation import StandardAbsoluteDeviation
from onlineml.detectors.anomaly.stream_rhf import StreamRHF
from onlineml.detectors.anomaly.windowed_gaussian import WindowedGaussian
from onlineml.detectors.anomaly.xstream import xStream
from onlineml.detectors.drift.adwin import ADWIN
from onlineml.detectors.drift.bayesian_change_point import BayesianChangePoint
from onlineml.detectors.drift.cusum import CUSUM
from onlineml.detectors.drift.d3 import D3
from onlineml.detectors.drift.ddm import DDM
from onlineml.detectors.drift.eddm import EDDM
from onlineml.detectors.drift.ewma_chart import EWMAChart
from onlineml.detectors.drift.fhddm import FHDDM
from onlineml.detectors.drift.hddm_a import HDDM_A
from onlineml.detectors.drift.hddm_w import HDDM_W
from onlineml.detectors.drift.hellinger import Hellinger
from onlineml.detectors.drift.kolmogorov_smirnov import KolmogorovSmirnov
from onlineml.detectors.drift.kswin import KSWIN
from onlineml.detectors.drift.mmd import MMD
from onlineml.detectors.drift.optwin import OPTWIN
from onlineml.detectors.drift.page_hinkley import PageHinkley
from onlineml.detectors.drift.psi import PSI
from onlineml.detectors.drift.rddm import RDDM
from onlineml.detectors.drift.seed import SEED
from onlineml.detectors.drift.stepd import STEPD
from onlineml.detectors.drift.studd import STUDD

__all__ = [
    "ADWIN",
    "CUSUM",
    "D3",
    "DDM",
    "EDDM",
    "FHDDM",
    "HDDM_A",
    "HDDM_W",
    "KNNCAD",
    "KSWIN",
    "LODA",
    "MMD",
    "OPTWIN",
    "PSI",
    "RDDM",
    "SEED",
    "STEPD",
    "STUDD",
    "AdaptiveIsolationForest",
    "Autoencoder",
    "BayesianChangePoint",
    "CalibratedDetector",
    "DeviationFromMean",
    "EWMAChart",
    "ExactStorm",
    "GatedDetector",
    "HalfSpaceTrees",
    "Hellinger",
    "IForestASD",
    "KNNDetector",
    "KitNet",
    "KolmogorovSmirnov",
    "LocalOutlierFactor",
    "LocalOutlierProbability",
    "MahalanobisDetector",
    "MatrixProfileDetector",
    "MedianAbsoluteDeviation",
    "OneClassSVM",
    "OnlineIsolationForest",
    "PageHinkley",
    "RSHash",
    "RankEnsemble",
    "RelativeEntropy",
    "RobustRandomCutForest",
    "SeasonalDetector",
    "StandardAbsoluteDeviation",
    "StreamRHF",
    "WindowedGaussian",
    "xStream",
]
