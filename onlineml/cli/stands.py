"""Runs of agents that stop and go on: what lies in their folder, and is read from there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from onlineml.cli.folder import CONFIG, model_file
from onlineml.cli.mistakes import Mistake

if TYPE_CHECKING:
    from onlineml.evaluation.episodes import Stand

#: File with the id of each run's MLflow run, where it is tracked.
_TRACKED = "mlflow.json"
#: Seconds between two times that a run is kept while it goes on.
_INTERVAL = 20.0


class Keeper:
    """Keeps how far runs are, one file each: now and then, and at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = time.monotonic()
        self._last: Stand | None = None

    def keep(self, stand: Stand) -> None:
        """Note how far a run is; write it if it is time, or if another run was on before."""
        if self._last is not None and self._last.run is not stand.run:
            self.write()
        self._last = stand
        if time.monotonic() - self._kept >= _INTERVAL:
            self.write()

    def write(self) -> None:
        """Write what was noted last."""
        from onlineml.persistence import save

        if self._last is None:
            return
        agent, run, sums, place = self._last
        path = model_file(self.folder, run.model, run.seed)
        path.parent.mkdir(exist_ok=True)
        attached = {"run": {**vars(run), "alerts": None}, "sums": sums, "place": place}
        save(agent, path, extra={"steps": run.n_scored}, attached=attached)
        self._kept, self._last = time.monotonic(), None

    def close(self) -> None:
        """Write, and drop what older files are left."""
        self.write()
        for path in (self.folder / "models").glob("*.oml.previous"):
            path.unlink()


def kept(
    folder: Path, names: Iterable[str], seeds: Iterable[int]
) -> dict[tuple[str, int | None], Stand]:
    """What was kept of these runs in `folder`."""
    from onlineml.evaluation.episodes import Stand
    from onlineml.evaluation.run import Run
    from onlineml.persistence import load_all

    found: dict[tuple[str, int | None], Stand] = {}
    for name, seed in ((name, seed) for name in names for seed in seeds):
        path = model_file(folder, name, seed)
        if path.exists():
            agent, _, attached = load_all(path)
            if not attached or "place" not in attached:
                raise Mistake(f"{path} holds no more than a model: its run cannot go on")
            run = Run.from_plain(attached["run"])
            found[name, seed] = Stand(agent, run, attached["sums"], attached["place"])
    return found


def begun(folder: Path) -> Path:
    """The configuration of a run that is to go on."""
    path = folder / CONFIG
    if not path.is_file():
        raise Mistake(f"{folder}: got no {CONFIG} in it, expected a folder that a run wrote")
    return path


class Tracked:
    """Which MLflow run each run is, kept in their folder from the time that it is made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _TRACKED

    def ids(self, names: Iterable[str], seeds: Iterable[int]) -> dict[tuple[str, int | None], str]:
        """What was kept of these runs."""
        held = self._held()
        there = {(name, seed): self._stem(name, seed) for name in names for seed in seeds}
        return {key: held[stem] for key, stem in there.items() if stem in held}

    def keep(self, key: tuple[str, int | None], run_id: str) -> None:
        """Note the MLflow run of a model and seed."""
        held = self._held() | {self._stem(*key): run_id}
        self.path.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")

    def _stem(self, name: str, seed: int | None) -> str:
        return model_file(self.path.parent, name, seed).stem

    def _held(self) -> dict[str, str]:
        if not self.path.is_file():
            return {}
        found: dict[str, str] = json.loads(self.path.read_text(encoding="utf-8"))
        return found
