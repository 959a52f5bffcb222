"""A trained torch network that follows a shift of its rows by the few labels that are bought."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import below, seeded
from onlineml.nn.captured import Loss
from onlineml.nn.online_net import OnlineNet
from onlineml.nn.options import Options, check_options, torch
from onlineml.nn.pretrained import as_function
from onlineml.nn.torch_estimator import Singles, TorchEstimator
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

HELD, KEPT, BOUGHT, KNOWN = range(4)  # rows that wait, sure rows kept, labels learned, classes
_FAR = 1e6  # what is further from 0 counts as this


class ActiveAdapter(TorchEstimator, Classifier):
    """A torch network trained before, fine-tuned under shift by bought labels and by anchors.

    It remembers the last labels, and of all rows that it takes note of (`notice_one`) a balanced
    sample of those that are most like what the network was trained on, with the answers of the
    network as it was at first: anchors of the source domain. At each label it takes `n_steps` steps
    on both. In graphs with a query strategy, in `prequential` under a label budget and in `consult`
    it takes note of every row; `ClusterSampling` asks for the labels that it needs. Time per event
    is that of two answers and, at a label, of the steps and of an answer for each anchor; memory
    that of two networks and the rows.

    Parameters
    ----------
    module
        The network, from `(n_rows, n_features)` numbers to a score for each class, with a Linear
        layer last; it is copied, never changed. What a row has more than a first layer that is
        Linear takes counts for nothing at first. Or a function `(n_inputs, n_outputs) -> module`;
        or None for a perceptron. Files of a model with a module need `trusted_pickle=True`.
    weights
        Arrays by name to load into it, as its `state_dict` has them.
    classes
        Labels of the outputs, in order. More may come.
    hidden
        Widths of the hidden layers of the perceptron.
    learning_rate, momentum
        Of the steps.
    n_steps, every
        Steps that are taken whenever so many labels have come.
    batch_size
        Rows of each kind in a step; among them are the new labels.
    label_share
        Share of the loss over labeled rows; the rest is that over anchors, while there are any.
    source_below
        A batch of rows is of the source domain, and all of them may become anchors, where the mean
        entropy of the first network's answers, in shares of that of a uniform one, is less.
    sure_below
        A row of another batch may become an anchor where the entropy of the first network's answer
        is less, and the present network gives the same answer.
    n_source, n_labeled
        Most anchors, and rows with labels, that are kept.
    clip_norm
        Greatest norm of the gradient; None for any.
    device
        "cpu", "cuda", "cuda:1", ...
    seed
        Of what is drawn, and of weights that are not given.

    Attributes
    ----------
    net_, source_
        Weights of the present and of the first network, by name.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        At the first event, unless `n_steps`, `every`, `batch_size`, `n_source` and `n_labeled` are
        whole numbers >= 1, `label_share`, `source_below`, `sure_below` and `momentum` lie in
        [0, 1], `learning_rate` > 0, `clip_norm` > 0 or None, no two `classes` are equal, and
        `device` is there; for a `module` that does not take such rows or has no last Linear layer
        of enough outputs, and `weights` that do not fit it. Inside an estimator that learns other
        labels first than `classes`.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from onlineml.learners import ActiveAdapter
    >>> net = torch.nn.Linear(2, 2)
    >>> with torch.no_grad():  # trained where it mattered whether the first number is positive
    ...     _ = net.weight.copy_(torch.tensor([[-2.0, 0.0], [2.0, 0.0]])), net.bias.zero_()
    >>> model = ActiveAdapter(module=net, classes=(False, True), seed=1)
    >>> X = np.random.default_rng(0).normal(size=(540, 2))
    >>> y = X[:, 0] + X[:, 1] > 0  # now the second one matters, too
    >>> before = (model.predict_many(X[40:]) == y[40:]).mean()
    >>> after = (model.fit_many(X[:40], y[:40]).predict_many(X[40:]) == y[40:]).mean()
    >>> bool(before < 0.8), bool(after > 0.9)
    (True, True)

    Notes
    -----
    The learner of [1]_, algorithm 1; its questions are those of `ClusterSampling`. Departures:
    rows come one by one; both kinds of rows are bounded, where all were kept: the labels are the
    last ones, the anchors are balanced by class, and the one that came in the batch of most
    entropy goes first. There a row is an anchor where the first network is sure of it, wherever it
    comes from. Here the present network has to agree, as under a strong shift the first one is
    surely wrong. And sure rows do not say where the borders between classes were: the mean entropy
    of a batch tells the domains apart much better than that of a row, so a batch of the source
    gives its unsure rows, too, with shares for labels. A stream that never shows that domain
    has sure rows alone, and more is forgotten. The share of either loss is fixed, where it followed
    the sizes of the sets. Dropout is off and batch normalization keeps its statistics, as there.
    What is missing counts as 0: scale rows before.

    References
    ----------
    .. [1] Gui, Li, Ji (2024), Active test-time adaptation: theoretical analyses and an algorithm,
       ICLR. Section 4. arXiv:2404.05094
    """

    _state = (
        Field("counts_", (4,), np.int64),
        Field("random_", (1,), np.int64),
        Field("held_", ("B", "F"), np.float32),
        Field("anchors_", ("S", "F"), np.float32),
        Field("anchor_codes_", ("S",), np.int64),
        Field("anchor_doubts_", ("S",)),  # mean entropy of the batch that it came in
        Field("labeled_", ("L", "F"), np.float32),
        Field("labels_", ("L", 2)),  # class and weight
    )
    _notices = True

    counts_: Ints
    random_: Ints
    held_: Singles
    anchors_: Singles
    anchor_codes_: Ints
    anchor_doubts_: Array
    labeled_: Singles
    labels_: Array
    net_: dict[str, npt.NDArray[Any]]
    source_: dict[str, npt.NDArray[Any]]

    def __init__(
        self,
        *,
        module: Any = None,
        weights: Mapping[str, Any] | None = None,
        classes: Sequence[Hashable] = (),
        hidden: Sequence[int] = (64,),
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        n_steps: int = 20,
        every: int = 1,
        batch_size: int = 16,
        label_share: float = 0.5,
        source_below: float = 0.15,
        sure_below: float = 0.05,
        n_source: int = 400,
        n_labeled: int = 200,
        clip_norm: float | None = 1.0,
        device: str = "cpu",
        seed: int | None = None,
    ) -> None:
        self.module = module
        self.weights = weights
        self.classes = classes
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.n_steps = n_steps
        self.every = every
        self.batch_size = batch_size
        self.label_share = label_share
        self.source_below = source_below
        self.sure_below = sure_below
        self.n_source = n_source
        self.n_labeled = n_labeled
        self.clip_norm = clip_norm
        self.device = device
        self.seed = seed

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        for name in ("n_steps", "every", "batch_size", "n_source", "n_labeled"):
            whole(name, getattr(self, name), 1)
        for name in ("label_share", "source_below", "sure_below", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in [0, 1]")
        if len(set(self.classes)) < len(self.classes):
            raise wrong("classes", self.classes, "labels that differ")
        check_options(self._options())

    def _options(self) -> Options:
        return Options(
            as_function(self.module), self.hidden, "SGD", self.learning_rate,
            {"momentum": self.momentum}, None, {}, self.clip_norm, self.device, False, self.seed,
        )  # fmt: skip

    def _sizes(self) -> dict[str, int]:
        return {"B": self.batch_size, "S": self.n_source, "L": self.n_labeled}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)
        self.counts_[KNOWN] = len(self.classes)
        net = OnlineNet(self._options(), *self._net_sizes(schema))
        if self.weights is not None:
            net.take_weights(self.weights)
        net.try_rows()
        self.net_ = net.arrays()
        self.source_ = {name: array.copy() for name, array in self.net_.items()}

    def _first_classes(self) -> list[Hashable]:
        return list(self.classes)

    def _n_net_outputs(self) -> int:
        known = int(self.counts_[KNOWN])
        return known if known == len(self.classes) > 1 else max(2, 1 << (known - 1).bit_length())

    def _network(self, name: str = "net") -> OnlineNet:
        """The present network, or the first one: caches, made where they are missing."""
        if f"_{name}" not in vars(self):
            arrays = vars(self)[f"{name}_"]
            net = OnlineNet(self._options(), *arrays["sizes"].tolist())
            net.toggles = False  # neither dropout nor statistics of a batch
            net.load(arrays)
            vars(self)[f"_{name}"] = net
        made: OnlineNet = vars(self)[f"_{name}"]
        return made

    def _net_sizes(self, schema: Schema) -> tuple[int, int]:
        return schema.n_features, self._n_net_outputs()

    def _admit(self, schema: Schema) -> None:
        widens = self.is_started and schema.n_features > self.schema_.n_features
        first = self._network("source").widened(*self._net_sizes(schema)) if widens else None
        super()._admit(schema)
        if first is not None:
            self.source_ = first.arrays()

    def _scaled(self, X: Array, weight: Array) -> Singles:
        return _singles(X)

    def _admit_targets(self, news: list[Hashable]) -> None:
        if news[: len(self.classes_)] != self.classes_[: len(news)]:
            due = f"an estimator around it that knows its classes, {self.classes_}, at the start"
            raise wrong("classes", news, due)
        super()._admit_targets(news)

    # ---------------------------------------------------------------- rows

    def predict_one(self, x: Any) -> Any:
        """The most probable label, before any data too; None where there are no classes."""
        return super().predict_one(x) if self.is_started else self.predict_many([x])[0]

    def predict_proba_one(self, x: Any) -> Array:
        """Class probabilities, shape `(n_classes,)`, before any data too."""
        return super().predict_proba_one(x) if self.is_started else self.predict_proba_many([x])[0]

    def predict_many(self, X: Any) -> npt.NDArray[Any]:
        """Labels, shape `(n_rows,)`, before any data too."""
        return super(ActiveAdapter, self._started_for(X)).predict_many(X)

    def predict_proba_many(self, X: Any) -> Array:
        """Class probabilities, shape `(n_rows, n_classes)`, before any data too."""
        return super(ActiveAdapter, self._started_for(X)).predict_proba_many(X)

    def _started_for(self, X: Any) -> ActiveAdapter:
        """What answers: this, or a twin that is started for rows like `X`."""
        if self.is_started or not self.classes:
            return self
        return self.clone().start(self._rows(X, fit=False)[0])

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self._answer_to(self._network().outputs(_singles(X)), out, serve)
            return
        for i in range(len(X)):
            row = _singles(X[i : i + 1])
            if serve:
                self._answer_to(self._network().outputs(row), out[i : i + 1], serve)
            if weight[i] > 0.0:
                self._learn_label(row[0], int(y[i]), weight[i])

    def _answer_to(self, outputs: Any, out: Array, serve: int) -> None:
        n = int(self.counts_[KNOWN])
        if serve == ANSWER_AND_SCORES:
            out[:, 1:] = 0.0
            out[:, 1 : 1 + n] = _shares(outputs[:, :n])
        out[:, 0] = outputs[:, :n].argmax(1) if n else -1.0

    def _learn_label(self, x: Singles, y: int, weight: float) -> None:
        """Remember a row with its label; take the steps where they are due."""
        if y >= self.counts_[KNOWN]:
            self._meet_class(y)
        place = int(self.counts_[BOUGHT]) % self.n_labeled
        self.labeled_[place], self.labels_[place] = x, (y, weight)
        self.counts_[BOUGHT] += 1
        if self.counts_[BOUGHT] % self.every == 0:
            self._take_steps()

    def _take_steps(self) -> None:
        bought, kept = int(self.counts_[BOUGHT]), int(self.counts_[KEPT])
        labeled = min(bought, self.n_labeled)
        new = range(bought - min(self.every, self.batch_size, labeled), bought)
        places = [number % self.n_labeled for number in new]
        net, due = self._network(), self._due_of_anchors()
        for _ in range(self.n_steps):
            drawn = self._drawn(labeled)
            drawn[: len(places)] = places
            X, codes, parts = self.labeled_[drawn], *self.labels_[drawn].T
            shares = self._one_hot(codes)
            if kept:
                others = self._drawn(kept)
                X = np.concatenate([X, self.anchors_[others]])
                shares = np.concatenate([shares, due[others]])
                rest = np.full(len(others), 1.0 - self.label_share)
                parts = np.concatenate([parts * self.label_share, rest])
            net.step(X, self._loss_of(shares, parts / self.batch_size))

    def _drawn(self, n: int) -> list[int]:
        return [below(self.random_, 0, n) for _ in range(self.batch_size)]

    def _one_hot(self, codes: npt.NDArray[Any]) -> Singles:
        return np.eye(int(self.counts_[KNOWN]), dtype=np.float32)[codes.astype(np.int64)]

    def _due_of_anchors(self) -> Singles:
        """The first network's answers: shares of classes where the batch was of the source."""
        kept = int(self.counts_[KEPT])
        due = self._one_hot(self.anchor_codes_[:kept])
        calm = self.anchor_doubts_[:kept] < self.source_below
        if calm.any():
            shares = self._source_shares(self.anchors_[:kept])
            due[calm] = 0.0
            due[calm, : shares.shape[1]] = shares[calm]
        return due

    def _source_shares(self, X: Singles) -> Array:
        """Shares of the classes that the first network knew."""
        n = len(self.classes) if len(self.classes) > 1 else int(self.counts_[KNOWN])
        return _shares(self._network("source").outputs(X)[:, :n])

    def _loss_of(self, shares: Singles, parts: Array) -> Loss:
        """The sum of the parts of the losses of rows."""
        n, by_row = shares.shape[1], torch().nn.functional.cross_entropy

        def loss(outputs: Any, due: Any, weights: Any) -> Any:
            return (by_row(outputs[:, :n], due, reduction="none") * weights).sum()

        return Loss(loss, [shares, parts.astype(np.float32)])

    def _meet_class(self, code: int) -> None:
        self.counts_[KNOWN] = code + 1
        sizes = self._net_sizes(self.schema_)
        if self._network().sizes[1] < sizes[1]:
            pair = [self._network(name).widened(*sizes).arrays() for name in ("net", "source")]
            for name in ("_net", "_source"):
                del vars(self)[name]
            self.net_, self.source_ = pair

    # ---------------------------------------------------------------- rows without labels

    def _notice(self, X: Array) -> None:
        rows, first = _singles(X), 0
        while first < len(rows):
            place = int(self.counts_[HELD])
            more = min(self.batch_size - place, len(rows) - first)
            self.held_[place : place + more] = rows[first : first + more]
            self.counts_[HELD] = place + more
            first += more
            if self.counts_[HELD] == self.batch_size:  # always as many: the same bits
                self._sift()

    def _sift(self) -> None:
        """Of the rows that wait, let those become anchors that are like the source domain."""
        self.counts_[HELD] = 0
        n = int(self.counts_[KNOWN])
        if n < 2:
            return
        shares = self._source_shares(self.held_)
        logs = np.log(np.maximum(shares, 1e-300))
        entropy = -(shares * logs).sum(1) / np.log(shares.shape[1])
        codes, doubt = shares.argmax(1), float(entropy.mean())
        same = self._network().outputs(self.held_)[:, :n].argmax(1) == codes
        taken = (doubt < self.source_below) | (same & (entropy < self.sure_below))
        for i in np.flatnonzero(taken).tolist():
            self._anchor(self.held_[i], int(codes[i]), doubt)

    def _anchor(self, x: Singles, code: int, doubt: float) -> None:
        """Keep a row, at the cost of the most doubtful one of a class that has most of them."""
        place = int(self.counts_[KEPT])
        if place < self.n_source:
            self.counts_[KEPT] += 1
        else:
            counts = np.bincount(self.anchor_codes_, minlength=code + 1)
            most = code if counts[code] == counts.max() else int(counts.argmax())
            theirs = np.flatnonzero(self.anchor_codes_ == most)
            place = int(theirs[self.anchor_doubts_[theirs].argmax()])
            if most == code and self.anchor_doubts_[place] <= doubt:
                return
        self.anchors_[place], self.anchor_codes_[place] = x, code
        self.anchor_doubts_[place] = doubt

    def diagnostics(self) -> Diagnostics:
        """Anchors that are kept, those of batches of the source, and rows with labels."""
        if not self.is_started:
            return {}
        kept, bought = int(self.counts_[KEPT]), int(self.counts_[BOUGHT])
        return {
            "anchors": float(kept),
            "source_anchors": float((self.anchor_doubts_[:kept] < self.source_below).sum()),
            "labeled_rows": float(min(bought, self.n_labeled)),
        }


def _singles(X: Array) -> Singles:
    """Rows as the network gets them."""
    return np.clip(np.nan_to_num(X, nan=0.0), -_FAR, _FAR).astype(np.float32)


def _shares(outputs: Any) -> Array:
    """Probabilities of the scores of classes, by row."""
    logits = outputs.astype(np.float64)
    shares: Array = np.exp(logits - logits.max(1, keepdims=True)) if logits.shape[1] else logits
    return shares / shares.sum(1, keepdims=True) if logits.shape[1] else shares
