"""Many networks of torch that predict a number, as one regressor or one for each key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.learners.stacked_learner import STACKED_STATE, StackedLearner
from onlineml.learners.torch_targets import (
    TARGET,
    answer_numbers,
    learn_targets,
    row_loss_of_numbers,
    standardized_targets,
)
from onlineml.nn.torch_estimator import LOSSES, named_loss


class StackedRegressor(StackedLearner, Regressor):
    """Many torch modules of one architecture, stepped together every `batch_size` rows.

    Without a key every row goes to all of them, and their mean is the answer: an ensemble over
    seeds, whose members also answer one by one (`predict_each_fit_many` is the test-then-train run
    of all seeds at once). With a key, each key has a network of its own. Features and targets are
    standardized inside, over all keys; what is missing counts as the mean, codes of nominal values
    are taken as numbers (put a `OneHotEncoder` before). New features widen the first layer. Time
    per event is that of an answer of the networks, and of a step of all of them each `batch_size`
    rows; memory is that of the networks and of `batch_size` rows.

    Parameters
    ----------
    module
        Function `(n_inputs, n_outputs) -> torch.nn.Module` whose last Linear layer gives the
        outputs; None for a perceptron. Files of a model with a function of yours need
        `trusted_pickle=True`.
    hidden
        Widths of the hidden layers of the perceptron, with ReLU.
    n_models
        Networks side by side, where there is no key. The i-th begins as that of a
        `TorchRegressor` with the seed `seed + i`.
    key
        Name or position of the feature that says whose row it is, which the networks do not see:
        each key has a network of its own, and `n_models` does not count.
    max_keys
        Networks that there are at most with a key; they begin alike.
    optimizer
        "SGD", "Adam" or "AdamW".
    learning_rate
        Length of a step.
    optimizer_params
        Of the optimizer, as in torch: `betas`, `eps`, `weight_decay`; `momentum` and
        `weight_decay` of "SGD".
    loss
        "mse", "huber", "mae", or a function `(outputs, targets) -> loss of each row`, of
        standardized targets.
    batch_size
        Rows of a step, of all keys together; those of one key are learned by their mean. It counts
        rows as they come, never the caller's chunk.
    clip_norm
        Greatest norm of the gradient of one network; None for any.
    device
        "cpu", "cuda", "cuda:1", ...
    cuda_graphs
        Whether a GPU replays a step of all networks without a key as one launch: "auto" where
        their products are batched, True for other modules that do the same at every step, too.
    seed
        Of the first weights, and of dropout.

    Attributes
    ----------
    net_
        Weights, and what the optimizer keeps, by name; the networks along the first axis.
    keys_
        The key of each network; NaN where there is none yet.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        At the first event, unless `n_models`, `max_keys` and `batch_size` are whole numbers >= 1
        (`max_keys` >= `batch_size` with a `key`), `learning_rate` > 0, `clip_norm` > 0 or None,
        `key` is a feature, `device` is there, and `optimizer`, `optimizer_params` and `loss` are
        among the above; for `cuda_graphs` that cannot be, a `module` that cannot be stacked (see
        `onlineml.nn.stacked.Stacked`), and one whose last layer is too small.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import StackedRegressor
    >>> rng = np.random.default_rng(0)
    >>> who, x = rng.integers(0, 50, size=8_000), rng.normal(size=8_000)
    >>> y = np.where(who < 25, 3 * x, -3 * x)  # each of fifty users has a slope
    >>> model = StackedRegressor(key=0, batch_size=50, learning_rate=0.02, seed=1)
    >>> said = model.predict_fit_many(np.column_stack([who, x]), y)
    >>> bool(abs(said - y)[-500:].mean() < 0.5)
    True

    Notes
    -----
    The networks are stepped as one, by `onlineml.nn.stacked.Stacked`: on a core, a thousand small
    ones cost as much as fifty steps of torch. With a key, a key is met when the step of its first
    row is taken; unknown ones are answered by a network that never learned. Where there would be
    more than `max_keys`, the key that was longest not learned is forgotten (`diagnostics` counts
    them). `Keyed` keeps any model a key, and those that are forgotten in a file.

    Answers of a chunk and of its rows one by one agree to about 1e-6: torch sums in another order.
    States are the same, bit for bit.

    References
    ----------
    .. [1] Lakshminarayanan, Pritzel, Blundell (2017), Simple and scalable predictive uncertainty
       estimation using deep ensembles, NeurIPS. Section 2.4. arXiv:1612.01474
    """

    _state = (*STACKED_STATE, TARGET)

    target_: Array

    def __init__(
        self,
        *,
        module: Any = None,
        hidden: Sequence[int] = (64,),
        n_models: int = 10,
        key: str | int | None = None,
        max_keys: int = 1000,
        optimizer: str = "Adam",
        learning_rate: float = 1e-3,
        optimizer_params: Mapping[str, Any] | None = None,
        loss: Any = "mse",
        batch_size: int = 1,
        clip_norm: float | None = None,
        device: str = "cpu",
        cuda_graphs: bool | Literal["auto"] = "auto",
        seed: int | None = None,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.n_models = n_models
        self.key = key
        self.max_keys = max_keys
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_params = optimizer_params
        self.loss = loss
        self.batch_size = batch_size
        self.clip_norm = clip_norm
        self.device = device
        self.cuda_graphs = cuda_graphs
        self.seed = seed

    def predict_each_many(self, X: Any) -> Array:
        """Expected targets by each network, `(n_models, n_rows)`; 0 before any data."""
        if not self.is_started:
            return np.zeros((self.n_models, len(self._rows(X, fit=False)[1])))
        return self._pass_each(X, None, None, fit=False)

    def predict_each_fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Array:
        """What each network says of a row before it learns it, `(n_models, n_rows)`."""
        return self._pass_each(X, y, weight, fit=True)

    def _check(self) -> None:
        super()._check()
        named_loss(self.loss, LOSSES)

    def _n_outputs(self) -> int:
        return 1 + self._n_each

    def _together(self, outputs: Any) -> Any:
        return outputs.mean(0)

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        answer_numbers(outputs, self.target_, out)

    def _answer_each(self, outputs: Any, out: Array) -> None:
        for i in range(self.n_models):
            answer_numbers(outputs[i], self.target_, out[:, 1 + i :])

    def _learned_targets(self, y: Array) -> Any:
        learn_targets(y, self.target_)
        return standardized_targets(y, self.target_)

    def _row_loss(self) -> Any:
        return row_loss_of_numbers(self.loss)
