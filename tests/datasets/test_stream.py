"""Streams over memory and iterables, chunking, `as_stream`, names, and what imports load."""

import subprocess
import sys
from itertools import islice, pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from onlineml import datasets
from onlineml.datasets import (
    ArrayStream,
    Chunk,
    CSVStream,
    FrameStream,
    IterableStream,
    as_stream,
    compose,
    generators,
)
from onlineml.datasets.stream import rechunked

N_ROWS = 2500
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N_ROWS, 3))
X[::7, 1] = np.nan
WORDS = np.array(["red", "green", "blue"])[np.minimum(np.arange(N_ROWS) // 900, 2)]
Y = RNG.integers(0, 4, N_ROWS)
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "word": WORDS, "c": X[:, 2], "y": Y}
CODED = np.column_stack([X[:, 0], X[:, 1], np.minimum(np.arange(N_ROWS) // 900, 2), X[:, 2]])


def pairs():
    names = ["a", "b", "word", "c"]
    for i in range(N_ROWS):
        x = {name: COLUMNS[name][i] for name in names}
        x["word"] = str(x["word"])
        if i % 7 == 0:
            x["b"] = None
        if i % 14 == 7:
            del x["b"]
        yield x, int(Y[i])


SOURCES = {
    "arrays": lambda: ArrayStream(
        CODED, Y, names=("a", "b", "word", "c"), nominal={2: ("red", "green", "blue")}
    ),
    "pandas": lambda: FrameStream(pd.DataFrame(COLUMNS), target="y"),
    "pandas categories": lambda: FrameStream(
        pd.DataFrame(COLUMNS).astype({"word": "category"}), target="y"
    ),
    "pandas with an index": lambda: FrameStream(
        pd.DataFrame(COLUMNS, index=[f"r{i}" for i in range(N_ROWS)]), target="y"
    ),
    "polars": lambda: FrameStream(pl.DataFrame(COLUMNS), target="y"),
    "polars categories": lambda: FrameStream(
        pl.DataFrame(COLUMNS).with_columns(pl.col("word").cast(pl.Categorical)), target="y"
    ),
    "arrow": lambda: FrameStream(pa.table(COLUMNS), target="y"),
    "frame and labels": lambda: as_stream((pd.DataFrame(COLUMNS).drop(columns="y"), Y)),
    "list": lambda: IterableStream(list(pairs())),
    "function": lambda: IterableStream(pairs),
    "generator": lambda: IterableStream(pairs()),
}


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("source", list(SOURCES))
def test_every_source_gives_the_same_rows_in_any_chunks(source, size):
    stream = SOURCES[source]()
    chunks = list(stream.chunks(size))
    assert [len(c.X) for c in chunks[:-1]] == [size] * (len(chunks) - 1)
    np.testing.assert_array_equal(np.concatenate([c.X for c in chunks]), CODED)
    y = np.concatenate([c.y for c in chunks])
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, Y)
    assert stream.task == "classification"
    assert stream.schema.names == ("a", "b", "word", "c")
    assert stream.schema.nominal == {2: ("red", "green", "blue")}


def test_an_iterator_can_be_read_once():
    stream = IterableStream(pairs())
    assert sum(len(c.X) for c in stream.chunks(100)) == N_ROWS
    with pytest.raises(ValueError, match=r"iterator that was read before.*a function"):
        list(stream.chunks(100))


def test_rows_of_numbers_and_missing_values():
    stream = IterableStream([((1, None), "a"), (np.array([2.0, 3.0]), "b")])
    assert stream.schema.names is None
    np.testing.assert_array_equal(next(stream.chunks(5)).X, [[1, np.nan], [2, 3]])
    assert [y for _, y in stream] == ["a", "b"]


def mapping_rows(n, last):
    return [({"t": 1.0, "s": "u"}, 0)] * n + [last]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "got 'no rows'"),
        ([1, 2], r"row 1: got 1, expected a pair"),
        (mapping_rows(3, 5), r"row 4: got 5, expected a pair"),
        (mapping_rows(1500, ({"t": 1.0, "new": 2}, 0)), r"row 1501: got \['new'\].*`names`"),
        (mapping_rows(1500, ({"t": "warm"}, 0)), r"row 1501: x\['t'\]: got 'warm', expected a num"),
        (mapping_rows(1500, ({"t": "2"}, 0)), r"row 1501: x\['t'\]: got '2', expected a number"),
        (mapping_rows(1500, ({"t": [1]}, 0)), r"row 1501: x\['t'\]: got \[1\]"),
        (mapping_rows(1500, ({"t": np.inf}, 0)), r"row 1501, column 0: got inf"),
        (mapping_rows(1500, ({"t": 1.0}, None)), r"row 1501: y: got None, expected a class label"),
        (mapping_rows(1500, ((1.0, 2.0), 0)), r"row 1501: got \(1.0, 2.0\)"),
        ([((1.0, 2.0), 0), ((1.0,), 0)], r"row 2: got \(1.0,\), expected 2 numbers"),
    ],
)
def test_what_an_iterable_cannot_hold(source, message):
    with pytest.raises(ValueError, match=message):
        list(IterableStream(source).chunks(100))


def test_names_that_come_late_can_be_declared():
    rows = mapping_rows(1500, ({"new": 2.0}, 1))
    stream = IterableStream(rows, names=["t", "new", "s"])
    *_, last = stream.chunks(100)
    np.testing.assert_array_equal(last.X[-1], [np.nan, 2, np.nan])


@pytest.mark.parametrize(
    ("y", "task", "kind"),
    [
        ([True, False], "classification", "b"),
        ([1, 2], "classification", "i"),
        (["a", "b"], "classification", "O"),
        ([0.5, 1], "regression", "f"),
    ],
)
def test_labels_say_what_the_task_is(y, task, kind):
    for stream in (ArrayStream([[1], [2]], y), IterableStream(zip([[1], [2]], y))):
        assert stream.task == task
        labels = next(stream.chunks(5)).y
        assert labels.dtype.kind == kind
        assert labels.tolist() == y
        assert type(labels.tolist()[0]) is type(y[0])


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ([1.0], [1], {}, r"X: got .*numbers \(n_rows, n_features\)"),
        ([["a"]], [1], {}, "X: got"),
        ([[1.0]], [1, 2], {}, "y: got .*one label a row"),
        (np.empty((0, 2)), [], {}, "at least one row"),
        ([[1.0], [np.inf]], [1, 2], {}, "row 2, column 0: got inf, expected"),
        ([[1.0], [2.0]], [1.0, np.nan], {}, "row 2: y: got nan, expected a finite number"),
        ([[1.0], [2.0]], ["a", None], {}, "row 2: y: got None, expected a class label"),
        ([[1.0], [2.0]], [0, 2], {"task": "anomaly"}, "row 2: y: got 2, expected 0, or 1"),
        ([[1.0], [2.0]], ["a", "b"], {"task": "regression"}, "row 1: y: got 'a', expected a fin"),
        ([[1.0], [2.0]], [0, 1], {"task": "guess"}, "task: got 'guess'"),
        ([[1.0], [2.0]], [0, 1], {"time": [1.0]}, "time: got"),
    ],
)
def test_what_arrays_cannot_be(X, y, options, message):
    with pytest.raises(ValueError, match=message):
        list(ArrayStream(X, y, **options).chunks(5))


def test_frames_keep_times_and_name_what_is_wrong():
    frame = pd.DataFrame({"t": pd.to_datetime(["1970-01-02", None]), "x": [1, 2], "y": [1, 2]})
    chunk = next(FrameStream(frame, target="y", time="t").chunks(5))
    np.testing.assert_array_equal(chunk.time, [86400, np.nan])
    with pytest.raises(ValueError, match="target: got 'yy', expected another name; nearest: y"):
        FrameStream(frame, target="yy")
    with pytest.raises(ValueError, match="at least one row"):
        FrameStream(frame[:0], target="y")
    with pytest.raises(ValueError, match="a pandas, polars or Arrow table"):
        FrameStream(pl.LazyFrame({"x": [1]}), target="x")
    frame["x"] = [1, np.inf]
    with pytest.raises(ValueError, match="frame, row 2: column 'x': got inf"):
        list(FrameStream(frame, target="y").chunks(5))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_rechunking_moves_no_row(size):
    lengths = [0, 3, 1, 0, 7, 2]
    bounds = np.cumsum([0, *lengths])
    rows = np.arange(13.0)
    pieces = [Chunk(rows[a:b, None], rows[a:b], rows[a:b]) for a, b in pairwise(bounds)]
    chunks = list(rechunked(pieces, size))
    assert [len(c.y) for c in chunks[:-1]] == [size] * (len(chunks) - 1)
    for part in zip(*chunks):
        np.testing.assert_array_equal(np.concatenate(part).ravel(), rows)


def test_rechunking_holds_no_more_than_it_needs():
    alive = []

    def pieces():
        for i in range(100):
            alive.append(i)
            yield Chunk(np.full((10, 1), i), np.zeros(10))

    chunks = rechunked(pieces(), 25)
    for n_read in (3, 5, 8, 10):
        next(chunks)
        assert len(alive) == n_read
    with pytest.raises(ValueError, match="size: got 0, expected a whole number of rows"):
        next(rechunked(pieces(), 0))


def test_taking_the_first_rows():
    stream = ArrayStream(CODED, Y).take(10)
    assert stream.n_rows == 10
    assert [len(c.X) for c in stream.chunks(4)] == [4, 4, 2]
    assert [len(c.X) for c in stream.chunks(400)] == [10]
    assert len(list(stream)) == 10
    for n_rows in (0, 2.5):
        with pytest.raises(ValueError, match=f"n_rows: got {n_rows}"):
            stream.take(n_rows)


def test_as_stream_takes_every_source(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,a\n2,b\n")
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    pairs = [({"x": 1.0}, "a"), ({"x": 2.0}, "b")]
    stream = CSVStream(path, target="y")
    assert as_stream(stream) is stream
    for source in (path, str(path), frame, pl.DataFrame(frame), pa.table(dict(frame))):
        assert list(as_stream(source, "y")) == pairs
    for source in (pairs, lambda: iter(pairs), (frame[["x"]], frame["y"]), tuple(pairs)):
        assert list(as_stream(source)) == pairs
    assert [y for _, y in as_stream((frame[["x"]].to_numpy(), frame["y"].to_numpy()))] == ["a", "b"]
    assert as_stream("phishing").name == "phishing"


def test_as_stream_names_what_it_cannot_take(tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("x")
    with pytest.raises(ValueError, match=r"a name that ends in one of \.csv"):
        as_stream(notes)
    with pytest.raises(ValueError, match="got 'phising', expected another name; nearest: phishing"):
        as_stream("phising")
    with pytest.raises(ValueError, match="source: got 5, expected a stream, path"):
        as_stream(5)
    with pytest.raises(ValueError, match="option: got 'taks', expected another name; nearest"):
        as_stream([((1.0,), 0)], taks="anomaly")
    with pytest.raises(ValueError, match="option: got 'target', expected no options here"):
        as_stream(ArrayStream(CODED, Y), "y")


def test_names_tell_what_load_gives():
    known = datasets.names()
    assert {entry.kind for entry in known.values()} == {"bundled", "generator", "remote"}
    for name, entry in known.items():
        assert name == name.lower().replace(" ", "_")
        assert entry.description
        assert "\n" not in entry.description
        assert not entry.description.endswith(".")
        if entry.kind == "generator":
            stream = datasets.load(name)
            assert (stream.task, stream.schema.n_features) == (entry.task, entry.n_features)
            assert stream.n_rows == entry.n_rows


def test_generators_and_recipes_are_known_by_name():
    known = datasets.names()
    for name in ("sea", "led", "random_rbf", "sea_a", "agr_g", "hyper"):
        assert known[name].kind == "generator"
    a, b = (list(islice(datasets.load("sea", seed=seed), 5)) for seed in (1, 2))
    assert a != b


def test_an_unknown_name_or_option_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="stream: got 'sea_aa', expected another name; nearest: s"):
        datasets.load("sea_aa")
    with pytest.raises(ValueError, match="option: got 'sed', expected another name; nearest: seed"):
        datasets.load("sea", sed=1)
    with pytest.raises(ValueError, match="option: got 'seed', expected no options"):
        datasets.load("bananas", seed=1)
    with pytest.raises(ValueError, match="variant: got 'abrupt', expected another name"):
        datasets.load("insects", variant="abrupt")


def test_the_package_gives_its_rooms_names():
    for room in (compose, generators):
        assert set(room.__all__) <= set(datasets.__all__) <= set(dir(datasets))
    for name in datasets.__all__:
        assert getattr(datasets, name).__name__ == name
    assert "as_stream" in dir(datasets)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = datasets.Nothing


def test_importing_the_package_loads_nothing_heavy():
    code = """
import sys
import onlineml.datasets
heavy = {"pandas", "polars", "pyarrow", "river", "sklearn", "torch", "numba", "rich", "narwhals"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
from onlineml.datasets import load, names
assert names()["digits"].n_features == 64
assert not (heavy - {"numba"}) & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
