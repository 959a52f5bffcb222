"""What holds scores back against its definition."""

import numpy as np
import pytest

from onlineml.transforms import Refractory
from tests.naive.novelty import refractory


@pytest.mark.parametrize("rest", [1, 2, 7, 500])
def test_it_equals_its_naive_twin(rest: int) -> None:
    rng = np.random.default_rng(rest)
    X = np.round(rng.normal(size=(300, 2)), 1)
    X[rng.random(X.shape) < 0.1] = np.nan
    due = np.column_stack([refractory(column, rest) for column in X.T])
    np.testing.assert_array_equal(Refractory(rest=rest).transform_fit_many(X), due)


def test_weight_0_leaves_nothing_behind() -> None:
    model = Refractory().fit_one([1.0]).fit_one([9.0], weight=0.0)
    assert model.transform_one([2.0]).tolist() == [2.0]


def test_rest_is_checked() -> None:
    with pytest.raises(ValueError, match=r"^rest\b"):
        Refractory(rest=0).fit_one([1.0])
