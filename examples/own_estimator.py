"""A classifier of your own: the nearest center of a class, where centers follow their rows.

A compiled estimator is a kernel, the arrays that it changes, and its parameters. Everything else
comes with `Classifier`: rows by mapping or chunk, new classes, saving, cloning, checking.
"""

import tempfile
from pathlib import Path

import numpy as np

from onlineml import datasets, load, prequential, save
from onlineml.base import Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.votes import answer_from_logs
from onlineml.learners import GaussianNB
from onlineml.schema import wrong


@entry
def _fading_centers(d: int) -> int:
    """Open the descriptor: slot 0 holds the settings, then come the fields of `_state`."""
    return _rows(opened(d), f1(d, 0)[0], i1(d, 1), f2(d, 2))


@jit
def _rows(call: Call, rate: float, seen: Ints, center: Array) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            scores = call.out[i]
            for c in range(seen[0]):
                scores[1 + c] = -_distance(x, center[c])
            answer_from_logs(scores, seen[0], call.serve)
        if call.fit:
            c = int(call.y[i])
            new = c >= seen[0]
            seen[0] = max(seen[0], c + 1)
            step = 1.0 if new else rate * call.weight[i]
            for j in range(x.shape[0]):
                if not np.isnan(x[j]):
                    center[c, j] += step * (x[j] - center[c, j])
    return call.last


@jit
def _distance(x: Array, center: Array) -> float:
    total = 0.0
    for j in range(x.shape[0]):
        if not np.isnan(x[j]):
            total += (x[j] - center[j]) ** 2
    return total


class FadingCenters(Classifier):
    """The class whose center is nearest; `rate` is how fast centers follow."""

    _kernel = _fading_centers
    _state = (Field("seen_", (1,), np.int64), Field("center_", ("C", "F")))

    def __init__(self, *, rate: float = 0.01) -> None:
        self.rate = rate

    def _check(self) -> None:
        if not 0 < self.rate <= 1:
            raise wrong("rate", self.rate, "a number in (0, 1]")

    def _settings(self) -> tuple[float, ...]:
        return (self.rate,)


def main() -> None:
    """Evaluate it beside naive Bayes, then save and load it."""
    stream = datasets.load("rbf_f", n_rows=20_000, n_classes=5)
    models = {"FadingCenters": FadingCenters(rate=0.02), "GaussianNB": GaussianNB()}
    result = prequential(models, stream)
    print(result)
    model = result.estimators["FadingCenters", None]
    path = save(model, Path(tempfile.mkdtemp()) / "model.oml")
    again = load(path, classes=[FadingCenters])  # only classes that you name are built
    X = next(stream.chunks(100)).X
    assert (again.predict_many(X) == model.predict_many(X)).all()
    print(f"saved and loaded: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
