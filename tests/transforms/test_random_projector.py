"""Random projections: distances, names, growth."""

from typing import Any

import numpy as np
import pytest

from onlineml.transforms import RandomProjector


@pytest.mark.parametrize("kind", ["sparse", "gaussian"])
def test_is_linear_and_keeps_distances(kind: Any) -> None:
    X = np.random.default_rng(0).normal(size=(40, 500))
    model = RandomProjector(n_components=300, kind=kind)
    rows = model.transform_fit_many(X)
    np.testing.assert_allclose(rows, X @ model.weights_, atol=1e-9)
    ratios = [
        np.linalg.norm(rows[i] - rows[j]) / np.linalg.norm(X[i] - X[j])
        for i in range(40)
        for j in range(i)
    ]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
    assert np.std(ratios) < 1.5 / np.sqrt(2 * 300)


@pytest.mark.parametrize("density", [0.05, 1 / 3, 1.0])
def test_density(density: float) -> None:
    model = RandomProjector(n_components=100, density=density).fit_one(np.zeros(400))
    assert (model.weights_ != 0).mean() == pytest.approx(density, abs=0.01)
    assert (model.weights_ > 0).mean() == pytest.approx(density / 2, abs=0.01)
    assert (model.weights_**2).sum(1).mean() == pytest.approx(1.0, abs=0.05)


def test_a_features_part_belongs_to_its_name() -> None:
    """Whatever the order of the columns, and whenever it came."""
    row = {"a": 1.0, "b": -2.0, "c": 0.5}
    one = RandomProjector(seed=3).fit_one(row)
    other = RandomProjector(seed=3).fit_one({"c": 0.0}).fit_one({"b": 0.0}).fit_one({"a": 0.0})
    np.testing.assert_allclose(one.transform_one(row), other.transform_one(row), atol=1e-12)
    assert one.transform_one({"a": 1.0}) + one.transform_one({"b": -2.0, "c": 0.5}) == (
        pytest.approx(one.transform_one(row))
    )
    assert not np.allclose(RandomProjector(seed=4).transform_one(row), one.transform_one(row))


def test_missing_values_add_nothing() -> None:
    model = RandomProjector(n_components=5)
    np.testing.assert_array_equal(model.transform_one([np.nan, 2.0]), model.transform_one([0, 2.0]))
    assert model.fit_one([np.nan]).output_schema().names[-1:] == ("projection[4]",)  # type: ignore[index]


@pytest.mark.parametrize("bad", [{"n_components": 0}, {"kind": "dense"}, {"density": 0.0}])
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        RandomProjector(**bad).fit_one([1.0])
