"""Agents in environments of Gymnasium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from PIL import Image, ImageSequence

from onlineml import load, save
from onlineml.checks import assert_same_state
from onlineml.cli import main
from onlineml.evaluation import Result, play
from onlineml.evaluation import film as film_compiled
from onlineml.evaluation.episodes import InWorld
from onlineml.evaluation.film import write
from onlineml.persistence import load_all
from onlineml.rl import Breakout, CartPole, Chain, StreamAC, StreamQ

gymnasium = pytest.importorskip("gymnasium")
from onlineml.integrations.gymnasium import (  # noqa: E402 - needs Gymnasium
    Rollout,
    actions_of,
    environment,
    film,
    with_pictures,
)


def call(*words: str) -> Done:
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("stop", [1, 137, 200, 333])
def test_stopped_anywhere_it_goes_on_with_the_same_bits(
    name: str, stop: int, tmp_path: Path
) -> None:
    there = environment(name)
    agent = StreamAC(**actions_of(there), hidden=(16,), seed=1)
    whole = Rollout(agent.clone(), there, seed=5)
    ended = whole.run(500)

    first = Rollout(agent.clone(), environment(name), seed=5)
    early = first.run(stop)
    file = save(first.agent, tmp_path / "agent.oml", attached={"rollout": first.get_state()})
    saved = load_all(file)
    second = Rollout(saved.model, environment(name), seed=99).set_state(saved.attached["rollout"])
    assert early + second.run(500 - stop) == ended
    assert_same_state(second.agent.get_state(), whole.agent.get_state())


@pytest.mark.parametrize(
    ("package", "name", "params"),
    [
        ("minatar", "MinAtar/Breakout-v1", {}),
        ("ale_py", "ALE/Breakout-v5", {"obs_type": "ram"}),
    ],
)
def test_environments_of_other_projects(package: str, name: str, params: dict[str, Any]) -> None:
    pytest.importorskip(package)
    agent = StreamQ(**actions_of(environment(name, **params)), hidden=(16,), seed=1)
    whole = Rollout(agent.clone(), environment(name, **params), seed=5)
    ended = whole.run(300)
    first = Rollout(agent.clone(), environment(name, **params), seed=5)
    early = first.run(111)
    second = Rollout(first.agent, environment(name, **params)).set_state(first.get_state())
    assert early + second.run(189) == ended
    assert_same_state(second.agent.get_state(), whole.agent.get_state())


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [("minatar", "MinAtar/Breakout-v1", "minatar"), ("ale_py", "ALE/Breakout-v5", "atari")],
)
def test_absent_projects_name_their_extra(package: str, name: str, extra: str) -> None:
    if find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    with pytest.raises(ImportError, match=rf"onlineml\[{extra}\]"):
        environment(name)


def test_an_end_and_a_cut_are_kept_apart() -> None:
    there = gymnasium.make("CartPole-v1", max_episode_steps=12)
    ended = Rollout(StreamQ(n_actions=2, hidden=(8,), seed=1), there, seed=1).run(400)
    assert sum(e.length for e in ended) <= 400
    assert {e.terminated for e in ended} == {True, False}
    assert all(e.length == 12 for e in ended if not e.terminated)
    assert all(e.total == e.length for e in ended)


def test_actions_are_cut_to_the_environments_limits() -> None:
    class Seen(gymnasium.ActionWrapper):  # type: ignore[misc,name-defined]
        """Keeps the actions that come."""

        came: list[Any]

        def action(self, action: Any) -> Any:
            self.came.append(action)
            return action

    there = Seen(gymnasium.make("Pendulum-v1"))
    there.came = []
    agent = StreamAC(action_size=1, hidden=(8,), seed=1)
    Rollout(agent, there, seed=1).run(3_000)
    came = np.concatenate(there.came)
    assert np.abs(came).max() == 2.0


def test_one_number_with_limits_is_learned() -> None:
    pytest.importorskip("mujoco")
    agent = StreamAC(action_size=1, hidden=(32, 32), seed=1)
    ended = Rollout(agent, environment("InvertedPendulum-v5"), seed=1).run(30_000)
    assert np.mean([episode.total for episode in ended[-10:]]) > 200  # 10 by chance


def test_returns_by_window_and_seed() -> None:
    agents = {"ac": StreamAC(n_actions=2, hidden=(16,)), "q": StreamQ(n_actions=2, hidden=(16,))}
    told: list[Any] = []
    result = play(
        agents,
        lambda agent, seed: InWorld(agent, CartPole(seed=seed)),
        2_500,
        name="CartPole",
        seeds=[1, 2],
        window=1_000,
        on_progress=lambda *n: told.append(n),
    )
    assert [(r.model, r.seed) for r in result] == [("ac", 1), ("ac", 2), ("q", 1), ("q", 2)]
    assert told[-1] == (10_000, 10_000)
    run, alone = result.run("q", 2), StreamQ(n_actions=2, hidden=(16,), seed=2)
    episodes = alone.run(CartPole(seed=2), 2_500)
    assert run.n_rows == [1_000, 2_000, 2_500]
    assert run.totals["episode_return"] == pytest.approx(episodes.returns.mean())
    assert run.totals["episode_length"] == pytest.approx(episodes.lengths.mean())
    assert_same_state(result.estimators["q", 2].get_state(), alone.get_state())
    with pytest.raises(ValueError, match="n_steps"):
        play(agents["q"], lambda agent, seed: None, 0)


@pytest.mark.parametrize("name", ["CartPole", "CartPole-v1"])
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    words = ["run", "--agent", "stream_q(hidden=[8])", "--env", name, "--seeds", "2"]
    ends = ["--window", "300", "--steps"]
    for folder, steps in (("whole", "900"), ("parts", "450")):
        done = call(*words, *ends, steps, "--out", str(tmp_path / folder))
        assert done.exit_code == 0, done.stderr
    done = call("run", "--resume", str(tmp_path / "parts"), "--steps", "900")
    assert done.exit_code == 0, done.stderr
    assert "900 steps in" in done.stdout, "those of both seeds that were left"
    for seed in (1, 2):
        file = Path("models", f"StreamQ-hidden-8-seed{seed}.oml")
        whole, parts = (load(tmp_path / folder / file) for folder in ("whole", "parts"))
        assert_same_state(whole.get_state(), parts.get_state())
    whole, parts = (
        Result.from_json(tmp_path / name / "result.json") for name in ("whole", "parts")
    )
    assert [run.totals for run in whole] == [run.totals for run in parts]


@pytest.mark.parametrize("world", [CartPole(), Chain(seed=1), Breakout(seed=1)])
def test_films_of_compiled_worlds(world: Any, tmp_path: Path) -> None:
    agent = StreamQ(n_actions=world.n_actions, hidden=(8,), seed=1)
    agent.run(world, 50)
    before = agent.get_state()
    path = film_compiled(agent, world, tmp_path / "film.gif", max_steps=12)
    with Image.open(path) as shown:
        sizes = [picture.size for picture in ImageSequence.Iterator(shown)]
    assert 2 <= len(sizes) <= 13
    assert set(sizes) == {world.render().shape[1::-1]}
    assert_same_state(agent.get_state(), before)
    with pytest.raises(ValueError, match="max_steps"):
        film_compiled(agent, world, path, max_steps=0)


def test_wrong_environments_are_named() -> None:
    with pytest.raises(ValueError, match="NoSuch-v0"):
        environment("NoSuch-v0")
    with pytest.raises(ValueError, match="Discrete or Box"):
        actions_of(type("World", (), {"action_space": gymnasium.spaces.MultiBinary(3)})())


def test_a_film_is_made(tmp_path: Path) -> None:
    pytest.importorskip("pygame")
    imageio = pytest.importorskip("imageio")
    agent = StreamQ(n_actions=2, hidden=(8,), seed=1)
    path = film(agent, with_pictures("CartPole-v1"), tmp_path / "episode.gif", max_steps=20)
    pictures = imageio.mimread(path)
    assert len(pictures) > 5
    assert any((a != b).any() for a, b in pairwise(pictures))


def test_the_command_runs_agents_and_their_files_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["run", "--agent", "stream_q(hidden=[8])", "--env", "CartPole-v1", "--steps", "600"]
    done = call(*words, "--seeds", "2", "--window", "300", "--out", str(out))
    assert done.exit_code == 0, done.stderr
    assert "1,200 steps" in done.stdout
    assert "episode length" in (out / "report.html").read_text()
    assert sorted(p.name for p in (out / "models").iterdir()) == [
        "StreamQ-hidden-8-seed1.oml",
        "StreamQ-hidden-8-seed2.oml",
    ]
    assert load(out / "models" / "StreamQ-hidden-8-seed1.oml").clock_[0] > 0
    again = call("run", str(out / "config.yaml"), "--out", str(tmp_path / "again"))
    assert again.exit_code == 0, again.stderr


def test_pictures_in_shares_of_one_are_filmed_and_made_larger(tmp_path: Path) -> None:
    shares = [np.zeros((10, 12, 3)), np.ones((10, 12, 3))]
    path = write(iter(shares), tmp_path / "film.gif", 10)
    with Image.open(path) as shown:
        pictures = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(shown)]
    assert [picture.shape for picture in pictures] == [(100, 120, 3)] * 2
    assert [int(picture.mean()) for picture in pictures] == [0, 255]


def _stops_after(monkeypatch: pytest.MonkeyPatch, windows: int) -> None:
    """Have Ctrl-C come after so many windows of the next run."""
    from onlineml.cli import run

    @contextmanager
    def counted() -> Iterator[Callable[[], bool]]:
        asked: list[int] = []

        def until() -> bool:
            asked.append(0)
            return len(asked) == windows

        yield until

    monkeypatch.setattr(run, "interruptible", counted)


@pytest.mark.parametrize("world", ["CartPole", "CartPole-v1"])
@pytest.mark.parametrize(("windows", "left"), [(1, 1_700), (5, 700)])
def test_a_run_that_ctrl_c_ended_goes_on_with_the_same_bits(
    world: str, windows: int, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "--agent", "stream_q(hidden=[8])", "--env", world, "--window", "300"]
    words += ["--seeds", "2", "--steps"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert call(*words, "1000", "--out", str(whole)).exit_code == 0
    with monkeypatch.context() as patched:
        _stops_after(patched, windows)
        stopped = call(*words, "1000", "--out", str(parts))
    assert stopped.exit_code == 130
    assert f"--resume {parts}" in stopped.stderr
    went_on = call("run", "--resume", str(parts))
    assert went_on.exit_code == 0, went_on.stderr
    assert f"{left:,} steps" in went_on.stdout
    results = [Result.from_json(folder / "result.json") for folder in (whole, parts)]
    for one, other in zip(*results, strict=True):
        assert one.window == other.window
        assert (one.seed, one.n_rows, one.totals) == (other.seed, other.n_rows, other.totals)
    files = [sorted(folder.glob("models/*")) for folder in (whole, parts)]
    assert [[file.name for file in there] for there in files] == 2 * [
        ["StreamQ-hidden-8-seed1.oml", "StreamQ-hidden-8-seed2.oml"]
    ]
    for pair in zip(*files, strict=True):
        one, other = (load_all(file) for file in pair)
        assert_same_state(one.model.get_state(), other.model.get_state())
        assert_same_state(one.attached["place"], other.attached["place"])


def test_a_run_that_is_done_says_so_and_stays_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--agent", "stream_q(hidden=[4])", "--env", "CartPole", "--steps", "500"]
    assert call("run", *words, "--out", str(out)).exit_code == 0
    page = (out / "report.html").read_text()
    assert "steps/s" in page
    assert "rows" not in page.split("</style>")[1].split("<script")[0]
    held = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for steps, code, said in (
        ([], 0, "holds all 500 steps already"),
        (["--steps", "500"], 0, "already"),
        (["--steps", "200"], 2, "more than the 500"),
    ):
        done = call("run", "--resume", str(out), *steps)
        assert done.exit_code == code
        assert said in done.output
        assert len(done.output.strip().splitlines()) == 1
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == held


def _tracked(store: str) -> tuple[Any, list[Any]]:
    """The store's client and its runs in CartPole, by seed."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(tracking_uri=store)
    (experiment,) = (e for e in client.search_experiments() if e.name == "CartPole")
    runs = client.search_runs([experiment.experiment_id])
    return client, sorted(runs, key=lambda run: str(run.data.tags["seed"]))


def test_a_run_that_goes_on_is_the_same_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    store, out = f"sqlite:///{tmp_path}/runs.db", str(tmp_path / "out")
    words = ["--agent", "stream_q(hidden=[4])", "--env", "CartPole", "--window", "50"]
    words += ["--track", "--tracking-uri", store, "--out", out, "--steps", "500", "--seeds", "2"]
    with monkeypatch.context() as patched:
        _stops_after(patched, 13)  # in the midst of the second
        assert call("run", *words).exit_code == 130
    _, before = _tracked(store)
    for more in ([], ["--steps", "900"]):
        assert call("run", "--resume", out, *more).exit_code == 0
    client, runs = _tracked(store)
    assert [run.info.run_id for run in runs] == [run.info.run_id for run in before]
    for run in runs:
        told = client.get_metric_history(run.info.run_id, "episode_return_window")
        assert [point.step for point in told] == [*range(50, 901, 50)]
        assert run.info.status == "FINISHED"
        assert run.data.metrics["steps_per_second"] > 0
        assert "model.oml" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_a_run_that_goes_on_elsewhere_is_told_whole(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    stores, out = [f"sqlite:///{tmp_path}/{i}.db" for i in range(2)], str(tmp_path / "out")
    words = ["--agent", "stream_q(hidden=[4])", "--env", "CartPole", "--window", "50"]
    words += ["--track", "--tracking-uri", stores[0], "--out", out, "--steps", "200"]
    assert call("run", *words).exit_code == 0
    words = ["--resume", out, "--steps", "400", "--tracking-uri", stores[1]]
    assert call("run", *words).exit_code == 0
    client, (run,) = _tracked(stores[1])
    told = client.get_metric_history(run.info.run_id, "episode_return_window")
    assert [point.step for point in told] == [*range(50, 401, 50)]


def test_only_runs_of_agents_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    call("run", "-m", "GaussianNB", "-s", "sea_a", "-n", "300", "--out", str(out))
    done = call("run", "--resume", str(out))
    assert done.exit_code == 2
    assert "no run of agents" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--agent", "streem_q", "--env", "CartPole"], "StreamQ"),
        (["--agent", "StreamQ", "--env", "Pendulum-v1"], "action_size: actions of Pendulum-v1"),
        (["--agent", "StreamTD", "--env", "CartPole"], "none that acts"),
        (["--agent", "stream_ac2", "--env", "CartPole"], "did you mean StreamAC or StreamQ"),
        (["--env", "CartPole"], "--agent"),
        (["--agent", "GaussianNB", "--env", "CartPole"], "GaussianNB"),
        (["--agent", "StreamQ", "--env", "NoSuch-v1"], "NoSuch-v1"),
        (["--agent", "StreamQ", "--env", "CartPole(limit=3)"], "max_steps"),
        (["--agent", "StreamQ"], "env"),
        (["--agent", "StreamQ", "--env", "Breakot"], "Breakout"),
        (["--agent", "StreamAC", "--env", "Pendulum-v1(gee=3)"], "gee"),
        (["--resume", "nowhere"], "config.yaml"),
        (["--resume", "nowhere", "--env", "CartPole"], "--resume goes with"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    out = [] if "--resume" in words else ["--out", str(tmp_path / "out")]
    done = call("run", *words, "--steps", "10", *out)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
