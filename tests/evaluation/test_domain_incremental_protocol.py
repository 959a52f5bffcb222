"""Domains one after another: by functions, by columns, and networks that are told of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlineml import chain
from onlineml.evaluation import class_incremental, domain_incremental
from onlineml.learners import GaussianNB, LogisticRegression, MeanRegressor, NoChangeClassifier
from onlineml.transforms import StandardScaler

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 3))
Y = np.where(X[:, 0] > 0, "up", "down")
TURNED = {"as it is": lambda X: X, "other way": lambda X: -X, "again": lambda X: X}


def test_all_rows_are_shown_in_every_domain_and_the_same_held_out() -> None:
    (run,) = domain_incremental(LogisticRegression(), X, Y, by=TURNED, seeds=[2])
    assert run.tasks == ["as it is", "other way", "again"]
    matrix = np.array(run.matrix)
    np.testing.assert_array_equal(matrix[:, 0], matrix[:, 2])
    assert matrix[0, 0] > 0.95
    assert matrix[0, 1] < 0.05
    assert run.guessing == [0.5] * 3
    due = (matrix[0, 1] - 0.5 + matrix[1, 2] - 0.5) / 2
    assert run.forward_transfer == pytest.approx(due)


def test_rows_are_shown_as_the_domain_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    fit = NoChangeClassifier.fit_many

    def fit_many(self: Any, X: Any, y: Any, **weight: Any) -> Any:
        shown.append(X[:, 0].copy())
        return fit(self, X, y, **weight)

    monkeypatch.setattr(NoChangeClassifier, "fit_many", fit_many)
    by = [lambda X: X, lambda X: X[:, ::-1] + 100.0]
    (run,) = domain_incremental(NoChangeClassifier(), X, Y, by=by, order=[1, 0], seeds=[1])
    assert run.tasks == [1, 0]
    assert [len(part) for part in shown] == [320, 320]
    last = {a: b for a, b in zip(X[:, 2] + 100.0, X[:, 0])}
    assert {last[value] for value in shown[0]} == set(shown[1])
    assert list(shown[0]) != [b + 100.0 for b in shown[1]]


def test_domains_by_a_column_which_models_do_not_see() -> None:
    site = RNG.choice(["b", "a", "c"], 400)
    y = np.where((X[:, 0] > 0) ^ (site == "a"), "up", "down")
    frame = pd.DataFrame(X, columns=list("xyz")).assign(site=site)[["x", "site", "y", "z"]]
    (run,) = domain_incremental(LogisticRegression(), frame, y, by="site", seeds=[1])
    assert run.tasks == list(dict.fromkeys(site))
    order = ["a", "b", "c"]
    (run,) = domain_incremental(GaussianNB(), frame, y, by="site", order=order, seeds=[1])
    codes = {"a": 1.0, "b": 2.5, "c": 3.0}
    numbers = np.column_stack([X, [codes[name] for name in site]])
    (again,) = domain_incremental(GaussianNB(), numbers, y, by=3, order=[1, 2.5, 3], seeds=[1])
    assert again.tasks == [1.0, 2.5, 3.0]
    assert again.accuracy == pytest.approx(run.accuracy, abs=0.15)  # other rows are held out


def test_networks_are_told_where_tasks_end_also_within_chains() -> None:
    torch_there = pytest.importorskip("torch")
    from onlineml.learners import EWC, TorchClassifier

    assert torch_there
    calls = []

    class Told(EWC):
        """Notes when a task ends."""

        def consolidated(self, net: Any, kept: Any, rows: Any, n_classes: Any) -> Any:
            calls.append(len(rows))
            return super().consolidated(net, kept, rows, n_classes)

    model = TorchClassifier(hidden=(4,), batch_size=32, penalty=Told(n_rows=20), seed=1)
    models = {"alone": model, "chained": chain(StandardScaler(), model), "free": GaussianNB()}
    domain_incremental(models, X, Y, by=TURNED, seeds=[1])
    assert calls == [20] * 4  # not after the last
    domain_incremental(models, X, Y, by=TURNED, seeds=[1], boundaries=False)
    class_incremental(models, X, Y, seeds=[1])
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("models", {"models": MeanRegressor()}),
        ("by", {"by": "site"}),
        ("by", {"by": 3}),
        ("by", {"by": []}),
        ("by", {"by": [1, 2]}),
        ("by", {"by": 0, "X": np.where(X > 2.0, np.nan, X)}),
        ("order", {"order": ["again", "as it is"]}),
        ("order", {"order": ["again", "as it is", "as it is"]}),
        ("y", {"by": 0}),
        ("y", {"y": ["p"] * 3}),
        ("test_share", {"test_share": 1.5}),
    ],
)
def test_wrong_arguments_are_named(named: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        domain_incremental(**{"models": GaussianNB(), "X": X, "y": Y, "by": TURNED, **change})
