"""The nearest of the last rows."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier, Regressor
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, keep_row, opened
from onlineml.kernels.neighbors import (
    STATE,
    Window,
    distances,
    nearest,
    remember,
    say,
    window_at,
)
from onlineml.kernels.votes import answer_from_votes
from onlineml.kernels.window_without import leave_out
from onlineml.parameters import whole
from onlineml.schema import wrong

WEIGHTS = ("uniform", "distance")


@entry
def _knn_classifier(d: int) -> int:
    return _classify(opened(d), f1(d, 0), window_at(d, 1), i1(d, 1 + len(STATE)))


@jit
def _classify(call: Call, settings: Array, window: Window, seen: Ints) -> int:
    squares, best = np.empty(window.rows.shape[1]), np.empty(int(settings[0]), np.int64)
    for i in range(call.first, call.last):
        if call.serve:
            votes = call.out[i]
            votes[1 : 1 + seen[0]] = 0.0
            distances(window, call.X[i], settings[2] > 0.0, squares)
            for k in best[: nearest(window, squares, best)]:
                c = int(window.targets[k])
                votes[1 + c] += say(window, k, squares[k], settings[1] > 0.0)
            answer_from_votes(votes, seen[0], call.serve)
        if call.fit:
            seen[0] = max(seen[0], int(call.y[i]) + 1)
            if call.weight[i] > 0.0:
                remember(window, call.X[i], call.y[i], call.weight[i])
            elif call.weight[i] < 0.0 and not leave_out(
                window, call.X[i], call.y[i], -call.weight[i]
            ):
                return i
        keep_row(call, i)
    return call.last


@entry
def _knn_regressor(d: int) -> int:
    return _regress(opened(d), f1(d, 0), window_at(d, 1))


@jit
def _regress(call: Call, settings: Array, window: Window) -> int:
    squares, best = np.empty(window.rows.shape[1]), np.empty(int(settings[0]), np.int64)
    for i in range(call.first, call.last):
        if call.serve:
            total = mean = 0.0
            distances(window, call.X[i], settings[2] > 0.0, squares)
            for k in best[: nearest(window, squares, best)]:
                vote = say(window, k, squares[k], settings[1] > 0.0)
                total += vote
                mean += vote / total * (window.targets[k] - mean)
            call.out[i, 0] = mean
        if call.fit and call.weight[i] > 0.0:
            remember(window, call.X[i], call.y[i], call.weight[i])
        elif (
            call.fit
            and call.weight[i] < 0.0
            and not leave_out(window, call.X[i], call.y[i], -call.weight[i])
        ):
            return i
        keep_row(call, i)
    return call.last


def _check(n_neighbors: int, window_size: int, weights: str) -> None:
    whole("window_size", window_size, 1)
    whole("n_neighbors", n_neighbors, 1, window_size)
    if weights not in WEIGHTS:
        raise wrong("weights", weights, f"one of {list(WEIGHTS)}")


class KNNClassifier(Classifier):
    """The class that most of the `n_neighbors` nearest of the last `window_size` rows have.

    The search is exact. Time per prediction and memory are O(window_size * n_features); to fit
    takes O(n_features).

    Parameters
    ----------
    n_neighbors
        How many neighbors vote. Their votes count as much as the weights of their events.
    window_size
        How many rows are remembered; rows of weight 0 are not.
    weights
        "distance": votes count as 1 / distance, so that a row equal to the new one outvotes all
        that are not; or "uniform".
    scaled
        Whether numeric features are measured in units of their standard deviation in the window;
        those that are constant in it then do not count.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 1, `n_neighbors` one from 1
        to `window_size`, and `weights` is "distance" or "uniform".

    Examples
    --------
    >>> from onlineml.learners import KNNClassifier
    >>> model = KNNClassifier(n_neighbors=3)
    >>> rows = [[0.0, 5.0], [0.1, 7.0], [0.2, 6.0], [1.0, 6.0], [1.1, 5.0], [1.2, 7.0]]
    >>> model.fit_many(rows, ["a", "a", "a", "b", "b", "b"]).predict_one([0.9, 6.0])
    'b'

    Notes
    -----
    Squared distances are sums over features of the squared difference. Where a value is missing
    from a remembered row, the sum takes what two random rows would differ by, twice the
    variance; a feature missing from the new row is left out for all. Two nominal values that differ
    count 2, as they would in one-hot encoding. Of rows equally far, the newer are taken. A row
    that is forgotten (`unlearn_one`) leaves the window, the newest of several that are alike; what
    had left the window before does not come back into it.

    References
    ----------
    .. [1] Aha, Kibler, Albert (1991), Instance-based learning algorithms, Machine Learning 6,
       37-66. The section on IB1. doi:10.1007/BF00153759
    """

    _kernel = _knn_classifier
    _takes_back = True
    _state = (*STATE, Field("seen_", (1,), np.int64))

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        window_size: int = 1000,
        weights: Literal["distance", "uniform"] = "distance",
        scaled: bool = True,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size
        self.weights = weights
        self.scaled = scaled

    def _check(self) -> None:
        _check(self.n_neighbors, self.window_size, self.weights)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        return (self.n_neighbors, WEIGHTS.index(self.weights), float(self.scaled))


class KNNRegressor(Regressor):
    """The mean target of the `n_neighbors` nearest of the last `window_size` rows.

    The search is exact. Time per prediction and memory are O(window_size * n_features); to fit
    takes O(n_features). Distances and ties as in `KNNClassifier`; 0 before the first row.

    Parameters
    ----------
    n_neighbors, window_size, weights, scaled
        As in `KNNClassifier`.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 1, `n_neighbors` one from 1
        to `window_size`, and `weights` is "distance" or "uniform".

    Examples
    --------
    >>> from onlineml.learners import KNNRegressor
    >>> model = KNNRegressor(n_neighbors=2)
    >>> model.fit_many([[0.0], [1.0], [2.0], [3.0]], [0.0, 10.0, 20.0, 30.0]).predict_one([2.5])
    25.0

    References
    ----------
    .. [1] Altman (1992), An introduction to kernel and nearest-neighbor nonparametric regression,
       The American Statistician 46(3), 175-185. doi:10.1080/00031305.1992.10475879
    """

    _kernel = _knn_regressor
    _takes_back = True
    _state = STATE

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        window_size: int = 1000,
        weights: Literal["distance", "uniform"] = "distance",
        scaled: bool = True,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size
        self.weights = weights
        self.scaled = scaled

    def _check(self) -> None:
        _check(self.n_neighbors, self.window_size, self.weights)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        return (self.n_neighbors, WEIGHTS.index(self.weights), float(self.scaled))
