"""Streams drawn from a fixed set of rows, seen through projections that change over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from onlineml.datasets.generators.generator import flag, numbered, share
from onlineml.datasets.stream import Chunk, Stream, Task, rechunked
from onlineml.labels import plain
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, as_floats, wrong

_KINDS = ("nearest", "linear", "quadratic", "cubic")


class SemiSyntheticStreamGenerator(Stream):
    """Rows of a data set, drawn at random and projected; the projection drifts.

    `n_drifts + 1` random Gaussian projections to `n_features` dimensions are placed at equal
    distances in time; between them, each chunk's projection is interpolated. So real classes get
    concept drift whose place is known. Time is O(columns * n_features) a row, memory that of a
    chunk, of `X`, and of a projection for each chunk.

    Parameters
    ----------
    X, y
        The rows `(n, columns)`, numbers without missing values, and their labels.
    n_chunks, chunk_size
        Length of the stream; rows of one of its chunks see one projection.
    n_drifts
        Changes from one projection to the next.
    n_features
        Dimensions of the stream.
    interpolation
        "nearest" (sudden), "linear", "quadratic" or "cubic".
    stabilize_factor
        Share of the time around each projection in which it does not change; "nearest" has no need.
    binarize
        Label rows 0 for the most frequent label and 1 for all others.
    seed
        Seed of projections and draws.

    Raises
    ------
    ValueError
        For an `X` without rows or of other than finite numbers, a `y` that is not one label a row,
        an `n_chunks`, `chunk_size` or `n_features` that is not a whole number >= 1, an unknown
        `interpolation`, an `n_drifts` below 0 (2 for "quadratic", 3 for "cubic"), a
        `stabilize_factor` outside of [0, 1], a `binarize` that is neither true nor false, and a
        `seed` that is not a whole number >= 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 3, 60)
    >>> stream = SemiSyntheticStreamGenerator(
    ...     X=rng.normal(size=(60, 5)) + y[:, None], y=y, n_chunks=10, chunk_size=50, n_features=3
    ... )
    >>> stream.n_rows, stream.drifts
    (500, (125, 375))

    References
    ----------
    .. [1] Komorniczak, Ksieniewicz (2022), Data stream generation through real concept's
       interpolation, ESANN.
    """

    task: Task = "classification"
    name = "semi_synthetic_stream_generator"

    def __init__(
        self,
        *,
        X: Any,
        y: Any,
        n_chunks: int = 200,
        chunk_size: int = 250,
        n_drifts: int = 2,
        n_features: int = 10,
        interpolation: Literal["nearest", "linear", "quadratic", "cubic"] = "nearest",
        stabilize_factor: float = 0.2,
        binarize: bool = True,
        seed: int = 1,
    ) -> None:
        self.X, self.y = as_floats(X, "X"), np.asarray(y)
        if self.X.ndim != 2 or len(self.X) == 0 or not np.isfinite(self.X).all():
            raise wrong("X", self.X.shape, "finite rows of shape (n, columns)")
        if self.y.shape != (len(self.X),):
            raise wrong("y", self.y.shape, f"one label a row, shape ({len(self.X)},)")
        self.n_chunks = whole("n_chunks", n_chunks, 1)
        self.chunk_size = whole("chunk_size", chunk_size, 1)
        self.n_rows: int = self.n_chunks * self.chunk_size
        if interpolation not in _KINDS:
            raise wrong("interpolation", interpolation, f"one of {_KINDS}")
        least = {"quadratic": 2, "cubic": 3}.get(interpolation, 0)
        self.n_drifts = whole("n_drifts", n_drifts, least)
        self.n_features = whole("n_features", n_features, 1)
        self.interpolation = interpolation
        self.stabilize_factor = min(share("stabilize_factor", stabilize_factor), 0.999)
        self.seed = whole("seed", seed, 0)
        self.drifts = tuple(
            (2 * k + 1) * self.n_rows // (2 * self.n_drifts) for k in range(self.n_drifts)
        )
        if flag("binarize", binarize):
            _, codes, counts = np.unique(self.y, return_inverse=True, return_counts=True)
            self.y = (codes != np.argmax(counts)).astype(np.int64)

    @property
    def schema(self) -> Schema:
        """Numeric features, and the classes."""
        classes = tuple(plain(label) for label in np.unique(self.y))
        return Schema(self.n_features, numbered("att", self.n_features), classes=classes)

    def projections(self) -> Array:
        """Each chunk's projection, `(n_chunks, columns, n_features)`."""
        from scipy.interpolate import interp1d

        rng = np.random.default_rng([self.seed, 0])
        shape = (self.X.shape[1], self.n_features)
        points = rng.standard_normal((self.n_drifts + 1, *shape))
        if self.n_drifts == 0:
            return np.repeat(points, self.n_chunks, axis=0)
        at = (np.arange(self.n_chunks) + 0.5) / self.n_chunks * self.n_drifts
        nearest = np.round(at)
        moved = np.clip(np.abs(at - nearest) * 2.0 - self.stabilize_factor, 0.0, None)
        if self.interpolation != "nearest":  # 0 on the plateau, half way where parts meet
            at = nearest + np.sign(at - nearest) * moved / (1.0 - self.stabilize_factor) / 2.0
        drawn: Array = interp1d(np.arange(len(points)), points, self.interpolation, axis=0)(at)
        return drawn

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time (the last chunk may be shorter)."""
        return rechunked(self._pieces(), size)

    def _pieces(self) -> Iterator[Chunk]:
        for number, projection in enumerate(self.projections()):
            rng = np.random.default_rng([self.seed, 1, number])
            drawn = rng.integers(0, len(self.X), self.chunk_size)
            yield Chunk(self.X[drawn] @ projection, self.y[drawn])
