"""Learning without forgetting: the network goes on answering as an older copy of itself did."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.learners.penalty import Penalty, Restraint, further, kept_as
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import Arrays, OnlineNet, as_array
from onlineml.nn.torch_estimator import Singles
from onlineml.schema import wrong

_TEACHER, _N_CLASSES = "teacher.", "n_classes"
_UNLIKELY = -1e9  # the output of a class that is not among those that are told apart


class LwF(Penalty):
    """Learning without forgetting: new rows are answered as the network of before would have.

    For `TorchClassifier`. At the end of a task, which `consolidate` or `every` says, a copy of the
    network is frozen. The loss grows by `strength` times the cross-entropy between what the copy
    and the network say of the rows of a batch, among the classes that the copy knew. No row is
    kept. Time per event is that of one more forward pass at each step, memory that of one more
    network.

    Parameters
    ----------
    strength
        Of the old answers beside the labels.
    temperature
        By which outputs are divided; above 1, unlikely classes count for more.
    every
        A task ends after so many rows (by itself), rounded up to whole batches; None: when
        `consolidate` is called.

    Raises
    ------
    ValueError
        By the learner, at its first event, unless `strength` and `temperature` are > 0 and `every`
        is None or a whole number >= 1; for a learner with a loss of its own or of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import LwF, TorchClassifier
    >>> X = np.random.default_rng(0).normal(size=(900, 3))
    >>> y = (X[:, 0] > 0).astype(int) + (X[:, 0] > 1)
    >>> model = TorchClassifier(hidden=(16,), learning_rate=0.01, penalty=LwF(), seed=1)
    >>> model = model.fit_many(X[y < 2], y[y < 2]).consolidate()
    >>> model = model.fit_many(X[y == 2], y[y == 2])
    >>> sorted(model.classes_)
    [0, 1, 2]

    Notes
    -----
    As in the paper, rows of classes that the copy did not know are told apart from one another
    only: the outputs of the others are the copy's to guard. Answers are given among all classes,
    which the paper, told which task a row is of, did not ask for. A class that comes alone is told
    apart from all. Rows of weight 2 count twice in the new loss alone. Frozen weights of a module
    are not copied.

    References
    ----------
    .. [1] Li, Hoiem (2018), Learning without forgetting, IEEE TPAMI 40(12), 2935-2947. Equations
       1 to 4, with their temperature of 2 and weight of 1. arXiv:1606.09282
    """

    needs_classes = True

    def __init__(
        self, *, strength: float = 1.0, temperature: float = 2.0, every: int | None = None
    ) -> None:
        self.strength = strength
        self.temperature = temperature
        self.every = every

    def _check(self) -> None:
        super()._check()
        if not 0 < self.temperature < float("inf"):
            raise wrong("temperature", self.temperature, "a number > 0")

    def consolidated(
        self, net: OnlineNet, kept: Arrays, rows: Singles, n_classes: int | None
    ) -> Arrays:
        """The present weights, and how many classes they know."""
        assert n_classes is not None
        parts = [*net.module.named_parameters(), *net.module.named_buffers()]
        frozen = {name for name, part in net.module.named_parameters() if not part.requires_grad}
        copied = {_TEACHER + name: as_array(part) for name, part in parts if name not in frozen}
        return {**copied, _N_CLASSES: np.array([n_classes])}

    def restraint(self, net: OnlineNet, kept: Arrays) -> Restraint:
        """The function that adds to the loss of a batch what the copy says of its rows."""
        teacher, n = kept_as(net, kept, _TEACHER), int(kept[_N_CLASSES][0])
        cross_entropy = net.torch.nn.functional.cross_entropy

        def softened(outputs: Any) -> Any:
            return outputs[:, :n] / self.temperature

        def old(outputs: Any, due: Any) -> Any:
            return self.strength * cross_entropy(softened(outputs), due)

        def restrained(X: Singles, y: Array, n_classes: int | None, loss: Loss) -> Loss:
            with net.threads(len(X)), net.torch.no_grad():
                due = softened(net.call(teacher, net.tensor(X)).float()).softmax(1).cpu().numpy()

            def together(outputs: Any, *given: Any) -> Any:
                return loss.of(outputs, *given[:-1]) + old(outputs, given[-1])

            def apart(outputs: Any, *given: Any) -> Any:
                new = outputs.masked_fill(given[-1], _UNLIKELY)
                return loss.of(new, *given[:-2]) + old(outputs, given[-2])

            if (n_classes or 0) < n + 2:  # a softmax over a single class would teach nothing
                return further(loss, together, (n, "together"), [due])
            others = (y >= n)[:, None] & (np.arange(net.sizes[1]) < n)
            return further(loss, apart, (n, "apart"), [due, others])

        return restrained
