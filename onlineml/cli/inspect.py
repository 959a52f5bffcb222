"""`onlineml inspect`: what a model file holds. Nothing in it is built or run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click


@click.command("inspect")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The whole header as JSON.")
def command(file: Path, as_json: bool) -> None:
    """Show what the model FILE holds, without running it."""
    from onlineml.persistence import read_header

    header = read_header(file)
    if as_json:
        click.echo(json.dumps(header, indent=2))
        return
    pairs = list(_described(header))
    width = max(len(key) for key, _ in pairs)
    click.echo(f"{file}: digest ok")
    for key, value in pairs:
        click.echo(f"  {key:<{width}}  {value}")


def _described(header: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from onlineml.evaluation.report.svg import short_bytes

    yield "class", header["class"] + (f" of {header['of']}" if "of" in header else "")
    yield "written by", f"onlineml {header['onlineml']}"
    for name, value in plain(header.get("params", {})).items():
        yield f"  {name}", f"{value}"
    state = plain(header.get("state", {}))
    schema = state.get("schema_")
    if schema is None:
        yield "state", "none: the model has seen no data"
    else:
        yield from _columns(schema)
    if "classes_" in state:
        yield "classes", _listed(state["classes_"])
    for name, value in header.get("extra", {}).items():
        yield name, f"{value}"
    arrays = sum(1 for _ in _arrays(header.get("state", {})))
    size = f"{short_bytes(header['file_bytes'])} ({arrays} arrays)"
    if "nbytes" in header:
        size += f"; {short_bytes(header['nbytes'])} in memory"
    yield "size", size


def _columns(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    nominal = {column: values for column, values in schema["nominal"]}
    yield "features", f"{schema['n_features']} ({len(nominal)} nominal)"
    names = schema["names"]
    if names is None:
        return
    shown = [f"{name}: {_listed(nominal[j])}" if j in nominal else name
             for j, name in enumerate(names)]  # fmt: skip
    for name in shown[:20]:
        yield "", name
    if len(shown) > 20:
        yield "", f"... and {len(shown) - 20} more"


def _listed(values: list[Any]) -> str:
    text = ", ".join(map(str, values[:12]))
    return text + (f", ... {len(values)} in all" if len(values) > 12 else "")


def plain(value: Any) -> Any:
    """A value of a header as it was before it was packed; arrays stay named."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$mapping" in value:
        return {plain(key): plain(item) for key, item in value["$mapping"]}
    if "$tuple" in value:
        return tuple(plain(item) for item in value["$tuple"])
    if "$estimator" in value:
        params = ", ".join(f"{key}={plain(item)!r}" for key, item in value["params"].items())
        return _Shown(f"{value['$estimator']}({params})")
    return {key: plain(item) for key, item in value.items()}


class _Shown(str):
    """Text that shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _arrays(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "$array" in value:
        yield value["$array"]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _arrays(item)
