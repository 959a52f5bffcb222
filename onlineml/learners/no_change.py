"""The last label, again."""

from __future__ import annotations

import numpy as np

from onlineml.base import Classifier
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, i1, opened
from onlineml.kernels.votes import answer_from_votes


@entry
def _no_change(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2))


@lean
def _rows(call: Call, seen: Ints, last: Ints) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            votes = call.out[i]
            for c in range(seen[0]):
                votes[1 + c] = 1.0 if c == last[0] else 0.0
            answer_from_votes(votes, seen[0], call.serve)
        if call.fit:
            c = int(call.y[i])
            seen[0] = max(seen[0], c + 1)
            if call.weight[i] > 0.0:
                last[0] = c
    return call.last


class NoChangeClassifier(Classifier):
    """Predicts the label of the row before, with probability 1.

    The baseline of streams whose labels come in runs: on Electricity it beats most single models.
    Time per event and memory are O(1); features are not looked at.

    Raises
    ------
    ValueError
        For rows that cannot be used; there are no parameters.

    Examples
    --------
    >>> from onlineml.learners import NoChangeClassifier
    >>> NoChangeClassifier().predict_fit_many([[0.0]] * 4, ["up", "up", "down", "up"]).tolist()
    [None, 'up', 'up', 'down']

    References
    ----------
    .. [1] Bifet, Read, Zliobaite, Pfahringer, Holmes (2013), Pitfalls in benchmarking data stream
       classification and how to avoid them, ECML PKDD. Section 3.
    """

    _kernel = _no_change
    _state = (Field("seen_", (1,), np.int64), Field("last_", (1,), np.int64, -1))
