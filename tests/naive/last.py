"""The local adaptive streaming tree in plain Python."""

import math

from tests.naive.adwin import NaiveADWIN
from tests.naive.hoeffding_tree import Classifier, argmax


class NaiveLAST(Classifier):
    """Twin of `LASTClassifier`: a list of all values in each leaf, an ADWIN over its errors."""

    def __init__(self, nominal=(), drift_delta=0.002, watched="errors", **options):
        self.drift_delta, self.watched = drift_delta, watched
        super().__init__(nominal, grace_period=math.inf, tie_threshold=math.inf, **options)

    def make(self, parent, depth, weights):
        leaf = super().make(parent, depth, weights)
        leaf.window, leaf.due = NaiveADWIN(self.drift_delta), False
        return leaf

    def fit(self, x, c, w):
        if w > 0:
            leaf = self.root.find(x)
            if leaf.due:
                leaf.due = False
                self.examine(leaf)
                leaf = self.root.find(x)
            answer = argmax(self.proba(x)) if self.n_classes else -1
            self.learn(leaf, x, c, w)
            errors = self.watched == "errors"
            leaf.due |= leaf.window.update(answer != c if errors else self.impurity(leaf.classes))
        self.n_classes = max(self.n_classes, c + 1)
