"""Drift detectors beside river and MOA: `python -m benchmarks.drift --help`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.measure import MeasurementError, fresh, timed
from benchmarks.streams import why_no_java

RATES = (0.1, 0.3, 0.1, 0.4, 0.2)  # of errors, each for a fifth of the stream
TOLERANCE = 2_000
SYSTEMS = ("onlineml", "river", "MOA")
Values = npt.NDArray[np.float64]


class Rival(NamedTuple):
    """One detector here, in river and in MOA (through CapyMOA): what makes it; None if absent."""

    ours: str
    river: str | None = None
    moa: str | None = None


DETECTORS: dict[str, Rival] = {
    "ADWIN": Rival("ADWIN()", None, "ADWIN()"),
    "ADWIN, two-sided": Rival("ADWIN(two_sided=True)", "ADWIN()"),
    "PageHinkley": Rival("PageHinkley()", "PageHinkley(mode='up')"),
    "PageHinkley, two-sided": Rival("PageHinkley(two_sided=True)", "PageHinkley()"),
    "CUSUM": Rival("CUSUM()", None, "CUSUM()"),
    "DDM": Rival("DDM()", "binary.DDM()", "DDM()"),
    "EDDM": Rival("EDDM()", "binary.EDDM()", "EDDM()"),
    "RDDM": Rival("RDDM()", None, "RDDM()"),
    "HDDM_A": Rival("HDDM_A()", "binary.HDDMA()", "HDDMAverage(test_type='One-sided')"),
    "HDDM_W": Rival("HDDM_W()", "binary.HDDMW()", "HDDMWeighted(test_type='One-sided')"),
    "FHDDM": Rival("FHDDM()", "binary.FHDDM()"),
    "STEPD": Rival("STEPD()"),
    "STEPD, two-sided": Rival("STEPD(two_sided=True)", None, "STEPD()"),
    "EWMAChart": Rival("EWMAChart()", None, "EWMAChart()"),
    "SEED": Rival("SEED()"),
    "SEED, two-sided": Rival("SEED(two_sided=True)", None, "SEED()"),
    "OPTWIN": Rival("OPTWIN()", None, "OPTWIN()"),
    "KSWIN, two-sided": Rival("KSWIN(two_sided=True)", "KSWIN(seed=1)"),
    "BayesianChangePoint": Rival("BayesianChangePoint(model='bernoulli')"),
}
SLOW = {("river", "KSWIN, two-sided"): 2_000}  # rows that are enough for a rate


def stream(n_rows: int, seed: int) -> tuple[Values, list[int]]:
    """Errors, 0 or 1, and where their rate changes."""
    length = -(-n_rows // len(RATES))
    rate = np.repeat(RATES, length)[:n_rows]
    values = (np.random.default_rng(seed).random(n_rows) < rate).astype(np.float64)
    return values, list(range(length, n_rows, length))


def ours(made: str, values: Values) -> Callable[[], Sequence[int]]:
    """One call over the whole stream."""
    from onlineml import detectors

    kind = made.partition("(")[0]
    known = {kind: getattr(detectors, kind)}  # rooms load what is asked for by name
    return lambda: eval(made, known).fit_many(values).tolist()


def river(made: str, values: Values) -> Callable[[], Sequence[int]]:
    """One call a value; FHDDM there looks at right answers."""
    from river import drift

    numbers = (1.0 - values if "FHDDM" in made else values).tolist()

    def run() -> list[int]:
        detector, found = eval(made, vars(drift)), []
        for i, value in enumerate(numbers):
            detector.update(value)
            if detector.drift_detected:
                found.append(i)
        return found

    return run


def moa(made: str, values: Values) -> Callable[[], Sequence[int]]:
    """One call a value, through CapyMOA."""
    from capymoa.drift import detectors

    numbers = values.tolist()

    def run() -> list[int]:
        detector = eval(made, vars(detectors))
        for value in numbers:
            detector.add_element(value)
        return [int(row) - 1 for row in detector.detection_index]

    return run


RUNS = {"onlineml": ours, "river": river, "MOA": moa}


def measured(system: str, name: str, n_rows: int, repeats: int, seeds: int) -> dict[str, Any]:
    """Updates per second on the stream of the first seed, and alarms scored on all of them."""
    from onlineml.evaluation.drift_scoring import score_alarms

    made = DETECTORS[name][SYSTEMS.index(system)]
    assert made is not None
    short = SLOW.get((system, name))
    values, _ = stream(n_rows, 0)
    few = values[: short or n_rows]
    RUNS[system](made, values[:100])()  # compiles, warms up
    cpu, _, _ = timed(RUNS[system](made, few), repeats)
    result = {"system": system, "detector": name, "per_second": len(few) / statistics.median(cpu)}
    if short is None:
        scores = []
        for seed in range(seeds):
            values, changes = stream(n_rows, seed)
            alarms = RUNS[system](made, values)()
            scores.append(score_alarms(alarms, changes, n_rows, TOLERANCE).as_dict())
        for key in ("n_hits", "mean_delay", "n_false", "f1"):
            known = [score[key] for score in scores if not np.isnan(score[key])]
            result[key] = float(np.mean(known)) if known else np.nan
    return result


def table(results: list[dict[str, Any]]) -> Table:
    """One line a detector, three columns a system."""
    shown = Table("detector", title="Updates per CPU-second (M); hits of 4, mean delay, false")
    for system in SYSTEMS:
        shown.add_column(f"{system} M/s", justify="right")
        shown.add_column("hits, delay, false", justify="right")
    shown.add_column("x river", justify="right")
    by_key = {(result["system"], result["detector"]): result for result in results}
    for name in DETECTORS:
        rates = {s: by_key.get((s, name), {}).get("per_second") for s in SYSTEMS}
        cells = []
        for system in SYSTEMS:
            result, rate = by_key.get((system, name), {}), rates[system]
            cells.append(f"{rate / 1e6:.3g}" if rate else result.get("error", "-"))
            cells.append(
                f"{result['n_hits']:.1f}, {result['mean_delay']:.0f}, {result['n_false']:.1f}"
                if "n_hits" in result
                else "-"
            )
        both = rates["onlineml"] and rates["river"]
        cells.append(f"{rates['onlineml'] / rates['river']:.1f}" if both else "-")
        shown.add_row(name, *cells)
    return shown


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Length of each stream.")
@click.option("--seeds", default=3, show_default=True, help="Streams for hits and false alarms.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--java/--no-java", default=True, help="Compare with MOA, if Java is there.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--only", help="SYSTEM: measure one system here, print JSON (used inside).")
def main(
    rows: int, seeds: int, repeats: int, java: bool, out: Path | None, only: str | None
) -> None:
    """Measure all detectors on errors whose rate is 0.1, 0.3, 0.1, 0.4, 0.2: same values."""
    if only:
        names = [name for name, rival in DETECTORS.items() if rival[SYSTEMS.index(only)]]
        print(json.dumps({"results": [measured(only, n, rows, repeats, seeds) for n in names]}))
        return
    console = Console(width=150)
    missing = why_no_java() if java else "--no-java was given"
    if missing:
        console.print(f"Without MOA: {missing}.")
    results: list[dict[str, Any]] = []
    for system in SYSTEMS[: 2 if missing else 3]:
        arguments = ("--rows", rows, "--seeds", seeds, "--repeats", repeats, "--only", system)
        try:
            results += fresh("benchmarks.drift", *arguments)["results"]
        except MeasurementError as error:
            console.print(f"{system}: {error}", markup=False)
    console.print(table(results))
    fastest = max((r["per_second"] for r in results if r["system"] == "river"), default=0.0)
    console.print(f"river's fastest: {fastest / 1e6:.3g} M updates per CPU-second")
    if out:
        out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
