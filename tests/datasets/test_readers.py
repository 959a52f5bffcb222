"""Files of every format against a naive reading with the csv module."""

import bz2
import csv
import gzip
import lzma
import math
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from onlineml.datasets import ARFFStream, ArrowStream, CSVStream, ParquetStream, as_stream

N_ROWS = 3000


def table():
    """Numbers with gaps, text whose values come late, booleans, integer-like text, labels."""
    rng = np.random.default_rng(7)
    rows = []
    for i in range(N_ROWS):
        temp = None if i % 13 == 5 else round(float(rng.normal()), 6)
        sky = None if i % 17 == 3 else ["clear", "grey, dull", "rain", "hail"][i // 800 * i % 4]
        rows.append([temp, int(rng.integers(-5, 5)), sky, bool(i % 3), 100.5 + i, "yn"[i % 5 == 0]])
    return ["temp", "wind", "sky", "open", "clock", "class"], rows


NAMES, ROWS = table()


def write_csv(path, opener=open):
    with opener(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for row in ROWS:
            writer.writerow(["" if v is None else str(v).lower() if v in (True, False) and
                             isinstance(v, bool) else v for v in row])  # fmt: skip
    return path


def write_arff(path):
    with open(path, "w") as file:
        file.write("% a comment\n@RELATION 'the weather'\n\n@attribute temp NUMERIC\n")
        file.write(
            "@attribute 'wind' integer\n@attribute sky string\n@attribute open {false,true}\n"
        )
        file.write("@attribute clock real\n@attribute class {y, 'n'}\n@data\n% and another\n")
        for i, row in enumerate(ROWS):
            cells = ["?" if v is None else str(v).lower() if isinstance(v, bool) else
                     f"'{v}'" if " " in str(v) else str(v) for v in row]  # fmt: skip
            comma = ", " if i % 2 and "dull" not in str(row[2]) else ","
            file.write(comma.join(cells) + ("\n\n" if i == 9 else "\n"))
            if i == 20:
                file.write("% in the middle\n")
    return path


def arrow_table():
    return pa.table(dict(zip(NAMES, map(list, zip(*ROWS)))))


def write_parquet(path):
    pyarrow.parquet.write_table(arrow_table(), path, row_group_size=700)
    return path


def write_arrow(path):
    pyarrow.feather.write_feather(arrow_table(), path, chunksize=700)
    return path


WRITERS = {
    "csv": (write_csv, "w.csv", CSVStream),
    "csv skip": (write_csv, "w.csv", lambda path, **o: CSVStream(path, on_error="skip", **o)),
    "arff": (write_arff, "w.arff", lambda path, target, **o: ARFFStream(path, **o)),
    "parquet": (write_parquet, "w.parquet", ParquetStream),
    "arrow": (write_arrow, "w.arrow", ArrowStream),
}


@pytest.fixture(params=list(WRITERS))
def stream(request, tmp_path):
    write, name, reader = WRITERS[request.param]
    return reader(write(tmp_path / name), target="class", time="clock")


def naive_rows():
    """Each row by hand: text coded by order of appearance."""
    skies = {}
    X, y, time = [], [], []
    for temp, wind, sky, is_open, clock, label in ROWS:
        code = math.nan if sky is None else skies.setdefault(sky, len(skies))
        X.append([math.nan if temp is None else temp, wind, code, is_open])
        y.append(label)
        time.append(clock)
    return np.array(X, float), y, np.array(time), tuple(skies)


def joined(stream, size):
    chunks = list(stream.chunks(size))
    assert [len(c.X) for c in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert all(c.X.dtype == float and c.X.flags.c_contiguous for c in chunks)
    X, y, time = (np.concatenate(parts) for parts in zip(*chunks))
    return X, y.tolist(), time


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_every_reader_gives_the_naive_rows_in_any_chunks(stream, size):
    X, y, time, skies = naive_rows()
    got_X, got_y, got_time = joined(stream, size)
    np.testing.assert_array_equal(got_X, X)
    assert got_y == y
    assert {type(label) for label in got_y} == {str}
    np.testing.assert_array_equal(got_time, time)
    assert stream.schema.nominal[2] == skies
    assert stream.n_rows == N_ROWS


def test_every_reader_says_the_same_of_its_columns(stream):
    assert stream.task == "classification"
    assert stream.name == "w"
    assert stream.schema.names == ("temp", "wind", "sky", "open")


def test_every_reader_gives_mappings_and_labels(stream):
    for (x, y), row in zip(stream, ROWS):
        values = dict(zip(NAMES[:3], row[:3]))
        assert {name: x[name] for name in values} == values
        assert y == row[5]


def test_a_second_pass_keeps_the_codes_of_the_first(stream):
    list(stream.chunks(50))
    nominal = stream.schema.nominal
    first = next(stream.chunks(5))
    np.testing.assert_array_equal(first.X, naive_rows()[0][:5])
    assert stream.schema.nominal == nominal


@pytest.mark.parametrize("packed", [".gz", ".bz2", ".xz", ".zip"])
def test_packed_csv_reads_like_plain(tmp_path, packed):
    plain = write_csv(tmp_path / "w.csv")
    path = tmp_path / f"w.csv{packed}"
    if packed == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, "w.csv")
    else:
        opener = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[packed].open
        with opener(path, "wb") as file:
            file.write(plain.read_bytes())
    a, b = (joined(CSVStream(p, target="class", time="clock"), 1000) for p in (plain, path))
    np.testing.assert_array_equal(a[0], b[0])
    assert a[1] == b[1]
    assert CSVStream(path, target="class").name == "w"


def test_packed_arff_reads_like_plain(tmp_path):
    plain = write_arff(tmp_path / "w.arff")
    packed = tmp_path / "w.arff.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    a, b = (next(ARFFStream(p, time="clock").chunks(N_ROWS)) for p in (plain, packed))
    np.testing.assert_array_equal(a.X, b.X)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_long_csv_is_read_in_little_memory(tmp_path, on_error):
    path = tmp_path / "long.csv"
    line = ",".join(["0.123456"] * 10)
    path.write_text(",".join([*"abcdefghij", "y"]) + "\n" + f"{line},u\n{line},v\n" * 180_000)
    stream = CSVStream(path, target="y", on_error=on_error)
    pool = pa.default_memory_pool()
    before, most, n_rows = pool.bytes_allocated(), 0, 0
    tracemalloc.start()
    try:
        for chunk in stream.chunks(1000):
            n_rows += len(chunk.X)
            most = max(most, pool.bytes_allocated() - before)
        python = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_rows == 360_000  # 33 MB of text, 32 MB as numbers
    assert most < 12e6
    assert python < 16e6  # most of it read ahead


def write(path, text):
    path.write_text(text)
    return path


def test_labels_keep_their_type(tmp_path):
    path = write(tmp_path / "a.csv", "x,i,b,f,s\n1,7,true,0.5,u\n2,8,false,1.5,v\n")
    labels = {y: next(CSVStream(path, target=y).chunks(9)).y.tolist() for y in "ibfs"}
    assert labels == {"i": [7, 8], "b": [True, False], "f": [0.5, 1.5], "s": ["u", "v"]}
    assert [type(labels[y][0]) for y in "ibfs"] == [int, bool, float, str]
    tasks = [CSVStream(path, target=y).task for y in "ibfs"]
    assert tasks == ["classification", "classification", "regression", "classification"]


def test_integers_of_many_values_are_numbers_to_predict(tmp_path):
    path = write(tmp_path / "a.csv", "x,y\n" + "".join(f"1,{i}\n" for i in range(60)))
    assert CSVStream(path, target="y").task == "regression"
    assert CSVStream(path, target="y", task="classification").task == "classification"


def test_an_integer_column_may_turn_out_to_hold_fractions(tmp_path):
    path = write(tmp_path / "a.csv", "x,y\n" + "1,0\n" * 300_000 + "1.25,1\n")
    *_, last = CSVStream(path, target="y").chunks(1000)
    assert last.X[-1, 0] == 1.25


def test_declared_nominal_columns(tmp_path):
    path = write(tmp_path / "a.csv", "zip,k,y\n02,5,a\n10,6,b\n02,5,a\n")
    stream = CSVStream(path, target="y", nominal=["zip"])
    assert next(stream.chunks(9)).X.tolist() == [[0, 5], [1, 6], [0, 5]]
    assert stream.schema.nominal == {0: ("02", "10")}
    stream = CSVStream(path, target="y", nominal={"k": [6, 5]})
    assert stream.schema.nominal == {1: (6, 5)}
    assert next(stream.chunks(9)).X[:, 1].tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match=r"a\.csv, row 2: column 'k': got 6, expected one of its"):
        list(CSVStream(path, target="y", nominal={"k": [5]}).chunks(2))


def test_times_and_dates_become_seconds(tmp_path):
    path = write(tmp_path / "a.csv", "at,day,y\n1970-01-01T01:00:00,1970-01-02,1\n,1970-01-03,2\n")
    chunk = next(CSVStream(path, target="y", time="at").chunks(9))
    np.testing.assert_array_equal(chunk.time, [3600, np.nan])
    assert chunk.X.tolist() == [[86400], [172800]]


def test_a_file_without_header_and_one_with_tabs(tmp_path):
    path = write(tmp_path / "a.data", "1,2,u\n3,4,v\n")
    stream = CSVStream(path, target="y", names=["a", "b", "y"], drop=["b"])
    assert list(stream) == [({"a": 1.0}, "u"), ({"a": 3.0}, "v")]
    path = write(tmp_path / "a.tsv", "a\ty\n1\tu\n")
    assert list(CSVStream(path, target="y")) == [({"a": 1.0}, "u")]


GOOD = "1.5,clear,0\n" * 30_000 + "2.5,grey,1\n" * 90_000  # 1.4 MB: more than one block
BROKEN = {
    "cells": ("1.5,clear\n", "got 2 cells, expected 3"),
    "more cells": ("1.5,clear,0,7\n", "got 4 cells, expected 3"),
    "text": ("abc,clear,0\n", "column 'temp': got 'abc', expected a number"),
    "infinite": ("inf,clear,0\n", "column 'temp': got inf, expected a finite number"),
    "huge": ("1e999,clear,0\n", "column 'temp': got inf, expected a finite number"),
    "no label": ("1.5,clear,\n", "column 'y': the target is missing"),
    "label": ("1.5,clear,maybe\n", "column 'y': got 'maybe', expected a whole number"),
}


@pytest.mark.parametrize("n_before", [3, 110_000])
@pytest.mark.parametrize("what", list(BROKEN))
def test_a_broken_line_is_named_or_skipped(tmp_path, what, n_before):
    lines = GOOD.splitlines(keepends=True)
    line, message = BROKEN[what]
    lines.insert(n_before, line)
    lines.insert(n_before + 2, line)
    path = write(tmp_path / "a.csv", "temp,sky,y\n" + "".join(lines))
    target = {"target": "y", "task": "classification"}
    if what == "label" and n_before == 3:
        return  # a label column that shows text from the start is text
    with pytest.raises(ValueError, match=r"expected|missing") as error:
        list(CSVStream(path, **target).chunks(1000))
    assert str(error.value) == (
        f"{path}, row {n_before + 1}: {message}; on_error='skip' leaves such rows out"
    )
    stream = CSVStream(path, on_error="skip", **target)
    X = np.concatenate([chunk.X for chunk in stream.chunks(1000)])
    assert X[:, 0].tolist() == [1.5] * 30_000 + [2.5] * 90_000
    assert stream.n_skipped == 2
    list(stream.chunks(1000))
    assert stream.n_skipped == 2


def test_the_first_of_several_broken_lines_is_named(tmp_path):
    lines = GOOD.splitlines(keepends=True)
    lines[5:5] = ["9\n", "abc,clear,0\n"]
    path = write(tmp_path / "a.csv", "temp,sky,y\n" + "".join(lines))
    with pytest.raises(ValueError, match=r"row 6: got 1 cells"):
        list(CSVStream(path, target="y").chunks(1000))
    lines[5:7] = ["abc,clear,0\n", "9\n"]
    path = write(tmp_path / "a.csv", "temp,sky,y\n" + "".join(lines))
    with pytest.raises(ValueError, match=r"row 6: column 'temp': got 'abc'"):
        list(CSVStream(path, target="y").chunks(1000))


def test_a_nearly_numeric_column_can_be_declared_nominal(tmp_path):
    path = write(tmp_path / "a.csv", "house,y\n12,0\n13,1\n12a,0\n")
    with pytest.raises(ValueError, match=r"row 3: column 'house': got '12a', expected a number"):
        list(CSVStream(path, target="y").chunks(2))
    stream = CSVStream(path, target="y", nominal=["house"])
    assert [x["house"] for x, _ in stream] == ["12", "13", "12a"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "a.csv: got 'no rows', expected at least one row"),
        ("x,y\n", {}, "a.csv: got 'no rows', expected at least one row"),
        ("x,y\n1,2,3\n", {}, "a.csv, row 1: got 3 cells, expected 2 (and no row is whole)"),
        ('x,y\n"1,2\n3,4\n', {}, "a.csv, row 1: got 1 cells, expected 2"),
        ("temp,wind,class\n1,2,3\n", {"target": "clas"}, "nearest: class"),
        ("temp,wind,class\n1,2,3\n", {"target": None}, "the label's column: temp, wind, class"),
        ("x,y\n1,2\n", {"nominal": ["z"]}, "nominal: got 'z', expected one of x, y"),
        ("x,y\n1,2\n", {"time": "z"}, "time: got 'z', expected one of x, y"),
        ("x,s,y\n1,a,2\n", {"time": "s"}, "time column 's': got 'string', expected numbers or ISO"),
        ("x,y\n1,2\n", {"drop": ["x"]}, "at least one feature"),
        ("x,x,y\n1,2,3\n", {}, "columns: got 'x', expected different names"),
        ("x,y\n1,2\n", {"task": "guess"}, "task: got 'guess', expected one of classification"),
        ("x,y\n1,2\n", {"on_error": "ignore"}, "on_error: got 'ignore', expected 'raise' or"),
    ],
)
def test_what_a_csv_cannot_be(tmp_path, text, options, message):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(ValueError, match="got") as error:
        CSVStream(path, **{"target": "y", **options})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["x,s,y\n1,é,2\n", "x,s,y\n1,2\n1,é\n", "é,y\n1,2\n", "a,y\n1,\0"])
def test_bytes_that_are_no_text_are_named_by_line(tmp_path, text, capfd):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.csv, line [123]: got 'bytes that are no text'"):
        CSVStream(path, target="y")
    assert not capfd.readouterr().err


def test_one_column_with_another_delimiter_in_its_name(tmp_path):
    path = write(tmp_path / "a.csv", "a;b;y\n1;2;0\n")
    with pytest.raises(ValueError, match=r"a\.csv: columns: got \['a;b;y'\].*delimiter=';'"):
        CSVStream(path, target="y")
    assert CSVStream(path, target="y", delimiter=";").schema.names == ("a", "b")


def test_a_target_without_values_is_told_before_a_task_is_guessed(tmp_path):
    path = write(tmp_path / "a.csv", "a,y\n1,\n2,\n")
    with pytest.raises(ValueError, match="row 1: column 'y': the target is missing"):
        CSVStream(path, target="y")
    assert CSVStream(path, target="y", on_error="skip").task == "regression"


def test_anomaly_labels_are_zero_or_one(tmp_path):
    path = write(tmp_path / "a.csv", "x,y\n1,0\n2,1\n3,2\n")
    with pytest.raises(ValueError, match=r"row 3: column 'y': got 2, expected 0, or 1"):
        list(CSVStream(path, target="y", task="anomaly").chunks(9))
    assert next(CSVStream(path, target="x", task="regression").chunks(9)).y.tolist() == [1, 2, 3]


def test_text_is_no_number_to_predict(tmp_path):
    path = write(tmp_path / "a.csv", "x,y\n1,low\n")
    with pytest.raises(ValueError, match=r"row 1: column 'y': got 'low', expected a number"):
        list(CSVStream(path, target="y", task="regression").chunks(9))
    pyarrow.parquet.write_table(pa.table({"x": [1], "y": ["low"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"row 1: column 'y': got 'low', expected a number"):
        list(ParquetStream(tmp_path / "a.parquet", target="y", task="regression").chunks(9))


@pytest.mark.parametrize("reader", [CSVStream, ARFFStream, ParquetStream, ArrowStream])
def test_no_file_an_empty_one_and_a_damaged_one(tmp_path, reader):
    with pytest.raises(ValueError, match=r"path: got .*a file that exists"):
        reader(tmp_path / "none.x", target="y")
    with pytest.raises(ValueError, match="a file, not a folder"):
        reader(tmp_path, target="y")
    with pytest.raises(ValueError, match=r"empty\.x"):
        reader(write(tmp_path / "empty.x", ""), target="y")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"x,y\n1,2\n" * 1000)[:30])
    with pytest.raises(ValueError, match=r"broken\.gz"):
        reader(broken, target="y")


def test_infinite_numbers_in_parquet_are_named(tmp_path):
    values = np.zeros(40_000)
    values[35_000] = np.inf
    pyarrow.parquet.write_table(pa.table({"x": values, "y": values > 1}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"row 35001: column 'x': got inf, expected a finite"):
        list(ParquetStream(tmp_path / "a.parquet", target="y").chunks(1000))


def test_columns_of_other_types_are_named(tmp_path):
    pyarrow.parquet.write_table(pa.table({"x": [[1, 2]], "y": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"column 'x': got 'list<.*expected numbers, times"):
        ParquetStream(tmp_path / "a.parquet", target="y")


def test_dictionary_columns_are_coded_by_appearance(tmp_path):
    words = pa.DictionaryArray.from_arrays([2, 0, None, 2], ["a", "b", "c"])
    pyarrow.feather.write_feather(pa.table({"w": words, "y": [1, 2, 3, 4]}), tmp_path / "a.arrow")
    stream = ArrowStream(tmp_path / "a.arrow", target="y")
    np.testing.assert_array_equal(next(stream.chunks(9)).X[:, 0], [0, 1, np.nan, 0])
    assert stream.schema.nominal == {0: ("c", "a")}


def test_an_ipc_stream_is_read_too(tmp_path):
    with pa.ipc.new_stream(str(tmp_path / "a.arrows"), arrow_table().schema) as sink:
        sink.write_table(arrow_table())
    X = joined(ArrowStream(tmp_path / "a.arrows", target="class", time="clock"), 1000)[0]
    np.testing.assert_array_equal(X, naive_rows()[0])


HEADER = (
    "@relation r\n@attribute a numeric\n@attribute 'b c' {'x y',z}\n@attribute y {0,1}\n@data\n"
)


def test_arff_codes_values_as_its_header_says(tmp_path):
    path = write(tmp_path / "a.arff", HEADER + "1, z ,1\n?,'x y', 0\n 2 ,?,1\n")
    stream = ARFFStream(path)
    assert stream.schema.nominal == {1: ("x y", "z")}
    assert stream.schema.classes == (0, 1)
    X, y, _ = next(stream.chunks(9))
    np.testing.assert_array_equal(X, [[1, 1], [np.nan, 0], [2, np.nan]])
    assert y.tolist() == [1, 0, 1]
    assert y.dtype == np.int64
    assert ARFFStream(path, target="a").task == "regression"


def test_arff_dates_and_double_quotes(tmp_path):
    text = (
        '@relation r\n@attribute d date\n@attribute "a b" {"u, v",w}\n@attribute y numeric\n@data\n'
    )
    path = write(tmp_path / "a.arff", text + '1970-01-01T00:01:00,"u, v",1.5\n')
    X, y, _ = next(ARFFStream(path).chunks(9))
    assert (X.tolist(), y.tolist()) == ([[60, 0]], [1.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "line 1: got 'x,y', expected an ARFF header"),
        ("@relation r\n@attribute a numeric\n", "no @data line"),
        ("@relation r\n@attribute a numeric\n@data\n1\n", "two or more attributes"),
        ("@relation r\n@attribute a relational\n@data\n", "line 2: got type 'relational'"),
        ("@relation r\n@attribute a {}\n@data\n", "line 2: got no values"),
        (HEADER + "{0 1, 2 1}\n", "sparse ARFF is not read"),
        (HEADER, "expected at least one row"),
        (HEADER + "1,z,1\n% note\n1,q,0\n", "row 2: column 'b c': got 'q', expected one of its 2"),
        (HEADER + "1,z,1\n1,z,2\n", "row 2: column 'y': got '2', expected one of its declared"),
        (HEADER + "1,z,1\n% note\n1,z\n", "row 2: got 2 cells, expected 3"),
        (HEADER + "% note\n1,z,1\nabc,z,0\n", "row 2: column 'a': got 'abc', expected a number"),
        (HEADER + "1,z,1\n1,z,?\n", "row 2: column 'y': the target is missing"),
    ],
)
def test_what_an_arff_cannot_be(tmp_path, text, message):
    path = write(tmp_path / "a.arff", text)
    with pytest.raises(ValueError, match=r"expected|missing") as error:
        list(ARFFStream(path).chunks(100))
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


def test_arff_skips_broken_rows(tmp_path):
    path = write(tmp_path / "a.arff", HEADER + "1,z,1\n% note\n1,q,0\n2,z\nabc,z,0\n3,z,0\n")
    stream = ARFFStream(path, on_error="skip")
    assert [x["a"] for x, _ in stream] == [1, 3]
    assert stream.n_skipped == 3


def test_reading_files_imports_no_pandas(tmp_path):
    paths = [write(tmp_path / name) for write, name, _ in WRITERS.values()]
    code = f"""
import sys
from onlineml.datasets import as_stream
for path in {sorted({str(path) for path in paths})!r}:
    n = sum(len(chunk.X) for chunk in as_stream(path, target="class", time="clock").chunks(100))
    assert n == {N_ROWS}
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("reader", ["csv", "csv skip", "parquet", "arrow"])
def test_the_schema_knows_the_first_values_and_grows_with_later_ones(tmp_path, reader):
    words = ["b"] * 50_000 + ["a"] * 100_000 + ["late"]
    path = tmp_path / "a"
    rows = pa.table({"word": words, "y": [0] * len(words)})
    if reader.startswith("csv"):
        path.write_text("word,y\n" + "".join(f"{word},0\n" for word in words))
    elif reader == "parquet":
        pyarrow.parquet.write_table(rows, path)
    else:
        pyarrow.feather.write_feather(rows, path, chunksize=1000)
    stream = WRITERS[reader][2](path, target="y")
    assert stream.schema.nominal == {0: ("b", "a")}
    assert stream.schema is stream.schema
    *_, last = stream.chunks(1000)
    assert stream.schema.nominal == {0: ("b", "a", "late")}
    assert last.X[-1, 0] == 2


def test_frames_with_values_of_several_types_and_names_with_spaces():
    mixed = pandas.DataFrame({"a": [1, "x"], "y": [0, 1]})
    with pytest.raises(ValueError, match=r"^frame: .*'x' with type str.*column a"):
        as_stream(mixed, target="y")
    with pytest.raises(ValueError, match="nearest: ' y'"):
        as_stream(pandas.DataFrame({"a": [1, 2], " y": [0, 1]}), target="y")


def test_frames_whose_columns_are_numbers():
    frame = pandas.DataFrame([[1.0, 5.0, 0], [2.0, 3.0, 1]]).astype({2: int})
    stream = as_stream(frame, target=2)
    assert stream.schema.names == ("0", "1")
    assert next(stream.chunks(2)).y.tolist() == [0, 1]
    assert as_stream(frame, target=2, drop=[0]).schema.names == ("1",)
    frame["label"] = ["a", "b"]
    assert as_stream(frame, target="label").schema.names == ("0", "1", "2")
    assert as_stream((frame[[0, 1]], ["a", "b"])).schema.names == ("0", "1")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_blanks_around_names_of_a_header_do_not_count(tmp_path, on_error):
    path = tmp_path / "blanks.csv"
    path.write_text("a, b ,\tsky, go\n1, 2,red,yes\n3, 4,blue,no\n")
    stream = CSVStream(path, target="go", nominal=["b"], drop=["a"], on_error=on_error)
    assert stream.schema.names == ("b", "sky")
    assert [(x["sky"], y) for x, y in stream] == [("red", "yes"), ("blue", "no")]
    named = CSVStream(path, names=["a", "b ", "sky", "go"], target="go", on_error=on_error)
    assert named.schema.names == ("a", "b ", "sky")
