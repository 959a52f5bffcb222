"""Classes one after another: what the protocol shows to models, and what it reports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlineml.datasets import load
from onlineml.evaluation import ContinualResult, ContinualRun, class_incremental
from onlineml.learners import DEE, GaussianNB, MeanRegressor, NoChangeClassifier


def _rows(n: int = 200) -> tuple[Any, Any]:
    y = np.array(["p", "q", "r", "s"])[np.arange(n) % 4]
    X = np.random.default_rng(1).normal(size=(n, 2)) + 20.0 * (np.arange(n) % 4)[:, None]
    return X, y


def test_a_model_that_knows_only_the_last_class_forgets_all_others() -> None:
    result = class_incremental(
        NoChangeClassifier(), *_rows(), order=["q", "s", "p", "r"], seeds=[3]
    )
    (run,) = result
    assert run.tasks == ["q", "s", "p", "r"]
    assert run.matrix == np.eye(4).tolist()
    assert run.accuracy == [1, 1 / 2, 1 / 3, 1 / 4]
    assert (run.final_accuracy, run.forgetting, run.backward_transfer) == (0.25, 1.0, -1.0)
    assert (run.average_accuracy, run.forward_transfer, run.guessing) == (0.25, 0.0, [1, 0, 0, 0])


def test_a_model_that_keeps_all_classes_forgets_none() -> None:
    (run,) = class_incremental(GaussianNB(), *_rows(), seeds=[3])
    assert run.accuracy == [1.0] * 4
    assert (run.forgetting, run.backward_transfer) == (0.0, 0.0)


def test_forgetting_counts_from_the_best_and_transfer_from_the_first() -> None:
    matrix = [[0.5, 0.4, 0.3], [0.9, 0.8, 0.2], [0.6, 0.7, 1.0]]
    run = ContinualRun("m", 1, [0, 1, 2], [0.5, 0.85, 0.77], matrix, [0.1, 0.2, 0.3])
    assert run.average_accuracy == pytest.approx(2.3 / 3)
    assert run.forward_transfer == pytest.approx((0.4 - 0.2 + 0.2 - 0.3) / 2)
    assert run.forgetting == pytest.approx((0.3 + 0.1) / 2)
    assert run.backward_transfer == pytest.approx((0.1 - 0.1) / 2)


def test_accuracy_is_over_rows_not_classes() -> None:
    X, y = np.zeros((150, 1)), np.repeat([0, 1], [100, 50])
    (run,) = class_incremental(NoChangeClassifier(), X, y, order=[0, 1], seeds=[1])
    assert run.final_accuracy == pytest.approx(10 / 30)


def test_every_row_is_either_shown_once_or_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[float] = []
    asked: list[float] = []
    fit, predict = NoChangeClassifier.fit_many, NoChangeClassifier.predict_many

    def fit_many(self: Any, X: Any, y: Any, **weight: Any) -> Any:
        assert len(set(y)) == 1
        shown.extend(X[:, 0].tolist())
        return fit(self, X, y, **weight)

    def predict_many(self: Any, X: Any) -> Any:
        asked.extend(X[:, 0].tolist())
        return predict(self, X)

    monkeypatch.setattr(NoChangeClassifier, "fit_many", fit_many)
    monkeypatch.setattr(NoChangeClassifier, "predict_many", predict_many)
    X = np.arange(200.0)[:, None]
    class_incremental(NoChangeClassifier(), X, _rows()[1], seeds=[5], test_share=0.3)
    assert len(shown) == len(set(shown)) == 140
    assert set(shown) | set(asked) == set(X[:, 0])
    assert not set(shown) & set(asked)


def test_several_classes_at_a_time() -> None:
    (run,) = class_incremental(
        NoChangeClassifier(), *_rows(), classes_per_task=3, order="srqp", seeds=[1]
    )
    assert run.tasks == [("s", "r", "q"), ("p",)]
    assert run.matrix[1] == [0.0, 1.0]
    assert 0.0 < run.matrix[0][0] < 0.5  # the last of three that are mixed


def test_a_stream_is_taken_with_its_columns() -> None:
    rows = load("phishing").take(300)
    (run,) = class_incremental(GaussianNB(), rows, seeds=[1])
    ((X, y, _),) = rows.chunks(300)
    frame = pd.DataFrame(X, columns=rows.schema.names)
    (again,) = class_incremental(GaussianNB(), frame, y, seeds=[1])
    assert run == again
    with pytest.raises(ValueError, match=r"^y"):
        class_incremental(GaussianNB(), rows, y)


def test_seeds_set_split_order_and_model() -> None:
    X, y = _rows()
    model = DEE(n_experts=8, n_chosen=2)
    first, again = (class_incremental(model, X, y, seeds=[1, 2, 3]) for _ in "12")
    assert first.to_json() == again.to_json()
    assert len({tuple(run.tasks) for run in first}) > 1
    assert not model.is_started


def test_scaling_looks_at_no_row_that_is_held_out() -> None:
    X = np.where(np.arange(20) < 1, 1e9, np.arange(20.0))[:, None]
    y = np.arange(20) // 10
    runs = [class_incremental(GaussianNB(), X, y, seeds=[s], standardize=True) for s in range(20)]
    assert all(np.isfinite(run.runs[0].final_accuracy) for run in runs)
    # where the outlier is held out, the others keep their scale and can be told apart
    assert max(run.runs[0].final_accuracy for run in runs) >= 0.75


def test_the_result_goes_to_tables_and_files(tmp_path: Path) -> None:
    models = {"nb": GaussianNB(), "last": NoChangeClassifier()}
    result = class_incremental(models, *_rows(), seeds=[1, 2])
    assert [run.model for run in result] == ["nb", "nb", "last", "last"]
    frame = result.to_pandas()
    assert list(frame.columns) == ["model", "seed", "step", "learned", "tested", "accuracy"]
    assert len(frame) == 4 * 4**2
    cell = frame[(frame.model == "last") & (frame.seed == 2) & (frame.step == 3)]
    assert cell.set_index("tested").accuracy[result.runs[3].tasks[2]] == 1.0
    assert [row["model"] for row in result.summary()] == ["nb", "last"]
    assert result.summary()[1]["final_accuracy"] == 0.25
    text = result.to_json(tmp_path / "result.json")
    assert json.loads(text) == json.loads((tmp_path / "result.json").read_text())
    assert json.loads(text)["runs"][2]["matrix"][1] == [0, 1, 0, 0]
    result.plot().savefig(tmp_path / "result.png")
    assert (tmp_path / "result.png").stat().st_size > 10_000


def test_labels_may_be_any() -> None:
    X, y = _rows()
    for labels in (y == "p", np.unique(y, return_inverse=True)[1], list(y)):
        result = class_incremental(GaussianNB(), X, labels, seeds=[1])
        assert isinstance(result, ContinualResult)
        assert result.runs[0].final_accuracy > 0.7
        json.loads(result.to_json())


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("models", {"models": MeanRegressor()}),
        ("order", {"order": ["p", "q", "r"]}),
        ("order", {"order": ["p", "q", "r", "r"]}),
        ("order", {"order": ["p", "q", "r", "x"]}),
        ("classes_per_task", {"classes_per_task": 0}),
        ("seeds", {"seeds": []}),
        ("test_share", {"test_share": 0.0}),
        ("test_share", {"test_share": 1.0}),
        ("y", {"y": ["p"] * 199 + ["q"]}),
        ("y", {"y": ["p"] * 3}),
    ],
)
def test_wrong_arguments_are_named(named: str, change: dict[str, Any]) -> None:
    X, y = _rows()
    with pytest.raises(ValueError, match=f"^{named}"):
        class_incremental(**{"models": GaussianNB(), "X": X, "y": y, **change})
