"""Regularized logistic loss with a random linear term: its gradient, and its minimum by Newton."""

import numpy as np

from onlineml.base import Array


def gradient(w: Array, X: Array, label: Array, l2: float, noise: Array) -> Array:
    """Of the sum of the losses, `X` with a constant in front, `label` 0 or 1."""
    Z = np.column_stack([np.ones(len(X)), np.nan_to_num(X)])
    found: Array = Z.T @ (1.0 / (1.0 + np.exp(-Z @ w)) - label) + l2 * w + noise
    return found


def minimum(X: Array, label: Array, l2: float, noise: Array) -> Array:
    """Where the gradient is 0."""
    Z = np.column_stack([np.ones(len(X)), np.nan_to_num(X)])
    w = np.zeros(Z.shape[1])
    for _ in range(200):
        share = 1.0 / (1.0 + np.exp(-Z @ w))
        curvature = (Z * (share * (1.0 - share))[:, None]).T @ Z + l2 * np.eye(len(w))
        step = np.linalg.solve(curvature, gradient(w, X, label, l2, noise))
        far = np.abs(Z @ step).max()
        w -= step * (np.log1p(far) / far if far > 1e-9 else 1.0)
    return w
