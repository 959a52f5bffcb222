"""Model files: whole, damaged, foreign, from the future; killed while writing."""

import errno
import hashlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml import persistence
from onlineml.checks import assert_same_answers, rows, serve_many, targets, trained
from onlineml.checks.roles import rows_for
from onlineml.learners import GaussianNB
from onlineml.learners.penalty import Penalty
from onlineml.learners.privacy import Privacy
from onlineml.persistence import CheckpointError, dumps, load, loads, read_header, save
from onlineml.registry import estimators
from onlineml.rl.part import Part
from tests.examples import example


@pytest.fixture
def model() -> Any:
    return trained(GaussianNB(var_floor=1e-6))


def test_round_trip_keeps_parameters_and_header(model: GaussianNB, tmp_path: Path) -> None:
    path = save(model, tmp_path / "nb.onl", extra={"offset": 42})
    other = load(path)
    assert repr(other) == "GaussianNB(var_floor=1e-06)"
    header = read_header(path)
    assert header["class"] == "GaussianNB"
    assert header["extra"] == {"offset": 42}
    assert header["nbytes"] == model.nbytes
    assert header["file_bytes"] == path.stat().st_size


def test_an_unfitted_model_can_be_saved(tmp_path: Path) -> None:
    assert not load(save(GaussianNB(), tmp_path / "new.onl")).is_started


def test_every_estimator_in_a_fresh_process(tmp_path: Path) -> None:
    """One process saves all, another loads them and answers the same."""
    due = {}
    learning = [
        name
        for name, kind in estimators().items()
        if not issubclass(kind, Part | Penalty | Privacy)
        and "check_resumes_from_file" not in kind._excuses
    ]
    for name in learning:
        trained_one = trained(example(name), seed=3)
        save(trained_one, tmp_path / f"{name}.onl")
        due[name] = serve_many(trained_one, rows_for(trained_one, 20, 40)[0])
    code = """
        import json, sys
        from pathlib import Path
        from onlineml.checks.roles import rows_for, serve_many
        from onlineml.persistence import load
        models = {p.stem: load(p) for p in Path(sys.argv[1]).glob("*.onl")}
        answers = {name: serve_many(m, rows_for(m, 20, 40)[0]) for name, m in models.items()}
        print(json.dumps(answers))
    """
    got = json.loads(_python(code, tmp_path))
    assert got.keys() == due.keys()
    for name in due:
        assert_same_answers(due[name], got[name])


def _python(code: str, *arguments: Any) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path.cwd()
    ).stdout


def test_loading_imports_no_pickle_and_runs_nothing(model: GaussianNB, tmp_path: Path) -> None:
    assert b"pickle" not in dumps(model)
    assert b"\x80\x04" not in dumps(model)[:64]


@pytest.mark.parametrize("length", [0, 3, 8, 19, 20, 100, -1])
def test_truncated(model: GaussianNB, length: int) -> None:
    with pytest.raises(CheckpointError, match=r"truncated|not an onlineml"):
        loads(dumps(model)[:length])


def test_signed_files_that_nobody_wrote_are_named(model: GaussianNB) -> None:
    content = dumps(model)
    (length,) = struct.unpack_from("<Q", content, 12)
    head, body = json.loads(content[20 : 20 + length]), content[20 + length : -32]

    def signed(header: bytes, arrays: bytes, said: int | None = None) -> bytes:
        size = struct.pack("<Q", len(header) if said is None else said)
        whole = content[:12] + size + header + arrays
        return whole + hashlib.blake2b(whole, digest_size=32).digest()

    assert loads(signed(json.dumps(head).encode(), body)).is_started
    for whole in (
        signed(b"{", body),
        signed(b"\xff", body),
        signed(b"[1]", body),
        signed(json.dumps(head).encode(), body, 1 << 63),
        signed(json.dumps(head | {"params": 3}).encode(), body),
        signed(json.dumps(head | {"state": [1]}).encode(), body),
        signed(json.dumps({key: head[key] for key in ("class", "params")}).encode(), body),
        signed(json.dumps(head).encode(), b"arrays"),
        signed(json.dumps(head).encode(), b""),
    ):
        with pytest.raises(CheckpointError):
            loads(whole)


def test_any_flipped_byte_is_noticed(model: GaussianNB) -> None:
    content = dumps(model)
    rng = np.random.default_rng(0)
    for position in [0, 9, 15, *rng.integers(20, len(content), 40).tolist()]:
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        with pytest.raises(CheckpointError):
            loads(bytes(damaged))


@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), b"PK\x03\x04" + bytes(90), b"{}"])
def test_foreign_file(content: bytes) -> None:
    with pytest.raises(CheckpointError, match="not an onlineml model file"):
        loads(content)


def test_future_version_is_named(model: GaussianNB) -> None:
    content = bytearray(dumps(model))
    content[8:12] = struct.pack("<I", 7)
    with pytest.raises(CheckpointError, match="file format 7, this onlineml reads format 1"):
        loads(bytes(content))


def test_unknown_class_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    class GausianNB(GaussianNB):
        """A user's class that the file names and the reader does not know."""

    content = dumps(GausianNB())
    with pytest.raises(CheckpointError, match="unknown class 'GausianNB': did you mean GaussianNB"):
        loads(content)
    assert isinstance(loads(content, classes=[GausianNB]), GausianNB)


def test_arrays_that_do_not_fit_are_refused(model: GaussianNB) -> None:
    """Kernels trust shapes, so a well-signed file with wrong ones must not get through."""
    model.mean_ = np.zeros((2, 2))
    with pytest.raises(CheckpointError, match=r"state\['mean_'\]"):
        loads(dumps(model))
    state = GaussianNB().fit_many([[1.0]], ["a"]).get_state()
    with pytest.raises(ValueError, match="n_"):
        GaussianNB().set_state(state | {"n_": np.zeros((2, 3))})


def test_what_has_no_place_in_a_header_is_named(model: GaussianNB, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="extra"):
        save(model, tmp_path / "m.onl", extra={"when": object()})
    with pytest.raises(ValueError, match=r"GaussianNB\.var_floor"):
        dumps(GaussianNB(var_floor=object()))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir()), "a failed save leaves nothing behind"


def test_falls_back_on_the_previous_file(model: GaussianNB, tmp_path: Path) -> None:
    path = tmp_path / "m.onl"
    save(GaussianNB(), path)
    save(model, path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.warns(RuntimeWarning, match=r"loaded .*m\.onl\.previous instead"):
        assert not load(path).is_started
    (tmp_path / "m.onl.previous").unlink()
    with pytest.raises(CheckpointError, match=r"m\.onl: corrupted or truncated"):
        load(path)


def test_foreign_models_need_trust(tmp_path: Path) -> None:
    river_like = {"counts": [1, 2]}
    with pytest.raises(ValueError, match="trusted_pickle=True"):
        save(river_like, tmp_path / "m.onl")
    save(river_like, tmp_path / "m.onl", trusted_pickle=True)
    with pytest.raises(CheckpointError, match="can run any code"):
        load(tmp_path / "m.onl")
    assert load(tmp_path / "m.onl", trusted_pickle=True) == river_like


def test_a_file_that_was_emptied_falls_back(model: GaussianNB, tmp_path: Path) -> None:
    path = tmp_path / "m.onl"
    for _ in range(2):
        save(model, path)
    path.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match=r"truncated at 0 bytes; loaded"):
        assert load(path).is_started


def test_folders_are_named(model: GaussianNB, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^path: got .* this is a folder"):
        save(model, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none'$"):
        save(model, tmp_path / "none" / "m.onl")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.onl")


def test_a_failed_write_leaves_the_old_file(
    model: GaussianNB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(GaussianNB(), tmp_path / "m.onl")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(model, path)
    monkeypatch.undo()
    assert not load(path).is_started
    assert [p.name for p in tmp_path.iterdir()] == ["m.onl"]


def test_killed_at_any_moment_resumes_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL a process that learns and saves; the file goes on to the end of an unkilled run."""
    code = """
        import sys
        from pathlib import Path
        from onlineml.checks import rows, targets
        from onlineml.learners import GaussianNB
        from onlineml.persistence import load, read_header, save
        path = Path(sys.argv[1])
        X, score = rows(21, 6000)
        y = targets(GaussianNB(), score)
        done = read_header(path)["extra"]["rows"] if path.exists() else 0
        model = load(path) if done else GaussianNB()
        for i in range(done, len(X)):
            model.fit_one(X[i], y[i])
            if i % 3 == 0:
                save(model, path, extra={"rows": i + 1})
                print(i, flush=True)
        save(model, path, extra={"rows": len(X)})
    """
    path = tmp_path / "m.onl"
    rng = np.random.default_rng(22)
    for _ in range(5):
        command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(int(rng.integers(5, 120))):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert 0 < read_header(path)["extra"]["rows"] < 6000
    _python(code, path)
    X, score = rows(21, 6000)
    straight = GaussianNB().fit_many(X, targets(GaussianNB(), score))
    assert persistence.dumps(straight) == persistence.dumps(load(path))


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save(GaussianNB(), tmp_path / "model.oml")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*model\.oml'"):
        save(GaussianNB(var_floor=2.0), tmp_path / "model.oml")
    assert [path.name for path in tmp_path.iterdir()] == ["model.oml"]
    assert load(tmp_path / "model.oml").var_floor != 2.0
