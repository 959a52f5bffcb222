"""Any network of torch as a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from onlineml.base import Array, Classifier
from onlineml.learners.penalty import Penalty
from onlineml.learners.torch_classes import TorchClasses
from onlineml.learners.torch_learner import KNOWN
from onlineml.learners.torch_targets import loss_of_classes
from onlineml.nn.captured import Loss
from onlineml.schema import wrong


class TorchClassifier(TorchClasses, Classifier):
    """A torch module that tells classes apart, stepped every `batch_size` rows.

    Features are standardized inside by their running mean and variance, what is missing counts as
    the mean; codes of nominal values are taken as numbers (put a `OneHotEncoder` before). New
    classes and new features widen the last and the first layer, with zeros. Time per event is that
    of torch; memory that of the network, `batch_size` and `replay_size` rows.

    Parameters
    ----------
    module
        Function `(n_inputs, n_outputs) -> torch.nn.Module` whose last Linear layer gives the
        outputs; None for a perceptron. Files of a model with a function of yours need
        `trusted_pickle=True`.
    hidden
        Widths of the hidden layers of the perceptron, with ReLU.
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
    standardize
        Whether features are standardized. Without it a missing value counts as 0; with a `penalty`
        it is better left out, since what the network knows shifts as the scale does.
    batch_size
        Rows of a step. It counts rows as they come, never the caller's chunk.
    replay_size
        Rows of the past that are kept, a uniform sample; 0 for none.
    replay_rows
        Of these, how many join each step.
    penalty
        `EWC` or `LwF`: holds the network to what it knew when `consolidate` was last called.
    clip_norm
        Greatest norm of the gradient; None for any.
    device
        "cpu", "cuda", "cuda:1", ...
    mixed_precision
        Whether to compute in bfloat16 where torch does so on its own accord.
    compile
        Whether `torch.compile` makes one pass of steps and of answers to single rows: it takes up
        to a minute at first and after every widening, and pays for wide networks and on GPUs.
    cuda_graphs
        Whether a GPU replays whole steps as one launch each: "auto" for the perceptron on a GPU,
        True for a module of yours too, which must then do the same at every step.
    seed
        Of the first weights, of dropout and of the replay.

    Attributes
    ----------
    net_
        Weights, and what the optimizer keeps, by name.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        At the first event, unless `batch_size` is a whole number >= 1, `replay_size` and
        `replay_rows` are whole numbers >= 0, the latter no greater, `learning_rate` > 0,
        `clip_norm` > 0 or None, `device` is there, and `optimizer`, `scheduler` and `loss` are
        among the above; for a `penalty` that needs the named loss beside a function (`LwF`),
        `compile` and `cuda_graphs` that cannot be, and a `module` whose last layer is too small.
        By `consolidate` without a `penalty`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import TorchClassifier
    >>> X = np.random.default_rng(0).normal(size=(2_000, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = TorchClassifier(hidden=(32,), batch_size=8, learning_rate=0.01, seed=1)
    >>> bool((model.predict_fit_many(X, y) == y)[-500:].mean() > 0.9)
    True

    Notes
    -----
    Answers of a chunk and of its rows one by one agree to about 1e-6: torch sums in another order.
    States are the same, bit for bit. On the CPU, a small `torch.nn.Sequential` of Linear layers
    with ReLU, Tanh or Sigmoid between them learns a named loss without autograd, in a third of the
    time. For small networks by row, `MLPClassifier` is another fifteen to forty times faster.

    References
    ----------
    .. [1] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    .. [2] Chaudhry, Rohrbach, Elhoseiny et al. (2019), On tiny episodic memories in continual
       learning. Algorithm 1. arXiv:1902.10486
    .. [3] Vitter (1985), Random sampling with a reservoir, ACM TOMS 11(1), 37-57. Algorithm R.
    """

    def __init__(
        self,
        *,
        module: Any = None,
        hidden: Sequence[int] = (64,),
        optimizer: Any = "Adam",
        learning_rate: float = 1e-3,
        optimizer_params: Mapping[str, Any] | None = None,
        scheduler: str | None = None,
        scheduler_params: Mapping[str, Any] | None = None,
        loss: Any = "cross_entropy",
        standardize: bool = True,
        batch_size: int = 1,
        replay_size: int = 0,
        replay_rows: int = 0,
        penalty: Penalty | None = None,
        clip_norm: float | None = None,
        device: str = "cpu",
        mixed_precision: bool = False,
        compile: bool = False,
        cuda_graphs: bool | Literal["auto"] = "auto",
        seed: int | None = None,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_params = optimizer_params
        self.scheduler = scheduler
        self.scheduler_params = scheduler_params
        self.loss = loss
        self.standardize = standardize
        self.batch_size = batch_size
        self.replay_size = replay_size
        self.replay_rows = replay_rows
        self.penalty = penalty
        self.clip_norm = clip_norm
        self.device = device
        self.mixed_precision = mixed_precision
        self.compile = compile
        self.cuda_graphs = cuda_graphs
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        own_loss = not isinstance(self.loss, str)
        if own_loss and self.penalty is not None and self.penalty.needs_classes:
            raise wrong("penalty", self.penalty, "EWC: the other one needs the cross-entropy")

    def _n_classes(self) -> int:
        return int(self.counts_[KNOWN])

    def _loss_of(self, y: Array, weight: Array) -> Loss:
        return loss_of_classes(self.loss, y, weight, int(self.counts_[KNOWN]))
