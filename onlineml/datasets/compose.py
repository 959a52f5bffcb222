"""Streams made of streams: concepts that change, and concepts that come back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onlineml.datasets.drawn import Draw, Drawn, drawing, joined_labels
from onlineml.datasets.generators.generator import fill_uniform, real
from onlineml.datasets.stream import Chunk, Stream
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, seeded
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong

__all__ = ["ConceptDrift", "Recurring"]

Kind = Literal["gradual", "incremental"]
_MOST_LISTED = 1000  # changes of an endless recurring stream that are listed


@jit
def _newer_share(distance: Ints, width: float, out: Array) -> None:
    """Probability of the newer concept, `distance` rows after the middle of a change."""
    for i in range(len(distance)):
        if width > 1.0:
            out[i] = 1.0 / (1.0 + np.exp(min(-4.0 * distance[i] / width, 700.0)))
        else:
            out[i] = 1.0 if distance[i] >= 0 else 0.0


def _gathered(draws: Sequence[Draw], choice: Ints) -> Chunk:
    """One row from the chosen source each; ends at the first row whose source has ended."""
    places = [np.flatnonzero(choice == k) for k in range(len(draws))]
    drawn = [draw(len(place)) if len(place) else None for draw, place in zip(draws, places)]
    n = len(choice)
    for rows, place in zip(drawn, places):
        if rows is not None and len(rows.y) < len(place):
            n = min(n, int(place[len(rows.y)]))
    used = [(rows, place) for rows, place in zip(drawn, places) if rows is not None]
    if len(used) == 1:
        return used[0][0]
    X = np.concatenate([rows.X for rows, _ in used])
    y = joined_labels([rows.y for rows, _ in used])
    order = np.argsort(
        np.concatenate([place[: len(rows.y)] for rows, place in used]), kind="stable"
    )[:n]
    return Chunk(X[order], y[order])


def _check_agreement(streams: Sequence[Stream], argument: str) -> None:
    first = streams[0]
    for k, stream in enumerate(streams[1:], 1):
        for what in ("task", "n_features", "names", "nominal"):
            here, there = _trait(stream, what), _trait(first, what)
            if here != there:
                raise wrong(
                    f"{argument}: {what} of stream {k}", here, f"{there!r}, as stream 0 has"
                )


def _trait(stream: Stream, what: str) -> Any:
    value = getattr(stream if what == "task" else stream.schema, what)
    return dict(value) if what == "nominal" else value


def _check_stream(argument: str, stream: object) -> None:
    if not isinstance(stream, Stream):
        raise wrong(argument, stream, "a Stream")


class _Composed(Drawn):
    """What composed streams share: agreeing sources, and a pass made of chosen rows."""

    def __init__(self, sources: Sequence[Stream], argument: str, seed: int) -> None:
        _check_agreement(sources, argument)
        self._sources = tuple(sources)
        self.seed = whole("seed", seed, 0)
        self.task = sources[0].task

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features: those of the first source."""
        return self._sources[0].schema

    def drawing(self) -> Draw:
        """Begin a fresh pass."""
        draws = [drawing(source) for source in self._sources]
        rng, row = seeded(self.seed, 1), 0

        def draw(n: int) -> Chunk:
            nonlocal row
            rows = np.arange(row, row + n)
            row += n
            return self._next(draws, rng, rows)

        return draw

    @abstractmethod
    def _next(self, draws: Sequence[Draw], rng: Ints, rows: Ints) -> Chunk:
        """The rows of these numbers, fewer only at the end."""


def _is_newer(rng: Ints, distance: Ints, width: float) -> npt.NDArray[np.bool_]:
    share, coin = np.empty(len(distance)), np.empty(len(distance))
    _newer_share(distance, width, share)
    fill_uniform(rng, coin)
    return coin < share


class ConceptDrift(_Composed):
    """Stream `a`, which gives way to stream `b` around a row.

    At row t, b's probability is ``1 / (1 + exp(-4 (t - position) / width))``. Each source moves
    on only by the rows taken from it. Sources may be composed streams themselves, at any depth,
    and of any kind whose schemas agree. The pass ends where the source of the next row has ended.
    Time per event is that of the row's source (of both, while an incremental change lasts); memory
    is theirs.

    Parameters
    ----------
    a, b
        The older and the newer concept: streams of the same task and schema.
    position
        Row in the middle of the change.
    width
        Rows that the change takes; 0 or 1 = sudden, from `position` on all rows are b's.
    kind
        "gradual": each row is one of a's or one of b's. "incremental": the features move from a
        to b, see Notes.
    seed
        Seed of the choice between a and b; give nested streams different ones.
    name
        For tables and files; by default the names of the sources.

    Raises
    ------
    ValueError
        For `a` and `b` that are no streams, or differ in task, number, names or kinds of the
        features; for a `position` or `seed` that is not a whole number >= 0, a `width` outside of
        [0, 1e15], and an unknown `kind`.

    Examples
    --------
    >>> from onlineml.datasets.generators import SEA
    >>> stream = ConceptDrift(SEA(function=1), SEA(function=3), position=5000, width=1000)
    >>> stream.drifts
    (5000,)

    Notes
    -----
    Rows are counted from 0 (MOA: from 1), and a width of 1 is a step.

    An incremental change takes a row of both sources while b's share p is between 0.001 and
    0.999. Where their labels are equal (always, in regression) the numeric features, and the
    target in regression, are ``(1 - p) a + p b``, and nominal features are those of the nearer
    concept (b from p = 1/2 on); otherwise the row is the nearer concept's. So classes move
    from a's place to b's without mixing. The sources must make their rows independently
    (different seeds): rows drawn from the same seed would not move at all.

    References
    ----------
    .. [1] Bifet, Holmes, Pfahringer, Kirkby, Gavaldà (2009), New ensemble methods for evolving
       data streams, KDD, definition 1. doi:10.1145/1557019.1557041
    .. [2] Gama, Žliobaitė, Bifet, Pechenizkiy, Bouchachia (2014), A survey on concept drift
       adaptation, ACM Computing Surveys 46(4), figure 2. doi:10.1145/2523813
    """

    def __init__(
        self,
        a: Stream,
        b: Stream,
        *,
        position: int,
        width: float = 0,
        kind: Kind = "gradual",
        seed: int = 1,
        name: str | None = None,
    ) -> None:
        _check_stream("a", a)
        _check_stream("b", b)
        super().__init__((a, b), "b", seed)
        self.a, self.b = a, b
        self.position = whole("position", position, 0)
        self.width = real("width", width, 0.0, 1e15)
        if kind not in ("gradual", "incremental"):
            raise wrong("kind", kind, '"gradual" or "incremental"')
        self.kind = kind
        self.name = name or (a.name if a.name == b.name else f"{a.name}+{b.name}")
        self.drifts = (
            *(row for row in a.drifts if row < self.position),
            self.position,
            *(self.position + row for row in b.drifts),
        )
        self.n_rows = self._known_length()

    def _known_length(self) -> int | None:
        sudden = self.width <= 1 and self.kind == "gradual"
        if self.a.n_rows is not None and self.a.n_rows < self.position and sudden:
            return self.a.n_rows
        return None if self.b.n_rows is None or not sudden else self.position + self.b.n_rows

    def _next(self, draws: Sequence[Draw], rng: Ints, rows: Ints) -> Chunk:
        distance = rows - self.position
        if self.kind == "gradual":
            return _gathered(draws, _is_newer(rng, distance, self.width).astype(np.int64))
        share = np.empty(len(rows))
        _newer_share(distance, self.width, share)
        return self._blended(draws, share)

    def _blended(self, draws: Sequence[Draw], share: Array) -> Chunk:
        n_older = int((share < 1e-3).sum())  # the share only rises: three runs of rows
        n_newer = int((share > 1.0 - 1e-3).sum())
        middle = share[n_older : len(share) - n_newer]
        parts = [draws[0](n_older)] if n_older else []
        if len(middle) and all(len(part.y) == n_older for part in parts):
            parts.append(self._mixture(draws, middle))
        if n_newer and sum(len(part.y) for part in parts) == len(share) - n_newer:
            parts.append(draws[1](n_newer))
        if len(parts) == 1:
            return parts[0]
        return Chunk(
            np.concatenate([part.X for part in parts]), joined_labels([part.y for part in parts])
        )

    def _mixture(self, draws: Sequence[Draw], share: Array) -> Chunk:
        (Xa, ya, _), (Xb, yb, _) = (draw(len(share)) for draw in draws)
        n = min(len(ya), len(yb))
        Xa, ya, Xb, yb, share = Xa[:n], ya[:n], Xb[:n], yb[:n], share[:n]
        nearer_b = share >= 0.5
        X = np.where(nearer_b[:, None], Xb, Xa)
        numeric = np.setdiff1d(np.arange(X.shape[1]), list(self.schema.nominal))
        if self.task == "regression":
            rows, y = np.arange(n), (1.0 - share) * ya + share * yb
        else:
            y = np.where(nearer_b, yb, ya)
            rows = np.flatnonzero(ya == yb)
        cells, p = np.ix_(rows, numeric), share[rows, None]
        X[cells] = (1.0 - p) * Xa[cells] + p * Xb[cells]
        return Chunk(X, y)


class Recurring(_Composed):
    """Streams in turn, each for `every` rows, over and over.

    A stream goes on where it stopped. The pass ends where the source of the next row has ended.
    Time per event is that of the row's source; memory is theirs.

    Parameters
    ----------
    streams
        Two or more streams of the same task and schema.
    every
        Rows from one change to the next.
    width
        Rows that a change takes, as in `ConceptDrift`; at most `every`.
    seed
        Seed of the choice of rows during changes.
    name
        For tables and files; by default the names of the sources.

    Raises
    ------
    ValueError
        For fewer than two `streams`, what is none, and where task, number, names or kinds of the
        features differ; for an `every` that is not a whole number >= 1, a `width` outside of [0,
        every], and a `seed` that is not a whole number >= 0.

    Examples
    --------
    >>> from onlineml.datasets.generators import STAGGER
    >>> stream = Recurring([STAGGER(function=1), STAGGER(function=2)], every=1000).take(3500)
    >>> stream.drifts
    (1000, 2000, 3000)

    Notes
    -----
    `drifts` lists the first 1000 changes of the concepts; changes inside the sources are not
    listed.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        *,
        every: int,
        width: float = 0,
        seed: int = 1,
        name: str | None = None,
    ) -> None:
        streams = tuple(streams)
        if len(streams) < 2:
            raise wrong("streams", streams, "two streams or more")
        for k, stream in enumerate(streams):
            _check_stream(f"streams[{k}]", stream)
        super().__init__(streams, "streams", seed)
        self.streams = streams
        self.every = whole("every", every, 1)
        self.width = real("width", width, 0.0, self.every)
        self.name = name or "+".join(dict.fromkeys(stream.name for stream in streams))
        self.drifts = tuple(self.every * k for k in range(1, _MOST_LISTED + 1))

    def _next(self, draws: Sequence[Draw], rng: Ints, rows: Ints) -> Chunk:
        change = (rows + self.every // 2) // self.every
        newer = _is_newer(rng, rows - change * self.every, self.width)
        concept = np.maximum(change - ~newer, 0)
        return _gathered(draws, concept % len(draws))
