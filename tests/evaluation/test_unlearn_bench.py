"""The battery says what is known of models that forget exactly, badly, or not at all."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from onlineml.base import Array, Classifier
from onlineml.cli import main
from onlineml.evaluation.unlearning import SCHEDULES, measures, unlearn_bench, write_unlearn_report
from onlineml.evaluation.unlearning.page import row
from onlineml.evaluation.unlearning.schedules import requests
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    RidgeRegressor,
    SoftmaxRegression,
)
from onlineml.receipt import Receipt
from onlineml.unlearning import Replayable

CHOSEN = ("adaptive", "duplicates")


def stream(n: int = 600) -> tuple[Array, Any]:
    X = np.random.default_rng(0).normal(size=(n, 4))
    return X, np.array(list("abcd"))[X.argmax(1)]


class Pretends(Classifier):
    """Says that it forgets, and does nothing."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def _start(self, schema: Any) -> None:
        self.model_ = GaussianNB() if self.model is None else self.model.clone()
        self.model_._begin(schema)

    def _admit_targets(self, news: Any) -> None:
        super()._admit_targets(news)
        self.model_._admit_targets(list(news))

    def _n_outputs(self) -> int:
        return self.model_._n_outputs()

    def _run(self, *rows: Any) -> None:
        self.model_._run(*rows)

    def _unlearn(self, *row: Any) -> Receipt:
        return Receipt("exact", 0.0, 0.0, 1, "")


def test_what_forgets_is_told_from_what_does_not() -> None:
    X, y = stream()
    models = {
        "sums": GaussianNB(),
        "log": Replayable(HoeffdingTreeClassifier(grace_period=20), every=64),
        "pretends": Pretends(),
        "refuses": SoftmaxRegression(),
    }
    done: list[tuple[int, int]] = []
    result = unlearn_bench(
        models, X, y, schedules=["one_class", "newest"], n_requests=60, stream="s",
        on_progress=lambda *step: done.append(step),
    )  # fmt: skip
    assert done[-1] == (8, 8)
    runs = {(run.model, run.schedule): run for run in result}
    for plan in ("one_class", "newest"):
        exact, log = runs["sums", plan], runs["log", plan]
        assert exact.kinds == {"exact": 60}
        assert exact.gap < 1e-9
        assert log.kinds == {"replayed": 60}
        assert log.identical
        assert log.distance == log.gap == 0.0
        assert log.membership == log.membership_gold
        assert log.relearn == log.relearn_gold
        assert log.twice_refused
        assert log.unknown_refused
        pretends = runs["pretends", plan]
        assert pretends.distance == pretends.untouched > 100 * exact.distance
        assert pretends.relearn == 0
        assert not pretends.twice_refused
        assert runs["refuses", plan].kinds == {"refused": 60}
        assert np.isnan(runs["refuses", plan].latency(50))
    fooled = runs["pretends", "one_class"]
    assert fooled.quality["forgotten"] > fooled.quality_gold["forgotten"]
    assert fooled.distance_forgotten > 2 * fooled.distance
    frame = result.to_pandas()
    assert len(frame) == 8
    assert json.loads(result.to_json())["runs"][0]["kinds"] == {"exact": 60}


def test_numbers() -> None:
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = X @ [1.0, 2.0, 3.0] + 1.0
    run = unlearn_bench(RidgeRegressor(), X, y, schedules=["one_class"], n_requests=30).runs[0]
    assert run.gap < 1e-9 < run.untouched
    assert run.floor_by == "order"
    assert run.ratio < 1e3  # both are rounding
    assert run.quality["test"] == pytest.approx(run.quality_gold["test"])


@pytest.mark.parametrize("name", [plan for plan in SCHEDULES if plan not in CHOSEN])
def test_requests_come_after_their_rows_and_once(name: str) -> None:
    X, y = stream(200)
    made = requests(name, X, y, 40, 1)
    assert 30 <= len(made) <= 40
    assert len({row for _, row in made}) == len(made)
    assert all(0 <= row < at <= 200 for at, row in made)
    assert [at for at, _ in made] == sorted(at for at, _ in made)
    assert made == requests(name, X, y, 40, 1)


def test_measures() -> None:
    p = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert measures.distance(p, p) == 0.0
    due = 0.5 * (0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75))
    q = np.array([[0.25, 0.75], [0.9, 0.1]])
    assert measures.distance(p, q) == pytest.approx(due)
    assert measures.agreement(p, q) == 0.5
    assert measures.distance(p[:, :1], q[:, :1]) == pytest.approx(0.25 / np.sqrt(2))
    assert measures.membership(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert measures.membership(np.array([0.0, 2.0]), np.array([2.0, 0.0])) == 0.5
    assert measures.membership(np.array([5.0]), np.array([2.0, 3.0])) == 0.0


def test_who_asks_by_what_the_model_answers_finds_nothing_out() -> None:
    X, y = stream(300)
    models = {"sums": GaussianNB(), "pretends": Pretends()}
    result = unlearn_bench(models, X, y, schedules=["adaptive"], n_requests=30, n_shadows=4)
    exact, pretends = result.runs
    assert exact.kinds == {"exact": 30}
    assert exact.gap < 1e-9
    assert pretends.distance == pretends.untouched > 100 * exact.distance


def test_of_two_copies_one_stays() -> None:
    X, y = stream(200)
    models = {"sums": GaussianNB(), "log": Replayable(GaussianNB(), every=64)}
    result = unlearn_bench(models, X, y, schedules=["duplicates"], n_requests=25, n_shadows=0)
    for run in result:
        assert (run.n_rows, run.n_requests) == (175, 25)
        assert run.gap < 1e-9 < run.untouched
        assert np.isnan(run.attack)
    assert result.runs[1].identical


def test_shadow_models_find_rows_that_were_kept() -> None:
    """Neighbors know their rows by heart: who forgets none of them is found out, gold is not."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 4)), rng.integers(0, 3, 400)
    models = {
        "keeps": Pretends(KNNClassifier(n_neighbors=3, window_size=400)),
        "forgets": KNNClassifier(n_neighbors=3, window_size=400),
    }
    result = unlearn_bench(models, X, y, schedules=["burst"], n_requests=60, n_shadows=6)
    keeps, forgets = result.runs
    assert keeps.attack > 0.8
    assert abs(keeps.attack_gold - 0.5) < 0.15
    assert forgets.attack == forgets.attack_gold
    with pytest.raises(ValueError, match="n_shadows"):
        unlearn_bench(GaussianNB(), X, y, n_shadows=1)


def test_bad_arguments() -> None:
    X, y = stream(50)
    with pytest.raises(ValueError, match="schedule"):
        unlearn_bench(GaussianNB(), X, y, schedules=["never"])
    with pytest.raises(ValueError, match="y"):
        unlearn_bench(GaussianNB(), X, y[:-1])
    with pytest.raises(ValueError, match="models"):
        unlearn_bench({"x": 3}, X, y)  # type: ignore[dict-item]


def test_the_page_says_it(tmp_path: Path) -> None:
    X, y = stream(200)
    result = unlearn_bench(
        {"sums": GaussianNB(), "refuses": SoftmaxRegression()}, X, y, n_requests=20, stream="mine"
    )
    page = write_unlearn_report(result, tmp_path / "page.html").read_text()
    for words in (
        "Forgetting rows of mine",
        "as if never seen",
        "nothing was forgotten",
        "20 exact",
    ):
        assert words in page
    assert page.count("<svg") == 3
    for name in ("receipts", "of a second gold", "shadow attack", "break-even"):
        assert re.search(f"<dt>{name}</dt><dd>[^<]{{20,}}</dd>", page), name
    assert "<td>inf</td>" not in page


def test_what_forgets_nothing_is_not_marked_though_golds_are_further_apart() -> None:
    run = unlearn_bench(SoftmaxRegression(), *stream(200), n_requests=20, schedules=["uniform"])
    (refused,) = [replace(one, floor=10.0) for one in run]
    assert refused.ratio < 2.0
    assert not row(refused)["good"]
    assert (row(refused)["verdict"], row(refused)["break_even"]) == ("nothing was forgotten", "-")


def test_the_command(tmp_path: Path) -> None:
    words = ["unlearn-bench", "-m", "GaussianNB", "-m", "SoftmaxRegression", "-s", "sea_a"]
    words += ["-n", "400", "-r", "10", "--schedule", "burst", "-o", str(tmp_path)]
    words += ["--shadows", "2"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "10 exact" in done.stdout
    assert "10 replayed" in done.stdout
    assert (tmp_path / "unlearning.html").exists()
    assert json.loads((tmp_path / "unlearning.json").read_text())["stream"] == "sea_a"
    for wrong, said in (
        ("--schedule=soon", "soon"),
        ("-mMinMaxScaler", "neither"),
        ("--shadows=1", "one model"),
    ):
        done = CliRunner().invoke(main, [*words, wrong])
        assert done.exit_code == 2
        assert said in done.stderr
