"""Named nodes wired into one estimator, of the role of the node that answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onlineml.estimator import Estimator
from onlineml.graph.drawing import Drawing, drawing_of
from onlineml.graph.wiring import Wiring
from onlineml.schema import wrong

Signal = tuple[Any, ...] | Callable[[Any], Any]


class Graph:
    """Named nodes wired into one estimator, of the role of the node that answers.

    A node reads the row (`"x"`), the answers of nodes added before it, or their errors; so there
    are no circles. What runs back is a signal: an alarm of a drift detector that acts when the
    event is over. With its first node the object becomes an estimator, a `GraphClassifier` or such.

    When a row comes, each node answers in the state that it had before the row, in the order in
    which nodes were added; then transformers and detectors learn the row. Classifiers and
    regressors learn the label that is passed with the row, from the very numbers that they answered
    to; then follow the nodes that read errors. Without a label these learn nothing.

    Labels may also come later: `take_one` and `take_many` take events, a `Sample`, the `Label` or
    the `Reward` of a sample that came before, a request to `Forget` one. With a query strategy
    among the nodes, learners learn those labels only that it asks for, and others change nothing,
    whether they come with the row or later. An agent acts on every sample that is taken as an
    event, and learns when its reward comes; each sample is an episode of one step.

    Answers that others read are: the new row of a transformer, the score of a detector, the number
    of a regressor, the probabilities of a classifier (missing for classes not yet seen).

    Time per event is that of the nodes that it reaches; memory is theirs and, for each row that
    waits or is remembered, that of the numbers that were read of it.

    Parameters
    ----------
    name
        What it is called in drawings and reports.
    max_pending
        Most rows that wait for a label, and most that wait for a reward (see `take_one`). The
        oldest are given up for newer ones, and counted in `n_expired_`.
    remember
        Rows that are kept after they have been learned, so that they can be forgotten by id: all
        that are kept of the id, which may be a person's.
    replay
        Whether they are forgotten by replay: see the notes.

    Raises
    ------
    ValueError
        From `add`, `on` and `output`, for what cannot be wired. At the first row or event: for a
        `name` that is no text, a `max_pending` that is not a whole number >= 1, a `remember` not
        one >= 0 (>= 1 with `replay`), and what a node refuses, by its name.

    Notes
    -----
    Of a row that waits, what its learners read and said is kept; of one that is remembered, what
    all nodes read. To forget it every node is asked to `unlearn_one`: where one refuses, none does;
    where a node has read later rows through another that had learned it, less of it is left, no
    more.

    With `replay` the graph keeps the events of the rows that it remembers instead, and some ten of
    its own states. A request goes back to the last state before the row and takes the later events
    again, without those of its id: the graph is, bit for bit, one that they never reached, drift
    detectors, budgets and statistics of all nodes included. Strategies may then ask for other
    labels than they did; answers to those questions that were asked are all there is. Signals that
    are functions are called again. Rows that are fitted by `fit_one` or `fit_many` have no id: what
    came before them can no longer be forgotten.

    Examples
    --------
    >>> from onlineml.detectors import ADWIN, HalfSpaceTrees
    >>> from onlineml.graph import Graph, reset
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.transforms import StandardScaler
    >>> g = Graph("fraud")
    >>> g.add("scale", StandardScaler(), after="x")
    >>> g.add("strange", HalfSpaceTrees(seed=1), after="scale")
    >>> g.add("learner", GaussianNB(), after=("scale", "strange"))
    >>> g.add("drift", ADWIN(), after=g.error_of("learner"))
    >>> g.on("drift", reset("strange"))
    >>> rows, labels = [[1.0], [9.0], [2.0], [8.0]] * 10, ["low", "high"] * 20
    >>> g.fit_many(rows, labels).predict_one([7.0])
    'high'

    >>> from onlineml.graph import Label, Sample
    >>> g.take_one(Sample([8.5], id="a")).answer
    'high'
    >>> g.take_one(Label("a", "high"))
    True
    """

    name: str
    nodes: tuple[tuple[str, Estimator, tuple[str, ...]], ...]
    signals: tuple[tuple[Any, ...], ...]
    outputs: tuple[str, ...]
    max_pending: int
    remember: int
    replay: bool

    def __init__(
        self,
        name: str = "graph",
        *,
        max_pending: int = 10_000,
        remember: int = 0,
        replay: bool = False,
    ) -> None:
        self.name = name
        self.max_pending = max_pending
        self.remember = remember
        self.replay = replay
        self.nodes = ()
        self.signals = ()
        self.outputs = ()

    if TYPE_CHECKING:  # the verbs are those of the role, which the nodes decide

        def __getattr__(self, name: str) -> Any: ...

    def add(self, name: str, estimator: Estimator, after: str | Sequence[str] = "x") -> None:
        """Add a node that reads `after`: "x", a node's name, `error_of`, or several of these.

        The estimator is cloned when data come, not changed.

        Raises
        ------
        ValueError
            For a name that is taken, is "x" or has other than letters, digits and single
            underscores; for what is no estimator with a role; for sources that are unknown or
            cannot be read; for a second query strategy or agent, and classifiers beside regressors;
            once data have come.
        """
        sources = (after,) if isinstance(after, str) else tuple(after)
        self._change(nodes=(*self.nodes, (name, estimator, sources)))

    def error_of(self, name: str) -> str:
        """What to put `after` to read a learner's error, when its label has come.

        Of a classifier: 0 right, 1 wrong. Of a regressor: the absolute error.
        """
        return f"error_of({name})"

    def on(self, source: str, *signals: Signal) -> None:
        """When the drift detector `source` raises an alarm, do `signals` once the event is over.

        A signal is `reset`, `replace`, `refit`, `refund` or `consolidate`, or a function that is
        called with the graph. Graphs with such a function can neither be saved nor written as
        text.

        Raises
        ------
        ValueError
            For a source that is no drift detector, what is no signal, and nodes that are unknown or
            to which it cannot be done; once data have come.
        """
        made = [(source, *signal) if isinstance(signal, tuple) else (source, signal)
                for signal in signals]  # fmt: skip
        self._change(signals=(*self.signals, *made))

    def output(self, name: str, *others: str) -> None:
        """The node that answers, whose role is the graph's; the last one if never called.

        What `others` say comes along where events are taken, in `Answer.others`.

        Raises
        ------
        ValueError
            For nodes that are unknown, or that do not answer when a row comes; once data have come.
        """
        self._change(outputs=(name, *others))

    def draw(self) -> Drawing:
        """A picture of the graph, with live figures once data have come.

        `print` it, `save` it as SVG, or leave it to a notebook to show.
        """
        return drawing_of(self)

    def to_yaml(self) -> str:
        """The graph as YAML: what `from_yaml` and `onlineml run graph.yaml` read.

        Raises
        ------
        ValueError
            For signals that are functions, and parameters that cannot be written as text.
        """
        from onlineml.graph.document import to_yaml

        return to_yaml(self)

    @classmethod
    def from_yaml(cls, source: str | Path) -> Any:
        """The graph, unfitted, in a text of several lines or in a file.

        Raises
        ------
        ValueError
            For a text that is no graph; one line says what is wrong, and where.
        FileNotFoundError
            Where there is no such file.
        """
        from onlineml.graph.document import from_yaml

        return from_yaml(source)

    def _change(self, **parts: tuple[Any, ...]) -> None:
        if isinstance(self, Estimator) and self.is_started:
            raise wrong("graph", self.name, "a graph that has not started (see reset)")
        before = {part: getattr(self, part) for part in ("nodes", "signals", "outputs")}
        wiring = Wiring(**(before | parts))
        vars(self).update(parts)
        if isinstance(self, Estimator):
            self._forget_caches()
        from onlineml.graph.roles import KINDS

        role = wiring.nodes[wiring.outputs[0]].role if wiring.outputs else None
        self.__class__ = KINDS.get(role, Graph)
