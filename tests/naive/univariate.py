"""Detectors of numbers, by their definitions."""

import numpy as np
from scipy.stats import norm


def windowed_gaussian(values, window_size, clip):
    """Both tails of the normal distribution of the last values, by numpy."""
    scores, past = [], []
    for x in values:
        window = np.array(past[-window_size:])
        if np.isnan(x):
            scores.append(0.0)
            continue
        deviation = window.std() if len(window) else 0.0
        if len(window) > 1:
            z = abs(x - window.mean()) / max(deviation, 1e-12)
            scores.append(-(norm.logsf(z) + np.log(2)) / np.log(10))
        else:
            scores.append(0.0)
        if len(window) > 20 and deviation > 1e-12:
            low, high = window.mean() - clip * deviation, window.mean() + clip * deviation
            x = np.clip(x, low, high)
        past.append(x)
    return np.array(scores)


def standard_absolute_deviation(values, center, fading_factor, clip):
    """Faded mean, variance and median, from the definitions of their steps."""
    scores, n, mean, variance, median = [], 0, 0.0, 0.0, None
    for x in values:
        if np.isnan(x):
            scores.append(0.0)
            continue
        middle = mean if center == "mean" else median
        scores.append(abs(x - middle) / max(np.sqrt(variance), 1e-12) if n else 0.0)
        n += 1
        step = max(1 / n, 1 - fading_factor)
        gap = x - mean
        if n > 20:
            gap = np.clip(gap, -clip * np.sqrt(variance), clip * np.sqrt(variance))
        mean += step * gap
        variance = (1 - step) * (variance + step * gap**2)
        median = x if median is None else median
        median += step * np.sqrt(np.pi / 2) * np.sqrt(variance) * np.sign(x - median)
    return np.array(scores)
