"""Small streams for the tests of evaluation."""

import numpy as np

from onlineml.datasets.stream import Chunk, Stream
from onlineml.schema import Schema


class Rows(Stream):
    """Rows held in memory; what happens at a row can be planted with `at`."""

    def __init__(self, X, y, *, time=None, task="classification", drifts=(), schema=None, at=None):
        self.X, self.y, self.time, self.task = X, np.asarray(y), time, task
        self.drifts, self.name, self.n_rows = drifts, "rows", len(X)
        self._schema, self.at = schema or Schema(X.shape[1]), at or {}

    @property
    def schema(self):
        return self._schema

    def chunks(self, size):
        for lo in range(0, len(self.X), size):
            for row, happening in self.at.items():
                if lo <= row < lo + size:
                    happening()
            part = slice(lo, lo + size)
            yield Chunk(self.X[part], self.y[part], None if self.time is None else self.time[part])


def blobs(n, *, n_classes=3, seed=0, labels=None, **more):
    """Gaussian blobs, one a class, whose labels come in runs; class 2 appears late."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(rng.integers(n_classes, size=n), rng.integers(1, 6, n))[:n]
    codes[: n // 4] %= 2
    X = rng.normal(size=(n, 3)) + codes[:, None]
    y = codes if labels is None else np.array(labels, object)[codes]
    return Rows(X, y, **more)


def line(n, *, seed=0, **more):
    """A linear function of two features, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return Rows(X, 3.0 * X[:, 0] - X[:, 1] + rng.normal(size=n), task="regression", **more)
