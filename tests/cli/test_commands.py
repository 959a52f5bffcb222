"""Every command: what it prints and writes, its exit code, and one line for every mistake."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from onlineml import load, prequential
from onlineml.cli import main
from onlineml.cli.compare import table
from onlineml.cli.compiling import compiled, in_line, next_of, source
from onlineml.cli.live import most_that_fit, print_summary
from onlineml.cli.specs import build_model, parse
from onlineml.cli.warmup import _ENTRY, _kernels_of
from onlineml.datasets import load as load_stream
from onlineml.evaluation import Result as Evaluated
from onlineml.evaluation import compare as evaluate
from onlineml.kernels import entries
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier
from onlineml.persistence import save
from onlineml.registry import estimators

RUN = ["run", "--model", "GaussianNB", "--stream", "phishing"]


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -------------------------------------------------------------------- help


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom onlineml.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    help_text, _, loaded = done.stdout.partition("LOADED")
    assert "Evaluate models on one stream" in help_text
    heavy = {"numpy", "numba", "pandas", "torch", "mlflow", "matplotlib", "rich", "pydantic"}
    assert "click" in loaded.split()
    assert not heavy & set(loaded.split())


@pytest.mark.parametrize(
    "name",
    ["run", "compare", "report", "unlearn-bench", "consume", "serve", "list", "inspect", "warmup"],
)
def test_every_command_has_help(name):
    done = call(name, "--help")
    assert done.exit_code == 0
    assert "--debug" in done.stdout


def test_models_in_the_examples_of_help_can_be_built():
    built = []
    for name in ("run", "compare", "consume"):
        for line in call(name, "--help").stdout.splitlines():
            words = shlex.split(line) if line.strip().startswith("onlineml ") else []
            models = [after for word, after in pairwise(words) if word in ("-m", "--model")]
            built += [build_model(parse(model)) for model in models]
        for key, value in re.findall(r"params\.(\w+)=(\S+)", call(name, "--help").stdout):
            built.append(build_model(parse(f"KNNClassifier({key}={value})")))
    assert len(built) > 4


def test_without_a_command_the_help_is_shown():
    done = call()
    assert done.exit_code == 2
    assert "Commands:" in done.output


def test_options_of_files_and_words_without_quotes():
    rows = [f"{i % 7},{'no' if i % 2 else 'yes'}" for i in range(60)]
    Path("a.csv").write_text("\n".join(["a,label", *rows[:30], "oops,yes", *rows[30:], "1,2,3"]))
    run = ["run", "-m", "GaussianNB", "-t", "label", "-o", "out", "-s"]
    done = call(*run, "a.csv(on_error=skip)")
    assert done.exit_code == 0, done.stderr
    assert "60 rows" in done.stdout
    assert "2 broken ones" in done.stdout
    Path("a (1).csv").write_text(Path("a.csv").read_text())
    for k, name in enumerate(("a (1).csv(on_error=skip)", "a (1).csv( on_error = 'skip' )")):
        run[-2] = f"copy{k}"
        assert call(*run, name).exit_code == 0
    run[-2] = "b"
    refused(call(*run, "a (1).csv"), "row 31", "oops")
    refused(call(*run, "a.csv"), "row 31", "oops")
    refused(call(*run, "a.csv(onerror=skip)"), "nearest: on_error")
    refused(call(*run, "a.csv(on_error=skip"), "cannot read 'a.csv(on_error=skip'")
    named = ["run", "-o", "b", "-s", "sea_a(seed=one)", "-m"]
    refused(call(*named, "GaussianNB"), "seed: got 'one'")
    named[4] = "sea_a(n_rows=50)"
    refused(call(*named, "KNNClassifier(weights=distant)"), "between quotes: 'distant'")


# -------------------------------------------------------------------- list, inspect, warmup


def test_list_shows_models_streams_and_metrics():
    assert "GaussianNB  " in call("list", "models").stdout
    streams = call("list", "streams").stdout
    assert "phishing" in streams
    assert "sea_a" in streams
    assert "kappa_m" in call("list", "metrics").stdout
    everything = call("list").stdout
    assert all(name in everything for name in ("GaussianNB", "phishing", "kappa_m"))


def test_inspect_shows_a_header_without_building_the_model():
    model = GaussianNB(var_floor=0.5)
    model.fit_one({"temp": 1.0, "sky": "gray"}, "in").fit_one({"temp": 2.0, "sky": "blue"}, "out")
    save(model, "m.oml", extra={"rows": 2})
    shown = call("inspect", "m.oml").stdout
    for words in ("digest ok", "GaussianNB", "var_floor", "0.5", "sky: gray, blue", "in, out"):
        assert words in shown
    assert json.loads(call("inspect", "m.oml", "--json").stdout)["class"] == "GaussianNB"


def test_inspect_shows_a_chain():
    done = call("run", "--model", "StandardScaler | GaussianNB", "--stream", "phishing", "-o", "a")
    assert done.exit_code == 0, done.stderr
    shown = call("inspect", "a/models/StandardScaler-GaussianNB.oml").stdout
    assert "ChainClassifier" in shown
    assert "(StandardScaler(" in shown


def test_inspect_of_a_damaged_file_is_one_line():
    save(GaussianNB().fit_one([1.0], 0), "m.oml")
    content = bytearray(Path("m.oml").read_bytes())
    content[-40] ^= 1
    Path("m.oml").write_bytes(content)
    refused(call("inspect", "m.oml"), "digest does not match")


def test_warmup_names_what_it_compiles(monkeypatch: pytest.MonkeyPatch):
    nb = [kernel for kernel in entries() if kernel.name == "gaussian_nb"]
    monkeypatch.setattr("onlineml.kernels.entries", lambda: nb)  # all of them take long
    _ = nb[0].call
    assert "1 kernel, 0 of them compiled now" in call("warmup").stdout
    monkeypatch.setattr(type(nb[0]), "is_kept", lambda _: False)
    done = call("warmup")
    assert done.exit_code == 0, done.output
    assert "gaussian_nb" in done.stdout
    assert "1 kernel, 1 of them compiled now" in done.stdout


def test_warmup_knows_the_files_of_all_kernels():
    assert estimators()  # imports the files of all of them
    files = {Path(kernel.function.__code__.co_filename) for kernel in entries()}
    ours = {file for file in files if "onlineml" in file.parts and "tests" not in file.parts}
    assert len(ours) > 50
    assert [file for file in ours if _ENTRY not in file.read_bytes()] == []


def test_warmup_compiles_in_several_processes():
    cold = _kernels_of(["MajorityClassifier", "MeanRegressor", "NoChangeClassifier"])
    assert sorted(name for name, _ in compiled(cold, jobs=2)) == sorted(cold)


def test_warmup_puts_kernels_together_that_share_functions():
    names = ["HoeffdingTreeClassifier", "KNNClassifier", "KNNRegressor", "HoeffdingTreeRegressor"]
    line = in_line({name: source(kernel) for name, kernel in _kernels_of(names).items()})
    order = list(line)
    assert abs(order.index("knn_classifier") - order.index("knn_regressor")) == 1
    assert {order[0].rpartition("_")[0], order[1].rpartition("_")[0]} in (
        {"knn"},
        {"hoeffding_tree"},
    )
    assert line[order[1]] < line[order[0]]  # what both call is counted once


def test_warmup_shares_out_what_is_left():
    line = dict.fromkeys("abcdefgh", 1)
    stretches: list[list[str]] = [list(line), [], []]
    assert [next_of(stretches, k, line) for k in range(3)] == ["a", "e", "c"]
    assert stretches == [["b"], ["f", "g", "h"], ["d"]]
    assert [next_of(stretches, 0, line) for _ in range(6)] == ["b", "g", "h", "f", "d", None]


@pytest.mark.parametrize(
    ("names", "kernels"),
    [
        (["GaussianNB"], {"gaussian_nb"}),
        (["MajorityClassifier", "NoChangeClassifier"], {"majority", "no_change"}),
        (["AdwinBagging"], {"hoeffding_tree_classifier"}),  # of the trees that it holds
        (["StreamQ"], {"stream_agent"}),  # cannot be made without arguments
        (["FeatureHasher"], set()),  # has none
    ],
)
def test_warmup_of_estimators(names: list[str], kernels: set[str]):
    assert set(_kernels_of(names)) == kernels


def test_warmup_of_rooms():
    found = {kernel.function.__module__ for kernel in _kernels_of(["transforms"]).values()}
    assert len(found) > 5
    assert all(module.startswith("onlineml.transforms.") for module in found)


def test_warmup_compiles_what_is_named():
    assert "1 kernel, " in call("warmup", "MajorityClassifier", "--jobs", "1").stdout


@pytest.mark.parametrize(
    ("name", "due"),
    [("GausianNB", "did you mean GaussianNB"), ("learner", "did you mean learners")],
)
def test_warmup_of_a_wrong_name(name: str, due: str):
    refused(call("warmup", name), due)


# -------------------------------------------------------------------- run, report


def test_run_prints_a_summary_and_writes_everything():
    done = call(*RUN, "--metric", "accuracy,kappa", "--window", "100", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert "GaussianNB" in done.stdout
    assert "1,250 rows" in done.stdout
    folder = Path("a")
    result = Evaluated.from_json(folder / "result.json")
    assert result.metrics == ["accuracy", "kappa"]
    assert [run.model for run in result if not run.baseline] == ["GaussianNB"]
    assert "GaussianNB" in (folder / "report.html").read_text()
    assert (folder / "curves.parquet").stat().st_size > 0
    model = load(folder / "models" / "GaussianNB.oml")
    assert isinstance(model, GaussianNB)
    assert model.schema_.n_features == 9


def test_models_of_other_libraries_are_evaluated_but_not_saved():
    name = "RiverClassifier(model='naive_bayes.GaussianNB')"
    done = call("run", "-m", name, "-s", "phishing", "-n", "300", "-o", "out")
    assert done.exit_code == 0
    assert "is not saved" in done.stderr
    assert Path("out/report.html").exists()
    assert not any("River" in file.name for file in Path("out/models").iterdir())


def test_a_rate_of_alerts_reaches_the_report():
    done = call("run", "-m", "DeviationFromMean", "-s", "shuttle", "-n", "600", "-o", "out",
                "--set", "alert_rate=0.05")  # fmt: skip
    assert done.exit_code == 0
    assert "exceeded by 5 % of the scores before" in Path("out/report.html").read_text()


def test_the_written_configuration_gives_the_same_figures():
    call(*RUN, "--label-delay", "5", "--rows", "700", "--out", "a")
    done = call("run", "a/config.yaml", "--out", "b")
    assert done.exit_code == 0, done.stderr
    first, second = (Evaluated.from_json(Path(name) / "result.json") for name in "ab")
    assert first.label_delay == "5 rows"
    assert [run.totals for run in first] == [run.totals for run in second]


def test_labels_are_bought_by_strategies_within_budgets():
    words = ("--strategy", "MarginSampling", "--strategy", "VeSSAL(prior=2.0)")
    done = call(*RUN, *words, "--budget", "0.05,100", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert "labels" in done.stdout
    result = Evaluated.from_json("a/result.json")
    bought = {run.model: run.n_labels for run in result if run.strategy}
    assert bought["GaussianNB with VeSSAL(prior=2.0) at 100 labels"] == 100
    assert abs(bought["GaussianNB with MarginSampling at 5%"] - 62) <= 2
    done = call("run", "a/config.yaml", "--out", "b")
    again = Evaluated.from_json("b/result.json")
    assert [run.totals for run in again] == [run.totals for run in result]


def test_run_reads_a_file_of_the_user():
    Path("mine.csv").write_text(
        "a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(60))
    )
    done = call("run", "-m", "GaussianNB", "-s", "mine.csv", "-t", "y", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert "60 rows" in done.stdout


def test_labels_that_only_detectors_see_are_anomalies():
    Path("mine.csv").write_text(
        "a,y\n" + "".join(f"{i % 7},{int(i % 9 == 5)}\n" for i in range(90))
    )
    done = call("run", "-m", "DeviationFromMean", "-s", "mine.csv", "-t", "y", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert Evaluated.from_json(Path("a/result.json")).task == "anomaly"
    assert "<dd>anomaly<" in Path("a/report.html").read_text()


def test_recipes_with_drifts_scale_to_the_rows():
    done = call("run", "-m", "GaussianNB", "-s", "sea_a", "-n", "2000", "-w", "100", "-o", "a")
    assert done.exit_code == 0, done.stderr
    result = Evaluated.from_json(Path("a/result.json"))
    assert (result.n_rows, result.drifts) == (2000, [500, 1000, 1500])


def test_report_is_built_inside_of_the_folder(monkeypatch: pytest.MonkeyPatch):
    assert call(*RUN, "-n", "100", "--out", "a").exit_code == 0
    monkeypatch.chdir("a")
    Path("report.html").unlink()
    assert call("report", "result.json").stdout == "report.html\n"
    Path("bad.json").write_text("{")
    refused(call("report", "bad.json"), "bad.json")


def test_report_is_built_again_from_one_or_several_results():
    call(*RUN, "--rows", "300", "--out", "a")
    call(*RUN, "--rows", "400", "--out", "b")
    Path("a/report.html").unlink()
    assert call("report", "a").exit_code == 0
    assert "300" in Path("a/report.html").read_text()
    done = call("report", "a", "b/result.json", "--out", "c/both.html", "--title", "Both & more")
    assert done.exit_code == 0, done.stderr
    both = Path("c/both.html").read_text()
    assert "Both &amp; more" in both
    assert both.count('class="facts"') == 2


# -------------------------------------------------------------------- compare


def test_compare_ranks_models_over_streams():
    words = ["compare", "-m", "GaussianNB", "-m", "NoChangeClassifier", "-s", "phishing"]
    done = call(*words, "-s", "sea_a", "-n", "800", "-j", "1", "-w", "100", "--out", "a")
    assert done.exit_code == 0, done.stderr
    header = done.stdout.splitlines()[0].split()
    assert header == ["Accuracy", "phishing", "sea_a", "mean", "rank"]
    assert done.stdout.splitlines()[1].split()[0] == "GaussianNB"
    folders = sorted(path.parent.name for path in Path("a").glob("*/result.json"))
    assert folders == ["01-phishing", "02-sea_a"]
    assert "mean rank" in Path("a/report.html").read_text()
    assert call("report", "a", "-o", "again.html").exit_code == 0
    assert "mean rank" in Path("again.html").read_text()


@pytest.mark.slow
def test_compare_gives_the_same_numbers_in_processes():
    words = ["compare", "-m", "GaussianNB", "-s", "phishing", "-s", "bananas", "-n", "500"]
    for name, processes in (("a", "1"), ("b", "2")):
        assert call(*words, "-j", processes, "--out", name).exit_code == 0
    for folder in ("01-phishing", "02-bananas"):
        first, second = (Evaluated.from_json(Path(name, folder, "result.json")) for name in "ab")
        totals = [sorted((run.model, *run.totals.values()) for run in r) for r in (first, second)]
        assert totals[0] == totals[1]


def test_compare_refuses_before_it_runs():
    refused(call("compare", "-m", "GausianNB", "-s", "phishing"), "did you mean GaussianNB")
    refused(call("compare", "-m", "GaussianNB"), "--stream")
    assert not Path("runs").exists()


# -------------------------------------------------------------------- tracking


def test_track_logs_to_a_store_in_the_working_folder(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = call(*RUN, "--rows", "300", "--track", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert "mlflow ui --backend-store-uri sqlite:///" in done.stdout
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{Path('mlflow.db').absolute()}")
    experiment = client.get_experiment_by_name("phishing")
    assert experiment is not None
    runs = {run.data.tags["model"]: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs["GaussianNB"].data.params["config_hash"]) == 16
    assert runs["GaussianNB"].data.metrics["accuracy"] > 0.5


def test_a_run_survives_a_store_that_fails(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mlflow")
    Path("no").write_text("a file where a folder should be")
    done = call(*RUN, "--track", "--tracking-uri", "sqlite:///no/mlflow.db", "--out", "a")
    assert done.exit_code == 0
    assert done.stderr.count("MLflow tracking failed") == 1
    assert Path("a/report.html").exists()


# -------------------------------------------------------------------- mistakes


def refused(done: Result, *words: str) -> None:
    """One line on stderr, no traceback, exit code 2."""
    assert done.exit_code == 2, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runn"], "did you mean run?"),
        (["list", "modles"], "did you mean models?"),
        (["run", "-m", "GausianNB", "-s", "phishing"], "did you mean GaussianNB"),
        (["run", "-m", "GaussianNB(varfloor=1)", "-s", "phishing"], "did you mean var_floor?"),
        (["run", "-m", "GaussianNB(var_floor=-1)", "-s", "phishing"], "var_floor: got -1"),
        (["run", "-m", "GaussianNB(3)", "-s", "phishing"], "key=value"),
        (["run", "-m", "GaussianNB", "-s", "fishing"], "did you mean phishing?"),
        (["run", "-m", "GaussianNB", "-s", "sea_a(sed=1)", "-n", "9"], "did you mean seed?"),
        (["run", "-m", "GaussianNB", "-s", "sea"], "--rows"),
        (["run", "-m", "GaussianNB", "-s", "none.csv", "-t", "y"], "none.csv"),
        (["run", "-m", "GaussianNB", "-s", "none.csv"], "--target"),
        (["run", "-m", "GaussianNB", "-s", "phishing", "-t", "y"], "--target"),
        (["run", "-m", "MeanRegressor", "-s", "phishing"], "Classifier"),
        ([*RUN, "--metric", "acuracy"], "did you mean accuracy"),
        ([*RUN, "--metric", "mae"], "metrics"),
        ([*RUN, "--window", "0"], "window"),
        ([*RUN, "--windw", "3"], "--window"),
        ([*RUN, "--seed", "a"], "whole numbers"),
        ([*RUN, "--label-delay", "soon"], "rows (100)"),
        ([*RUN, "--label-delay", "5.0"], "time"),
        ([*RUN, "--budget", "0.1"], "strategy"),
        ([*RUN, "--strategy", "MarginSampling", "--budget", "much"], "shares"),
        ([*RUN, "--strategy", "MarginSampling", "--budget", "-1"], "budget"),
        ([*RUN, "--strategy", "MarginSampling(bugdet=1)"], "did you mean budget?"),
        ([*RUN, "--strategy", "GaussianNB"], "no query strategy"),
        ([*RUN, "--strategy", "MarginSampler"], "unknown query strategy 'MarginSampler': did you"),
        ([*RUN, "--seed", "99999999999999999999"], "seeds.0: got 99999999999999999999"),
        ([*RUN, "--window", "99999999999999999999"], "window: got 99999999999999999999"),
        (["run", "-m", "KNNClassifier(window_size=99999999999999)", "-s", "phishing"], "allocate"),
        ([*RUN, "--set", "windw=3"], "did you mean window?"),
        (["run", "none.yaml"], "none.yaml"),
        (["report", "."], "result.json"),
        (["inspect", "none.oml"], "none.oml"),
        (["run", "-m", "Forecaster", "-s", "sp500"], "write Forecaster(base=...)"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, message):
    refused(call(*words), message)
    assert not list(Path("runs").glob("*/report.html"))


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"", b"a,b\n1,2\n"])
@pytest.mark.parametrize("name", ["a.yaml", "a.csv"])
def test_a_configuration_that_is_none_is_named(name, content):
    Path(name).write_bytes(content)
    refused(call("run", name), name)


def test_bytes_of_files_do_not_reach_the_terminal():
    Path("a.arff").write_bytes(b"\x1b[31m\x07\n")
    done = call("run", "-m", "GaussianNB", "-s", "a.arff", "-t", "y")
    refused(done, r"\x1b[31m")
    assert "\x1b" not in done.stderr


def test_a_full_disk_is_told_by_the_folder(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Evaluated, "to_json", full)
    refused(call(*RUN, "--out", "a"), "a: No space left on device")


def test_a_seed_of_any_length_is_run_and_written():
    seed = 10**20
    model = f"HoeffdingTreeClassifier(seed={seed})"
    assert call("run", "-m", model, "-s", "phishing", "-n", "100", "-o", "a").exit_code == 0
    assert str(seed) in Path("a/result.json").read_text()


def test_a_folder_that_exists_is_kept_unless_forced():
    assert call(*RUN, "--out", "a").exit_code == 0
    refused(call(*RUN, "--out", "a"), "--force")
    assert call(*RUN, "--out", "a", "--force").exit_code == 0


def test_a_broken_line_of_a_file_is_named():
    lines = ["a,y", *(f"{i},{i % 2}" for i in range(50)), "oops,1", "3,1"]
    Path("mine.csv").write_text("\n".join(lines) + "\n")
    refused(call("run", "-m", "GaussianNB", "-s", "mine.csv", "-t", "y"), "oops")


def test_debug_shows_the_traceback():
    done = call("run", "-m", "GausianNB", "-s", "phishing", "--debug")
    assert done.exception is not None
    assert not isinstance(done.exception, SystemExit)


# -------------------------------------------------------------------- Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_leaves_a_report_of_what_was_done():
    words = ["run", "-m", "KNNClassifier(window_size=5000)", "-s", "rbf_f", "-o", "a"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from onlineml.cli import main; main()", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        while "accuracy" not in process.stderr.readline():  # the first line of progress
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted after" in err
    assert "Traceback" not in err
    assert "KNNClassifier" in out
    result = Evaluated.from_json(Path("a/result.json"))
    assert result.interrupted
    assert 0 < result.n_rows < 1_000_000
    assert "Interrupted after" in Path("a/report.html").read_text()
    assert load("a/models/KNNClassifier-window_size-5000.oml").is_started


def test_a_run_loads_only_what_it_uses(tmp_path: Path):
    table = pa.table({"a": [0.0, 1.0] * 50, "y": [0, 1] * 50})
    pq.write_table(table, tmp_path / "rows.parquet")
    heavy = "pyarrow.compute", "onlineml.graph.wired", "onlineml.learners.torch_learner", "pandas"
    code = (
        "import sys; from onlineml.cli import main\n"
        "try: main(['run', '-m', 'NoChangeClassifier', '-s', './rows.parquet', '-t', 'y',"
        " '--out', 'out'])\n"
        f"finally: print('loaded', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "loaded []" in done.stdout


def test_broken_rows_are_counted_and_a_failed_run_leaves_no_folder():
    Path("rows.csv").write_text("a,y\n1,0\ninf,1\n3\n2,1\n")
    words = "run", "-m", "GaussianNB", "-s", "./rows.csv", "-t", "y", "--out", "out"
    refused(call(*words), "row 2")
    assert not Path("out").exists()
    done = call(*words, "--set", "stream.params.on_error=skip")
    assert "2 rows in" in done.stdout
    assert "2 broken ones left out" in done.stdout
    assert Evaluated.from_json(Path("out/result.json")).n_broken == 2
    assert "2 broken rows" in Path("out/report.html").read_text()


# -------------------------------------------------------------------- narrow terminals


def test_a_summary_has_the_metrics_that_there_is_room_for():
    result = prequential(HoeffdingTreeClassifier(), load_stream("phishing"))
    said = {}
    for width in (60, 80, 200):
        console = Console(width=width, file=io.StringIO())
        print_summary(result, console)
        said[width] = console.file.getvalue()
        lines = said[width].splitlines()
        assert max(map(len, lines)) <= width
        assert "…" not in said[width]
        assert "Accuracy" in lines[0]
        assert f"{result.runs[0].totals['accuracy']:.4f}" in said[width]
    assert "Balanced accuracy" in said[200]
    assert "more metrics in the report" not in said[200]
    assert "(4 more metrics in the report)" in said[60]
    assert " B\n" in said[80], "numbers are whole"


def test_a_comparison_has_several_tables_where_streams_are_many():
    streams = {f"stream number {k}": load_stream("bananas").take(200) for k in range(7)}
    found = evaluate(GaussianNB(), streams)
    whole, narrow = Console(width=200), Console(width=70)
    assert most_that_fit(lambda n: table(found, list(streams)[:n]), 7, whole)[0] == 7
    shown, part = most_that_fit(lambda n: table(found, list(streams)[:n]), 7, narrow)
    assert 1 < shown < 7
    assert [column.header for column in part.columns][-1] == "mean rank"
