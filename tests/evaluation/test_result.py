"""Tables, files and figures of results."""

import json
import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.colors import to_hex

from onlineml.evaluation import Result, prequential
from onlineml.evaluation.result import Run
from onlineml.learners import GaussianNB
from tests.evaluation.streams import blobs


@pytest.fixture(scope="module")
def result():
    models = {"nb": GaussianNB(), "floored": GaussianNB(var_floor=0.5)}
    metrics = ["kappa", "log_loss", "roc_auc"]
    return prequential(models, blobs(1000, drifts=(500,)), window=100, metrics=metrics)


def made(**totals):
    """A result of two models with given totals, the second with two seeds."""
    runs = [
        Run(model, seed, model, n_rows=[10], window={"mae": [v]}, cumulative={"mae": [v]})
        for model, seed, v in (
            ("a", None, totals["a"]),
            ("b", 1, totals["b1"]),
            ("b", 2, totals["b2"]),
        )
    ]
    return Result("s", "regression", ["mae"], 10, runs, n_rows=10)


def test_summary_means_over_seeds_best_first():
    rows = made(a=2.0, b1=1.0, b2=4.0).summary()
    assert [(row["model"], row["mae"], row["n_seeds"]) for row in rows] == [
        ("a", 2.0, 1),
        ("b", 2.5, 2),
    ]
    assert rows[1]["mae_sd"] == pytest.approx(np.std([1.0, 4.0], ddof=1))
    assert np.isnan(rows[0]["mae_sd"])
    assert [row["model"] for row in made(a=2.0, b1=1.0, b2=1.0).summary()] == ["b", "a"]
    assert made(a=np.nan, b1=9.0, b2=9.0).summary()[0]["model"] == "b"


def test_a_metric_that_rises_orders_downwards(result):
    kappas = [row["kappa"] for row in result.summary()]
    assert kappas == sorted(kappas, reverse=True)


def test_the_frame_holds_every_window(result):
    frame = result.to_pandas()
    assert list(frame.columns[:4]) == ["model", "seed", "baseline", "n_rows"]
    assert len(frame) == 4 * 10
    ours = frame[frame.model == "nb"]
    assert ours.n_rows.tolist() == list(range(100, 1001, 100))
    assert ours.kappa.tolist() == result.run("nb").window["kappa"]
    assert ours.kappa_cumulative.tolist() == result.run("nb").cumulative["kappa"]


def test_parquet_holds_table_and_head(result, tmp_path):
    result.to_parquet(tmp_path / "curves.parquet")
    table = pq.read_table(tmp_path / "curves.parquet")
    assert table.column("kappa").to_pylist() == result.columns()["kappa"]
    assert table.column("seed").to_pylist() == [None] * 40
    head = json.loads(table.schema.metadata[b"onlineml"])
    assert head["drifts"] == [500]
    assert head["runs"][0]["estimator"] == "GaussianNB()"


def test_json_gives_the_same_result_back(result, tmp_path):
    result.to_json(tmp_path / "result.json")
    for source in (tmp_path / "result.json", str(tmp_path / "result.json"), result.to_json()):
        back = Result.from_json(source)
        np.testing.assert_equal(back.to_plain(), result.to_plain())
        assert repr(back) == repr(result)
    one_class = prequential(GaussianNB(), blobs(5), metrics="roc_auc", max_rows=1)
    assert np.isnan(Result.from_json(one_class.to_json()).run("GaussianNB").totals["roc_auc"])


@pytest.mark.parametrize("text", ["{}", '{"format": 1}', '{"format": 2, "runs": []}', "{no json"])
def test_other_files_are_refused(text, tmp_path):
    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match="got"):
        Result.from_json(tmp_path / "file")


def test_repr_is_a_table(result):
    lines = repr(result).splitlines()
    assert lines[0] == "rows: 1000 rows, window 100"
    assert re.split(r"  +", lines[1]) == [
        "model",
        "Kappa",
        "Log loss",
        "ROC-AUC",
        "rows/s",
        "bytes",
    ]
    assert {line.split("  ")[0] for line in lines[2:6]} == {run.model for run in result}
    assert "±" in repr(made(a=1.0, b1=1.0, b2=2.0))


def test_runs_are_found_by_name_and_seed():
    result = made(a=1.0, b1=2.0, b2=3.0)
    assert result.run("b").seed == 1
    assert result.run("b", 2).totals == {"mae": 3.0}
    with pytest.raises(ValueError, match="did you mean"):
        result.run("B2")
    with pytest.raises(ValueError, match="seed: got 7"):
        result.run("b", 7)


def test_plot_draws_models_baselines_and_drifts(result):
    axes = result.plot("log_loss").axes[0]
    by_name = {line.get_label(): line for line in axes.lines}
    assert by_name["nb"].get_ydata().tolist() == result.run("nb").window["log_loss"]
    assert by_name["nb"].get_linestyle() == "-"
    grays = {to_hex(by_name[run.model].get_color()) for run in result if run.baseline}
    assert grays == {to_hex("0.55")}
    assert all(by_name[run.model].is_dashed() for run in result if run.baseline)
    (drift,) = [line for line in axes.lines if list(line.get_xdata()) == [500, 500]]
    assert drift.get_ydata() == [0, 1]
    assert axes.get_ylabel() == "Log loss"
    cumulative = result.plot(cumulative=True).axes[0].lines[0]
    assert cumulative.get_ydata().tolist() == result.runs[0].cumulative["kappa"]
    with pytest.raises(ValueError, match="did you mean kappa"):
        result.plot("kapa")


def test_plot_shows_seeds_as_a_band_and_writes_files(tmp_path):
    figure = made(a=1.0, b1=1.0, b2=3.0).plot()
    (band,) = figure.axes[0].collections
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(2.0 + np.sqrt(2.0))
    figure.savefig(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()


def test_plot_of_nothing_is_empty():
    empty = Result("s", "regression", ["mae"], 10, [Run("a", None, "a")], interrupted=True)
    assert not empty.plot().axes[0].lines
    assert "interrupted" in repr(empty)


def test_files_need_no_pandas(tmp_path):
    code = (
        "import sys\n"
        "from onlineml.evaluation.result import Result, Run\n"
        "run = Run('a', None, 'a', n_rows=[1], window={'mae': [1.0]}, cumulative={'mae': [1.0]})\n"
        "result = Result('s', 'regression', ['mae'], 10, [run])\n"
        "result.to_parquet(sys.argv[1]); Result.from_json(result.to_json())\n"
        "print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "f")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
