"""What agents are put together from: parameters, and nothing that is learned."""

from __future__ import annotations

from onlineml.estimator import Estimator


class Part(Estimator):
    """A choice with parameters of its own, such as an update rule, which an agent takes for one.

    Estimators only so far as they have parameters, clones and a place in model files.
    """
