"""Elastic weight consolidation: weights that mattered stay near where they were."""

from __future__ import annotations

from typing import Any

from onlineml.base import Array
from onlineml.learners.penalty import Penalty, Restraint, further, kept_as
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import Arrays, OnlineNet, as_array
from onlineml.nn.torch_estimator import Singles
from onlineml.parameters import whole
from onlineml.schema import wrong

_ANCHOR, _IMPORTANCE = "anchor.", "importance."
_MOST_SLOPES = 500_000  # numbers that are held at once


class EWC(Penalty):
    """Elastic weight consolidation, also online: a spring on each weight, as stiff as it mattered.

    For `TorchClassifier` and `TorchRegressor`. At the end of a task, which `consolidate` or `every`
    says, the weights become anchors and get an importance: the diagonal of the Fisher information
    of the network's answers to `n_rows` rows of the task. The loss grows by `strength` / 2 times
    the sum over weights of importance times squared distance from the anchor. Time per event is
    O(number of weights) more at each step, and `n_rows` times the number of classes backward passes
    at the end of a task; memory is two numbers a weight, however many tasks there were, and the
    rows.

    Parameters
    ----------
    strength
        Of the springs: so many rows of a task count as much as a row of the present one.
    gamma
        None: each task has springs of its own, to the weights at its end [1]_. A number from 0 to
        1: there is one anchor, the last; older importance is multiplied by it at every end [2]_.
    n_rows
        Rows of a task that are kept until its end, a uniform sample.
    every
        A task ends after so many rows (by itself), rounded up to whole batches; None: when
        `consolidate` is called. It asks for a `gamma` below 1.

    Raises
    ------
    ValueError
        By the learner, at its first event, unless `strength` > 0, `gamma` lies in [0, 1] or is
        None, and `n_rows` and `every` are whole numbers >= 1 (`every` or None); for `every`
        without a `gamma` below 1: springs would become stiffer without end.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.evaluation import domain_incremental
    >>> from onlineml.learners import EWC, TorchClassifier
    >>> X = np.random.default_rng(0).normal(size=(1000, 12))
    >>> y = X[:, 0] + X[:, 1] > 0
    >>> rolled = [lambda X, k=k: np.roll(X, k, axis=1) for k in (0, 3, 6)]
    >>> model = TorchClassifier(
    ...     hidden=(32,), learning_rate=0.005, batch_size=4, standardize=False, seed=1
    ... )
    >>> models = {"free": model, "held": model.clone().set_params(penalty=EWC(gamma=0.9))}
    >>> free, held = domain_incremental(models, X, y, by=rolled, seeds=[1])
    >>> held.forgetting < 0.6 * free.forgetting
    True

    Notes
    -----
    The sum of the springs of all tasks is kept as one spring a weight, which has the same force:
    the sum of importances, about the mean of the anchors that they weight. The Fisher information
    is exact, the expectation over the labels that the network itself thinks likely, not over those
    that came. Of numbers it is that of a normal distribution of deviation 1. Weights that come with
    new classes or features are free until the next end of a task. No spring is
    stiffer than 1 / `learning_rate`: a step would jump beyond the anchor.

    References
    ----------
    .. [1] Kirkpatrick et al. (2017), Overcoming catastrophic forgetting in neural networks, PNAS
       114(13), 3521-3526. Equation 3. arXiv:1612.00796
    .. [2] Schwarz et al. (2018), Progress & compress, ICML. Section 3, online EWC: equations 8
       and 9; importances are not normalized. arXiv:1805.06370
    """

    def __init__(
        self,
        *,
        strength: float = 30.0,
        gamma: float | None = None,
        n_rows: int = 200,
        every: int | None = None,
    ) -> None:
        self.strength = strength
        self.gamma = gamma
        self.n_rows = n_rows
        self.every = every

    def _check(self) -> None:
        super()._check()
        if self.gamma is not None and not 0.0 <= self.gamma <= 1.0:
            raise wrong("gamma", self.gamma, "a number from 0 to 1, or None")
        whole("n_rows", self.n_rows, 1)
        if self.every is not None and (self.gamma is None or self.gamma == 1.0):
            due = "None, or a gamma below 1: springs would become stiffer without end"
            raise wrong("every", self.every, due)

    @property
    def rows_wanted(self) -> int:
        """Rows of a task that it wants to see when the task ends."""
        return self.n_rows

    def consolidated(
        self, net: OnlineNet, kept: Arrays, rows: Singles, n_classes: int | None
    ) -> Arrays:
        """Anchors and importances after a task."""
        anchors, importances = kept_as(net, kept, _ANCHOR), kept_as(net, kept, _IMPORTANCE)
        fade = 1.0 if self.gamma is None else self.gamma
        found: Arrays = {}
        for name, new in fisher(net, rows, n_classes).items():
            weight = net.module.get_parameter(name).detach()
            old = fade * importances[name] if kept else 0.0 * new
            total, anchor = old + new, weight
            if self.gamma is None and kept:
                mean = (old * anchors[name] + new * weight) / total
                anchor = net.torch.where(total > 0.0, mean, weight)
            found[_ANCHOR + name] = as_array(anchor)
            found[_IMPORTANCE + name] = as_array(total)
        return found

    def restraint(self, net: OnlineNet, kept: Arrays) -> Restraint:
        """The function that adds the springs to the loss of a batch."""
        anchors, importances = kept_as(net, kept, _ANCHOR), kept_as(net, kept, _IMPORTANCE)
        weights = [net.module.get_parameter(name) for name in anchors]

        def flat(tensors: Any) -> Any:  # a network has few weights: what costs is the calls
            return net.torch.cat([tensor.reshape(-1) for tensor in tensors])

        anchor = flat(anchors.values())
        stiffness = self.strength * flat(importances.values())
        half = 0.5 * stiffness.clamp(max=1.0 / net.options.learning_rate)

        own = object()  # what follows does the same for as long as nothing is consolidated

        def springs() -> Any:
            return net.torch.dot(half, (flat(weights) - anchor).square())

        def restrained(X: Singles, y: Array, n_classes: int | None, loss: Loss) -> Loss:
            return further(loss, lambda *given: loss.of(*given) + springs(), own)

        return restrained


def fisher(net: OnlineNet, X: Singles, n_classes: int | None) -> dict[str, Any]:
    """Mean over rows of the diagonal of the Fisher information of weights, by name.

    Answers are distributed by the softmax of the first `n_classes` outputs or, where that is None,
    as normal ones of deviation 1 about the first output.
    """
    library = net.torch
    weights = {name: p.detach() for name, p in net.module.named_parameters() if p.requires_grad}

    def roots(of: Any, x: Any) -> Any:
        """What has the slopes, by output, that are squared and summed."""
        outputs = net.call(of, x[None])[0, : n_classes or 1]
        if n_classes is None:
            return outputs
        shares = outputs.detach().softmax(0)  # each log p_c, of slope e_c - p, counts p_c times
        return shares.sqrt() * (outputs - (shares * outputs).sum())

    slopes = library.func.vmap(library.func.jacrev(roots), in_dims=(None, 0))
    at_once = max(_MOST_SLOPES // (net.n_weights * (n_classes or 1)), 1)
    total = {name: library.zeros_like(p) for name, p in weights.items()}
    with net.threads(at_once), library.no_grad():
        for part in net.tensor(X).split(at_once):
            for name, found in slopes(weights, part).items():
                total[name] += found.square().sum((0, 1))
    return {name: value / len(X) for name, value in total.items()}
