"""A frozen encoder that learns by what is put before its tokens."""

from __future__ import annotations

from typing import Any

import torch

from onlineml.parameters import whole
from onlineml.schema import wrong


class Prompted(torch.nn.Module):
    """Prompts before the tokens of a frozen encoder, and a linear layer after it.

    For `TorchClassifier(module=...)` and `TorchRegressor(module=...)`: only the prompts and the
    last layer learn, `n_prompts` times the width of a token and the outputs; a file of the model
    holds the encoder too. Time is that of the encoder on `n_prompts` more tokens.

    Parameters
    ----------
    encoder
        Module `(n_rows, n_tokens, width) -> (n_rows, n_tokens, width)` that takes any number of
        tokens, such as a `torch.nn.TransformerEncoder` with `batch_first`. It is frozen, and put
        out of training.
    tokens
        Module that makes tokens `(n_rows, n_tokens, width)` of rows, positions included; frozen.
    width
        Numbers of a token.
    n_outputs
        Outputs of the last layer, which reads the mean of what the encoder makes of the prompts.
    n_prompts
        How many.

    Raises
    ------
    ValueError
        For fewer than one prompt or output, or tokens of another width.

    Examples
    --------
    >>> import torch
    >>> from onlineml.learners import TorchClassifier
    >>> from onlineml.nn.prompted import Prompted
    >>> layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> encoder = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    >>> tokens = torch.nn.Unflatten(1, (4, 8))  # rows of 32 numbers
    >>> def network(n_inputs, n_outputs):
    ...     return Prompted(encoder, tokens, width=8, n_outputs=n_outputs, n_prompts=3)
    >>> model = TorchClassifier(module=network, standardize=False, seed=1)
    >>> sum(p.numel() for p in network(32, 2).parameters() if p.requires_grad)
    42

    Notes
    -----
    As the shallow variant of [1]_, but what is read are the prompts, not a token of their own;
    they are read as in [2]_, whose pool of prompts with keys is left out: the same prompts go
    before all rows. Prompts begin uniform in the range that [1]_ takes for patches of one pixel
    and `width` channels.

    References
    ----------
    .. [1] Jia et al. (2022), Visual prompt tuning, ECCV. Section 3.2. arXiv:2203.12119
    .. [2] Wang et al. (2022), Learning to prompt for continual learning, CVPR. Section 4.1.
       arXiv:2112.08654
    """

    def __init__(
        self, encoder: Any, tokens: Any, *, width: int, n_outputs: int, n_prompts: int = 5
    ) -> None:
        super().__init__()
        for name, value in (("n_prompts", n_prompts), ("n_outputs", n_outputs), ("width", width)):
            whole(name, value, 1)
        self.encoder, self.tokens = encoder, tokens
        self.prompts = torch.nn.Parameter(torch.empty(n_prompts, width))
        most = (6.0 / (1 + width)) ** 0.5
        torch.nn.init.uniform_(self.prompts, -most, most)
        self.head = torch.nn.Linear(width, n_outputs)
        for part in (self.encoder, self.tokens):
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Prompted:
        """Only the head trains: dropout and statistics of what is frozen stand still."""
        super().train(mode)
        self.encoder.eval()
        self.tokens.eval()
        return self

    def forward(self, x: Any) -> Any:
        """Outputs of rows."""
        tokens = self.tokens(x)
        n_prompts, width = self.prompts.shape
        if tokens.ndim != 3 or tokens.shape[2] != width:
            raise wrong("tokens", tuple(tokens.shape), f"tokens (n_rows, n_tokens, {width})")
        prompts = self.prompts.expand(len(tokens), -1, -1)
        encoded = self.encoder(torch.cat([prompts, tokens], 1))
        return self.head(encoded[:, :n_prompts].mean(1))
