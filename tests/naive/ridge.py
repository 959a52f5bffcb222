"""Ridge regression of all rows at once, by the normal equations."""

import numpy as np

from onlineml.base import Array


def ridge(
    X: Array, y: Array, weight: Array, l2: float, intercept: bool = True
) -> tuple[Array, float]:
    """Weights and intercept: the intercept is free, missing values are 0."""
    Z = np.nan_to_num(X)
    mean = weight @ Z / weight.sum() if intercept else np.zeros(Z.shape[1])
    target = float(weight @ y / weight.sum()) if intercept else 0.0
    gaps = Z - mean
    gram = (weight[:, None] * gaps).T @ gaps + l2 * np.eye(Z.shape[1])
    weights = np.linalg.solve(gram, gaps.T @ (weight * (y - target)))
    return weights, target - float(mean @ weights)
