"""Detectors of numbers on the Numenta benchmark, by halves: `python -m benchmarks.nab --help`.

Defaults of `NoveltyDetector` and `Refractory` were chosen by the points on the first, third, ...
series of the sorted names; of the others, totals were seen a few times on the way, but neither
values nor windows. Each detector is judged as it is, and resting: its scores held back where one as
high was among the last 100.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import anomaly_streams as streams
from benchmarks.anomaly import entrants, table
from onlineml.evaluation import nab_score
from onlineml.evaluation.nab import PROFILES
from onlineml.transforms import Refractory

# Standard profile, from the scores of each file in the `results` folder of github.com/numenta/NAB:
# summed over the 35 series at hand, thresholds optimized there for all 58.
PUBLISHED = {"CAD OSE": 76.0, "ARTime": 74.3, "Numenta HTM": 67.9}


def resting(scores: Any) -> Any:
    """Scores held back where one as high was among the last."""
    return Refractory().transform_fit_many(scores[:, None]).ravel()


def judged(name: str, found: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Points of a detector: three profiles on all series, and the standard one on either half."""
    halves = {"chosen on": found[::2], "unseen": found[1::2]}
    points = {profile: nab_score(found, profile=profile).score for profile in PROFILES}
    at_one = nab_score(found[::2]).threshold  # of the half that it was chosen on, for the other
    return {
        "detector": name,
        **points,
        **{half: nab_score(part).score for half, part in halves.items()},
        "unseen, threshold too": nab_score(found[1::2], threshold=at_one).score,
    }


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with nab/.")
@click.option("--only", default="Novelty", show_default=True, help="Detectors whose name has this.")
def main(data: Path, only: str) -> None:
    """Points on the Numenta benchmark: one configuration, one threshold for all series."""
    series, results = streams.nab(data / "nab"), []
    for name, make in entrants(1, only):
        scores = [(make()(values[:, None]), windows) for values, windows in series]
        results.append(judged(name, scores))
        results.append(judged(f"{name}, resting", [(resting(s), w) for s, w in scores]))
    Console(width=140).print(table(results, *results[0]))
    published = ", ".join(f"{name} {points}" for name, points in PUBLISHED.items())
    click.echo(f"Published, standard profile, these series: {published}")


if __name__ == "__main__":
    main()
