"""What `unlearn_bench` found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class UnlearnRun:
    """One model under one schedule of requests.

    "Gold" is the same model without the rows, which it never saw; "untouched" is the model that
    forgets nothing. Distances are Kullback-Leibler divergences from gold in nats, or root mean
    squared differences of predicted numbers.

    Attributes
    ----------
    model, schedule
        Which.
    n_rows, n_requests
        Rows learned, and rows asked to be forgotten.
    kinds
        Number of receipts of each kind.
    identical
        Whether all answers equal those of gold, bit for bit.
    gap
        Largest difference of any answer from gold.
    distance, floor, untouched
        On test rows, from gold: of the model, of a second gold (`floor_by` says what differs in
        it), and of the untouched model.
    distance_forgotten, agreement_forgotten, agreement
        On the forgotten rows, and the share of equal answers on them and on test rows.
    quality, quality_gold
        Accuracy (of numbers: mean absolute error) on "retained", "forgotten" and "test" rows.
    membership, membership_gold
        AUC of an attack that takes rows with low losses for learned ones, on forgotten and test
        rows.
    attack, attack_gold
        AUC of an attack that knows of each row how well models know it that have met it, and models
        that have not (shadow models); NaN without.
    relearn, relearn_gold
        Passes over the forgotten rows until their mean loss is that of the untouched model;
        fewer than gold needs are a trace. 0: it is there already.
    latencies
        Seconds of each request that was met.
    retraining
        Seconds to train gold.
    twice_refused, unknown_refused
        Whether a second request for a row was refused, and one for a row that never came.
    course
        After so many requests: distances of the model and of the untouched one from gold then.
    nbytes, nbytes_gold
        Size of the model, and of gold.
    """

    model: str
    schedule: str
    n_rows: int
    n_requests: int
    kinds: dict[str, int]
    identical: bool
    gap: float
    distance: float
    floor: float
    floor_by: str
    untouched: float
    distance_forgotten: float
    agreement_forgotten: float
    agreement: float
    quality: dict[str, float]
    quality_gold: dict[str, float]
    membership: float
    membership_gold: float
    attack: float
    attack_gold: float
    relearn: int
    relearn_gold: int
    retraining: float
    twice_refused: bool
    unknown_refused: bool
    nbytes: int
    nbytes_gold: int
    latencies: list[float] = field(default_factory=list)
    course: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Distance from gold over that of two golds: about 1 cannot be told from retraining."""
        if self.distance == 0.0:
            return 0.0
        return self.distance / self.floor if self.floor > 0.0 else float("inf")

    @property
    def break_even(self) -> float:
        """Requests, one by one, whose cost together is that of one retraining."""
        cost = float(np.mean(self.latencies)) if self.latencies else float("nan")
        return self.retraining / cost if cost > 0.0 else float("inf")

    def latency(self, percent: float) -> float:
        """A percentile of the seconds that a request took; NaN where none was met."""
        return float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")

    def row(self) -> dict[str, Any]:
        """Numbers for a table."""
        return {
            "model": self.model,
            "schedule": self.schedule,
            **{f"n_{kind}": n for kind, n in self.kinds.items()},
            "identical": self.identical,
            "gap": self.gap,
            "distance": self.distance,
            "floor": self.floor,
            "untouched": self.untouched,
            "ratio": self.ratio,
            "distance_forgotten": self.distance_forgotten,
            "agreement_forgotten": self.agreement_forgotten,
            "agreement": self.agreement,
            **{f"{name}_quality": value for name, value in self.quality.items()},
            **{f"{name}_quality_gold": value for name, value in self.quality_gold.items()},
            "membership_gap": abs(self.membership - self.membership_gold),
            "attack_gap": abs(self.attack - self.attack_gold),
            "relearn": self.relearn,
            "relearn_gold": self.relearn_gold,
            "p50": self.latency(50),
            "p99": self.latency(99),
            "retraining": self.retraining,
            "break_even": self.break_even,
        }


@dataclass
class UnlearnResult:
    """What `unlearn_bench` found: one run a model and schedule."""

    stream: str
    runs: list[UnlearnRun]

    def __iter__(self) -> Iterator[UnlearnRun]:
        return iter(self.runs)

    def to_pandas(self) -> pd.DataFrame:
        """One row a run."""
        import pandas as pd

        return pd.DataFrame([run.row() for run in self.runs])

    def to_json(self, path: str | Path | None = None) -> str:
        """All numbers as JSON, NaN as null; written to `path` where given."""
        import orjson

        plain = {"stream": self.stream, "runs": [asdict(run) for run in self.runs]}
        text = orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
        if path is not None:
            Path(path).write_bytes(text)
        return text.decode()
