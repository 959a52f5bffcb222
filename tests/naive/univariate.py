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
        kept.append(last if n else np.nan)  # nothing is kept before the first value
    return np.array(kept)


def knn_cad(values, size, k, window):
    """Conformal ranks of Mahalanobis distances, from lists of shingles."""
    kept = cut(values)
    assert not np.isnan(kept[0]), "begins with a value"
    training, calibration, past, scores, inverse, n = [], [], [], [], None, 0
    means, covariance = None, None

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
        if past:  # regression of the last value of a shingle on those before it
            slopes = np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
            foretold = means[-1] + slopes @ (past_values - means[:-1])
            left = np.sqrt(covariance[-1, -1] - slopes @ covariance[:-1, -1])
            x = kept[t - 1] if np.isnan(x) else kept[t]
            kept[t] = np.clip(x, foretold - 5 * left, foretold + 5 * left)
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
            covariance += 1e-9 * np.trace(covariance) / size * np.eye(size)
            means, inverse = np.mean(training, 0), np.linalg.inv(covariance)
        if n == window:
            past = [strangeness(one, 1) for one in training]
    return np.array(scores)


def matrix_profile(values, size, window):
    """Least z-normalized distance to earlier stretches, each one from its definition."""
    kept, scores = cut(values), []
    for t, x in enumerate(values):
        past = kept[max(t - size - window, 0) : t]
        lags = range(size // 4 + 1, min(len(past) - size + 1, window) + 1)
        if np.isnan(x) or len(past) - size + 1 < size + size // 4 + 1:
            scores.append(0.0)
            continue
        series = np.append(past, x)
        new, end = series[-size:], len(series)
        alike = [correlation(new, series[end - lag - size : end - lag]) for lag in lags]
        scores.append(np.sqrt(max(2 * (1 - max(alike)), 0)))
    return np.array(scores)


def correlation(a, b):
    """Of two stretches; constant ones are alike to each other and to nothing else."""
    flat = a.std() < 1e-9, b.std() < 1e-9
    return float(all(flat)) if any(flat) else np.corrcoef(a, b)[0, 1]


def relative_entropy(values, window, n_bins, limit, seen, most, fading):
    """Likelihood ratios against lists of histograms."""
    past, hypotheses, scores, low, high = [], [], [], np.nan, np.nan
    length = 10 * window
    for x in values:
        if np.isnan(x):
            scores.append(0.0)
            continue
        score, known = 0.0, len(past) >= length
        if known:
            place = (np.array([*past[len(past) - window + 1 :], x]) - low) / (high - low) * n_bins
            counts = np.bincount(np.clip(place, 0, n_bins - 1).astype(int), minlength=n_bins)
            found = [(statistic(counts, one[1], window), k) for k, one in enumerate(hypotheses)]
            trusted = [pair[0] for pair in found if hypotheses[pair[1]][0] > seen]
            score = max(min(trusted), 0.0) if trusted else 0.0
            for one in hypotheses:
                one[0] *= fading
            if not found or min(found)[0] > limit:
                if len(hypotheses) == most:
                    hypotheses.remove(min(hypotheses, key=lambda one: one[0]))
                hypotheses.append([1.0, counts])
            else:
                hypotheses[min(found)[1]][0] += 1
        scores.append(score)
        past.append(x)
        if len(past) % length == 0:
            ordered = np.sort(past[-length:])
            cut = int(np.ceil(0.01 * length))
            now_low, now_high = ordered[cut], ordered[-1 - cut]
            far = now_low < low - (high - low) or now_high > high + (high - low)
            if np.isnan(low) or far or 10 * (now_high - now_low) < high - low:
                low, high, hypotheses = now_low, now_high, []
    return np.array(scores)


def statistic(counts, hypothesis, window):
    """2 W times the relative entropy."""
    shares = (hypothesis + 0.5) / (window + 0.5 * len(counts))
    used = counts > 0
    return 2 * (counts[used] * np.log(counts[used] / window / shares[used])).sum()
