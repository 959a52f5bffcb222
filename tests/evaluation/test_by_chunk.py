"""Chunk-based evaluation against scikit-learn's metrics and a plain loop; nothing leaks."""

import numpy as np
import pytest
from sklearn import metrics as offline

from onlineml.datasets import SEA, ArrayStream, Friedman
from onlineml.evaluation import CHUNK_METRICS
from onlineml.evaluation import test_then_train as by_chunk
from onlineml.evaluation.by_chunk import _scores
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, KNNClassifier, MeanRegressor


def score(y, said, metric, positive=None):
    return _scores(np.array(y), np.array(said), [metric], positive)[0]


@pytest.mark.parametrize("labels", [(0, 1), (0, 1, 2), ("a", "b", "c", "d")])
def test_metrics_equal_those_of_scikit_learn(labels):
    rng = np.random.default_rng(1)
    y = rng.choice(labels, 300)
    said = np.where(rng.random(300) < 0.5, y, rng.choice(labels, 300))
    assert score(y, said, "accuracy") == pytest.approx(offline.accuracy_score(y, said))
    assert score(y, said, "balanced_accuracy") == pytest.approx(
        offline.balanced_accuracy_score(y, said)
    )
    recall = offline.recall_score(y, said, average=None)
    assert score(y, said, "g_mean") == pytest.approx(np.prod(recall) ** (1 / len(labels)))
    for positive in (None, labels[-1]):
        kind = {"average": "macro"} if positive is None else {"average": None, "labels": [positive]}
        for name, function in (
            ("precision", offline.precision_score),
            ("recall", offline.recall_score),
            ("f1", offline.f1_score),
        ):
            due = np.mean(function(y, said, **kind))
            assert score(y, said, name, positive) == pytest.approx(due)


def test_metrics_of_one_class():
    y, said = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]
    assert score(y, said, "specificity", 1) == 0.75
    assert score(y, said, "specificity", 0) == 0.5
    assert score(y, said, "g_mean_1", 1) == pytest.approx(np.sqrt(0.5 * 0.75))
    assert score(y, said, "g_mean_2", 1) == pytest.approx(np.sqrt(0.5 * 0.5))
    assert score(y, said, "specificity") == pytest.approx((0.75 + 0.5) / 2)


def test_three_classes_are_three():
    """Two of three classes mixed up: a metric made for two classes would see nothing."""
    assert score([0, 1, 2], [0, 2, 1], "balanced_accuracy") == pytest.approx(1 / 3)


def test_classes_that_do_not_occur():
    assert np.isnan(score([0, 0], [0, 0], "recall", 1))
    assert score([0, 0], [0, 0], "specificity", 1) == 1.0
    assert score([0, 0], [0, 1], "precision", 1) == 0.0
    assert score([0, 0], [0, 1], "balanced_accuracy") == 0.5
    assert np.isnan(score([0, 0], [0, 0], "f1", 1))
    nobody = np.array([None, None])
    assert _scores(np.array([0, 1]), nobody, ["accuracy", "f1"], None) == [0.0, 0.0]


def test_equals_the_plain_loop():
    stream = SEA(n_rows=1050, seed=3)
    models = {"bayes": GaussianNB(), "tree": HoeffdingTreeClassifier(grace_period=50)}
    found = by_chunk(models, stream, chunk_size=100, metrics=CHUNK_METRICS)
    assert found.scores.shape == (2, 10, len(CHUNK_METRICS))
    assert found.models == ("bayes", "tree")
    for own, model in zip(found.of("accuracy"), models.values(), strict=True):
        assert not model.is_started
        twin, due = model.clone(), []
        for number, (X, y, _) in enumerate(stream.chunks(100)):
            if number:
                due.append((twin.predict_many(X) == y).mean())
            twin.fit_many(X, y)
        np.testing.assert_array_equal(own, due)
    assert found.means()["tree"]["accuracy"] == pytest.approx(found.of("accuracy")[1].mean())


def test_labels_at_random_are_not_foreseen():
    """A model that knows every row it has learned by heart scores as chance does."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(4000, 3)), rng.integers(0, 4, 4000)
    before = y.copy()
    found = by_chunk(KNNClassifier(n_neighbors=1), ArrayStream(X, y), chunk_size=200)
    assert found.of("accuracy").mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_array_equal(y, before)


def test_models_of_one_kind_get_names():
    found = by_chunk([GaussianNB(), GaussianNB(var_floor=0.1)], SEA(n_rows=300), chunk_size=100)
    assert found.models == ("GaussianNB", "GaussianNB-2")


def test_bad_arguments_are_named():
    for arguments, named in (
        ((GaussianNB(), Friedman(n_rows=300)), "stream"),
        (([MeanRegressor()], SEA(n_rows=300)), "models"),
        (([], SEA(n_rows=300)), "models"),
    ):
        with pytest.raises(ValueError, match=f"^{named}"):
            by_chunk(*arguments)
    with pytest.raises(ValueError, match=r"^metrics"):
        by_chunk(GaussianNB(), SEA(n_rows=300), metrics=["auc"])
    with pytest.raises(ValueError, match=r"^metric: got 'auc', expected one of accuracy"):
        by_chunk(GaussianNB(), SEA(n_rows=300), chunk_size=100).of("auc")
