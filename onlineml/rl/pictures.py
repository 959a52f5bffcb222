"""Pictures of the compiled environments, drawn with NumPy alone: rows by columns by 3 bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onlineml.kernels.arena import Array

Picture: TypeAlias = npt.NDArray[np.uint8]
Color: TypeAlias = tuple[int, int, int]

_NIGHT, _GRID = (24, 26, 38), (34, 37, 52)
_BLUE, _WHITE, _GRAY, _ORANGE = (92, 160, 255), (255, 255, 255), (110, 116, 140), (240, 140, 60)
_PAPER, _INK, _WOOD = (250, 250, 248), (40, 44, 60), (202, 120, 60)
#: Of paddle, ball, trail and bricks, as the channels of a board are ordered.
_CHANNELS: Sequence[Color] = (_BLUE, _WHITE, _GRAY, _ORANGE)

#: Pixels of a meter, of a cell, and between cells.
_METER, _CELL, _GAP = 80, 24, 2
_FAR, _HALF_LENGTH = 2.4, 0.5


def board(cells: Array) -> Picture:
    """A board of rows by columns by channels; where channels meet in a cell, the first is seen."""
    seen = np.where(cells.any(axis=2), cells.argmax(axis=2), -1)
    return _grid(np.array([*_CHANNELS, _GRID], np.uint8)[seen])


def chain(places: Array) -> Picture:
    """A row of places, of which one is marked."""
    return _grid(np.array([_GRID, _ORANGE], np.uint8)[(places > 0).astype(np.int64)][None])


def _grid(colors: Picture) -> Picture:
    """Cells of these colors, with gaps between them."""
    picture = np.repeat(np.repeat(colors, _CELL, axis=0), _CELL, axis=1)
    gap = np.arange(picture.shape[0]) % _CELL < _GAP, np.arange(picture.shape[1]) % _CELL < _GAP
    picture[gap[0]] = picture[:, gap[1]] = _NIGHT
    return picture


def pole(state: Array) -> Picture:
    """A pole on a cart: `state` is position, velocity, angle and turning of the pole."""
    height, width = 2 * _METER, int(2 * (_FAR + 0.4) * _METER)
    y, x = np.mgrid[:height, :width] + 0.5
    floor = height - 24.0
    at, top = width / 2 + _METER * state[0], floor - 24.0
    picture = np.full((height, width, 3), _PAPER, np.float64)
    _paint(picture, np.abs(y - floor) - 1.0, _GRAY)
    for side in (-1, 1):
        edge = width / 2 + side * _METER * _FAR
        _paint(picture, np.maximum(np.abs(x - edge) - 1.0, np.abs(y - floor) - 8.0), _GRAY)
    _paint(picture, np.maximum(np.abs(x - at) - 22.0, np.abs(y - floor + 14.0) - 10.0), _INK)
    # The pole in its own coordinates: along it, and across.
    sine, cosine = np.sin(state[2]), np.cos(state[2])
    along = (x - at) * sine - (y - top) * cosine
    across = (x - at) * cosine + (y - top) * sine
    beyond = along - np.clip(along, 0.0, 2 * _HALF_LENGTH * _METER)
    _paint(picture, np.hypot(beyond, across) - 4.0, _WOOD)
    return picture.round().astype(np.uint8)


def _paint(picture: Array, distance: Array, color: Color) -> None:
    """Color what lies within an outline, to which pixels have these distances; soft at the edge."""
    share = np.clip(0.5 - distance, 0.0, 1.0)[..., None]
    picture += share * (np.array(color) - picture)
