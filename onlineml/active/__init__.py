"""Is this label worth buying? Budgets, and strategies that spend them."""

from onlineml.active.budget import Budget
from onlineml.active.margin_sampling import MarginSampling
from onlineml.active.query_strategy import Queries, Query
from onlineml.active.random_sampling import RandomSampling

__all__ = [
    "Budget",
    "MarginSampling",
    "Queries",
    "Query",
    "RandomSampling",
]
