"""Batch ensembles as their papers say them: lists of members, one batch after the other."""

import numpy as np

from onlineml.learners import GaussianNB


def shares(member, X, n_classes):
    found = member.predict_proba_many(X)
    return np.pad(found, ((0, 0), (0, n_classes - found.shape[1])))


def squared_error(member, X, y, n_classes):
    return np.mean([(1 - p[c]) ** 2 for p, c in zip(shares(member, X, n_classes), y)])


def chance_error(y):
    p = np.bincount(y) / len(y)
    return sum(p * (1 - p) ** 2)


class Ensemble:
    """Members and their weights; classes are 0, 1, ... in order of appearance."""

    def __init__(self, n_members, n_classes):
        self.n_members, self.n_classes = n_members, n_classes
        self.members, self.weights, self.age = [], [], []

    def new(self, X, y):
        member = GaussianNB().fit_many(
            [[0.0] * X.shape[1]] * self.n_classes,
            range(self.n_classes),
            weight=[0.0] * self.n_classes,
        )
        return member.fit_many(X, y)

    def predict_proba(self, X):
        votes = sum(w * shares(m, X, self.n_classes) for w, m in zip(self.weights, self.members))
        return votes / votes.sum(1, keepdims=True)

    def put(self, member, weight, place=None):
        if place is None and len(self.members) < self.n_members:
            self.members.append(member)
            self.weights.append(weight)
        else:
            place = int(np.argmin(self.weights)) if place is None else place
            self.members[place], self.weights[place] = member, weight


class SEA(Ensemble):
    def fit(self, X, y):
        hits = [(m.predict_many(X) == y).mean() for m in self.members]
        full = len(hits) == self.n_members
        self.put(self.new(X, y), 1.0, int(np.argmin(hits)) if full else None)


class AWE(Ensemble):
    def __init__(self, n_members, n_classes, n_folds=5):
        super().__init__(n_members, n_classes)
        self.n_folds = n_folds

    def fit(self, X, y):
        self.weights = [
            max(chance_error(y) - squared_error(m, X, y, self.n_classes), 0) for m in self.members
        ]
        error = 0
        for held in np.array_split(np.arange(len(X)), self.n_folds):
            rest = np.delete(np.arange(len(X)), held)
            error += len(held) * squared_error(
                self.new(X[rest], y[rest]), X[held], y[held], self.n_classes
            )
        weight = max(chance_error(y) - error / len(X), 0)
        if len(self.members) < self.n_members or weight >= min(self.weights):
            self.put(self.new(X, y), weight)


class AUE(Ensemble):
    def fit(self, X, y):
        by_chance = chance_error(y)
        self.weights = [
            1 / (by_chance + squared_error(m, X, y, self.n_classes) + 1e-9) for m in self.members
        ]
        self.put(self.new(X, y), 1 / (by_chance + 1e-9))
        for member, weight in zip(self.members, self.weights):
            if weight != 1 / (by_chance + 1e-9):
                member.fit_many(X, y)


class NSE(Ensemble):
    """Learn++.NSE, algorithm 1 of Elwell and Polikar (2011), pruned by vote or age."""

    def __init__(self, n_members, n_classes, slope=0.5, crossing=10.0, pruning="age"):
        super().__init__(n_members, n_classes)
        self.slope, self.crossing, self.pruning = slope, crossing, pruning
        self.history = []

    def fit(self, X, y):
        importance = np.ones(len(X))
        if self.members:
            missed = self.predict_proba(X).argmax(1) != y
            if missed.any():
                importance = np.where(missed, 1.0, missed.mean())
        importance /= importance.sum()
        if len(self.members) == self.n_members:
            ages = [len(errors) for errors in self.history]
            worst = np.argmax(ages) if self.pruning == "age" else np.argmin(self.weights)
            self.members[worst], self.history[worst] = self.new(X, y), []
        else:
            self.members.append(self.new(X, y))
            self.history.append([])
        self.weights = []
        for member, errors in zip(self.members, self.history):
            e = np.clip(importance[member.predict_many(X) != y].sum(), 1e-3, 0.5)
            errors.append(e / (1 - e))
            share = 1 / (1 + np.exp(-self.slope * (np.arange(len(errors)) - self.crossing)))
            self.weights.append(max(np.log(1 / (share @ errors / share.sum())), 0))


def bagging_rates(y, n_classes, decay, pick):
    """Poisson means of OOB (`pick` = max) and UOB (min) for a list of labels."""
    size, rates = np.zeros(n_classes), []
    for c in y:
        size *= decay
        size[c] += 1 - decay
        rates.append(pick(size[size > 0.001]) / size[c])
    return rates
