"""A residual block: what a network makes of its input, and the input itself."""

from __future__ import annotations

from typing import Any

import torch

from onlineml.schema import wrong


class Residual(torch.nn.Module):
    """The sum of a body and of what goes past it.

    Parameters
    ----------
    body
        A module. Its first layer must not work in place: the input is needed twice.
    side
        What the input goes through on its way past the body, such as a `Conv1d` of kernel 1 that
        changes the number of channels; None for nothing.
    """

    def __init__(self, body: Any, side: Any = None) -> None:
        super().__init__()
        first = next((part for part in body.modules() if not list(part.children())), body)
        if getattr(first, "inplace", False):
            raise wrong("body", type(first).__name__, "a first layer with inplace=False")
        self.body = body
        self.side = torch.nn.Identity() if side is None else side

    def forward(self, x: Any) -> Any:
        """Both added; `ValueError` where their shapes differ."""
        body, side = self.body(x), self.side(x)
        if body.shape != side.shape:
            raise wrong("body", tuple(body.shape), f"an output of shape {tuple(side.shape)}")
        return body + side
