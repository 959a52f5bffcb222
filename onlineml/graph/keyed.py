"""One model a key: a user, a device, a card; a column of the rows tells which."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from onlineml.base import Array, Classifier, Detector, Estimator, Regressor, Transformer
from onlineml.estimator import Diagnostics
from onlineml.graph.objects import Objects
from onlineml.graph.records import Records, is_stackable
from onlineml.graph.shelf import Limits, Shelf
from onlineml.learners.privacy import Privacy
from onlineml.parameters import whole
from onlineml.receipt import Receipt, refused, worst
from onlineml.schema import Schema, is_frame, wrong
from onlineml.unlearning.called import Called
from onlineml.unlearning.log import Logged
from onlineml.unlearning.roles import ReplayableClassifier

_MISSING = float("inf")  # the key of rows that have none: no number of a row is infinite
_LARGEST = 1 << 53  # whole numbers up to it are themselves as floats
_DIGESTS = 1 << 52  # digests of text lie from it to twice that


class _Keyed(Called):
    """Clones of a model, one a key."""

    shelf_: Shelf
    _place: int
    _others: Any

    def __init__(
        self,
        *,
        model: Any,
        key: str | int = 0,
        max_keys: int = 100_000,
        max_bytes: int | None = None,
        folder: str | None = None,
    ) -> None:
        self.model = model
        self.key = key
        self.max_keys = max_keys
        self.max_bytes = max_bytes
        self.folder = folder

    def _check(self) -> None:
        if not isinstance(self.model, self._role):
            raise wrong("model", self.model, f"a {self._role.__name__.lower()}")
        if isinstance(self.key, bool) or not isinstance(self.key, str | int):
            raise wrong("key", self.key, "the name or the number of a column")
        whole("max_keys", self.max_keys, 1)
        if self.max_bytes is not None:
            whole("max_bytes", self.max_bytes, 1)
        self.model._accept_parameters()
        if any(isinstance(value, Privacy) for value in self.model.get_params().values()):
            due = "a model without privacy: those of all keys would have the same noise"
            raise wrong("model", self.model, due)

    # ---------------------------------------------------------------- life

    def _start(self, schema: Schema) -> None:
        fresh = self.model.clone()
        fresh._begin(_without(schema, self._column(schema)))
        if isinstance(fresh, ReplayableClassifier):
            fresh.keep_order()
        limits = Limits(self.max_keys, self.max_bytes, self.folder)
        if is_stackable(fresh):
            self.shelf_ = Records(fresh, limits)
        elif self.max_bytes is not None and self.folder is None:
            kind = type(self.model).__name__
            raise wrong("folder", None, f"a folder, as {kind} grows and max_bytes limits it")
        else:
            self.shelf_ = Objects(fresh, limits)

    def _column(self, schema: Schema) -> int:
        """Where the key is."""
        if schema.n_features < 2:
            raise wrong("x", schema.n_features, "features beside the key")
        if isinstance(self.key, str):
            if schema.names is None or self.key not in schema.names:
                raise wrong("key", self.key, f"one of the columns {schema.names}")
            return schema.names.index(self.key)
        if not 0 <= self.key < schema.n_features:
            raise wrong("key", self.key, f"the number of a column, below {schema.n_features}")
        return self.key

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.shelf_.admit(_without(schema, self._column(schema)))
        if self._width >= 0 and len(self._out) != self._n_outputs():
            self._forget_caches()

    def _n_outputs(self) -> int:
        n = self.shelf_.fresh._n_outputs()
        return max(n, 1 + len(getattr(self, "classes_", [])))

    def _prepare(self) -> None:
        super()._prepare()
        self._place = self._column(self.schema_)
        self._others = np.delete(np.arange(self.schema_.n_features), self._place)

    def get_state(self) -> dict[str, Any]:
        """Learned state, with that of all keys, those in files too."""
        learned = [name for name in self._learned() if name != "shelf_"]
        if not self.is_started:
            return {}
        plain = {name: _plain(getattr(self, name)) for name in learned}
        return plain | {"shelf_": self.shelf_.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied."""
        super().set_state({name: value for name, value in state.items() if name != "shelf_"})
        if state:
            self.shelf_.set_state(state["shelf_"])
        return self

    @property
    def nbytes(self) -> int:
        """Size in bytes of what is in memory: models, and the names of all keys."""
        return self.shelf_.nbytes if self.is_started else 0

    def diagnostics(self) -> Diagnostics:
        """How many keys there are, and how many were forgotten for others."""
        if not self.is_started:
            return {}
        return {"keys": len(self.shelf_.index), "keys_forgotten": self.shelf_.n_forgotten}

    # ---------------------------------------------------------------- keys

    @property
    def n_keys(self) -> int:
        """Keys that have a model."""
        return len(self.shelf_.index) if self.is_started else 0

    def model_of(self, key: Any) -> Any:
        """A copy of the model of a key; None where it has none."""
        id = self.shelf_.index.get(_key_of(key)) if self.is_started else None
        if id is None:
            return None
        model = self.shelf_.model_of(id)
        return model.clone().set_state(model.get_state())

    def forget(self, key: Any) -> bool:
        """Let a key be as if it had never come; whether it had."""
        return self.is_started and self.shelf_.forget(_key_of(key))

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        if x is None:
            return self._unlearn_id(id)
        schema, rows = self._rows(self._as_one(x), fit=True, one=True)
        if schema != self.schema_:
            return refused("the row has features or values that were never learned")
        self._ready()
        found = self.shelf_.index.get(_key_of(rows[0, self._place]))
        if found is None:
            return refused("its key has no model: it never came, or was forgotten")
        model = self.shelf_.model_of(found)
        receipt: Receipt = model.unlearn_one(rows[0, self._others], y, id=id, weight=weight)
        self.shelf_.put_back(found, model)
        return receipt

    def _unlearn_id(self, id: Hashable) -> Receipt:
        """Of all keys whose models have learned rows with this id."""
        if id is None or not isinstance(self.model, Logged):
            return refused("the row is needed: it tells whose it was")
        receipts = []
        for place in list(self.shelf_.index.values()):
            model = self.shelf_.model_of(place)
            if isinstance(model, Logged) and model.knows_ids:
                receipts.append(model.unlearn_one(id=id))
                self.shelf_.put_back(place, model)
        gone = [receipt for receipt in receipts if receipt.forgotten]
        return worst(gone) if gone else refused("no key's log holds a row with this id")

    def _named(
        self, ids: Iterable[Hashable], learn: Callable[..., Any], X: Any, y: Any, weight: Any
    ) -> Any:
        if not isinstance(self.model, Called):
            raise wrong("ids", ids, f"none: Replayable({type(self.model).__name__}()) keeps them")
        return super()._named(ids, learn, X, y, weight)

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if self._width < 0:
            self._prepare()
        keys, rows = X[:, self._place].copy(), np.take(X, self._others, axis=1)
        keys[np.isnan(keys)] = _MISSING
        done, tags = 0, self._came(len(X)) if fit else None
        while done < len(X):
            before = self.shelf_.n_told
            end = self._meet(y, done) if fit else len(X)
            part, width = slice(done, end), self.shelf_.fresh._n_outputs()
            fits = not serve or width == out.shape[1]  # else a class that is known is yet to come
            said = out[part] if fits else np.zeros((end - done, width))
            some = rows[part], y[part], weight[part], said
            own = None if tags is None else tags[part]
            self.shelf_.follow(keys[part], some, serve, fit, own)
            if serve:
                self._fill_in(said, before)
            if not fits:
                shared = min(width, out.shape[1])
                out[part, :shared], out[part, shared:] = said[:, :shared], 0.0
            done = end

    def _meet(self, y: Array, done: int) -> int:
        """Tell models of what comes at row `done`; the row before which there is more to tell."""
        return len(y)

    def _fill_in(self, said: Array, n_before: int) -> None:
        """Answer rows that their models could not; `n_before` classes were known at the first."""

    def _read(self, x: Any) -> bool:
        if x.__class__ is dict and isinstance(self.key, str):
            x = _numbered(x, self.key)
        return super()._read(x)

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        return super()._rows(self._events(X), fit=fit, one=one)

    def _events(self, X: Any) -> Any:
        if isinstance(self.key, str):
            if isinstance(X, Mapping):
                return _numbered(X, self.key)
            if is_frame(X):
                return _numbered_frame(X, self.key)
            if isinstance(X, Sequence) and X and isinstance(X[0], Mapping):
                return [_numbered(x, self.key) for x in X]
        return X


def _plain(value: Any) -> Any:
    from onlineml.estimator import _to_plain

    return _to_plain(value)


def _without(schema: Schema, column: int) -> Schema:
    """The columns but one."""
    return schema.taking([j for j in range(schema.n_features) if j != column])


# -------------------------------------------------------------------- keys as numbers


def _key_of(key: Any) -> float:
    """A key as `index` has it."""
    number = as_number(key)
    return _MISSING if number is None or number != number else float(number)


def as_number(key: Any) -> Any:
    """A key as a number: of text, and of whole numbers that floats cannot hold, a digest."""
    if isinstance(key, str):
        return _digest(f"s{key}")
    if isinstance(key, int) and not -_LARGEST <= key <= _LARGEST:
        return _digest(f"i{key}")
    return key


@lru_cache(1 << 16)
def _digest(text: str) -> float:
    found = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return float(_DIGESTS + int.from_bytes(found) % _DIGESTS)


def _numbered(x: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    key = x.get(name)
    if key.__class__ is float:
        return x
    number = as_number(key)
    return x if number is key else {**x, name: number}


def _numbered_frame(X: Any, name: str) -> Any:
    import narwhals as nw

    frame = nw.from_native(X, eager_only=True)
    if name not in frame.columns or frame[name].dtype.is_float():
        return X
    values = [as_number(key) for key in frame[name].to_list()]
    numbers = [float("nan") if value is None else float(value) for value in values]
    column = nw.new_series(name, numbers, nw.Float64, backend=nw.get_native_namespace(frame))
    return frame.with_columns(column).to_native()


# -------------------------------------------------------------------- roles


class KeyedClassifier(_Keyed, Classifier):
    """A classifier for each key; made by `Keyed`. Classes are shared by all keys.

    Time per event and memory are those of `Keyed`.

    Parameters
    ----------
    model
        The unfitted classifier.
    key, max_keys, max_bytes, folder
        As in `Keyed`.

    Raises
    ------
    ValueError
        At the first row, as `Keyed`.

    Examples
    --------
    >>> from onlineml.graph import Keyed
    >>> from onlineml.learners import GaussianNB
    >>> type(Keyed(GaussianNB(), key="user")).__name__
    'KeyedClassifier'
    """

    _role = Classifier
    _excuses: ClassVar[Mapping[str, str]] = {
        "check_forgets_or_refuses": "the model of a key all of whose rows were forgotten stays, "
        "and may still know of classes: it is not answered as a key that never came",
    }

    def _meet(self, y: Array, done: int) -> int:
        shelf = self.shelf_
        if y[done] >= shelf.n_told:
            shelf.tell(self.classes_[: int(y[done]) + 1])
        new = np.flatnonzero(y[done:] >= shelf.n_told)
        return done + int(new[0]) if len(new) else len(y)

    def _fill_in(self, said: Array, n_before: int) -> None:
        unknown = np.flatnonzero(said[:, 0] < 0.0)
        is_first = int(len(unknown) > 0 and unknown[0] == 0)
        for rows, n in ((unknown[is_first:], self.shelf_.n_told), (unknown[:is_first], n_before)):
            if n > 0:
                said[rows, 0], said[rows, 1 : 1 + n], said[rows, 1 + n :] = 0.0, 1.0 / n, 0.0


class KeyedRegressor(_Keyed, Regressor):
    """A regressor for each key; made by `Keyed`.

    Time per event and memory are those of `Keyed`.

    Parameters
    ----------
    model
        The unfitted regressor.
    key, max_keys, max_bytes, folder
        As in `Keyed`.

    Raises
    ------
    ValueError
        At the first row, as `Keyed`.

    Examples
    --------
    >>> from onlineml.graph import Keyed
    >>> from onlineml.learners import LinearRegression
    >>> type(Keyed(LinearRegression(), key="user")).__name__
    'KeyedRegressor'
    """

    _role = Regressor


class KeyedDetector(_Keyed, Detector):
    """A detector of anomalies for each key; made by `Keyed`.

    Time per event and memory are those of `Keyed`.

    Parameters
    ----------
    model
        The unfitted detector.
    key, max_keys, max_bytes, folder
        As in `Keyed`.

    Raises
    ------
    ValueError
        At the first row, as `Keyed`.

    Examples
    --------
    >>> from onlineml.graph import Keyed
    >>> from onlineml.detectors import HalfSpaceTrees
    >>> type(Keyed(HalfSpaceTrees(), key="user")).__name__
    'KeyedDetector'
    """

    _role = Detector


class KeyedTransformer(_Keyed, Transformer):
    """A transformer for each key; made by `Keyed`. New rows are without the key.

    Time per event and memory are those of `Keyed`.

    Parameters
    ----------
    model
        The unfitted transformer.
    key, max_keys, max_bytes, folder
        As in `Keyed`.

    Raises
    ------
    ValueError
        At the first row, as `Keyed`.

    Examples
    --------
    >>> from onlineml.graph import Keyed
    >>> from onlineml.transforms import Shingle
    >>> type(Keyed(Shingle(), key="user")).__name__
    'KeyedTransformer'
    """

    _role = Transformer

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows."""
        fresh = self.shelf_.fresh
        assert isinstance(fresh, Transformer)
        return fresh.output_schema()


def Keyed(  # noqa: N802 - named as what it makes
    model: Estimator,
    *,
    key: str | int = 0,
    max_keys: int = 100_000,
    max_bytes: int | None = None,
    folder: str | None = None,
) -> Any:
    """One model a key: each row is answered and learned by the model of its user, device or card.

    A column of the rows is the key. Models do not see it; each begins as a copy of one fresh model,
    and is what a model of its own would be that meets the rows of its key alone. Classifiers are
    told of all classes, and give each the same chance before they have learned any. Of models whose
    state has a fixed size, the states lie in one array, and one compiled loop goes through the
    rows, whatever their keys. Time per event is that of one model and O(1) more; memory is that of
    a model for each key.

    Where there are more than `max_keys` keys, the one that learned nothing for longest is
    forgotten. With `max_bytes` and a `folder`, models that were not used for longest lie in a file
    and come back, bit for bit, when a row of theirs does; without a folder their keys are
    forgotten.

    With `Keyed(Replayable(model))` each key has a log of its own: rows are learned with ids
    (`fit_one(x, y, id=7)`, `fit_many(X, y, ids=...)`), and to forget one (`unlearn_one(x, y)`, or
    `unlearn_one(id=7)`, which looks for it in all logs) replays only the model of its key. All
    others, the classes that are known, and which keys were used last, stay as they are.

    Parameters
    ----------
    model
        The unfitted classifier, regressor, detector or transformer.
    key
        Name of the column, or its number where rows are arrays. Rows without a key share a model.
        Keys in mappings and data frames may be text: they are known by 52 bits of a digest.
    max_keys
        Most keys that have a model.
    max_bytes
        Most bytes in memory. Where there is a `folder`, the names of `max_keys` keys have 200 bytes
        each of them, and a half at most; models have what is left, or a half if they grow.
    folder
        Where the file is. It has no name, and goes with the process: what is to last is in the
        model's own file, with all models of all keys.

    Returns
    -------
    An estimator of the role of `model`, with `n_keys`, `model_of(key)`, a copy of a key's model,
    and `forget(key)`.

    Raises
    ------
    ValueError
        For a model without one of these roles, with parameters that cannot be used or with
        privacy; for a `key` that is neither text nor a whole number, and a `max_keys` or
        `max_bytes` that is no whole number >= 1. At the first row: for a key that is no column, no
        column beside it, and `max_bytes` without a `folder` for models that grow.

    Examples
    --------
    >>> from onlineml.graph import Keyed
    >>> from onlineml.learners import GaussianNB
    >>> model = Keyed(GaussianNB(), key="user")
    >>> for i in range(20):
    ...     model = model.fit_one({"user": "ann", "x": float(i % 4)}, i % 4 > 1)
    ...     model = model.fit_one({"user": "bob", "x": float(i % 4)}, i % 4 < 2)
    >>> model.predict_one({"user": "ann", "x": 3.0}), model.predict_one({"user": "bob", "x": 3.0})
    (True, False)
    >>> model.n_keys, model.forget("bob"), model.n_keys
    (2, True, 1)
    """
    kinds: dict[type[Estimator], type[_Keyed]] = {
        Classifier: KeyedClassifier,
        Regressor: KeyedRegressor,
        Detector: KeyedDetector,
        Transformer: KeyedTransformer,
    }
    for role, kind in kinds.items():
        if isinstance(model, role):
            made = kind(
                model=model, key=key, max_keys=max_keys, max_bytes=max_bytes, folder=folder
            )  # fmt: skip
            made._accept_parameters()
            return made
    raise wrong("model", model, "a classifier, regressor, detector or transformer")
