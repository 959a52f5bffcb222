"""Recurrent networks: `(rows, state) -> (outputs of each row, state after them)`."""

from __future__ import annotations

import math
from typing import Any

import torch


def recurrent(cell: str, n_inputs: int, n_units: int, n_outputs: int) -> Any:
    """The network of that kind."""
    kinds = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    if cell in kinds:
        return Gated(kinds[cell](n_inputs, n_units), n_outputs)
    return DiagonalSSM(n_inputs, n_units, n_outputs)


class Gated(torch.nn.Module):
    """A gated cell with a linear layer behind it."""

    def __init__(self, cell: Any, n_outputs: int) -> None:
        super().__init__()
        self.cell = cell
        self._weights = list(cell.parameters())
        self.head = torch.nn.Linear(cell.hidden_size, n_outputs)

    def forward(self, rows: Any, state: Any) -> tuple[Any, Any]:
        """Outputs and state: `(n_rows, n_outputs)`, and what torch's cell keeps."""
        units, state = self.cell(rows, state)
        return self.head(units), state

    def one(self, row: Any, state: Any) -> tuple[Any, Any]:
        """The same of one row `(1, n_inputs)` and a state, by a fifth of the calls."""
        if isinstance(state, tuple):
            state = torch.lstm_cell(row, state, *self._weights)
            return self.head(state[0]), state
        state = torch.gru_cell(row, state, *self._weights)
        return self.head(state), state


class DiagonalSSM(torch.nn.Module):
    """A linear recurrence of complex units that do not see each other, and layers behind it.

    h[t] = a h[t - 1] + sqrt(1 - |a|^2) B x[t], |a| < 1 by construction (Orvieto et al. 2023,
    Resurrecting recurrent neural networks for long sequences, sections 3.2 to 3.4). The rows of a
    window are not walked through: h[t] is the sum over s of a^(t - s) times what entered at s.
    """

    def __init__(self, n_inputs: int, n_units: int, n_outputs: int) -> None:
        super().__init__()
        size = 0.5 + 0.499 * torch.rand(n_units)  # |a|
        self.log_rate = torch.nn.Parameter(torch.log(-torch.log(size)))
        self.phase = torch.nn.Parameter(math.pi * torch.rand(n_units))
        self.enter = torch.nn.Linear(n_inputs, 2 * n_units, bias=False)
        self.mix = torch.nn.Linear(2 * n_units + n_inputs, 2 * n_units)
        self.head = torch.nn.Linear(2 * n_units, n_outputs)
        self._rates: tuple[Any, Any] | None = None  # a and the gain, as the weights are now

    def forward(self, rows: Any, state: Any) -> tuple[Any, Any]:
        """Outputs `(n_rows, n_outputs)`, and the state `(n_units, 2)`: real and imaginary parts."""
        self._rates = None  # a step may follow
        log_size = -torch.exp(self.log_rate)
        n, log_a = len(rows), torch.complex(log_size, self.phase)
        ages = torch.arange(n + 1, device=rows.device)
        powers = torch.exp(ages[:, None] * log_a)  # a^0, a^1, ...
        gain = torch.sqrt(1.0 - torch.exp(2.0 * log_size))
        entered = gain * torch.complex(*self.enter(rows).float().chunk(2, 1))
        lags = ages[:n, None] - ages[None, :n]
        weights = powers[lags.clamp(min=0)] * (lags >= 0)[:, :, None]  # rows, earlier rows, units
        units = (weights * entered).sum(1)
        if state is not None:
            units = units + powers[1:] * torch.view_as_complex(state)
        seen = torch.cat([units.real, units.imag, rows], 1)
        return self.head(torch.relu(self.mix(seen))), torch.view_as_real(units[-1])

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """Take over weights."""
        self._rates = None
        return super().load_state_dict(*arguments, **options)

    def one(self, row: Any, state: Any) -> tuple[Any, Any]:
        """The same of one row `(1, n_inputs)` and a state, without powers and lags."""
        if self._rates is None:
            log_size = -torch.exp(self.log_rate)
            gain = torch.sqrt(1.0 - torch.exp(2.0 * log_size))
            self._rates = torch.exp(torch.complex(log_size, self.phase)), gain
        rate, gain = self._rates
        entered = gain * torch.complex(*self.enter(row)[0].chunk(2))
        units = torch.addcmul(entered, rate, torch.view_as_complex(state))
        seen = torch.cat([units.real, units.imag, row[0]])
        return self.head(torch.relu(self.mix(seen[None]))), torch.view_as_real(units)
