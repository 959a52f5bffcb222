"""CSV files, read in blocks."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from onlineml.datasets.arrow import kind_of, unparsable
from onlineml.datasets.columns import Nominal, check_different, listed
from onlineml.datasets.files import FilePath, existing, opened, stem_of
from onlineml.datasets.table import OnError, TableStream
from onlineml.schema import wrong

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK, SAMPLE = 1 << 18, 1 << 20  # bytes parsed at a time; bytes that say what columns are
MISSING = ["", "?", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "None"]


class CSVStream(TableStream):
    r"""Rows of a CSV file, plain or packed (gz, bz2, xz, or zip with one member).

    The first megabyte says what each column is: numbers, true/false, dates and times (as seconds
    since 1970), or text, which is nominal (see `TableStream`). A column most of whose values are
    numbers is taken for one; name it in `nominal` if it is not. Empty cells and `?`, `NA`, `NaN`,
    `null` and the like are missing.

    Time is O(n_features) a row; memory is about ten megabytes, whatever the length of the file.

    Parameters
    ----------
    path
        The file. Commas separate, double quotes protect; see `delimiter`.
    target
        Column of labels or of numbers to predict.
    nominal
        Columns that are nominal though they look like numbers (their values are then texts); or
        column -> all its values, in the order of their codes.
    time
        Column of event times, numbers or ISO dates; it is no feature.
    on_error
        What a broken row does: "raise" a `ValueError` that names file and row, or "skip", which
        counts it in `n_skipped`. Broken is a line with too few or too many cells, and what
        `TableStream` names. Skipping costs up to twice the time.
    task
        "classification", "regression", "anomaly", or None: text, booleans and integers of at most
        50 values (in the first megabyte) are classes.
    drop
        Columns to leave out.
    names
        Column names of a file that has no header. In a header, blanks around names do not count.
    delimiter
        The character between cells; None: a tab for `.tsv`, else a comma.
    name
        Name for tables and files; None: that of the file.

    Raises
    ------
    ValueError
        For a file that is absent, empty or damaged, a column that does not exist, a broken row.
        Rows count from 1 after the header; empty lines do not count.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "weather.csv"
    >>> _ = path.write_text("temp,sky,rain\n20.5,clear,no\n,grey,yes\n")
    >>> for x, y in CSVStream(path, target="rain"):
    ...     print(x, y)
    {'temp': 20.5, 'sky': 'clear'} no
    {'temp': None, 'sky': 'grey'} yes
    """

    _can_skip = True
    _header: Mapping[str, str] = MappingProxyType({})  # see `Body.header_of`

    def __init__(
        self, path: FilePath, *, target: str | None = None, nominal: Nominal = (),
        time: str | None = None, on_error: OnError = "raise", task: str | None = None,
        drop: Iterable[str] = (), names: Sequence[str] | None = None, delimiter: str | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.path = existing(path)
        super().__init__(str(path), name or stem_of(self.path), on_error)
        tabs = ".tsv" in self.path.suffixes
        self._body = Body(names, delimiter or ("\t" if tabs else ","), '"', None, None)
        nominal = nominal if isinstance(nominal, Mapping) else listed(nominal)
        self._check_text()
        sample = self._sample()
        self._header = self._body.header_of(sample)
        sample = _named(sample, self._header)
        check_different(sample.schema.names)
        self._check_delimiter(sample.schema.names, target)
        self._types = _types(sample, nominal, target, task)
        self._set_columns(
            self._types, sample, target=target, nominal=nominal, time=time, drop=drop, task=task
        )
        if on_error == "raise" and sample.column(target).null_count == len(sample):
            raise self._broken(1, f"column {target!r}: the target is missing")

    def _check_text(self) -> None:
        """Refuse bytes that are no text, before Arrow stumbles over them."""
        with opened(self.path) as file:
            head = file.read(SAMPLE)
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
            bad = head.find(b"\0")
        except UnicodeDecodeError as error:
            bad = error.start
        if bad >= 0:
            line = head.count(b"\n", 0, bad) + 1
            raise wrong(f"{self._source}, line {line}", "bytes that are no text", "text in UTF-8")

    def _check_delimiter(self, names: list[str], target: str | None) -> None:
        others = [c for c in ";\t|," if len(names) == 1 and c in names[0] and names[0] != target]
        if others:
            due = f"several: does delimiter={others[0]!r} say what is between them?"
            raise wrong(f"{self._source}: columns", names, due)

    def _start(self, file: BinaryIO) -> None:
        """Read what comes before the table."""

    def _sample(self) -> pa.RecordBatch:
        broken = []

        def handle(row: Any) -> str:
            if not self._body.is_comment(row.text):
                broken.append(f"got {row.actual_columns} cells, expected {row.expected_columns}")
            return "skip"

        with opened(self.path) as file:
            self._start(file)
            with errors_of(self._source):
                sample = next(self._body.reader(file, None, handle), None)
        if sample is not None:
            return sample
        if broken:
            raise ValueError(f"{self._source}, row 1: {broken[0]} (and no row is whole)")
        raise wrong(self._source, "no rows", "at least one row")

    def _batches(self) -> Generator[pa.RecordBatch]:
        import pyarrow as pa

        if self.on_error == "skip":
            yield from self._texts(self._count)
            return
        with opened(self.path) as file:
            self._start(file)
            try:
                yield from self._body.reader(file, self._types, self._refuse, self._header)
            except pa.ArrowInvalid as error:
                failure = error
            else:
                return
        self._diagnose()
        raise ValueError(f"{self._source}: {' '.join(str(failure).split())}")

    def _texts(self, handle: Callable[[Any], str]) -> Generator[pa.RecordBatch]:
        """A pass that leaves it to `Columns` to parse numbers: slower, and never stopped."""
        import pyarrow as pa

        texts = pa.schema([(name, pa.string()) for name in self._types.names])
        with opened(self.path) as file:
            self._start(file)
            with errors_of(self._source):
                yield from self._body.reader(file, texts, handle, self._header)

    def _refuse(self, row: Any) -> str:
        return "skip" if self._body.is_comment(row.text) else "error"

    def _count(self, row: Any) -> str:
        if not self._body.is_comment(row.text):
            self.n_skipped += 1
        return "skip"

    def _diagnose(self) -> None:
        """Raise for the first broken row, found by a slow pass."""
        lines: list[tuple[int, bool, str]] = []

        def handle(row: Any) -> str:
            comment = self._body.is_comment(row.text)
            what = f"got {row.actual_columns} cells, expected {row.expected_columns}"
            lines.append((row.number - self._body.has_header, comment, what))
            return "skip"

        n_done = 0
        for batch in self._texts(handle):
            problems = self._columns.encode(batch)[1]
            bad = min(problems, default=batch.num_rows)
            self._raise_first(lines, n_done + bad, problems.get(bad))
            n_done += batch.num_rows
        self._raise_first(lines, n_done, None)

    def _raise_first(
        self, lines: list[tuple[int, bool, str]], index: int, problem: str | None
    ) -> None:
        """Raise for a broken line before the kept row `index`, or for that row's problem."""
        for n_comments, (number, comment, what) in enumerate(lines):
            if number > index + n_comments + 1:
                break
            if not comment:
                raise self._broken(number - n_comments, what)
        if problem is not None:
            raise self._broken(index + 1, problem)


class Body:
    """How the lines of a table are written.

    Parameters
    ----------
    names
        Column names; None where the first line gives them.
    delimiter, quote, escape, comment
        Characters between cells, around text, before a quote, before a comment (on its own line).
    missing
        What a cell without a value says.
    """

    def __init__(
        self, names: Sequence[str] | None, delimiter: str, quote: str, escape: str | None,
        comment: str | None, missing: Sequence[str] = MISSING,
    ) -> None:  # fmt: skip
        self.names, self.has_header = names, int(names is None)
        self.delimiter, self.quote, self.escape = delimiter, quote, escape
        self.comment, self.missing = comment, list(missing)

    def is_comment(self, line: str) -> bool:
        """Whether a line is a comment."""
        return self.comment is not None and line.lstrip().startswith(self.comment)

    def header_of(self, batch: pa.RecordBatch) -> dict[str, str]:
        """Name of a column -> the same with the blanks that a header as "a, b" has around it.

        Empty without a header, and where names would be the same without blanks.
        """
        found = {name.strip(): name for name in batch.schema.names if self.has_header}
        return found if len(found) == batch.num_columns else {}

    def reader(
        self, file: BinaryIO, types: pa.Schema | None, handle: Callable[[Any], str],
        header: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        """Record batches of the open file; `handle` is asked about lines of wrong length."""
        import pyarrow as pa
        from pyarrow import csv

        if types is not None:
            types = pa.schema([(header.get(one.name, one.name), one.type) for one in types])
        return map(partial(_named, header=header), csv.open_csv(
            file,
            csv.ReadOptions(
                use_threads=False,
                block_size=SAMPLE if types is None else BLOCK,
                column_names=None if self.names is None else list(self.names),
            ),
            csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char=self.quote,
                escape_char=self.escape or False,
                newlines_in_values=True,
                invalid_row_handler=handle,
            ),
            csv.ConvertOptions(
                column_types=types,
                null_values=self.missing,
                strings_can_be_null=True,
            ),
        ))  # fmt: skip


def _named(batch: pa.RecordBatch, header: Mapping[str, str]) -> pa.RecordBatch:
    """The batch under the names that stand before those of the `header`."""
    import pyarrow as pa

    names = {written: name for name, written in header.items()}
    found = [names.get(name, name) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(batch.columns, names=found) if header else batch


@contextmanager
def errors_of(source: str) -> Iterator[None]:
    """Arrow's errors as one line that names the source."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        text = " ".join(str(error).split())
        if "Empty CSV" in text:
            raise wrong(source, "no rows", "at least one row") from None
        raise ValueError(f"{source}: {text}") from None


def _types(sample: pa.RecordBatch, nominal: Any, target: str | None, task: str | None) -> pa.Schema:
    """What to read each column as, from the first block."""
    import pyarrow as pa

    types: dict[str, Any] = {}
    for name in sample.schema.names:
        column = sample.column(name)
        if pa.types.is_binary(column.type):
            raise wrong(f"column {name!r}", "bytes that are no text", "text in UTF-8")
        kind = kind_of(column.type, name)
        temporal = pa.types.is_temporal(column.type)
        if name in nominal:
            types[name] = _type_of(nominal[name] if isinstance(nominal, Mapping) else ())
        elif name == target:
            exact = task != "regression" and not pa.types.is_null(column.type)
            types[name] = column.type if exact else pa.float64()
        elif kind == "boolean" or temporal:
            types[name] = column.type
        else:
            texts = kind == "text" and not _mostly_numbers(column)
            types[name] = pa.string() if texts else pa.float64()
    return pa.schema(list(types.items()))


def _type_of(values: Sequence[Hashable]) -> Any:
    import pyarrow as pa

    return pa.int64() if values and all(type(v) is int for v in values) else pa.string()


def _mostly_numbers(column: Any) -> bool:
    """Whether more than half of the first texts in a column are numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    shown = pc.utf8_trim_whitespace(column.drop_null().slice(0, 1000))
    return 2 * len(unparsable(shown, pa.float64())) < len(shown)
