"""The volume under the surface, threshold by threshold and row by row."""

import math


def vus(labels, scores, buffer):
    areas = [of_width(labels, scores, width) for width in range(buffer + 1)]
    return [sum(values) / len(areas) for values in zip(*areas)]


def of_width(labels, scores, width):
    soft = [soft_label(labels, i, width) for i in range(len(labels))]
    positives = (sum(labels) + sum(soft)) / 2
    spans = runs(soft)
    recalls, precisions, false_rates = [0.0], [1.0], [0.0]
    for threshold in sorted(set(scores), reverse=True):
        said = [i for i, score in enumerate(scores) if score >= threshold]
        true = sum(soft[i] for i in said)
        exist = sum(any(i in span for i in said) for span in spans) / len(spans)
        recalls.append(min(true / positives, 1.0) * exist)
        precisions.append(true / len(said))
        false_rates.append((len(said) - true) / (len(labels) - positives))
    return area([*false_rates, 1.0], [*recalls, 1.0]), area(recalls, precisions)


def soft_label(labels, i, width):
    """Edges of neighbors that overlap add up."""
    total = float(labels[i])
    for span in runs(labels):
        distance = max(span[0] - i, i - span[-1])
        if 0 < distance <= width // 2:
            total += math.sqrt(1 - distance / width)
    return min(total, 1.0)


def runs(values):
    found, open_ = [], False
    for i, value in enumerate(values):
        if value > 0 and open_:
            found[-1].append(i)
        elif value > 0:
            found.append([i])
        open_ = value > 0
    return found


def area(x, y):
    return sum((b - a) * (p + q) / 2 for a, b, p, q in zip(x, x[1:], y, y[1:]))
