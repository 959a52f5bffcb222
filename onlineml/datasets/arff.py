"""ARFF files: the header parsed here, the body read as CSV."""

from __future__ import annotations

import re
from collections.abc import Generator, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from onlineml.datasets.columns import one_of
from onlineml.datasets.csv_file import Body, CSVStream
from onlineml.datasets.files import FilePath, existing, opened, stem_of
from onlineml.datasets.table import OnError, TableStream

if TYPE_CHECKING:
    import pyarrow as pa

_ATTRIBUTE = re.compile(
    r"""@attribute\s+(?P<name>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{]+)\s*(?P<type>.+)""",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]*?)\s*(?:,|$)""")
_MISSING = ("?", " ?", "? ", " ? ", "  ?", "")
_NUMBERS = ("numeric", "real", "integer")


class Attribute(NamedTuple):
    """One column of the header; `values` of a nominal one, in the order of their codes."""

    name: str
    type: str
    values: tuple[str, ...] = ()


class ARFFStream(CSVStream):
    """Rows of an ARFF file, plain or packed, as Weka and MOA write it.

    Nominal values have the codes of their order in the header; `?` is missing; `string` columns are
    nominal by order of appearance; dates are seconds since 1970. Time is O(n_features) a row;
    memory is that of a few thousand rows, whatever the length of the file. Labels that are all
    whole numbers become integers. Sparse files, and relational or weighted rows, are not read. A
    quoted value that holds a comma must follow the comma before it without a blank.

    Parameters
    ----------
    path
        The file.
    target
        Column of labels; None: the last one.
    time
        Column of event times; it is no feature.
    on_error
        What a broken row does, as in `CSVStream`: "raise" or "skip".
    task
        None: classification where the target is nominal, regression where it is a number.
    drop
        Columns to leave out.
    name
        Name for tables and files; None: that of the file.

    Raises
    ------
    ValueError
        For a file that is absent, empty, damaged or sparse, a header that cannot be read (its
        line named), a column that does not exist, a broken row (rows count from 1 after `@data`).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "weather.arff"
    >>> _ = path.write_text('''@relation weather
    ... @attribute sky {clear, grey}
    ... @attribute temp numeric
    ... @attribute rain {no, yes}
    ... @data
    ... grey, 12.5, yes
    ... ''')
    >>> stream = ARFFStream(path)
    >>> next(stream.chunks(10))
    Chunk(X=array([[ 1. , 12.5]]), y=array(['yes'], dtype=object), time=None)
    """

    def __init__(
        self, path: FilePath, *, target: str | None = None, time: str | None = None,
        on_error: OnError = "raise", task: str | None = None, drop: Iterable[str] = (),
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.path = existing(path)
        TableStream.__init__(self, str(path), name or stem_of(self.path), on_error)
        with opened(self.path) as file:
            header, quotes = _header(file, self._source)
            start = file.readline()
            while start.strip() == b"" or start.lstrip().startswith(b"%"):
                if not start:
                    break
                start = file.readline()
        if start.lstrip().startswith(b"{"):
            raise ValueError(f"{path}: sparse ARFF is not read; expected dense rows")
        names = [attribute.name for attribute in header]
        target = names[-1] if target is None else target
        if target not in names:
            raise one_of("target", target, names)
        self._body = Body(names, ",", quotes, "\\", "%", _MISSING)
        self._types = self._typed(header, target)
        nominal = {a.name: a.values for a in header if a.values and a.name != target}
        labels = header[names.index(target)].values
        self._set_columns(
            self._types, next(self._tidied(iter([self._sample()]))), target=target,
            nominal=nominal, time=time, drop=drop, task=task, classes=_labels(labels),
        )  # fmt: skip

    def _typed(self, header: list[Attribute], target: str) -> Any:
        import pyarrow as pa

        types: dict[str, Any] = {}
        for name, kind, values in header:
            if values or kind == "string":
                types[name] = pa.string()
            else:
                types[name] = pa.timestamp("us") if kind == "date" else pa.float64()
        return pa.schema(list(types.items()))

    def _start(self, file: BinaryIO) -> None:
        _header(file, self._source)

    def _batches(self) -> Generator[pa.RecordBatch]:
        return self._tidied(super()._batches())

    def _texts(self, handle: Any) -> Generator[pa.RecordBatch]:
        return self._tidied(super()._texts(handle))

    def _tidied(self, batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
        """Batches whose texts have lost the blanks and quotes around them."""
        import pyarrow as pa

        texts = [j for j, field in enumerate(self._types) if field.type == pa.string()]
        for batch in batches:
            columns = batch.columns
            for j in texts:
                columns[j] = _tidy(columns[j])
            yield pa.RecordBatch.from_arrays(columns, names=self._types.names)


def _tidy(column: Any) -> Any:
    """A text column without blanks and quotes; `?` and nothing are null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return column
    coded = column.dictionary_encode()
    values = pc.utf8_trim_whitespace(coded.dictionary)
    missing = pc.match_substring_regex(values, r"^\??$")
    for quote in "'\"":
        values = pc.replace_substring_regex(values, f"^{quote}(.*){quote}$", r"\1")
    values = pc.replace_substring_regex(values, r"\\(.)", r"\1")
    return pc.if_else(missing, pa.nulls(len(values), pa.string()), values).take(coded.indices)


def _labels(values: Iterable[str]) -> dict[str, Hashable]:
    """Declared labels by their text: integers where all are."""
    values = list(values)
    whole = bool(values) and all(re.fullmatch(r"[+-]?\d+", value) for value in values)
    return {value: int(value) if whole else value for value in values}


def _header(file: BinaryIO, source: str) -> tuple[list[Attribute], str]:
    """Attributes, and the character that quotes; the file is left at the first data line."""
    attributes: list[Attribute] = []
    quotes = "'"
    for number, raw in enumerate(iter(file.readline, b""), 1):
        line = raw.decode("utf-8", "replace").strip()
        word = line.split(None, 1)[0].lower() if line else ""
        if word == "@data":
            if len(attributes) < 2:
                raise ValueError(f"{source}, line {number}: expected two or more attributes")
            return attributes, quotes
        if word == "@attribute":
            attributes.append(_attribute(line, f"{source}, line {number}"))
            quotes = '"' if '"' in line else quotes
        elif word and word != "@relation" and not word.startswith("%"):
            raise ValueError(f"{source}, line {number}: got {line[:60]!r}, expected an ARFF header")
    raise ValueError(f"{source}: no @data line, expected an ARFF file")


def _attribute(line: str, where: str) -> Attribute:
    match = _ATTRIBUTE.fullmatch(line)
    if match is None:
        raise ValueError(f"{where}: got {line[:60]!r}, expected @attribute name type")
    name, kind = _unquoted(match["name"]), match["type"].strip()
    if kind.startswith("{"):
        inner = kind[1:].partition("}")[0] if not kind.endswith("}") else kind[1:-1]
        values = tuple(_unquoted(m[1]) for m in _VALUE.finditer(inner) if m[1])
        if not values:
            raise ValueError(f"{where}: got no values, expected some between braces")
        return Attribute(name, "nominal", values)
    word = kind.split()[0].lower()
    if word not in (*_NUMBERS, "string", "date"):
        raise ValueError(
            f"{where}: got type {kind[:40]!r}, expected numeric, nominal, string, date"
        )
    return Attribute(name, word)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
