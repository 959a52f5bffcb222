"""Active test-time adaptation in plain torch: lists of rows, one list of sure rows a class."""

import math
from copy import deepcopy

import torch

from tests.naive.label_budget import Draws


class NaiveAdapter:
    """A module, those rows that it was sure about at first, the last labels; steps on both."""

    def __init__(self, module, n_classes, *, rate, n_steps, size, share, sure_below, most, seed):
        self.first, self.now = module, deepcopy(module)
        self.n_classes, self.n_steps, self.size = n_classes, n_steps, size
        self.share, self.sure_below, self.most = share, sure_below, most
        self.steps = torch.optim.SGD(self.now.parameters(), lr=rate, momentum=0.9)
        self.waiting, self.sure, self.labeled = [], [], []
        self.offered = [0] * n_classes
        self.n_labels, self.draws = 0, Draws(seed)

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
        for row, share, said in zip(rows, shares.double(), now):
            entropy = -sum(p * math.log(p) for p in share.tolist() if p > 0)
            code = int(share.argmax())
            if code == said and entropy / math.log(self.n_classes) < self.sure_below:
                self.offer(row, code)

    def offer(self, row, code):
        self.offered[code] += 1
        if len(self.sure) < self.most:
            self.sure.append((row, code))
            return
        counts = [sum(c == own for _, own in self.sure) for c in range(self.n_classes)]
        largest = code if counts[code] == max(counts) else counts.index(max(counts))
        if largest == code and self.below(self.offered[code]) >= counts[code]:
            return
        theirs = [i for i, (_, own) in enumerate(self.sure) if own == largest]
        self.sure[theirs[self.below(len(theirs))]] = (row, code)

    def learn(self, x, code):
        place = self.n_labels % self.most
        self.labeled[place : place + 1] = [(x, code)]
        self.n_labels += 1
        for _ in range(self.n_steps):
            drawn = [self.below(len(self.labeled)) for _ in range(self.size)]
            loss = self.loss_over([self.labeled[i] for i in [place, *drawn[1:]]])
            if self.sure:
                others = [self.sure[self.below(len(self.sure))] for _ in range(self.size)]
                loss = self.share * loss + (1 - self.share) * self.loss_over(others)
            self.steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.now.parameters(), 1.0)
            self.steps.step()

    def loss_over(self, pairs):
        rows, codes = torch.stack([x for x, _ in pairs]), torch.tensor([c for _, c in pairs])
        return torch.nn.functional.cross_entropy(self.now(rows), codes)
