import numpy as np
import pytest

from onlineml.datasets.compose import ConceptDrift, Recurring
from onlineml.datasets.generators import (
    LED,
    SEA,
    STAGGER,
    Agrawal,
    Friedman,
    Hyperplane,
    RandomRBF,
    RandomTree,
)
from onlineml.datasets.named import NAMED
from onlineml.datasets.stream import Chunk, Stream
from onlineml.schema import Schema


class Counting(Stream):
    """Rows numbered 0, 1, ... whose label is the stream's letter."""

    def __init__(self, letter, *, n_rows=None, task="classification"):
        self.name = self.letter = letter
        self.n_rows, self.task = n_rows, task

    @property
    def schema(self):
        return Schema(1, ("number",))

    def chunks(self, size):
        first = 0
        while self.n_rows is None or first < self.n_rows:
            last = first + size if self.n_rows is None else min(first + size, self.n_rows)
            X = np.arange(first, last, dtype=float)[:, None]
            y = X[:, 0] if self.task == "regression" else np.full(last - first, self.letter)
            yield Chunk(X, y)
            first = last


def first_rows(stream, n, size=None):
    chunks = list(stream.take(n).chunks(size or n))
    return np.concatenate([c.X for c in chunks]), np.concatenate([c.y for c in chunks])


def gradual(seed=3, **options):
    return ConceptDrift(
        Hyperplane(n_features=3, seed=1), SEA_LIKE, position=1000, width=400, seed=seed, **options
    )


SEA_LIKE = Hyperplane(n_features=3, model_seed=5, seed=2)
COMPOSED = {
    "sudden": ConceptDrift(SEA(seed=1), SEA(function=3, seed=2), position=1234),
    "gradual": gradual(),
    "incremental": gradual(kind="incremental"),
    "incremental regression": ConceptDrift(
        Friedman(seed=1), Friedman(seed=2), position=1000, width=300, kind="incremental"
    ),
    "incremental nominal": ConceptDrift(
        RandomTree(seed=1), RandomTree(seed=2), position=1000, width=300, kind="incremental"
    ),
    "nested": ConceptDrift(
        gradual(1), ConceptDrift(gradual(2), SEA_LIKE, position=300), position=1500, width=50
    ),
    "recurring": Recurring([LED(seed=k, n_drift_features=k) for k in range(3)], every=300),
    "recurring gradual": Recurring([gradual(1), gradual(2)], every=301, width=60),
    "files end": ConceptDrift(
        Counting("a", n_rows=900), Counting("b", n_rows=700), position=800, width=300
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_same_rows_in_chunks_of_any_size(name):
    X, y = first_rows(COMPOSED[name], 2500)
    for size in (1, 7, 1000):
        X_again, y_again = first_rows(COMPOSED[name], 2500, size)
        np.testing.assert_array_equal(X, X_again)
        np.testing.assert_array_equal(y, y_again)


def test_sudden_change_at_its_row():
    for width in (0, 1):
        _, y = first_rows(
            ConceptDrift(Counting("a"), Counting("b"), position=700, width=width), 1500, 64
        )
        assert "".join(y) == "a" * 700 + "b" * 800


def test_gradual_share_follows_the_sigmoid():
    stream = ConceptDrift(Counting("a"), Counting("b"), position=50_000, width=20_000)
    _, y = first_rows(stream, 100_000, 10_000)
    t = np.arange(100_000)
    expected = 1 / (1 + np.exp(-4 * (t - 50_000) / 20_000))
    shares = (y == "b").reshape(50, -1).mean(axis=1)
    np.testing.assert_allclose(shares, expected.reshape(50, -1).mean(axis=1), atol=0.04)
    assert (y == "b").sum() == pytest.approx(50_000, abs=500)


def test_each_source_moves_on_only_by_the_rows_taken_from_it():
    X, y = first_rows(ConceptDrift(Counting("a"), Counting("b"), position=500, width=300), 1500, 7)
    for letter in "ab":
        mine = X[y == letter, 0]
        assert len(mine) > 100
        np.testing.assert_array_equal(mine, np.arange(len(mine)))


def test_the_choice_of_rows_has_its_seed():
    first, again, other = (first_rows(gradual(seed), 2000)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_incremental_rows_move_from_one_concept_to_the_next():
    still = {"n_features": 2, "n_centroids": 1, "n_classes": 2}
    blobs = [RandomRBF(model_seed=seed, seed=seed, **still) for seed in range(1, 20)]
    a, b, *_ = (blob for blob in blobs if blob.centroids().label[0] == 1)
    stream = ConceptDrift(a, b, position=5000, width=2500, kind="incremental")
    X, _ = first_rows(stream, 10_000)
    share = 1 / (1 + np.exp(-4 * (np.arange(10_000) - 5000) / 2500))[:, None]
    middle = (1 - share) * a.centroids().center + share * b.centroids().center
    error = np.abs((X - middle).reshape(10, 1000, 2).mean(axis=1)).max()
    assert error < 0.05 < np.abs(a.centroids().center - b.centroids().center).max()
    np.testing.assert_array_equal(X[:600], first_rows(a, 600)[0])


def test_incremental_rows_of_unlike_labels_stay_those_of_the_nearer_concept():
    stream = ConceptDrift(Counting("a"), Counting("b"), position=500, width=200, kind="incremental")
    X, y = first_rows(stream, 1000, 90)
    assert "".join(y) == "a" * 500 + "b" * 500
    np.testing.assert_array_equal(X, np.round(X))


def test_incremental_regression_blends_targets_too():
    def half(name):
        return Counting(name, task="regression")

    stream = ConceptDrift(half("a"), half("b"), position=500, width=200, kind="incremental")
    X, y = first_rows(stream, 1000)
    np.testing.assert_allclose(X[:, 0], y)
    share = 1 / (1 + np.exp(-4 * (np.arange(1000) - 500) / 200))
    blended = (share >= 1e-3) & (share <= 1 - 1e-3)
    begin = np.flatnonzero(blended)[0]
    expected = (1 - share) * np.arange(1000) + share * (np.arange(1000) - begin)
    np.testing.assert_allclose(y[blended], expected[blended])


def test_drifts_of_nested_streams_count_from_the_outer_start():
    inner = ConceptDrift(SEA(), SEA(function=2), position=100)
    stream = ConceptDrift(inner, inner, position=1000, width=20)
    assert stream.drifts == (100, 1000, 1100)
    late = ConceptDrift(SEA(), SEA(function=2), position=5000)
    assert ConceptDrift(late, SEA(), position=1000).drifts == (1000,)
    assert stream.take(500).drifts == (100,)


def test_pass_ends_with_its_sources():
    short, long = Counting("a", n_rows=30), Counting("b", n_rows=50)
    after = ConceptDrift(short, long, position=20)
    assert after.n_rows == 70
    assert "".join(first_rows(after, 1000)[1]) == "a" * 20 + "b" * 50
    before = ConceptDrift(short, long, position=40)
    assert before.n_rows == 30
    assert "".join(first_rows(before, 1000)[1]) == "a" * 30
    assert ConceptDrift(short, Counting("b"), position=20).n_rows is None
    _, y = first_rows(Recurring([short, long], every=20), 1000)
    assert "".join(y) == "a" * 20 + "b" * 20 + "a" * 10


def test_recurring_concepts_take_turns_and_go_on_where_they_stopped():
    stream = Recurring([Counting("a"), Counting("b"), Counting("c")], every=50)
    X, y = first_rows(stream, 400, 33)
    assert "".join(y) == "".join(letter * 50 for letter in "abcabcab")
    np.testing.assert_array_equal(X[150:200, 0], np.arange(50, 100))
    assert stream.take(120).drifts == (50, 100)


def test_recurring_gradual_changes_follow_the_sigmoid():
    _, y = first_rows(Recurring([Counting("a"), Counting("b")], every=10_000, width=4000), 40_000)
    distance = np.arange(5000, 15_000) - 10_000
    expected = 1 / (1 + np.exp(-4 * distance / 4000))
    for start, newer in ((5000, "b"), (15_000, "a"), (25_000, "b")):
        shares = (y[start : start + 10_000] == newer).reshape(10, -1).mean(axis=1)
        np.testing.assert_allclose(shares, expected.reshape(10, -1).mean(axis=1), atol=0.05)


@pytest.mark.parametrize(
    ("b", "what"),
    [
        (LED(), "n_features"),
        (STAGGER(), "names"),
        (Counting("b"), "n_features"),
        ("sea", "b: got 'sea'"),
    ],
)
def test_streams_that_do_not_agree_are_refused(b, what):
    with pytest.raises(ValueError, match=what):
        ConceptDrift(SEA(), b, position=10)
    with pytest.raises(ValueError, match=what.replace("b:", r"streams\[1\]:")):
        Recurring([SEA(), b], every=10)


def test_streams_of_other_kinds_of_task_or_feature_are_refused():
    with pytest.raises(ValueError, match="task"):
        ConceptDrift(Counting("a"), Counting("b", task="regression"), position=10)
    with pytest.raises(ValueError, match="nominal"):
        ConceptDrift(RandomTree(n_values=4), RandomTree(n_values=5), position=10)


@pytest.mark.parametrize(
    "bad", [{"position": -1}, {"width": -1}, {"kind": "sudden"}, {"seed": None}, {"position": 1.5}]
)
def test_bad_options_are_named(bad):
    options = {"position": 10} | bad
    with pytest.raises(ValueError, match=next(iter(bad))):
        ConceptDrift(SEA(), SEA(), **options)


def test_bad_recurrence_is_named():
    with pytest.raises(ValueError, match="streams"):
        Recurring([SEA()], every=10)
    with pytest.raises(ValueError, match="every"):
        Recurring([SEA(), SEA()], every=0)
    with pytest.raises(ValueError, match="width"):
        Recurring([SEA(), SEA()], every=10, width=11)


@pytest.mark.parametrize("name", NAMED)
def test_named_streams(name):
    stream = NAMED[name](n_rows=400, seed=2)
    X, y = first_rows(stream, 1000)
    assert X.shape == (400, stream.schema.n_features)
    assert stream.n_rows == len(y) == 400
    assert stream.name == name
    assert stream.drifts == ((100, 200, 300) if name.endswith(("_a", "_g")) else ())
    np.testing.assert_array_equal(first_rows(NAMED[name](n_rows=400, seed=2), 400, 37)[0], X)
    assert not np.array_equal(first_rows(NAMED[name](n_rows=400, seed=3), 400)[0], X)


def test_named_recipes_change_as_they_say():
    assert NAMED["sea_g"]().drifts == (250_000, 500_000, 750_000)
    X, y = first_rows(NAMED["sea_a"](n_rows=40_000), 40_000)
    total = X[:, 0] + X[:, 1]
    for k, threshold in enumerate((8, 9, 9.5, 8)):
        quarter = slice(10_000 * k + 10, 10_000 * (k + 1) - 10)
        errors = (y[quarter] != (total[quarter] > threshold)).mean()
        assert errors == pytest.approx(0.1, abs=0.015)
    X, y = first_rows(NAMED["agr_a"](n_rows=4000), 4000)
    age = X[:, 2]
    right = ((age < 40) | (age >= 60)) == (y == 0)
    assert [right[1000 * k : 1000 * (k + 1)].mean() > 0.9 for k in range(4)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert set(first_rows(NAMED["rbf_m"](n_classes=5), 1000)[1]) == set(range(5))


def test_concepts_of_a_named_stream_never_repeat_each_others_rows():
    X, _ = first_rows(NAMED["sea_a"](n_rows=4000), 4000)
    assert len(np.unique(X, axis=0)) == 4000


def test_composed_streams_of_any_kind_iterate_as_mappings():
    stream = ConceptDrift(Agrawal(), Agrawal(function=2, seed=2), position=5, name="both")
    rows = [x for x, _ in stream.take(10)]
    assert len(rows) == 10
    assert set(rows[7]) == set(Agrawal().schema.names)
    assert stream.name == "both"
