"""Forgetting rows that were learned: the receipts of such requests."""

from onlineml.receipt import KINDS, Receipt, worst

__all__ = [
    "KINDS",
    "Receipt",
    "worst",
]
