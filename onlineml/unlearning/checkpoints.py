"""States of the past beside a log: the older, the farther apart."""

from __future__ import annotations

from typing import Any, Literal

from onlineml.kernels.arena import Descriptor
from onlineml.unlearning.log import Logged, cells
from onlineml.unlearning.rotation import Rotation
from onlineml.unlearning.states import State, Ways, keep, size_of
from onlineml.unlearning.writing import NEXT

CHECKPOINTS = ("geometric", "even")
EVERY = 4096  # rows between two states, where these are small beside them
_ROOM = 4  # times the room of a state that the rows between two of them take, at least


class Checkpointed(Logged):
    """A model's last rows, and states of it to go back to.

    Each has the number of the row that came next (`at`), and a level: `at` was a multiple of `gap`
    * 2^level. Where rows are forgotten without a new beginning, `at` falls, and is no more.
    """

    horizon: int
    checkpoints: Literal["geometric", "even"]
    every: int | None
    model_: Any
    _known_ways: Ways | None = None
    _rotation: Rotation | None = None  # those that a kernel keeps; None: Python keeps all
    _spares: list[State] | tuple[()] = ()  # states that are no longer needed, to be written over

    @property
    def checkpoints_(self) -> list[dict[str, Any]]:
        """The states in the order of their rows, those that a kernel has kept among them."""
        if "checkpoints_" not in vars(self):
            raise AttributeError("checkpoints_")
        self._settle()
        found: list[dict[str, Any]] = vars(self)["checkpoints_"]
        return found

    @checkpoints_.setter
    def checkpoints_(self, checkpoints: list[dict[str, Any]]) -> None:
        vars(self)["checkpoints_"] = checkpoints

    @checkpoints_.deleter
    def checkpoints_(self) -> None:
        del vars(self)["checkpoints_"]

    def _settle(self) -> None:
        if self._rotation is not None:
            self._rotation.settle()

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return super().__getstate__()

    def _forget_caches(self) -> None:
        self._settle()
        kept = {k: v for k, v in vars(self).items() if k in ("_known_ways", "_spares")}
        super()._forget_caches()
        if self.is_started:
            vars(self).update(kept)

    def _rotate(self, held: Descriptor) -> None:
        """Let the kernel of a model whose arrays are those of `held` keep states from now on."""
        self._settle()
        self._rotation = Rotation(held, self._ages())
        self._rotation.pace[0] = self._least()

    def _keep_first_state(self) -> None:
        state = self.model_.get_state()
        self.checkpoints_ = [_checkpoint(0, self._top(), state, size_of(state))]

    def _gap(self) -> int:
        """Rows between two states, at least."""
        return EVERY if self.every is None else self.every

    def _top(self) -> int:
        """States lie `_gap` * 2^level rows apart; the highest level, up to half the horizon."""
        if self.checkpoints == "even":
            return 0
        return max(self.horizon // (2 * self._gap()), 1).bit_length() - 1

    def _capacity(self) -> int:
        """Rows of the log: those of the horizon, back to the checkpoint before them."""
        return self.horizon + (self._gap() << self._top())

    def _reach(self) -> int:
        """How many rows states of the highest level go back: the horizon, and one more state."""
        gap = self._gap() << self._top()
        return gap * (1 + -(-self.horizon // gap))

    def _ages(self) -> list[int]:
        """By level, how many rows go by until a state goes."""
        return [*(4 * self._gap() << level for level in range(self._top())), self._reach()]

    def _least(self) -> int:
        """The lowest level of which states are kept: small beside the rows that lie between."""
        gap, level, top = self._gap(), 0, self._top()
        rows, size = 8 * self.rows_.shape[1] * gap, _ROOM * self.checkpoints_[-1]["size"]
        while self.every is None and level < top and rows << level < size:
            level += 1
        return level

    def _keep_state(self) -> None:
        """Keep the state, in place of one of its level: of each level the last few stay."""
        gap, ages, at = self._gap(), self._ages(), cells(self.cursor_)[NEXT]
        k = at // gap
        level = min((k & -k).bit_length(), len(ages)) - 1
        if level < self._least():
            return
        states, gone = self.checkpoints_, self._take_due([at - age for age in ages[: level + 1]])
        while states and states[-1]["at"] > at - gap:
            # Rows were forgotten, and the same number of rows is there again
            level = max(level, states[-1]["level"])
            gone.append(states.pop())
        spare = gone.pop()["state"] if gone else self._spares.pop() if self._spares else {}
        state, size = keep(self.model_, spare, self._ways)
        states.append(_checkpoint(at, level, state, size))
        for other in gone:
            self._ways.drop(other["state"])
        if self._rotation is not None:
            self._rotation.show(states, self._ways, self._least())

    @property
    def _ways(self) -> Ways:
        """To the states; they outlast other caches."""
        if self._known_ways is None:
            self._known_ways = Ways()
        return self._known_ways

    def _take_due(self, due: list[int]) -> list[dict[str, Any]]:
        """Take out the states up to these rows, by level; the oldest are the first."""
        states, gone, i = self.checkpoints_, [], 0
        while i < len(states) and states[i]["at"] <= due[0]:
            if states[i]["level"] < len(due) and states[i]["at"] <= due[states[i]["level"]]:
                gone.append(states.pop(i))
            else:
                i += 1
        return gone


def _checkpoint(at: int, level: int, state: State, size: int) -> dict[str, Any]:
    return {"at": at, "level": level, "state": state, "size": size}
