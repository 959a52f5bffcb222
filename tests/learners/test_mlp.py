"""Networks: their kernels against torch, the learners against plain twins and on streams."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from onlineml.datasets import load
from onlineml.kernels import jit, mlp, mlp_steps
from onlineml.learners import MLPClassifier, MLPRegressor
from tests.naive import mlp as naive
from tests.naive.streams import SCHEMA, mixed

RANDOM = np.zeros(1, np.int64)
SHAPES = [(5, 7, 3), (4, 9, 6, 2), (3, 8, 5, 6, 1), (10, 32, 5)]
MODULES: dict[str, Any] = {
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "tanh": torch.nn.Tanh,
}
OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
}
RULES = [*OPTIMIZERS, "obgd", "intentional"]


def torch_net(shape: Any, activation: str) -> Any:
    layers: list[Any] = []
    for n_in, n_out in pairwise(shape):
        layers += [torch.nn.Linear(n_in, n_out, dtype=torch.float64), MODULES[activation]()]
    return torch.nn.Sequential(*layers[:-1])


def flat(tensors: Any) -> Any:
    """Torch's matrices and intercepts (n_out, n_in), (n_out,), ... in the layout of kernels."""
    arrays = [t.detach().numpy() for t in tensors]
    parts = [a.T if k < len(arrays) - 2 else a for k, a in enumerate(arrays)]
    return np.concatenate([np.ascontiguousarray(part).ravel() for part in parts])


@jit
def signals(shape: Any) -> Any:
    return mlp.signals_in(np.empty(3 * shape[1:].sum()), shape)


def nets(shape: Any, activation: str, seed: int) -> tuple[Any, Any, Any]:
    """Equal networks of both kinds, and room for signals."""
    torch.manual_seed(seed)
    theirs, widths = torch_net(shape, activation), np.array(shape)
    number, dropout = mlp.ACTIVATIONS[activation], np.zeros(len(shape) - 2)
    return theirs, mlp.Net(widths, flat(theirs.parameters()), number, dropout), signals(widths)


@pytest.mark.parametrize("activation", list(MODULES))
@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_and_gradients_are_those_of_autograd(shape: Any, activation: str) -> None:
    theirs, ours, room = nets(shape, activation, 1)
    rng = np.random.default_rng(2)
    X, slopes = rng.normal(size=(6, shape[0])), rng.normal(size=(6, shape[-1]))
    gradient, places = np.zeros(len(ours.weights)), np.arange(shape[0])
    for x, slope in zip(X, slopes):
        mlp.forward(ours, room, places, x, len(x), False, RANDOM)
        due = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(mlp.outputs(ours, room), due, rtol=1e-12, atol=1e-14)
        mlp.output_deltas(ours, room)[:] = slope
        mlp.backward(ours, room)
        mlp.accumulate(ours, room, places, x, len(x), gradient)
        alone = np.zeros(len(gradient))
        mlp.accumulate(ours, room, places, x, len(x), alone)
        assert mlp.squared_gradient(ours, room, x, len(x)) == pytest.approx((alone**2).sum())
    (theirs(torch.tensor(X)) * torch.tensor(slopes)).sum().backward()
    due = flat([p.grad for p in theirs.parameters()])
    np.testing.assert_allclose(gradient, due, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_torch(shape: Any, batch: int, optimizer: str) -> None:
    theirs, ours, room = nets(shape, "relu", 3)
    descent = OPTIMIZERS[optimizer](theirs.parameters())
    rng, rule, places = np.random.default_rng(4), mlp_steps.RULES[optimizer], np.arange(shape[0])
    moments, gradient = np.zeros((rule, len(ours.weights))), np.zeros(len(ours.weights))
    for t in range(1, 40):
        X, Y = rng.normal(size=(batch, shape[0])), rng.normal(size=(batch, shape[-1]))
        loss = 0.5 * ((theirs(torch.tensor(X)) - torch.tensor(Y)) ** 2).sum() / batch
        descent.zero_grad()
        loss.backward()
        descent.step()
        step = mlp_steps.step_of(rule, 0.02, 1.0, float(t))
        for x, y in zip(X, Y):
            mlp.forward(ours, room, places, x, len(x), False, RANDOM)
            mlp.output_deltas(ours, room)[:] = (mlp.outputs(ours, room) - y) / batch
            mlp.backward(ours, room)
            if batch == 1:
                mlp_steps.descend(ours, room, places, x, len(x), moments, step)
            else:
                mlp.accumulate(ours, room, places, x, len(x), gradient)
        if batch > 1:
            mlp_steps.descend_along(ours, gradient, moments, step)
            gradient[:] = 0.0
        np.testing.assert_allclose(ours.weights, flat(theirs.parameters()), rtol=1e-5, atol=1e-6)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    _, ours, room = nets((3, 400, 200, 2), "relu", 5)
    x, places, random = np.ones(3), np.arange(3), np.ones(1, np.int64)
    ours = ours._replace(dropout=np.array([0.25, 0.0]))
    mlp.forward(ours, room, places, x, 3, False, random)
    assert random[0] == 1, "serving draws nothing"
    units, total, n = room.units[:400].copy(), np.zeros(400), 500
    for _ in range(n):
        mlp.forward(ours, room, places, x, 3, True, random)
        total += room.units[:400]
        there = room.units[:400] > 0
        np.testing.assert_allclose(room.units[:400][there], units[there] / 0.75)
        assert (room.slopes[:400][there] == 1 / 0.75).all()
        assert (room.slopes[:400][~there] == 0.0).all()
    assert total.sum() / n == pytest.approx(units.sum(), rel=0.01)


def test_a_network_is_laid_out_anew() -> None:
    old, new = np.array([6, 4, 3, 2]), np.array([16, 4, 3, 4])  # 3 groups of 2 become 4 of 4
    flat_weights = np.arange(1.0, mlp.n_weights(old) + 1)
    moved = mlp.relaid(flat_weights, old, new, (2, 4))
    assert sorted(moved[moved > 0]) == flat_weights.tolist()
    first = moved[:64].reshape(4, 4, 4)
    np.testing.assert_array_equal(first[:3, :2], flat_weights[:24].reshape(3, 2, 4))
    last = moved[-4 * 3 - 4 :]
    np.testing.assert_array_equal(last[:6], flat_weights[-8:-2])
    np.testing.assert_array_equal(last[12:], [*flat_weights[-2:], 0, 0])


@pytest.mark.parametrize("activation", list(MODULES))
@pytest.mark.parametrize("shape", SHAPES)
def test_layers_are_normalized_as_in_torch(shape: Any, activation: str) -> None:
    """Answers, and a step of plain descent, of a classifier that has learned."""
    rng, hidden = np.random.default_rng(2), shape[1:-1]
    X, y = rng.normal(size=(40, shape[0])), rng.integers(0, max(2, shape[-1]), 40)
    y[:2] = 0, 1
    model = MLPClassifier(
        hidden=hidden, activation=activation, optimizer="sgd", layer_norm=True, seed=1
    ).fit_many(X, y)
    widths, place, tensors = model.shape_, 0, []
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        size = (n_out, n_in) if k == len(widths) - 2 else (n_in, n_out)
        for part in (size, (n_out,)):
            there = model.weights_[place : place + np.prod(part)].reshape(part)
            tensors.append(torch.tensor(there, requires_grad=True))
            place += np.prod(part)
    x = torch.tensor((X[3] - model.standing_[1]) * model.standing_[3])
    for k in range(len(hidden)):
        x = torch.nn.functional.layer_norm(
            x @ tensors[2 * k] + tensors[2 * k + 1], hidden[k : k + 1]
        )
        x = MODULES[activation]()(x)
    n_classes = len(model.classes_)
    scores = (tensors[-2] @ x + tensors[-1])[:n_classes]
    due = torch.softmax(scores, 0).detach().numpy()
    np.testing.assert_allclose(model.predict_proba_one(X[3]), due, rtol=1e-9)
    label = int(np.flatnonzero(model.classes_ == y[3])[0])
    torch.nn.functional.cross_entropy(scores[None], torch.tensor([label])).backward()
    due = np.concatenate([(t - 1e-6 * t.grad).detach().numpy().ravel() for t in tensors])
    before = model.weights_.copy()
    model.learning_rate = 1e-6
    model._forget_caches()
    model.fit_one(X[3], y[3])
    np.testing.assert_allclose(model.weights_ - before, due - before, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("optimizer", ["obgd", "intentional"])
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_bounded_steps_learn_what_no_line_can_tell(
    cls: Any, optimizer: Any, layer_norm: bool
) -> None:
    X = np.random.default_rng(1).normal(size=(12_000, 2))
    y = X[:, 0] * X[:, 1]
    rate = 1.0 if optimizer == "obgd" else 0.1
    model = cls(optimizer=optimizer, learning_rate=rate, layer_norm=layer_norm, seed=1)
    if cls is MLPClassifier:
        right = model.predict_fit_many(X, y > 0)[6000:] == (y > 0)[6000:]
        assert 0.88 < right.mean() < 0.999
    else:
        errors = (model.predict_fit_many(X, y) - y)[6000:]
        assert 0.02 < (errors**2).mean() / y.var() < 0.3


def test_an_intended_share_of_the_error_goes() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    model = MLPRegressor(
        optimizer="intentional", learning_rate=0.1, activation="tanh", layer_norm=True, seed=1
    ).fit_many(X[:-1], y[:-1])
    before = model.predict_one(X[-1]) - y[-1]
    standing, target = model.standing_.copy(), model.target_.copy()
    model.fit_one(X[-1], y[-1])
    model.standing_[:], model.target_[:] = standing, target
    assert (model.predict_one(X[-1]) - y[-1]) / before == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize(("hidden", "activation"), [((6,), "relu"), ((4, 5, 3), "leaky_relu")])
def test_classifier_equals_the_naive_twin(
    hidden: Any, activation: Any, optimizer: Any, layer_norm: bool
) -> None:
    X, y, _, weight = mixed(1, 90)
    labels = np.unique(y, return_index=True)[1].argsort().argsort()[y]  # by first appearance
    model = MLPClassifier(
        hidden=hidden,
        activation=activation,
        optimizer=optimizer,
        learning_rate=0.03,
        l2=0.01,
        layer_norm=layer_norm,
        seed=4,
    ).start(SCHEMA)
    twin = naive.MLPClassifier(
        {2}, naive.Network(hidden, activation, optimizer, 0.03, 0.01, 4, layer_norm)
    )
    for x, label, w in zip(X, labels.tolist(), weight.tolist()):
        if twin.n_classes:
            due = twin.predict_proba_one(x)
            np.testing.assert_allclose(model.predict_proba_one(x), due, rtol=1e-4, atol=1e-6)
        model.fit_one(x, label, weight=w)
        twin.fit_one(x, label, w)
    assert len(model.classes_) == 3


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("optimizer", RULES)
def test_regressor_equals_the_naive_twin(optimizer: Any, layer_norm: bool) -> None:
    X, _, y, weight = mixed(2, 90)
    model = MLPRegressor(
        hidden=(5, 4),
        activation="tanh",
        optimizer=optimizer,
        learning_rate=0.02,
        l2=0.01,
        layer_norm=layer_norm,
        seed=4,
    ).start(SCHEMA)
    net = naive.Network((5, 4), "tanh", optimizer, 0.02, 0.01, 4, layer_norm)
    twin = naive.MLPRegressor({2}, net)
    for x, target, w in zip(X, y.tolist(), weight.tolist()):
        np.testing.assert_allclose(model.predict_one(x), twin.predict_one(x), rtol=1e-4, atol=1e-5)
        model.fit_one(x, target, weight=w)
        twin.fit_one(x, target, w)


@pytest.mark.parametrize(
    "params", [{}, {"layer_norm": True, "optimizer": "obgd"}, {"optimizer": "intentional"}]
)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_random_chunks_give_the_bits_of_the_row_loop(cls: Any, params: Any) -> None:
    X, labels, targets, weight = mixed(3)
    y = targets if cls is MLPRegressor else labels
    rows, parts = (cls(hidden=(9, 7), dropout=0.3, seed=1, **params).start(SCHEMA) for _ in "12")
    for i in range(len(X)):
        rows.fit_one(X[i], y[i], weight=weight[i])
    for part in np.split(np.arange(len(X)), [1, 2, 50, 131]):
        parts.fit_many(X[part], y[part], weight=weight[part])
    np.testing.assert_array_equal(rows.weights_, parts.weights_)
    np.testing.assert_array_equal(rows.moments_, parts.moments_)


def test_mappings_that_bring_features_and_values_by_row_or_at_once() -> None:
    rows: list[Any] = [{"a": 1.0}, {"a": 2.0, "sky": "blue"}, {"a": 0.5, "b": 3.0, "sky": "gray"}]
    rows += [{"b": 1.0, "sky": color} for color in ("red", "blue", "pink", "gold")]
    y = [0, 1, 0, 1, 2, 3, 4]
    one, many = (MLPClassifier(hidden=(4,), seed=1) for _ in "12")
    for row, label in zip(rows, y):
        one.fit_one(row, label)
    many.fit_many(rows, y)
    for name in ("weights_", "moments_", "known_", "standing_", "shape_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_learns_what_no_line_can_tell() -> None:
    (chunk,) = load("random_rbf", seed=1, n_classes=4).take(8000).chunks(8000)
    X, y = chunk.X, np.asarray(chunk.y)
    answers = MLPClassifier(seed=1).predict_fit_many(X, y)
    assert 0.80 < (answers[4000:] == y[4000:]).mean() < 0.99


def test_follows_a_curve_of_any_scale() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(6000, 3)) * [1.0, 1e3, 1e-3] + [0.0, 1e5, 0.0]
    y = 1e4 + 500 * np.abs(X[:, 0]) + X[:, 1] * X[:, 2]
    errors = MLPRegressor(seed=1).predict_fit_many(X, y) - y
    assert np.abs(errors[3000:]).mean() < 0.1 * y.std()


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("wild", [1e6, 1e40, 1e200])
def test_a_wild_row_does_no_lasting_harm(optimizer: Any, wild: float) -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(4000, 3))
    label, target = X[:, 0] > X[:, 1], X[:, 0] - X[:, 1]
    X[500] = wild
    target[1000] = min(wild, 1e40)
    classifier = MLPClassifier(optimizer=optimizer, seed=1).fit_many(X, label)
    assert (classifier.predict_many(X[3000:]) == label[3000:]).mean() > 0.8
    regressor = MLPRegressor(optimizer=optimizer, seed=1).fit_many(X, target)
    for model in (classifier, regressor):
        assert np.isfinite(model.weights_).all()
    assert np.isfinite(regressor.predict_many(X)).all()


def test_long_runs_do_not_slow_down() -> None:
    """Moments of units that died would fade into denormal numbers, which are slow."""
    X, y = np.zeros((30_000, 2)), np.zeros(30_000)
    X[:10], y[:10] = np.random.default_rng(1).normal(size=(10, 2)), np.arange(10) % 2
    model = MLPClassifier(seed=1).fit_many(X, y)
    moments = np.abs(model.moments_)
    assert not ((moments > 0) & (moments < 1e-307)).any()


@pytest.mark.parametrize(
    "params",
    [
        {"hidden": ()},
        {"hidden": (0,)},
        {"hidden": 5},
        {"activation": "sine"},
        {"optimizer": "newton"},
        {"learning_rate": 0.0},
        {"l2": -1.0},
        {"dropout": 1.0},
        {"learning_rate": 1.5, "optimizer": "intentional"},
    ],
)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_useless_parameters_are_named(cls: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        cls(**params).fit_one([1.0], 1.0)


def test_a_state_that_does_not_fit_is_refused() -> None:
    X, y, _, _ = mixed(1)
    state = MLPClassifier(hidden=(4,), seed=1).fit_many(X, y).get_state()
    for other in (MLPClassifier(hidden=(5,)), MLPClassifier(hidden=(4,), optimizer="sgd")):
        with pytest.raises(ValueError, match="state"):
            other.set_state(state)
