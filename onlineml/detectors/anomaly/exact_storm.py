"""How few of the last rows lie within a radius that follows the data."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.kernels.neighbors import distances, nearest
from onlineml.kernels.scaled_window import STATE, Scaled, scaled_at, take_in
from onlineml.schema import Schema, wrong

_AXES = len(STATE)
_FIRST = 32  # rows from which the first radius is taken; again at twice as many, and so on
_PARTS = 8  # radii that are taken while the window turns once
_N_NEIGHBORS, _QUANTILE, _SCALED = range(3)  # of the settings
_SINCE, _DUE = range(
    2
)  # of the counts: rows since the last radius, and at how many the next is due


@entry
def _exact_storm(d: int) -> int:
    k = 1 + _AXES
    return _rows(opened(d), f1(d, 0), scaled_at(d, 1), i1(d, k), f1(d, k + 1), f1(d, k + 2))


@jit
def _rows(
    call: Call, settings: Array, window: Scaled, counts: Ints, reaches: Array, radius: Array
) -> int:
    squares = np.empty(window.kept.rows.shape[1])
    best = np.empty(int(settings[_N_NEIGHBORS]), np.int64)
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        if call.serve or fit:
            distances(window.measured, x, settings[_SCALED] > 0.0, squares)
        if call.serve:
            call.out[i, 0] = _score(squares[: window.kept.cursor[1]], radius[0])
        if fit:
            found = nearest(window.measured, squares, best)
            reach = squares[best[found - 1]] if found == best.shape[0] else np.inf
            reaches[window.kept.cursor[0]] = reach
            take_in(window, x)
            _take_radius(settings, reaches, window.kept.cursor[1], counts, radius)
    return call.last


@jit
def _score(squares: Array, radius: float) -> float:
    """Share of the rows beyond the radius, which is squared, and negative where not known."""
    if radius < 0.0:
        return 0.0
    n = 0
    for square in squares:
        n += square > radius
    return float(n / squares.shape[0])


@jit
def _take_radius(settings: Array, reaches: Array, n: int, counts: Ints, radius: Array) -> None:
    """The quantile of the last `n` rows' distances to their neighbors, where it is due."""
    counts[_SINCE] += 1
    if counts[_SINCE] < counts[_DUE]:
        return
    counts[_SINCE], counts[_DUE] = 0, max(min(n, reaches.shape[0] // _PARTS), 1)
    known = np.sort(reaches[:n])
    n_known = int(np.searchsorted(known, np.inf))
    if n_known > 0:
        radius[0] = known[min(int(settings[_QUANTILE] * n_known), n_known - 1)]


class ExactStorm(Detector):
    """Share of the last `window_size` rows that are not within a radius of the new one.

    The radius is the distance within which a share `quantile` of the rows in the window had
    `n_neighbors` neighbors when they came: it follows the data. The score is 0 until 32 rows were
    seen, then between 0 and 1. Time per event and memory are O(window_size * n_features).

    Parameters
    ----------
    n_neighbors
        So many neighbors a usual row has within the radius.
    window_size
        How many rows are remembered; those of weight 0 are not.
    quantile
        Share of the rows that are usual in this sense.
    scaled
        Whether numeric features are measured in units of their standard deviation of late, in which
        values further off than ten of it count as ten; constant ones then do not count.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import ExactStorm
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = ExactStorm().fit_many(X)
    >>> model.score_one([0.0, 0.0]) < 0.95 < model.score_one([4.0, -4.0])
    True

    Notes
    -----
    The paper answers which rows of the window have fewer than k neighbors within a given radius R,
    when asked. Departures: the new row is judged when it comes, by the rows before it, and the
    number of its neighbors is the score; R is not given, and taken anew at 32 rows, at twice as
    many and so on, and then eight times while the window turns. Missing values are treated as in
    `KNNDetector`; a row without any value scores 0 and is not learned.

    References
    ----------
    .. [1] Angiulli, Fassetti (2007), Detecting distance-based outliers in streams of data, CIKM,
       811-820, section 3.1. doi:10.1145/1321440.1321552
    """

    _kernel = _exact_storm
    _state = (
        *STATE,
        Field("counts_", (2,), np.int64),
        Field("reaches_", ("W",), fill=np.inf),
        Field("radius_", (1,), fill=-1.0),
    )

    counts_: Ints

    def __init__(
        self,
        *,
        n_neighbors: int = 10,
        window_size: int = 1024,
        quantile: float = 0.95,
        scaled: bool = True,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size
        self.quantile = quantile
        self.scaled = scaled

    def _check(self) -> None:
        if not (isinstance(self.window_size, int) and self.window_size >= 1):
            raise wrong("window_size", self.window_size, "a whole number >= 1")
        if not (isinstance(self.n_neighbors, int) and 1 <= self.n_neighbors <= self.window_size):
            due = f"a whole number from 1 to {self.window_size}"
            raise wrong("n_neighbors", self.n_neighbors, due)
        if not 0 < self.quantile <= 1:
            raise wrong("quantile", self.quantile, "a share in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _start(self, schema: Schema) -> None:
        self.counts_[_DUE] = min(_FIRST, self.window_size)

    def _settings(self) -> tuple[float, ...]:
        return float(self.n_neighbors), float(self.quantile), float(self.scaled)
