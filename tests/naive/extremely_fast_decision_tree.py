"""Extremely fast decision trees in plain Python: all nodes hold what they have seen."""

import math

from tests.naive.hoeffding_tree import Classifier, two_best


class ExtremelyFast(Classifier):
    """Twin of `ExtremelyFastDecisionTreeClassifier`."""

    def __init__(self, nominal=(), reevaluation_period=200, **options):
        self.period, self.n_revised = reevaluation_period, 0
        super().__init__(nominal, **options)

    def fit(self, x, c, w):
        if w > 0:
            node = self.root
            while node.children:
                if node.unexamined >= self.period:
                    self.reconsider(node)
                if node.children:
                    node = self.way(node, x)[-2]
            if node.unexamined >= self.grace:
                self.examine(node)
            leaf, *above = self.way(self.root, x)
            self.learn(leaf, x, c, w)
            for node in above:
                self.observe(node, x, c, w)
        self.n_classes = max(self.n_classes, c + 1)

    @staticmethod
    def way(node, x):
        """From the leaf of `x` up to `node`."""
        way = [node.find(x)]
        while way[-1] is not node:
            way.append(way[-1].parent)
        return way

    def bound(self, node):
        span = 1.0 if self.criterion == "gini" else math.log2(len(node.classes))
        return span * math.sqrt(math.log(1 / self.delta) / (2 * node.weight))

    def best(self, node):
        n_features = 1 + max(j for _, j in node.seen)
        splits = [self.best_by(node, j) for j in range(n_features)]
        return two_best(splits)[0], splits

    def divide(self, node, split):
        parts = self.parts(node, *split[1:])
        node.feature = split[1]
        node.divide(split, lambda k: self.make(node, node.depth + 1, parts[k]))

    def examine(self, leaf):
        leaf.unexamined = 0.0
        if len(leaf.classes) > 1 and leaf.depth < self.max_depth:
            best, _ = self.best(leaf)
            bound = self.bound(leaf)
            if best[1] is not None and (best[0] > bound or bound < self.tie):
                self.divide(leaf, best)

    def reconsider(self, node):
        node.unexamined = 0.0
        best, splits = self.best(node)
        gain, bound = best[0] - splits[node.feature][0], self.bound(node)
        sure = gain > bound or (bound < self.tie and gain > self.tie / 2)
        if not sure or best[1] == node.feature:
            return
        self.n_revised += 1
        if best[1] is not None:
            self.divide(node, best)
            return
        node.children, node.branch = None, None
        node.right = {"nb": 0.0, "majority": 0.0}
