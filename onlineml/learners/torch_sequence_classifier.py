"""A recurrent network of torch as a classifier: its state is carried along the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from onlineml.base import Array, Classifier
from onlineml.learners.torch_sequence import KNOWN, TorchSequence
from onlineml.learners.torch_targets import (
    CROSS_ENTROPY,
    answer_classes,
    loss_of_classes,
    n_outputs_for,
)
from onlineml.nn.captured import Loss
from onlineml.nn.torch_estimator import named_loss


class TorchSequenceClassifier(TorchSequence, Classifier):
    """A recurrent network that tells classes apart, its state carried from row to row.

    What is answered to a row depends on the rows that were learned before it; to answer does not
    move the state, to learn does. Features are standardized inside by their running mean and
    variance; what is missing counts as the mean. New classes and new features widen the last and
    the first layer, with zeros. Time per event is that of torch; memory is that of the network, and
    of a state and `truncation` rows a key.

    Parameters
    ----------
    cell
        "gru", "lstm", or "ssm": a linear recurrence of complex units, with layers behind it.
    hidden
        Units of the state.
    module
        Function `(n_inputs, n_outputs) -> torch.nn.Module` in place of a cell. The module takes
        `(rows, state)`, rows `(n_rows, n_inputs)` and a tensor or tuple of tensors, None at first,
        and gives `(outputs, state)`, the state after the last row; its last Linear layer gives the
        outputs. Files of a model with a function of yours need `trusted_pickle=True`.
    truncation
        Rows of a key through which gradients flow back, and after which a step is taken. It counts
        rows as they come, never the caller's chunk.
    key
        Name or position of the feature that tells sequences apart, each with a state of its own;
        None for one sequence. The network does not see it.
    max_keys
        Sequences that are remembered; a new one takes the place of that which was longest not
        learned. `diagnostics` counts them.
    optimizer
        Name in `torch.optim`, or a class of that kind.
    learning_rate
        Length of a step.
    optimizer_params
        Further arguments of the optimizer.
    scheduler, scheduler_params
        Name in `torch.optim.lr_scheduler` and its arguments; None for a constant rate.
    loss
        "cross_entropy", or a function `(outputs, classes) -> loss of each row`.
    clip_norm
        Greatest norm of the gradient; None for any.
    device
        "cpu", "cuda", "cuda:1", ...
    mixed_precision
        Whether to compute in bfloat16 where torch does so on its own accord.
    seed
        Of the first weights, and of dropout.

    Attributes
    ----------
    net_
        Weights, and what the optimizer keeps, by name.
    carried_
        The state of each key before its present window, `(n_keys, n_state)`.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        At the first event, unless `hidden`, `truncation` and `max_keys` are whole numbers >= 1,
        `learning_rate` > 0, `clip_norm` > 0 or None, `key` is a feature or None, `device` is
        there, and `cell`, `optimizer`, `scheduler` and `loss` are among the above; for a `module`
        that gives no state, or whose last layer is too small.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import TorchSequenceClassifier
    >>> x = np.random.default_rng(0).integers(0, 2, 4_000)
    >>> y = x ^ np.roll(x, 1)  # whether the bit is another than that before
    >>> model = TorchSequenceClassifier(truncation=8, seed=1)
    >>> bool((model.predict_fit_many(x[:, None], y) == y)[-500:].mean() > 0.95)
    True

    Notes
    -----
    Truncated backpropagation through time [1]_ over windows that do not overlap: a step is taken
    every `truncation` rows of a key, down the gradient of the mean loss of the window, from the
    state that the window before left. Rows of weight 0 do not go into the state. Memory is that of
    the network, and of `truncation` rows a key. Codes of nominal values are taken as numbers (put a
    `OneHotEncoder` before); keys that are strings stay in the schema when they are dropped.

    After a step, states after rows that wait for theirs are computed anew, with the new weights.
    Answers of a chunk and of its rows one by one agree to about 1e-6: torch sums in another order.
    States are the same, bit for bit.

    References
    ----------
    .. [1] Williams, Peng (1990), An efficient gradient-based algorithm for on-line training of
       recurrent network trajectories, Neural Computation 2(4). doi:10.1162/neco.1990.2.4.490
    """

    def __init__(
        self,
        *,
        cell: Literal["gru", "lstm", "ssm"] = "gru",
        hidden: int = 32,
        module: Any = None,
        truncation: int = 16,
        key: str | int | None = None,
        max_keys: int = 1000,
        optimizer: Any = "Adam",
        learning_rate: float = 0.01,
        optimizer_params: Mapping[str, Any] | None = None,
        scheduler: str | None = None,
        scheduler_params: Mapping[str, Any] | None = None,
        loss: Any = "cross_entropy",
        clip_norm: float | None = 1.0,
        device: str = "cpu",
        mixed_precision: bool = False,
        seed: int | None = None,
    ) -> None:
        self.cell = cell
        self.hidden = hidden
        self.module = module
        self.truncation = truncation
        self.key = key
        self.max_keys = max_keys
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_params = optimizer_params
        self.scheduler = scheduler
        self.scheduler_params = scheduler_params
        self.loss = loss
        self.clip_norm = clip_norm
        self.device = device
        self.mixed_precision = mixed_precision
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        named_loss(self.loss, CROSS_ENTROPY)

    def _n_net_outputs(self) -> int:
        return n_outputs_for(int(self.counts_[KNOWN]))

    def _make_room(self, n_classes: int) -> None:
        """Room is made when a class comes, wherever it stands in a chunk."""

    def _is_new(self, y: float) -> bool:
        return bool(y >= self.counts_[KNOWN])

    def _meet(self, y: float) -> None:
        self.counts_[KNOWN] = int(y) + 1
        if self._network().sizes[1] < self.counts_[KNOWN]:
            self._widen_outputs()

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        answer_classes(outputs, int(self.counts_[KNOWN]), out, serve)

    def _loss_of(self, y: Array, weight: Array) -> Loss:
        return loss_of_classes(self.loss, y, weight, int(self.counts_[KNOWN]))
