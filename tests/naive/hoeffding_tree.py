"""Hoeffding trees in plain Python: objects, dictionaries and lists, the same formulas."""

import math
from itertools import pairwise


class Leaf:
    """A leaf, or after a division an inner node."""

    def __init__(self, parent=None, depth=0):
        self.parent, self.depth = parent, depth
        self.weight = self.unexamined = 0.0
        self.branch = self.children = None

    def find(self, x):
        node = self
        while node.children:
            k = node.branch(x)
            if k is None:
                k = max(range(len(node.children)), key=lambda k: node.children[k].weight)
            node = node.children[k]
        return node

    def note_examination(self):
        news, self.unexamined = self.unexamined, 0.0
        node = self.parent
        while node:
            node.weight += news
            node = node.parent

    def divide(self, split, make):
        _, j, kind, threshold, n = split
        if kind == "at most":
            self.branch = lambda x: None if math.isnan(x[j]) else int(x[j] > threshold)
        elif kind == "equal":
            self.branch = lambda x: None if math.isnan(x[j]) else int(x[j] != threshold)
        else:
            self.branch = lambda x: int(x[j]) if x[j] < n else None
        self.children = [make(k) for k in range(n)]


def two_best(splits):
    """The best division, and the merit of the runner-up; not to divide has merit 0."""
    best, second = (0.0, None, None, None, None), -math.inf
    for split in splits:
        if split[0] > best[0]:
            best, second = split, best[0]
        else:
            second = max(second, split[0])
    return best, second


class Classifier:
    """Twin of `HoeffdingTreeClassifier`."""

    def __init__(
        self, nominal=(), grace_period=200, delta=1e-7, tie_threshold=0.05, criterion="info_gain",
        leaves="nba", binary_splits=False, min_branch_fraction=0.01, max_depth=math.inf,
    ):  # fmt: skip
        self.nominal, self.grace, self.delta, self.tie = nominal, grace_period, delta, tie_threshold
        self.criterion, self.leaves, self.binary = criterion, leaves, binary_splits
        self.min_branch, self.max_depth = min_branch_fraction, max_depth
        self.root, self.n_classes, self.n_values = self.make(None, 0, {}), 0, {}

    def make(self, parent, depth, weights):
        leaf = Leaf(parent, depth)
        leaf.classes = {c: w for c, w in weights.items() if w > 0}
        leaf.weight = sum(weights.values())
        leaf.seen = {}  # (class, feature) -> list of (value, weight)
        leaf.right = {"nb": 0.0, "majority": 0.0}
        return leaf

    def proba(self, x):
        return self.proba_at(self.root.find(x), x)

    def proba_at(self, leaf, x):
        bayes = self.leaves == "nb" or (
            self.leaves == "nba" and leaf.right["nb"] >= leaf.right["majority"]
        )
        if bayes and leaf.weight > 0:
            scores = self.bayes(leaf, x)
            top = max(scores)
            votes = [math.exp(s - top) for s in scores]
        else:
            while leaf.weight <= 0 and leaf.parent:
                leaf = leaf.parent
            votes = [leaf.classes.get(c, 0.0) for c in range(self.n_classes)]
        total = sum(votes)
        return [v / total if total else 1 / len(votes) for v in votes]

    def bayes(self, leaf, x):
        scores = []
        for c in range(self.n_classes):
            if c not in leaf.classes:
                scores.append(-math.inf)
                continue
            score = math.log(leaf.classes[c])
            for j, value in enumerate(x):
                nominal = j in self.nominal
                if math.isnan(value) or (nominal and value >= self.n_values.get(j, 0)):
                    continue
                score += self.log_density(leaf.seen.get((c, j), []), j, value, nominal)
            scores.append(score)
        return scores

    def log_density(self, seen, j, value, nominal):
        n = sum(w for _, w in seen)
        if not n:
            return -690.0
        if nominal:
            count = sum(w for v, w in seen if v == value)
            return math.log((count + 1) / (n + self.n_values[j]))
        mean, variance = moments(seen)
        if variance <= 0:
            return 0.0 if value == mean else -690.0
        return -0.5 * math.log(2 * math.pi * variance) - (value - mean) ** 2 / (2 * variance)

    def fit(self, x, c, w):
        if w > 0:
            leaf = self.root.find(x)
            if leaf.unexamined >= self.grace:
                self.examine(leaf)
                leaf = self.root.find(x)
            self.learn(leaf, x, c, w)
        self.n_classes = max(self.n_classes, c + 1)

    def learn(self, leaf, x, c, w):
        if leaf.weight > 0:
            said = argmax(self.bayes(leaf, x))
            leaf.right["nb"] += w * (said == c)
            common = argmax([leaf.classes.get(k, 0.0) for k in range(self.n_classes)])
            leaf.right["majority"] += w * (common == c)
        self.observe(leaf, x, c, w)

    def observe(self, leaf, x, c, w):
        leaf.classes[c] = leaf.classes.get(c, 0.0) + w
        leaf.weight += w
        leaf.unexamined += w
        for j, value in enumerate(x):
            if not math.isnan(value):
                leaf.seen.setdefault((c, j), []).append((value, w))
                if j in self.nominal:
                    self.n_values[j] = max(self.n_values.get(j, 0), int(value) + 1)

    def examine(self, leaf):
        if len(leaf.classes) > 1 and leaf.depth < self.max_depth:
            n_features = 1 + max(j for _, j in leaf.seen)
            best, second = two_best([self.best_by(leaf, j) for j in range(n_features)])
            span = 1.0 if self.criterion == "gini" else math.log2(len(leaf.classes))
            bound = span * math.sqrt(math.log(1 / self.delta) / (2 * leaf.weight))
            if best[1] is not None and (best[0] - second > bound or bound < self.tie):
                parts = self.parts(leaf, *best[1:])
                leaf.note_examination()
                leaf.divide(best, lambda k: self.make(leaf, leaf.depth + 1, parts[k]))
                return
        leaf.note_examination()

    def best_by(self, leaf, j):
        seen = {c: leaf.seen[c, j] for c in leaf.classes if (c, j) in leaf.seen}
        values = [v for some in seen.values() for v, _ in some]
        if not values:
            return (-math.inf, j, "at most", 0.0, 2)
        low, high = min(values), max(values)
        if j in self.nominal:
            n = int(high) + 1
            options = [("equal", float(v), 2) for v in sorted(set(values))]
            if not self.binary:
                options.insert(0, ("each", 0.0, n))
        else:
            thresholds = [low + (high - low) / 11 * k for k in range(1, 11)]
            options = [("at most", t, 2) for t in thresholds if low < t < high]
        best = (-math.inf, j, "at most", 0.0, 2)
        for kind, threshold, n in options:
            merit = self.merit(self.parts(leaf, j, kind, threshold, n))
            if merit > best[0] * (1 + 1e-9 * (best[2] == "each")):  # equal but for rounding
                best = (merit, j, kind, threshold, n)
        return best

    def parts(self, leaf, j, kind, threshold, n):
        parts = [{} for _ in range(n)]
        for c in leaf.classes:
            seen = leaf.seen.get((c, j), [])
            total = sum(w for _, w in seen)
            if kind == "each":
                inside = [sum(w for v, w in seen if v == k) for k in range(n)]
            elif kind == "equal":
                first = sum(w for v, w in seen if v == threshold)
                inside = [first, total - first]
            else:
                first = share_at_most(seen, total, threshold)
                inside = [first, max(total - first, 0.0)]
            for k in range(n):
                parts[k][c] = inside[k]
        return parts

    def merit(self, parts):
        before = {c: sum(part[c] for part in parts) for c in parts[0]}
        sums = [sum(part.values()) for part in parts]
        total = sum(sums)
        if sum(s > self.min_branch * total for s in sums) < 2:
            return -math.inf
        after = sum(s / total * self.impurity(p) for s, p in zip(sums, parts, strict=True) if s)
        return self.impurity(before) - after

    def impurity(self, weights):
        total = sum(weights.values())
        shares = [w / total for w in weights.values() if w > 0]
        if self.criterion == "gini":
            return 1 - sum(s * s for s in shares)
        return -sum(s * math.log2(s) for s in shares)


def argmax(values):
    return max(range(len(values)), key=values.__getitem__) if values else -1


def moments(seen):
    """Mean and sample variance of weighted values."""
    n = sum(w for _, w in seen)
    if len({v for v, _ in seen}) == 1:  # exactly, in spite of rounding
        return seen[0][0], 0.0
    mean = sum(v * w for v, w in seen) / n
    m2 = sum(w * (v - mean) ** 2 for v, w in seen)
    return mean, (m2 / (n - 1) if n > 1 else 0.0)


def share_at_most(seen, total, threshold):
    values = [v for v, _ in seen]
    if not values or threshold < min(values):
        return 0.0
    if threshold >= max(values):
        return total
    mean, variance = moments(seen)
    if variance <= 0:
        return total * 0.5
    return total * 0.5 * math.erfc(-(threshold - mean) / math.sqrt(2 * variance))


class Regressor:
    """Twin of `HoeffdingTreeRegressor`, for few enough values that histograms are exact."""

    def __init__(
        self, nominal=(), grace_period=200, delta=1e-7, tie_threshold=0.05, leaves="adaptive",
        learning_rate=0.01, fading=0.99, binary_splits=False, min_branch_fraction=0.01,
    ):  # fmt: skip
        self.nominal, self.grace, self.delta, self.tie = nominal, grace_period, delta, tie_threshold
        self.leaves, self.rate, self.fading = leaves, learning_rate, fading
        self.binary, self.min_branch = binary_splits, min_branch_fraction
        self.past_y, self.past_x, self.root = [], {}, self.make(None, (0.0, 0.0), (0.0, {}))

    def make(self, parent, stats, line):
        leaf = Leaf(parent, parent.depth + 1 if parent else 0)
        leaf.weight = stats[0]
        leaf.mean = stats[1]
        leaf.intercept, leaf.slopes = line[0], dict(line[1])
        leaf.seen = {}  # feature -> list of (value, y, weight)
        leaf.errors = {"mean": 0.0, "linear": 0.0}
        return leaf

    def standard(self, j, value):
        past = self.past_x.get(j, [])
        if math.isnan(value) or j in self.nominal or not past:
            return 0.0
        mean, std = mean_std(past)
        return min(max((value - mean) / std, -10), 10) if std > 0 else 0.0

    def line(self, leaf, x):
        return leaf.intercept + sum(
            leaf.slopes.get(j, 0.0) * self.standard(j, v) for j, v in enumerate(x)
        )

    def predict(self, x):
        return self.predict_at(self.root.find(x), x)

    def predict_at(self, leaf, x):
        linear = self.leaves == "linear" or (
            self.leaves == "adaptive" and leaf.errors["linear"] < leaf.errors["mean"]
        )
        if linear and self.past_y:
            mean, std = mean_std(self.past_y)
            if std > 0:
                return mean + std * self.line(leaf, x)
        return leaf.mean

    def fit(self, x, y, w):
        if w <= 0:
            return
        leaf = self.root.find(x)
        if leaf.unexamined >= self.grace:
            self.examine(leaf)
            leaf = self.root.find(x)
        self.learn(leaf, x, y, w)
        self.note(x, y, w)

    def learn(self, leaf, x, y, w):
        self.fit_line(leaf, x, y, w)
        leaf.weight += w
        leaf.unexamined += w
        leaf.mean += (y - leaf.mean) * w / leaf.weight
        for j, value in enumerate(x):
            if not math.isnan(value):
                leaf.seen.setdefault(j, []).append((value, y, w))

    def fit_line(self, leaf, x, y, w):
        mean, std = mean_std(self.past_y) if self.past_y else (0.0, 0.0)
        if std > 0:
            due, said = (y - mean) / std, self.line(leaf, x)
            gap = (y - leaf.mean) / std if leaf.weight > 0 else due
            leaf.errors["mean"] = self.fading * leaf.errors["mean"] + w * gap**2
            leaf.errors["linear"] = self.fading * leaf.errors["linear"] + w * (due - said) ** 2
            z = [self.standard(j, value) for j, value in enumerate(x)]
            step = min(self.rate * w, 1 / (1 + sum(v * v for v in z))) * (due - said)
            leaf.intercept += step
            for j, value in enumerate(z):
                leaf.slopes[j] = leaf.slopes.get(j, 0.0) + step * value

    def note(self, x, y, w):
        self.past_y.append((y, w))
        for j, value in enumerate(x):
            if not math.isnan(value) and j not in self.nominal:
                self.past_x.setdefault(j, []).append((value, w))

    def examine(self, leaf):
        best, second = two_best([self.best_by(leaf, j) for j in sorted(leaf.seen)])
        bound = math.sqrt(math.log(1 / self.delta) / (2 * leaf.weight))
        leaf.note_examination()
        if best[1] is not None and (second < best[0] * (1 - bound) or bound < self.tie):
            parts = self.parts(leaf.seen[best[1]], *best[2:])
            line = (leaf.intercept, leaf.slopes)
            stats = [
                (sum(w for _, w in part), mean_std(part)[0] if part else leaf.mean)
                for part in parts
            ]
            leaf.divide(best, lambda k: self.make(leaf, stats[k], line))

    def best_by(self, leaf, j):
        seen = leaf.seen[j]
        values = sorted({v for v, _, _ in seen})
        if j in self.nominal:
            options = [("equal", v, 2) for v in values]
            if not self.binary:
                options.insert(0, ("each", 0.0, int(values[-1]) + 1))
        else:
            options = [("at most", (a + b) / 2, 2) for a, b in pairwise(values)]
        best = (-math.inf, j, "at most", 0.0, 2)
        for kind, threshold, n in options:
            merit = self.reduction(self.parts(seen, kind, threshold, n))
            if merit > best[0] * (1 + 1e-9 * (best[2] == "each")):
                best = (merit, j, kind, threshold, n)
        return best

    @staticmethod
    def parts(seen, kind, threshold, n):
        parts = [[] for _ in range(n)]
        for value, y, w in seen:
            if kind == "each":
                k = int(value)
            else:
                k = int(value > threshold if kind == "at most" else value != threshold)
            parts[k].append((y, w))
        return parts

    def reduction(self, parts):
        sums = [sum(w for _, w in part) for part in parts]
        total = sum(sums)
        if sum(s > self.min_branch * total for s in sums) < 2:
            return -math.inf
        after = sum(s * mean_std(part)[1] for s, part in zip(sums, parts, strict=True) if s)
        return mean_std([pair for part in parts for pair in part])[1] - after / total


def mean_std(pairs):
    n = sum(w for _, w in pairs)
    if len({v for v, _ in pairs}) == 1:
        return pairs[0][0], 0.0
    mean = sum(v * w for v, w in pairs) / n
    return mean, math.sqrt(sum(w * (v - mean) ** 2 for v, w in pairs) / n)
