"""Novelty of values and of courses, and what holds scores back, from lists of all that was."""

import numpy as np


def strangeness(distances, least, clip):
    """Of the last distance by those before it: deviations of a mean that forgets; the greatest."""
    if np.isnan(distances[-1]):
        return 0.0, np.inf
    n, mean, variance, greatest = 0, 0.0, 0.0, 0.0
    for d in distances[:-1]:
        if np.isnan(d):
            continue
        if n >= 20 and greatest > 0:
            d = min(d, clip * greatest)
        greatest = max((1 - least) * greatest, d)
        n += 1
        step = max(1 / n, least)
        gap = d - mean
        mean += step * gap
        variance = (1 - step) * (variance + step * gap**2)
    if n < 20:
        return 0.0, np.inf
    return (distances[-1] - mean) / max(np.sqrt(variance), 1e-12), greatest or np.inf


def novelty(values, window_size, block, length, clip):
    """The scores of all values, each by those before it."""
    past, tame, nearest, courses, scores = [], [], [], [], []
    room = window_size // block
    for x in values:
        if np.isnan(x):
            scores.append(0.0)
            continue
        window = np.array(past[-window_size:])
        nearest.append(np.abs(window - x).min() if len(window) else np.nan)
        of_value, most = strangeness(nearest, 1 / window_size, clip)
        past.append(x)
        tame.append(x)
        if nearest[-1] > most:
            neighbor = window[np.abs(window - x).argmin()]
            tame[-1] = neighbor + most * np.sign(x - neighbor)
        of_course = 0.0
        if len(past) % block == 0:
            means = np.mean(np.reshape(tame, (-1, block)), axis=1)
            new, known = means[-length:], means[:-1][-room:]
            ends = range(length, len(means) - length + 1)  # in all blocks; none shares one with new
            first = len(means) - 1 - len(known)
            gaps = [
                np.sqrt(np.mean((means[end - length : end] - new) ** 2))
                for end in ends
                if end - length >= first
            ]
            courses.append(min(gaps, default=np.nan))
            of_course, _ = strangeness(courses, block / window_size, clip)
        scores.append(max((s for s in (of_value, of_course) if s != 0), default=0.0))
    return np.array(scores)


def refractory(values, rest):
    """What exceeds all of the last values, and 0 at most elsewhere."""
    return np.array(
        [
            x if np.isnan(x) or not np.any(values[max(i - rest, 0) : i] >= x) else min(x, 0.0)
            for i, x in enumerate(values)
        ]
    )
