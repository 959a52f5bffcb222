"""A filter by loss in plain Python: the running mean, and who foretells that rows are below it."""

import math

from tests.naive.label_budget import Draws


def probability(model, x, label, otherwise):
    shares = dict(zip(getattr(model, "classes_", []), model.predict_proba_one(x)))
    return shares.get(label, otherwise)


class NaiveFilter:
    """The base, the foreteller, and a list of what happened to the rows."""

    def __init__(
        self, base, foreteller=None, *, rate, n_warm, missed=0.0, audit=1.0, seed=1,
        schema=None,
    ):  # fmt: skip
        self.base, self.foreteller = base, foreteller
        self.rate, self.n_warm, self.missed, self.audit = rate, n_warm, missed, audit
        self.mean, self.n, self.share_missed, self.n_audited = 0.0, 0, 0.0, 0
        self.chances, self.classes, self.fates = [], set(), []
        self.draws = Draws(seed)
        if foreteller is not None:
            foreteller.start(schema)._admit_targets([False, True])  # known without a row

    def bar(self):
        """The least chance such that at most the share `missed` of the rows was below it."""
        if len(self.chances) < 50:
            return 0.0
        last = sorted(self.chances[-500:])
        total, below = sum(times for _, times in last), 0.0
        for chance, times in last:
            below += times
            if below > self.missed * total:
                return chance
        return last[-1][0]

    def learn(self, x, label):
        self.n += 1
        times, drawn, chance = 1.0, False, 1.0
        if self.foreteller is not None:
            chance = probability(self.foreteller, x, True, 0.0)
            drawn = self.draws.uniform() < self.audit
            if chance < self.bar() and label in self.classes:
                times = 1.0 / self.audit
        self.classes.add(label)
        if times > 1.0 and not drawn:
            self.fates.append("not run")
            return
        loss = -math.log(max(probability(self.base, x, label, 0.0), 1e-4))
        above = loss >= self.mean
        if self.foreteller is not None:
            if above and drawn and len(self.chances) >= 50:
                self.n_audited += 1
                part = max(self.rate, 1.0 / self.n_audited)
                self.share_missed += part * ((times > 1.0) - self.share_missed)
            if above:
                self.chances.append((chance, times))
            self.foreteller.fit_one(x, above, weight=times)
        part = max(1.0 - (1.0 - self.rate) ** times, min(times / self.n, 1.0))
        self.mean += part * (loss - self.mean)
        learns = above or self.n <= self.n_warm
        self.fates.append("learned" if learns else "run only")
        if learns:
            self.base.fit_one(x, label)
