"""Bagging whose Poisson rates follow the sizes of the classes: what OOB and UOB share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier, Schema
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import poisson, seeded
from onlineml.kernels.votes import answer_from_votes
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.privacy import with_own_noise
from onlineml.parameters import whole
from onlineml.schema import wrong

_GONE = 1e-3  # a class this small has gone: it is not the smallest, or nobody would learn again
_STEP = 32.0  # a Poisson number of a higher mean is a sum of several


@jit
def _poisson_sum(rng: Ints, k: int, mean: float) -> float:
    total, left = 0.0, mean
    while left > _STEP:
        total += poisson(rng, k, _STEP)
        left -= _STEP
    return total + poisson(rng, k, left)


@jit
def _rates(y: Array, weight: Array, size: Array, decay: float, larger: bool, rate: Array) -> None:
    """Take each row into the decayed class sizes; the rate that is due to it."""
    for i in range(y.shape[0]):
        rate[i] = 0.0
        if weight[i] > 0.0:
            c = int(y[i])
            for k in range(size.shape[0]):
                size[k] *= decay
            size[c] += 1.0 - decay
            other = size[c]
            for k in range(size.shape[0]):
                if size[k] > _GONE and (size[k] > other) == larger:
                    other = size[k]
            rate[i] = other / size[c]


@jit
def _draw(rng: Ints, k: int, rate: Array, weight: Array, drawn: Array) -> None:
    for i in range(rate.shape[0]):
        drawn[i] = weight[i] * _poisson_sum(rng, k, rate[i]) if weight[i] > 0.0 else 0.0


@jit
def _count(y: Array, seen: Ints, seen_before: Ints) -> None:
    """Number of classes known before each row."""
    for i in range(y.shape[0]):
        seen_before[i] = seen[0]
        seen[0] = max(seen[0], int(y[i]) + 1)


@jit
def _add_shares(shares: Array, out: Array) -> None:
    for i in range(out.shape[0]):
        for c in range(1, min(out.shape[1], shares.shape[1])):
            out[i, c] += shares[i, c]


@jit
def _settle(out: Array, seen: Ints, serve: int) -> None:
    for i in range(out.shape[0]):
        answer_from_votes(out[i], seen[i], serve)


class ClassBagging(Classifier):
    """Members that learn each row as often as a Poisson number says, its mean set by the class.

    Members are run one after another over all the rows that come: the same bits as row by row.
    """

    _state = (
        Field("seen_", (1,), np.int64),
        Field("class_size_", ("C",)),
        Field("rng_", ("M",), np.int64),
    )

    members_: list[Classifier]
    seen_: Ints
    class_size_: Array
    rng_: Ints

    def __init__(
        self, *, base: Classifier | None, n_members: int, decay: float, seed: int | None
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.decay = decay
        self.seed = seed

    @abstractmethod
    def _compares_with_largest(self) -> bool:
        """Whether rates are relative to the largest class; else to the smallest."""

    def _check(self) -> None:
        if self.base is not None and not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier, or None for GaussianNB()")
        whole("n_members", self.n_members, 1)
        if not 0 < self.decay < 1:
            raise wrong("decay", self.decay, "a number between 0 and 1")

    def _sizes(self) -> dict[str, int]:
        return {"M": self.n_members}

    def _start(self, schema: Schema) -> None:
        base = GaussianNB() if self.base is None else self.base
        self.rng_ = seeded(self.seed, self.n_members)
        self.members_ = [base.clone() for _ in range(self.n_members)]
        for k, member in enumerate(self.members_):
            if vars(base).get("seed") is not None:
                member.set_params(seed=vars(base)["seed"] + k)
            with_own_noise(member, base, k)
            member._begin(schema)

    def _admit(self, schema: Schema) -> None:
        known = vars(self).get("schema_", schema)
        super()._admit(schema)
        if schema is known:  # also when it has just begun, the members with it
            return
        for member in self.members_:
            member._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        for member in self.members_:
            member._admit_targets(news)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        seen = np.full(len(X), self.seen_[0])
        rate, drawn = np.empty(len(X)), np.zeros(len(X))
        if fit:
            _count(y, self.seen_, seen)
            larger = self._compares_with_largest()
            _rates(y, weight, self.class_size_, float(self.decay), larger, rate)
        if serve:
            out[:] = 0.0
        for k, member in enumerate(self.members_):
            if fit:
                _draw(self.rng_, k, rate, weight, drawn)
            shares = np.empty((len(X) if serve else 0, member._n_outputs()))
            member._run(X, y, drawn, shares, serve and ANSWER_AND_SCORES, fit)
            if serve:
                _add_shares(shares, out)
        if serve:
            _settle(out, seen, serve)
