"""Rows normalized by themselves, against numpy."""

import numpy as np
import pytest

from onlineml.schema import Schema
from onlineml.transforms import InstanceNormalizer


def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, 2.0, size=(200, 6))
    X[rng.random(X.shape) < 0.1] = np.nan
    X[3], X[4] = 0.0, np.nan
    X[5], X[6] = 1e300, 1e-300
    return X


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0, np.inf])
def test_norm_is_one(power: float) -> None:
    X = rows()
    got = InstanceNormalizer(power=power).transform_many(X)
    for x, new in zip(X, got):
        known = ~np.isnan(x)
        np.testing.assert_array_equal(np.isnan(new), ~known)
        if x[known].any():
            assert np.linalg.norm(new[known], power) == pytest.approx(1.0)
            ratio = new[known] / (x[known] / np.abs(x[known]).max())
            np.testing.assert_allclose(ratio, ratio[0])
        else:
            assert not new[known].any()


def test_mean_is_zero_and_deviation_one() -> None:
    X = rows()
    got = InstanceNormalizer(to="standard").transform_many(X)
    for x, new in zip(X[7:], got[7:]):
        np.testing.assert_allclose(new, (x - np.nanmean(x)) / np.nanstd(x), rtol=1e-9)
    assert not got[[3, 5, 6]].any()
    assert np.isnan(got[4]).all()


def test_nominal_features_pass() -> None:
    schema = Schema(3, nominal={1: ("a", "b", "c")})
    model = InstanceNormalizer().start(schema)
    np.testing.assert_allclose(model.transform_one([3.0, 2.0, 4.0]), [0.6, 2.0, 0.8])


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="to"):
        InstanceNormalizer(to="max").fit_one([1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="power"):
        InstanceNormalizer(power=0.5).fit_one([1.0])
