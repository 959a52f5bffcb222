"""Streams of drifting clusters: shares of classes, drift curves, and laziness."""

from itertools import islice

import numpy as np
import pytest

from onlineml.datasets import SemiSyntheticStreamGenerator, StreamGenerator


def whole(stream, size=997):
    chunks = list(stream.chunks(size))
    return np.concatenate([c.X for c in chunks]), np.concatenate([c.y for c in chunks])


STREAMS = [
    StreamGenerator(n_chunks=11),
    StreamGenerator(n_chunks=11, n_drifts=2, concept_sigmoid_spacing=5, weights=[0.9, 0.1]),
    StreamGenerator(n_chunks=11, n_drifts=3, incremental=True, recurring=True, n_informative=4),
    StreamGenerator(n_chunks=11, prior_noise=(0.3, 0.1), y_flip=(0.0, 0.1)),
    StreamGenerator(n_chunks=11, n_classes=5, n_informative=5, n_repeated=3),
    SemiSyntheticStreamGenerator(
        X=np.random.default_rng(0).normal(size=(90, 4)), y=np.arange(90) % 3, n_chunks=11,
        chunk_size=200,
    ),
]  # fmt: skip


@pytest.mark.parametrize("stream", STREAMS)
def test_same_rows_in_chunks_of_any_size(stream):
    X, y = whole(stream)
    assert X.shape == (2200, stream.schema.n_features)
    assert sorted(set(y.tolist())) == list(stream.schema.classes)
    assert np.isfinite(X).all()
    for size in (7, 200, 5000):
        again = whole(stream, size)
        np.testing.assert_array_equal(X, again[0])
        np.testing.assert_array_equal(y, again[1])


def test_seeds_make_different_rows():
    first, second = (whole(StreamGenerator(n_chunks=2, seed=seed))[0] for seed in (1, 2))
    assert not np.isclose(first, second).any()


def test_a_stream_without_end_in_sight_is_begun_at_once():
    stream = StreamGenerator(n_chunks=10**9, n_drifts=4, prior_drift=(2, 5.0, 0.8))
    assert sum(len(chunk.y) for chunk in islice(stream.chunks(100), 3)) == 300


def test_static_priors_and_flipped_labels():
    y = whole(StreamGenerator(n_chunks=200, weights=[8, 1, 1], n_classes=3, n_informative=3))[1]
    due = np.array([0.8, 0.1, 0.1]) * 0.99 + 0.01 * np.array([0.1, 0.45, 0.45])
    np.testing.assert_allclose(np.bincount(y) / len(y), due, atol=0.006)
    y = whole(StreamGenerator(n_chunks=200, weights=[1, 0], y_flip=(0.3, 0.0)))[1]
    assert y.mean() == pytest.approx(0.3, abs=0.01)


def test_drifting_priors_swing_between_their_ends():
    stream = StreamGenerator(n_chunks=300, prior_drift=(3, 5.0, 0.9), y_flip=0.0)
    rows = np.arange(stream.n_rows)
    second = stream.priors(rows)[:, 1]
    ends = second[[0, stream.n_rows // 3, 2 * stream.n_rows // 3, stream.n_rows - 1]]
    np.testing.assert_allclose(ends, [0.05, 0.95, 0.05, 0.95], atol=0.01)
    np.testing.assert_allclose(second[[10_000, 30_000, 50_000]], 0.5, atol=1e-9)
    steepness = (second[10_100] - second[9_900]) / 200  # amplitude * spacing / 2 / half a period
    assert steepness == pytest.approx(0.9 * 5 / 4 / 10_000, rel=0.01)
    y = whole(stream)[1]
    np.testing.assert_allclose(y.reshape(60, -1).mean(1), second.reshape(60, -1).mean(1), atol=0.06)


def test_noisy_priors_are_of_the_first_class_and_constant_in_a_chunk():
    stream = StreamGenerator(n_chunks=400, prior_noise=(0.3, 0.1), y_flip=0.0)
    first = stream.priors(np.arange(stream.n_rows))[:, 0].reshape(400, -1)
    assert (first == first[:, :1]).all()
    assert first.mean() == pytest.approx(0.3, abs=0.015)
    assert first[:, 0].std() == pytest.approx(0.1, abs=0.015)
    shares = 1 - whole(stream)[1].reshape(400, -1).mean(1)
    assert np.corrcoef(shares, first[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("spacing", [None, 5.0, 50.0])
def test_concepts_change_in_the_middle_of_their_part(spacing):
    stream = StreamGenerator(n_chunks=300, n_drifts=2, concept_sigmoid_spacing=spacing)
    assert stream.drifts == (15_000, 45_000)
    old, new = stream.concept_share(np.arange(stream.n_rows))
    np.testing.assert_array_equal(np.flatnonzero(np.diff(old)), [29_999])
    mixed = np.flatnonzero((new > 0.1) & (new < 0.9))
    width = 0.0 if spacing is None else 2 * np.log(9) * 15_000 / spacing  # of a sigmoid
    assert len(mixed) == pytest.approx(2 * width, rel=0.01, abs=2)
    half = np.flatnonzero(np.diff((new >= 0.5).astype(int)))
    np.testing.assert_array_equal(half, [14_999, 29_999, 44_999])


def class_means(stream, first, last):
    X, y = whole(stream)
    return X[first:last][y[first:last] == 1].mean(0)


@pytest.mark.parametrize("recurring", [True, False])
def test_a_recurring_concept_comes_back(recurring):
    stream = StreamGenerator(
        n_chunks=90, n_drifts=2, recurring=recurring, n_clusters_per_class=1, seed=4
    )
    start, middle, end = (class_means(stream, a, a + 4000) for a in (0, 7000, 14_000))
    assert abs(start - middle).max() > 0.5
    assert (abs(start - end).max() < 0.15) == recurring


def test_incremental_drift_blends_the_features():
    options = {"n_chunks": 100, "n_drifts": 1, "n_clusters_per_class": 1, "seed": 4}
    stream = StreamGenerator(incremental=True, concept_sigmoid_spacing=5, **options)
    start, middle, end = (class_means(stream, a, a + 1000) for a in (0, 9500, 19_000))
    np.testing.assert_allclose(middle, (start + end) / 2, atol=0.12)
    X, _ = whole(stream)
    assert X[9500:10_500].var(0).min() < 0.7  # the mean of two rows, not one of both


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"n_features": 3}, "n_features"),
        ({"n_clusters_per_class": 3}, "n_clusters_per_class"),
        ({"weights": [1, 2, 3]}, "weights"),
        ({"weights": [1, 2], "prior_noise": (0.5, 0.1)}, "weights"),
        ({"n_classes": 3, "n_informative": 4, "prior_noise": (0.5, 0.1)}, "n_classes"),
        ({"prior_drift": (0, 5, 0.9)}, "prior_drift"),
        ({"prior_drift": (1, 5, 1.9)}, "prior_drift"),
        ({"y_flip": (0.1, 0.1, 0.1)}, "y_flip"),
        ({"n_drifts": -1}, "n_drifts"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        StreamGenerator(**options)


def semi(**options):
    rng = np.random.default_rng(1)
    y = np.repeat(["a", "b", "c"], [100, 60, 40])
    X = rng.normal(size=(200, 5))
    return SemiSyntheticStreamGenerator(X=X, y=y, n_chunks=120, chunk_size=20, **options)


def test_projections_rest_at_their_points_and_move_between():
    sudden = semi(interpolation="nearest", n_drifts=2).projections()
    moves = np.abs(np.diff(sudden, axis=0)).sum((1, 2))
    np.testing.assert_array_equal(np.flatnonzero(moves), [29, 89])
    linear = semi(interpolation="linear", n_drifts=2, stabilize_factor=0.2).projections()
    moves = np.abs(np.diff(linear, axis=0)).sum((1, 2))
    still = np.flatnonzero(moves < 1e-9)
    assert set(still.tolist()) == {*range(5), *range(54, 65), *range(114, 119)}
    np.testing.assert_allclose(linear[60], sudden[60])
    np.testing.assert_allclose(linear[[0, -1]], sudden[[0, -1]])
    for kind in ("quadratic", "cubic"):
        np.testing.assert_allclose(
            semi(interpolation=kind, n_drifts=3).projections()[0],
            semi(interpolation="linear", n_drifts=3).projections()[0],
        )


def test_semi_synthetic_labels():
    assert semi().schema.classes == (0, 1)
    y = whole(semi())[1]
    assert y.mean() == pytest.approx(0.5, abs=0.04)  # 100 of 200 are the most frequent
    assert semi(binarize=False).schema.classes == ("a", "b", "c")
    with pytest.raises(ValueError, match=r"^interpolation"):
        semi(interpolation="spline")
    with pytest.raises(ValueError, match=r"^n_drifts"):
        semi(interpolation="cubic", n_drifts=2)
