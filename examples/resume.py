"""Save a model in the middle of a stream and go on in another process: nothing changes."""

import subprocess
import sys
import tempfile
from pathlib import Path

from onlineml import datasets, load, save
from onlineml.learners import HoeffdingTreeClassifier

HALF, WHOLE = 5_000, 10_000


def answers(model: HoeffdingTreeClassifier, first: int, last: int) -> list[int]:
    """What the model says to rows `first` to `last`, learning each after its answer."""
    said = []
    for i, (x, y) in enumerate(datasets.load("agrawal", seed=1).take(last)):
        if i >= first:
            said.append(model.predict_one(x))
            model.fit_one(x, y)
    return said


def go_on(path: str) -> None:
    """The second process: load, and answer the second half."""
    print(*answers(load(path), HALF, WHOLE))


def main() -> None:
    """Compare a run that was interrupted with one that was not."""
    model = HoeffdingTreeClassifier()
    answers(model, 0, HALF)
    path = save(model, Path(tempfile.mkdtemp()) / "tree.oml", extra={"row": HALF})
    print(f"saved at row {HALF}: {path.stat().st_size:,} bytes, no pickle inside")
    other = subprocess.run(
        [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
    )
    resumed, uninterrupted = other.stdout.split(), answers(model, HALF, WHOLE)
    assert resumed == [str(answer) for answer in uninterrupted]
    print(f"the next {len(resumed):,} answers are the same with and without the interruption")


if __name__ == "__main__":
    go_on(sys.argv[1]) if len(sys.argv) > 1 else main()
