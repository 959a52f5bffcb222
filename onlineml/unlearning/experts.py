"""Whether a replay may keep to the experts that a row has reached, and why mostly it may not."""

from __future__ import annotations

from onlineml.base import Estimator
from onlineml.unlearning.called import Called

_EACH = "every row reaches every one"


def coupling(model: Estimator) -> str:
    """Why a replay of `model` goes through all its experts; empty where it has none.

    An expert can be replayed alone if what it learns depends on no other row than those that it
    learns itself, and if it can be told which these are without asking the model about each row.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, OnlineBagging
    >>> coupling(GaussianNB())
    ''
    >>> coupling(OnlineBagging())
    'all experts were replayed: each row moves what their generators draw for later ones'
    """
    why = _why(model)
    return f"all experts were replayed: {why}" if why else ""


def _why(model: Estimator) -> str:
    from onlineml.learners.dee import DEE
    from onlineml.learners.drift_moe import DriftMoE
    from onlineml.learners.members import GENERATORS, Ensemble
    from onlineml.learners.mondrian_forest import MondrianForest

    if isinstance(model, Called):
        return f"with Replayable around the model within {type(model).__name__} it would be one"
    if isinstance(model, DriftMoE):
        return "the router learns from each row where to send later ones"
    if isinstance(model, DEE):
        return "to find those that a row reaches takes longer than they take to learn it"
    if isinstance(model, Ensemble):
        draws = any(field is GENERATORS for field in model._state)
        return "each row moves what their generators draw for later ones" if draws else _EACH
    return _EACH if isinstance(model, MondrianForest) else ""
