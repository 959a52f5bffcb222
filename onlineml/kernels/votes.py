"""From scores of classes to an answer: column 0 of an output row, probabilities in the others."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array


@inlined
def answer_from_logs(out: Array, n: int, serve: int) -> None:
    """`out[1 : 1 + n]` holds log scores: write the best class, and with scores their softmax."""
    best = _best(out, n)
    out[0] = best
    if serve == ANSWER_AND_SCORES:
        top, total = 0.0 if best < 0 else out[1 + best], 0.0
        for c in range(1, 1 + n):
            out[c] = np.exp(out[c] - top)
            total += out[c]
        _share_out(out, n, total)


@lean
def answer_from_votes(out: Array, n: int, serve: int) -> None:
    """`out[1 : 1 + n]` holds votes >= 0: write the best class, and with scores their shares."""
    out[0] = _best(out, n)
    if serve == ANSWER_AND_SCORES:
        total = 0.0
        for c in range(1, 1 + n):
            total += out[c]
        _share_out(out, n, total)


@inlined
def _best(out: Array, n: int) -> int:
    best = -1
    for c in range(n):
        if best < 0 or out[1 + c] > out[1 + best]:
            best = c
    return best


@lean
def _share_out(out: Array, n: int, total: float) -> None:
    """Divide by `total`, or share equally where it is 0; classes not seen yet get 0."""
    for c in range(1, out.shape[0]):
        if c > n:
            out[c] = 0.0
        elif total > 0.0:
            out[c] /= total
        else:
            out[c] = 1.0 / n
