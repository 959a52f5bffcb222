"""The benchmarks run on few rows and print what they promise; they are not timed here."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import continual, drift, unlearning_experts
from benchmarks.accuracy import beside
from benchmarks.active import cell, summarized
from benchmarks.active_streams import STREAMS, split_of
from benchmarks.anomaly import means, set_beside
from benchmarks.anomaly_peers import Course, Peer, missing
from benchmarks.continual import permuted, rotated
from benchmarks.gpu_checks import differences
from benchmarks.loss_filter import RANDOM, outcomes
from benchmarks.measure import SINGLE_THREADED, MeasurementError, cost, fresh
from benchmarks.moe import critical_difference, mean_ranks
from benchmarks.rl import (
    ACTIONS,
    FEATURES,
    KINDS,
    RULES,
    agent,
    games,
    on_maps,
    returns,
    transitions,
)
from benchmarks.streams import STREAMS as TIMED
from benchmarks.throughput import summary
from benchmarks.unlearning import BESIDE, EXACT, LOGGED
from onlineml import learners, rl
from onlineml.schema import Schema

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_as_mappings() -> None:
    lines = run("benchmarks.mappings", "--rows", 200).splitlines()
    assert [len(line.rsplit(None, 3)) for line in lines[1:]] == [4] * 10


def test_detectors_of_drift() -> None:
    for name in drift.DETECTORS:
        assert drift.measured("onlineml", name, 500, 1, 1)["per_second"] > 0


def test_one_measurement(tmp_path: Path) -> None:
    file = tmp_path / "onlineml-sea-500.npz"
    assert fresh("benchmarks.streams", "sea", 500, file) == {"rows": 500}
    results = [fresh("benchmarks.one", "onlineml", "GaussianNB", m, file, 2) for m in MODES]
    assert {result["accuracy"] for result in results} == {results[0]["accuracy"]}
    for result in results:
        assert result["rows"] == 500
        assert len(result["cpu"]) == len(result["wall"]) == 2
        assert result["peak_mb"] > 10


MODES = ("chunks", "rows", "dicts")


def test_rates_are_of_the_median_run_and_of_the_best_for_moa() -> None:
    result = {"system": "river", "rows": 60, "cpu": [1.0, 3.0, 2.0], "wall": [2.0, 6.0, 4.0]}
    assert summary(result)["rows_per_cpu_s"] == 30
    assert summary(result)["rows_per_wall_s"] == 15
    assert summary(result | {"system": "MOA"})["rows_per_cpu_s"] == 60


def test_digits_task_by_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(128.0).reshape(2, 64)
    np.testing.assert_allclose(rotated(0)(rows), rows)
    np.testing.assert_allclose(rotated(180)(rows), rows[:, ::-1])
    assert sorted(permuted(3)(rows)[0]) == rows[0].tolist()
    small = continual.network(hidden=(8,), batch_size=64, penalty=learners.EWC(n_rows=20))
    monkeypatch.setattr(continual, "models", lambda: {"small": small, "SLDA": learners.SLDA()})
    said = list(continual.lines("permuted", [1, 2], tmp_path))
    assert [line.split()[0] for line in said] == ["Digits,", "small", "SLDA"]
    assert (tmp_path / "permuted.png").exists()


def test_what_forgetting_costs() -> None:
    said = run("benchmarks.unlearning", "--rows", 600)
    assert said.count("\n") == 5 + len(EXACT) + 3 + 2 + len(TIMED) * len(BESIDE) + 8 * len(LOGGED)
    assert "RidgeRegressor, 50 features" in said


def test_what_forgetting_costs_a_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlearning_experts, "_TURNS", 1)
    said = list(unlearning_experts.tables(1200, ["sea_a"]))
    assert len(said) == 4 + 1 + 3 + 1 + 1
    assert sum("those reached" in line for line in said) == 1


def test_what_privacy_costs() -> None:
    said = run("benchmarks.privacy", "--seeds", 1, "--streams", "phishing")
    assert said.count("phishing (1250)") == 6
    assert "epsilon 8" in said


def test_what_attacks_prove_about_privacy() -> None:
    said = run("benchmarks.privacy", "--audit", "--runs", 12).splitlines()
    assert sum("two learners" in line for line in said) == 6
    assert "promised" in said[0]


def test_a_failing_measurement_says_why() -> None:
    with pytest.raises(MeasurementError, match="No module named"):
        fresh("benchmarks.missing")
    with pytest.raises(MeasurementError, match="broken"):
        cost([sys.executable, "-c", "raise SystemExit('broken')"])


def test_measured_processes_have_one_thread() -> None:
    code = "import os; raise SystemExit(os.environ['OMP_NUM_THREADS'] != '1')"
    assert cost([sys.executable, "-c", code]).wall > 0
    assert SINGLE_THREADED["NUMBA_NUM_THREADS"] == "1"
    assert SINGLE_THREADED["POLARS_MAX_THREADS"] == "1"


def test_labels_are_bought_up_to_the_budget_by_everyone() -> None:
    for name in STREAMS:
        split = split_of(name, 3)
        assert len(split.X) == len(split.y)
        assert len(split.unseen) == len(split.unseen_y) >= 400
    cells = [cell("digits", "network", name, 0.02, 3) for name in ("MarginSampling", "VeSSAL")]
    for row in summarized(cells):
        assert row["labels"] == row["due"] == 28
        assert row["test"] > 0.5


def test_what_filters_by_loss_spend() -> None:
    found = dict(outcomes("drift", 101))
    for name, outcome in found.items():
        if not name.startswith(RANDOM):
            assert outcome.test > 0.9
    both = [found[name] for name in found if "foretold" in name and not name.startswith(RANDOM)]
    assert all(two.cost < found["above the mean"].cost < 0.7 for two in both)


@pytest.mark.slow
def test_throughput(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    printed = run(
        "benchmarks.throughput", "--rows", 400, "--repeats", 1, "--streams", "sea",
        "--data", tmp_path, "--json", out, "--no-java",
    )  # fmt: skip
    assert "x river" in printed
    assert "failed" not in printed
    figures = json.loads(out.read_text())
    assert len(figures["throughput"]) == 5 * 4
    assert "HoeffdingTree" in figures["latency_us"]


def test_differences_are_paired_by_seed() -> None:
    gap, error = beside([0.5, 0.7, 0.9], [0.4, 0.6, 0.7])
    assert gap == pytest.approx(0.4 / 3)
    assert error == pytest.approx(0.1 / 3)


@pytest.mark.slow
def test_accuracy_over_seeds(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    asked = ("--rows", 400, "--seeds", 2, "--streams", "sea", "--models", "GaussianNB,Softmax")
    printed = run("benchmarks.accuracy", *asked, "--data", tmp_path, "--json", out, "--no-java")
    assert "ours more" in printed
    figures = json.loads(out.read_text())
    assert len(figures["means"]) == 4
    first, other = figures["by_seed"]["sea GaussianNB river"]
    assert first != other


@pytest.mark.slow
def test_overhead() -> None:
    printed = run("benchmarks.overhead", "--rows", 4_000, "--repeats", 1)
    for words in ("import onlineml", "cold", "peak memory at 4,000 rows", "MLflow"):
        assert words in printed


def test_intervals(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    options = ("--rows", 1_000, "--seeds", 1, "--series", "jumps", "--json", out)
    assert "DtACI" in run("benchmarks.intervals", *options)
    figures = json.loads(out.read_text())["jumps"]
    assert figures["DtACI"]["furthest"] < figures["none"]["furthest"]


@pytest.mark.slow
def test_neural(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    options = ("--rows", 500, "--seeds", 1, "--repeats", 1, "--json", out)
    printed = run("benchmarks.neural", *options)
    assert "64-64-8" in printed
    assert "deep-river is left out" in printed
    found = json.loads(out.read_text())
    for runs in zip(*found.values()):
        right = {system: run["accuracies"][0] for system, run in zip(found, runs)}
        for system, accuracy in right.items():
            close = 0.1 if system.startswith("TorchClassifier") else 0.06
            assert abs(accuracy - right["torch: a pass and a step"]) < close


@pytest.mark.slow
def test_gpu(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    few = (
        "--rows",
        20,
        "--repeats",
        1,
        "--models",
        "1,20",
        "--agents",
        "1,3",
        "--chunk",
        16,
        "--json",
        out,
    )
    said = run("benchmarks.gpu", "--device", "cpu", *few)
    assert "Stacked, 20" in said
    assert "StackedAgents, 3" in said
    assert all(figure["seconds"] > 0 for figure in json.loads(out.read_text()))
    for name, gap in differences("cpu"):  # the checks run, and a device says what itself says
        assert gap == 0.0, name


@pytest.mark.slow
def test_drift_moe() -> None:
    printed = run("benchmarks.drift_moe", "--seeds", 1, "--streams", "sea_a")
    assert "87.48" in printed


def test_mixtures_are_compared_and_cells_are_kept(tmp_path: Path) -> None:
    arguments = ["benchmarks.moe", "--rows", 300, "--seeds", 1, "--streams", "sea_a,rbf_m"]
    arguments += ["--models", "kNN,tree", "--out", tmp_path]
    said = run(*arguments)
    assert "kNN" in said
    log = tmp_path / "cells-300.jsonl"
    cells = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(one["stream"], one["model"]) for one in cells} == {
        (stream, model) for stream in ("sea_a", "rbf_m") for model in ("kNN", "tree")
    }
    assert (tmp_path / "critical_difference.png").stat().st_size > 1000
    before = log.read_text()
    run(*arguments)
    assert log.read_text() == before, "what is done is not done again"


def test_mean_ranks_share_ties() -> None:
    table = {
        "a": {"x": [90.0], "y": [80.0], "z": [80.0]},
        "b": {"x": [70.0], "y": [75.0], "z": [60.0]},
    }
    assert mean_ranks(table) == {"x": 1.5, "y": 1.75, "z": 2.75}
    # Demsar 2006, table 5: q = 2.343 for 3 models
    assert critical_difference(3, 6) == pytest.approx(2.343 * (3 * 4 / 36) ** 0.5, abs=1e-3)


@pytest.mark.slow
def test_ensembles(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    printed = run(
        "benchmarks.ensembles", "--rows", 600, "--river-rows", 100, "--streams", "sea",
        "--models", "ARF-10", "--memory-rows", 500, "--json", out, "--no-java",
    )  # fmt: skip
    assert "ARF-10 after 500 rows" in printed
    figures = {found["system"]: found for found in json.loads(out.read_text())}
    assert set(figures) == {"onlineml", "river", "threads"}
    assert len(figures["onlineml"]["accuracy"]) == 3
    assert figures["threads"]["speed_up"] > 0


@pytest.mark.slow
def test_anomaly(tmp_path: Path) -> None:
    options = ("--streams", "U", "--only", "Standard", "--peers", "river", "--seconds", 0.2)
    file = tmp_path / "all.json"
    printed = run("benchmarks.anomaly", "--rows", 2500, *options, "--json", file)
    assert "  river StandardAbsoluteDeviation" in printed
    own, peer = json.loads(file.read_text())
    assert own["detector"] == peer["ours"] == "StandardAbsoluteDeviation"
    assert own["rows"] == 2500
    assert peer["faster"] == own["rows/s"] / peer["rows/s"]


def test_peers_that_are_slow_stop_early_and_those_that_fail_are_named() -> None:
    def slowly(row: float) -> float:
        return sum(range(20_000)) * row

    def failing(row: float) -> float:
        raise OverflowError(row)

    y = np.arange(3000) % 2
    own = Course(y.astype(float), 1.0)
    slow = Peer("slow", "Own", lambda: slowly, y.tolist())
    row = set_beside(slow, y, 0, 0.05, own)
    assert 16 <= row["rows"] < 3000
    assert row["auc"] == row["our auc"] == 1.0
    assert (
        "OverflowError"
        in set_beside(slow._replace(make=lambda: failing), y, 0, 0.05, own)["raised"]
    )
    assert list(missing(["nothing_like_it"])) == [
        "nothing_like_it is not installed and left out: pip install 'onlineml[peers]'"
    ]


def test_means_over_sets() -> None:
    rows = [
        {"detector": name, "rows": 100, "seconds": s, "rows/s": 100 / s, "auc": auc, "ap": 0.5}
        | own
        for s, auc in ((1.0, 0.5), (3.0, 0.7))
        for name, own in (("A", {}), ("p", {"ours": "A", "faster": 1.0}))
    ]
    own, peer = means(rows)
    assert (own["rows/s"], own["auc"]) == (50.0, pytest.approx(0.6))
    assert peer["faster"] == 1.0


def test_points_on_nab_by_halves(tmp_path: Path) -> None:
    folder, windows = tmp_path / "nab" / "made", {}
    folder.mkdir(parents=True)
    for k in range(2):
        values = np.random.default_rng(k).normal(size=1200)
        values[900] += 30.0
        rows = [f"{t},{value}" for t, value in enumerate(values)]
        with gzip.open(folder / f"{k}.csv.gz", "wt") as file:
            file.write("\n".join(["timestamp,value", *rows]))
        windows[f"made/{k}.csv"] = [["850", "950"]]
    (tmp_path / "nab" / "combined_windows.json").write_text(json.dumps(windows))
    printed = run("benchmarks.nab", "--data", tmp_path)
    assert "NoveltyDetector, resting" in printed
    assert "CAD OSE 76.0" in printed


@pytest.mark.slow
def test_kafka() -> None:
    pytest.importorskip("confluent_kafka")
    words = ("--rows", 2000, "--partitions", 2, "--repeats", 1, "--json")
    figures = json.loads(run("benchmarks.kafka", *words).splitlines()[-1])
    assert {"JSON messages, learned", "rows of Arrow messages, learned"} <= set(figures)


def test_graph(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert "above the nodes" in run("benchmarks.graph", "--rows", 3000, "--json", out)
    assert json.loads(out.read_text()).keys() == {"above", "events"}


def test_keyed() -> None:
    assert "by event" in run("benchmarks.keyed", "--rows", 4000, "--keys", 300, "--megabytes", 1)


@pytest.mark.slow
def test_agents_beside_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "figures.json"
    few = ("--steps", 60, "--repeats", 1, "--arms", 10, "--horizon", 2000, "--runs", 2)
    few = (*few, "--rows", 3000)
    assert "Intentional" in run("benchmarks.rl", *few, "--json", out)
    figures = json.loads(out.read_text())
    assert figures["ours"].keys() == figures["torch"].keys()
    assert len(figures["many"]) == 4
    assert len(figures["regrets"]["king"]) == 2
    assert len(figures["prediction"]["ObGD"]) == 5


def test_bandits_line_by_line() -> None:
    few = ("--arms", 32, "--horizon", 4_000, "--runs", 1, "--steps", 200, "--wheel", 100)
    said = run("benchmarks.rl_bandits", *few)
    assert all(f"{name}: slope over arms" in said for name in ("uniform", "king", "log_star"))
    assert "LinUCB, 10 features" in said
    assert said.count("regret on the wheel") == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_agents_of_torch_do_the_same(kind: str, rule: str) -> None:
    pytest.importorskip("torch")
    from benchmarks.rl_torch import TorchAgent
    from tests.naive.stream_agents import Net

    mine = agent(kind, rule).start(Schema(FEATURES))
    other = TorchAgent(kind, rule, FEATURES, ACTIONS)
    parts = {"critic": other.critic} | ({"actor": other.actor} if kind == "StreamAC" else {})
    shapes = dict(zip(("critic", "actor"), mine._shapes(FEATURES)))
    for part, net in parts.items():
        first = Net(shapes[part], getattr(mine, f"{part}_weights_"), net[0].weight.dtype)
        for theirs, own in zip(net.parameters(), first.parameters()):
            theirs.data.copy_(own.data)
    for transition in transitions(kind, 40):
        mine.fit_one(transition)
        other.step(transition)
    for part, net in parts.items():
        due = Net(shapes[part], getattr(mine, f"{part}_weights_"), net[0].weight.dtype)
        for theirs, own in zip(net.parameters(), due.parameters()):
            np.testing.assert_allclose(theirs.data, own.data, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_torch_does_the_same_on_maps(rule: str) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.rl_torch import TorchAgent
    from tests.naive.stream_agents import Net

    rules = {"ObGD": rl.ObGD(), "Intentional": rl.Intentional(refresh=1)}
    mine = on_maps(rules[rule]).start(Schema(400))
    other = TorchAgent("StreamQ", rule, 400, 3, (10, 10, 4))

    def due() -> list[Any]:
        net = Net(mine._shapes(400)[0], mine.critic_weights_, torch.float32)
        found = [own.data for own in net.parameters()]
        found[2] = found[2].reshape(128, 8, 8, 16).permute(0, 3, 1, 2).reshape(128, -1)
        return found

    for theirs, own in zip(other.critic.parameters(), due()):
        theirs.data.copy_(own)
    for transition in games(60):
        mine.fit_one(transition)
        other.step(transition)
    for theirs, own in zip(other.critic.parameters(), due()):
        np.testing.assert_allclose(theirs.data, own, atol=2e-5)


def test_returns_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "returns.jsonl"
    first = returns(["CartPole"], 1, 500, out)
    assert 8 < first[0]["return"] <= 500
    out.write_text(json.dumps(first[0] | {"return": 1.0}) + "\n")
    assert returns(["CartPole"], 2, 500, out)[0]["return"] == 1.0
    assert len(out.read_text().splitlines()) == 2
