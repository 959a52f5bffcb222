"""The directions in which rows vary most, followed as the rows go by.

The `n_axes` leading eigenvectors of a faded second moment S, by orthogonal iteration: `drawn[i]` is
the faded mean of `(axes[i] . z) z`, which is S times axis `i`; made orthogonal now and then,
these are the new axes, and their lengths the eigenvalues. Time per row is
O(n_axes * n_features) if rows are `n_axes` or so from one time to the next.

References
----------
.. [1] Golub, Van Loan (2013), Matrix computations, 4th edition, section 7.3.2 (orthogonal
   iteration).
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array

_NONE = 1e-12  # a direction shorter than this is no direction


@jit
def product(a: Array, b: Array) -> float:
    """Scalar product; four sums at once, as each is a chain."""
    n = a.shape[0]
    p = q = r = s = 0.0
    for j in range(0, n - 3, 4):
        p += a[j] * b[j]
        q += a[j + 1] * b[j + 1]
        r += a[j + 2] * b[j + 2]
        s += a[j + 3] * b[j + 3]
    for j in range(n - n % 4, n):
        p += a[j] * b[j]
    return (p + q) + (r + s)


@jit
def project(axes: Array, z: Array, along: Array) -> None:
    """Coordinates of `z` along the axes, into `along`."""
    for i in range(axes.shape[0]):
        along[i] = product(axes[i], z)


@jit
def follow(drawn: Array, along: Array, z: Array, step: float) -> None:
    """Take in row `z`, with its coordinates `along` the axes, as a share `step` of the past."""
    for i in range(drawn.shape[0]):
        kept, new = 1.0 - step, step * along[i]
        for j in range(z.shape[0]):
            drawn[i, j] = kept * drawn[i, j] + new * z[j]


@jit
def straighten(drawn: Array, axes: Array, spreads: Array, z: Array) -> None:
    """Make the axes anew from what was drawn, and `spreads` the eigenvalues.

    An axis along which nothing was drawn turns to what the others leave of `z`, with spread 0.
    """
    for i in range(axes.shape[0]):
        spreads[i] = _set_apart(drawn[i], axes, i)
        if spreads[i] == 0.0:
            _set_apart(z, axes, i)


@jit
def _set_apart(row: Array, axes: Array, i: int) -> float:
    """Make axis `i` the part of `row` that is orthogonal to the axes before; its length.

    Twice, or rounding would leave some of them in it.
    """
    axes[i] = row
    for _ in range(2):
        for k in range(i):
            part = product(axes[i], axes[k])
            for j in range(row.shape[0]):
                axes[i, j] -= part * axes[k, j]
    length = np.sqrt(product(axes[i], axes[i]))
    if not length > _NONE:
        axes[i] = 0.0
        return 0.0
    axes[i] /= length
    return float(length)
