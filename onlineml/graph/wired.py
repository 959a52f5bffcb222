"""What graphs of all roles share: parameters, columns of the nodes, state, and the way of rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics, Estimator
from onlineml.graph import columns, forget, halves, intake, kept, plan, replay, turn, walk
from onlineml.graph.compiled import compile_kernels
from onlineml.graph.events import Event
from onlineml.graph.graph import Graph
from onlineml.graph.store import LABEL, REMEMBERED, REWARD, Store
from onlineml.graph.wiring import CLASSIFIER, DRIFT, REGRESSOR, Wiring, check_name
from onlineml.kernels.arena import FIT, Field, Ints
from onlineml.learners.privacy import check_replays
from onlineml.parameters import whole
from onlineml.receipt import Receipt
from onlineml.schema import Schema, wrong
from onlineml.shared_budget import Claim, all_foretell, permit, shares_budget

N_ALARMS = 64  # of the latest alarms, what is remembered
_LASTING = (
    "_spent",
    "_since",
    "_stride",
    "_rows_kept",
    "_lent",
)  # caches that no growth makes out of date


class Wired(Graph, Estimator):
    """An estimator made of nodes. The learned state is that of the nodes, and counts."""

    _state = (Field("alarms_", (N_ALARMS, 2), np.int64),)

    name: str
    nodes: tuple[tuple[str, Estimator, tuple[str, ...]], ...]
    signals: tuple[tuple[Any, ...], ...]
    outputs: tuple[str, ...]
    max_pending: int
    remember: int
    replay: bool
    nodes_: list[Estimator]
    layout_: list[list[list[int]]]
    kept_: list[Array]
    n_kept_: list[int]
    resets_: list[int]
    raised_: list[int]
    alarms_: Ints
    n_alarms_: int
    n_samples_: int
    n_labels_: int
    n_rewards_: int
    n_expired_: int
    n_unknown_: int
    store_: dict[str, Any]
    log_: dict[str, Any]
    _stride = walk.SHORTEST
    _taking = False  # whether an event is being taken
    _lent = False  # whether a live node was handed out, which others may change
    _is_apart = False  # whether a shared budget may refuse a node of a row half way
    _row_plan: plan.Plan

    def __init__(
        self,
        *,
        name: str = "graph",
        nodes: tuple[tuple[str, Estimator, tuple[str, ...]], ...] = (),
        signals: tuple[tuple[Any, ...], ...] = (),
        outputs: tuple[str, ...] = (),
        max_pending: int = 10_000,
        remember: int = 0,
        replay: bool = False,
    ) -> None:
        self.name = name
        self.nodes = nodes
        self.signals = signals
        self.outputs = outputs
        self.max_pending = max_pending
        self.remember = remember
        self.replay = replay

    # ---------------------------------------------------------------- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name; with `deep`, those of nodes as `node__parameter`."""
        params = {name: getattr(self, name) for name in self._parameter_names()}
        for name, estimator, _ in self.nodes if deep else ():
            own = estimator.get_params()
            params |= {f"{name}__{inner}": own[inner] for inner in own}
        return params

    def _alter(self, params: Mapping[str, Any]) -> None:
        """Change arguments; those of nodes are named `node__parameter`."""
        by_name = {name: estimator for name, estimator, _ in params.get("nodes", self.nodes)}
        own = self._parameter_names()
        for key in params:
            name, nested, _ = key.partition("__")
            if key not in own and not (nested and name in by_name):
                due = f"one of {[*own, *(f'{name}__...' for name in by_name)]}"
                raise wrong(type(self).__name__, key, due)
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if key in own:
                setattr(self, key, value)
            else:
                self._named(name, by_name[name].set_params, **{inner: value})

    def _named(self, name: str, call: Any, *args: Any, **words: Any) -> Any:
        """Do something with a node; its complaints name it."""
        try:
            return call(*args, **words)
        except ValueError as error:
            raise ValueError(f"node {name!r} of graph {self.name!r}: {error}") from error

    def _name_node(self, k: int, error: Exception) -> None:
        """Note in which node it came to an error."""
        error.add_note(f"in node {self._wiring.nodes[k].name!r} of graph {self.name!r}")

    def __repr__(self) -> str:
        wires = ", ".join(
            f"{'+'.join(after)} > {name}={estimator!r}" for name, estimator, after in self.nodes
        )
        return f"Graph({self.name!r}: {wires})"

    def __getitem__(self, name: str) -> Any:
        """The node of that name: the live one, or what it is made from before any data."""
        k = self._wiring.known(name, "name")
        if self.is_started:
            vars(self)["_lent"] = True
            self._something_happens()
        return self.nodes_[k] if self.is_started else self.nodes[k][1]

    @property
    def _wiring(self) -> Wiring:
        made: Wiring | None = vars(self).get("_wired")
        if made is None:
            made = Wiring(self.nodes, self.signals, self.outputs)
            vars(self)["_wired"] = made
        return made

    def _output_node(self) -> Estimator:
        return self.nodes_[self._wiring.outputs[0]]

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        wiring = self._wiring
        role = next(iter(wiring.outputs), None)
        from onlineml.graph.roles import KINDS

        if role is None or not isinstance(self, KINDS[wiring.nodes[role].role]):
            raise wrong("nodes", self.nodes, f"nodes that make a {type(self).__name__}")
        check_name(self.name)
        wiring.check()
        for name, least in (("max_pending", 1), ("remember", 0)):
            whole(name, getattr(self, name), least, unit="rows")
        replay.check(self.remember, self.replay)
        for node in wiring.nodes:
            self._named(node.name, node.estimator._accept_parameters)
            if self.replay:
                self._named(node.name, check_replays, node.estimator)

    def _start(self, schema: Schema) -> None:
        wiring = self._wiring
        self.nodes_ = [node.estimator.clone() for node in wiring.nodes]
        self.layout_ = [[] for _ in wiring.nodes]
        self.resets_, self.raised_ = [0] * len(wiring.nodes), [0] * len(wiring.nodes)
        self.n_alarms_ = self.n_samples_ = self.n_labels_ = self.n_rewards_ = 0
        self.n_expired_ = self.n_unknown_ = 0
        columns.settle(self, schema)
        self.kept_, self.n_kept_ = kept.empty(self)
        self.store_, self.log_ = Store.empty(len(self._stored)), replay.empty()
        compile_kernels(self)  # so that the time of a node is that of its work

    def _begin(self, schema: Schema) -> None:
        super()._begin(schema)
        if self.replay:
            replay.keep_state(self)  # what the first event will find

    def reset(self) -> Self:
        """Forget everything that was learned, and rows that wait."""
        for name in _LASTING:
            vars(self).pop(name, None)
        return super().reset()

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            before = self._snapshot(self._wiring.everything)
            layout = [[*extents] for extents in self.layout_]
            try:
                columns.settle(self, schema)
            except ValueError:
                self.layout_ = layout
                self._restore(before)
                raise
        super()._admit(schema)

    def _admit_classes(self, classes: list[Hashable]) -> None:
        """Tell the classifiers of classes; not yet where others read what they say."""
        wiring = self._wiring
        if wiring.widens or self._tells_late:
            return
        before = self._snapshot(wiring.supervised) if len(classes) > len(self._classes()) else []
        try:
            for k in wiring.supervised if before else ():
                self._named(wiring.nodes[k].name, self.nodes_[k]._admit_targets, classes)
        except ValueError:
            self._restore(before)
            raise

    def _classes(self) -> list[Hashable]:
        """The classes that the nodes know."""
        for k in self._wiring.supervised:
            node = self.nodes_[k]
            if isinstance(node, Classifier):
                return node.classes_
        return []

    def _admit_one_class(self, n: int) -> None:
        """Tell the classifiers of class `n`, and of no later one."""
        for k in self._wiring.supervised:
            self.nodes_[k]._admit_targets(self._known_labels()[: n + 1])

    def _known_labels(self) -> list[Hashable]:
        """The classes that the graph knows; nodes may meet the last ones later within a chunk."""
        found: list[Hashable] = vars(self)["classes_"]
        return found

    def _label_of(self, target: float) -> Any:
        """A target as the user knows it."""
        return self._known_labels()[int(target)] if self._is(CLASSIFIER) else target

    def _is(self, role: str) -> bool:
        return self._wiring.nodes[self._wiring.outputs[0]].role == role

    @property
    def _tells_late(self) -> bool:
        """Whether classifiers are told of a class only when a label of it is learned."""
        return self._wiring.strategy is not None and self._is(CLASSIFIER)

    @property
    def _learns_labels(self) -> bool:
        """Whether labels come to the graph."""
        return self._is(CLASSIFIER) or self._is(REGRESSOR)

    def _rewire(self) -> None:
        """Nodes have changed: see that what they read fits."""
        columns.settle(self, self.schema_)
        self._forget_caches()

    def _forget_caches(self) -> None:
        lasting = {name: vars(self)[name] for name in _LASTING if name in vars(self)}
        super()._forget_caches()
        vars(self).update(lasting)

    def _prepare(self) -> None:
        super()._prepare()
        self._row_plan = plan.Plan(self)
        self._is_apart = shares_budget(self) and not self._foretells()

    def _something_happens(self) -> None:
        """What was said of the last row no longer stands."""
        if self._width >= 0:
            self._row_plan.standing = None

    # ---------------------------------------------------------------- rows through

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if self._width < 0:
            self._prepare()  # the next one-row call may take the fast path
        self._something_happens()
        if fit:
            replay.forbid(self)
        if fit and self._learns_labels and self._wiring.strategy is not None:
            halves.labeled(self, X, y, weight, out, serve)
        else:
            walk.run(self, X, y, weight, out, serve, fit)

    def _call_python(self, rows: tuple[Array, Array, Array, Array], what: int) -> int:
        """One row, through the one-row calls of the nodes; the way of chunks where one balks."""
        if what & FIT:
            replay.forbid(self)
            if self._is_apart:
                return super()._call_python(rows, what)
            if self._spends:
                permit(self, None, 1)
        if turn.run(self, rows, what):
            return 1
        return super()._call_python(rows, what)

    def _claims(self, weights: Array | None, n_rows: int) -> Sequence[Claim]:
        if self._wiring.strategy is not None:
            return ()  # which labels it buys shows on the way
        if self.is_started:
            nodes = self.nodes_
        else:
            self._accept_parameters()
            nodes = [node.estimator for node in self._wiring.nodes]
        return [claim for node in nodes for claim in node._claims(weights, n_rows)]

    def _foretells(self) -> bool:
        own = self._wiring.strategy is None and not self._wiring.signals
        return own and all_foretell(self.nodes_)

    # ---------------------------------------------------------------- events

    def take_one(self, event: Event) -> Any:
        """A `Sample`, a `Label`, a `Reward` or a request to `Forget`.

        Samples are answered with an `Answer`. Of labels and rewards it is said whether a row was
        waiting for them, which then was learned. Requests to forget get a `Receipt`. A sample takes
        the place of one of the same id that still waits.

        Returns
        -------
        Answer, bool or Receipt
            To a sample, to a label or reward, to a request to forget.

        Raises
        ------
        ValueError
            For what is no event, a row that cannot be used (see `onlineml.base.Estimator`), a label
            where no node learns any or that cannot be learned, and a reward where there is no agent
            or that is not finite.
        """
        if not self.replay:
            return intake.one(self, event)
        with replay.taking(self):
            return intake.one(self, event)

    def take_many(self, events: Iterable[Event]) -> list[Any]:
        """What `take_one` would have said of each event, in order.

        Where an event cannot be used, those before it have had their effects; the error tells
        which one it was.

        Returns
        -------
        list
            One answer an event.

        Raises
        ------
        ValueError
            As `take_one`.
        """
        return intake.many(self, list(events))

    @property
    def n_waiting(self) -> int:
        """Rows whose labels are waited for."""
        return self._store.waiting(LABEL) if self.is_started else 0

    @property
    def _stored(self) -> tuple[int, ...]:
        """Nodes of whose rows something is kept: those that wait, or all."""
        return self._wiring.everything if self._keeps_reads else self._wiring.waiting

    @property
    def _keeps_reads(self) -> bool:
        """Whether what all nodes have read of a row is kept after they have learned it."""
        return self.remember > 0 and not self.replay

    @property
    def _store(self) -> Store:
        made: Store | None = vars(self).get("_rows_kept")
        if made is None:
            n = self.max_pending
            most = {LABEL: n, REWARD: n, REMEMBERED: self.remember}
            made = vars(self)["_rows_kept"] = Store(self.store_, most)
        return made

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        self._something_happens()
        return forget.forget(self, id)

    # ---------------------------------------------------------------- what signals need

    def _snapshot(self, which: Sequence[int]) -> list[tuple[int, Mapping[str, Any]]]:
        return [(k, self.nodes_[k].get_state()) for k in which]

    def _restore(self, states: list[tuple[int, Mapping[str, Any]]]) -> None:
        for k, state in states:
            self.nodes_[k].set_state(state)

    def _note_alarm(self, signal: int) -> None:
        self.alarms_[self.n_alarms_ % N_ALARMS] = self.n_samples_, signal
        self.n_alarms_ += 1

    # ---------------------------------------------------------------- to look at

    def diagnostics(self) -> Diagnostics:
        """Counts of the graph, and what its nodes tell, after their names."""
        if not self.is_started:
            return {}
        found: Diagnostics = {"n_given_up": self.n_expired_} if self.n_expired_ else {}
        for node, made, raised in zip(self._wiring.nodes, self.nodes_, self.raised_):
            if node.role == DRIFT:
                found[f"{node.name}.n_alarms"] = raised
            found |= {f"{node.name}.{key}": value for key, value in made.diagnostics().items()}
        return found

    def _clock(self) -> list[int]:
        """Nanoseconds that each node has taken."""
        spent: list[int] | None = vars(self).get("_spent")
        if spent is None:
            spent = vars(self)["_spent"] = [0] * len(self.nodes)
            vars(self)["_since"] = self.n_samples_
        return spent

    @property
    def _n_timed(self) -> int:
        """Rows over which the clock has run."""
        since: int = vars(self).get("_since", self.n_samples_)
        return self.n_samples_ - since

    def timings(self) -> dict[str, float]:
        """Seconds that each node has taken since the graph was made or loaded."""
        spent = self._clock() if self.is_started else [0] * len(self.nodes)
        return {name: n / 1e9 for (name, _, _), n in zip(self.nodes, spent)}
