"""Models and streams that users write as text; what is wrong with them is a user's mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from onlineml.cli.mistakes import Mistake, one_line

Plain = dict[str, Any]
_GRAPHS = (".yaml", ".yml")


@contextmanager
def _as_mistakes() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Mistake(one_line(error)) from error


def parse(text: str) -> Plain:
    """What `onlineml.graph.specs.parse` reads, or the graph in a YAML file."""
    from onlineml.graph import specs

    with _as_mistakes():
        if not is_graph_file(text):
            return specs.parse(text)
        from onlineml.graph import document

        plain = load_yaml(Path(text).read_text(encoding="utf-8"))
    if not isinstance(plain, dict) or "nodes" not in plain:
        raise Mistake(f"{text}: got no nodes, expected a graph")
    return {key: plain[key] for key in document.KEYS if key in plain}


def load_yaml(text: str) -> Any:
    """Plain values of a YAML text; `ValueError` where it cannot be read."""
    from onlineml.graph import document

    return document.load_yaml(text)


def is_graph_file(text: str) -> bool:
    """Whether a model is given by the file of a graph."""
    return text.endswith(_GRAPHS) and "(" not in text


def written(spec: Mapping[str, Any]) -> str:
    """The text that `parse` reads as `spec`: the name that tables and files show."""
    from onlineml.graph import specs

    return specs.written(spec)


def build_model(spec: Mapping[str, Any]) -> Any:
    """The estimator that `spec` describes, unfitted."""
    from onlineml.graph import specs

    with _as_mistakes():
        return specs.build_model(spec)


def file_and_options(text: str) -> tuple[str, str]:
    """The file in `data.csv(on_error=skip)`, and the rest as `parse` reads it; "" where none is."""
    if is_file(text):
        return text, ""
    places = [i for i, letter in enumerate(text) if letter == "("]
    for i in (*(i for i in places if Path(text[:i]).is_file()), *places[:1]):
        if is_file(text[:i]) and text.rstrip().endswith(")"):
            return text[:i], f"options{text[i:]}"
    return "", ""


def as_text(value: Any) -> Any:
    """A word that was written without quotes as text; all else as it is."""
    bare = isinstance(value, dict) and value.keys() == {"name", "params"} and not value["params"]
    return value["name"] if bare else value


def is_file(text: str) -> bool:
    """Whether a stream is given by its file, not by its name."""
    return Path(text).is_file() or ("(" not in text and ("/" in text or "." in text))
