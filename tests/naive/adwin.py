"""ADWIN in plain Python: buckets in lists, every cut tried with the formula as it is printed."""

from math import log, sqrt


class NaiveADWIN:
    """The window as lists of (size, sum, sum of squared deviations), oldest first."""

    def __init__(
        self, delta: float = 0.002, *, two_sided: bool = False, restart: bool = False,
        clock: int = 32, max_buckets: int = 5, least: int = 5, grace: int = 10,
    ) -> None:  # fmt: skip
        self.delta, self.two_sided, self.restart = delta, two_sided, restart
        self.clock, self.max_buckets, self.least, self.grace = clock, max_buckets, least, grace
        self.clear()

    def clear(self) -> None:
        self.buckets: list[tuple[int, float, float]] = []
        self.width, self.total, self.deviations, self.ticks = 0, 0.0, 0.0, 0

    def mean(self) -> float:
        return self.total / self.width if self.width else 0.0

    def update(self, value: float) -> bool:
        before = self.mean()
        self.insert(value)
        self.ticks += 1
        cut = False
        if self.ticks % self.clock == 0 and self.width > self.grace:
            while self.has_cut():
                self.drop_oldest()
                cut = True
        alarm = cut and (self.two_sided or self.mean() > before)
        if alarm and self.restart:
            self.clear()
        return alarm

    def insert(self, value: float) -> None:
        if self.width:
            gap = value - self.total / self.width
            self.deviations += self.width * gap * gap / (self.width + 1)
        self.width += 1
        self.total += value
        self.buckets.append((1, value, 0.0))
        size = 1
        while sum(bucket[0] == size for bucket in self.buckets) > self.max_buckets:
            first = next(i for i, bucket in enumerate(self.buckets) if bucket[0] == size)
            (_, a, s), (_, b, t) = self.buckets[first : first + 2]
            gap = a / size - b / size
            merged = (2 * size, a + b, s + t + size * 0.5 * gap * gap)
            self.buckets[first : first + 2] = [merged]
            size *= 2

    def drop_oldest(self) -> None:
        size, total, deviations = self.buckets.pop(0)
        self.width -= size
        self.total -= total
        gap = total / size - self.total / self.width
        self.deviations -= deviations + size * self.width * gap * gap / (size + self.width)

    def has_cut(self) -> bool:
        n_old, old = 0, 0.0
        new = self.total
        for size, total, _ in self.buckets[:-1]:
            n_old, old, new = n_old + size, old + total, new - total
            n_new = self.width - n_old
            if min(n_old, n_new) < self.least:
                continue
            m = 1 / (n_old - self.least + 1) + 1 / (n_new - self.least + 1)
            term = log(2 * log(self.width) / self.delta)
            bound = sqrt(2 * m * (self.deviations / self.width) * term) + 2 / 3 * term * m
            if abs(old / n_old - new / n_new) > bound:
                return True
        return False
