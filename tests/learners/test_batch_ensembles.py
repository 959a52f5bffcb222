"""Ensembles that learn batch by batch: twins, parts, and how well they learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from onlineml import learners
from onlineml.checks import assert_same_answers, assert_same_state, cut, served_by_row
from onlineml.datasets import StreamGenerator
from onlineml.evaluation import test_then_train as by_chunk
from onlineml.kernels.random import seeded
from onlineml.learners import (
    AUE,
    AWE,
    KUE,
    OOB,
    OUSE,
    REA,
    ROSE,
    UOB,
    WAE,
    GaussianNB,
    HoeffdingTreeClassifier,
    LearnPPCDS,
    LearnPPNIE,
    SEAEnsemble,
)
from onlineml.learners.batch.class_bagging import _draw, _rates
from onlineml.learners.batch.quality import kappa, recalls
from onlineml.learners.batch.rea import _count_neighbors
from onlineml.learners.batch.resampling import (
    draw_without_replacement,
    keep_rows,
    newest,
    synthetic_rows,
)
from onlineml.learners.batch.wae import generalized_diversity
from tests.naive import batch_ensembles as naive

BATCHED = [SEAEnsemble, AWE, AUE, WAE, KUE, ROSE, OUSE, LearnPPNIE, LearnPPCDS, REA]


def drifting(n_rows, n_classes=3, seed=1, **options):
    stream = StreamGenerator(
        n_chunks=n_rows // 100, chunk_size=100, n_drifts=2, n_features=6, n_informative=4,
        n_redundant=0, n_classes=n_classes, n_clusters_per_class=1, seed=seed, **options,
    )  # fmt: skip
    X, y, _ = next(stream.chunks(n_rows))
    first = list(dict.fromkeys(y.tolist()))  # codes in order of appearance
    return X, np.array([first.index(label) for label in y])


def made(kind, **params):
    names = kind._parameter_names()
    return kind(**{name: value for name, value in params.items() if name in names})


@pytest.mark.parametrize(
    ("model", "twin"),
    [
        (SEAEnsemble(n_members=3, batch_size=100), naive.SEA(3, 3)),
        (AWE(n_members=3, batch_size=100), naive.AWE(3, 3)),
        (AUE(n_members=3, batch_size=100), naive.AUE(3, 3)),
        (LearnPPCDS(n_members=3, batch_size=100, balance=0.0), naive.NSE(3, 3)),
        (
            LearnPPCDS(n_members=3, batch_size=100, balance=0.0, pruning="vote"),
            naive.NSE(3, 3, pruning="vote"),
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_equals_the_naive_twin(model, twin):
    X, y = drifting(1200)
    for first in range(0, 1200, 100):
        batch = slice(first, first + 100)
        if first:
            np.testing.assert_allclose(
                model.predict_proba_many(X[batch]), twin.predict_proba(X[batch]), atol=1e-9
            )
        model.fit_many(X[batch], y[batch])
        twin.fit(X[batch], y[batch])
    assert len(twin.members) == 3


@pytest.mark.parametrize("kind", [*BATCHED, OOB, UOB], ids=lambda kind: kind.__name__)
def test_trees_as_members_by_row_as_by_chunk(kind):
    X, y = drifting(300)
    model = made(
        kind, base=HoeffdingTreeClassifier(grace_period=20), n_members=2, batch_size=50, seed=3,
        n_bags=2,
    )  # fmt: skip
    by_row, chunked, answers = model.clone(), model.clone(), []
    due = served_by_row(by_row, X, y)
    for part in cut(2, len(X)):
        answers += chunked.predict_proba_fit_many(X[part], y[part]).tolist()
    assert_same_answers(due, answers)
    assert_same_state(by_row.get_state(), chunked.get_state())


@pytest.mark.parametrize("kind", BATCHED, ids=lambda kind: kind.__name__)
def test_rows_of_weight_zero_are_as_absent_and_weights_count(kind):
    X, y = drifting(600)
    weight = np.where(np.arange(600) % 3 == 1, 0.0, 1.0)
    weight[:3] = 1.0
    plain, sparse, heavy = (made(kind, batch_size=50, n_members=3, seed=2) for _ in "123")
    sparse.fit_many(X, y, weight=weight)
    plain.fit_many(X[weight > 0], y[weight > 0])
    np.testing.assert_array_equal(plain.predict_proba_many(X), sparse.predict_proba_many(X))
    heavy.fit_many(X[weight > 0], y[weight > 0], weight=1.0 + 9.0 * (y[weight > 0] == 0))
    assert (heavy.predict_many(X) == 0).sum() > (plain.predict_many(X) == 0).sum()


def test_the_vote_follows_the_weights():
    """Two members that disagree: the weight decides, and scaling it changes nothing."""
    X, y = drifting(400)
    model = AUE(n_members=2, batch_size=200).fit_many(X, y)
    one, two = (member.predict_proba_many(X) for member in model.members_)
    for weights in ([1.0, 0.0], [0.0, 1.0], [3.0, 1.0]):
        model.vote_[:] = weights
        due = (weights[0] * one + weights[1] * two) / sum(weights)
        np.testing.assert_allclose(model.predict_proba_many(X), due, atol=1e-12)


@pytest.mark.parametrize("kind", BATCHED, ids=lambda kind: kind.__name__)
def test_recovers_from_sudden_drift(kind):
    """Ten batches after the second change, far above a model that averages three concepts."""
    stream = StreamGenerator(
        n_chunks=60, chunk_size=100, n_drifts=2, n_features=10, n_informative=4, seed=3,
        n_clusters_per_class=1,
    )  # fmt: skip
    models = [GaussianNB(), made(kind, batch_size=100, seed=1)]
    found = by_chunk(models, stream, chunk_size=100).of("accuracy")
    late = found[:, 49:].mean(1)
    assert late[1] > late[0] + 0.3
    assert 0.80 < found[1].mean() < 0.94


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [(OOB, 0.60, 0.75), (UOB, 0.60, 0.75), (OUSE, 0.68, 0.82), (LearnPPNIE, 0.68, 0.82),
     (REA, 0.68, 0.82), (ROSE, 0.60, 0.82), (LearnPPCDS, 0.60, 0.80)],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_finds_the_small_class(kind, low, high):
    """Above plain naive Bayes in balanced accuracy, one row in ten being of the second class."""
    stream = StreamGenerator(
        n_chunks=60, n_drifts=2, n_features=10, n_informative=4, weights=[0.9, 0.1], seed=6
    )
    models = [GaussianNB(), made(kind, seed=1)]
    plain, found = by_chunk(models, stream).of("balanced_accuracy").mean(1)
    assert found > plain
    assert low < found < high


@pytest.mark.parametrize(("pick", "larger"), [(max, True), (min, False)])
def test_class_bagging_rates(pick, larger):
    y = np.random.default_rng(1).choice(3, 400, p=[0.8, 0.15, 0.05])
    weight, rate, size = np.ones(400), np.empty(400), np.zeros(4)
    weight[50] = 0.0
    _rates(y.astype(float), weight, size, 0.9, larger, rate)
    due = naive.bagging_rates(np.delete(y, 50), 3, 0.9, pick)
    np.testing.assert_allclose(np.delete(rate, 50), due)
    assert rate[50] == 0.0


@pytest.mark.parametrize("mean", [0.1, 2.0, 100.0])
def test_poisson_numbers_have_their_mean_and_variance(mean):
    drawn = np.empty(20_000)
    _draw(seeded(1, 1), 0, np.full(20_000, mean), np.ones(20_000), drawn)
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / 20_000))
    assert drawn.var() == pytest.approx(mean, rel=0.08)


def test_undersampling_goes_on_when_a_class_has_gone():
    X, y = drifting(2000, n_classes=2)
    model = UOB(seed=1, n_members=3).fit_many(X, np.where(np.arange(2000) == 5, 2, y))
    before = model.members_[0].weight_.sum()
    model.fit_many(X, y)
    assert model.members_[0].weight_.sum() > before + 500


def test_kappa_and_recalls():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 200)
    said = np.where(rng.random(200) < 0.4, y, rng.integers(0, 3, 200))
    weight = rng.choice([0.5, 1.0, 2.0], 200)
    out = said[:, None].astype(float)
    due = cohen_kappa_score(y, said, sample_weight=weight)
    assert kappa(out, y.astype(float), weight, 3) == pytest.approx(due)
    assert kappa(np.zeros((9, 1)), np.zeros(9), np.ones(9), 2) == 0.0
    found = recalls(out, y.astype(float), weight, 4)
    due = [weight[(y == c) & (said == c)].sum() / weight[y == c].sum() for c in range(3)]
    np.testing.assert_allclose(found[:3], due)
    assert np.isnan(found[3])


def test_diversity_is_one_where_failures_never_meet():
    weight = np.ones(6)
    assert generalized_diversity(np.array([1, 1, 1, 0, 0, 0]), 3, weight) == 1.0
    assert generalized_diversity(np.array([3, 3, 0, 0, 0, 0]), 3, weight) == 0.0
    assert 0.0 < generalized_diversity(np.array([2, 1, 1, 0, 0, 0]), 3, weight) < 1.0


def test_synthetic_rows_lie_between_neighbors():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.repeat([0.0, 100.0], 10), rng.normal(size=20), rng.integers(0, 3, 20)])
    X[3, 1] = np.nan
    nominal = np.array([0, 0, 1])
    rows = synthetic_rows(seeded(1, 1), 0, X, nominal, 500, 3)
    assert set(np.unique(rows[:, 0])) == {0.0, 100.0}  # never from one cluster to the other
    assert set(rows[:, 2]) <= {0.0, 1.0, 2.0}
    known = rows[~np.isnan(rows[:, 1]), 1]
    assert np.nanmin(X[:, 1]) <= known.min()
    assert known.max() <= np.nanmax(X[:, 1])
    assert len(np.unique(known)) > 300
    alone = synthetic_rows(seeded(1, 1), 0, X[:1], nominal, 4, 3)
    np.testing.assert_array_equal(alone, np.repeat(X[:1], 4, axis=0))


def test_samples_without_replacement_are_all_alike():
    rng, counts = seeded(4, 1), np.zeros(10)
    for _ in range(4000):
        drawn = draw_without_replacement(rng, 0, 3, np.arange(10))
        assert len(set(drawn.tolist())) == 3
        counts[drawn] += 1
    np.testing.assert_allclose(counts / 4000, 0.3, atol=0.03)


def test_rings_keep_the_newest_rows_of_each_class():
    X, y = np.arange(12.0)[:, None], np.array([0.0, 1.0] * 5 + [0.0, 0.0])
    past, weight, n_past = np.zeros((2, 3, 1)), np.zeros((2, 3)), np.zeros(2, np.int64)
    keep_rows(X, y, X[:, 0] / 10, past, weight, n_past)
    places = newest(3, int(n_past[0]), 3)
    np.testing.assert_array_equal(past[0, places, 0], [8.0, 10.0, 11.0])
    np.testing.assert_array_equal(weight[0, places], [0.8, 1.0, 1.1])
    np.testing.assert_array_equal(past[1, newest(3, int(n_past[1]), 2), 0], [7.0, 9.0])


def test_neighbors_are_counted_as_by_sorting():
    rng = np.random.default_rng(5)
    X, candidates = rng.normal(size=(60, 5)), rng.normal(size=(20, 5))
    y, nominal = rng.integers(0, 2, 60).astype(float), np.zeros(5, np.int64)
    gaps = ((candidates[:, None] - X) ** 2).sum(2)
    near = np.argsort(gaps, axis=1)[:, :7]
    due = (y[near] == 1.0).sum(1)
    np.testing.assert_array_equal(_count_neighbors(candidates, X, y, 1, nominal, 7), due)
    candidates[:, 0] = X[:, 0] = np.nan  # goes the careful way
    near = np.argsort(((candidates[:, None, 1:] - X[:, 1:]) ** 2).sum(2), axis=1)[:, :7]
    due = (y[near] == 1.0).sum(1)
    np.testing.assert_array_equal(_count_neighbors(candidates, X, y, 1, nominal, 7), due)


def test_members_see_different_features():
    X, y = drifting(600)
    model = KUE(n_members=4, batch_size=100, seed=1).fit_many(X, y)
    assert len({tuple(row) for row in model.subspace_.tolist()}) > 2
    for columns, member in zip(model.subspace_, model.members_, strict=True):
        assert member.schema_.n_features == columns.sum()


@pytest.mark.parametrize(
    ("kind", "params", "named"),
    [
        (AWE, {"n_folds": 1}, "n_folds"),
        (SEAEnsemble, {"batch_size": 0}, "batch_size"),
        (SEAEnsemble, {"quality": "x"}, "quality"),
        (AUE, {"variant": "AUE3"}, "variant"),
        (AUE, {"base": learners.LinearRegression()}, "base"),
        (WAE, {"theta": 1.0}, "theta"),
        (OOB, {"decay": 1.0}, "decay"),
        (KUE, {"n_candidates": -1}, "n_candidates"),
        (ROSE, {"feature_share": 0.0}, "feature_share"),
        (LearnPPCDS, {"balance": 2.0}, "balance"),
        (LearnPPNIE, {"error": "x"}, "error"),
        (LearnPPCDS, {"pruning": "x"}, "pruning"),
        (LearnPPNIE, {"pruning": "x"}, "pruning"),
        (REA, {"memory_size": 0}, "memory_size"),
        (OUSE, {"memory_size": 1.5}, "memory_size"),
    ],
)
def test_bad_parameters_are_named(kind, params, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        kind(**params).fit_one([1.0], 0)


def test_variants():
    X, y = drifting(1500)
    for model in (
        SEAEnsemble(batch_size=100, quality="diversity", n_members=3),
        AUE(batch_size=100, variant="AUE1"),
        WAE(batch_size=100, pruning="accuracy", n_members=3),
        LearnPPNIE(batch_size=100, error="g_mean", seed=1, n_members=3),
        ROSE(batch_size=100, challenge="alarm", seed=1, n_members=4),
    ):
        assert (model.predict_fit_many(X, y)[300:] == y[300:]).mean() > 0.5
