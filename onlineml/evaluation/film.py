"""Films of agents: one episode as a GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.parameters import whole
from onlineml.rl.agent import Agent

if TYPE_CHECKING:
    from onlineml.rl.worlds import World

#: Most pictures a second: GIFs count time in hundredths, and viewers slow down what is faster.
_FASTEST = 50
#: Pixels of the longer side below which pictures are made larger, such as MinAtar's of 10 by 10.
_SMALLEST = 120


def film(
    agent: Agent, world: World, path: str | Path, *, seed: int = 0, max_steps: int = 1000
) -> Path:
    """A film of one episode of `agent` in a compiled environment, acting as well as it can.

    Time per event, a step, is that of agent, environment and picture; memory is that of all
    pictures.

    Parameters
    ----------
    agent
        Learns nothing here.
    world
        Its episode, if one is on, is given up.
    path
        Of the GIF.
    seed
        Of the episode.
    max_steps
        Steps after which the film ends.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        For a `max_steps` that is not a whole number >= 1, and a `seed` that is none >= 0.
    OSError
        Where the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from onlineml.evaluation import film
    >>> from onlineml.rl import Chain, StreamQ
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film(StreamQ(n_actions=2), Chain(), f"{folder}/run.gif", max_steps=5).name
    'run.gif'
    """
    first, _ = world.reset(seed=seed)
    taken = shots(agent, first, world.step, world.render, max_steps)
    return write(taken, path, world.pictures_per_second)


def shots(
    agent: Agent,
    observation: Any,
    step: Callable[[Any], Sequence[Any]],
    render: Callable[[], Any],
    max_steps: int,
) -> Iterator[Any]:
    """Pictures of an episode that begins with `observation`, its end included."""
    whole("max_steps", max_steps, 1, unit="steps")
    for _ in range(max_steps):
        yield render()
        observation, _, terminated, truncated, *_ = step(agent.act_one(observation))
        if terminated or truncated:
            break
    yield render()


def write(pictures: Iterator[Any], path: str | Path, per_second: float) -> Path:
    """Write pictures, rows by columns by 3 bytes or shares of 1, as a GIF that begins again."""
    from PIL import Image  # comes with matplotlib

    first, *others = (Image.fromarray(_in_bytes(picture)) for picture in pictures)
    pause = 10 * max(1, round(100 / min(per_second, _FASTEST)))  # milliseconds
    first.save(path, format="GIF", save_all=True, append_images=others, duration=pause, loop=0)
    return Path(path)


def _in_bytes(picture: Any) -> Any:
    """A picture in bytes, large enough to be looked at."""
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8:
        pixels = (255 * np.clip(pixels, 0, 1)).round().astype(np.uint8)
    times = max(1, _SMALLEST // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
