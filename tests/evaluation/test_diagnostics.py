"""What models tell of themselves: sampled where windows end, kept in the result, drawn."""

import numpy as np
import pytest

from onlineml.base import Classifier
from onlineml.evaluation import Result, Run, WindowRecord, prequential
from onlineml.evaluation.report import page
from onlineml.graph import chain
from onlineml.kernels.arena import Field
from onlineml.learners import AdaptiveRandomForestClassifier, DriftMixture, DriftMoE, GaussianNB
from onlineml.transforms import StandardScaler
from tests.evaluation.streams import blobs


class Counter(Classifier):
    """Tells how many rows it has learned."""

    _state = (Field("n_rows_", (1,), np.int64),)

    def _run(self, X, y, weight, out, serve, fit):
        if serve:
            out[:] = 0.0
        if fit:
            self.n_rows_[0] += len(X)

    def diagnostics(self):
        n = float(self.n_rows_[0])
        return {"learned": n, "n_thirds": n // 3, "half_shares": {"a": 0.25, "b": 0.75}}


def told(**options):
    result = prequential(Counter(), blobs(n=50), window=20, baselines=False, **options)
    return result.runs[0].diagnostics


@pytest.mark.parametrize("chunk_size", [7, 20, 33, 4096])
def test_models_are_looked_at_where_windows_end(chunk_size):
    found = told(chunk_size=chunk_size)
    assert found["learned"][""] == [20, 40, 50]
    assert found["half_shares"] == {"a": [0.25] * 3, "b": [0.75] * 3}


@pytest.mark.parametrize("chunk_size", [7, 33, 4096])
def test_late_labels_make_no_difference_to_what_was_learned_by_then(chunk_size):
    assert told(chunk_size=chunk_size, label_delay=13)["learned"][""] == [20, 40, 50]


def test_looking_changes_no_answer():
    class Silent(GaussianNB):
        pass

    class Talking(GaussianNB):
        def diagnostics(self):
            return {"n_classes_known": float(len(self.classes_))}

    for delay in (0, 5):
        models = {"silent": Silent(), "talking": Talking()}
        result = prequential(
            models, blobs(n=300), window=17, metrics=["log_loss", "kappa"], label_delay=delay
        )
        silent, talking = result.runs[:2]
        assert silent.cumulative == talking.cumulative
        assert silent.diagnostics == {}
        assert len(talking.diagnostics["n_classes_known"][""]) == len(talking.n_rows)


def test_a_chain_tells_what_its_steps_tell():
    assert chain(StandardScaler(), GaussianNB()).fit_one([1.0], 0).diagnostics() == {}
    model = chain(StandardScaler(), DriftMoE(n_experts=3, top_k=1, seed=1)).fit_one([1.0], "a")
    assert list(model.diagnostics()["expert_shares"].values()).count(1.0) == 1


@pytest.mark.parametrize(
    "model",
    [
        DriftMixture(n_trees=2, seed=1),
        DriftMoE(n_experts=3, top_k=2, seed=1),
        AdaptiveRandomForestClassifier(n_members=3, seed=1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_shares_sum_to_one_and_counts_do_not_fall(model):
    assert model.clone().diagnostics() == {} or not model.is_started
    result = prequential(model, blobs(n=400), window=100, baselines=False)
    for name, parts in result.runs[0].diagnostics.items():
        curves = np.array([*parts.values()])
        assert curves.shape[1] == 4
        assert np.isfinite(curves).all()
        if name.endswith("_shares"):
            np.testing.assert_allclose(curves.sum(axis=0), 1.0)
        if name.startswith("n_"):
            assert (np.diff(curves) >= 0).all()


def by_hand(model="Own", seed=1):
    run = Run(model, seed, f"{model}()")
    for i in range(3):
        told = {"trust_shares": {"0 Tree": 0.2, "1 Tree": 0.3, "Rule <x>": 0.5}, "step": 0.1 * i}
        if i == 1:
            told |= {"n_replaced": {"0 Tree": 2.0}, "threshold": {"low": 1.0, "high": 2.0}}
        if i == 2:
            told |= {"n_replaced": {"0 Tree": 2.0}}
        values = {"accuracy": 0.9}
        run.take(WindowRecord(model, seed, False, 10 * (i + 1), 10, values, values, 0.1, told))
    return run


def result_of(*runs):
    return Result("stream", "classification", ["accuracy"], 10, list(runs), 30, [15])


def test_gaps_are_nan_in_table_and_file(tmp_path):
    silent = Run("Silent", None, "Silent()", False, [10], {"accuracy": [1.0]}, {"accuracy": [1.0]})
    result = result_of(by_hand(), silent)
    table = result.columns()
    np.testing.assert_equal(table["diagnostics.threshold.low"], [np.nan, 1.0, np.nan, np.nan])
    np.testing.assert_equal(table["diagnostics.step"], [0.0, 0.1, 0.2, np.nan])
    back = Result.from_json(result.to_json())
    np.testing.assert_equal(back.columns(), table)
    result.to_parquet(tmp_path / "table.parquet")
    assert len(result.to_pandas()) == 4


def test_files_without_diagnostics_are_read():
    plain = result_of(by_hand()).to_plain()
    del plain["runs"][0]["diagnostics"]
    assert Result.from_plain(plain).runs[0].diagnostics == {}


def test_the_page_draws_what_there_is():
    text = page(result_of(by_hand(), by_hand(seed=2)))
    assert text.count('class="area ') == 3
    assert "2 Tree" in text
    assert "Rule &lt;x&gt;: 50% at the end" in text
    assert text.count('class="event ') == 1
    assert "replaced 4 in rows 11 to 20 (0 Tree)" in text
    assert "Inside Own" in text
    assert "in all seeds" in text


def test_the_page_of_silent_models_has_no_such_section():
    run = by_hand()
    run.diagnostics = {}
    assert "Inside" not in page(result_of(run))
