"""Detectors of anomalies: a row in, a score out."""
