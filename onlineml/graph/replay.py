"""Requests to forget answered by replay: the last events, and states of the graph to go back to.

Rows that are fitted by the verbs of an estimator have no ids and are not logged; what came before
them can then no longer be replayed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.estimator import _to_plain
from onlineml.graph.events import Event, Forget, Label, Reward, Sample
from onlineml.receipt import Receipt, refused
from onlineml.schema import wrong

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

N_STATES = 8  # states of the past over the rows that are remembered
_OLDER = "rows of this id that are older than the log, if there were any, remain"
_KINDS: dict[str, Any] = {"sample": Sample, "label": Label, "reward": Reward}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def empty() -> dict[str, Any]:
    """The log of a graph that has met no event: `events` from number `first` on, and `states`."""
    return {"first": 0, "events": [], "states": []}


def check(remember: Any, replay: Any) -> None:
    """Raise `ValueError` for a replay of no rows."""
    if replay and not remember >= 1:
        raise wrong("remember", remember, "at least 1 row, to be forgotten by replay")


def forbid(graph: Wired) -> None:
    """Rows without ids are learned, unless by an event: start the log anew behind them."""
    if graph.replay and not graph._taking:
        graph.log_ = empty()


@contextmanager
def taking(graph: Wired) -> Iterator[None]:
    """What is learned meanwhile is learned by events, which are logged."""
    before, vars(graph)["_taking"] = graph._taking, True
    try:
        yield
    finally:
        vars(graph)["_taking"] = before


def room(graph: Wired) -> int:
    """Samples until the next state is due."""
    every = _every(graph)
    return every - (graph.n_samples_ % every if graph.is_started else 0)


def _every(graph: Wired) -> int:
    return max(1, int(graph.remember) // N_STATES)


def keep_state(graph: Wired) -> None:
    """Keep the present state, where one is due; and what the remembered rows need, no more."""
    if not graph.is_started:
        return
    log, n = graph.log_, graph.n_samples_
    states, events = log["states"], log["events"]
    if states and (n % _every(graph) or states[-1]["sample"] == n):
        return
    state = {name: _to_plain(vars(graph)[name]) for name in graph._learned() if name != "log_"}
    states.append({"at": log["first"] + len(events), "sample": n, "state": state})
    while len(states) > 1 and states[1]["sample"] <= n - graph.remember:
        states.pop(0)
    del events[: states[0]["at"] - log["first"]]
    log["first"] = states[0]["at"]


def note(graph: Wired, events: Iterable[Event]) -> None:
    """Log events that have had their effects."""
    log = graph.log_["events"]
    for event in events:
        if isinstance(event, Sample):
            log.append(["sample", event.id, _plain(event.x), event.y])
        elif not isinstance(event, Forget):
            log.append([_NAMES[type(event)], *event])


def _plain(x: Any) -> Any:
    """A row as a mapping or a list of its own."""
    return dict(x) if isinstance(x, Mapping) else np.array(x, np.float64).tolist()


def forget(graph: Wired, id: Hashable) -> Receipt:
    """Go back to before the first row of that id came, and take again all events but its own."""
    log = graph.log_
    first, events, states = log["first"], log["events"], log["states"]
    mine = [i for i, event in enumerate(events) if event[1] == id]
    place = next((i for i in mine if events[i][0] == "sample"), None)
    if place is None:
        return refused(f"row {id!r} is not known: never met, or too long ago")
    before = [state for state in states if state["at"] <= first + place]
    at = before[-1]["at"] - first
    gone = set(mine[mine.index(place) :])  # those before are about an older row of this id
    rest = [_event(events[i]) for i in range(at, len(events)) if i not in gone]
    log = {"first": first, "events": events[:at], "states": before}
    try:
        _again(graph, log, rest, None)
    except ValueError:  # the longer way leaves out what only the row made usable
        _again(graph, log, rest, {})
    return Receipt("replayed", 0.0, 0.0, len(rest), _OLDER if first else "")


def _again(graph: Wired, log: dict[str, Any], events: list[Event], problems: Any) -> None:
    """Take events in the last state of a log."""
    from onlineml.graph import intake

    graph.set_state(log["states"][-1]["state"])
    graph.log_ = {name: value if name == "first" else [*value] for name, value in log.items()}
    intake.take(graph, events, intake.level(graph), problems)


def _event(plain: list[Any]) -> Event:
    kind, id, value, *more = plain
    if kind == "sample" and not isinstance(value, Mapping):
        value = np.array(value)
    event: Event = _KINDS[kind](id, value) if kind != "sample" else Sample(value, id, *more)
    return event
