"""Results as one HTML page: no network, no script needed to read it, light and dark."""

from onlineml.evaluation.report.page import page, write_report

__all__ = ["page", "write_report"]
