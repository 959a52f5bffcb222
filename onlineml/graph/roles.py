"""Graphs as estimators: one class a role, that of the node which answers."""

from __future__ import annotations

from collections.abc import Hashable

from onlineml.base import Classifier, Detector, Regressor, Transformer
from onlineml.graph.wired import Wired
from onlineml.graph.wiring import CLASSIFIER, DETECTOR, REGRESSOR, TRANSFORMER
from onlineml.schema import Schema


class GraphClassifier(Wired, Classifier):
    """Nodes wired into a classifier; made by `Graph`.

    Time per event and memory are those of `Graph`.

    Parameters
    ----------
    name
        What it is called.
    nodes
        Name, unfitted estimator and sources of each node.
    signals
        Drift detector, action and what it acts on.
    outputs
        Name of the node that answers, and of others whose answers come along in events.
    max_pending
        Most rows that wait for a label, and most that wait for a reward.
    remember
        Rows that are kept after they have been learned, to be forgotten on request.
    replay
        Whether they are forgotten by replay.

    Raises
    ------
    ValueError
        At the first row or event, for nodes that do not make a classifier, a `max_pending` that is
        not a whole number >= 1, a `remember` not one >= 0 (>= 1 with `replay`), and what a node
        refuses, by its name.

    Examples
    --------
    >>> from onlineml.graph import Graph
    >>> from onlineml.learners import GaussianNB
    >>> g = Graph("mine")
    >>> g.add("first", GaussianNB())
    >>> type(g).__name__
    'GraphClassifier'
    """

    def _admit_targets(self, news: list[Hashable]) -> None:
        self._admit_classes(news)
        super()._admit_targets(news)

    def _first_classes(self) -> list[Hashable]:
        """Those of the classifier among the nodes that knows most."""
        nodes = [node.estimator for node in self._wiring.nodes if node.role == CLASSIFIER]
        known = [node._first_classes() for node in nodes if isinstance(node, Classifier)]
        return max(known, key=len, default=[])

    def _begin(self, schema: Schema) -> None:
        super()._begin(schema)
        for k in self._wiring.supervised if self.classes_ else ():
            node = self.nodes_[k]
            assert isinstance(node, Classifier)
            self._named(self._wiring.nodes[k].name, node._admit_targets, list(self.classes_))
        if self.classes_:
            self._rewire()

    def _n_outputs(self) -> int:
        return max(Classifier._n_outputs(self), self._output_node()._n_outputs())


class GraphRegressor(Wired, Regressor):
    """Nodes wired into a regressor; made by `Graph`.

    Time per event and memory are those of `Graph`.

    Parameters
    ----------
    name
        What it is called.
    nodes
        Name, unfitted estimator and sources of each node.
    signals
        Drift detector, action and what it acts on.
    outputs
        Name of the node that answers, and of others whose answers come along in events.
    max_pending
        Most rows that wait for a label, and most that wait for a reward.
    remember
        Rows that are kept after they have been learned, to be forgotten on request.
    replay
        Whether they are forgotten by replay.

    Raises
    ------
    ValueError
        At the first row or event, for nodes that do not make a regressor, a `max_pending` that is
        not a whole number >= 1, a `remember` not one >= 0 (>= 1 with `replay`), and what a node
        refuses, by its name.

    Examples
    --------
    >>> from onlineml.graph import Graph
    >>> from onlineml.learners import LinearRegression
    >>> g = Graph("mine")
    >>> g.add("first", LinearRegression())
    >>> type(g).__name__
    'GraphRegressor'
    """


class GraphDetector(Wired, Detector):
    """Nodes wired into a detector of anomalies; made by `Graph`.

    No labels come to it, so that learners among its nodes learn nothing; `explain_one` tells what
    each of the numbers that reach the detector contributes.

    Time per event and memory are those of `Graph`.

    Parameters
    ----------
    name
        What it is called.
    nodes
        Name, unfitted estimator and sources of each node.
    signals
        Drift detector, action and what it acts on.
    outputs
        Name of the node that answers, and of others whose answers come along in events.
    max_pending
        Most rows that wait for a label, and most that wait for a reward.
    remember
        Rows that are kept after they have been learned, to be forgotten on request.
    replay
        Whether they are forgotten by replay.

    Raises
    ------
    ValueError
        At the first row or event, for nodes that do not make a detector, a `max_pending` that is
        not a whole number >= 1, a `remember` not one >= 0 (>= 1 with `replay`), and what a node
        refuses, by its name.

    Examples
    --------
    >>> from onlineml.graph import Graph
    >>> from onlineml.detectors import HalfSpaceTrees
    >>> g = Graph("mine")
    >>> g.add("first", HalfSpaceTrees())
    >>> type(g).__name__
    'GraphDetector'
    """

    @property
    def _explains(self) -> bool:  # type: ignore[override]  # of others it is their class's
        node = self._wiring.nodes[self._wiring.outputs[0]].estimator
        return isinstance(node, Detector) and node._explains

    def _n_outputs(self) -> int:
        return self._output_node()._n_outputs()


class GraphTransformer(Wired, Transformer):
    """Nodes wired into a transformer; made by `Graph`.

    Time per event and memory are those of `Graph`.

    Parameters
    ----------
    name
        What it is called.
    nodes
        Name, unfitted estimator and sources of each node.
    signals
        Drift detector, action and what it acts on.
    outputs
        Name of the node that answers, and of others whose answers come along in events.
    max_pending
        Most rows that wait for a label, and most that wait for a reward.
    remember
        Rows that are kept after they have been learned, to be forgotten on request.
    replay
        Whether they are forgotten by replay.

    Raises
    ------
    ValueError
        At the first row or event, for nodes that do not make a transformer, a `max_pending` that is
        not a whole number >= 1, a `remember` not one >= 0 (>= 1 with `replay`), and what a node
        refuses, by its name.

    Examples
    --------
    >>> from onlineml.graph import Graph
    >>> from onlineml.transforms import Shingle
    >>> g = Graph("mine")
    >>> g.add("first", Shingle())
    >>> type(g).__name__
    'GraphTransformer'
    """

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows."""
        node = self._output_node()
        assert isinstance(node, Transformer)
        return node.output_schema()

    def _n_outputs(self) -> int:
        return self._output_node()._n_outputs()


KINDS: dict[str | None, type[Wired]] = {
    CLASSIFIER: GraphClassifier,
    REGRESSOR: GraphRegressor,
    DETECTOR: GraphDetector,
    TRANSFORMER: GraphTransformer,
}
