"""The compiler's cache, descriptors, and the generator that lives in an estimator's arrays."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from onlineml import kernels
from onlineml.kernels import random as generator
from onlineml.kernels.arena import Descriptor, Field, allocate, enlarged
from onlineml.kernels.views import _move_in_python, move
from onlineml.learners import GaussianNB

MASK = (1 << 64) - 1


def _splitmix64(state: int) -> tuple[int, int]:
    """The published algorithm in Python's integers."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def test_generator_is_splitmix64() -> None:
    state = generator.seeded(5, 2)
    twin = int(state[1]) & MASK
    for _ in range(100):
        twin, due = _splitmix64(twin)
        assert int(generator.bits(state, 1)) == due
    assert state[0] == generator.seeded(5, 2)[0], "generators do not touch each other"


def test_first_output_of_the_published_sequence() -> None:
    state = np.array([1234567], np.int64)
    assert int(generator.bits(state, 0)) == 6457827717110365317


def test_distributions() -> None:
    state = generator.seeded(1, 1)
    n = 40_000
    u = np.array([generator.uniform(state, 0) for _ in range(n)])
    assert u.min() >= 0.0
    assert u.max() < 1.0
    assert abs(u.mean() - 0.5) < 4 / np.sqrt(12 * n)
    z = np.array([generator.normal(state, 0) for _ in range(n)])
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1.0) < 4 * np.sqrt(2 / n)
    k = np.array([generator.poisson(state, 0, 6.0) for _ in range(n)])
    assert abs(k.mean() - 6.0) < 4 * np.sqrt(6.0 / n)
    assert abs(k.var() - 6.0) < 0.3
    b = np.bincount([generator.below(state, 0, 7) for _ in range(n)], minlength=7)
    assert len(b) == 7
    assert abs(b - n / 7).max() < 5 * np.sqrt(n / 7)


def test_no_seed_draws_fresh_entropy() -> None:
    assert generator.seeded(None, 1)[0] != generator.seeded(None, 1)[0]


def test_descriptor_takes_only_plain_arrays() -> None:
    for bad in (np.zeros((4, 4))[:, ::2], np.zeros(3, np.float32)):
        with pytest.raises(AssertionError, match="C-contiguous"):
            Descriptor([bad])


@pytest.mark.parametrize(
    ("start", "to", "n"), [(1, 0, 5), (2, 3, 6), (0, 4, 3), (3, 3, 2), (8, 9, 0)]
)
def test_moved_cells_are_those_that_lay_there(start: int, to: int, n: int) -> None:
    @numba.njit
    def run(cells, start, to, n):
        move(cells, start, to, n)

    compiled, due = np.arange(9.0), np.arange(9.0)
    due[to : to + n] = np.arange(9.0)[start : start + n]
    run(compiled, start, to, n)
    assert np.array_equal(compiled, due)
    plain = np.arange(9.0)
    _move_in_python(plain, start, to, n)
    assert np.array_equal(plain, due)


def test_enlarged_keeps_the_content_in_the_low_corner() -> None:
    field = Field("cells_", ("C", 2, "F"), np.int64, fill=-1)
    small = allocate(field, {"C": 2, "F": 3})
    small[:] = np.arange(12).reshape(2, 2, 3)
    big = enlarged(field, small, {"C": 4, "F": 5})
    assert big.shape == (4, 2, 5)
    np.testing.assert_array_equal(big[:2, :, :3], small)
    assert (big[2:] == -1).all()
    assert (big[:, :, 3:] == -1).all()


def _python(code: str, cache: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ONLINEML_CACHE": str(cache)} | env,
        capture_output=True,
        text=True,
        check=True,
    )


FIT = """
from onlineml.learners import MeanRegressor
print(MeanRegressor().fit_one([1.0], 4.0).predict_one([1.0]))
"""


def test_cold_then_warm(tmp_path: Path) -> None:
    """The first process compiles into the versioned folder, the second finds everything there."""
    cold = _python(FIT, tmp_path)
    folder = tmp_path / "kernels"
    kept = {path.name for path in folder.rglob("*.nbi")}
    assert kept, "nothing was kept"
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}
    warm = _python(FIT, tmp_path)
    assert cold.stdout == warm.stdout == "4.0\n"
    assert warm.stderr == ""
    assert stamps == {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}


@kernels.jit
def _twice(x: float) -> float:
    return 2 * x


@kernels.jit
def _four_times(x: float) -> float:
    return _twice(_twice(x))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_only_what_python_calls_is_compiled_to_be_run() -> None:
    assert _four_times(1.5) == 6.0
    assert _twice._alone.overloads == {}, "a part of its caller, no more"
    assert [_twice(value) for value in (3, 1.5, 4, 2.5)] == [6, 3.0, 8, 5.0]
    assert len(_twice._alone.overloads) == 2, "one a type"


def test_slices_that_do_not_fit_bring_no_strings() -> None:
    @kernels.jit
    def put(a: Any, b: Any) -> None:
        a[1:] = b

    @numba.njit
    def run(a: Any, b: Any) -> None:
        put(a, b)

    a = np.zeros(3)
    run(a, np.ones(2))
    assert a.tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="does not have the shape"):
        run(a, np.ones(3))
    (code,) = run.inspect_llvm().values()
    assert "unicode" not in code


def test_kept_code_goes_with_every_file_that_it_is_made_of() -> None:
    """An edit of a shared kernel must reach its callers, and leave all others as they are."""
    here = Path(kernels.__file__).parent
    package = here.parent
    forest = kernels.callees(package / "learners" / "watched_members.py")
    assert {here / "adwin.py", here / "arena.py"} <= forest
    assert here / "neighbors.py" not in forest
    assert here / "observers.py" in kernels.callees(here / "classification_tree.py")
    assert kernels.callees(Path("a cell of a notebook")) == set(here.glob("*.py"))
    digests = {
        kernels.sources_digest(here / name) for name in ("tree.py", "classification_tree.py")
    }
    assert len(digests) == 2


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = _python(FIT, tmp_path / "file", TMPDIR=str(tmp_path))
    assert out.stdout == "4.0\n"


def test_without_compiling_the_answers_are_the_same(tmp_path: Path) -> None:
    code = """
import numpy as np
from onlineml.checks import rows
from onlineml.learners import GaussianNB
X, score = rows(1, 120)
with np.errstate(all="ignore"):
    print(GaussianNB().predict_proba_fit_many(X, score > 0).sum(axis=0).tolist())
"""
    assert _python(code, tmp_path, NUMBA_DISABLE_JIT="1").stdout == _python(code, tmp_path).stdout


def test_a_slow_compile_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with kernels._note("slow_one"):
        time.sleep(1.3)
    with kernels._note("quick_one"):
        pass
    said = capsys.readouterr().err
    assert "compiling slow_one" in said
    assert "quick_one" not in said


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_after_a_compile_as_before(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    try:
        with kernels._without_collecting():
            assert not gc.isenabled()
        assert gc.isenabled() == collects
    finally:
        gc.enable()


def test_kept_kernels_are_loaded_without_the_compiler():
    GaussianNB().fit_one([1.0], 0)  # compiled and kept, where it was not
    code = (
        "import sys, numba, numpy as np\n"
        "from onlineml.learners import GaussianNB\n"
        "model = GaussianNB().fit_many([[0.0], [1.0], [0.1]], [0, 1, 0])\n"
        "assert model.predict_one([0.0]) == 0\n"
        "assert 'numba.np.linalg' not in sys.modules\n"
        "dot = numba.njit(lambda a: np.dot(a, a))  # compiling goes on as ever\n"
        "assert dot(np.ones(3)) == 3.0\n"
        "assert 'numba.np.linalg' in sys.modules\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
