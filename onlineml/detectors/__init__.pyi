from .anomaly.adaptive_isolation_forest import AdaptiveIsolationForest
from .anomaly.alerting import AlertingDetector, Alerts
from .anomaly.autoencoder import Autoencoder
from .anomaly.calibrated import CalibratedDetector
from .anomaly.deviation_from_mean import DeviationFromMean
from .anomaly.exact_storm import ExactStorm
from .anomaly.gated import GatedDetector
from .anomaly.half_space_trees import HalfSpaceTrees
from .anomaly.iforest_asd import IForestASD
from .anomaly.inqmad import INQMAD
from .anomaly.kitnet import KitNet
from .anomaly.knn_cad import KNNCAD
from .anomaly.knn_detector import KNNDetector
from .anomaly.local_outlier_factor import LocalOutlierFactor
from .anomaly.local_outlier_probability import LocalOutlierProbability
from .anomaly.loda import LODA
from .anomaly.mahalanobis_detector import MahalanobisDetector
from .anomaly.matrix_profile_detector import MatrixProfileDetector
from .anomaly.median_absolute_deviation import MedianAbsoluteDeviation
from .anomaly.mem_stream import MemStream
from .anomaly.novelty_detector import NoveltyDetector
from .anomaly.one_class_svm import OneClassSVM
from .anomaly.online_isolation_forest import OnlineIsolationForest
from .anomaly.rank_ensemble import RankEnsemble
from .anomaly.relative_entropy import RelativeEntropy
from .anomaly.residual import ResidualDetector
from .anomaly.robust_random_cut_forest import RobustRandomCutForest
from .anomaly.rs_hash import RSHash
from .anomaly.seasonal_detector import SeasonalDetector
from .anomaly.seasonal_esd import SeasonalESD, SeasonalHybridESD
from .anomaly.standard_absolute_deviation import StandardAbsoluteDeviation
from .anomaly.stream_rhf import StreamRHF
from .anomaly.torch_autoencoder import TorchAutoencoder
from .anomaly.windowed_gaussian import WindowedGaussian
from .anomaly.xstream import xStream
from .drift.adwin import ADWIN
from .drift.bayesian_change_point import BayesianChangePoint
from .drift.cusum import CUSUM
from .drift.d3 import D3
from .drift.ddm import DDM
from .drift.eddm import EDDM
from .drift.ewma_chart import EWMAChart
from .drift.fhddm import FHDDM
from .drift.hddm_a import HDDM_A
from .drift.hddm_w import HDDM_W
from .drift.hellinger import Hellinger
from .drift.kolmogorov_smirnov import KolmogorovSmirnov
from .drift.kswin import KSWIN
from .drift.mmd import MMD
from .drift.optwin import OPTWIN
from .drift.page_hinkley import PageHinkley
from .drift.psi import PSI
from .drift.rddm import RDDM
from .drift.seed import SEED
from .drift.stepd import STEPD
from .drift.studd import STUDD

__all__ = [
    "ADWIN",
    "CUSUM",
    "D3",
    "DDM",
    "EDDM",
    "FHDDM",
    "HDDM_A",
    "HDDM_W",
    "INQMAD",
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
    "AlertingDetector",
    "Alerts",
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
    "MemStream",
    "NoveltyDetector",
    "OneClassSVM",
    "OnlineIsolationForest",
    "PageHinkley",
    "RSHash",
    "RankEnsemble",
    "RelativeEntropy",
    "ResidualDetector",
    "RobustRandomCutForest",
    "SeasonalDetector",
    "SeasonalESD",
    "SeasonalHybridESD",
    "StandardAbsoluteDeviation",
    "StreamRHF",
    "TorchAutoencoder",
    "WindowedGaussian",
    "xStream",
]
