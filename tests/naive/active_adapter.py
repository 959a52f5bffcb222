"""Active test-time adaptation in plain torch: lists of rows, of anchors, of labels."""

import math
from copy import deepcopy

import torch

from tests.naive.label_budget import Draws


class NaiveAdapter:
    """A module, anchors with its answers as it was at first, the last labels; steps on both."""

    def __init__(
        self, module, n_classes, *, rate, n_steps, size, share, calm_below, sure_below, most, seed
    ):
        self.first, self.now = module, deepcopy(module)
        self.n_classes, self.n_steps, self.size = n_classes, n_steps, size
        self.share, self.most = share, most
        self.calm_below, self.sure_below = calm_below, sure_below
        self.steps = torch.optim.SGD(self.now.parameters(), lr=rate, momentum=0.9)
        self.waiting, self.anchors, self.labeled = [], [], []
        self.n_taken, self.n_labels, self.draws = 0, 0, Draws(seed)

    def below(self, n):
        return int(self.draws.uniform() * n)

    def notice(self, x):
        self.waiting.append(x)
        if len(self.waiting) < self.size:
            return
        rows, self.waiting = torch.stack(self.waiting), []
        with torch.no_grad():
            shares = self.first(rows).softmax(1)
            now = self.now(rows).argmax(1).tolist()
        entropies = [
            -sum(p * math.log(p) for p in share if p > 0) / math.log(self.n_classes)
            for share in shares.double().tolist()
        ]
        doubt = sum(entropies) / len(entropies)
        for row, share, entropy, said in zip(rows, shares, entropies, now):
            code = int(share.argmax())
            if doubt < self.calm_below or (code == said and entropy < self.sure_below):
                calm = doubt < self.calm_below
                one_hot = torch.eye(self.n_classes)[code]
                self.keep((row, share if calm else one_hot, code, doubt))

    def keep(self, anchor):
        self.n_taken += 1
        if len(self.anchors) < self.most:
            self.anchors.append(anchor)
            return
        code, doubt = anchor[2:]
        counts = [sum(a[2] == c for a in self.anchors) for c in range(self.n_classes)]
        largest = code if counts[code] == max(counts) else counts.index(max(counts))
        theirs = [i for i, a in enumerate(self.anchors) if a[2] == largest]
        worst = max(theirs, key=lambda i: self.anchors[i][3])
        if largest != code or self.anchors[worst][3] > doubt:
            self.anchors[worst] = anchor

    def learn(self, x, code):
        place = self.n_labels % self.most
        self.labeled[place : place + 1] = [(x, torch.eye(self.n_classes)[code])]
        self.n_labels += 1
        for _ in range(self.n_steps):
            drawn = [self.below(len(self.labeled)) for _ in range(self.size)]
            loss = self.loss_over([self.labeled[i] for i in [place, *drawn[1:]]])
            if self.anchors:
                others = [self.anchors[self.below(len(self.anchors))][:2] for _ in range(self.size)]
                loss = self.share * loss + (1 - self.share) * self.loss_over(others)
            self.steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.now.parameters(), 1.0)
            self.steps.step()

    def loss_over(self, pairs):
        rows, due = (torch.stack(parts) for parts in zip(*pairs))
        return -(due * self.now(rows).log_softmax(1)).sum(1).mean()
