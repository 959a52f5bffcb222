"""What may happen to a graph: rows, labels and rewards that come late, requests to forget."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """A row to answer.

    Its label comes with it (`y`) or later, by `id`; rows without an id are answered, and learned
    by those nodes only that need no label.

    Parameters
    ----------
    x
        The row: an array or a mapping, NaN or None where a value is missing.
    id
        What its label, its reward or a request to forget it calls it; hashable.
    y
        Its label, or None.

    Examples
    --------
    >>> from onlineml.graph import Sample
    >>> Sample({"amount": 12.5}, id="a77").y is None
    True
    """

    x: Any
    id: Hashable = None
    y: Any = None


class Label(NamedTuple):
    """The label of a sample that came before; None: it never will come, and is not paid.

    Parameters
    ----------
    id
        That of the sample.
    y
        The label: a class or a number, as the learners take.

    Examples
    --------
    >>> from onlineml.graph import Label
    >>> Label("a77", "fraud")
    Label(id='a77', y='fraud')
    """

    id: Hashable
    y: Any


class Reward(NamedTuple):
    """What came of the agent's action on a sample that came before.

    Parameters
    ----------
    id
        That of the sample.
    value
        The reward, a finite number.

    Examples
    --------
    >>> from onlineml.graph import Reward
    >>> Reward("a77", 1.0)
    Reward(id='a77', value=1.0)
    """

    id: Hashable
    value: float


class Forget(NamedTuple):
    """A request that nothing shall be left of the samples with this id.

    Parameters
    ----------
    id
        That of the sample, or of several, such as all of a person.

    Examples
    --------
    >>> from onlineml.graph import Forget
    >>> Forget("a77")
    Forget(id='a77')
    """

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

    Examples
    --------
    >>> from onlineml.graph import Answer
    >>> answer = Answer("fraud")
    >>> answer.ask, answer.probability
    (True, 1.0)
    """

    answer: Any
    ask: bool = True
    probability: float = 1.0
    action: Any = None
    others: Mapping[str, Any] = MappingProxyType({})
