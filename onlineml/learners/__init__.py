"""Predicting a target: classifiers and regressors."""

from onlineml.learners.gaussian_nb import GaussianNB

__all__ = ["GaussianNB"]
