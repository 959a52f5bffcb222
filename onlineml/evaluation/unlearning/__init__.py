"""How well models forget: schedules of requests, distances to models that never saw the rows."""

from onlineml.evaluation.unlearning.bench import unlearn_bench
from onlineml.evaluation.unlearning.page import write_unlearn_report
from onlineml.evaluation.unlearning.result import UnlearnResult, UnlearnRun
from onlineml.evaluation.unlearning.schedules import SCHEDULES

__all__ = ["SCHEDULES", "UnlearnResult", "UnlearnRun", "unlearn_bench", "write_unlearn_report"]
