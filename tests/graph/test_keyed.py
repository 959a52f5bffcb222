"""Keyed models equal a mapping of models, wherever those lie; the longest unused are forgotten."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from onlineml import load, prequential, save
from onlineml.checks import assert_same_state, cut
from onlineml.datasets import ArrayStream
from onlineml.detectors import DeviationFromMean
from onlineml.graph import Graph, Keyed
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    LinearRegression,
    MLPClassifier,
    MLPRegressor,
    NearestClassMean,
    SoftmaxRegression,
)
from onlineml.schema import Schema
from onlineml.transforms import StandardScaler
from onlineml.unlearning import Replayable


def users(seed: int, n_rows: int, n_keys: int) -> tuple[Any, Any, Any]:
    """Rows whose second column is the key, some of them missing; labels of three kinds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 1] = rng.zipf(1.3, n_rows) % n_keys
    X[rng.random(n_rows) < 0.02, 1] = np.nan
    y = np.where(X[:, 0] * (-1.0) ** np.nan_to_num(X[:, 1]) > 0, "up", "down").astype(object)
    y[n_rows // 2 :][X[n_rows // 2 :, 2] > 1.5] = "late"
    return X, y, X[:, 0] + X[:, 3]


class Mapped:
    """A mapping of models, each told of all classes; the longest unused is forgotten."""

    def __init__(self, model: Any, most: int) -> None:
        self.model, self.most, self.classes = model, most, dict[Any, None]()
        self.models: OrderedDict[Any, Any] = OrderedDict()

    def learn(self, x: Any, y: Any, classes: bool) -> None:
        key = "none" if np.isnan(x[1]) else x[1]
        if key not in self.models:
            if len(self.models) >= self.most:
                self.models.popitem(last=False)
            self.models[key] = self.model.clone().start(Schema(len(x) - 1))
        self.models.move_to_end(key)
        if classes:
            self.classes[y] = None
            self.models[key]._admit_targets(list(self.classes))
        self.models[key].fit_one(np.delete(x, 1), *([] if y is None else [y]))


MODELS = [
    (GaussianNB(), "label"),
    (MLPClassifier(hidden=(4,), seed=1), "label"),
    (NearestClassMean(), "label"),
    (HoeffdingTreeClassifier(grace_period=20), "label"),
    (LinearRegression(), "number"),
    (MLPRegressor(hidden=(4,), seed=1), "number"),
    (DeviationFromMean(), "none"),
    (StandardScaler(), "none"),
]


@pytest.mark.parametrize(("model", "kind"), MODELS, ids=lambda item: type(item).__name__)
def test_equals_a_mapping_of_models(model: Any, kind: str, tmp_path: Any) -> None:
    X, labels, numbers = users(1, 500, 40)
    y = {"label": labels, "number": numbers, "none": None}[kind]
    naive = Mapped(model, 20)
    for i, x in enumerate(X):
        naive.learn(x, None if y is None else y[i], kind == "label")
    whole = Keyed(model, key=1, max_keys=20)
    spilled = Keyed(model, key=1, max_keys=20, max_bytes=9000, folder=str(tmp_path))
    for part in cut(1, len(X)):
        for keyed in (whole, spilled):
            keyed.fit_many(X[part], None if y is None else y[part])
    assert whole.n_keys == len(naive.models) == 20
    for key, due in naive.models.items():
        ours = whole.model_of(None if key == "none" else key)
        if kind == "label":
            due._admit_targets(list(naive.classes))
            ours._admit_targets(list(naive.classes))
        assert_same_state(due.get_state(), ours.get_state())
    assert whole.model_of(-1.0) is None
    assert_same_state(whole.get_state(), spilled.get_state())
    again = load(save(spilled, tmp_path / "keyed.oml"))
    assert_same_state(whole.get_state(), again.get_state())
    serve = {"label": "predict_many", "number": "predict_many", "none": "score_many"}[kind]
    serve = "transform_many" if isinstance(model, StandardScaler) else serve
    for keyed in (spilled, again):
        np.testing.assert_array_equal(getattr(whole, serve)(X), getattr(keyed, serve)(X))
    assert_same_state(whole.get_state(), spilled.get_state())


def test_memory_is_kept_and_models_come_back(tmp_path: Any) -> None:
    X, y, _ = users(2, 6000, 3000)
    X[:, 1] = np.random.default_rng(0).integers(0, 3000, len(X))
    whole = Keyed(GaussianNB(), key=1)
    spilled = Keyed(GaussianNB(), key=1, max_bytes=1_500_000, folder=str(tmp_path))
    assert (whole.predict_fit_many(X, y) == spilled.predict_fit_many(X, y)).all()
    assert whole.n_keys == spilled.n_keys > 2500
    assert spilled.nbytes < 1_500_000 < whole.nbytes
    for x, label in zip(X[:200], y):
        assert whole.predict_one(x) == spilled.predict_one(x)
        whole.fit_one(x, label)
        spilled.fit_one(x, label)
    assert_same_state(whole.get_state(), spilled.get_state())
    assert not list(tmp_path.iterdir()), "the file has no name"


def test_states_of_several_pages_come_back(tmp_path: Any) -> None:
    X, y, _ = users(4, 400, 100)
    X[:, 1] = np.random.default_rng(0).integers(0, 100, len(X))
    model = MLPClassifier(hidden=(80,), seed=1)
    whole = Keyed(model, key=1)
    spilled = Keyed(model, key=1, max_bytes=900_000, folder=str(tmp_path))
    for part in cut(4, len(X)):
        whole.fit_many(X[part], y[part])
        spilled.fit_many(X[part], y[part])
    assert spilled.nbytes <= 900_000 < whole.nbytes
    assert_same_state(whole.get_state(), spilled.get_state())


def test_without_a_folder_keys_are_forgotten_for_want_of_memory() -> None:
    X, y, _ = users(3, 3000, 3000)
    X[:, 1] = np.arange(3000) % 1500
    one = Keyed(GaussianNB(), key=1, max_bytes=300_000)
    many = one.clone()
    many.fit_many(X, y)
    for x, label in zip(X, y):
        one.fit_one(x, label)
    assert_same_state(one.get_state(), many.get_state())
    assert 100 < one.n_keys < 1500
    assert one.nbytes <= 300_000
    assert one.diagnostics()["keys_forgotten"] > 1000
    with pytest.raises(ValueError, match="folder: got None, expected a folder, as HoeffdingTree"):
        Keyed(HoeffdingTreeClassifier(), key=1, max_bytes=10**6).fit_many(X, y)


def test_keys_may_be_text_or_large() -> None:
    import pandas as pd

    rows = [{"user": f"u{i % 5}", "x": float(i), "y": 1.0} for i in range(40)]
    labels = [i % 5 > 2 for i in range(40)]
    ones, framed = Keyed(GaussianNB(), key="user"), Keyed(GaussianNB(), key="user")
    for row, label in zip(rows, labels):
        ones.fit_one(row, label)
    framed.fit_many(pd.DataFrame(rows), labels)
    assert_same_state(ones.get_state(), framed.get_state())
    assert ones.schema_.nominal == {}
    assert ones.predict_many(rows).tolist() == labels
    large = Keyed(LinearRegression(), key="id")
    large.fit_one({"id": 2**60, "x": 1.0}, 1.0).fit_one({"id": 2**60 + 1, "x": 1.0}, 2.0)
    assert large.n_keys == 2
    assert large.forget(2**60)
    assert not large.forget(2**60)
    assert (large.n_keys, large.model_of(2**60)) == (1, None)


def test_columns_come_and_rows_are_forgotten() -> None:
    model = Keyed(GaussianNB(), key="user")
    for i in range(12):
        model.fit_one({"user": i % 3, "x": float(i)}, i % 2)
    model.fit_one({"user": 1, "x": 1.0, "new": 5.0}, 2)
    assert model.model_of(2).schema_.names == ("x", "new")
    assert model.unlearn_one({"user": 1, "x": 1.0, "new": 5.0}, 2).kind == "exact"
    assert model.unlearn_one({"user": 7, "x": 1.0, "new": 5.0}, 2).kind == "refused"


@pytest.mark.parametrize(
    "base", [GaussianNB(), HoeffdingTreeClassifier(grace_period=20), SoftmaxRegression()], ids=repr
)
def test_only_the_model_of_the_key_is_replayed(base: Any) -> None:
    """Bit for bit the keyed models that never met the rows."""
    X, y, _ = users(0, 2000, 8)
    ids = np.arange(len(X)) + 500
    X[:, 0], X[:, 1] = np.nan_to_num(X[:, 1]), X[:, 0]
    X[:3, 0], y[:3] = -1.0, ["up", "down", "late"]  # classes come in the same order for all
    gone = np.r_[5, 700, 705, 1990]
    model = Keyed(Replayable(base, every=16)).fit_many(X, y, ids=ids)
    others = {key: model.model_of(key).get_state() for key in set(X[:, 0]) - set(X[gone, 0])}
    for i in gone.tolist():
        receipt = model.unlearn_one(id=i + 500)
        assert (receipt.kind, receipt.reason) == ("replayed", "")
        assert receipt.rows < (X[:, 0] == X[i, 0]).sum()
    assert len(others) > 2
    for key, before in others.items():
        assert_same_state(before, model.model_of(key).get_state())
    rest = np.setdiff1d(np.arange(len(X)), gone)
    gold = Keyed(Replayable(base, every=16)).fit_many(X[rest], y[rest], ids=ids[rest])
    for key in set(X[:, 0]):
        due = gold.model_of(key).model_.get_state()
        assert_same_state(due, model.model_of(key).model_.get_state())
    due = gold.predict_proba_many(X).tobytes()
    assert model.predict_proba_many(X).tobytes() == due
    assert model.fit_many(X, y).predict_proba_many(X).tobytes() == (
        gold.fit_many(X, y).predict_proba_many(X).tobytes()
    )


def test_classes_keep_their_order_whichever_rows_are_forgotten() -> None:
    X, y, _ = users(1, 400, 5)
    X[:, 1] = np.nan_to_num(X[:, 1])
    model = Keyed(Replayable(GaussianNB(), every=16), key=1).fit_many(X, y)
    firsts = [int(np.flatnonzero(X[:, 1] == key)[0]) for key in set(X[:, 1])]
    for i in firsts:
        assert model.unlearn_one(X[i], y[i]).forgotten
    rest = np.setdiff1d(np.arange(len(X)), firsts)
    gold = Keyed(GaussianNB(), key=1).fit_many(X[rest], y[rest])
    order = [model.classes_.index(label) for label in gold.classes_]
    assert len(order) == len(gold.classes_)
    np.testing.assert_allclose(
        model.predict_proba_many(X)[:, order], gold.predict_proba_many(X), rtol=1e-12
    )


def test_one_log_for_all_replays_all_and_says_so() -> None:
    X, y, _ = users(0, 300, 8)
    whole = Replayable(Keyed(GaussianNB(), key=1), every=16).fit_many(X, y)
    receipt = whole.unlearn_one(id=200)
    assert receipt.rows > 90
    assert "all experts" in receipt.reason
    gold = Keyed(GaussianNB(), key=1).fit_many(np.delete(X, 200, 0), np.delete(y, 200))
    assert_same_state(gold.get_state(), whole.model_.get_state())


def test_ids_are_for_models_with_a_log() -> None:
    X, y, _ = users(0, 50, 3)
    with pytest.raises(ValueError, match="ids"):
        Keyed(GaussianNB(), key=1).fit_many(X, y, ids=range(50))
    model = Keyed(Replayable(GaussianNB()), key=1).fit_many(X, y)
    assert not model.unlearn_one(id=1).forgotten  # a number within a key, not an id
    assert model.fit_one(X[0], y[0], id=7).unlearn_one(id=7).forgotten
    assert "no key" in model.unlearn_one(id=7).reason
    assert "the row is needed" in Keyed(GaussianNB(), key=1).fit_many(X, y).unlearn_one(id=7).reason


def test_in_a_graph_and_evaluated() -> None:
    X, y, _ = users(4, 2000, 10)
    g = Graph("users")
    g.add("own", Keyed(GaussianNB(), key=1), after="x")
    g = Graph.from_yaml(g.to_yaml())
    assert (g.predict_fit_many(X, y) == Keyed(GaussianNB(), key=1).predict_fit_many(X, y)).all()
    models = {"keyed": Keyed(GaussianNB(), key=1), "one": GaussianNB()}
    result = prequential(models, ArrayStream(X, y, name="users"), metrics=["accuracy"])
    keyed, one = (result.run(name).totals["accuracy"] for name in models)
    assert keyed > one + 0.1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Keyed(3), "model: got 3"),  # type: ignore[arg-type]  # the fault
        (lambda: Keyed(GaussianNB(), key=True), "key: got True"),
        (lambda: Keyed(GaussianNB(), max_keys=0), "max_keys: got 0"),
        (lambda: Keyed(GaussianNB(), key="who").fit_one([1.0, 2.0], 1), "key: got 'who'"),
        (lambda: Keyed(GaussianNB(), key=2).fit_one([1.0, 2.0], 1), "key: got 2, expected the"),
        (lambda: Keyed(GaussianNB()).fit_one([1.0], 1), "x: got 1, expected features beside"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
