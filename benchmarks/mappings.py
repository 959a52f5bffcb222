"""Rows as mappings: what text and missing values in them cost, beside river.

`python -m benchmarks.mappings [--rows N]` prints microseconds of `predict_one` and learning one row
together, the loop included, and of a row among many. Five features; half of the rows are learned
before the clock starts. CPU time of one thread, the median of five turns.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from river import compose, linear_model, naive_bayes, preprocessing

from onlineml import learners, transforms
from onlineml.graph import chain

_TURNS = 5
NEW = "text, nearly all new"
Row = dict[str, Any]


def rows_of(kind: str, n: int) -> list[Row]:
    """Rows of five numbers, two of which are text, or missing, or absent in a third of the rows.

    Texts are of three and eight kinds; where they are nearly all new, those of one column are ids.
    """
    rng = random.Random(0)
    rows = []
    for _ in range(n):
        x: Row = {f"x{j}": rng.random() for j in range(5)}
        if kind == "text":
            x |= {"x3": rng.choice(["red", "green", "blue"]), "x4": rng.choice("abcdefgh")}
        if kind == NEW:
            x |= {"x3": f"user {rng.randrange(20 * n)}", "x4": rng.choice("abcdefgh")}
        for name in ("x0", "x1"):
            if kind in ("None", "absent") and rng.random() < 1 / 3:
                x[name] = None
                if kind == "absent":
                    del x[name]
        rows.append(x)
    return rows


#: Name -> ours, and river's that is nearest to it; kinds of rows that river's takes.
MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any], tuple[str, ...]]] = {
    "GaussianNB": (learners.GaussianNB, naive_bayes.GaussianNB, ("numbers", "absent")),
    "OneHotEncoder, LogisticRegression": (
        lambda: chain(transforms.OneHotEncoder(), learners.LogisticRegression()),
        lambda: (
            (compose.Select("x3", "x4") | preprocessing.OneHotEncoder())
            + compose.Discard("x3", "x4")
            | linear_model.LogisticRegression()
        ),
        ("text",),
    ),
}


def by_row(make: Callable[[], Any], learn: str, rows: list[Row], y: list[bool]) -> float:
    """Microseconds of a pair of calls."""
    half, spent = len(rows) // 2, []
    for _ in range(_TURNS):
        model = make()
        fit = getattr(model, learn)
        for x, label in zip(rows[:half], y[:half], strict=True):
            fit(x, label)
        began = time.process_time()
        for x, label in zip(rows[half:], y[half:], strict=True):
            model.predict_one(x)
            fit(x, label)
        spent.append(time.process_time() - began)
    return statistics.median(spent) / (len(rows) - half) * 1e6


def at_once(make: Callable[[], Any], rows: list[Row], y: list[bool]) -> float:
    """Microseconds of a row by `predict_fit_many`, in chunks of 1,000."""
    half, spent = len(rows) // 2, []
    for _ in range(_TURNS):
        model = make().fit_many(rows[:half], y[:half])
        began = time.process_time()
        for lo in range(half, len(rows), 1000):
            model.predict_fit_many(rows[lo : lo + 1000], y[lo : lo + 1000])
        spent.append(time.process_time() - began)
    return statistics.median(spent) / (len(rows) - half) * 1e6


def table(n_rows: int) -> Iterator[str]:
    """The lines that are printed."""
    yield f"{'µs a row':<58} one by one  1,000 at once   river"
    rng = random.Random(1)
    y = [rng.random() < 0.5 for _ in range(n_rows)]
    for name, (ours, theirs, takes) in MODELS.items():
        for kind in ("numbers", "text", NEW, "None", "absent"):
            rows = rows_of(kind, n_rows)
            figures = by_row(ours, "fit_one", rows, y), at_once(ours, rows, y)
            river = f"{by_row(theirs, 'learn_one', rows, y):.1f}" if kind in takes else "-"
            yield f"  {name + ', ' + kind:<56} {figures[0]:>10.1f} {figures[1]:>14.1f} {river:>7}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    for line in table(parser.parse_args(arguments).rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
