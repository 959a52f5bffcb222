"""Streams of Gaussian clusters that drift in concept and in the shares of the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import flag, integers, numbered, real, share
from onlineml.datasets.stream import Chunk, Stream, Task, rechunked
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong

Ints = npt.NDArray[np.int64]


class _Concept(NamedTuple):
    """Clusters of each class in the informative features, and what the others are made of."""

    center: Array  # (n_classes, n_clusters, n_informative)
    shape: Array  # (n_classes, n_clusters, n_informative, n_informative)
    mixing: Array  # (n_informative, n_redundant)
    repeated: Ints  # which of the informative and redundant features are repeated
    order: Ints  # of the columns

    def rows(self, rng: np.random.Generator, y: Ints, n_features: int) -> Array:
        """A row of each class in `y`."""
        cluster = rng.integers(0, self.center.shape[1], len(y))
        plain = rng.standard_normal((len(y), self.center.shape[2]))
        told = np.einsum("ni,nij->nj", plain, self.shape[y, cluster]) + self.center[y, cluster]
        told = np.hstack([told, told @ self.mixing])
        told = np.hstack([told, told[:, self.repeated]])
        noise = rng.standard_normal((len(y), n_features - told.shape[1]))
        return np.hstack([told, noise])[:, self.order]


class StreamGenerator(Stream):
    """Clusters around corners of a hypercube; concepts and class shares change over time.

    A concept puts `n_clusters_per_class` Gaussian clusters of random shape per class around
    corners of a hypercube in `n_informative` features; `n_redundant` features are mixtures of
    those, `n_repeated` copies, the rest noise. Concepts follow each other at equal distances; the
    share of the new one rises as a sigmoid. Chunks are made when they are asked for, each
    from its own generator: time is O(n_features) a row, memory that of a chunk.

    Parameters
    ----------
    n_chunks, chunk_size
        Length of the stream; priors may be drawn per chunk, see `prior_noise`. Rows can
        be read in chunks of any size.
    n_drifts
        Changes of concept, in the middles of as many equal parts of the stream.
    concept_sigmoid_spacing
        Over such a part, the share of the new concept is a sigmoid from minus to plus this number:
        5 is gradual; None = sudden.
    incremental
        Blend the features of the old and new concept by that share, instead of picking one.
    recurring
        Two concepts take turns, instead of `n_drifts + 1` in a row.
    n_classes, n_features, n_informative, n_redundant, n_repeated, n_clusters_per_class
        Sizes of a concept.
    weights
        Shares of the classes; None = equal ones.
    prior_drift
        `(n_drifts, spacing, amplitude)` for two classes: the share of class 1 swings between
        `(1 - amplitude) / 2` and `(1 + amplitude) / 2`, with sigmoids as those of concepts.
    prior_noise
        `(mean, deviation)` for two classes: each chunk draws the share of class 0 from a normal
        distribution, cut to [0, 1].
    y_flip
        Share of the labels that are replaced by another one; or one such share per class.
    seed
        Seed of concepts and rows.

    Raises
    ------
    ValueError
        For an `n_chunks`, `chunk_size` or `n_informative` that is not a whole number >= 1, an
        `n_drifts`, `n_redundant`, `n_repeated` or `seed` not one >= 0, an `n_classes` not one >= 2,
        fewer `n_features` than those of the three kinds, an `n_clusters_per_class` for which there
        are no corners; a `concept_sigmoid_spacing` out of range, flags that are neither true nor
        false, more than one of `weights`, `prior_drift` and `prior_noise`, or of other lengths and
        ranges than told, and a `y_flip` outside of [0, 1].

    Examples
    --------
    >>> stream = StreamGenerator(n_chunks=10, chunk_size=100, weights=[0.9, 0.1], n_drifts=1)
    >>> stream.n_rows, stream.drifts
    (1000, (500,))
    >>> [len(chunk.y) for chunk in stream.chunks(400)]
    [400, 400, 200]

    Notes
    -----
    Has the parameters of stream-learn's generator of this name; its `weights` of two or three
    numbers in a tuple are `prior_noise` and `prior_drift` here. Clusters follow [2]_, with corners
    at -1 and 1.

    References
    ----------
    .. [1] Ksieniewicz, Zyblewski (2022), stream-learn - open-source Python library for difficult
       data stream batch analysis, Neurocomputing 478. doi:10.1016/j.neucom.2021.10.120
    .. [2] Guyon (2003), Design of experiments for the NIPS 2003 variable selection benchmark.
    """

    task: Task = "classification"
    name = "stream_generator"

    def __init__(
        self,
        *,
        n_chunks: int = 250,
        chunk_size: int = 200,
        n_drifts: int = 0,
        concept_sigmoid_spacing: float | None = None,
        incremental: bool = False,
        recurring: bool = False,
        n_classes: int = 2,
        n_features: int = 20,
        n_informative: int = 2,
        n_redundant: int = 2,
        n_repeated: int = 0,
        n_clusters_per_class: int = 2,
        weights: Sequence[float] | None = None,
        prior_drift: tuple[int, float | None, float] | None = None,
        prior_noise: tuple[float, float] | None = None,
        y_flip: float | Sequence[float] = 0.01,
        seed: int = 1,
    ) -> None:
        self.n_chunks, self.chunk_size = (
            whole("n_chunks", n_chunks, 1),
            whole("chunk_size", chunk_size, 1),
        )
        self.n_rows: int = self.n_chunks * self.chunk_size
        self.n_drifts = whole("n_drifts", n_drifts, 0)
        self.drifts = tuple(
            (2 * k + 1) * self.n_rows // (2 * n_drifts) for k in range(self.n_drifts)
        )
        self.spacing = _spacing("concept_sigmoid_spacing", concept_sigmoid_spacing)
        self.incremental = flag("incremental", incremental)
        self.recurring = flag("recurring", recurring)
        self.n_classes = whole("n_classes", n_classes, 2)
        self.n_informative = whole("n_informative", n_informative, 1)
        self.n_redundant = whole("n_redundant", n_redundant, 0)
        self.n_repeated = whole("n_repeated", n_repeated, 0)
        least = self.n_informative + self.n_redundant + self.n_repeated
        self.n_features = whole("n_features", n_features, least)
        most = 2 ** min(self.n_informative, 30) // self.n_classes
        self.n_clusters = whole("n_clusters_per_class", n_clusters_per_class, 1, most)
        self.seed = whole("seed", seed, 0)
        self._set_priors(weights, prior_drift, prior_noise)
        flips = [y_flip] * self.n_classes if np.ndim(y_flip) == 0 else list(y_flip)  # type: ignore[arg-type]
        if len(flips) != self.n_classes:
            raise wrong("y_flip", y_flip, f"a share, or {self.n_classes} of them")
        self.y_flip = np.array([share("y_flip", flip) for flip in flips])
        self._concepts: list[_Concept] | None = None

    def _set_priors(
        self,
        weights: Sequence[float] | None,
        prior_drift: tuple[int, float | None, float] | None,
        prior_noise: tuple[float, float] | None,
    ) -> None:
        if sum(way is not None for way in (weights, prior_drift, prior_noise)) > 1:
            raise wrong("weights", weights, "one of weights, prior_drift and prior_noise")
        if self.n_classes != 2 and (prior_drift or prior_noise):
            raise wrong("n_classes", self.n_classes, "2 with prior_drift or prior_noise")
        shares = [1.0] * self.n_classes if weights is None else [float(w) for w in weights]
        if len(shares) != self.n_classes or min(shares) < 0 or not 0 < sum(shares) < np.inf:
            raise wrong("weights", weights, f"{self.n_classes} numbers >= 0, not all 0")
        self.weights = np.array(shares) / sum(shares)
        self.prior_drift = self.prior_noise = None
        if prior_drift is not None:
            n, spacing, amplitude = prior_drift
            self.prior_drift = (
                whole("prior_drift[0]", n, 1),
                _spacing("prior_drift[1]", spacing),
                share("prior_drift[2]", amplitude),
            )
        if prior_noise is not None:
            mean, deviation = prior_noise
            self.prior_noise = (
                share("prior_noise[0]", mean),
                real("prior_noise[1]", deviation, 0.0, 1.0),
            )

    @property
    def schema(self) -> Schema:
        """Numeric features, and the classes."""
        names = numbered("att", self.n_features)
        return Schema(self.n_features, names, classes=integers(self.n_classes))

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time (the last chunk may be shorter)."""
        return rechunked(map(self._chunk, range(self.n_chunks)), size)

    # ---------------------------------------------------------------- over time

    def concept_share(self, rows: Ints) -> tuple[Ints, Array]:
        """The old concept's number at each row, and the share of the next one."""
        if self.n_drifts == 0:
            return np.zeros(len(rows), np.int64), np.zeros(len(rows))
        return _shift(rows, self.n_rows, self.n_drifts, self.spacing)

    def priors(self, rows: Ints) -> Array:
        """Shares of the classes at each row, before labels are flipped; `(n_rows, n_classes)`."""
        if self.prior_drift is not None:
            n_drifts, spacing, amplitude = self.prior_drift
            number, new = _shift(rows, self.n_rows, n_drifts, spacing)
            high = np.where(number % 2 == 0, new, 1.0 - new)
            second = 0.5 + amplitude * (high - 0.5)
        elif self.prior_noise is not None:
            normal = np.random.default_rng([self.seed, 2]).standard_normal(self.n_chunks)
            mean, deviation = self.prior_noise
            first = np.clip(mean + deviation * normal, 0.0, 1.0)
            second = 1.0 - first[rows // self.chunk_size]
        else:
            return np.tile(self.weights, (len(rows), 1))
        return np.column_stack([1.0 - second, second])

    # ---------------------------------------------------------------- rows

    def _chunk(self, number: int) -> Chunk:
        rng = np.random.default_rng([self.seed, 1, number])
        rows = np.arange(number * self.chunk_size, (number + 1) * self.chunk_size)
        limits = np.cumsum(self.priors(rows), axis=1)[:, :-1]
        y = (rng.random((len(rows), 1)) >= limits).sum(1)
        old, new_share = self.concept_share(rows)
        if self.incremental:
            X = self._rows_of(rng, old, y) * (1.0 - new_share[:, None])
            X += self._rows_of(rng, old + 1, y) * new_share[:, None]
        else:
            X = self._rows_of(rng, old + (rng.random(len(rows)) < new_share), y)
        flipped = rng.random(len(rows)) < self.y_flip[y]
        more = rng.integers(1, self.n_classes, int(flipped.sum()))
        y[flipped] = (y[flipped] + more) % self.n_classes
        return Chunk(X, y)

    def _rows_of(self, rng: np.random.Generator, concept: Ints, y: Ints) -> Array:
        if self._concepts is None:
            self._concepts = self._drawn_concepts()
        concept = concept % len(self._concepts)
        X = np.empty((len(y), self.n_features))
        for number in np.unique(concept):
            own = concept == number
            X[own] = self._concepts[number].rows(rng, y[own], self.n_features)
        return X

    def _drawn_concepts(self) -> list[_Concept]:
        n = min(self.n_drifts + 1, 2) if self.recurring else self.n_drifts + 1
        return [self._drawn_concept(np.random.default_rng([self.seed, 0, k])) for k in range(n)]

    def _drawn_concept(self, rng: np.random.Generator) -> _Concept:
        n, clusters = self.n_informative, (self.n_classes, self.n_clusters)
        corners = rng.choice(2 ** min(n, 30), clusters[0] * clusters[1], replace=False)
        bits = corners[:, None] >> np.arange(min(n, 30)) & 1
        bits = np.hstack([bits, rng.integers(0, 2, (len(bits), n - bits.shape[1]))])
        told = n + self.n_redundant
        return _Concept(
            np.array(2.0 * bits - 1.0, np.float64).reshape(*clusters, n),
            rng.uniform(-1.0, 1.0, (*clusters, n, n)),
            rng.uniform(-1.0, 1.0, (n, self.n_redundant)),
            rng.integers(0, told, self.n_repeated),
            rng.permutation(self.n_features),
        )


def _spacing(argument: str, value: float | None) -> float | None:
    return None if value is None else real(argument, value, 0.0, 1e9)


def _shift(rows: Ints, n_rows: int, n_drifts: int, spacing: float | None) -> tuple[Ints, Array]:
    """The drift in whose part each row lies, and how far it has come."""
    at = rows * n_drifts / n_rows
    number = np.minimum(at.astype(np.int64), n_drifts - 1)
    within = 2.0 * (at - number) - 1.0
    sigmoid = within >= 0.0 if spacing is None else 0.5 + 0.5 * np.tanh(0.5 * spacing * within)
    return number, sigmoid.astype(np.float64)
