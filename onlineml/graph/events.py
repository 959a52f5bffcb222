"""What may happen to a graph: rows, labels and rewards that come late, requests to forget."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """A row to answer.

    Its label comes with it (`y`) or later, by `id`; rows without an id are answered, and learned
    by those nodes only that need no label.
    """

    x: Any
    id: Hashable = None
    y: Any = None


class Label(NamedTuple):
    """The label of a sample that came before; None: it never will come, and is not paid."""

    id: Hashable
    y: Any


class Reward(NamedTuple):
    """What came of the agent's action on a sample that came before."""

    id: Hashable
    value: float


class Forget(NamedTuple):
    """A request that nothing shall be left of the sample with this id."""

    id: Hashable


Event = Sample | Label | Reward | Forget


class Answer(NamedTuple):
    """What a graph says to a sample.

    Parameters
    ----------
    answer
        What the verb of the graph's role would have said: a label, a number, a score or a row.
    ask
        Whether the label is wanted: what the query strategy says, true where there is none.
    probability
        With which chance that was decided.
    action
        What the agent does; None where there is none.
    others
        What further outputs say, by the name of the node (see `Graph.output`).
    """

    answer: Any
    ask: bool = True
    probability: float = 1.0
    action: Any = None
    others: Mapping[str, Any] = MappingProxyType({})
