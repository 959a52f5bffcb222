"""Parquet and Arrow IPC files, read batch by batch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onlineml.datasets.columns import Nominal
from onlineml.datasets.csv_file import errors_of
from onlineml.datasets.files import FilePath, existing, stem_of
from onlineml.datasets.table import BATCH, TableStream
from onlineml.schema import wrong

if TYPE_CHECKING:
    import pyarrow as pa


class _ColumnarStream(TableStream):
    """What files of typed columns share."""

    def __init__(
        self, path: FilePath, *, target: str | None = None, nominal: Nominal = (),
        time: str | None = None, task: str | None = None, drop: Iterable[str] = (),
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.path = existing(path)
        super().__init__(str(path), name or stem_of(self.path))
        self._wanted: list[str] | None = None
        batches = self._batches()
        sample = next((batch for batch in batches if batch.num_rows), None)
        if sample is None:
            raise wrong(str(path), "no rows", "at least one row")
        self._set_columns(
            sample.schema, sample, target=target, nominal=nominal, time=time, drop=drop, task=task
        )
        self._wanted = list(self._columns.types)


class ParquetStream(_ColumnarStream):
    """Rows of a Parquet file; only the columns that are used are read.

    Time is O(n_features) a row; memory is that of a chunk and of the pages of the file that it lies
    in.

    Parameters
    ----------
    path
        The file.
    target
        Column of labels or of numbers to predict.
    nominal
        Columns that are nominal though they are numbers; or column -> all its values. Text
        columns are nominal anyway (see `TableStream`).
    time
        Column of event times; it is no feature.
    task
        "classification", "regression", "anomaly", or None: what the target suggests.
    drop
        Columns to leave out.
    name
        Name for tables and files; None: that of the file.

    Raises
    ------
    ValueError
        For a file that is absent, empty or damaged, a column that does not exist, a broken row.

    Examples
    --------
    >>> import tempfile, pathlib, pyarrow as pa, pyarrow.parquet
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.parquet"
    >>> pyarrow.parquet.write_table(pa.table({"a": [0.5, None], "y": [1, 0]}), path)
    >>> next(ParquetStream(path, target="y").chunks(10))
    Chunk(X=array([[0.5],
           [nan]]), y=array([1, 0]), time=None)
    """

    def _batches(self) -> Generator[pa.RecordBatch]:
        from pyarrow import parquet

        # Reading ahead, Arrow would hold whole row groups, and start threads to fetch them.
        with (
            errors_of(self._source),
            parquet.ParquetFile(self.path, pre_buffer=False) as file,
        ):
            self.n_rows = file.metadata.num_rows
            yield from file.iter_batches(BATCH, columns=self._wanted, use_threads=False)


class ArrowStream(_ColumnarStream):
    """Rows of an Arrow IPC file (Feather version 2) or stream, mapped into memory.

    Time is O(n_features) a row; memory is that of a chunk: pages of the file come and go.

    Parameters
    ----------
    path, target, nominal, time, task, drop, name
        As in `ParquetStream`.

    Raises
    ------
    ValueError
        For a file that is absent, empty or damaged, a column that does not exist, a broken row.

    Examples
    --------
    >>> import tempfile, pathlib, pyarrow as pa, pyarrow.feather
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.arrow"
    >>> pyarrow.feather.write_feather(pa.table({"a": [0.5, None], "y": ["b", "c"]}), path)
    >>> next(ArrowStream(path, target="y").chunks(10)).y
    array(['b', 'c'], dtype=object)
    """

    def _batches(self) -> Generator[pa.RecordBatch]:
        with errors_of(self._source), _ipc(self.path) as batches:
            for batch in batches:
                yield batch if self._wanted is None else batch.select(self._wanted)


@contextmanager
def _ipc(path: Path) -> Iterator[Iterable[Any]]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield pa.ipc.open_stream(source)
        else:
            yield (file.get_batch(i) for i in range(file.num_record_batches))
