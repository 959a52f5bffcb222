"""The figures as tables, in a form that can be pasted into a README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table


def throughput_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """One line a measurement, with the ratios to the peers on the same model and stream."""
    table = _table(
        "stream", "model", "system", "k rows/CPU-s", "k rows/s", "accuracy %", "peak MB",
        "x river", "x MOA",
    )  # fmt: skip
    speeds = {
        (r["stream"], r["model"], r["system"]): r["rows_per_cpu_s"]
        for r in results
        if "error" not in r and r["system"] != "onlineml"
    }
    for r in results:
        name = r["system"] if r["system"] != "onlineml" else f"onlineml, {r['mode']}"
        if "error" in r:
            table.add_row(r["stream"], r["model"], name, *["failed"] + [""] * 5)
            continue
        ratios = [
            _ratio(r["rows_per_cpu_s"], speeds.get((r["stream"], r["model"], peer)))
            for peer in ("river", "MOA")
        ]
        table.add_row(
            r["stream"],
            r["model"],
            name,
            f"{r['rows_per_cpu_s'] / 1e3:,.1f}",
            f"{r['rows_per_wall_s'] / 1e3:,.1f}",
            "" if r["accuracy"] is None else f"{100 * r['accuracy']:.3f}",
            f"{r['peak_mb']:,.0f}",
            *(ratios if r["system"] == "onlineml" else ["", ""]),
        )
    return table


def accuracy_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """One line a system: mean accuracy, and what ours has more, in points."""
    table = _table("stream", "model", "system", "seeds", "accuracy %", "ours more", "s.e.")
    for line in lines:
        more = [f"{100 * line[name]:.3f}" if name in line else "" for name in ("gap", "error")]
        table.add_row(
            line["stream"], line["model"], line["system"], str(line["seeds"]),
            f"{100 * line['accuracy']:.3f}", *more,
        )  # fmt: skip
    return table


def latency_table(latencies: Mapping[str, Mapping[str, float]]) -> Table:
    """Microseconds of one `predict_one` and one `fit_one`."""
    table = _table("one row, 10 features", "array, µs", "dict, µs")
    for name, times in latencies.items():
        table.add_row(name, f"{times['array']:.2f}", f"{times['dict']:.2f}")
    return table


def figures_table(figures: Sequence[tuple[str, str]]) -> Table:
    """Name and figure."""
    table = _table("what", "figure")
    for line in figures:
        table.add_row(*line)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.MARKDOWN)
    for column in columns:
        table.add_column(column, justify="left" if column in _WORDS else "right", no_wrap=True)
    return table


_WORDS = {"stream", "model", "system", "what", "one row, 10 features"}


def _ratio(speed: float, peer: float | None) -> str:
    return "" if peer is None else f"{speed / peer:,.1f}"
