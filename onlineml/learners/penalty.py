"""What penalties on forgetting share: parameters, and what they ask of a network.

A penalty is an object with parameters and no state, which lies in the learner. It is an estimator
only so far as it has parameters, clones and a place in model files.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from onlineml.base import Array, Estimator
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import Arrays, OnlineNet, padded
from onlineml.nn.torch_estimator import Singles
from onlineml.schema import wrong

# Of rows, their targets, the number of classes (None: numbers), and the loss of these.
Restraint = Callable[[Singles, Array, int | None, Loss], Loss]


class Penalty(Estimator):
    """Holds a network of torch to what it knew."""

    #: Whether it compares what the network says of classes.
    needs_classes: ClassVar[bool] = False

    strength: float
    every: int | None

    @property
    def rows_wanted(self) -> int:
        """Rows of a task that it wants to see when the task ends."""
        return 0

    @abstractmethod
    def consolidated(
        self, net: OnlineNet, kept: Arrays, rows: Singles, n_classes: int | None
    ) -> Arrays:
        """What is kept from now on, after a task: of what was kept, and a sample of its rows."""

    @abstractmethod
    def restraint(self, net: OnlineNet, kept: Arrays) -> Restraint:
        """The function that makes of the loss of a batch the one that is descended."""

    def _check(self) -> None:
        if not 0 < self.strength < float("inf"):
            raise wrong("strength", self.strength, "a number > 0")
        if self.every is not None and self.every < 1:
            raise wrong("every", self.every, "a whole number of rows >= 1, or None")


def kept_as(net: OnlineNet, kept: Arrays, kind: str) -> dict[str, Any]:
    """Tensors that are kept under names that begin with `kind`, in the present shapes of `net`.

    What is new, such as the weights of a class that was unknown, is 0.
    """
    shapes = {name: value.shape for name, value in net.module.state_dict().items()}
    return {
        key.removeprefix(kind): net.tensor(padded(array, shapes[key.removeprefix(kind)]))
        for key, array in kept.items()
        if key.startswith(kind)
    }


def further(loss: Loss, of: Callable[..., Any], own: object, arrays: Sequence[Any] = ()) -> Loss:
    """A loss made of another one, and of further arrays; `own` is equal for what does the same."""
    kind = None if loss.kind is None else (loss.kind, own)
    return Loss(of, [*loss.arrays, *arrays], kind)
