"""Detectors of anomalies beside PySAD, river and CapyMOA: `python -m benchmarks.anomaly --help`.

Each row is scored, then learned, in one thread. Ours are fed chunks, which gives what rows one by
one give, bit for bit. Peers are fed rows, for `--seconds` of CPU time on each stream: those that
are slow see its beginning only, and ours are set beside them on the same rows.
"""

from __future__ import annotations

import inspect
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import anomaly_streams as streams
from benchmarks.anomaly_peers import SYSTEMS, Course, Peer, missing, peers, walked
from onlineml import detectors
from onlineml.base import Detector
from onlineml.evaluation import nab_score
from onlineml.evaluation.nab import PROFILES
from onlineml.registry import estimators

Score = Callable[[Any], Any]  # rows -> scores, each given before its row is learned
#: Settings of peers that are not our defaults.
VARIANTS = {"HalfSpaceTrees 10x8": {"n_trees": 10, "height": 8}}


def ours(width: int) -> dict[str, Callable[[], Score]]:
    """Our detectors of rows, or of numbers, with their defaults and seed 0."""

    def maker(kind: type[Detector], params: dict[str, Any]) -> Callable[[], Score]:
        def make() -> Score:
            model: Any = kind(**params)
            if "seed" in model.get_params(deep=False):
                model.set_params(seed=0)
            model.clone().score_fit_many(np.random.default_rng(0).random((300, width)))
            return lambda X: model.score_fit_many(X)

        return make

    takes = 1 if width == 1 else None
    every = {name: estimators().get(name) for name in detectors.__all__}
    kinds = {
        name: kind
        for name, kind in every.items()
        if kind is not None
        and issubclass(kind, Detector)
        and kind._n_inputs == takes
        and all(p.default is not p.empty for p in inspect.signature(kind).parameters.values())
    }
    variants = {
        name: maker(kinds[name.partition(" ")[0]], params)
        for name, params in VARIANTS.items()
        if name.partition(" ")[0] in kinds
    }
    return {name: maker(kind, {}) for name, kind in kinds.items()} | variants


def entrants(width: int, only: str) -> Iterator[tuple[str, Callable[[], Score]]]:
    """Our detectors for rows of that width whose name contains `only`."""
    return ((name, make) for name, make in ours(width).items() if only.lower() in name.lower())


def timed(make: Callable[[], Score], X: Any) -> Course:
    """Scores of one of ours, and its CPU-seconds."""
    score = make()
    before = time.process_time()
    scores = score(X)
    return Course(scores, time.process_time() - before)


def judged(course: Course, y: Any, skipped: int) -> dict[str, Any]:
    """Quality on the rows that were come to, the first ones left out, and rows per CPU-second."""
    n = len(course.scores)
    rows = slice(skipped, n)
    truth, scores = y[rows], np.nan_to_num(course.scores[rows])
    mixed = 0 < truth.sum() < len(truth)
    return {
        "rows": n,
        "seconds": course.seconds,
        "rows/s": n / course.seconds,
        "auc": float(roc_auc_score(truth, scores)) if mixed else np.nan,
        "ap": float(average_precision_score(truth, scores)) if mixed else np.nan,
    }


def on_stream(
    name: str, X: Any, y: Any, skipped: int, only: str, systems: Sequence[str], seconds: float
) -> Iterator[dict[str, Any]]:
    """All detectors on one stream; a peer comes after ours that it is set beside."""
    there = [p for p in peers(systems, X) if only.lower() in f"{p.name} {p.ours}".lower()]
    for own, make in ours(X.shape[1]).items():
        beside = [peer for peer in there if peer.ours == own]
        if beside or only.lower() in own.lower():
            course = timed(make, X)
            yield {"stream": name, "detector": own, **judged(course, y, skipped)}
            for peer in beside:
                yield {"stream": name, **set_beside(peer, y, skipped, seconds, course)}
    for peer in there:
        if not peer.ours:
            yield {"stream": name, **set_beside(peer, y, skipped, seconds, None)}


def set_beside(
    peer: Peer, y: Any, skipped: int, seconds: float, own: Course | None
) -> dict[str, Any]:
    """A peer, how much faster ours is, and our quality on the same rows."""
    try:
        found = judged(walked(peer, seconds), y, skipped)
    except Exception as error:
        return {"detector": peer.name, "ours": peer.ours, "raised": repr(error)[:300]}
    row = {"detector": peer.name, "ours": peer.ours, **found}
    if own is not None:
        same = judged(Course(own.scores[: found["rows"]], own.seconds), y, skipped)
        row["faster"] = len(own.scores) / own.seconds / found["rows/s"]
        row |= {"our auc": same["auc"], "our ap": same["ap"]}
    return row


def on_nab(
    folder: Path, only: str, systems: Sequence[str], seconds: float
) -> Iterator[dict[str, Any]]:
    """Series of the Numenta benchmark: its three profiles, best thresholds.

    Peers that do not come to the end of every series are left out.
    """
    series = streams.nab(folder)
    for name, make in entrants(1, only):
        found = [(make()(values[:, None]), windows) for values, windows in series]
        yield {"detector": name, **_points(found)}
    there = [list(peers(systems, streams.scaled(values[:, None]))) for values, _ in series]
    for same in zip(*there, strict=True):
        if only.lower() in same[0].name.lower():
            found = []
            for peer, (values, windows) in zip(same, series, strict=True):
                scores = walked(peer, seconds).scores
                if len(scores) < len(values):
                    break
                found.append((np.nan_to_num(scores), windows))
            if len(found) == len(series):
                yield {"detector": same[0].name, **_points(found)}


def _points(found: list[tuple[Any, Any]]) -> dict[str, float]:
    return {profile: nab_score(found, profile=profile).score for profile in PROFILES}


def means(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Over several sets, a line a detector: mean quality, rows per second of all of them."""
    merged = []
    for name in dict.fromkeys(row["detector"] for row in results):
        rows = [row for row in results if row["detector"] == name and "raised" not in row]
        if not rows:
            continue
        n, spent = sum(row["rows"] for row in rows), sum(row["seconds"] for row in rows)
        line = {"stream": f"{len(rows)} sets", "detector": name, "rows": n, "rows/s": n / spent}
        line |= {
            key: float(np.nanmean([row[key] for row in rows]))
            for key in ("auc", "ap", "our auc", "our ap")
            if all(key in row for row in rows)
        }
        if all("faster" in row for row in rows):
            own = [row for row in results if row["detector"] == rows[0]["ours"]]
            rate = sum(row["rows"] for row in own) / sum(row["seconds"] for row in own)
            line["faster"] = rate / line["rows/s"]
        merged.append(line | ({"ours": rows[0]["ours"]} if "ours" in rows[0] else {}))
    return merged


COLUMNS = ("stream", "detector", "rows", "rows/s", "auc", "ap", "faster", "our auc", "our ap")


def table(results: list[dict[str, Any]], *columns: str) -> Table:
    """One line a detector and stream; peers are indented under ours."""
    shown = Table()
    for column in columns:
        shown.add_column(column, justify="left" if column in ("stream", "detector") else "right")
    for row in results:
        if "raised" not in row:
            shown.add_row(*(_cell(row, column) for column in columns))
    return shown


def _cell(row: dict[str, Any], column: str) -> str:
    value = row.get(column, "")
    if column == "detector" and row.get("ours"):
        return f"  {value}"
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "-"
    if column == "faster":
        return f"{value:,.0f} x" if value >= 10 else f"{value:.1f} x"
    return f"{value:,.3f}" if value < 1e3 and column != "rows" else f"{value:,.0f}"


def measured(
    rows: int, names: str, data: Path | None, real_rows: int, how: tuple[str, Sequence[str], float]
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]], Sequence[str]]]:
    """Results of one kind of streams after another, what of them is shown, and its columns."""
    made = {name: streams.GENERATED[name](rows) for name in names}
    found = list(_on_all(made, streams.SKIPPED, how))
    yield found, found, COLUMNS
    if data and (data / "anomaly").is_dir():
        found = list(_on_all(streams.real(data / "anomaly", real_rows), streams.SKIPPED, how))
        yield found, found, COLUMNS
    if data and (data / "odds").is_dir():
        found = list(_on_all(streams.odds(data / "odds"), 0, how))
        yield found, means(found), COLUMNS
    if data and (data / "nab").is_dir():
        found = list(on_nab(data / "nab", *how))
        yield found, found, ("detector", *PROFILES)


def _on_all(
    sets: dict[str, tuple[Any, Any]], skipped: int, how: tuple[str, Sequence[str], float]
) -> Iterator[dict[str, Any]]:
    for name, (X, y) in sets.items():
        yield from on_stream(name, X, y, skipped if len(X) > 2 * skipped else 0, *how)


@click.command()
@click.option("--rows", default=20_000, show_default=True, help="Length of A, B and U.")
@click.option("--streams", "names", default="ABUS", show_default=True, help="Which of A, B, U, S.")
@click.option("--only", default="", help="Detectors whose name contains this.")
@click.option(
    "--peers",
    "systems",
    default=",".join(SYSTEMS),
    show_default=True,
    help="Projects to set beside ours; empty for none.",
)
@click.option("--seconds", default=5.0, show_default=True, help="CPU-seconds of a peer a stream.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with odds/, anomaly/ or nab/.",
)
@click.option("--real-rows", default=50_000, show_default=True, help="Most rows of anomaly/.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
def main(
    rows: int, names: str, only: str, systems: str, seconds: float, data: Path | None,
    real_rows: int, out: Path | None,
) -> None:  # fmt: skip
    """Score, then learn, one row at a time, one thread: quality, and rows per CPU-second."""
    warnings.simplefilter("ignore")  # of the peers
    console = Console(width=140)
    chosen = [name for name in systems.split(",") if name]
    if wrong := set(chosen) - set(SYSTEMS):
        raise click.BadParameter(f"got {wrong}, expected {', '.join(SYSTEMS)}")
    for line in missing(chosen):
        console.print(line)
    results: list[dict[str, Any]] = []
    for found, shown, columns in measured(rows, names, data, real_rows, (only, chosen, seconds)):
        results += found
        if found:
            console.print(table(shown, *columns))
        for line in _raised(found):
            console.print(line)
    if out:
        out.write_text(json.dumps(results, indent=1))


def _raised(results: list[dict[str, Any]]) -> list[str]:
    return [
        f"{row['detector']} on {row['stream']} raised {row['raised']}"
        for row in results
        if "raised" in row
    ]


if __name__ == "__main__":
    main()
