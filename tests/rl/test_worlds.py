"""The compiled environments."""

from typing import Any

import numpy as np
import pytest

from onlineml.rl import Breakout, CartPole, Chain
from tests.naive.breakout import Game


def test_the_pole_moves_as_in_gymnasium() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    theirs = gymnasium.make("CartPole-v1").unwrapped
    theirs.reset(seed=1)
    ours = CartPole(max_steps=None, seed=1)
    for seed in range(5):
        first, _ = ours.reset()
        assert (np.abs(first) <= 0.05).all()
        theirs.reset(seed=seed)
        theirs.state = tuple(first)
        terminated = False
        while not terminated:
            action = int(np.random.default_rng(int(1e9 * abs(first[0]))).integers(2))
            due, _, end, _, _ = theirs.step(action)
            first, reward, terminated, truncated, _ = ours.step(action)
            np.testing.assert_allclose(first, due, rtol=1e-6, atol=1e-7)
            assert (terminated, truncated, reward) == (end, False, 1.0)


def _play(seed: int, n_steps: int) -> Any:
    """Games in ours and in its twin, by a player that seldom misses; what both showed."""
    rng, world = np.random.default_rng(seed), Breakout(sticky=0.0, seed=seed)
    game = None
    for _ in range(n_steps):
        if game is None:
            first = world.reset()[0].reshape(world.shape)
            game = Game(int(first[3, :, 1].argmax()))
            assert (first == game.board()).all()
        goal = game.landing()[rng.integers(2)]
        action = (goal < game.paddle) + 2 * (goal > game.paddle)
        action = int(rng.integers(3)) if rng.random() < 0.01 else action
        due = game.step((0, -1, 1)[action])
        board, *came, truncated, _ = world.step(action)
        assert (board.reshape(world.shape) == game.board()).all()
        assert (tuple(came), truncated) == (due, False)
        yield action, board, due
        game = None if due[1] else game


def test_breakout_equals_its_twin() -> None:
    played = list(_play(1, 4_000))
    assert sum(ends for _, _, (_, ends) in played) >= 5
    walls = [board.reshape(10, 10, 4)[:, :, 3].sum() for _, board, _ in played]
    assert min(walls) == 0
    assert sum(reward for _, _, (reward, _) in played) > 30


def test_breakout_plays_as_in_minatar() -> None:
    minatar = pytest.importorskip("minatar")
    theirs, begins = minatar.Environment("breakout", sticky_action_prob=0.0), True
    for action, board, (reward, ends) in _play(2, 4_000):
        trail = board.reshape(10, 10, 4)[:, :, 2]
        while begins and (theirs.state()[:, :, 1] != trail).any():  # the side is drawn there too
            theirs.reset()
        assert theirs.act((0, 1, 3)[action]) == (reward, ends)
        assert (theirs.state().reshape(-1) == board).all()
        begins = ends


def test_actions_stick() -> None:
    """The paddle goes on as before with the stated probability; six actions say the same."""
    moved = np.zeros(2)
    world = Breakout(sticky=0.25, all_actions=True, seed=1)
    for _ in range(1_500):
        world.reset()
        after = [world.step(a)[0].reshape(world.shape)[9, :, 0].argmax() for a in (3, 4)]
        moved += after[0] == 5, after[1] > after[0]
    np.testing.assert_allclose(moved / 1_500, [0.75, 0.75 * 0.25], atol=0.03)


def test_episodes_are_cut_off_at_the_limit() -> None:
    world = Chain(n_states=9, slip=0.5, max_steps=3, seed=1)
    world.reset()
    ends = [world.step(1)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(RuntimeError, match="reset"):
        world.step(1)


@pytest.mark.parametrize("kind", [CartPole, Breakout])
def test_states_are_kept(kind: Any) -> None:
    world = kind(seed=3)
    world.reset()
    world.step(0)
    twin = kind().set_state(world.get_state())
    for _ in range(200):
        a, b = world.step(1), twin.step(1)
        assert a[0].tolist() == b[0].tolist()
        assert a[1:] == b[1:]
        if a[2] or a[3]:
            assert world.reset()[0].tolist() == twin.reset()[0].tolist()


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="slip"):
        Chain(slip=2.0)
    for steps in (0, 1.5, np.nan):
        with pytest.raises(ValueError, match="max_steps"):
            CartPole(max_steps=steps)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seed"):
        CartPole(seed=-1)
    bad: dict[str, Any] = {"n_states": 2.5, "left": np.nan, "right": np.inf, "step": -np.inf}
    for name, value in bad.items():
        with pytest.raises(ValueError, match=f"^{name}: got "):
            Chain(**{name: value})
    assert Chain(n_states=np.int64(3), max_steps=np.int64(9)).n_features == 3  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sticky"):
        Breakout(sticky=-0.1)
    world = Breakout()
    world.reset()
    for action in (3, 0.5, -1):
        with pytest.raises(ValueError, match="action"):
            world.step(action)  # type: ignore[arg-type]


def test_a_board_is_drawn_cell_by_cell() -> None:
    world = Breakout(sticky=0.0, seed=1)
    board = world.reset()[0].reshape(world.shape)
    colors: dict[int, set[Any]] = {}
    for _ in range(5):
        picture = world.render()
        assert (picture.shape, picture.dtype) == ((240, 240, 3), np.uint8)
        for i, j in np.ndindex(board.shape[:2]):
            first = int(board[i, j].argmax()) if board[i, j].any() else -1
            color = tuple(picture[24 * i + 13, 24 * j + 13].tolist())
            colors.setdefault(first, set()).add(color)
        board = world.step(1)[0].reshape(world.shape)
    assert sorted(colors) == [-1, 0, 1, 2, 3]
    assert [len(seen) for seen in colors.values()] == [1] * 5
    assert len(set.union(*colors.values())) == 5


def test_a_chain_is_drawn_with_its_place() -> None:
    world = Chain(n_states=5)
    world.reset()
    for action, place in ((None, 2), (1, 3), (0, 2)):
        if action is not None:
            world.step(action)
        middles = world.render()[12, 12::24]
        assert [(color == middles[place]).all() for color in middles] == [
            j == place for j in range(5)
        ]


@pytest.mark.parametrize(("angle", "side"), [(-0.4, -1), (0.0, 0), (0.4, 1)])
def test_a_pole_is_drawn_where_it_leans(angle: float, side: int) -> None:
    world = CartPole(seed=1)
    world.reset()
    wood = {}
    for at in (0.0, 1.0):
        world._observation[...] = at, 0.0, angle, 0.0
        picture = world.render().astype(int)
        rows, columns = np.nonzero(picture[:, :, 0] - picture[:, :, 2] > 80)
        wood[at] = columns
        top, bottom = columns[rows == rows.min()].mean(), columns[rows == rows.max()].mean()
        assert np.sign(round((top - bottom) / 8)) == side
        assert rows.max() - rows.min() == pytest.approx(80 * np.cos(angle) + 8, abs=4)
    assert wood[1.0].mean() - wood[0.0].mean() == pytest.approx(80, abs=1)
