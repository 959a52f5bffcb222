"""Hoeffding adaptive trees in plain Python: alternates are trees that hang on their nodes."""

import math

from onlineml.kernels.random import poisson
from tests.naive.adwin import NaiveADWIN
from tests.naive.hoeffding_tree import Classifier, argmax


class Alternates:
    """What makes an adaptive tree of a tree whose nodes hold a window, see `watched`."""

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
        noise = 2 * old * (1 - old) * math.log(2 / 0.05) * (1 / own.width + 1 / other.width)
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

    def tell(self, way, error):
        for node in way:
            rose = node.window.update(error)
            node.due |= bool(rose and node.children and not node.alternate)


class AdaptiveClassifier(Alternates, Classifier):
    """Twin of `HoeffdingAdaptiveTreeClassifier`; `random` is its generator, or None."""

    def __init__(self, nominal=(), drift_delta=0.002, judged_after=300, random=None, **options):
        self.drift_delta, self.judged_after, self.random = drift_delta, judged_after, random
        self.n_replaced = self.n_given_up = 0
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
                times = 1 if self.random is None else max(poisson(self.random, 0, 1.0), 1)
                self.learn(leaf, x, c, w * times)
        self.n_classes = max(self.n_classes, c + 1)
