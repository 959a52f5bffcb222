"""What a row counts beside a past that fades, in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np


def share(first: Any, w: float, least: float) -> Any:
    """What its weight says at first, later `w` times `least`, and no more than a twentieth."""
    later = min(w * least, max(least, 0.05))
    return np.minimum(np.maximum(first, later), 1.0)


def meet(n: Any, mean: Any, variance: Any, x: Any, w: float, least: float) -> None:
    """Let the values that are known move count, mean and variance; far ones no more than ten sd."""
    for j in np.flatnonzero(~np.isnan(x)):
        n[j] += w
        step = share(w / n[j], w, least)
        gap = x[j] - mean[j]
        if n[j] > 20 and variance[j] > 1e-24:
            most = 10 * variance[j] ** 0.5
            gap = np.clip(gap, -most, most)
        mean[j] += step * gap
        variance[j] = (1 - step) * (variance[j] + step * gap * gap)


def strangeness(parts: Any) -> Any:
    """Of squared errors beside the usual ones: parts of their root mean square."""
    n, total = (parts > 0).sum(), parts.sum()
    return parts / total * np.sqrt(total / n) if n else parts
