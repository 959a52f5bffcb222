"""No strategy waits for a learner that waits for its labels."""

from typing import Any

import numpy as np
import pytest

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Classifier
from onlineml.registry import estimators
from onlineml.schema import Schema
from tests.examples import example

STRATEGIES = [n for n, k in estimators().items() if issubclass(k, QueryStrategy) and n != "Budget"]
LEARNERS = [name for name, kind in estimators().items() if issubclass(kind, Classifier)]
CENTERS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS)
def test_every_strategy_buys_the_first_labels_of_three_classes(learner: str) -> None:
    random = np.random.default_rng(3)
    y = random.integers(3, size=40)
    X = CENTERS[y] + random.normal(size=(40, 2))
    for name in STRATEGIES:
        model: Any = example(learner).start(Schema(2))
        strategy: Any = example(name).set_params(budget=0.5)
        asked = 0
        for i, x in enumerate(X):
            if strategy.query_fit_one(x, model.predict_proba_one(x), id=i).ask:
                asked += 1
                model.fit_one(x, int(y[i]))
                strategy.answer_one(i, int(y[i]))
        if name != "PeriodicSampling":
            assert asked >= 20, (name, asked)
        assert len(model.classes_) == 3, (name, model.classes_)
