"""Friedman's target in its three kinds of drift, from the 0-based features of one row."""

from math import cos, exp, pi, sin


def first(x):
    return 10 * sin(pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]


def second(x):
    return 10 * sin(pi * x[3] * x[4]) + 20 * (x[1] - 0.5) ** 2 + 10 * x[0] + 5 * x[2]


def third(x):
    return 10 * sin(pi * x[1] * x[4]) + 20 * (x[3] - 0.5) ** 2 + 10 * x[2] + 5 * x[0]


def local(x, n_changes):
    low = [x[1] < 0.3, x[2] < 0.3, x[3] > 0.7, x[4] < 0.3]
    high = [x[1] > 0.7, x[2] > 0.7, x[3] < 0.3, x[4] > 0.7]
    n_conditions = {1: 4, 2: 3, 3: 2}.get(n_changes, 0)
    if n_changes and all(low[:n_conditions]):
        return 10 * x[0] * x[1] + 20 * (x[2] - 0.5) + 10 * x[3] + 5 * x[4]
    if n_changes and all(high[:n_conditions]):
        return 10 * cos(x[0] * x[1]) + 20 * (x[2] - 0.5) + exp(x[3]) + 5 * x[4] ** 2
    return first(x)
