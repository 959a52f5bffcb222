"""Scalers and the imputer against a twin that keeps every row, and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler as OfflineMinMax
from sklearn.preprocessing import StandardScaler as OfflineStandard

from onlineml.transforms import MeanImputer, MinMaxScaler, StandardScaler
from tests.naive.streams import SCHEMA, mixed
from tests.naive.transforms import Past

CASES = [
    (StandardScaler(), Past.standardized),
    (MinMaxScaler(), lambda past, x: past.between(x, True)),
    (MinMaxScaler(clip=False), lambda past, x: past.between(x, False)),
    (MeanImputer(), Past.imputed),
]


@pytest.mark.parametrize(("transformer", "twin"), CASES)
def test_equal_the_naive_twin(transformer: Any, twin: Any) -> None:
    X, _, _, weight = mixed(1)
    model, past = transformer.clone().start(SCHEMA), Past({2})
    for x, w in zip(X, weight.tolist(), strict=True):
        np.testing.assert_allclose(model.transform_one(x), twin(past, x), rtol=1e-9, atol=1e-9)
        model.fit_one(x, weight=w)
        past.fit_one(x, w)


@pytest.mark.parametrize("transformer", [case[0] for case in CASES])
def test_random_chunks_give_the_bits_of_the_row_loop(transformer: Any) -> None:
    X, *_ = mixed(2)
    whole, parts, ones = (transformer.clone().start(SCHEMA) for _ in "123")
    due = whole.transform_fit_many(X)
    got = [parts.transform_fit_many(X[part]) for part in np.split(np.arange(len(X)), [1, 9, 100])]
    np.testing.assert_array_equal(due, np.concatenate(got))
    for x, row in zip(X, due, strict=True):
        np.testing.assert_array_equal(ones.transform_one(x), row)
        ones.fit_one(x)


@pytest.mark.parametrize(
    ("transformer", "offline"),
    [(StandardScaler(), OfflineStandard()), (MinMaxScaler(), OfflineMinMax())],
)
def test_in_the_end_scalers_agree_with_scikit_learn(transformer: Any, offline: Any) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 4)) * [1, 10, 1000, 1] + [1e6, 0, 0, 0]
    X[:, 3] = 7.0
    due = offline.fit(X).transform(X)
    np.testing.assert_allclose(transformer.fit_many(X).transform_many(X), due, atol=1e-9)


def test_parts_of_the_standard_scaler_can_be_left_out() -> None:
    X = np.array([[1.0], [3.0], [5.0]])
    assert StandardScaler(with_std=False).fit_many(X).transform_one([4.0]).tolist() == [1.0]
    std = np.sqrt(8 / 3)
    np.testing.assert_allclose(
        StandardScaler(with_mean=False).fit_many(X).transform_one([4.0]), [4.0 / std]
    )


@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler()])
def test_the_first_row_gives_zeros(transformer: Any) -> None:
    assert transformer.transform_one([4.0, -2.0]).tolist() == [0.0, 0.0]
    assert not transformer.is_started


@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler(), MeanImputer()])
def test_values_too_large_to_square_leave_the_state_finite(transformer: Any) -> None:
    X = np.array([[1.0], [1e300], [2.0], [-1e300], [3.0]])
    model = transformer.clone().fit_many(X)
    twin = transformer.clone().fit_many(X[::2])
    assert model.transform_one([2.5]).tolist() == twin.transform_one([2.5]).tolist()
