"""Models of any kind by key: objects, each with its own rows; files hold what finds no room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from onlineml.base import Classifier
from onlineml.estimator import Estimator
from onlineml.graph.shelf import INDEX_BYTES, NOBODY, Cellar, Limits, Rows, Shelf
from onlineml.kernels.arena import Ints
from onlineml.unlearning.called import called


def _files() -> Any:
    """What writes models: it imports the whole package, a circle that type checkers stumble in."""
    return import_module("onlineml.persistence")


class Objects(Shelf):
    """Models that grow, or are made of others; each is told of classes when it learns one."""

    def __init__(self, fresh: Estimator, limits: Limits) -> None:
        super().__init__(fresh, limits)
        self._begin()

    def _begin(self) -> None:
        self._hot: OrderedDict[int, Estimator] = OrderedDict()  # the last used last
        self._sizes: dict[int, int] = {}  # bytes of those in memory, where there is a limit
        self._cold: dict[int, tuple[int, int]] = {}  # where, and how long
        self._cellar = None if self.limits.folder is None else Cellar(self.limits.folder)

    # ---------------------------------------------------------------- limits

    @property
    def n_most(self) -> int:
        """Most keys: those for whose names memory has room."""
        keys, room, _ = self.limits
        return keys if room is None else min(keys, max(room // 2 // INDEX_BYTES, 1))

    def _most_at_once(self) -> int:
        return self.n_most

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        sizes = self._sizes.values() if self._limited else (m.nbytes for m in self._hot.values())
        return self.fresh.nbytes + sum(sizes) + INDEX_BYTES * len(self.index)

    @property
    def _limited(self) -> bool:
        return self.limits.max_bytes is not None

    def _keep_bounds(self) -> None:
        """Write those that were not used for longest to the file, as long as there is no room."""
        if self.limits.max_bytes is None:
            return
        assert self._cellar is not None
        held, most = sum(self._sizes.values()), self.limits.max_bytes // 2
        while held > most and len(self._hot) > 1:
            id, model = self._hot.popitem(last=False)
            held -= self._sizes.pop(id)
            self._cold[id] = self._cellar.put(_files().dumps(model))

    # ---------------------------------------------------------------- rows through

    def _born(self, id: int) -> None:
        self._hold(id, self._twin())

    def _twin(self) -> Estimator:
        return self.fresh.clone().set_state(self.fresh.get_state())

    def _hold(self, id: int, model: Estimator) -> None:
        self._hot[id] = model
        if self._limited:
            self._sizes[id] = model.nbytes

    def _gone(self, id: int) -> None:
        self._hot.pop(id, None)
        self._sizes.pop(id, None)
        place = self._cold.pop(id, None)
        if place is not None:
            assert self._cellar is not None
            self._cellar.release(*place)

    def _run(self, ids: Ints, rows: Rows, serve: int, fit: bool, tags: Ints | None) -> None:
        order = np.argsort(ids, kind="stable")
        for which in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
            X, y, weight, out = rows
            some = X[which], y[which], weight[which]
            found = out[which] if serve else out
            own = None if tags is None else tags[which]
            self._pass_on(int(ids[which[0]]), (*some, found), serve, fit, own)
            if serve:
                out[which] = found
        self._keep_bounds()

    def _pass_on(self, id: int, rows: Rows, serve: int, fit: bool, tags: Ints | None) -> None:
        model = self._twin() if id == NOBODY else self.model_of(id)
        X, y, weight, out = rows
        if fit and isinstance(model, Classifier):
            n = int(y.max()) + 1
            if n > len(model.classes_):
                assert isinstance(self.fresh, Classifier)
                model._admit_targets(self.fresh.classes_[:n])
        width = model._n_outputs() if serve else 0
        wide = np.zeros((len(X), width)) if serve else out
        with called(model, tags):
            model._run(X, y, weight, wide, serve, fit)
        if serve:
            shared = min(width, out.shape[1])
            out[:, :shared], out[:, shared:] = wide[:, :shared], 0.0
        if fit and self._limited:
            self._sizes[id] = model.nbytes

    # ---------------------------------------------------------------- one model

    def model_of(self, id: int) -> Estimator:
        """The model of that id, which is now in memory."""
        model = self._hot.get(id)
        if model is None:
            assert self._cellar is not None
            model = self._as_it_is(self._cellar.take(*self._cold.pop(id)))
            self._hold(id, model)
        self._hot.move_to_end(id)
        return model

    def _as_it_is(self, content: bytes) -> Estimator:
        """A model that was written to the file, told of what has come since."""
        model: Estimator = _files().loads(content, classes=[type(self.fresh)])
        if model.schema_ != self.fresh.schema_:
            model._admit(self.fresh.schema_)
        return model

    def put_back(self, id: int, model: Estimator) -> None:
        """Nothing to do: the model is the one that is held."""

    # ---------------------------------------------------------------- all of them

    def tell(self, classes: list[Any]) -> None:
        """Tell the fresh model of classes; the others hear of each when they learn it."""
        assert isinstance(self.fresh, Classifier)
        self.fresh._admit_targets(list(classes))

    def _change(self, change: Callable[[Any], None]) -> None:
        change(self.fresh)
        for model in self._hot.values():
            change(model)

    def _models(self) -> list[dict[str, Any]]:
        found = []
        for id in self.index.values():
            model = self._hot.get(id)
            if model is None:
                assert self._cellar is not None
                model = self._as_it_is(self._cellar.peek(*self._cold[id]))
            found.append(model.get_state())
        return found

    def _put_all(self, keys: list[float], models: Any) -> None:
        self._begin()
        short = max(len(keys) - self.n_most, 0)
        self.n_forgotten += short
        for (id, _), state in zip(self._enter(keys[short:]), models[short:], strict=True):
            self._hold(id, self.fresh.clone().set_state(state))
            self._keep_bounds()
