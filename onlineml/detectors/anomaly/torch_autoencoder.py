"""What any network of torch, learned on the stream, does not reproduce of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Detector
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field
from onlineml.kernels.faded_moments import learn, share
from onlineml.kernels.linear import LARGEST
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import OnlineNet, linears
from onlineml.nn.options import Options
from onlineml.nn.torch_batches import BATCH, TorchBatches
from onlineml.nn.torch_estimator import LOSSES, Singles, named_loss
from onlineml.schema import Schema, wrong

# Deviations that a value counts as at most, enters the network as, and is learned as.
_FAR, _ENTERS, _TAME = 100.0, 10.0, 3.0
# Rows of `standing_`: weight, mean and variance of a feature; weight and mean square of its rest.
_N, _MEAN, _VARIANCE, _N_LEFT, _LEFT = range(5)
_LEAST_LEFT = 1e-3  # share of a feature's variance that is taken to be left at least


@jit
def _standardize(X: Array, weight: Array, least: float, standing: Array, out: Singles) -> None:
    """Rows in deviations, each by what was known before it, NaN where a value tells nothing.

    Those of some weight are taken in.
    """
    n, mean, variance = standing[_N], standing[_MEAN], standing[_VARIANCE]
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            z = np.nan
            if variance[j] > 1e-24 and abs(X[i, j]) <= LARGEST:
                z = (X[i, j] - mean[j]) / np.sqrt(variance[j])
                z = min(max(z, -_FAR), _FAR)
            out[i, j] = np.float32(z)
        if weight[i] > 0.0:
            learn(X[i], weight[i], least, _ENTERS, n, mean, variance)


@jit
def _learn_rest(rest: Array, weight: Array, least: float, standing: Array) -> None:
    """How much is usually left of each feature: a mean square that forgets."""
    n, left = standing[_N_LEFT], standing[_LEFT]
    for i in range(rest.shape[0]):
        w = weight[i]
        for j in range(rest.shape[1]):
            if not np.isnan(rest[i, j]):
                n[j] += w
                step = share(w / n[j], w, least)
                left[j] += step * (min(rest[i, j] ** 2, _TAME * _TAME) - left[j])


class TorchAutoencoder(TorchBatches, Detector):
    """What a torch module does not reproduce of rows, stepped every `batch_size` of them.

    The module gives rows, standardized, back. The score is the root mean square over the features
    of what is left of them, in units of what is usually left. New features widen the first and the
    last layer, with zeros. Time per event is that of torch; memory that of the network, and
    `batch_size` rows.

    Parameters
    ----------
    module
        Function `(n_inputs, n_outputs) -> torch.nn.Module` whose last Linear layer gives the
        outputs, as many as inputs; None for a perceptron. Files of a model with a function of
        yours need `trusted_pickle=True`.
    hidden
        Widths of the hidden layers of the perceptron.
    activation
        Name in `torch.nn` of what stands between them.
    optimizer
        Name in `torch.optim`, or a class of that kind.
    learning_rate
        Length of a step.
    optimizer_params
        Further arguments of the optimizer.
    scheduler, scheduler_params
        Name in `torch.optim.lr_scheduler` and its arguments; None for a constant rate.
    loss
        "mse", "huber", "mae", or a function `(outputs, targets) -> loss of each value`.
    batch_size
        Rows of a step. It counts rows as they come, never the caller's chunk.
    fading_factor
        What means, deviations and usual rests forget by, an event.
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
        Of the first weights, and of dropout.

    Attributes
    ----------
    net_
        Weights, and what the optimizer keeps, by name.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        At the first event, unless `batch_size` is a whole number >= 1, `learning_rate` > 0,
        0 < `fading_factor` <= 1, `clip_norm` > 0 or None, `device` is there, and `activation`,
        `optimizer`, `scheduler` and `loss` are among the above; for `compile` and `cuda_graphs`
        that cannot be, and a `module` whose last layer is too small.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import TorchAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 1)) + 0.1 * rng.normal(size=(3000, 8))  # all nearly equal
    >>> model = TorchAutoencoder(batch_size=8, learning_rate=0.01).fit_many(X)
    >>> x = np.ones(8)
    >>> x[2] = -1.0
    >>> model.score_one(np.ones(8)) < 1.5 < 3 < model.score_one(x)
    True
    >>> model.explain_one(x).argmax()
    np.int64(2)
    >>> model.embed_one(x).shape  # what leaves the narrowest layer
    (4,)

    Notes
    -----
    Departures from [1]_ are those of `Autoencoder`, which is the same for perceptrons, compiled,
    and far faster by row: errors are weighed by feature, means and deviations forget, values count
    as at most 100 deviations off, enter the network as at most 10, and are learned as at most 3,
    so that one huge row does no harm. A missing value enters as the mean and is not asked for.
    Codes of nominal values are taken as numbers (put a `OneHotEncoder` before). What features
    contribute are their parts of the mean square; they sum to the score.

    Scores of a chunk and of its rows one by one agree to about 1e-6: torch sums in another order.
    States are the same, bit for bit.

    References
    ----------
    .. [1] Sakurada, Yairi (2014), Anomaly detection using autoencoders with nonlinear
       dimensionality reduction, MLSDA, section 3. doi:10.1145/2689746.2689747
    """

    _explains = True
    _state: ClassVar[tuple[Field, ...]] = (
        *BATCH,
        Field("counts_", (1,), np.int64),
        Field("standing_", (5, "F")),
    )

    standing_: Array

    def __init__(
        self,
        *,
        module: Any = None,
        hidden: Sequence[int] = (16, 4, 16),
        activation: str = "Tanh",
        optimizer: Any = "Adam",
        learning_rate: float = 0.005,
        optimizer_params: Mapping[str, Any] | None = None,
        scheduler: str | None = None,
        scheduler_params: Mapping[str, Any] | None = None,
        loss: Any = "mse",
        batch_size: int = 1,
        fading_factor: float = 0.999,
        clip_norm: float | None = 1.0,
        device: str = "cpu",
        mixed_precision: bool = False,
        compile: bool = False,
        cuda_graphs: bool | Literal["auto"] = "auto",
        seed: int | None = 0,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_params = optimizer_params
        self.scheduler = scheduler
        self.scheduler_params = scheduler_params
        self.loss = loss
        self.batch_size = batch_size
        self.fading_factor = fading_factor
        self.clip_norm = clip_norm
        self.device = device
        self.mixed_precision = mixed_precision
        self.compile = compile
        self.cuda_graphs = cuda_graphs
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        named_loss(self.loss, LOSSES)
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _options(self) -> Options:
        return super()._options()._replace(activation=self.activation)

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        return schema.n_features, schema.n_features

    # ---------------------------------------------------------------- rows

    def _told(self, X: Array, weight: Array) -> npt.NDArray[np.bool_]:
        return (weight > 0.0) & ~np.isnan(X).all(1)

    def _scaled(self, X: Array, weight: Array) -> Singles:
        scaled = np.empty(X.shape, np.float32)
        _standardize(X, weight, 1.0 - self.fading_factor, self.standing_, scaled)
        return scaled

    def _answer_rows(self, scaled: Singles, out: Array, serve: int) -> None:
        left = self.standing_[_LEFT]
        found = self._network().outputs(_entering(scaled))[:, : scaled.shape[1]]
        parts = (scaled - found).astype(np.float64) ** 2 / np.maximum(left, _LEAST_LEFT)
        counts = ~np.isnan(scaled) & (left > 0.0)
        parts[~counts] = 0.0
        total = parts.sum(1)
        out[:, 0] = np.sqrt(total / np.maximum(counts.sum(1), 1))
        if serve == ANSWER_AND_SCORES:
            shares = out[:, 0] / np.where(total > 0.0, total, 1.0)
            out[:, 1:] = parts * shares[:, None]

    def _hold(self, X: Array, scaled: Singles, y: Array, weight: Array) -> None:
        super()._hold(X, np.clip(scaled, -_TAME, _TAME), y, weight)

    def _step(self, net: OnlineNet) -> None:
        rows, weight = self.held_, self.held_weight_
        entering, there = _entering(rows), ~np.isnan(rows)
        if not there.any():
            return
        by_value, known = named_loss(self.loss, LOSSES), isinstance(self.loss, str)
        how, n = {"reduction": "none"} if known else {}, rows.shape[1]

        def loss(outputs: Any, due: Any, shares: Any) -> Any:
            return (by_value(outputs[:, :n], due, **how) * shares).sum()

        shares = there * (weight / float(there.sum()))[:, None]
        found = net.outputs(entering) if net.toggles else None
        arrays = [entering, shares.astype(np.float32)]
        outputs = net.step(entering, Loss(loss, arrays, self.loss))
        found = outputs.cpu().numpy() if found is None else found
        rest = rows.astype(np.float64) - found[:, :n]
        _learn_rest(rest, weight, 1.0 - self.fading_factor, self.standing_)

    def _embedded(self, X: Array) -> Singles:
        net, scaled = self._network(), self._scaled(X, np.zeros(len(X)))
        layers = linears(net.module)
        narrowest = min(layers[1:] or layers, key=lambda layer: layer.in_features)
        embedded: Singles = net.embedded(_entering(scaled), narrowest)
        return embedded


def _entering(scaled: Singles) -> Singles:
    """Rows as the network gets them: what is missing is the mean, what is far off is cut."""
    entering: Singles = np.clip(np.nan_to_num(scaled), -_ENTERS, _ENTERS)
    return entering
