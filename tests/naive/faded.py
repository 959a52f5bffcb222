"""What a row counts beside a past that fades, in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np


def share(first: Any, w: float, least: float) -> Any:
    """What its weight says at first, later `w` times `least`, and no more than a twentieth."""
    later = min(w * least, max(least, 0.05))
    return np.minimum(np.maximum(first, later), 1.0)
