from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest

from onlineml.datasets import generators
from onlineml.datasets.generators import (
    LED,
    SEA,
    STAGGER,
    Agrawal,
    Friedman,
    Generator,
    Hyperplane,
    Mixed,
    RandomRBF,
    RandomTree,
    Sine,
    StreamGenerator,
    Waveform,
)
from onlineml.datasets.generators.generator import fill_uniform, model_draws
from onlineml.datasets.generators.led import SEGMENTS
from onlineml.datasets.generators.waveform import WAVES
from onlineml.kernels.random import seeded
from tests.naive import agrawal as naive_agrawal
from tests.naive import friedman as naive_friedman

EXPORTED = [getattr(generators, name) for name in generators.__all__]
KINDS = [kind for kind in EXPORTED if issubclass(kind, Generator) and kind is not Generator]
STREAMS = [
    *(kind(n_rows=2500) for kind in KINDS),
    SEA(balance=True, n_rows=2500),
    Agrawal(function=5, balance=True, n_rows=2500),
    RandomRBF(speed=0.01, n_rows=2500),
    Hyperplane(n_drift_features=10, magnitude=0.01, n_rows=2500),
    Friedman(drift="gradual", positions=(500, 1500), width=500, n_rows=2500),
    Waveform(n_features=40, n_rows=2500),
]

SEA_FIRST = (
    [
        [3.2369569165259815, 6.797505103513438, 7.036488917255913],
        [6.7787420468432895, 5.9002925449598544, 3.3355013549087866],
    ],
    [1, 1],
)


def rows(stream, n):
    return next(stream.chunks(n))


def whole_pass(stream, size):
    chunks = list(stream.chunks(size))
    return np.concatenate([c.X for c in chunks]), np.concatenate([c.y for c in chunks])


def test_every_generator_is_tested():
    assert len(KINDS) == 11


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_same_rows_in_chunks_of_any_size_and_in_every_pass(stream):
    X, y = whole_pass(stream, 2500)
    assert X.shape == (2500, stream.schema.n_features)
    assert y.shape == (2500,)
    for size in (1, 7, 1000):
        X_again, y_again = whole_pass(stream, size)
        np.testing.assert_array_equal(X, X_again)
        np.testing.assert_array_equal(y, y_again)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_rows_follow_the_seed_and_the_schema(kind):
    chunk = rows(kind(seed=5), 2000)
    assert not np.array_equal(chunk.X, rows(kind(seed=6), 2000).X)
    np.testing.assert_array_equal(chunk.X, rows(kind(seed=5), 2000).X)
    schema = kind(seed=5).schema
    for column, values in schema.nominal.items():
        assert set(chunk.X[:, column]) == set(range(len(values)))
    if schema.classes is not None:
        assert set(chunk.y.tolist()) == set(schema.classes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_endless_until_told_otherwise(kind):
    assert kind().n_rows is None
    chunks = kind().chunks(10)
    assert len([next(chunks) for _ in range(50)]) == 50
    assert [len(c.y) for c in kind(n_rows=25).chunks(10)] == [10, 10, 5]
    assert list(kind(n_rows=0).chunks(10)) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("bad", [{"seed": -1}, {"seed": None}, {"seed": 0.5}, {"n_rows": -1}])
def test_bad_seed_or_length_is_named(kind, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        kind(**bad)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (SEA, {"function": 5}),
        (SEA, {"noise": 1.5}),
        (SEA, {"noise": "much"}),
        (LED, {"n_drift_features": 8}),
        (LED, {"irrelevant": False, "n_drift_features": 1}),
        (Agrawal, {"function": 0}),
        (Agrawal, {"perturbation": float("nan")}),
        (STAGGER, {"function": 4}),
        (Sine, {"function": 5}),
        (Sine, {"n_irrelevant": -1}),
        (Mixed, {"function": 3}),
        (Waveform, {"n_features": 20}),
        (RandomRBF, {"n_classes": 1}),
        (RandomRBF, {"n_drift_centroids": 51}),
        (RandomRBF, {"speed": -0.1}),
        (Hyperplane, {"n_drift_features": 11}),
        (Hyperplane, {"sigma": 2}),
        (RandomTree, {"n_numeric": 0, "n_nominal": 0}),
        (RandomTree, {"leaf_fraction": -0.1}),
        (RandomTree, {"max_depth": 60, "leaf_fraction": 0}),
        (Friedman, {"drift": "sudden"}),
        (Friedman, {"drift": "gradual", "positions": (1, 2, 3)}),
        (Friedman, {"drift": "local_abrupt", "positions": (1, 3, 2)}),
        (Friedman, {"drift": "gradual", "positions": (10, 20), "width": 11}),
    ],
)
def test_bad_parameters_are_named(kind, bad):
    names = "|".join([*bad, "n_numeric"])
    with pytest.raises(ValueError, match=names):
        kind(**bad)


def test_model_draws_are_those_of_the_kernels():
    out = np.empty(500)
    fill_uniform(seeded(7, 2)[1:], out)
    np.testing.assert_array_equal(model_draws(7, 500), out)


def test_seeds_mean_the_same_rows_for_ever():
    X, y, _ = rows(SEA(seed=1), 2)
    assert (X.tolist(), y.tolist()) == SEA_FIRST


def test_bad_chunk_size_is_refused_at_once():
    for size in (0, 1.5, float("nan"), "all"):
        with pytest.raises(ValueError, match=r"^size: got "):
            SEA().chunks(size)


@pytest.mark.parametrize("value", ["no", None, float("nan"), 2])
def test_flags_are_true_or_false(value):
    flags = {
        "balance": (SEA, Sine, Mixed, STAGGER, Agrawal),
        "irrelevant": (LED,),
        "incremental": (StreamGenerator,),
        "recurring": (StreamGenerator,),
    }
    for name, kinds in flags.items():
        for kind in kinds:
            with pytest.raises(ValueError, match=f"^{name}: got .* expected True or False$"):
                kind(**{name: value})


def test_iterating_gives_mappings_with_nominal_values():
    x, y = next(iter(Agrawal(seed=2)))
    assert x["car"] in Agrawal().schema.nominal[4]
    assert x["zipcode"].startswith("zipcode")
    assert y in (0, 1)


@pytest.mark.parametrize(("function", "threshold"), [(1, 8), (2, 9), (3, 7), (4, 9.5)])
def test_sea_labels_and_noise(function, threshold):
    X, y, _ = rows(SEA(function=function, noise=0.0), 20_000)
    np.testing.assert_array_equal(y, X[:, 0] + X[:, 1] > threshold)
    assert 1 - y.mean() == pytest.approx(threshold**2 / 200, abs=0.015)
    X, y, _ = rows(SEA(function=function, noise=0.1), 20_000)
    flipped = (y != (X[:, 0] + X[:, 1] > threshold)).mean()
    assert flipped == pytest.approx(0.1, abs=0.008)


@pytest.mark.parametrize("kind", [SEA, Agrawal, STAGGER, Sine, Mixed])
def test_balance_gives_the_classes_in_turn(kind):
    quiet = {"noise": 0.0} if kind in (SEA, Sine, Mixed) else {}
    _, y, _ = rows(kind(balance=True, **quiet), 1000)
    np.testing.assert_array_equal(y, np.arange(1000) % 2)


def test_led_has_its_known_ceiling():
    patterns = np.array(list(product((0, 1), repeat=7)))
    agree = patterns[:, None, :] == SEGMENTS[None]
    joint = np.where(agree, 0.9, 0.1).prod(axis=2) / 10
    ceiling = joint.max(axis=1).sum()
    assert ceiling == pytest.approx(0.74, abs=0.0005)
    X, y, _ = rows(LED(noise=0.1), 200_000)
    pattern = X[:, :7].astype(int) @ 2 ** np.arange(6, -1, -1)
    right = joint.argmax(axis=1)[pattern] == y
    three_errors = 3 * np.sqrt(ceiling * (1 - ceiling) / len(y))
    assert right.mean() == pytest.approx(ceiling, abs=three_errors)
    np.testing.assert_allclose(X[:, 7:].mean(axis=0), 0.5, atol=0.005)


def test_led_swaps_more_features_at_every_drift():
    def relevant(n_drift_features):
        stream = LED(noise=0.0, n_drift_features=n_drift_features, model_seed=4)
        X, y, _ = rows(stream, 2000)
        return {j for j in range(24) if all(np.ptp(X[y == c, j]) == 0 for c in range(10))}

    sets = [relevant(n) for n in range(8)]
    assert sets[0] == set(range(7))
    assert [len(s - sets[0]) for s in sets] == list(range(8))
    assert all(later - sets[0] > earlier - sets[0] for earlier, later in pairwise(sets))


@pytest.mark.parametrize("function", range(1, 11))
def test_agrawal_equals_its_naive_twin(function):
    X, y, _ = rows(Agrawal(function=function, perturbation=0.0, seed=function), 3000)
    for row, label in zip(X.tolist(), y.tolist()):
        applicant = SimpleNamespace(**dict(zip(Agrawal().schema.names, row)))
        assert label == (0 if naive_agrawal.RULES[function - 1](applicant) else 1)


def test_agrawal_features_keep_their_ranges():
    X, _, _ = rows(Agrawal(perturbation=0.0), 50_000)
    salary, commission, age, _, _, zipcode, hvalue, hyears, loan = X.T
    assert 20e3 <= salary.min() < 20.1e3 < 149.9e3 < salary.max() <= 150e3
    np.testing.assert_array_equal(commission == 0, salary >= 75e3)
    assert 10e3 <= commission[commission > 0].min() < commission.max() <= 75e3
    assert set(age) == set(range(20, 81))
    assert set(hyears) == set(range(1, 31))
    assert loan.mean() == pytest.approx(250e3, rel=0.01)
    worth = hvalue / ((9 - zipcode) * 100e3)
    assert 0.5 <= worth.min() < 0.51 < 1.49 < worth.max() <= 1.5


def test_agrawal_perturbation_moves_features_after_the_label():
    clean, noisy = (rows(Agrawal(function=7, perturbation=p), 1).X for p in (0.0, 0.05))
    assert 0 < abs(clean[0, 0] - noisy[0, 0]) <= 0.05 * 130e3
    X, y, _ = rows(Agrawal(function=1, perturbation=0.05), 20_000)
    age = X[:, 2]
    wrong = ((age < 40) | (age >= 60)) != (y == 0)
    assert 0.01 < wrong.mean() < 0.06
    np.testing.assert_array_equal(age, np.rint(age))
    assert X[:, 6].max() == 135e3


@pytest.mark.parametrize("function", [1, 2, 3])
def test_stagger_concepts(function):
    X, y, _ = rows(STAGGER(function=function), 5000)
    size, color, shape = X.T
    concept = {
        1: (size == 0) & (color == 0),
        2: (color == 2) | (shape == 0),
        3: (size == 1) | (size == 2),
    }
    np.testing.assert_array_equal(y, concept[function])
    assert y.mean() == pytest.approx({1: 1 / 9, 2: 5 / 9, 3: 2 / 3}[function], abs=0.02)


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_sine_labels(function):
    X, y, _ = rows(Sine(function=function, n_irrelevant=2), 5000)
    curve = np.sin(X[:, 0]) if function < 3 else 0.5 + 0.3 * np.sin(3 * np.pi * X[:, 0])
    np.testing.assert_array_equal(y, (X[:, 1] >= curve) == (function in (1, 3)))
    assert X.shape[1] == 4
    _, noisy, _ = rows(Sine(function=function, n_irrelevant=2, noise=1.0), 5000)
    np.testing.assert_array_equal(noisy, 1 - y)


@pytest.mark.parametrize("function", [1, 2])
def test_mixed_labels(function):
    X, y, _ = rows(Mixed(function=function), 5000)
    v, w, x, height = X.T
    votes = v + w + (height < 0.5 + 0.3 * np.sin(3 * np.pi * x))
    np.testing.assert_array_equal(y, (votes >= 2) == (function == 2))


def test_waveform_class_means_are_those_of_the_mixed_waves():
    X, y, _ = rows(Waveform(n_features=40), 60_000)
    for label, (first, second) in enumerate([(0, 1), (0, 2), (1, 2)]):
        mine = X[y == label]
        np.testing.assert_allclose(
            mine[:, :21].mean(axis=0), (WAVES[first] + WAVES[second]) / 2, atol=0.06
        )
        np.testing.assert_allclose(mine[:, 21:].std(axis=0), 1.0, atol=0.03)
    assert [WAVES[k].argmax() for k in range(3)] == [6, 14, 10]
    assert np.corrcoef(X[:, 21], X[:, 22])[0, 1] == pytest.approx(0.0, abs=0.02)


def test_rbf_centers_move_at_their_speed_and_stay_in_the_cube():
    def centers(n_before):
        stream = RandomRBF(n_centroids=1, n_features=3, speed=0.01, model_seed=3)
        state = stream._start()
        state[4][:] = 0.0  # no spread: every row lies on its center
        X = np.empty((n_before, 3))
        stream._write(state, X, np.empty(n_before, np.int64))
        return X

    path = centers(2000)
    assert path.min() >= 0.0
    assert path.max() <= 1.0
    steps = np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1))
    assert np.median(steps) == pytest.approx(0.01)
    assert steps.max() <= 0.01 + 1e-12
    np.testing.assert_array_equal(
        path[0], RandomRBF(n_features=3, n_centroids=1, model_seed=3).centroids().center[0]
    )


def test_rbf_rows_lie_around_centers_of_their_class():
    stream = RandomRBF(n_classes=3, n_features=4, n_centroids=5)
    center, velocity, label, _, weight = stream.centroids()
    assert not velocity.any()
    state = list(stream._start())
    X, y = np.empty((50_000, 4)), np.empty(50_000, np.int64)
    state[4] = np.full(5, 1e-6)
    stream._write(tuple(state), X, y)
    nearest = ((X[:, None] - center) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(y, label[nearest])
    shares = np.bincount(nearest, minlength=5) / len(y)
    np.testing.assert_allclose(shares, weight / weight.sum(), atol=0.01)
    only = RandomRBF(n_centroids=5, n_drift_centroids=2, speed=0.1).centroids().velocity
    np.testing.assert_allclose((only**2).sum(axis=1), [0.01, 0.01, 0, 0, 0], atol=1e-15)


def test_rbf_model_and_rows_have_seeds_of_their_own():
    same, other = RandomRBF(model_seed=1, seed=2), RandomRBF(model_seed=1, seed=3)
    np.testing.assert_array_equal(same.centroids().center, other.centroids().center)
    assert not np.array_equal(same.centroids().center, RandomRBF(model_seed=2).centroids().center)


def test_hyperplane_labels_while_its_weights_change():
    stream = Hyperplane(
        n_features=5, n_drift_features=2, magnitude=0.01, sigma=0.0, noise=0.0, model_seed=7
    )
    X, y, _ = rows(stream, 2000)
    weights = stream.weights() + np.arange(2000)[:, None] * np.array([0.01, 0.01, 0, 0, 0])
    np.testing.assert_array_equal(y, ((X - 0.5) * weights).sum(axis=1) >= 0)
    X, noisy, _ = rows(Hyperplane(n_drift_features=0, noise=0.2), 20_000)
    clean = (X - 0.5) @ Hyperplane().weights() >= 0
    assert (noisy != clean).mean() == pytest.approx(0.2, abs=0.01)


def test_hyperplane_weights_turn_back_by_sigma():
    stream = Hyperplane(n_features=1, n_drift_features=1, magnitude=1.0, sigma=0.25)
    state = stream._start()
    steps = []
    for _ in range(4000):
        stream._write(state, np.empty((1, 1)), np.empty(1, np.int64))
        steps.append(float(state[2][0]))
    turns = np.mean(np.diff(steps) != 0)
    assert turns == pytest.approx(0.25, abs=0.02)


def test_random_tree_is_a_function_of_the_row():
    stream = RandomTree(n_nominal=2, n_numeric=0, n_values=3, model_seed=2)
    X, y, _ = rows(stream, 3000)
    for values in product(range(3), repeat=2):
        assert len(set(y[(values == X).all(axis=1)])) == 1
    deep = RandomTree(max_depth=8, first_leaf_depth=8, n_classes=4)
    assert set(rows(deep, 3000).y) == {0, 1, 2, 3}
    np.testing.assert_array_equal(
        rows(RandomTree(model_seed=1), 500).X, rows(RandomTree(model_seed=2), 500).X
    )
    assert not np.array_equal(
        rows(RandomTree(model_seed=1), 500).y, rows(RandomTree(model_seed=2), 500).y
    )


@pytest.mark.parametrize("drift", [None, "local_abrupt", "recurring_abrupt"])
def test_friedman_equals_its_naive_twin(drift):
    positions = {None: (), "local_abrupt": (4000, 8000, 12_000), "recurring_abrupt": (4000, 8000)}
    stream = Friedman(noise=0.0, drift=drift, positions=positions[drift], seed=9)
    assert stream.drifts == positions[drift]
    assert stream.task == "regression"
    X, y, _ = rows(stream, 16_000)
    n_changes = sum((np.arange(16_000) >= p).astype(int) for p in (4000, 8000, 12_000)).tolist()
    twin = {
        None: lambda x, n: naive_friedman.first(x),
        "local_abrupt": naive_friedman.local,
        "recurring_abrupt": lambda x, n: (
            naive_friedman.second if n == 1 else naive_friedman.first
        )(x),
    }[drift]
    expected = [twin(x, n) for x, n in zip(X.tolist(), n_changes)]
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    if drift == "local_abrupt":
        plain = np.array([naive_friedman.first(x) for x in X.tolist()])
        changed = [
            np.mean(plain[k : k + 4000] != np.array(expected)[k : k + 4000])
            for k in range(0, 16_000, 4000)
        ]
        assert changed[0] == 0 < changed[1] < changed[2] < changed[3]


def test_friedman_gradual_drift_mixes_two_concepts():
    stream = Friedman(noise=0.0, drift="gradual", positions=(10_000, 30_000), width=10_000)
    assert stream.drifts == (15_000, 35_000)
    X, y, _ = rows(stream, 45_000)
    concepts = [naive_friedman.first, naive_friedman.second, naive_friedman.third]
    targets = np.array([[concept(x) for concept in concepts] for x in X.tolist()])
    concept = np.abs(targets - y[:, None]).argmin(axis=1)
    assert np.abs(targets - y[:, None]).min(axis=1).max() < 1e-9
    assert set(concept[:10_000]) == {0}
    assert set(concept[20_000:30_000]) == {1}
    assert set(concept[40_000:]) == {2}
    thirds = [np.mean(concept[k : k + 2500] == 1) for k in range(10_000, 20_000, 2500)]
    np.testing.assert_allclose(thirds, [1 / 8, 3 / 8, 5 / 8, 7 / 8], atol=0.03)


def test_friedman_noise_has_its_standard_deviation():
    clean, noisy = rows(Friedman(noise=0.0), 20_000), rows(Friedman(noise=2.0), 20_000)
    np.testing.assert_array_equal(clean.X, noisy.X)
    assert (noisy.y - clean.y).std() == pytest.approx(2.0, rel=0.03)
    assert (noisy.y - clean.y).mean() == pytest.approx(0.0, abs=0.06)
