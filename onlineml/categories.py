"""The values of a nominal column, and their codes."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import Any, overload

_EXTENDING = Lock()  # models in several threads may have begun with one schema


class _Shared:
    """What the categories of a column have in common with those that they became."""

    __slots__ = ("codes", "sizes", "values")

    def __init__(self, values: Iterable[Hashable]) -> None:
        self.values = list(values)
        self.codes: dict[Hashable, float] | None = None  # made when they are asked for
        self.sizes = array("q", [0])  # bytes of the first 0, 1, ... values, as far as asked for


class Categories(Sequence[Hashable]):
    """Values in order of their codes 0, 1, ...: equal to the tuple of them, and cheap to extend.

    What `extended` gives shares its memory with what it came from, which stays as it was: a new
    value costs O(1), unless others were put behind the same values before; then they are copied.
    """

    __slots__ = ("_n", "_shared")

    def __init__(self, values: Iterable[Hashable] = ()) -> None:
        self._shared = _Shared(values)
        self._n = len(self._shared.values)

    def extended(self, values: Iterable[Hashable]) -> Categories:
        """These, and behind them those of `values` that are new, in their order."""
        known = self.codes
        new = [v for v in dict.fromkeys(values) if not known.get(v, self._n) < self._n]
        if not new:
            return self
        with _EXTENDING:
            shared, ahead = self._shared, self._shared.values[self._n : self._n + len(new)]
            if ahead and not (len(ahead) == len(new) and all(map(_is_same, ahead, new))):
                shared, ahead = Categories(self)._shared, []
            if not ahead:
                codes = shared.codes = _codes_of(shared)
                codes.update(zip(new, map(float, range(self._n, self._n + len(new)))))
                shared.values += new
        found = Categories.__new__(Categories)
        found._shared, found._n = shared, self._n + len(new)
        return found

    @property
    def codes(self) -> Mapping[Hashable, float]:
        """Codes of the values; those from `len(self)` on are of values that others have."""
        if self._shared.codes is None:
            with _EXTENDING:
                self._shared.codes = _codes_of(self._shared)
        return self._shared.codes

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        sizes = self._shared.sizes
        if len(sizes) <= self._n:
            with _EXTENDING:
                for value in self._shared.values[len(sizes) - 1 : self._n]:
                    sizes.append(sizes[-1] + bytes_of(value))
        return sizes[self._n]

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Hashable]:
        return islice(self._shared.values, self._n)

    @overload
    def __getitem__(self, place: int) -> Hashable: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hashable, ...]: ...
    def __getitem__(self, place: int | slice) -> Hashable:
        if isinstance(place, slice):
            return tuple(self)[place]
        return self._shared.values[range(self._n)[place]]

    def __contains__(self, value: object) -> bool:
        return value in tuple(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Categories):
            if self._shared is other._shared:
                return self._n == other._n
            return self._n == other._n and tuple(self) == tuple(other)
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type[Categories], tuple[tuple[Hashable, ...]]]:
        return Categories, (tuple(self),)


def one_begins_other(a: Sequence[Hashable], b: Sequence[Hashable]) -> bool:
    """Whether the values of the shorter are the first ones of the other."""
    if isinstance(a, Categories) and isinstance(b, Categories) and a._shared is b._shared:
        return True
    return all(x == y for x, y in zip(a, b))


def bytes_of(plain: Any) -> int:
    """Bytes of the numbers and texts in lists, tuples and the values of dictionaries."""
    if isinstance(plain, dict):
        plain = list(plain.values())
    if isinstance(plain, list | tuple):
        return sum(map(bytes_of, plain))
    return sys.getsizeof(plain)


def _codes_of(shared: _Shared) -> dict[Hashable, float]:
    if shared.codes is None:
        return {value: float(code) for code, value in enumerate(shared.values)}
    return shared.codes


def _is_same(a: Hashable, b: Hashable) -> bool:
    """Whether one may stand for the other: 1, 1.0 and True are equal, and not the same."""
    return a is b or (type(a) is type(b) is str and a == b)
