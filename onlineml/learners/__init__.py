"""Predicting a target: classifiers and regressors."""

from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.majority import MajorityClassifier
from onlineml.learners.mean_regressor import MeanRegressor
from onlineml.learners.no_change import NoChangeClassifier

__all__ = ["GaussianNB", "MajorityClassifier", "MeanRegressor", "NoChangeClassifier"]
