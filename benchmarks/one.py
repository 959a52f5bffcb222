"""One measurement, in a process of its own.

`python -m benchmarks.one SYSTEM MODEL MODE FILE REPEATS` prints it as JSON.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path

from benchmarks.measure import peak_memory, timed
from benchmarks.streams import load

SYSTEMS = {"onlineml": "ours", "river": "with_river", "MOA": "with_moa"}
_WARM = 2_000  # rows of a first run that is not counted: compiled code is loaded, caches filled


def main(system: str, model: str, mode: str, path: str, repeats: str) -> None:
    module = importlib.import_module(f"benchmarks.{SYSTEMS[system]}")
    X, y = load(Path(path))
    work = module.loop(model, mode, X, y)
    if system == "MOA":
        work()  # Java compiles while it runs: one whole pass
    else:
        module.loop(model, mode, X[:_WARM], y[:_WARM])()
    cpu, wall, accuracy = timed(work, int(repeats), module.CLOCK)
    result = {
        "system": system,
        "model": model,
        "mode": mode,
        "rows": len(X),
        "cpu": cpu,
        "wall": wall,
        "accuracy": None if math.isnan(accuracy) else accuracy,
        "peak_mb": peak_memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
