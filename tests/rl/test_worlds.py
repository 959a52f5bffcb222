"""The compiled environments."""

import numpy as np
import pytest

from onlineml.rl import CartPole, Chain


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


def test_episodes_are_cut_off_at_the_limit() -> None:
    world = Chain(n_states=9, slip=0.5, max_steps=3, seed=1)
    world.reset()
    ends = [world.step(1)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(RuntimeError, match="reset"):
        world.step(1)


def test_states_are_kept() -> None:
    world = CartPole(seed=3)
    world.reset()
    world.step(0)
    twin = CartPole().set_state(world.get_state())
    for _ in range(200):
        a, b = world.step(1), twin.step(1)
        assert a[0].tolist() == b[0].tolist()
        assert a[1:] == b[1:]
        if a[2] or a[3]:
            assert world.reset()[0].tolist() == twin.reset()[0].tolist()


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="slip"):
        Chain(slip=2.0)
    with pytest.raises(ValueError, match="max_steps"):
        CartPole(max_steps=0)
