"""What the agents with networks share: parameters, first weights, state, diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.estimator import BLOCK, Diagnostics
from onlineml.kernels.arena import ANSWER, Array, Descriptor, Field
from onlineml.kernels.convolution import N_OUT, n_in_window
from onlineml.kernels.experience import AVERAGE, FACTOR, N_REWARD
from onlineml.kernels.normed_net import (
    Shape,
    map_of,
    n_maps,
    n_of_layer,
    n_signals,
    n_weights,
    spaced,
)
from onlineml.kernels.random import seeded
from onlineml.kernels.singles import LANES
from onlineml.kernels.stream_agent import KEPT, N_CLOCK, _stream_agent
from onlineml.kernels.trace_rules import BOUNDED, EFFECTIVE, N_STATISTICS, NORM
from onlineml.rl.agent import EXPLORE, Agent
from onlineml.rl.conv import Conv, width
from onlineml.rl.on_torch import OnTorch
from onlineml.rl.rules import Intentional, UpdateRule
from onlineml.rl.worlds import World
from onlineml.schema import Schema, wrong

Ints = npt.NDArray[np.int64]
_NO_WORLD = (np.zeros(1), np.zeros(1), np.full(1, -1), np.zeros(1))
_LINE = 64  # bytes of a line of the cache
_DEAD = 0.01  # a hidden unit that is on less, or off less, often is of no use


class Episodes(NamedTuple):
    """Episodes that ended, in order.

    Parameters
    ----------
    steps
        Steps that had been taken when it ended, in this call, `(n,)`.
    returns
        Sums of rewards, `(n,)`.
    lengths
        Steps, `(n,)`.
    terminated
        False where it was cut off, `(n,)`.

    Examples
    --------
    >>> from onlineml.rl import Chain, StreamQ
    >>> episodes = StreamQ(n_actions=2, hidden=(8,), seed=1).run(Chain(), 1_000)
    >>> int(episodes.lengths.sum()) <= 1_000, bool(episodes.terminated.all())
    (True, True)
    """

    steps: Ints
    returns: Array
    lengths: Ints
    terminated: npt.NDArray[np.bool_]


class StreamNetwork(OnTorch):
    """Learns by networks with traces, one transition at a time, without a buffer.

    Estimators of this kind differ by `_kind`, and by whether an actor is beside the critic.
    """

    _kind: ClassVar[int]
    _has_actor: ClassVar[bool] = False
    _kernel = _stream_agent
    _state = (
        Field("random_", (1,), np.int64),
        Field("clock_", (N_CLOCK,), np.int64),
        Field("seen_", ("F",)),
        Field("mean_", ("F",)),
        Field("m2_", ("F",)),
        Field("factor_", ("F",)),
        Field("reward_", (N_REWARD,)),
        Field("last_", ("F",)),
        Field("critic_weights_", ("W",), np.float32),
        Field("critic_traces_", ("W",), np.float32),
        Field("critic_moments_", ("M",), np.float32),
        Field("critic_statistics_", (N_STATISTICS,)),
        Field("actor_weights_", ("V_a",), np.float32),
        Field("actor_traces_", ("V_a",), np.float32),
        Field("actor_moments_", ("M_a",), np.float32),
        Field("actor_statistics_", (N_STATISTICS,)),
        Field("active_", ("U",), np.float32),
    )

    hidden: Sequence[int]
    conv: Conv | None
    gamma: float
    lambda_: float
    bootstrap_on_truncation: bool
    time_feature: int | None
    normalize_observations: bool
    normalize_rewards: bool
    forgetting: float
    average_reward: float
    sparsity: float
    seed: int | None
    clock_: Ints
    reward_: Array
    active_: npt.NDArray[np.float32]
    critic_statistics_: Array
    actor_statistics_: Array

    # ---------------------------------------------------------------- hooks of the kinds

    def _critic_outputs(self) -> int:
        return 1

    def _actor_outputs(self) -> int:
        return 0

    def _default_rule(self, part: str) -> UpdateRule:
        """The rule of "critic" or "actor", where none is given."""
        return Intentional()

    def _rule(self, part: str) -> UpdateRule:
        rule: UpdateRule | None = getattr(self, f"{part}_rule", None)
        return rule or self._default_rule(part)

    def _own_settings(self) -> dict[str, float]:
        """Settings that only this kind has."""
        return {}

    # ---------------------------------------------------------------- parameters

    def _check(self) -> None:
        enough = self.hidden or self.conv is not None
        if not (enough and all(isinstance(n, int) and n >= 1 for n in self.hidden)):
            raise wrong("hidden", self.hidden, "whole numbers >= 1, one a hidden layer")
        if self.conv is not None:
            if not isinstance(self.conv, Conv):
                raise wrong("conv", self.conv, "a Conv, or None")
            self.conv.layers()
            if self.time_feature is not None:
                raise wrong("time_feature", self.time_feature, "None beside `conv`: a map has none")
        for name in ("gamma", "lambda_", "forgetting", "average_reward", "sparsity"):
            if not 0 <= getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in [0, 1]")
        if self.time_feature is not None and not self.time_feature >= 1:
            raise wrong("time_feature", self.time_feature, "a number of steps >= 1, or None")
        for part in ("critic", "actor"):
            if not isinstance(self._rule(part), UpdateRule):
                raise wrong(f"{part}_rule", self._rule(part), "a rule, such as ObGD()")
        self._check_torch([self._rule(part) for part in ("critic", "actor")])
        self._settings()

    def _settings(self) -> tuple[float, ...]:
        fade = float(self.gamma) * float(self.lambda_)
        own = {"entropy": 0.0, "epsilon": 0.0, "last": 0.0, "steps": 1.0, "cuts": 0.0}
        own |= {"actor_lambda": float(self.lambda_)} | self._own_settings()
        critic, actor = self._rule("critic"), self._rule("actor")
        return (
            float(self._kind), float(self.gamma), float(self.lambda_), own["entropy"],
            own["epsilon"], own["last"], own["steps"], float(self.bootstrap_on_truncation),
            float(self.time_feature or 0), float(self.normalize_observations),
            float(self.normalize_rewards), float(self.forgetting), float(self.average_reward),
            own["cuts"], own["actor_lambda"], *critic.numbers(fade),
            *actor.numbers(float(self.gamma) * own["actor_lambda"], of_policy=True),
        )  # fmt: skip

    def _sizes(self) -> dict[str, int]:
        return dict.fromkeys(("W", "M", "V_a", "M_a", "U"), 0)

    def _shapes(self, n_features: int) -> tuple[Shape, Shape]:
        """Layers of critic and actor."""
        layers = [] if self.conv is None else self.conv.layers()
        n_inputs, none = n_features + (self.time_feature is not None), np.zeros(0, np.int64)
        first = [n_inputs, *(width(layer) for layer in layers), *self.hidden]
        maps = np.concatenate([none, *layers])
        critic = Shape(np.array([*first, self._critic_outputs()]), maps)
        if not self._has_actor:
            return critic, Shape(np.zeros_like(critic.widths), none)
        return critic, Shape(np.array([*first, self._actor_outputs()]), maps)

    # ---------------------------------------------------------------- state

    def _start(self, schema: Schema) -> None:
        if self.conv is not None and schema.n_features != np.prod(self.conv.shape):
            due = f"{np.prod(self.conv.shape)} features, a map of shape {tuple(self.conv.shape)}"
            raise wrong("observation", f"{schema.n_features} features", due)
        self.random_ = seeded(self.seed, 1)
        draws = np.random.default_rng([*self.random_.view(np.uint64)])
        self.clock_[KEPT] = -1
        if self._on_torch:
            self.nets_ = self._first_nets(schema.n_features)
            return
        names, shapes = ("critic", "actor"), self._shapes(schema.n_features)
        for name, shape in zip(names, shapes):
            arrays = _first_arrays(shape, self._rule(name), self.sparsity, draws)
            for part, array in arrays.items():
                setattr(self, f"{name}_{part}_", array)
        n_hidden = int(shapes[0].widths[1:-1].sum())
        self.active_ = np.full(spaced(n_hidden), 0.5, np.float32)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if not self.is_started or self._on_torch:
            return
        for name, shape in zip(("critic", "actor"), self._shapes(self.schema_.n_features)):
            n = spaced(n_weights(shape))
            for part, due in (("weights", n), ("moments", n * self._rule(name).n_moments())):
                came = getattr(self, f"{name}_{part}_").shape
                if came != (due,):
                    self.reset()
                    raise wrong(f"state['{name}_{part}_']", came, f"an array of shape ({due},)")

    def _prepare(self) -> None:
        if self._on_torch:
            self._prepare_on_torch()
            return
        for field in self._state:
            if field.dtype is np.float32:
                setattr(self, field.name, _aligned(getattr(self, field.name)))
        super()._prepare()

    def _parts(self) -> Sequence[npt.NDArray[Any]]:
        return self._parts_in(_NO_WORLD)

    def _parts_in(self, world: tuple[npt.NDArray[Any], ...]) -> Sequence[npt.NDArray[Any]]:
        """Shapes, room to work in, and the world that the agent is in."""
        n, (critic, actor) = self.schema_.n_features, self._shapes(self.schema_.n_features)
        n_room = LANES + 3 * n_signals(critic) + n_signals(actor) + 2 * critic.widths[0]
        room = _aligned(np.zeros(spaced(int(n_room)), np.float32))
        cells, notes = np.zeros(2 * n + self._action_width()), np.zeros(2, np.int64)
        head = [n_maps(critic)]
        shapes = np.concatenate([head, critic.maps, critic.widths, actor.widths])
        return [shapes, room, cells, notes, *world]

    # ---------------------------------------------------------------- diagnostics

    def diagnostics(self) -> Diagnostics:
        """What tells whether learning is sound, of the present state.

        `step` is the last effective step, `bounded` the share of steps that the rule cut short
        (over about a thousand), `trace` the norm of the traces that the rule looks at, `dead` the
        share of the critic's hidden units that are always on or always off (not of torch's),
        `average_reward` the running mean of rewards, where they count relative to it.
        """
        if not self.is_started:
            return {}
        found: Diagnostics = {}
        for name in ("critic", "actor") if self._has_actor else ("critic",):
            numbers = self._statistics(name)
            found[f"{name}_step"] = float(numbers[EFFECTIVE])
            found[f"{name}_bounded"] = float(numbers[BOUNDED])
            found[f"{name}_trace"] = float(numbers[NORM])
        if self._on_torch:
            return found
        if self.average_reward > 0 and self.reward_[FACTOR] > 0:
            found["average_reward"] = float(self.reward_[AVERAGE] / self.reward_[FACTOR])
        active = self.active_[: int(self._shapes(self.schema_.n_features)[0].widths[1:-1].sum())]
        found["critic_dead"] = float(((active < _DEAD) | (active > 1.0 - _DEAD)).mean())
        return found

    def _statistics(self, name: str) -> Array:
        """What the rule of "critic" or "actor" knows."""
        if self._on_torch:
            self._keep()
            return np.array(self.nets_[f"{name}.statistics"][0])
        return np.asarray(getattr(self, f"{name}_statistics_"))


class StreamAgent(StreamNetwork, Agent):
    """A `StreamNetwork` that acts; without `n_actions`, actions are arrays of numbers."""

    n_actions: int | None

    def run(self, world: World, n_steps: int, *, fit: bool = True) -> Episodes:
        """Take `n_steps` in a compiled environment, exploring and learning; episodes that ended.

        Without `fit`, acts as well as it can, and learns nothing.

        Raises
        ------
        ValueError
            For an environment with other actions or features than the agent's, and parameters that
            cannot be used.
        """
        if self.n_actions != world.n_actions:
            raise wrong("world", world, f"an environment with {self.n_actions} actions")
        if not self.is_started:
            self._begin(Schema(world.n_features))
        made = self._ready()
        if made._width != world.n_features:
            raise wrong("world", world, f"an environment with {made._width} features")
        if self._on_torch:
            return as_episodes(self._agents.run([world], n_steps, fit=fit)[0])
        there = Descriptor(self._arrays(self._parts_in(world.arrays())), self._n_scratch())
        parts, serve = [], EXPLORE if fit else ANSWER
        for lo in range(0, n_steps, BLOCK):
            out = np.zeros((min(BLOCK, n_steps - lo), 3))
            rows = (np.zeros((len(out), 1)), np.zeros(1), np.zeros(1), out)
            self._call(there.aim(rows, serve=serve, fit=fit, checked=True))
            ends = np.flatnonzero(out[:, 1] > 0)
            parts.append(np.column_stack([ends + lo + 1, out[ends]]))
        return as_episodes(np.concatenate(parts) if parts else np.empty((0, 4)))


def as_episodes(found: Array) -> Episodes:
    """Rows of steps, return, length and kind of end."""
    steps, returns, lengths, terminated = found.T
    return Episodes(
        steps.astype(np.int64), returns.copy(), lengths.astype(np.int64), terminated > 0
    )


def _aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers from the beginning of a line of the cache on: vectors then lie in one."""
    if array.ctypes.data % _LINE == 0:
        return array
    room = np.empty(array.nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    placed = room[start : start + array.nbytes].view(array.dtype)
    placed[...] = array
    return placed


def _first_arrays(
    shape: Shape, rule: UpdateRule, sparsity: float, draws: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    """Arrays of a network that has learned nothing, and of a second one where the rule has it."""
    n = int(n_weights(shape))
    weights = np.zeros(spaced(n), np.float32)
    moments = np.zeros(rule.n_moments() * len(weights), np.float32)
    weights[:n] = first_weights(shape, sparsity, draws)
    if rule.has_second_network:
        moments[:n] = first_weights(shape, sparsity, draws)
    return {"weights": weights, "traces": np.zeros_like(weights), "moments": moments}


def first_weights(
    shape: Shape, sparsity: float, draws: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Sparse weights, intercepts 0.

    Units of the last hidden layer keep a weight, however few come in: all zero, they would be one.
    """
    weights, start = np.zeros(n_weights(shape), np.float32), 0
    n_layers = len(shape.widths) - 1 if len(weights) else 0
    for k in range(n_layers):
        n_in, n_out = shape.widths[k : k + 2]
        if k < n_maps(shape):
            layer = map_of(shape, k)
            n_in, n_out = n_in_window(layer), layer[N_OUT]
        drawn = draws.uniform(-1.0, 1.0, (n_out, n_in)) / np.sqrt(n_in)
        order = np.argsort(draws.random((n_out, n_in)), axis=1)
        n_zeros = int(np.ceil(sparsity * n_in))
        if k == n_layers - 2:
            n_zeros = min(n_zeros, n_in - 1)
        np.put_along_axis(drawn, order[:, :n_zeros], 0.0, axis=1)
        last = k == n_layers - 1
        weights[start : start + n_in * n_out] = (drawn if last else drawn.T).ravel()
        start += n_of_layer(shape, k)
    return weights
