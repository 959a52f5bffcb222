"""Models by streams by seeds: tables, ranks, processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from onlineml.evaluation import Comparison, Result, compare, prequential
from onlineml.evaluation.result import Run
from onlineml.learners import GaussianNB, MajorityClassifier, MeanRegressor
from tests.evaluation.streams import Rows, blobs, line


def made(metric, values):
    """A comparison whose totals are `values[stream][model]`, a list with a value a seed."""
    return Comparison(
        {
            stream: Result(
                stream,
                "regression" if metric == "mae" else "classification",
                [metric],
                10,
                [
                    Run(model, seed, model, n_rows=[10], cumulative={metric: [value]})
                    for model, totals in models.items()
                    for seed, value in enumerate(totals)
                ],
            )
            for stream, models in values.items()
        }
    )


def test_table_and_ranks():
    values = {
        "s": {"a": [1.0, 3.0], "b": [5.0], "c": [5.0]},
        "t": {"a": [4.0], "b": [3.0], "c": [1.0]},
    }
    errors, gains = made("mae", values), made("kappa", values)
    assert errors.table()["a"]["s"] == (2.0, pytest.approx(np.sqrt(2.0)))
    assert errors.ranks() == {"a": 2.0, "b": 2.25, "c": 1.75}
    assert gains.ranks() == {"a": 2.0, "b": 1.75, "c": 2.25}
    lost = made("mae", {"s": {"a": [np.nan], "b": [1.0]}, "t": {"b": [1.0]}})
    assert lost.ranks() == {"a": 2.0, "b": 1.0}
    assert np.isnan(lost.table()["a"]["t"][0])


def test_compare_equals_single_evaluations():
    streams = {"one": blobs(400), "two": blobs(400, seed=1)}
    models = {"nb": GaussianNB(), "floored": GaussianNB(var_floor=0.3)}
    seen = []
    found = compare(models, streams, window=100, on_progress=lambda *n: seen.append(n))
    assert seen == [(1, 2), (2, 2)]
    assert found.models == ["nb", "floored", "NoChangeClassifier", "MajorityClassifier"]
    for name, stream in streams.items():
        single = prequential(models, stream, window=100)
        for run in single:
            assert found.results[name].run(run.model).cumulative == run.cumulative
    frame = found.to_pandas()
    assert frame.groupby("stream").size().to_dict() == {"one": 4, "two": 4}
    assert "Accuracy" in repr(found)
    back = Comparison.from_json(found.to_json())
    np.testing.assert_equal(back.table(), found.table())
    assert repr(back) == repr(found)


def test_processes_give_the_same_numbers():
    models, streams = [GaussianNB(), MajorityClassifier()], [blobs(300), blobs(300, seed=4)]
    alone = compare(models, streams, window=100, max_rows=250)
    seen = []
    together = compare(
        models, streams, window=100, max_rows=250, n_jobs=2, on_progress=lambda *n: seen.append(n)
    )
    assert seen == [(k, 6) for k in range(1, 7)]
    assert list(together.results) == list(alone.results) == ["rows", "rows 2"]
    for one, other in zip(alone, together, strict=True):
        assert [(r.model, r.baseline) for r in one] == [(r.model, r.baseline) for r in other]
        assert [r.cumulative for r in one] == [r.cumulative for r in other]
        assert other.n_rows == 250


class Endless(Rows):
    """Never comes to its end, slowly."""

    def chunks(self, size):
        while True:
            time.sleep(0.02)
            yield from super().chunks(size)


def press_ctrl_c_after(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_ctrl_c_keeps_what_is_done():
    streams = [blobs(100), Endless(np.zeros((5, 1)), [0, 1, 0, 1, 0]), blobs(100)]
    press_ctrl_c_after(1.0)
    found = compare(GaussianNB(), streams, window=50)
    assert found.interrupted
    assert list(found.results) == ["rows", "rows 2"]
    assert [result.interrupted for result in found] == [False, True]
    assert Comparison.from_json(found.to_json()).interrupted


_AT_WORK = """
from onlineml.datasets import SEA
from onlineml.evaluation import compare
from onlineml.learners import GaussianNB

if __name__ == "__main__":
    models = {str(k): GaussianNB() for k in range(5)}
    streams = {"short": SEA(seed=1).take(1000), "endless": SEA(seed=1)}
    found = compare(
        models, streams, n_jobs=2, baselines=False, on_progress=lambda *n: print(n, flush=True)
    )
    print(found.interrupted, [len(result.runs) for result in found])
"""


def test_ctrl_c_ends_workers_and_what_was_handed_out_to_them(tmp_path):
    script = tmp_path / "at_work.py"
    script.write_text(_AT_WORK)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"PYTHONPATH": str(root)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while process.stdout.readline() != "(5, 10)\n":
            assert process.poll() is None
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        try:
            said, wrong = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, wrong
    assert said.splitlines()[-1] == "True [5, 2]"


def test_bad_arguments_are_named():
    for n_jobs in (0, 1.5, "all"):
        with pytest.raises(ValueError, match=f"n_jobs: got {n_jobs!r}"):
            compare(GaussianNB(), [blobs(10)], n_jobs=n_jobs)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="streams: got"):
        compare(GaussianNB(), [])
    with pytest.raises(ValueError, match="expected metrics for regression"):
        compare(MeanRegressor(), [line(10), blobs(10)], metrics=["accuracy"])
    with pytest.raises(ValueError, match="expected a Regressor"):
        compare(GaussianNB(), [line(10)])
