"""Detectors of anomalies under evaluation: scored before they learn, labels never shown."""

from concurrent.futures import Executor, Future

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from onlineml.evaluation import compare, prequential
from onlineml.graph import Graph, chain
from onlineml.learners import GaussianNB
from onlineml.transforms import StandardScaler
from tests.evaluation.streams import Rows
from tests.naive.far_from_mean import FarFromMean
from tests.naive.prequential import walk_detector


def anomalies(n=900, *, labels=(0, 1)):
    """Normal rows of one blob; one in thirty is far off, none in the first 300."""
    rng = np.random.default_rng(3)
    X, odd = rng.normal(size=(n, 3)), rng.random(n) < 1 / 30
    odd[:300] = False
    X[odd] += rng.normal(size=(int(odd.sum()), 3)) * 3.0
    return X, np.array(labels, object)[odd.astype(int)]


@pytest.mark.parametrize("labels", [(0, 1), ("fine", "odd"), (False, True)])
def test_totals_are_those_of_scores_given_before_learning(labels) -> None:
    X, y = anomalies(labels=labels)
    result = prequential(FarFromMean(), Rows(X, y, task="anomaly"), window=300, chunk_size=77)
    scores = FarFromMean().score_fit_many(X)
    truth = y == labels[1]
    run = result.runs[0]
    measures = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
    for name, measure in measures.items():
        assert run.totals[name] == pytest.approx(measure(truth, scores))
        due = [measure(truth[part], scores[part]) for part in (slice(300, 600), slice(600, 900))]
        assert run.window[name] == pytest.approx([np.nan, *due], nan_ok=True)
    assert run.n_skipped == {"roc_auc": 1, "average_precision": 1}, "a window of one class"


class AtOnce(Executor):
    """Evaluations apart, as in several processes, but here."""

    def submit(self, fn, /, *args, **kwargs):
        done: Future = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def test_classes_that_only_detectors_see_are_anomalies() -> None:
    X, y = anomalies()
    far, nb = {"far": FarFromMean(), "as well": FarFromMean()}, {"nb": GaussianNB()}
    for models, task in [(far, "anomaly"), (far | nb, "classification"), (nb, "classification")]:
        assert prequential(models, Rows(X, y)).task == task
        found = compare(models, {"s": (X, y.astype(int))}, executor=AtOnce())
        assert found.results["s"].task == task


def test_late_labels_and_classifiers_beside_detectors() -> None:
    X, y = anomalies()
    models = {"far": FarFromMean(), "scaled": chain(StandardScaler(), FarFromMean())}
    models["supervised"] = GaussianNB()
    result = prequential(models, Rows(X, y), label_delay=40)
    assert [run.model for run in result.runs][:3] == ["far", "scaled", "supervised"]
    assert all(0.6 < run.totals["roc_auc"] <= 1.0 for run in result.runs[:3])


def irregular(row):
    """Between 0 and 40 rows, never for every ninth."""
    return None if row % 9 == 4 else (row * 7919) % 41


def graph_of_detector():
    g = Graph("watch")
    g.add("scale", StandardScaler(), after="x")
    g.add("far", FarFromMean(), after="scale")
    return g


@pytest.mark.parametrize("chunk_size", [33, 4096])
@pytest.mark.parametrize(
    ("label_delay", "delay"),
    [
        (25, lambda row: 25),
        (1000, lambda row: 1000),
        (lambda row, time, x, y: irregular(row), irregular),
    ],
    ids=["25", "all", "function"],
)
@pytest.mark.parametrize("make", [FarFromMean, graph_of_detector])
def test_late_labels_measure_scores_of_rows_learned_at_once(
    make, label_delay, delay, chunk_size
) -> None:
    X, y = anomalies()
    result = prequential(
        {"m": make()}, Rows(X, y, task="anomaly"), window=300, baselines=False,
        label_delay=label_delay, chunk_size=chunk_size,
    )  # fmt: skip
    model, run = make(), result.run("m")
    truth, scores = map(np.array, zip(*walk_detector(model, X, y.tolist(), delay=delay)))
    assert run.n_scored == len(truth)
    assert run.totals["roc_auc"] == pytest.approx(roc_auc_score(truth, scores))
    last = slice((len(truth) - 1) // 300 * 300, None)
    assert run.window["roc_auc"][-1] == pytest.approx(roc_auc_score(truth[last], scores[last]))
    np.testing.assert_array_equal(
        result.estimators["m", None].score_many(X), [model.score_one(x) for x in X]
    )


def test_labels_do_not_reach_a_detector() -> None:
    X, y = anomalies()
    one, other = FarFromMean(), FarFromMean()
    prequential(one, Rows(X, y), inplace=True)
    prequential(other, Rows(X, y[::-1]), inplace=True)
    assert one.sum_.tolist() == other.sum_.tolist()


def test_what_scores_cannot_answer_is_refused() -> None:
    X, y = anomalies()
    with pytest.raises(ValueError, match="metrics of scores, as detectors take part"):
        prequential(FarFromMean(), Rows(X, y), metrics="accuracy")
    with pytest.raises(ValueError, match="two labels"):
        prequential(FarFromMean(), Rows(X, np.arange(len(X)) % 3))
    with pytest.raises(ValueError, match="a Regressor"):
        prequential(FarFromMean(), Rows(X, X[:, 0], task="regression"))
