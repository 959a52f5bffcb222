"""Hoeffding adaptive trees in plain Python: alternates are trees that hang on their nodes."""

import math

from onlineml.kernels.random import poisson
from tests.naive.adwin import NaiveADWIN
from tests.naive.hoeffding_tree import Classifier, Regressor, argmax


class Alternates:
    """What makes an adaptive tree of a tree whose nodes hold a window, see `watched`."""

    n_replaced = n_given_up = 0

    def watched(self, node):
        node.window, node.alternate, node.due = NaiveADWIN(self.drift_delta), None, False
        return node

    def walk(self, node, x):
        """Do what is due on the way of `x`, in the tree and in alternates below `node`."""
        while node.children:
            if node.due:
                node.alternate, node.due = self.fresh(node), False
            elif node.alternate and self.judge(node):
                continue
            if node.alternate:
                self.walk(node.alternate, x)
            node = self.step(node, x)
        if node.unexamined >= self.grace:
            self.examine(node)

    @staticmethod
    def step(node, x):
        """The child of `node` on the way of `x`."""
        leaf = node.find(x)
        while leaf.parent is not node:
            leaf = leaf.parent
        return leaf

    def judge(self, node):
        own, other = node.window, node.alternate.window
        if min(own.width, other.width) <= self.judged_after:
            return False
        old, new = own.mean(), other.mean()
        noise = (
            2 * own.deviations / own.width * math.log(2 / 0.05) * (1 / own.width + 1 / other.width)
        )
        bound = math.sqrt(max(noise, 0))
        if old - new > bound:
            self.n_replaced += 1
            node.__dict__ |= {**vars(node.alternate), "parent": node.parent}
            for child in node.children or ():
                child.parent = node
            return True
        if new - old > bound:
            self.n_given_up += 1
            node.alternate = None
        return False

    def ways(self, x):
        """Leaf and way up to the root for each tree that `x` reaches, one after the other."""
        roots = [self.root]
        while roots:
            root = roots.pop()
            way = [root.find(x)]
            while way[-1] is not root:
                way.append(way[-1].parent)
            roots += [node.alternate for node in way if node.alternate]
            yield way

    def times(self):
        return 1 if self.random is None else max(poisson(self.random, 0, 1.0), 1)

    def tell(self, way, error):
        for node in way:
            rose = node.window.update(error)
            node.due |= bool(rose and node.children and not node.alternate)


class AdaptiveClassifier(Alternates, Classifier):
    """Twin of `HoeffdingAdaptiveTreeClassifier`; `random` is its generator, or None."""

    def __init__(self, nominal=(), drift_delta=0.002, judged_after=300, random=None, **options):
        self.drift_delta, self.judged_after, self.random = drift_delta, judged_after, random
        super().__init__(nominal, **options)

    def make(self, parent, depth, weights):
        return self.watched(super().make(parent, depth, weights))

    def fresh(self, node):
        return self.make(None, node.depth, {})

    def fit(self, x, c, w):
        if w > 0:
            self.walk(self.root, x)
            for way in self.ways(x):
                leaf = way[0]
                answer = argmax(self.proba_at(leaf, x)) if self.n_classes else -1
                self.tell(way, float(answer != c))
                self.learn(leaf, x, c, w * self.times())
        self.n_classes = max(self.n_classes, c + 1)


class AdaptiveRegressor(Alternates, Regressor):
    """Twin of `HoeffdingAdaptiveTreeRegressor`; `random` is its generator, or None."""

    def __init__(self, nominal=(), drift_delta=0.002, judged_after=300, random=None, **options):
        self.drift_delta, self.judged_after, self.random = drift_delta, judged_after, random
        self.n = self.mean = self.variance = 0.0  # of the target of late
        super().__init__(nominal, **options)

    def make(self, parent, stats, line):
        return self.watched(super().make(parent, stats, line))

    def fresh(self, node):
        root = self.make(None, (0.0, 0.0), (0.0, {}))
        root.depth = node.depth
        return root

    def fit(self, x, y, w):
        if w <= 0:
            return
        self.walk(self.root, x)
        worst = 3 * math.sqrt(self.variance)
        for way in self.ways(x):
            error = abs(y - self.predict_at(way[0], x)) / worst if worst > 0 else 0.0
            self.tell(way, min(error, 1.0))
            self.learn(way[0], x, y, w * self.times())
        self.note(x, y, w)
        self.follow(y, w)

    def follow(self, y, w):
        self.n += w
        step, gap = min(max(w / self.n, w * 1e-3), 1.0), y - self.mean
        if self.n > 20 and self.variance > 1e-24:
            gap = math.copysign(min(abs(gap), 5 * math.sqrt(self.variance)), gap)
        self.mean += step * gap
        self.variance = (1 - step) * (self.variance + step * gap * gap)
