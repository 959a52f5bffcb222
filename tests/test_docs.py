"""Every block of Python in the README and the documentation runs as it stands; the site builds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
_BLOCK = re.compile(r"(?:^% needs: (?P<needs>\w+)\n\s*)?^```python\n(?P<code>.*?)^```", re.M | re.S)


def blocks() -> list[object]:
    """Every block of Python, and the module that it needs beside the package's own."""
    return [
        pytest.param(found["code"], found["needs"], id=f"{page.stem}-{i}")
        for page in PAGES
        for i, found in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize(("code", "needs"), blocks())
def test_python_blocks_run(
    code: str,
    needs: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if needs:
        pytest.importorskip(needs)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    exec(compile(code, "documentation", "exec"), {"__name__": "documentation"})
    promised = re.findall(r"# prints: (.+)", code)
    printed = capsys.readouterr().out
    for words in promised:
        assert words in printed


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", ROOT / "docs", tmp_path / "site"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference" / "learners.html").read_text(encoding="utf-8")
    assert "onlineml.learners.gaussian_nb.GaussianNB" in page


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_to_files() -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / link).exists(), link
