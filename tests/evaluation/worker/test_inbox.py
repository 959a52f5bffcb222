"""The order of events of several topics: by their times, none waiting for ever."""

from typing import Any, NamedTuple

from onlineml.evaluation.worker.inbox import Inbox


class Event(NamedTuple):
    time: float | None
    name: str


def names(runs: list[tuple[str, list[Any]]]) -> list[str]:
    return [event.name for _, events in runs for event in events]


def test_a_clock_that_is_ahead_holds_nothing_back_for_longer_than_others_are_waited_for() -> None:
    inbox = Inbox(["samples", "labels"], max_idle=1.0)
    inbox.put("samples", [Event(4e9, "of another century"), Event(10.0, "behind it")])
    taken: list[list[str]] = []
    for i in range(6):  # labels that come more often than once a second
        inbox.put("labels", [Event(10.0 + i, f"label {i}")])
        taken.append(names(inbox.take(lambda topic: True, now=0.4 * i)))
    assert taken[:3] == [["label 0"], ["label 1"], ["label 2"]]
    assert taken[3] == ["label 3", "of another century", "behind it"]
    assert taken[4:] == [[], []]  # labels are ahead now, and wait their second


def test_events_wait_for_earlier_ones_while_a_topic_is_behind() -> None:
    inbox = Inbox(["samples", "labels"], max_idle=1.0)
    inbox.put("samples", [Event(10.0, "sample")])
    for i in range(6):
        inbox.put("labels", [Event(1.0 + i, f"label {i}")])
        assert names(inbox.take(lambda topic: False, now=0.4 * i)) == [f"label {i}"]
    assert inbox.waiting("samples") == 1
    inbox.put("labels", [Event(11.0, "later")])
    assert names(inbox.take(lambda topic: False, now=3.0)) == ["sample"]
