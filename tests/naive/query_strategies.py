"""Query strategies in plain Python, from their papers, over the plain budget."""

import itertools
import math

import numpy as np

from tests.naive.label_budget import Draws, NaiveBudget, margin


def _doubt(proba, known):
    return 1 - max(proba) / sum(proba) if known > 1 else None


def _entropy(proba, known):
    if known < 2:
        return None
    return -sum(p / sum(proba) * math.log(p / sum(proba)) for p in proba if p > 0)


def _asked(purse, P, chance_of):
    chances, asks = [], []
    for i, proba in enumerate(P.tolist()):
        known = purse.classes(proba)
        chance, score, learn = chance_of(i, proba, known)
        chances.append(chance)
        asks.append(purse.settle(chance, score, known))
        learn(asks[-1])
    return chances, asks


def _nothing(ask):
    """What strategies without a state of their own learn."""


def by_entropy(P, **terms):
    purse = NaiveBudget(**terms)

    def chance_of(i, proba, known):
        score = _entropy(proba, known)
        return purse.by_rank(score, known), score, _nothing

    return _asked(purse, P, chance_of)


def periodic(P, **terms):
    purse = NaiveBudget(**terms)

    def chance_of(i, proba, known):
        due = purse.plan(purse.t + 1) - purse.spent >= 1 - 1e-9
        return float(purse.forced(known) or (due and not purse.is_spent())), 0.0, _nothing

    return _asked(purse, P, chance_of)


def _by_threshold(purse, wanted, known):
    if purse.forced(known):
        return 1.0
    share, late = purse.share(), purse.late()
    if purse.horizon is not None and purse.horizon - purse.t <= purse.total - purse.spent:
        late = 1.0
    chance = 1.0 if wanted and share > 0 else late * share
    return purse.explore * share + (1 - purse.explore) * chance


def by_fixed_threshold(P, threshold=None, **terms):
    purse = NaiveBudget(**terms)

    def chance_of(i, proba, known):
        score, k = _doubt(proba, known), max(known, 1)
        most = threshold if threshold is not None else 1 / k + purse.rate * (1 - 1 / k)
        wanted = score is not None and 1 - score <= most + 1e-12
        return _by_threshold(purse, wanted, known), score, _nothing

    return _asked(purse, P, chance_of)


def by_moving_threshold(P, step=0.01, split=0.0, **terms):
    purse, bound = NaiveBudget(**terms), [1.0]

    def chance_of(i, proba, known):
        score, share = _doubt(proba, known), purse.share()
        wanted = score is not None and 1 - score < bound[0]
        chance = _by_threshold(purse, wanted, known)
        if not purse.forced(known):
            chance = split * share + (1 - split) * chance

        def learn(ask):
            if share > 0 and score is not None:
                moved = bound[0] * (1 - step if wanted else 1 + step)
                bound[0] = min(max(moved, 1e-9), 1 + step)

        return chance, score, learn

    return _asked(purse, P, chance_of)


def by_leverage(X, P, n_chosen=64, prior=1.0, rank=False, **terms):
    """VeSSAL with the matrix of all features and classes, inverted anew at each row."""
    purse, chosen = NaiveBudget(**terms), []

    def chance_of(i, proba, known):
        past = X[:i]
        z = np.zeros(X.shape[1])
        if i > 1:
            z = (X[i] - past.mean(0)) / past.std(0)
        assert np.abs(z).max() < 10, "choose milder rows: the twin cuts nothing off"
        if known < 2:
            return _volume(purse, None, known) if not rank else purse.share(), None, _nothing
        doubt = np.eye(P.shape[1])[int(np.argmax(proba))] - np.array(proba) / sum(proba)
        gradient = np.outer(doubt, [*z, 1.0]).ravel()
        known_volume = np.eye(len(gradient)) / prior
        for one in chosen[-n_chosen:]:
            known_volume = known_volume + np.outer(one, one)
        score = float(gradient @ np.linalg.solve(known_volume, gradient))
        chance = purse.by_rank(score, known) if rank else _volume(purse, score, known)
        return chance, score, lambda ask: chosen.append(gradient) if ask else None

    return _asked(purse, P, chance_of)


def _standardized(X, i):
    """Row `i` in standard deviations from the mean of the rows before it."""
    z = (X[i] - X[:i].mean(0)) / X[:i].std(0) if i > 1 else np.zeros(X.shape[1])
    assert np.abs(z).max() < 10, "choose milder rows: the twin cuts nothing off"
    return z


def by_dense_volume(X, P, prior=100.0, **terms):
    """VeSSAL as published: the inverse covariance of all chosen, and the moments of all rows."""
    purse, chosen, seen = NaiveBudget(**terms), [], []

    def chance_of(i, proba, known):
        z, k = _standardized(X, i), P.shape[1]
        doubt = np.eye(k)[int(np.argmax(proba))] - np.array(proba) / sum(proba)
        gradient = np.outer(doubt, z).ravel()
        seen.append(gradient)
        unknown = np.linalg.inv(np.eye(len(gradient)) / prior + sum(np.outer(g, g) for g in chosen))
        moments = sum(np.outer(g, g) for g in seen) / len(seen)
        score = float(gradient @ unknown @ gradient)
        share = purse.share()
        if purse.horizon is not None:
            share = max(purse.total - purse.spent, 0) / max(purse.horizon - purse.t, 1)
        trace = float(np.trace(moments @ unknown))
        if purse.forced(known):
            chance = 1.0
        elif known < 2 or not trace > 1e-12:
            chance = min(share, 1.0)
        else:
            chance = purse.explore * share + (1 - purse.explore) * min(share * score / trace, 1.0)

        def learn(ask):
            if ask and known > 1:
                chosen.append(gradient)

        return chance, score if known > 1 else None, learn

    return _asked(purse, P, chance_of)


def by_regression_leverage(X, prior=1.0, **terms):
    """Leverages among the rows asked about, the matrix inverted anew at each row."""
    purse, chosen = NaiveBudget(k_min=0, **terms), []

    def chance_of(i, proba, known):
        z = _standardized(X, i)
        unknown = np.linalg.inv(np.eye(len(z)) / prior + sum(np.outer(g, g) for g in chosen))
        score = float(z @ unknown @ z)
        return purse.by_rank(score, 0), score, lambda ask: chosen.append(z) if ask else None

    return _asked(purse, np.zeros((len(X), 1)), chance_of)


def by_density(X, P, n_neighbors=100, **terms):
    """Margins, first of rows that are the nearest neighbor so far of one of the last rows."""
    purse, window = NaiveBudget(**terms), []  # [row, distance to its nearest neighbor]

    def chance_of(i, proba, known):
        z, score = _standardized(X, i), margin(proba, known)
        company = sum(np.linalg.norm(z - row) < nearest for row, nearest in window)
        if score is not None:
            score += min(company, 1)

        def learn(ask):
            gaps = [np.linalg.norm(z - row) for row, _ in window]
            for entry, gap in zip(window, gaps):
                entry[1] = min(entry[1], gap)
            left = gaps[1:] if len(window) == n_neighbors else gaps
            window.append([z, min(left, default=math.inf)])
            del window[:-n_neighbors]

        return purse.by_rank(score, known), score, learn

    return _asked(purse, P, chance_of)


def by_expected_gain(X, labels, balanced=None, width=0.3, prior=0.001, n_neighbors=100, **terms):
    """PAL: expectations over the Dirichlet variable by summing over all sets of labels."""
    purse, taught = NaiveBudget(k_min=0, **terms), []

    def likeness(a, b):
        return math.exp(-((a - b) ** 2).mean() / (2 * width**2))

    rows = []  # standardized, as they came
    scores = []

    def chance_of(i, proba, known):
        z = _standardized(X, i)
        classes = list(dict.fromkeys(y for _, y in taught))
        score = None
        if len(classes) > 1:
            odds = [prior + sum(likeness(z, r) for r, y in taught if y == c) for c in classes]
            recent = rows[-n_neighbors:]
            score = _gain(odds) * (sum(likeness(z, r) for r in recent) / len(recent))
        chance = purse.by_rank(score, len(classes))
        if balanced and not purse.forced(len(classes)):
            chance = _balanced(purse, score, scores, balanced)
        if score is not None:
            scores.append(score)

        def learn(ask):
            rows.append(z)
            if ask:
                after = (X[i] - X[: i + 1].mean(0)) / X[: i + 1].std(0) if i else z
                taught.append((after, labels[i]))

        return chance, score, learn

    return _asked(purse, np.zeros((len(X), 1)), chance_of)


def by_committee(X, labels, members, votes=False, **terms):
    """Disagreement of members, each of which learns an answer as often as a Poisson draw says."""
    purse = NaiveBudget(k_min=0, **terms)
    draws = Draws(terms["seed"])  # states of one seed begin alike, however many there are

    def often():
        limit, product, n = math.exp(-1.0), draws.uniform(), 0
        while product > limit:
            product, n = product * draws.uniform(), n + 1
        return n

    def chance_of(i, proba, known):
        said = [member.predict_proba_one(X[i]).tolist() for member in members]
        score = None
        if len(said[0]) > 1:
            if votes:
                said = [[float(c == p.index(max(p))) for c in range(len(p))] for p in said]
            mean = [sum(column) / len(said) for column in zip(*said)]
            pairs = [(p, m) for share in said for p, m in zip(share, mean) if p > 0]
            score = round(sum(p * math.log(p / m) for p, m in pairs) / len(said), 9)

        def learn(ask):
            if ask:
                for member in members:
                    member.fit_one(X[i], labels[i], weight=float(often()))

        return purse.by_rank(score, 0), score, learn

    return _asked(purse, np.zeros((len(X), 1)), chance_of)


class _Nets:
    """A net a class for the loss of predicting it, another for the error of the first."""

    def __init__(self, net_of, exploration):
        self.net_of, self.exploration = net_of, exploration
        self.classes, self.losses, self.errors = [], [], []

    def first(self, x):
        return [net.predict_one(x) for net in self.losses]

    def reads(self, x, first, c):
        return [*x, first[c], first[c] - min(first[:c] + first[c + 1 :])]

    def foretold(self, x):
        first = self.first(x)
        if not self.exploration:
            return first
        reads = [self.reads(x, first, c) for c in range(len(first))]
        return [f + net.predict_one(r) for f, net, r in zip(first, self.errors, reads)]

    def meet(self, label):
        if label not in self.classes:
            n = 2 * len(self.classes)
            self.classes.append(label)
            self.losses.append(self.net_of(n))
            self.errors.append(self.net_of(n + 1))

    def learn(self, x, label, first):
        for c, name in enumerate(self.classes):
            loss = float(label != name)
            if self.exploration and len(self.classes) > 1:
                self.errors[c].fit_one(self.reads(x, first, c), loss - first[c])
            self.losses[c].fit_one(x, loss)


def by_foretold_loss(X, labels, net_of, gamma=None, exploration=False, n_replays=8, **terms):
    """NeurOnAl-S, with a net for each class and replay."""
    purse, draws = NaiveBudget(k_min=0, **terms), Draws(terms["seed"])
    draws.state = int(np.random.SeedSequence(terms["seed"]).generate_state(2, np.uint64)[1])
    nets, taught = _Nets(net_of, exploration), []

    def teach(i):
        nets.meet(labels[i])
        taught.append(i)
        past = [taught[int(draws.uniform() * len(taught))] for _ in range(n_replays)]
        past[::2] = [i] * len(past[::2])
        firsts = [nets.first(X[k]) for k in past]
        for k, first in zip(past, firsts):
            nets.learn(X[k], labels[k], first)

    def chance_of(i, proba, known):
        score = None
        if len(nets.classes) > 1:
            least = sorted(nets.foretold(X[i]))
            score = 1 - (least[1] - least[0])
        chance = purse.by_rank(score, 0)
        if gamma is not None and not purse.forced(0):
            chance = _by_bound(purse, score, gamma, len(nets.classes))
        return chance, score, lambda ask: teach(i) if ask else None

    return _asked(purse, np.zeros((len(X), 1)), chance_of)


def _by_bound(purse, score, gamma, n_classes):
    if purse.is_spent() or score is None:
        return 0.0 if purse.is_spent() else purse.share()
    t, last = purse.t + 1, purse.horizon or max(1e4, purse.t + 1)
    beta = math.sqrt(n_classes / t) + math.sqrt(2 * math.log(3 * last / 0.1) / t)
    wanted = float(1 - score < 2 * gamma * beta)
    return purse.explore * purse.share() + (1 - purse.explore) * wanted


def _gain(odds):
    best = 0.0
    for m in (1, 2):
        after = 0.0
        for new in itertools.product(range(len(odds)), repeat=m):
            chance, counts = 1.0, list(odds)
            for c in new:
                chance *= counts[c] / sum(counts)
                counts[c] += 1
            after += chance * max(counts) / sum(counts)
        best = max(best, (after - max(odds) / sum(odds)) / m)
    return best


def _balanced(purse, score, scores, tolerance):
    if purse.is_spent():
        return 0.0
    if score is None:
        return purse.rate
    past = [*scores[-(purse.window_size - 1) :], score]
    bound = np.quantile(past, 1 - purse.rate)
    owed = purse.rate * (purse.t + 1) - purse.spent
    bound -= (max(past) - min(past)) * owed / tolerance
    return purse.explore * purse.rate + (1 - purse.explore) * float(score >= bound - 1e-12)


def _volume(purse, score, known):
    if purse.forced(known):
        return 1.0
    share, past = purse.share(), np.array(purse.scores[-purse.window_size :])
    if share == 0 or not len(past) or score is None:
        return share
    low, high = 0.0, 1e12  # the mean of min(1, factor * score) grows with the factor
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * past, 1).mean() < share else (low, middle)
    return purse.explore * share + (1 - purse.explore) * min(low * score, 1.0)


def _squares(a, b):
    """What joining two clusters adds to the squared distances of rows from their centers."""
    return a["rows"] * b["rows"] / (a["rows"] + b["rows"]) * math.dist(a["at"], b["at"]) ** 2


def _merged(a, b):
    rows = a["rows"] + b["rows"]
    at = a["at"] + b["rows"] / rows * (b["at"] - a["at"])
    return {"at": at, "rows": rows, "labels": a["labels"] + b["labels"]}


def _with_row(clusters, new, most):
    """The clusters after a row: one more, or one in the place of two, or the nearest moved."""
    if len(clusters) < most:
        return [*clusters, new]
    home = min(clusters, key=lambda one: math.dist(one["at"], new["at"]))
    light = min(clusters, key=lambda one: one["rows"])
    others = [one for one in clusters if one is not light]
    other = min(others, key=lambda one: math.dist(one["at"], light["at"]))
    if _squares(home, new) <= _squares(light, other):
        return [_merged(one, new) if one is home else one for one in clusters]
    changed = [_merged(one, light) if one is other else one for one in clusters]
    return [new if one is light else one for one in changed]


def by_cluster(X, P, n_clusters=16, sure_below=0.1, half_life=150.0, **terms):
    """Clusters of the uncertain rows as a list of dictionaries."""
    purse, kept, fade = NaiveBudget(**terms), [[]], 0.5 ** (1 / half_life)

    def chance_of(i, proba, known):
        at, score = _standardized(X, i), _entropy(proba, known)
        if score is not None:
            score /= math.log(known)
        unsure = score is None or score >= sure_below
        if unsure and score is not None:
            home = min(kept[0], key=lambda one: math.dist(one["at"], at), default={"labels": 0})
            score = 1 + score / (1 + home["labels"])

        def learn(ask):
            if unsure or ask:
                aged = [
                    {"at": c["at"], "rows": c["rows"] * fade, "labels": c["labels"] * fade}
                    for c in kept[0]
                ]
                new = {"at": at, "rows": 1.0, "labels": float(ask)}
                kept[0] = _with_row(aged, new, n_clusters)

        return purse.by_rank(score, known), score, learn

    return _asked(purse, P, chance_of)
