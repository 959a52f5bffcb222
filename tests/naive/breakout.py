"""Breakout on a board of 10 by 10, by its rules: bricks are a set of cells, nothing is encoded."""

from typing import Any

import numpy as np

WALL = {(x, y) for x in range(10) for y in (1, 2, 3)}


class Game:
    """Begins with the ball at `x`, a side of the board."""

    def __init__(self, x: int) -> None:
        self.ball = self.trail = (x, 3)
        self.way = (1 if x == 0 else -1, 1)
        self.paddle, self.bricks, self.hit = 4, set(WALL), False

    def step(self, move: int) -> tuple[float, bool]:
        """Move the paddle by -1, 0 or 1, then the ball; reward, and whether it is lost."""
        self.paddle = min(max(self.paddle + move, 0), 9)
        self.trail, (x, y), (dx, dy) = self.ball, self.ball, self.way
        if x + dx not in range(10):
            ahead, dx = x, -dx
        else:
            ahead = x + dx
        was_hit, self.hit = self.hit, (ahead, y + dy) in self.bricks
        reward, row = 0.0, y + dy
        if row < 0:
            dy, row = 1, 0
        elif self.hit and not was_hit:
            self.bricks.remove((ahead, row))
            dy, row, reward = -dy, y, 1.0
        elif row == 9:
            self.bricks = self.bricks or set(WALL)
            if self.paddle not in (x, ahead):
                self.ball = ahead, 9
                return 0.0, True
            dx, dy, row = dx if self.paddle == x else -dx, -1, y
        self.ball, self.way = (ahead, row), (dx, dy)
        return reward, False

    def board(self) -> Any:
        """Paddle, ball, trail and bricks, each where they are."""
        cells = np.zeros((10, 10, 4))
        cells[9, self.paddle, 0] = 1
        cells[self.ball[1], self.ball[0], 1] = 1
        cells[self.trail[1], self.trail[0], 2] = 1
        for x, y in self.bricks:
            cells[y, x, 3] = 1
        return cells

    def landing(self) -> tuple[int, int]:
        """Columns of the ball before and after it comes to the bottom, if it is on its way."""
        (x, y), dx = self.ball, self.way[0]
        before = x
        for _ in range(9 - y if self.way[1] > 0 else 0):
            before = x
            if x + dx in range(10):
                x += dx
            else:
                dx = -dx
        return before, x
