"""Logistic regression on a window, from which rows are removed by one Newton step, certified."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, opened, scratch
from onlineml.kernels.random import normal, seeded
from onlineml.kernels.vectors import add, dot, multiply
from onlineml.kernels.votes import answer_from_votes
from onlineml.odometer import PrivacyOdometer
from onlineml.parameters import whole
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong

_L2, _NOISE, _WINDOW, _EVERY, _MOST = range(5)  # of the settings
# Of the clock: rows learned, the rows of the objective (from, to), times that it was solved, its
# classes.
_NEXT, _FROM, _TO, _SOLVED, _CLASSES = range(5)
_RESIDUAL, _LONGEST = range(2)  # of the bounds: gradient that may be left, longest row
_PENDING, _REMOVED, _ANEW = 1.0, 2.0, 3.0  # what became of a request; 0: there is no such row
_CURVE = 1.0 / (6.0 * math.sqrt(3.0))  # the largest third derivative of the logistic loss
_MOST_STEPS, _EXACT = 60, 1e-12  # of Newton; what may be left of the gradient, a row
_ROUNDING = 4 * float(np.finfo(np.float64).eps)
_LARGEST = 1e8  # of a feature: what is beyond counts as this
_CLASS, _SOLUTION = 1 << 16, 1 << 28  # strides of the generator's places
_GOLDEN = -7046029254386353131  # its step


class _Model(NamedTuple):
    settings: Array
    seen: Ints
    known: Ints  # (F,) whether any row showed the feature
    random: Ints
    clock: Ints
    bounds: Array
    rows: Array  # (W, F) row i lies at place i % W
    labels: Array
    weight: Array  # 0: forgotten
    noise: Array  # (C, P) of the objective
    anchor: Array  # (C, P) where it was solved
    weights: Array  # (C, P) now
    pull: Array  # (C, P) gradient at the anchor of what is removed, less what was left
    scatter: Array  # (P, P) sum of the squares of rows when it was solved
    inverse: Array  # (C, P, P) of the curvature at the anchor, without what is removed


@entry
def _certified_logistic_regression(d: int) -> int:
    m = _Model(
        f1(d, 0), i1(d, 1), i1(d, 2), i1(d, 3), i1(d, 4), f1(d, 5), f2(d, 6), f1(d, 7), f1(d, 8),
        f2(d, 9), f2(d, 10), f2(d, 11), f2(d, 12), f2(d, 13), f3(d, 14),
    )  # fmt: skip
    return _walk(opened(d), scratch(d)[0], m)


@jit
def _walk(call: Call, room: Array, m: _Model) -> int:
    n = m.anchor.shape[1]
    z, turned = room[:n], room[n : 2 * n]
    for i in range(call.first, call.last):
        if call.serve:
            _enter(call.X[i], z)
            for c in range(m.seen[0]):
                solved = c < m.clock[_CLASSES]
                call.out[i, 1 + c] = _share(dot(m.weights[c], z)) if solved else 0.0
            answer_from_votes(call.out[i], m.seen[0], call.serve)
        weight = call.weight[i] if call.fit else 0.0
        if weight < 0.0:
            call.out[i, 0] = _forget(call.X[i], call.y[i], -weight, m, z, turned)
        elif weight > 0.0:
            _keep(call.X[i], call.y[i], weight, m)
            if _is_due(m.clock[_NEXT], int(m.settings[_EVERY])):
                m.clock[_FROM] = max(m.clock[_NEXT] - int(m.settings[_WINDOW]), 0)
                m.clock[_TO] = m.clock[_NEXT]
                _solve(m, z, turned)
    return call.last


@jit
def _enter(x: Array, z: Array) -> None:
    """The row as the model sees it: a constant, and the features; what is missing is 0."""
    z[0] = 1.0
    for j in range(x.shape[0]):
        z[1 + j] = 0.0 if np.isnan(x[j]) else min(max(x[j], -_LARGEST), _LARGEST)


@jit
def _share(score: float) -> float:
    return float(1.0 / (1.0 + np.exp(-score)))


@jit
def _keep(x: Array, y: float, weight: float, m: _Model) -> None:
    place = m.clock[_NEXT] % m.rows.shape[0]
    m.rows[place] = x
    m.labels[place], m.weight[place] = y, weight
    m.seen[0] = max(m.seen[0], int(y) + 1)
    m.clock[_NEXT] += 1
    for j in range(x.shape[0]):
        if not np.isnan(x[j]):
            m.known[j] = 1


@jit
def _is_due(n_rows: int, every: int) -> bool:
    """Every so many rows; in the beginning, each time that they have doubled."""
    return n_rows % every == 0 or (n_rows < every and (n_rows & (n_rows - 1)) == 0)


# ------------------------------------------------------------------------------- solving


@jit
def _solve(m: _Model, z: Array, step: Array) -> None:
    """Find the minimum over the rows of the objective, with new noise, from 0."""
    m.clock[_SOLVED] += 1
    m.clock[_CLASSES] = m.seen[0]
    m.scatter[:, :] = 0.0
    m.bounds[_LONGEST] = squares = 0.0
    for i in range(m.clock[_FROM], m.clock[_TO]):
        place = i % m.rows.shape[0]
        if m.weight[place] > 0.0:
            _enter(m.rows[place], z)
            m.bounds[_LONGEST] = max(m.bounds[_LONGEST], np.sqrt(dot(z, z)))
            for p in range(z.shape[0]):
                add(m.scatter[p], m.weight[place] * z[p], z)
    for c in range(m.seen[0]):
        _draw_noise(c, m)
        _minimize(c, m, z, step)
        squares += dot(m.pull[c], m.pull[c])
    m.bounds[_RESIDUAL] = np.sqrt(squares)


@jit
def _draw_noise(c: int, m: _Model) -> None:
    """Noise for the features that are known: where in the generator, only they say."""
    for p in range(m.noise.shape[1]):
        m.noise[c, p] = 0.0
        if p == 0 or m.known[p - 1]:
            place = m.clock[_SOLVED] * _SOLUTION + c * _CLASS + p
            m.random[1] = m.random[0] + 2 * place * _GOLDEN
            m.noise[c, p] = m.settings[_NOISE] * normal(m.random, 1)


@jit
def _minimize(c: int, m: _Model, z: Array, step: Array) -> None:
    """Newton's steps, no longer than is safe where the curvature changes (Sun and Tran-Dinh)."""
    w, gradient, inverse = m.anchor[c], m.pull[c], m.inverse[c]
    w[:] = 0.0
    for _ in range(_MOST_STEPS):
        total = _gather(c, m, w, gradient, inverse, z)
        _invert(inverse, m.settings[_L2])
        if np.sqrt(dot(gradient, gradient)) <= _EXACT * (1.0 + total * m.bounds[_LONGEST]):
            break
        multiply(inverse, gradient, step)
        far = 0.0
        for i in range(m.clock[_FROM], m.clock[_TO]):
            place = i % m.rows.shape[0]
            if m.weight[place] > 0.0:
                _enter(m.rows[place], z)
                far = max(far, abs(dot(step, z)))
        add(w, -(np.log1p(far) / far if far > 1e-9 else 1.0), step)
    for p in range(w.shape[0]):
        m.weights[c, p] = w[p]
        gradient[p] = -gradient[p]


@jit
def _gather(c: int, m: _Model, w: Array, gradient: Array, curvature: Array, z: Array) -> float:
    """Gradient and curvature of the objective at `w`; returns the weight of its rows."""
    total, l2 = 0.0, m.settings[_L2]
    for p in range(w.shape[0]):
        gradient[p] = l2 * w[p] + m.noise[c, p]
        curvature[p] = 0.0
        curvature[p, p] = l2
    for i in range(m.clock[_FROM], m.clock[_TO]):
        place = i % m.rows.shape[0]
        weight = m.weight[place]
        if weight > 0.0:
            total += weight
            _enter(m.rows[place], z)
            share = _share(dot(w, z))
            add(gradient, weight * (share - (m.labels[place] == c)), z)
            for p in range(z.shape[0]):
                if z[p] != 0.0:
                    add(curvature[p], weight * share * (1.0 - share) * z[p], z)
    return total


@jit
def _invert(a: Array, least: float) -> None:
    """Gauss and Jordan without exchanges: no pivot of these matrices is below `least`."""
    n = a.shape[0]
    for k in range(n):
        pivot = max(a[k, k], least)
        a[k, k] = 1.0
        for p in range(n):
            a[k, p] /= pivot
        for p in range(n):
            if p != k and a[p, k] != 0.0:
                share = a[p, k]
                a[p, k] = 0.0
                add(a[p], -share, a[k])


# ------------------------------------------------------------------------------- forgetting


@jit
def _forget(x: Array, y: float, weight: float, m: _Model, z: Array, turned: Array) -> float:
    """Forget the last row that is like this one; what became of the request."""
    for i in range(m.clock[_NEXT] - 1, m.clock[_FROM] - 1, -1):
        place = i % m.rows.shape[0]
        if m.weight[place] != weight or m.labels[place] != y or not _alike(m.rows[place], x):
            continue
        m.weight[place] = 0.0
        if i >= m.clock[_TO]:
            return _PENDING
        _enter(x, z)
        for c in range(m.clock[_CLASSES]):
            _remove(c, y, weight, m, z, turned)
        m.bounds[_RESIDUAL] = _left(m, turned)
        if m.bounds[_RESIDUAL] <= m.settings[_MOST]:
            return _REMOVED
        _solve(m, z, turned)
        return _ANEW
    return 0.0


@jit
def _alike(a: Array, b: Array) -> bool:
    for j in range(a.shape[0]):
        if a[j] != b[j] and not (np.isnan(a[j]) and np.isnan(b[j])):
            return False
    return True


@jit
def _remove(c: int, y: float, weight: float, m: _Model, z: Array, turned: Array) -> None:
    """One Newton step from the anchor to the minimum without all rows that were removed.

    Sherman and Morrison: the curvature at the anchor, without the row, is inverted exactly.
    """
    share = _share(dot(m.anchor[c], z))
    add(m.pull[c], weight * (share - (y == c)), z)
    multiply(m.inverse[c], z, turned)
    curve = weight * share * (1.0 - share)
    factor = curve / max(1.0 - curve * dot(turned, z), 1e-12)
    for p in range(z.shape[0]):
        if turned[p] != 0.0:
            add(m.inverse[c, p], factor * turned[p], turned)
    multiply(m.inverse[c], m.pull[c], m.weights[c])
    add(m.weights[c], 1.0, m.anchor[c])


@jit
def _left(m: _Model, step: Array) -> float:
    """Length of the objective's gradient, at most: what Newton's quadratic does not know.

    A row's gradient bends by no more than curve / 2 * (its length) * (x . step)^2.
    """
    squares = 0.0
    for c in range(m.clock[_CLASSES]):
        total = 0.0
        for p in range(step.shape[0]):
            step[p] = m.weights[c, p] - m.anchor[c, p]
        for p in range(step.shape[0]):
            total += step[p] * dot(m.scatter[p], step)
        squares += total * total
    bent = 0.5 * _CURVE * m.bounds[_LONGEST] * float(np.sqrt(squares))
    return float(bent + _ROUNDING * m.scatter[0, 0] * m.bounds[_LONGEST])


class CertifiedLogisticRegression(Classifier):
    """Logistic regression on the last rows, from which a row is removed by one Newton step.

    Each class is told from the others by the exact minimum of a regularized logistic loss over the
    last `window_size` rows, plus a random linear term. It is found anew every `every` rows (in the
    beginning, after 1, 2, 4, ... of them). `unlearn_one` takes one Newton step to the minimum
    without the row; how far the gradient may then be from 0 is bounded, and as long as the noise
    covers it, nobody can tell the model from one that was solved without the row: to
    (`epsilon`, `delta`), as in differential privacy. When the budget is spent, the next request
    solves anew, with new noise. Rows that leave the window leave the model with the next solution.

    Time per event is O(n_classes * n_features) to predict, a request O(n_classes * n_features^2), a
    solution about ten times O(n_classes * window_size * n_features^2). Memory is that of the
    window, and O(n_classes * n_features^2).

    Parameters
    ----------
    window_size
        Rows of the objective.
    every
        Rows from one solution to the next.
    l2
        Weight of half the squared length of the weights, intercepts included, beside the losses.
    noise
        Standard deviation of the random term's coefficients. Removals that fit into the budget grow
        with it, accuracy falls.
    epsilon, delta
        The budget of removals since a solution.
    seed
        Of the noise.
    shared
        A budget that is shared with other learners (see `TreeAggregation`), or None. The first
        removal since a solution takes all of `epsilon` and `delta` from it, those that follow
        nothing; where it has no room, requests solve anew, which costs nothing.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` and `every` are whole numbers >= 1, `l2` > 0,
        `noise` >= 0, `epsilon` > 0, 0 < `delta` < 1, and `shared` is a `PrivacyOdometer` or None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import CertifiedLogisticRegression
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = CertifiedLogisticRegression(seed=1).fit_many(X, y)
    >>> receipt = model.unlearn_one(X[500], y[500])
    >>> receipt.kind, receipt.bound < 1e-3
    ('certified', True)
    >>> model.odometer.spent[0] < 0.05
    True

    Notes
    -----
    Gold is the model whose window holds the same rows but for those that were removed, with noise
    of the same kind. The bound of a receipt is on the distance from the minimum with the same
    noise: the bound of the gradient, over `l2`. All rows removed since a solution are removed by
    one step from where it lay, with the curvature there, which loses the rows exactly (Sherman and
    Morrison), so errors do not pile up; and the third derivative of the loss, at most 1 / (6
    sqrt(3)), bounds the gradient by what is known of the sum of the squares of the rows, without
    looking at them. Both are tighter than [1]_, corollary 1. The regularization does not grow with
    the rows. A solution starts from 0, so that nothing of an earlier one is in it.

    Noise comes from a fast generator, not one for cryptography. A nominal feature counts as its
    number, a missing value as 0 (`OneHotEncoder` and `MeanImputer` go before), values beyond 1e8 as
    that. The longest row counts in the bound: features should be of similar scale, by constants
    that are known beforehand, as what is learned from rows does not forget them.

    References
    ----------
    .. [1] Guo, Goldstein, Hannun, van der Maaten (2020), Certified data removal from machine
       learning models, ICML. Section 3, theorem 3. arXiv:1911.03030
    .. [2] Sun, Tran-Dinh (2019), Generalized self-concordant functions, Mathematical Programming
       178, 145-213. Section 4: the damped step. arXiv:1703.04599
    """

    _kernel = _certified_logistic_regression
    _takes_back = True
    _state = (
        Field("seen_", (1,), np.int64),
        Field("known_", ("F",), np.int64),
        Field("random_", (2,), np.int64),
        Field("clock_", (5,), np.int64),
        Field("bounds_", (2,)),
        Field("rows_", ("W", "F"), fill=np.nan),
        Field("labels_", ("W",)),
        Field("row_weights_", ("W",)),
        Field("noise_", ("C", "P")),
        Field("anchor_", ("C", "P")),
        Field("weights_", ("C", "P")),
        Field("pull_", ("C", "P")),
        Field("scatter_", ("P", "P")),
        Field("inverse_", ("C", "P", "P")),
        Field("charged_", (1,), np.int64),  # the solution that the shared budget has paid for
    )

    clock_: Ints
    bounds_: Array
    random_: Ints
    row_weights_: Array
    inverse_: Array
    charged_: Ints

    def __init__(
        self,
        *,
        window_size: int = 1000,
        every: int = 100,
        l2: float = 1.0,
        noise: float = 1.0,
        epsilon: float = 1.0,
        delta: float = 1e-5,
        seed: int | None = None,
        shared: PrivacyOdometer | None = None,
    ) -> None:
        self.window_size = window_size
        self.every = every
        self.l2 = l2
        self.noise = noise
        self.epsilon = epsilon
        self.delta = delta
        self.seed = seed
        self.shared = shared

    def _check(self) -> None:
        for name in ("window_size", "every"):
            whole(name, getattr(self, name), 1)
        if not 0.0 < self.l2 < math.inf:
            raise wrong("l2", self.l2, "a number > 0")
        if not 0.0 <= self.noise < math.inf:
            raise wrong("noise", self.noise, "a number >= 0")
        if not 0.0 < self.delta < 1.0:
            raise wrong("delta", self.delta, "a number between 0 and 1")
        PrivacyOdometer(epsilon=self.epsilon, delta=self.delta)
        if self.shared is not None and not isinstance(self.shared, PrivacyOdometer):
            raise wrong("shared", self.shared, "a PrivacyOdometer, or None")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size + self.every, "P": 1}

    def _start(self, schema: Schema) -> None:
        self._widen(schema.n_features)
        self.random_[:] = seeded(self.seed, 2)

    def _widen(self, n_features: int) -> None:
        before = self.inverse_.shape[1]
        super()._enlarge("P", 1 + n_features)
        new = np.arange(before, 1 + n_features)
        self.inverse_[:, new, new] = 1.0 / self.l2

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        if axis == "F":
            self._widen(size)

    def _most(self) -> float:
        """How long the gradient may be that the noise covers (`[1]`_, theorem 3)."""
        cover: float = self.noise * self.epsilon / math.sqrt(2.0 * math.log(1.5 / self.delta))
        return cover

    def _settings(self) -> tuple[float, ...]:
        most = self._most() if self._may_remove() else -1.0
        return self.l2, self.noise, self.window_size, self.every, most

    def _is_charged(self) -> bool:
        """Whether removals since the solution cost the shared budget nothing."""
        return self.shared is None or bool(self.charged_[0] == self.clock_[_SOLVED])

    def _may_remove(self) -> bool:
        return self._is_charged() or (
            self.shared is not None and self.shared.allows(self.epsilon, self.delta)
        )

    def _n_scratch(self) -> int:
        return 2 * int(self.inverse_.shape[1])

    @property
    def odometer(self) -> PrivacyOdometer:
        """What is spent since the last solution: by what it left of the gradient, and removals."""
        made = PrivacyOdometer(epsilon=self.epsilon, delta=self.delta)
        if self.is_started and self.bounds_[_RESIDUAL] > 0.0:
            made.spend(self.epsilon * float(self.bounds_[_RESIDUAL]) / self._most(), self.delta)
        return made

    def _take_back(self, target: float, weight: float) -> Receipt:
        out = np.zeros((1, self._n_outputs()))
        row = self._row[None].copy()
        if self.shared is not None:
            self._forget_caches()  # others have spent as well: settings say what there is room for
        self._run(row, np.array([float(target)]), np.array([-float(weight)]), out, 0, True)
        what = out[0, 0]
        if what == _PENDING:
            return Receipt("exact", 0.0, 0.0, 1, "")
        if what == _REMOVED:
            if self.shared is not None and not self._is_charged():
                self.shared.spend(self.epsilon, self.delta)
                self.charged_[0] = self.clock_[_SOLVED]
            return Receipt("certified", float(self.bounds_[_RESIDUAL]) / self.l2, 0.0, 1, "")
        if what == _ANEW:
            n = int(np.count_nonzero(self.row_weights_))
            return Receipt("replayed", 0.0, 0.0, n, "the budget was spent, so it was solved anew")
        return refused("the window does not hold it: never learned, forgotten, or gone with time")
