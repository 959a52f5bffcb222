"""The most frequent label so far."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, opened
from onlineml.kernels.taking_back import lacks, rest
from onlineml.kernels.votes import answer_from_votes


@entry
def _majority(d: int) -> int:
    return _rows(opened(d), i1(d, 1), f1(d, 2))


@lean
def _rows(call: Call, seen: Ints, weight: Array) -> int:
    for i in range(call.first, call.last):
        if call.serve:
            votes = call.out[i]
            for c in range(seen[0]):
                votes[1 + c] = weight[c]
            answer_from_votes(votes, seen[0], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            if w < 0.0:
                if lacks(weight[c], w):
                    return i
                weight[c] = rest(weight[c], w)
                continue
            seen[0] = max(seen[0], c + 1)
            weight[c] += w
    return call.last


class MajorityClassifier(Classifier):
    """Predicts the class of the largest total weight so far; probabilities are the shares.

    Among classes of equal weight, the one that appeared first. Time per event and memory are
    O(n_classes); features are not looked at.

    Raises
    ------
    ValueError
        For rows that cannot be used; there are no parameters.

    Examples
    --------
    >>> from onlineml.learners import MajorityClassifier
    >>> model = MajorityClassifier().fit_many([[0.0]] * 4, ["up", "up", "down", "up"])
    >>> model.predict_one([0.0]), model.predict_proba_one([0.0]).tolist()
    ('up', [0.75, 0.25])
    """

    _kernel = _majority
    _takes_back = True
    _state = (Field("seen_", (1,), np.int64), Field("weight_", ("C",)))
