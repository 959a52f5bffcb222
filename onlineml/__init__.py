"""Online machine learning on drifting data streams."""

__version__ = "0.1.0"
