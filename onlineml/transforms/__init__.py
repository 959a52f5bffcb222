"""Changing rows: scalers, encoders, imputers."""

__all__ = []
