from .conformal_calibrator import ConformalCalibrator
from .dspot_calibrator import DSPOTCalibrator
from .feature_hasher import FeatureHasher
from .from_dict import FromDict
from .gaussian_tail_calibrator import GaussianTailCalibrator
from .instance_normalizer import InstanceNormalizer
from .mean_imputer import MeanImputer
from .min_max_scaler import MinMaxScaler
from .one_hot_encoder import OneHotEncoder
from .random_projector import RandomProjector
from .random_rotation import RandomRotation
from .refractory import Refractory
from .running_max import RunningMax
from .running_mean import RunningMean
from .running_median import RunningMedian
from .running_z_score import RunningZScore
from .seasonal_decomposer import SeasonalDecomposer
from .shingle import Shingle
from .standard_scaler import StandardScaler

__all__ = [
    "ConformalCalibrator",
    "DSPOTCalibrator",
    "FeatureHasher",
    "FromDict",
    "GaussianTailCalibrator",
    "InstanceNormalizer",
    "MeanImputer",
    "MinMaxScaler",
    "OneHotEncoder",
    "RandomProjector",
    "RandomRotation",
    "Refractory",
    "RunningMax",
    "RunningMean",
    "RunningMedian",
    "RunningZScore",
    "SeasonalDecomposer",
    "Shingle",
    "StandardScaler",
]
