"""What it costs to begin: imports, `--help`, compiling. `python -m benchmarks.startup`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.measure import Cost, MeasurementError, cost, middle
from benchmarks.report import figures_table

COMMAND = [sys.executable, "-c", "from onlineml.cli import main; main()"]


def imports(repeats: int) -> list[tuple[str, str]]:
    """CPU-seconds of starting Python alone, with the package, and for `--help`."""
    commands = {
        "start Python": [sys.executable, "-c", ""],
        "import onlineml": [sys.executable, "-c", "import onlineml"],
        "import onlineml.learners": [sys.executable, "-c", "import onlineml.learners"],
        "onlineml --help": [*COMMAND, "--help"],
    }
    return [
        (what, f"{middle([cost(command) for _ in range(repeats)]).cpu:.2f} CPU-s")
        for what, command in commands.items()
    ]


def compiling() -> list[tuple[str, str]]:
    """Every kernel compiled into an empty cache, then loaded from it."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"ONLINEML_CACHE": folder}
        cold = cost([*COMMAND, "warmup"], cache)
        kept = set(Path(folder).rglob("*.nbc"))
        warm = cost([*COMMAND, "warmup"], cache)
        if kept != set(Path(folder).rglob("*.nbc")):
            raise MeasurementError("the sources changed while the kernels were compiled")
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    return [
        ("compile everything, cold", _both(cold)),
        ("the same, warm", _both(warm)),
        ("compiled code on disk", f"{size / 1e6:.1f} MB"),
    ]


#: Simple learners and transforms; what a first page of the documentation uses.
BASICS = (
    "GaussianNB", "LogisticRegression", "SoftmaxRegression", "LinearRegression",
    "PassiveAggressiveClassifier", "PassiveAggressiveRegressor", "KNNClassifier", "KNNRegressor",
    "HoeffdingTreeClassifier", "HoeffdingTreeRegressor", "NoChangeClassifier",
    "MajorityClassifier", "MeanRegressor", "StandardScaler", "MinMaxScaler", "OneHotEncoder",
    "FeatureHasher", "MeanImputer", "FromDict",
)  # fmt: skip
FAMILIES = {
    "simple learners, transforms": BASICS,
    **{room: (room,) for room in ("learners", "detectors", "transforms", "active", "rl")},
}
#: What is compiled by its first use, not by `onlineml warmup`.
FIRST_USES = {
    "generators": """
from onlineml.datasets import generators
for name in set(generators.__all__) - {"Generator", "SemiSyntheticStreamGenerator"}:
    next(iter(getattr(generators, name)(seed=1).take(10).chunks(10)))
""",
    "metrics": """
import numpy as np
from onlineml.evaluation import METRICS, prequential
from onlineml.learners import MajorityClassifier, MeanRegressor
X, y = np.ones((2000, 1)), np.arange(2000) % 2
models = (MajorityClassifier(), "classification", y), (MeanRegressor(), "regression", y / 3)
for model, kind, y in models:
    names = [name for name, metric in METRICS.items() if metric.kind == kind]
    prequential(model, (X, y), metrics=names, baselines=False)
""",
}


def families() -> list[tuple[str, str]]:
    """The kernels of each family, compiled into an empty cache of its own."""
    figures = []
    for name, given in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            cold = cost([*COMMAND, "warmup", *given], {"ONLINEML_CACHE": folder})
        figures.append((f"compile {name}, cold", _both(cold)))
    for name, code in FIRST_USES.items():
        with tempfile.TemporaryDirectory() as folder:
            command, cache = [sys.executable, "-c", code], {"ONLINEML_CACHE": folder}
            cold, warm = cost(command, cache), cost(command, cache)
        figures.append((f"compile {name}, cold", f"{cold.cpu - warm.cpu:.1f} CPU-s"))
    return figures


def _both(taken: Cost) -> str:
    return f"{taken.cpu:.1f} CPU-s, {taken.wall:.1f} s"


if __name__ == "__main__":
    Console().print(figures_table([*imports(5), *compiling(), *families()]))
