"""Label budgets and simple strategies in plain Python, from their description, row by row."""

import math

import numpy as np

_WORD = (1 << 64) - 1


class Draws:
    """SplitMix64, as Steele, Lea and Flood print it."""

    def __init__(self, seed: int) -> None:
        self.state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])

    def uniform(self) -> float:
        self.state = (self.state + 0x9E3779B97F4A7C15) & _WORD
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
        return float(((z ^ (z >> 31)) >> 11) * 2.0**-53)


class NaiveBudget:
    """Plan, pace and payment of a hard or soft budget."""

    def __init__(
        self, *, rate=None, total=None, horizon=None, hard=True, pace="uniform", explore=0.0,
        n_min=20, k_min=2, window_size=200, seed=1,
    ):  # fmt: skip
        if horizon is not None:
            labels = round(rate * horizon) if rate is not None else math.inf
            total = min(total, labels) if total is not None else labels
            rate = total / horizon
        self.rate, self.total, self.horizon, self.hard = rate, total, horizon, hard
        self.front, self.explore, self.k_min = pace == "front", explore, k_min
        self.n_cold = n_min if total is None else min(n_min, max(1, math.floor(0.2 * total)))
        self.window_size, self.scores = window_size, []
        self.t, self.spent, self.known = 0, 0, 0
        self.since = (0, 0)
        self.draws = Draws(seed)

    def plan(self, t):
        start, spent = self.since
        if self.horizon is None:
            line = max(self.rate * t, spent + 0.5 * self.rate * (t - start))
            return min(line, self.total) if self.hard and self.total is not None else line
        if t >= self.horizon:
            return self.total + (0 if self.hard else (t - self.horizon) * self.rate)
        part = max(t - start, 0) / (self.horizon - start)
        return spent + (self.total - spent) * (math.sqrt(part) if self.front else part)

    def is_spent(self):
        return self.hard and self.total is not None and self.spent + 1 > self.total

    def share(self):
        if self.is_spent():
            return 0.0
        over = self.catch_up()
        if self.horizon is not None:
            over = min(over, max(self.horizon - self.t, 1))
        share = self.plan(self.t + 1) - self.plan(self.t) + (self.plan(self.t) - self.spent) / over
        share = share if self.hard else max(share, self.rate / 4)
        return min(max(share, 0.0), 1.0)

    def catch_up(self):
        most = 6 if self.total is None else min(6, max(0.05 * self.total, 2))
        return max(most / self.rate, 50)

    def late(self):
        behind = (self.plan(self.t) - self.spent) / (self.catch_up() * self.rate)
        return 0.0 if self.is_spent() else min(max(4 * behind - 2, 0.0), 1.0)

    def forced(self, known):
        if self.is_spent():
            return False
        most = 2 * self.n_cold if self.total is None else min(2 * self.n_cold, 0.25 * self.total)
        return self.spent < self.n_cold or (known < self.k_min and self.spent < most)

    def by_rank(self, score, known):
        if self.forced(known):
            return 1.0
        share, past = self.share(), self.scores[-self.window_size :]
        if share == 0 or not past or score is None:
            return share
        above = sum(s > score for s in past)
        alike = 1 + sum(s == score for s in past)
        chance = min(max(((len(past) + 1) * share - above) / alike, 0.0), 1.0)
        chance = max(chance, self.late() * share)
        return self.explore * share + (1 - self.explore) * chance

    def settle(self, chance, score, known):
        """Draw, pay, take note; whether the row is asked about."""
        forced, ask = self.forced(known), self.draws.uniform() < chance
        self.t, self.known = self.t + 1, known
        if ask:
            self.spent += 1
            if forced:
                self.since = (self.t, self.spent)
        if score is not None:
            self.scores.append(score)
        return ask

    def classes(self, proba):
        shown = [c + 1 for c, share in enumerate(proba) if share > 0]
        return max([self.known, *shown])


def margin(proba, known):
    if known < 2:
        return None
    first, second = sorted(proba, reverse=True)[:2]
    return 1 - (first - second) / sum(proba)


def by_margin(P, **terms):
    """Chances and asks of margin sampling."""
    purse, chances, asks = NaiveBudget(**terms), [], []
    for proba in P.tolist():
        known = purse.classes(proba)
        score = margin(proba, known)
        chances.append(purse.by_rank(score, known))
        asks.append(purse.settle(chances[-1], score, known))
    return chances, asks
