"""A model at work on partitioned messages, exactly once."""

from onlineml.evaluation.worker.checkpoints import FencedError, header_of
from onlineml.evaluation.worker.events import Fields
from onlineml.evaluation.worker.replica import PoisonError
from onlineml.evaluation.worker.settings import Settings, Topics
from onlineml.evaluation.worker.worker import Report, Worker

__all__ = [
    "FencedError",
    "Fields",
    "PoisonError",
    "Report",
    "Settings",
    "Topics",
    "Worker",
    "header_of",
]
