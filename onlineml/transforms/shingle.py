"""The last rows side by side as one."""

from __future__ import annotations

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i1, opened
from onlineml.parameters import whole
from onlineml.schema import Schema


@entry
def _shingle(d: int) -> int:
    return _rows(opened(d), f2(d, 1), i1(d, 2))


@jit
def _rows(call: Call, rows: Array, cursor: Ints) -> int:
    n, width = rows.shape
    for i in range(call.first, call.last):
        if call.serve:
            for j in range(width):
                for k in range(n):
                    call.out[i, j * (n + 1) + k] = rows[(cursor[0] + k) % n, j]
                call.out[i, j * (n + 1) + n] = call.X[i, j]
        if call.fit and call.weight[i] > 0.0:
            rows[cursor[0]] = call.X[i]
            cursor[0] = (cursor[0] + 1) % n
    return call.last


class Shingle(Transformer):
    """The last `size` values of each feature side by side: models of rows then see time.

    Feature by feature, the oldest value first, that of the new row last. Rows that have not come
    yet are missing. Works for one feature (a stretch of a series) and for several; columns of a
    feature that comes later are put behind the others, so that models behind it go on. Time per
    event and memory are O(size n_features).

    Parameters
    ----------
    size
        How many rows make one, at least 2.

    Raises
    ------
    ValueError
        At the first row, for a `size` that is not a whole number >= 2.

    Examples
    --------
    >>> from onlineml.transforms import Shingle
    >>> Shingle(size=3).transform_fit_many([[1.0], [2.0], [3.0], [4.0]])
    array([[nan, nan,  1.],
           [nan,  1.,  2.],
           [ 1.,  2.,  3.],
           [ 2.,  3.,  4.]])
    >>> Shingle(size=2).transform_fit_many([[1.0, 10.0], [2.0, 20.0]])
    array([[nan,  1., nan, 10.],
           [ 1.,  2., 10., 20.]])

    Notes
    -----
    A row of weight 0 is seen, and not remembered. Names are those of the features, with "[-1]" and
    so on behind them for the rows before.

    References
    ----------
    .. [1] Guha, Mishra, Roy, Schrijvers (2016), Robust random cut forest based anomaly detection on
       streams, ICML, section 4.
    """

    _kernel = _shingle
    _state = (Field("rows_", ("S", "F"), fill=np.nan), Field("cursor_", (1,), np.int64))

    def __init__(self, *, size: int = 10) -> None:
        self.size = size

    def _check(self) -> None:
        whole("size", self.size, 2)

    def _sizes(self) -> dict[str, int]:
        return {"S": self.size - 1}

    def _n_outputs(self) -> int:
        return self.size * self._size("F")

    def output_schema(self) -> Schema:
        """Columns `name[-2]`, `name[-1]`, `name`, feature by feature."""
        known, n = self.schema_, self.size
        names = known.names or tuple(f"x{j}" for j in range(known.n_features))
        ends = [f"[-{age}]" for age in range(n - 1, 0, -1)] + [""]
        nominal = {j * n + k: values for j, values in known.nominal.items() for k in range(n)}
        return Schema(
            n * known.n_features,
            tuple(name + end for name in names for end in ends),
            nominal,
            late=tuple((j * n + k, n * width) for j, width in known.late for k in range(n)),
        )
