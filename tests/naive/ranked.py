"""Scores thinned out in plain Python: one list for each weight."""


class Ranked:
    def __init__(self, capacity):
        self.capacity, self.levels, self.turns = capacity, [[]], [0]

    def add(self, score):
        self.levels[0].append(score)
        level = 0
        while len(self.levels[level]) >= self.capacity:
            if level + 1 == len(self.levels):
                self.levels.append([])
                self.turns.append(0)
            lower = sorted(self.levels[level])[: self.capacity - self.capacity // 2]
            if len(lower) % 2:
                lower.pop()
            for score in lower:
                self.levels[level].remove(score)
            self.levels[level + 1] += lower[self.turns[level] % 2 :: 2]
            self.turns[level] += 1
            level += 1

    @property
    def content(self):
        pairs = [(s, 2.0**level) for level, scores in enumerate(self.levels) for s in scores]
        return sorted(pairs)
