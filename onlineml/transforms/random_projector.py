"""Any number of features in few, by random directions that belong to the features' names."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, opened
from onlineml.kernels.random import seeded
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_KINDS = ("sparse", "gaussian")


@entry
def _random_projector(d: int) -> int:
    return _rows(opened(d), f2(d, 1))


@jit
def _rows(call: Call, weights: Array) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            out = call.out[i]
            out[:] = 0.0
            for j in range(call.X.shape[1]):
                x = call.X[i, j]
                if not np.isnan(x):
                    for k in range(out.shape[0]):
                        out[k] += x * weights[j, k]
    return call.last


class RandomProjector(Transformer):
    """Rows projected on random directions: distances stay about the same, in fewer dimensions.

    A feature's part in the directions is drawn from its name and the seed: it does not depend on
    the order of the columns nor on which others there are, so that features may come at any time
    and rows of before and after are comparable. Columns of arrays are named "0", "1", ... A missing
    value adds nothing, as a zero would. Nothing is learned but the names. Time per event is
    O(n_features n_components), as is memory.

    Parameters
    ----------
    n_components
        Numbers that a row becomes.
    kind
        "sparse": of a feature's parts a share `density` is not zero, all of one size, of either
        sign; with the default density this is the hashing of names of xStream [3]_. "gaussian":
        parts are normal.
    density
        Share of the parts that are not zero; only for "sparse".
    seed
        Seed of the directions; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first row, for an `n_components` that is not a whole number >= 1, an unknown
        `kind`, and a `density` outside of (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.transforms import RandomProjector
    >>> X = np.random.default_rng(0).normal(size=(2, 1000))
    >>> rows = RandomProjector(n_components=400).transform_many(X)
    >>> rows.shape
    (2, 400)
    >>> bool(abs(np.linalg.norm(rows[0] - rows[1]) / np.linalg.norm(X[0] - X[1]) - 1) < 0.1)
    True

    Notes
    -----
    Departs from [1]_ and [2]_ in where the numbers come from: the name, not the column. Codes of
    nominal values are taken as numbers; `OneHotEncoder` or `FeatureHasher` before it take them
    apart.

    References
    ----------
    .. [1] Achlioptas (2003), Database-friendly random projections, Journal of Computer and System
       Sciences 66(4), theorem 1.1. doi:10.1016/S0022-0000(03)00025-4
    .. [2] Li, Hastie, Church (2006), Very sparse random projections, KDD, equation 2.
       doi:10.1145/1150402.1150436
    .. [3] Manzoor, Lamba, Akoglu (2018), xStream: outlier detection in feature-evolving data
       streams, KDD, section 3.1. doi:10.1145/3219819.3220107
    """

    _kernel = _random_projector
    _state = (Field("weights_", ("F", "K")), Field("key_", (1,), np.int64))

    weights_: Array
    key_: Ints

    def __init__(
        self,
        *,
        n_components: int = 50,
        kind: Literal["sparse", "gaussian"] = "sparse",
        density: float = 1 / 3,
        seed: int | None = 0,
    ) -> None:
        self.n_components = n_components
        self.kind = kind
        self.density = density
        self.seed = seed

    def _check(self) -> None:
        whole("n_components", self.n_components, 1)
        if self.kind not in _KINDS:
            raise wrong("kind", self.kind, f"one of {_KINDS}")
        if not 0 < self.density <= 1:
            raise wrong("density", self.density, "a share in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"K": self.n_components}

    def _start(self, schema: Schema) -> None:
        self.key_[:] = seeded(self.seed, 1)
        self._draw(schema, 0)

    def _admit(self, schema: Schema) -> None:
        known = self._size("F") if self.is_started else schema.n_features
        super()._admit(schema)
        self._draw(schema, known)

    def _draw(self, schema: Schema, first: int) -> None:
        """Fill in the directions of the features from place `first` on."""
        for j in range(first, schema.n_features):
            name = schema.names[j] if schema.names else str(j)
            text = f"{self.key_[0]}:{name}".encode()
            rng = np.random.default_rng(list(blake2b(text, digest_size=16).digest()))
            if self.kind == "gaussian":
                self.weights_[j] = rng.normal(size=self.n_components)
            else:
                drawn = rng.random(self.n_components) / self.density
                self.weights_[j] = np.where(drawn < 0.5, -1.0, np.where(drawn < 1.0, 1.0, 0.0))
                self.weights_[j] /= np.sqrt(self.density)
            self.weights_[j] /= np.sqrt(self.n_components)

    def _n_outputs(self) -> int:
        return self.n_components

    def output_schema(self) -> Schema:
        """Columns `projection[0]`, `projection[1]`, ..."""
        n = self.n_components
        return Schema(n, tuple(f"projection[{k}]" for k in range(n)))
