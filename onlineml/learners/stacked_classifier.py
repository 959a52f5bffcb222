"""Many networks of torch that tell classes apart, as one classifier or one for each key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier
from onlineml.labels import labels_of
from onlineml.learners.stacked_learner import StackedLearner
from onlineml.learners.torch_classes import TorchClasses
from onlineml.learners.torch_learner import KNOWN
from onlineml.learners.torch_targets import row_loss_of_classes


class StackedClassifier(TorchClasses, StackedLearner, Classifier):
    """Many torch modules of one architecture, stepped together every `batch_size` rows.

    Without a key every row goes to all of them, and the mean of their probabilities is the answer:
    an ensemble over seeds, whose members also answer one by one (`predict_each_fit_many` is the
    test-then-train run of all seeds at once). With a key, each key has a network of its own.
    Features are standardized inside, what is missing counts as the mean; codes of nominal values
    are taken as numbers (put a `OneHotEncoder` before). New classes and features widen the layers.
    Time per event is that of an answer of the networks, and of a step of all of them each
    `batch_size` rows; memory is that of the networks and of `batch_size` rows.

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
        `TorchClassifier` with the seed `seed + i`.
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
        "cross_entropy", or a function `(outputs, classes) -> loss of each row`.
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
    >>> from onlineml.learners import StackedClassifier
    >>> X = np.random.default_rng(0).normal(size=(2_000, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = StackedClassifier(n_models=20, hidden=(32,), batch_size=8, learning_rate=0.01)
    >>> each = model.predict_each_fit_many(X, y)  # what every seed said before it learned
    >>> each.shape
    (20, 2000)
    >>> bool((each == y)[:, -500:].mean(1).min() > 0.9)
    True
    >>> bool((model.predict_many(X[:500]) == y[:500]).mean() > 0.9)  # all of them together
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
        loss: Any = "cross_entropy",
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

    def predict_each_many(self, X: Any) -> npt.NDArray[Any]:
        """Labels by each network, `(n_models, n_rows)`; None where no class was known yet."""
        if not self.is_started:
            return np.full((self.n_models, len(self._rows(X, fit=False)[1])), None)
        return self._labels_of_each(self._pass_each(X, None, None, fit=False))

    def predict_each_fit_many(self, X: Any, y: Any, *, weight: Any = None) -> npt.NDArray[Any]:
        """What each network says of a row before it learns it, `(n_models, n_rows)`."""
        return self._labels_of_each(self._pass_each(X, y, weight, fit=True))

    def _labels_of_each(self, codes: Array) -> npt.NDArray[Any]:
        return labels_of(codes.ravel(), self.classes_).reshape(codes.shape)

    def _n_outputs(self) -> int:
        return super()._n_outputs() + self._n_each

    def _together(self, outputs: Any) -> Any:
        n = int(self.counts_[KNOWN])
        if not n:
            return outputs[0]
        logits = outputs[:, :, :n].astype(np.float64)
        shares = np.exp(logits - logits.max(2, keepdims=True))
        return np.log((shares / shares.sum(2, keepdims=True)).mean(0) + 1e-300)

    def _answer_each(self, outputs: Any, out: Array) -> None:
        n = int(self.counts_[KNOWN])
        out[:, -self.n_models :] = outputs[:, :, :n].argmax(2).T if n else -1.0

    def _learned_targets(self, y: Array) -> Any:
        return y.astype(np.int64)

    def _row_loss(self) -> Any:
        return row_loss_of_classes(self.loss, int(self.counts_[KNOWN]))
