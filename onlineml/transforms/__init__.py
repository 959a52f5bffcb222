"""Changing rows: scalers, encoders, imputers."""

from onlineml.transforms.standard_scaler import StandardScaler

__all__ = ["StandardScaler"]
