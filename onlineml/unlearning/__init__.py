"""Forgetting rows that were learned: receipts, replay, certificates."""

from onlineml.receipt import KINDS, Receipt, worst

__all__ = [
    "KINDS",
    "Receipt",
    "worst",
]
