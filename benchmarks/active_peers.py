"""Query strategies of scikit-activeml and river, each asked about one row at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Asks = Callable[[Any, Any], bool]  # (row, probabilities) -> whether its label is bought

SKACTIVEML = ("Split", "VariableUncertainty", "RandomVariableUncertainty", "FixedUncertainty",
              "StreamDensityBasedAL")  # fmt: skip
PAL = "StreamProbabilisticAL"


def of_skactiveml(name: str, share: float, seed: int, model: Any, classes: Any) -> Asks:
    """A strategy of scikit-activeml, with its own manager of budgets.

    `model` is a Parzen window classifier where the strategy is `PAL`, which reads frequencies.
    """
    from skactiveml import stream
    from skactiveml.base import SkactivemlClassifier

    class Learner(SkactivemlClassifier):  # type: ignore[misc,unused-ignore]  # without the peer it is Any
        """Says what our learner said."""

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            self.classes_ = np.asarray(self.classes)
            return self

        def predict_proba(self, X: Any) -> Any:
            return np.array([self.said])

    more = {"classes": classes} if name == "FixedUncertainty" else {}
    strategy = getattr(stream, name)(budget=share, random_state=seed, **more)
    learner = Learner(classes=classes).fit([], [])

    def asks(x: Any, proba: Any) -> bool:
        said = np.zeros(len(classes))
        said[[list(classes).index(c) for c in model.classes_[: len(proba)]]] = proba
        learner.said = said
        clf = model.model if name == PAL else learner
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            queried, utilities = strategy.query(x[None], clf, return_utilities=True)
            extra = {"budget_manager_param_dict": {"utilities": utilities}} if name == PAL else {}
            strategy.update(x[None], queried, **extra)
        return len(queried) > 0

    return asks


def of_river(seed: int) -> Asks:
    """The sampler of river by entropy; it knows no budget."""
    from river.active import EntropySampler

    class Learner:
        """Says what our learner said."""

        said: Any = None

        def predict_proba_one(self, x: Any) -> dict[int, float]:
            return dict(enumerate(self.said.tolist()))

    learner = Learner()
    sampler = EntropySampler(learner, seed=seed)  # type: ignore[arg-type,unused-ignore]  # without the peer it is Any

    def asks(x: Any, proba: Any) -> bool:
        learner.said = proba
        return bool(sampler.predict_proba_one({})[1])

    return asks
