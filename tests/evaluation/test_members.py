"""Members of a model have runs of their own: what they would have been given alone."""

from typing import Any

import numpy as np
import pytest

from onlineml import prequential
from onlineml.datasets import as_stream
from onlineml.learners import StackedClassifier, StackedRegressor, TorchClassifier, TorchRegressor

pytest.importorskip("torch")

X = np.random.default_rng(0).normal(size=(700, 3))
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "yes", "no")
FAST: dict[str, Any] = {"hidden": (6,), "batch_size": 8, "learning_rate": 0.01}
CASES: list[Any] = [
    (StackedClassifier, TorchClassifier, LABELS, ["accuracy", "roc_auc"]),
    (StackedRegressor, TorchRegressor, 5.0 + X[:, 0], ["mae"]),
]


@pytest.mark.parametrize(("stacked", "alone", "y", "metrics"), CASES)
@pytest.mark.parametrize("delay", [0, 30])
def test_each_member_has_the_run_of_its_seed(
    stacked: Any, alone: Any, y: Any, metrics: list[str], delay: int
) -> None:
    options: dict[str, Any] = {"metrics": metrics, "window": 200, "label_delay": delay}
    told: list[Any] = []

    class Tracker:
        on_window = told.append

        def on_end(self, result: Any) -> None:
            """Nothing to do."""

    model = stacked(n_models=3, seed=4, **FAST)
    result = prequential(
        model, as_stream((X, y)), baselines=False, chunk_size=90, track=Tracker(), **options
    )
    due = prequential(alone(**FAST), as_stream((X, y)), baselines=False, seeds=[4, 5, 6], **options)
    name = f"{stacked.__name__}, each"
    assert [(run.model, run.seed) for run in result.runs] == [
        (stacked.__name__, 4), *((name, seed) for seed in (4, 5, 6)),
    ]  # fmt: skip
    assert len(told) == 4 * 4
    for run in due.runs:
        found = result.run(name, run.seed)
        assert found.n_rows == run.n_rows == [200, 400, 600, 700]
        first = metrics[0]
        np.testing.assert_allclose(found.window[first], run.window[first], rtol=1e-4)
        np.testing.assert_allclose(found.cumulative[first], run.cumulative[first], rtol=1e-4)
        assert all(np.isnan(found.totals[other]) for other in metrics[1:])
        assert found.cpu_seconds > 0 < found.nbytes
    whole = result.run(stacked.__name__)
    assert not any(np.isnan(value) for value in whole.totals.values())
    assert "each" in repr(result)
    assert len(result.columns()["seed"]) == 16


def test_a_seed_is_evaluated_once() -> None:
    model = StackedClassifier(n_models=3, **FAST)
    result = prequential(model, as_stream((X, LABELS)), seeds=[1, 2], baselines=False)
    members = [run.seed for run in result.runs if "each" in run.model]
    assert members == [1, 2, 3, 4]


def test_networks_by_key_are_one_model() -> None:
    model = StackedClassifier(key=0, max_keys=700, **FAST)
    result = prequential(model, as_stream((np.round(X), LABELS)), baselines=False)
    assert [run.model for run in result.runs] == ["StackedClassifier"]
