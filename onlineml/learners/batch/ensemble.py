"""What the ensembles that learn batch by batch share: members, a buffer of rows, and the vote."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, MutableMapping
from functools import cache
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Classifier, Schema
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.votes import answer_from_votes
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.privacy import with_own_noise
from onlineml.parameters import whole
from onlineml.schema import wrong

_NOTHING: Array = np.empty((0, 1))


@jit
def add_votes(shares: Array, weight: float, out: Array) -> None:
    """Add class probabilities, times a weight, to votes."""
    for i in range(out.shape[0]):
        for c in range(1, min(out.shape[1], shares.shape[1])):
            out[i, c] += weight * shares[i, c]


@jit
def settle(out: Array, n_classes: int, serve: int) -> None:
    """Make answers of votes."""
    for i in range(out.shape[0]):
        answer_from_votes(out[i], n_classes, serve)


class BatchEnsemble(Classifier):
    """Members of one kind that vote; every `batch_size` rows, `_update` changes them.

    Rows wait in a buffer until the batch is full, however they come, so the ensemble is the
    same for every chunking. Rows of weight 0 do not count. Until the first batch is full, slot 0
    learns row by row and answers alone.

    An algorithm fills `_update`. It finds the members in slots: `born_[k]` is the number of the
    update that made the member in slot k (0: none), `vote_[k]` its weight in the vote.
    """

    _state: ClassVar[tuple[Field, ...]] = (
        Field("buffer_X_", ("B", "F"), fill=np.nan),
        Field("buffer_y_", ("B",)),
        Field("buffer_weight_", ("B",)),
        Field("n_buffered_", (1,), np.int64),
        Field("n_updates_", (1,), np.int64),
        Field("n_born_", (1,), np.int64),
        Field("seen_", (1,), np.int64),
        Field("vote_", ("M",)),
        Field("born_", ("M",), np.int64),
    )

    members_: list[Classifier]
    buffer_X_: Array  # noqa: N815 - the rows of `X`
    buffer_y_: Array
    buffer_weight_: Array
    n_buffered_: Ints
    n_updates_: Ints
    n_born_: Ints
    seen_: Ints
    vote_: Array
    born_: Ints
    #: Outputs of members for the very rows in the buffer, where they have been computed.
    _served: MutableMapping[int, Array]

    def __init__(self, *, base: Classifier | None, n_members: int, batch_size: int) -> None:
        self.base = base
        self.n_members = n_members
        self.batch_size = batch_size

    # ---------------------------------------------------------------- what algorithms fill

    @abstractmethod
    def _update(self, X: Array, y: Array, weight: Array) -> None:
        """Change members and votes, a batch being full; `y` are class codes."""

    def _n_slots(self) -> int:
        """Members that there can be, and one that is being tried, in the last slot."""
        return self.n_members + 1

    def _seen_by(self, k: int, X: Array) -> Array:
        """The rows as member `k` sees them."""
        return X

    def _schema_of(self, k: int, schema: Schema) -> Schema:
        """The schema of the rows that member `k` sees."""
        return schema

    # ---------------------------------------------------------------- members

    def _renew(self, k: int) -> None:
        """Make slot `k` hold a member that has learned nothing."""
        member = self.members_[k]
        self._disown(k)
        self.n_born_[0] += 1
        self._seed(member, int(self.n_born_[0]))
        if not _emptied(member):
            member.reset()
            member._begin(self._schema_of(k, self.schema_))
        member._admit_targets(self.classes_)

    def _teach(self, k: int, X: Array, y: Array, weight: Array) -> None:
        """Member `k` learns rows."""
        self._disown(k)
        if len(X):
            self.members_[k]._run(self._seen_by(k, X), y, weight, _NOTHING, 0, True)

    def _ask(self, k: int, X: Array) -> Array:
        """Outputs of member `k`: its answers, then its class probabilities."""
        known = vars(self).get("_served", {}).get(k)
        if known is not None:
            return cast(Array, known)
        member = self.members_[k]
        width = member._out.shape[0] if member._width >= 0 else member._n_outputs()
        out = np.empty((len(X), width))
        unused = np.zeros(len(X))
        member._run(self._seen_by(k, X), unused, unused, out, ANSWER_AND_SCORES, False)
        return out

    def _disown(self, k: int) -> None:
        """Outputs that have been computed are no longer those of member `k`."""
        vars(self).get("_served", {}).pop(k, None)

    def _train_new(self, k: int, X: Array, y: Array, weight: Array) -> None:
        """A new member in slot `k` learns the rows."""
        self._renew(k)
        self._teach(k, X, y, weight)

    def _move(self, source: int, target: int) -> None:
        """Swap two slots; the one from `source` counts as made in this update."""
        self._disown(source)
        self._disown(target)
        members = self.members_
        members[source], members[target] = members[target], members[source]
        self.born_[target], self.born_[source] = self.n_updates_[0], 0

    def _in_use(self) -> npt.NDArray[np.int64]:
        """Slots that hold a member."""
        return np.flatnonzero(self.born_)

    def _free_slot(self) -> int:
        """The first empty slot, not the last one; -1 where there is none."""
        free = np.flatnonzero(self.born_[: self.n_members] == 0)
        return int(free[0]) if len(free) else -1

    def _place_for_new(self, pruning: str, together: int = 1) -> int:
        """The first free group of `together` slots, or that of the "age" or "vote" that must go."""
        born = self.born_[::together]
        if (born == 0).any():
            return int(np.argmin(born))
        return int(np.argmin(born if pruning == "age" else self.vote_[::together]))

    def _seed(self, member: Classifier, number: int) -> None:
        """Members that draw at random draw different numbers."""
        seed = vars(self._base()).get("seed")
        if seed is not None:
            member.set_params(seed=seed + number)
        with_own_noise(member, self._base(), number)

    def _answers(self, X: Array) -> Array:
        """What the ensemble answers to rows; -1 where it knows no class."""
        out = np.empty((len(X), self._n_outputs()))
        known = dict(vars(self).get("_served", {}))
        self._vote(X, out, ANSWER)
        self._served = known
        return out[:, 0].copy()

    def _base(self) -> Classifier:
        return GaussianNB() if self.base is None else self.base

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        if self.base is not None and not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier, or None for GaussianNB()")
        for name in ("n_members", "batch_size"):
            whole(name, getattr(self, name), 1)
        self._base()._accept_parameters()

    def _sizes(self) -> dict[str, int]:
        return {"B": self.batch_size, "M": self._n_slots()}

    def _start(self, schema: Schema) -> None:
        self.members_ = [self._base().clone() for _ in range(self._n_slots())]
        for k, member in enumerate(self.members_):
            self._seed(member, k)
            member._begin(self._schema_of(k, schema))
        self.n_born_[0] = len(self.members_)

    def _admit(self, schema: Schema) -> None:
        known = vars(self).get("schema_", schema)
        super()._admit(schema)
        if schema is known:  # also when it has just begun, the members with it
            return
        for k, member in enumerate(self.members_):
            member._admit(self._schema_of(k, schema))

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        for member in self.members_:
            member._admit_targets(news)

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self._vote(X, out, serve)
            return
        counted, first = np.cumsum(weight > 0.0), 0
        while first < len(X):
            due = self.batch_size - int(self.n_buffered_[0])
            due += int(counted[first - 1]) if first else 0
            last = min(int(np.searchsorted(counted, due)) + 1, len(X))
            self._run_part(X[first:last], y[first:last], weight[first:last], out[first:last], serve)
            first = last

    def _run_part(self, X: Array, y: Array, weight: Array, out: Array, serve: int) -> None:
        """Rows that fill the batch, or a part of it: the members stay as they are till the end."""
        is_full = len(X) == self.batch_size and bool((weight > 0.0).all())
        if self.n_updates_[0] == 0:
            self._run_first(X, y, weight, out, serve)
        elif serve:
            self._vote(X, out, serve, keep=is_full)
        self._hold(X, y, weight)
        if self.n_buffered_[0] == self.batch_size:
            self._close_batch()

    def _run_first(self, X: Array, y: Array, weight: Array, out: Array, serve: int) -> None:
        """Before the first update, one member does all."""
        member = self.members_[0]
        shares = np.empty((len(X), member._n_outputs()))
        member._run(self._seen_by(0, X), y, weight, shares, serve and ANSWER_AND_SCORES, True)
        if serve:
            _copy(shares, out)

    def _vote(self, X: Array, out: Array, serve: int, keep: bool = False) -> None:
        if self.n_updates_[0] == 0:
            _copy(self._ask(0, X), out)
            return
        out[:] = 0.0
        served: dict[int, Array] = {}
        for k in np.flatnonzero(self.vote_).tolist():
            served[k] = self._ask(k, X)
            add_votes(served[k], self.vote_[k], out)
        settle(out, self.seen_[0], serve)
        if keep:
            self._served = served

    def _hold(self, X: Array, y: Array, weight: Array) -> None:
        counts = weight > 0.0
        if not counts.all():
            X, y, weight = X[counts], y[counts], weight[counts]
        start = int(self.n_buffered_[0])
        here = slice(start, start + len(X))
        self.buffer_X_[here], self.buffer_y_[here], self.buffer_weight_[here] = X, y, weight
        self.n_buffered_[0] += len(X)

    def _close_batch(self) -> None:
        if self.n_updates_[0] == 0:
            self._renew(0)
        self.n_updates_[0] += 1
        self.seen_[0] = max(int(self.seen_[0]), int(self.buffer_y_.max()) + 1)
        self._update(self.buffer_X_, self.buffer_y_, self.buffer_weight_)
        if not self.vote_.any():  # nobody is better than chance: the newest answers
            self.vote_[int(np.argmax(self.born_))] = 1.0
        self.n_buffered_[0] = 0
        self._served = {}


def _copy(shares: Array, out: Array) -> None:
    """One member's outputs as those of the ensemble."""
    n = min(shares.shape[1], out.shape[1])
    out[:, :n] = shares[:, :n]
    out[:, n:] = 0.0


def _emptied(member: Classifier) -> bool:
    """Put a member that is nothing but its state arrays back to its start, in place."""
    fills = _fills(type(member)) if is_plain(member) else ()
    held = vars(member)
    for name, fill in fills:
        held[name].fill(fill)
    if fills and member.schema_.nominal:
        member._mark_nominal(member.schema_)
    return len(fills) > 0


def is_plain(member: Classifier) -> bool:
    """Whether the start of a member is nothing but its state arrays."""
    return len(_fills(type(member))) > 0 and getattr(member, "privacy", None) is None


@cache
def _fills(kind: type[Classifier]) -> tuple[tuple[str, float], ...]:
    """State arrays of a kind of member and their first content; empty if its start is more."""
    own = (kind._start, kind._begin, kind._run, kind._admit, kind._admit_targets, kind._grow)
    plain = Classifier
    due = (plain._start, plain._begin, plain._run, plain._admit, plain._admit_targets, plain._grow)
    if own != due or kind._kernel is None:
        return ()
    return tuple((field.name, field.fill) for field in kind._state)
