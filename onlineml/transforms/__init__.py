"""Changing rows: scalers, encoders, imputers, calibrators of scores."""

from onlineml.transforms.conformal_calibrator import ConformalCalibrator
from onlineml.transforms.dspot_calibrator import DSPOTCalibrator
from onlineml.transforms.feature_hasher import FeatureHasher
from onlineml.transforms.from_dict import FromDict
from onlineml.transforms.gaussian_tail_calibrator import GaussianTailCalibrator
from onlineml.transforms.mean_imputer import MeanImputer
from onlineml.transforms.min_max_scaler import MinMaxScaler
from onlineml.transforms.one_hot_encoder import OneHotEncoder
from onlineml.transforms.running_max import RunningMax
from onlineml.transforms.running_mean import RunningMean
from onlineml.transforms.running_median import RunningMedian
from onlineml.transforms.running_z_score import RunningZScore
from onlineml.transforms.standard_scaler import StandardScaler

__all__ = [
    "ConformalCalibrator",
    "DSPOTCalibrator",
    "FeatureHasher",
    "FromDict",
    "GaussianTailCalibrator",
    "MeanImputer",
    "MinMaxScaler",
    "OneHotEncoder",
    "RunningMax",
    "RunningMean",
    "RunningMedian",
    "RunningZScore",
    "StandardScaler",
]
