"""What is strange, and what has changed: detectors of anomalies and of drift."""

from onlineml.detectors.drift.adwin import ADWIN

__all__ = ["ADWIN"]
