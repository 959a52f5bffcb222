"""Events taken by a graph, one by one or, to the same bits, in runs of a kind."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.base import Classifier, Estimator, Transformer
from onlineml.estimator import BLOCK
from onlineml.graph import halves, replay, swift
from onlineml.graph.events import Answer, Event, Forget, Label, Reward, Sample
from onlineml.graph.row import Sampled
from onlineml.graph.store import LABEL, NOTHING, REMEMBERED, REWARD
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Array
from onlineml.labels import labels_of
from onlineml.schema import wrong
from onlineml.shared_budget import permit, undone_where_refused

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

_ONE = np.ones(1)
_SHORTEST = 4  # events of a kind from which on a run pays


def one(graph: Wired, event: Event) -> Any:
    """Take one event."""
    graph._something_happens()
    if graph._width >= 0 and graph._row_plan.plain and not graph._spends:
        if graph.replay:
            replay.keep_state(graph)
        done: Any = None
        if isinstance(event, Sample):
            done = swift.sample(graph, event)
        elif isinstance(event, Label):
            done = swift.label(graph, event)
        if done is not None:
            if graph.replay:
                replay.note(graph, [event])
            return done
    found = _one(graph, event, level(graph))
    return _answers(graph, found)[0] if isinstance(found, Sampled) else found


def many(graph: Wired, events: Sequence[Event]) -> list[Any]:
    """Take events in order."""
    answers: list[Any] = []
    for found in take(graph, events, level(graph)):
        answers += _answers(graph, found) if isinstance(found, Sampled) else [found]
    return answers


def take(
    graph: Wired, events: Sequence[Event], level: int, problems: dict[int, str] | None = None
) -> list[Any]:
    """Take events in order: what came of samples, of several at a time, and of each other event.

    Where there are `problems`, events that cannot be used are put there and left out; of such a
    sample no answer comes.
    """
    graph._something_happens()
    with replay.taking(graph):
        return _in_runs(graph, events, level, problems)


def _in_runs(graph: Wired, events: Sequence[Event], level: int, problems: Any) -> list[Any]:
    results: list[Any] = []
    n = 0
    for kind, run in groupby(events, lambda event: _kind(graph, event)):
        found = list(run)
        while found:
            most = min(BLOCK, replay.room(graph)) if graph.replay else BLOCK
            part, found = found[:most], found[most:]
            results += _run(graph, kind, part, level, n, problems)
            n += len(part)
    return results


def _one(graph: Wired, event: Event, level: int) -> Any:
    """Take one event the longer way."""
    if not graph.replay:
        return _taken(graph, event, level)
    replay.keep_state(graph)
    found = _taken(graph, event, level)
    replay.note(graph, [event])
    return found


def _taken(graph: Wired, event: Event, level: int) -> Any:
    with undone_where_refused(graph):
        return _taken_in(graph, event, level)


def _taken_in(graph: Wired, event: Event, level: int) -> Any:
    if isinstance(event, Sample):
        return _sample(graph, event, level)
    if isinstance(event, Label):
        return _label(graph, event)
    if isinstance(event, Reward):
        return _reward(graph, event)
    if isinstance(event, Forget):
        return graph.unlearn_one(id=event.id)
    raise wrong("event", event, "a Sample, a Label, a Reward or a Forget")


def _kind(graph: Wired, event: Event) -> str:
    """Events of a kind are taken together; those of kind "" are not."""
    if isinstance(event, Sample):
        if event.y is None:
            return "samples"
        wiring = graph._wiring
        apart = wiring.strategy is not None or wiring.agent is not None or wiring.outputs[1:]
        return "" if apart or graph._keeps_reads or not graph._learns_labels else "labeled"
    if isinstance(event, Label) and event.y is not None:
        return "" if graph._wiring.strategy is not None or graph._keeps_reads else "labels"
    return ""


def _run(
    graph: Wired, kind: str, events: list[Any], level: int, first: int, problems: Any
) -> list[Any]:
    """A run of events of one kind; where one of them cannot be used, one by one."""
    if kind and len(events) >= _SHORTEST:
        try:
            if graph.replay:
                replay.keep_state(graph)
            with undone_where_refused(graph):
                found: list[Any] = _RUNS[kind](graph, events, level)
            if graph.replay:
                replay.note(graph, events)
            return found
        except ValueError:  # nothing has been done: all were checked first
            pass
    results: list[Any] = []
    for i, event in enumerate(events, first):
        try:
            swiftly = problems is None  # then nobody needs more than the answer
            results.append(one(graph, event) if swiftly else _one(graph, event, level))
        except ValueError as error:
            if problems is None:
                name = getattr(event, "id", None)
                error.add_note(f"in event {i}: {type(event).__name__} {name!r}")
                raise
            problems[i] = str(error)
    return results


# -------------------------------------------------------------------- samples


def _sample(graph: Wired, event: Sample, level: int) -> Sampled:
    is_lesson = event.y is not None and graph._learns_labels
    if is_lesson:
        permit(graph, None, 1)
    X = _row(graph, event)
    if not is_lesson:
        said = halves.sample(graph, X, _ONE, level=level)
        _keep(graph, [event.id], said)
        return said
    targets = _targets(graph, [event.y])
    said = halves.both(graph, X, targets, _ONE, level)
    _keep(graph, [event.id], said, learned=True)
    if graph._keeps_reads and event.id is not None and said.asks[0, 0]:
        graph._store.note(event.id, float(targets[0]), said.taken)
    return said


def _row(graph: Wired, event: Sample) -> Array:
    """The row of a sample; the columns that it brings are taken in, if its label can be learned."""
    if graph._read(event.x):
        row: Array = graph._row[None].copy()
        if not np.isinf(row).any():
            return row
    schema, rows = graph._rows(graph._as_one(event.x), fit=True, one=True)
    if event.y is not None and graph._learns_labels:
        graph._targets([event.y], 1)
    graph._admit(schema)
    return rows


def level(graph: Wired) -> int:
    """How much of its answers a graph is asked for."""
    return ANSWER_AND_SCORES if isinstance(graph, Transformer) else ANSWER


def _targets(graph: Wired, y: list[Any]) -> Array:
    """Labels as the numbers that nodes learn; new ones are taken in."""
    targets, news = graph._targets(y, len(y))
    graph._admit_targets(news)
    assert targets is not None
    return targets


def _samples(graph: Wired, events: list[Sample], level: int) -> list[Sampled]:
    """Rows without labels, node by node."""
    schema, rows = graph._rows([graph._as_one(event.x) for event in events], fit=True)
    graph._admit(schema)
    said = halves.sample(graph, rows, np.ones(len(rows)), level=level)
    _keep(graph, [event.id for event in events], said)
    return [said]


def _labeled(graph: Wired, events: list[Sample], level: int) -> list[Sampled]:
    """Rows with labels, where nothing is kept of them."""
    X, y = [event.x for event in events], [event.y for event in events]
    out = graph._learn(X, y, None, serve=level).reshape(len(events), -1)
    return [Sampled(out, NOTHING, *halves.undecided(len(events)), [])]


def _keep(graph: Wired, ids: Sequence[Hashable], said: Sampled, *, learned: bool = False) -> None:
    """Keep rows that something may still come for."""
    causes = []
    for id, ask in zip(ids, said.asks[:, 0].tolist()):
        mine = []
        if id is not None:
            mine += [LABEL] if ask and graph._learns_labels and not learned else []
            mine += [REWARD] if graph._wiring.agent is not None else []
            mine += [REMEMBERED] if graph._keeps_reads else []
        causes.append(mine)
    graph.n_expired_ += graph._store.put(ids, said.taken, causes)


def _answers(graph: Wired, said: Sampled) -> list[Answer]:
    asks = said.asks.tolist()
    answers = [
        Answer(answer, ask == 1.0, chance, action)
        for answer, (ask, chance, _), action in zip(_plain(graph, said.out), asks, said.actions)
    ]
    if not said.others:
        return answers
    names = [graph._wiring.nodes[k].name for k in said.others]
    columns = [_plain(graph.nodes_[k], out) for k, out in said.others.items()]
    return [
        answer._replace(others=dict(zip(names, values)))
        for answer, values in zip(answers, zip(*columns))
    ]


def _plain(model: Estimator, out: Array) -> list[Any]:
    """Answers of a model's role, of what its kernel has written."""
    if isinstance(model, Transformer):
        return [row.copy() for row in out]
    if isinstance(model, Classifier):
        found: list[Any] = labels_of(out[:, 0], model.classes_).tolist()
        return found
    return list(out[:, 0].tolist())


# -------------------------------------------------------------------- what comes later


def _label(graph: Wired, event: Label) -> bool:
    """A label: its row is learned, if it waits for one."""
    if not graph._learns_labels:
        raise wrong("label", event.y, "none: no learner answers for this graph")
    if not _waits(graph, LABEL, event.id):
        return False
    store = graph._store
    taken = store.find(LABEL, [event.id])
    if event.y is None:
        store.release(LABEL, event.id)
        if graph._wiring.strategy is not None:
            halves.tell_strategy(graph, int(taken.numbers[0]), None)
        return True
    permit(graph, None, 1)
    targets = _targets(graph, [event.y])
    store.release(LABEL, event.id)
    halves.lesson(graph, taken, targets, _ONE)
    if graph._keeps_reads and store.holds(REMEMBERED, event.id):
        store.note(event.id, float(targets[0]), taken)
    return True


def _labels(graph: Wired, events: list[Label], level: int) -> list[bool]:
    """Labels, node by node."""
    store = graph._store if graph.is_started else None
    ids = [event.id for event in events]
    if store is None or not graph._learns_labels or len(set(ids)) < len(ids):
        raise wrong("id", ids, "labels that are taken one by one")
    here = [store.holds(LABEL, id) for id in ids]
    known = [event for event, waits in zip(events, here) if waits]
    if known:
        permit(graph, None, len(known))
        targets = _targets(graph, [event.y for event in known])
        taken = store.find(LABEL, [event.id for event in known])
        for event in known:
            store.release(LABEL, event.id)
        halves.lesson(graph, taken, targets, np.ones(len(known)))
    graph.n_unknown_ += len(events) - len(known)
    return here


def _reward(graph: Wired, event: Reward) -> bool:
    """A reward: the agent learns what its action has brought."""
    from onlineml.rl.agent import Transition

    k = graph._wiring.agent
    if k is None:
        raise wrong("reward", event.value, "none: there is no agent in this graph")
    if not _waits(graph, REWARD, event.id):
        return False
    agent: Any = graph.nodes_[k]
    place = graph._stored.index(k)
    read = graph._store.find(REWARD, [event.id]).reads[place][0]
    n = agent.schema_.n_features
    x, action = read[:n].copy(), read[n : n + agent._action_width()].copy()
    graph._named(
        graph._wiring.nodes[k].name,
        agent.fit_one,
        Transition(x, action, event.value, x, terminated=True),
    )
    graph._store.release(REWARD, event.id)
    if graph._store.holds(REMEMBERED, event.id):
        graph._store.mark(event.id, place)
    graph.n_rewards_ += 1
    return True


def _waits(graph: Wired, cause: str, id: Hashable) -> bool:
    """Whether the row of that id waits; others are counted."""
    if graph.is_started and graph._store.holds(cause, id):
        return True
    if graph.is_started:
        graph.n_unknown_ += 1
    return False


_RUNS: dict[str, Any] = {"samples": _samples, "labeled": _labeled, "labels": _labels}
