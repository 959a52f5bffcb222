"""Shards: the mean of models that each know some people, one of which learns again."""

from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.learners import HoeffdingTreeClassifier, LinearRegression, SoftmaxRegression
from onlineml.persistence import dumps, loads
from onlineml.transforms import StandardScaler
from onlineml.unlearning import Sharded
from onlineml.unlearning.fingerprints import fingerprints
from onlineml.unlearning.shards import shards_of


def stream(n: int = 900) -> tuple[Any, Any, list[str]]:
    X = np.random.default_rng(0).normal(size=(n, 3))
    people = [f"person {i % 90}" for i in range(n)]
    return X, np.array(list("abc"))[X.argmax(1)], people


def test_equals_models_of_the_shards_that_never_saw_the_person() -> None:
    X, y, people = stream()
    base = HoeffdingTreeClassifier(grace_period=20)
    model = Sharded(base, n_shards=4, every=50).fit_many(X, y, ids=people)
    receipt = model.unlearn_one(id="person 7")
    assert receipt.kind == "replayed"
    assert receipt.rows < 400
    assert model.unlearn_one(id="person 7").kind == "refused"
    assert [r.kind for r in model.unlearn_many(["person 7", "person 8", "person 9"])] == [
        "refused", "replayed", "replayed",
    ]  # fmt: skip
    gone = {"person 7", "person 8", "person 9"}
    rest = np.array([i for i, person in enumerate(people) if person not in gone])
    shards = shards_of(fingerprints([people[i] for i in rest]), 4)
    golds = [base.clone().fit_many(X[rest[shards == s]], y[rest[shards == s]]) for s in range(4)]
    for gold, member in zip(golds, model.members_):
        assert_same_state(gold.get_state(), member.model_.get_state())
    due = sum(
        gold.predict_proba_many(X)[:, [gold.classes_.index(c) for c in model.classes_]]
        for gold in golds
    )
    np.testing.assert_allclose(model.predict_proba_many(X), due / 4, atol=1e-12)
    assert_same_state(model.get_state(), loads(dumps(model)).get_state())


def test_rows_without_an_id_and_by_what_they_were() -> None:
    X, _, _ = stream()
    y = X @ [1.0, 2.0, 3.0]
    model = Sharded(LinearRegression(), n_shards=3)
    assert model.predict_one(X[0]) == 0.0
    model.fit_many(X, y)
    twin = model.clone().fit_many(np.delete(X, 899, 0), np.delete(y, 899))
    assert model.unlearn_one(id=899).kind == "replayed"
    assert model.predict_many(X).tobytes() == twin.predict_many(X).tobytes()
    assert model.unlearn_one(X[5], y[5]).kind == "replayed"
    assert model.unlearn_one(X[5], y[5]).kind == "refused"


def test_shards_are_even_and_people_stay_together() -> None:
    _, _, people = stream()
    shards = shards_of(fingerprints(people), 5)
    assert len({(person, shard) for person, shard in zip(people, shards.tolist())}) == 90
    counts = np.bincount(shards_of(np.arange(10_000), 10))
    assert counts.min() > 900
    assert counts.max() < 1100


def test_what_cannot_be_sharded() -> None:
    for bad in (StandardScaler(), "tree"):
        with pytest.raises(ValueError, match="model"):
            Sharded(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_shards"):
        Sharded(SoftmaxRegression(), n_shards=0)
    model = Sharded(SoftmaxRegression())
    assert model.unlearn_many([1])[0].kind == "refused"
    with pytest.raises(ValueError, match="x"):
        model.fit_one([1.0], "a").unlearn_one()
