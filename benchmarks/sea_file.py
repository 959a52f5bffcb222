"""SEA as a Parquet file. `python -m benchmarks.sea_file FILE ROWS` writes one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CHUNK = 100_000


def write(path: Path, n_rows: int) -> None:
    """`n_rows` rows with columns `x0`, `x1`, `x2` and `y`."""
    from onlineml.datasets import SEA

    stream = SEA(noise=0.1, seed=1).take(n_rows)
    with pq.ParquetWriter(path, _table(next(iter(stream.chunks(1)))).schema) as file:
        for chunk in stream.chunks(CHUNK):
            file.write_table(_table(chunk))


def read(path: Path) -> tuple[Any, Any]:
    """`X` and `y` of such a file."""
    import numpy as np

    table = pq.read_table(path)
    names = [name for name in table.column_names if name != "y"]
    return np.column_stack([table[name].to_numpy() for name in names]), table["y"].to_numpy()


def _table(chunk: Any) -> pa.Table:
    columns = {f"x{j}": pa.array(chunk.X[:, j]) for j in range(chunk.X.shape[1])}
    return pa.table({**columns, "y": pa.array([int(label) for label in chunk.y], pa.int64())})


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"rows": int(sys.argv[2])}))
