"""What trees with alternate subtrees share towards their users: parameters, settings, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.kernels.tree import ALTERNATE, N_NODES
from onlineml.learners.members import window_rule
from onlineml.schema import wrong

_COMPARED_AT = 0.05  # delta of the comparison of a subtree and its alternate


def check_alternates(tree: Any) -> None:
    """Raise `ValueError` for parameters that cannot be used."""
    if not 0 < tree.drift_delta < 1:
        raise wrong("drift_delta", tree.drift_delta, "a number between 0 and 1")
    if not tree.judged_after >= 1:
        raise wrong("judged_after", tree.judged_after, "a number of errors >= 1")


def alternates_settings(tree: Any) -> tuple[float, ...]:
    """Settings as `onlineml.kernels.alternates` reads them."""
    return (
        float(tree.judged_after),
        float(np.log(2.0 / _COMPARED_AT)),
        float(tree.bootstrap),
        *window_rule(float(tree.drift_delta)).tolist(),
    )


def n_alternates_of(tree: Any) -> int:
    """Number of alternate subtrees that are growing."""
    return (
        int((tree.table_[: tree.header_[N_NODES], ALTERNATE] >= 0).sum()) if tree.is_started else 0
    )
