"""DriftMoE's way through rows: its trees are called one by one, each by its own descriptor.

A tree that lacks room ends the call in the middle of a row; `progress_` then says how far it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import (
    ANSWER,
    ANSWER_AND_SCORES,
    Array,
    Call,
    Field,
    Ints,
    f1,
    i1,
    i2,
    opened,
    scratch,
)
from onlineml.kernels.classification_tree import run_rows
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.router import STATE as ROUTER_STATE
from onlineml.kernels.router import (
    Router,
    cross_entropy,
    fill_output,
    learn_later,
    learn_now,
    meet,
    read,
    router,
)
from onlineml.kernels.top_k import top_k
from onlineml.kernels.views import matrix_in
from onlineml.kernels.votes import answer_from_logs, answer_from_votes

STATE = (
    Field("seen_", (1,), np.int64),
    Field("progress_", ("R",), np.int64),
    Field("n_learned_", ("E",), np.int64),  # rows by expert
    *ROUTER_STATE,
)
# Cells of the settings; from the last on, the dropout rates of the hidden layers.
_TASK, _RATE, _BATCH, _PEEK, _LAST, _WIDTH, _DROPOUTS = range(7)
# Cells of `progress_` with a row: whether it was routed, how many experts have learned it, who
# lacks room (or that its class has no expert), and the experts that it goes to.
_ROUTED, _TRAINED, WANTING, CHOSEN = range(4)
NEW_CLASS = -1
_ROUTER = 4  # slot of its first array
_CHOICES = _ROUTER + len(ROUTER_STATE)  # slot of where the choices for rows of the call are told
_EXPERTS = _CHOICES + 1  # slot of the first expert's descriptor


class _MoE(NamedTuple):
    d: int
    settings: Array
    seen: Ints
    progress: Ints
    n_learned: Ints
    choices: Ints  # (rows, top_k) the experts that learned the first rows of the call, or -1
    router: Router
    said: Array  # (n_experts, 1 + n_classes) the experts' answers
    target: Array  # (1,)
    still: Ints  # (1,) stands for a generator that is not to move


@entry
def drift_moe(d: int) -> int:
    """Settings: by task?, learning rate, batch size, peek?, router's last row, columns of `out`."""
    (floats, words), settings, seen = scratch(d), f1(d, 0), i1(d, 1)
    r = router(d, _ROUTER, settings[_RATE], settings[_DROPOUTS:], floats, words)
    first = r.known.shape[0] + 3 * r.signals.units.shape[0]
    n_experts, width = i1(d, 3).shape[0], int(settings[_WIDTH])
    m = _MoE(
        d, settings, seen, i1(d, 2), i1(d, 3), i2(d, _CHOICES), r,
        matrix_in(floats, first + 1, n_experts, width),
        floats[first : first + 1], words[r.known.shape[0] :],
    )  # fmt: skip
    return _by_task(opened(d), m) if settings[_TASK] > 0.0 else _by_data(opened(d), m)


# ------------------------------------------------------------------------------- experts


@jit
def _run_expert(m: _MoE, e: int, call: Call, i: int, y: Array, out: Array, serve: int) -> int:
    """Ask expert `e` about row `i`; where not `serve`, let it learn it. 0 where it lacks room."""
    d = int(i2(m.d, _EXPERTS + int(e)).ctypes.data)
    row = call.X[i : i + 1], y, call.weight[i : i + 1], out
    return run_rows(d, Call(*row, 0, 1, serve, serve == 0, d), f1(d, 0))


@jit
def _train(m: _MoE, call: Call, i: int, n: int) -> bool:
    """Let the first `n` chosen experts learn row `i`; false where one lacks room first."""
    progress, task = m.progress, m.settings[_TASK] > 0.0
    while progress[_TRAINED] < n:
        e, y = progress[_TRAINED], call.y[i : i + 1]
        if task:  # all experts, each for its class
            m.target[0], y = 1.0 if e == int(call.y[i]) else 0.0, m.target
        else:
            e = progress[CHOSEN + e]
        if _run_expert(m, e, call, i, y, call.out, 0) == 0:
            progress[WANTING] = e
            return False
        m.n_learned[e] += 1
        progress[_TRAINED] += 1
    progress[_TRAINED] = 0
    return True


@jit
def _answer_by(m: _MoE, e: int, call: Call, i: int) -> None:
    """Write the answer of expert `e`; one that has learned nothing finds all classes alike."""
    out = call.out[i : i + 1]
    _run_expert(m, e, call, i, call.y[i : i + 1], out, call.serve)
    if out[0, 0] < 0.0:
        for c in range(m.seen[0]):
            out[0, 1 + c] = 0.0
        answer_from_votes(out[0], m.seen[0], call.serve)


# ------------------------------------------------------------------------------- rows


@jit
def _by_data(call: Call, m: _MoE) -> int:
    r, best = m.router, m.progress[CHOSEN:]
    for i in range(call.first, call.last):
        peek = call.fit and m.settings[_PEEK] > 0.0
        learns = call.fit and call.weight[i] > 0.0
        if m.progress[_ROUTED] == 0:
            n = read(r, call.X[i], False)
            forward(r.net, r.signals, r.places, r.values, n, False, r.random)
            if call.serve and not (peek and learns):
                _answer_by(m, int(np.argmax(outputs(r.net, r.signals))), call, i)
            if learns:
                _route(m, call, i, n)
        if learns:
            if not _train(m, call, i, best.shape[0]):
                return i
            if call.serve and peek:
                _answer_by(m, best[0], call, i)
        if call.fit:
            _close(m, call, i, learns)
    return call.last


@jit
def _route(m: _MoE, call: Call, i: int, n: int) -> None:
    """Choose who learns row `i`, of `n` entries; the router learns from it, unless it is frozen."""
    r, learning = m.router, not _is_frozen(m)
    if learning and meet(r, call.X[i]):
        forward(r.net, r.signals, r.places, r.values, n, False, r.random)
    logits = outputs(r.net, r.signals)
    top_k(logits, m.progress[CHOSEN:])
    if learning:
        _judge(m, call, i)
        part = call.weight[i] / (m.settings[_BATCH] * logits.shape[0])
        cross_entropy(r, logits.shape[0], part)
        learn_later(r, n, int(m.settings[_BATCH]))
    m.progress[_ROUTED] = 1


@jit
def _is_frozen(m: _MoE) -> bool:
    """Whether the router has learned all rows that it is to learn."""
    n_learned = m.router.n_steps[0] * m.settings[_BATCH] + m.router.in_batch[0]
    return bool(n_learned >= m.settings[_LAST])


@jit
def _close(m: _MoE, call: Call, i: int, learned: bool) -> None:
    """Tell who has learned row `i`, and leave no trace of it in the progress."""
    best = m.progress[CHOSEN:]
    for a in range(best.shape[0]):
        if i < m.choices.shape[0]:
            m.choices[i, a] = best[a] if learned else -1
        best[a] = 0
    m.progress[_ROUTED] = 0
    m.seen[0] = max(m.seen[0], int(call.y[i]) + 1)


@jit
def _judge(m: _MoE, call: Call, i: int) -> None:
    """Targets of the router: 1 for experts that are right; if none is, for the least wrong."""
    label, y = int(call.y[i]), call.y[i : i + 1]
    targets, n_right = output_deltas(m.router.net, m.router.signals), 0
    for e in range(targets.shape[0]):
        _run_expert(m, e, call, i, y, m.said[e : e + 1], ANSWER)
        targets[e] = 1.0 if max(m.said[e, 0], 0.0) == label else 0.0
        n_right += targets[e] > 0.0
    if n_right > 0:
        return
    best, top = 0, -1.0
    for e in range(targets.shape[0]):
        _run_expert(m, e, call, i, y, m.said[e : e + 1], ANSWER_AND_SCORES)
        share = m.said[e, 1 + label]
        if m.said[e, 0] < 0.0:  # has learned nothing
            share = 1.0 / max(m.seen[0], label + 1)
        if share > top:
            best, top = e, share
    targets[best] = 1.0


@jit
def _by_task(call: Call, m: _MoE) -> int:
    for i in range(call.first, call.last):
        label, learns = int(call.y[i]), call.fit and call.weight[i] > 0.0
        if m.progress[_ROUTED] == 0:
            if call.fit and label >= m.n_learned.shape[0]:
                m.progress[WANTING] = NEW_CLASS
                return i
            n = read(m.router, call.X[i], True)
            if call.serve:
                _answer_by_router(m, n, call.out[i], call.serve)
            while call.fit and m.seen[0] <= label:
                fill_output(m.router, m.seen[0])
                m.seen[0] += 1
            if learns:
                _learn_class(m, n, call.X[i], label, call.weight[i])
                m.progress[_ROUTED] = 1
        if learns:
            if not _train(m, call, i, m.seen[0]):
                return i
            m.progress[_ROUTED] = 0
    return call.last


@jit
def _answer_by_router(m: _MoE, n: int, out: Array, serve: int) -> None:
    """Write the answer, with those units left out that will be when the next row is learned."""
    r = m.router
    m.still[0] = r.random[0]
    forward(r.net, r.signals, r.places, r.values, n, True, m.still)
    logits = outputs(r.net, r.signals)
    for c in range(m.seen[0]):
        out[1 + c] = logits[c]
    answer_from_logs(out, m.seen[0], serve)


@jit
def _learn_class(m: _MoE, n: int, x: Array, label: int, weight: float) -> None:
    r = m.router
    meet(r, x)
    forward(r.net, r.signals, r.places, r.values, n, True, r.random)
    targets = output_deltas(r.net, r.signals)
    for c in range(m.seen[0]):
        targets[c] = 1.0 if c == label else 0.0
    cross_entropy(r, m.seen[0], weight / m.seen[0])
    learn_now(r, n)
