"""What a wheel and a source archive hold."""

import itertools
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def archives(built: Path) -> dict[str, set[str]]:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed, tarfile.open(source) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
        return {"wheel": set(packed.namelist()), "source": inside}


def test_archives_hold_the_whole_package(archives: dict[str, set[str]]) -> None:
    due = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "onlineml").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "onlineml/py.typed" in due
    assert due <= archives["wheel"]
    assert due <= archives["source"]


def test_the_wheel_holds_nothing_else(archives: dict[str, set[str]]) -> None:
    tops = {name.split("/")[0] for name in archives["wheel"]}
    assert {top.split("-")[0] for top in tops} == {"onlineml"}
    assert any(name.endswith("licenses/LICENSE") for name in archives["wheel"])


def test_the_wheel_works_outside_the_tree(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    home, away = tmp_path / "home", tmp_path / "away"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(home)
    away.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(home)}

    def python(*words: str) -> str:
        command = [sys.executable, *words]
        ran = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert python("-c", "import onlineml; print(onlineml.__file__)").startswith(str(home))
    python("-m", "onlineml", "run", "-m", "GaussianNB", "-s", "sea_a", "-n", "500", "-o", "ran")
    assert "GaussianNB" in (away / "ran" / "report.html").read_text()


def test_the_source_archive_can_be_tested(archives: dict[str, set[str]]) -> None:
    due = {"tests/test_packaging.py", "conftest.py", "Makefile", "README.md", "constraints.txt"}
    assert due <= archives["source"]


def _pins(*files: str) -> dict[str, str]:
    """Folded name -> version; later files win."""
    lines = [line for name in files for line in (ROOT / name).read_text().splitlines()]
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}


def test_every_dependency_is_pinned_within_its_range() -> None:
    from packaging.requirements import Requirement

    extras = dict(PROJECT["optional-dependencies"])
    alone = {"dm": _pins("constraints.txt", "constraints-dm.txt")}
    shared = _pins("constraints.txt")
    needs = [(text, alone[extra]) for extra in alone for text in extras.pop(extra)]
    needs += [(text, shared) for extra in extras.values() for text in extra]
    for text, pins in [*((text, shared) for text in PROJECT["dependencies"]), *needs]:
        needed = Requirement(text)
        name = re.sub(r"[-_.]+", "-", needed.name).lower()
        if name != PROJECT["name"]:
            assert needed.specifier.contains(pins[name]), text


def test_extras_that_stand_alone_are_in_no_other() -> None:
    extras = PROJECT["optional-dependencies"]
    named = [text for text in itertools.chain(*extras.values()) if text.startswith("onlineml[")]
    assert named
    assert not any(re.search(r"[\[,]dm[\],]", text) for text in named)
