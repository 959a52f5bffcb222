"""The mean target so far."""

from __future__ import annotations

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, f1, opened
from onlineml.kernels.taking_back import lacks, without


@entry
def _mean_regressor(d: int) -> int:
    return _rows(opened(d), f1(d, 1), f1(d, 2))


@lean
def _rows(call: Call, total: Array, mean: Array) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            call.out[i, 0] = mean[0]
        if call.fit and call.weight[i] < 0.0:
            if lacks(total[0], call.weight[i]):
                return i
            total[0], mean[0], _ = without(call.y[i], call.weight[i], total[0], mean[0], 0.0)
        elif call.fit and call.weight[i] > 0.0:
            total[0] += call.weight[i]
            mean[0] += call.weight[i] / total[0] * (call.y[i] - mean[0])
    return call.last


class MeanRegressor(Regressor):
    """Predicts the weighted mean of the targets so far; 0 before the first.

    Time per event and memory are O(1); features are not looked at.

    Raises
    ------
    ValueError
        For rows and targets that cannot be used; there are no parameters.

    Examples
    --------
    >>> from onlineml.learners import MeanRegressor
    >>> MeanRegressor().fit_many([[0.0]] * 3, [1.0, 2.0, 6.0]).predict_one([0.0])
    3.0

    References
    ----------
    .. [1] West (1979), Updating mean and variance estimates: an improved method, Communications of
       the ACM 22(9), 532-535. doi:10.1145/359146.359153
    """

    _kernel = _mean_regressor
    _takes_back = True
    _state = (Field("weight_", (1,)), Field("mean_", (1,)))
