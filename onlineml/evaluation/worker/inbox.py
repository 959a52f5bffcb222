"""Events of several topics of one partition, put into one order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

_EARLIEST = float("-inf")


class Inbox:
    """Takes the events of each topic in their order, and among topics the one of least time first.

    A topic of which nothing is there, though more is to come, holds the others back: while it is
    behind, and for `max_idle` seconds when it is not. Nor does an event that is next in its topic
    wait for longer, though others come before it again and again: its clock may be wrong. Equal
    times go by the order of `topics`. Events without a time go at once.
    """

    def __init__(self, topics: Sequence[str], max_idle: float) -> None:
        self.max_idle = max_idle
        self._queues: dict[str, deque[Any]] = {topic: deque() for topic in topics}
        self._ended: set[str] = set()
        self._held_since: float | None = None
        self._next_since: dict[str, float] = {}  # when each topic's next event was seen to be that

    def put(self, topic: str, events: Sequence[Any]) -> None:
        """Add events of a topic, in order."""
        self._queues[topic].extend(events)
        self._ended.discard(topic)

    def end(self, topic: str) -> None:
        """Nothing more will come of a topic."""
        self._ended.add(topic)

    def waiting(self, topic: str) -> int:
        """Events of a topic that have not been taken."""
        return len(self._queues[topic])

    @property
    def is_done(self) -> bool:
        """Whether everything has been taken and nothing more will come."""
        return len(self._ended) == len(self._queues) and not any(self._queues.values())

    def take(self, is_caught_up: Callable[[str], bool], now: float) -> list[tuple[str, list[Any]]]:
        """Events whose turn has come, in order: runs of one topic each."""
        if len(self._queues) == 1:
            ((topic, queue),) = self._queues.items()
            events = list(queue)
            queue.clear()
            return [(topic, events)] if events else []
        runs: list[tuple[str, list[Any]]] = []
        while True:
            filled = [topic for topic, queue in self._queues.items() if queue]
            if not filled:
                return runs
            for topic in filled:
                self._next_since.setdefault(topic, now)
            topic = min(filled, key=lambda name: _time(self._queues[name]))
            if self._held(topic, filled, is_caught_up, now):
                return runs
            runs.append((topic, self._run(topic, filled)))
            del self._next_since[topic]

    def _held(
        self, topic: str, filled: Sequence[str], is_caught_up: Callable[[str], bool], now: float
    ) -> bool:
        """Whether the next event, of `topic`, waits for one of an empty topic."""
        empty = [t for t in self._queues if t not in filled and t not in self._ended]
        if not empty or any(_time(self._queues[name]) == _EARLIEST for name in filled):
            self._held_since = None
            return False
        if self._held_since is None:
            self._held_since = now
        if not all(map(is_caught_up, empty)):
            return True
        return now - min(self._held_since, self._next_since[topic]) < self.max_idle

    def _run(self, topic: str, filled: Sequence[str]) -> list[Any]:
        """Events of a topic up to the first one of another whose turn comes before."""
        ranks = list(self._queues)
        rank, queue = ranks.index(topic), self._queues[topic]
        others = [
            (_time(self._queues[name]), ranks.index(name)) for name in filled if name != topic
        ]
        limit = min(others, default=(float("inf"), len(ranks)))
        events = [queue.popleft()]
        while queue and (_time(queue), rank) < limit:
            events.append(queue.popleft())
        return events


def _time(queue: deque[Any]) -> float:
    time = queue[0].time
    return _EARLIEST if time is None else time
