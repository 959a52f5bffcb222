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


def cut(values, clip=10.0, fading=0.001):
    """Values as shingles keep them: cut around a forgetting mean, missing ones as the last."""
    n, mean, variance, last, kept = 0, 0.0, 0.0, 0.0, []
    for x in values:
        if not np.isnan(x):
            last = x
            if n > 20 and variance > 1e-24:
                last = np.clip(x, mean - clip * np.sqrt(variance), mean + clip * np.sqrt(variance))
            n += 1
            gap = x - mean
            if n > 20 and variance > 1e-24:
                gap = np.clip(gap, -clip * np.sqrt(variance), clip * np.sqrt(variance))
            step = max(1 / n, fading)
            mean += step * gap
            variance = (1 - step) * (variance + step * gap**2)
        kept.append(last)
    return np.array(kept)


def knn_cad(values, size, k, window):
    """Conformal ranks of Mahalanobis distances, from lists of shingles."""
    kept = cut(values)
    training, calibration, past, scores, inverse, n = [], [], [], [], None, 0

    def strangeness(shingle, leave_out):
        gaps = np.array(training) - shingle
        squares = np.einsum("ij,jk,ik->i", gaps, inverse, gaps)
        return np.sort(squares)[: k + leave_out].sum()

    for t, x in enumerate(values):
        past_values = kept[max(t - size + 1, 0) : t]
        scores.append(0.0)
        if past and not np.isnan(x):
            new = strangeness(np.append(past_values, x), 0)
            rank = sum(old < new for old in past)
            above = 1 - max(past) / new if rank == len(past) else 0.0
            scores[-1] = (rank + above) / (len(past) + 1)
        if t < size - 1:
            continue
        shingle, n = kept[t - size + 1 : t + 1], n + 1
        if n <= window:
            training.append(shingle)
        else:
            past = [*past, strangeness(shingle, 0)][-window:]
            calibration.append(shingle)
        if n > 2 * window:
            training = [*training[1:], calibration.pop(0)]
        if n == window or (n > 2 * window and n % (window // 2) == 0):
            covariance = np.cov(np.array(training).T, bias=True).reshape(size, size)
            ridge = 1e-9 * np.trace(covariance) / size
            inverse = np.linalg.inv(covariance + ridge * np.eye(size))
        if n == window:
            past = [strangeness(one, 1) for one in training]
    return np.array(scores)
