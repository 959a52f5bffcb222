"""Ensembles of members that are all alike: how they are made, run and asked.

A member runs over all rows of a chunk before the next one begins. Where members depend on each
other it is only through what is known of a row by then, so the bits are those of the loop by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics, Estimator, Regressor
from onlineml.kernels import adwin, jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import poisson, seeded
from onlineml.kernels.unowned import unowned
from onlineml.kernels.votes import answer_from_votes
from onlineml.schema import Schema, wrong
from onlineml.shared_budget import Claim, all_foretell

NO_ANSWERS = np.empty((0, 1))  # where nothing is served
_FEW = 64  # rows too few to be worth a thread
_KEPT_BACK = 1 / 16  # share of a budget for names and labels, which the ensemble keeps too
N_SIZES = 20  # sizes of bucket in a member's error window: up to 5e6 errors

#: The state that every ensemble has: a seed to draw seeds from, and members made so far, by place.
MEMBER_FIELDS = (Field("entropy_", (1,), np.int64), Field("n_made_", ("M",), np.int64))
#: One random generator a member.
GENERATORS = Field("generators_", ("M",), np.int64)
#: One window of errors a member.
WINDOWS = Field("windows_", ("M", adwin.row_length(N_SIZES)))


def window_rule(delta: float) -> Array:
    """Settings of these windows: MOA's, beside `delta`."""
    clock, max_buckets, min_length, grace = 32.0, 5.0, 5.0, 10.0
    return np.array([delta, clock, max_buckets, min_length, grace])


class Ensemble(Estimator):
    """An estimator made of `n_members` clones of `base`, its members.

    Parameters of a member's own that are called `seed` are drawn from that of the ensemble.
    """

    #: Whether members stay, and each learns a row once at most.
    _keeps_members: ClassVar[bool] = False

    base: Estimator | None
    n_members: int
    seed: int | None
    max_bytes: int | None
    members_: list[Estimator]
    entropy_: Ints
    n_made_: Ints

    def _coupling(self) -> str:
        if any(field is GENERATORS for field in self._state):
            return "each row moves what their generators draw for later ones"
        return "every row reaches every one"

    def _base(self) -> Estimator:
        """What members are clones of."""
        raise NotImplementedError

    def _base_at(self, place: int) -> Estimator:
        """What the member at `place` is a clone of."""
        return self._base()

    def _role(self) -> type[Estimator]:
        """What members must be."""
        return Classifier if isinstance(self, Classifier) else Regressor

    def _check(self) -> None:
        role = self._role()
        if not isinstance(self._base(), role):
            raise wrong("base", self.base, f"a {role.__name__.lower()}")
        self._base()._accept_parameters()
        if not self.n_members >= 1:
            raise wrong("n_members", self.n_members, "an integer >= 1")
        n_jobs = getattr(self, "n_jobs", 1)
        if not n_jobs >= 1:
            raise wrong("n_jobs", n_jobs, "an integer >= 1")
        if self.max_bytes is not None and not self.max_bytes > 0:
            raise wrong("max_bytes", self.max_bytes, "a number of bytes, or None")

    def _sizes(self) -> dict[str, int]:
        return {"M": int(self.n_members)}

    def _start(self, schema: Schema) -> None:
        words = seeded(self.seed, 1 + int(self.n_members))
        self.entropy_[:] = words[:1]
        if any(field is GENERATORS for field in self._state):
            vars(self)["generators_"][:] = words[1:]
        try:
            self.members_ = [self._made(m, schema) for m in range(int(self.n_members))]
            self._check_budget(schema, None)
        except ValueError as error:
            self.reset()
            if str(error).startswith("max_bytes: got") and self.max_bytes is not None:
                room = f"room for {self.n_members} members ({error})"
                raise wrong("max_bytes", self.max_bytes, room) from None
            raise

    def _made(self, place: int, schema: Schema) -> Estimator:
        """A fresh member for `place`."""
        member = self._base_at(place).clone()
        names = [name for name in member.get_params() if name.rpartition("__")[2] == "seed"]
        if names:
            origin = int(self.entropy_.view(np.uint64)[0]), place, int(self.n_made_[place])
            words = np.random.SeedSequence(origin).generate_state(len(names))
            member.set_params(**dict(zip(names, words.tolist(), strict=True)))
        if self.max_bytes is not None and "max_bytes" in member.get_params(deep=False):
            due, own = self._share(), member.get_params(deep=False)["max_bytes"]
            member.set_params(max_bytes=due if own is None else min(due, own))
        self.n_made_[place] += 1
        member._begin(schema)
        return member

    def _replace(self, place: int) -> None:
        """Put a fresh member in the place of one."""
        self.members_[place] = member = self._made(place, self.schema_)
        member._admit_targets(getattr(self, "classes_", None))

    def _share(self) -> int:
        """A member's part of `max_bytes`, the same whatever was seen."""
        assert self.max_bytes is not None
        own = sum(getattr(self, field.name).nbytes for field in self._state)
        return int((self.max_bytes - own) * (1 - _KEPT_BACK)) // int(self.n_members)

    def _check_budget(self, schema: Schema, news: Any) -> None:
        """Raise where members that have no budget of their own would exceed `max_bytes`."""
        if self.max_bytes is None or "max_bytes" in self._base().get_params(deep=False):
            return
        trial = self._base().clone()
        trial._begin(schema)
        trial._admit_targets(news if news is not None else getattr(self, "classes_", []))
        if trial.nbytes > self._share():
            due = f"at least {trial.nbytes} bytes for each of {self.n_members} members"
            raise wrong("max_bytes", self.max_bytes, due)

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            self._check_budget(schema, None)
            for m, member in enumerate(self.members_):
                member._admit(self._part_of(schema, m))
        super()._admit(schema)

    def _admit_targets(self, news: Any) -> None:
        if news is not None and len(news) > len(vars(self)["classes_"]):
            self._check_budget(self.schema_, news)
            for member in self.members_:
                member._admit_targets(news)
        super()._admit_targets(news)

    def _claims(self, weights: Array | None, n_rows: int) -> Sequence[Claim]:
        """What members ask for where each learns each row."""
        if self.is_started:
            members = self.members_
        else:
            self._accept_parameters()
            members = [self._base_at(m) for m in range(int(self.n_members))]
        return [claim for member in members for claim in member._claims(weights, n_rows)]

    def _foretells(self) -> bool:
        return self._keeps_members and all_foretell(self.members_)

    def _part_of(self, schema: Schema, m: int, *, background: bool = False) -> Schema:
        """The columns that a member looks at: all."""
        return schema

    def _each(self, task: Callable[[int], None], n_rows: int) -> None:
        """Do `task` for each member, in `n_jobs` threads once everything is compiled."""
        places = range(int(self.n_members))
        n_jobs = int(getattr(self, "n_jobs", 1))
        if n_jobs > 1 and n_rows >= _FEW and "_compiled" in vars(self):
            with ThreadPoolExecutor(n_jobs) as pool:
                list(pool.map(task, places))
            return
        for m in places:
            task(m)
        vars(self)["_compiled"] = True

    def _room(self, n_rows: int) -> Array:
        """Room for the answers of all members: `(n_members, n_rows, 1 + n_classes)`."""
        width = 1 + len(vars(self).get("classes_", ()))
        return np.empty((int(self.n_members), n_rows, width))

    @property
    def n_replaced(self) -> int:
        """How often a member has been replaced by a fresh one."""
        return int(self.n_made_.sum()) - int(self.n_members) if self.is_started else 0

    def diagnostics(self) -> Diagnostics:
        """How often a member has been replaced."""
        return {"n_replaced": float(self.n_replaced)}


# -------------------------------------------------------------------- ways to run


def run_resampled(
    ensemble: Any, mean: float, X: Array, y: Array, weight: Array, serve: int, fit: bool
) -> tuple[Array, Array]:
    """Run members that take each row a Poisson(`mean`) number of times.

    Returns all members' answers (none where not served) and the weights that they learned with.
    """
    answers = ensemble._room(len(X)) if serve else None
    drawn = np.zeros((int(ensemble.n_members), len(X)))

    def task(m: int) -> None:
        if fit:
            draw(ensemble.generators_, m, mean, weight, drawn[m])
        out = NO_ANSWERS if answers is None else answers[m]
        ensemble.members_[m]._run(X, y, drawn[m], out, serve, fit)

    ensemble._each(task, len(X))
    return ensemble._room(0) if answers is None else answers, drawn


def run_watched(
    ensemble: Any, mean: float, X: Array, y: Array, weight: Array, serve: int, fit: bool
) -> Array:
    """`run_resampled` of members whose errors are watched; when one rises, the worst is replaced.

    A member's error is that of its answer once it has learned the row. Asked before, a member that
    is fresh errs most, and would be replaced again at the next alarm while old ones stay. So each
    row comes twice: to learn, and with weight 0, which teaches nothing, to ask again.

    Members do not touch each other but for the replacement, and what was foreseen of the member
    that goes is simply dropped: nothing has to be undone. Returns the answers before learning.
    """
    if not fit:
        return run_resampled(ensemble, mean, X, y, weight, ANSWER_AND_SCORES, fit)[0]
    asked = ANSWER_AND_SCORES if serve else ANSWER
    X, y, weight = X.repeat(2, axis=0), y.repeat(2), weight.repeat(2)
    weight[1::2] = 0.0
    answers, drawn = run_resampled(ensemble, mean, X, y, weight, asked, fit)
    settings = window_rule(ensemble.delta)
    row, worst = _alarm(ensemble.windows_, settings, answers, y, weight, 0)
    while worst >= 0:
        ensemble._replace(worst)
        if row < len(X):
            rest = X[row:], y[row:], drawn[worst, row:], answers[worst, row:]
            ensemble.members_[worst]._run(*rest, asked, True)
        row, worst = _alarm(ensemble.windows_, settings, answers, y, weight, row)
    return np.ascontiguousarray(answers[:, ::2])


# -------------------------------------------------------------------- kernels


@jit
def draw(generators: Ints, m: int, mean: float, weight: Array, drawn: Array) -> None:
    """Times that member `m` takes each row, times its weight; a row of weight 0 draws nothing."""
    for i in range(weight.shape[0]):
        drawn[i] = weight[i] * poisson(generators, m, mean) if weight[i] > 0.0 else 0.0


@jit
def _alarm(
    windows: Array, settings: Array, answers: Array, y: Array, weight: Array, first: int
) -> tuple[int, int]:
    """The row after the next alarm and the member with most errors; (n_rows, -1) if none.

    Rows come in pairs, as told of `run_watched`; `first` is the first of one.
    """
    windows, settings = unowned(windows), unowned(settings)
    for i in range(first, y.shape[0], 2):
        alarm = False
        if weight[i] > 0.0:
            for m in range(windows.shape[0]):
                error = 1.0 if answers[m, i + 1, 0] != y[i] else 0.0
                if adwin.update(windows[m], settings, error) > 0:
                    alarm = True
        if alarm:
            worst = 0
            for m in range(1, windows.shape[0]):
                if adwin.mean(windows[m]) > adwin.mean(windows[worst]):
                    worst = m
            adwin.restart(windows[worst])
            return i + 2, worst
    return y.shape[0], -1


@jit
def notice(seen: Ints, y: Array) -> None:
    """Count the classes that have been seen, where nothing is served."""
    for i in range(y.shape[0]):
        seen[0] = max(seen[0], int(y[i]) + 1)


@jit
def pool(
    answers: Array, share: Array, seen: Ints, y: Array, out: Array, serve: int, fit: bool
) -> None:
    """Sum the members' probabilities, those of `m` in row `i` times `share[m, i]`.

    Where no share is positive, all count alike.
    """
    for i in range(y.shape[0]):
        total = 0.0
        for m in range(answers.shape[0]):
            total += share[m, i]
        for c in range(1, out.shape[1]):
            out[i, c] = 0.0
        for m in range(answers.shape[0]):
            part = share[m, i] if total > 0.0 else 1.0
            if part > 0.0 and answers[m, i, 0] >= 0.0:
                for c in range(1, answers.shape[2]):
                    out[i, c] += part * answers[m, i, c]
        answer_from_votes(out[i], seen[0], serve)
        if fit:
            seen[0] = max(seen[0], int(y[i]) + 1)
