"""Model files: a JSON header and plain arrays, never a pickle, written so that a kill leaves one.

Layout: 8 bytes `ONLINEML`, format version (u32), header length (u64), header (JSON), body
(safetensors), blake2b-256 of all before. The header names the class, which is looked up in the list
of exported estimators: loading runs no code from the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pickle
import struct
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import onlineml
from onlineml.estimator import Estimator
from onlineml.odometer import PrivacyOdometer
from onlineml.registry import estimator, estimators, nearest
from onlineml.schema import wrong

MAGIC, VERSION = b"ONLINEML", 1
_PREFIX = struct.Struct("<8sIQ")
_DIGEST_SIZE = 32
_PICKLE = "pickle"
_WARNING = (
    "holds a pickled {}, which can run any code when loaded; "
    "pass trusted_pickle=True only for a file of your own"
)
Arrays = dict[str, npt.NDArray[Any]]


class Saved(NamedTuple):
    """What a file holds: the model, the JSON values of its header, and what was attached."""

    model: Any
    extra: dict[str, Any]
    attached: Any


class CheckpointError(ValueError):
    """A file that cannot be loaded: foreign, truncated, corrupted, or from another version."""


def save(
    model: Any,
    path: str | os.PathLike[str],
    *,
    extra: Mapping[str, Any] | None = None,
    attached: Any = None,
    trusted_pickle: bool = False,
) -> Path:
    """Write `model` to `path`: to a temporary file, synced, then renamed.

    A file that was there is kept as `path` + `.previous`, for `load` to fall back on.

    Parameters
    ----------
    model
        An estimator; with `trusted_pickle` also an object of another library, or an estimator that
        holds some.
    extra
        JSON values to keep in the header, such as positions in a source.
    attached
        A tree of mappings, lists, numbers, text and arrays to keep beside the model, such as
        labels that are waited for; `load_all` gives it back.
    trusted_pickle
        Pickle objects of other libraries. Whoever loads it must trust the file.

    Raises
    ------
    ValueError
        For a parameter or a label that has no place in a JSON header, by name.
    """
    path = Path(path)
    if path.is_dir():
        raise wrong("path", str(path), "a file, this is a folder")
    content = dumps(model, extra=extra, attached=attached, trusted_pickle=trusted_pickle)
    _write_atomically(path, content)
    return path


def load(
    path: str | os.PathLike[str],
    *,
    classes: Iterable[type[Estimator]] = (),
    trusted_pickle: bool = False,
) -> Any:
    """The model in `path`; if the file is damaged, the one that was saved before it.

    Parameters
    ----------
    classes
        Your own estimator classes, to be allowed beside the exported ones.
    trusted_pickle
        Allow a file that holds a pickle: loading it can run any code.

    Raises
    ------
    CheckpointError
        The file is foreign, truncated, corrupted, of a newer format or of an unknown class.
    """
    return _load(Path(path), classes, trusted_pickle).model


def load_all(
    path: str | os.PathLike[str],
    *,
    classes: Iterable[type[Estimator]] = (),
    trusted_pickle: bool = False,
) -> Saved:
    """The model in `path` with the `extra` and `attached` values of the same file; see `load`."""
    return _load(Path(path), classes, trusted_pickle)


def _load(path: Path, classes: Iterable[type[Estimator]], trusted_pickle: bool) -> Saved:
    try:
        return _read(path.read_bytes(), classes, trusted_pickle)
    except _DamagedError as error:
        previous = _previous(path)
        if not previous.exists():
            raise CheckpointError(f"{path}: {error}") from None
        saved = _read(previous.read_bytes(), classes, trusted_pickle)
        warnings.warn(f"{path}: {error}; loaded {previous} instead", RuntimeWarning, stacklevel=3)
        return saved
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The header of a file, its digest verified; nothing is built from it."""
    path = Path(path)
    try:
        header, body = _parted(path.read_bytes())
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return header | {"file_bytes": path.stat().st_size, "body_bytes": len(body)}


def dumps(
    model: Any,
    *,
    extra: Mapping[str, Any] | None = None,
    attached: Any = None,
    trusted_pickle: bool = False,
) -> bytes:
    """The bytes that `save` writes."""
    from safetensors.numpy import save as to_bytes

    arrays: Arrays = {}
    if isinstance(model, Estimator):
        described = _described(model, arrays, trusted_pickle)
    elif trusted_pickle:
        arrays["pickle"] = np.frombuffer(pickle.dumps(model), np.uint8)
        described = {"class": _PICKLE, "of": f"{type(model).__module__}.{type(model).__name__}"}
    else:
        raise ValueError(
            f"model: got {type(model).__name__}, expected an onlineml estimator "
            "(trusted_pickle=True pickles an object of another library)"
        )
    header = {"onlineml": onlineml.__version__, **described, "extra": dict(extra or {})}
    if attached is not None:
        header["attached"] = _packed(attached, arrays, "attached", trusted_pickle)
    try:
        text = json.dumps(header).encode()
    except TypeError as error:
        raise ValueError(f"extra: {error}, expected JSON values") from None
    content: bytes = _PREFIX.pack(MAGIC, VERSION, len(text)) + text + to_bytes(arrays)
    return content + hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


def loads(
    content: bytes, *, classes: Iterable[type[Estimator]] = (), trusted_pickle: bool = False
) -> Any:
    """The model in bytes that `dumps` gave."""
    return _read(content, classes, trusted_pickle).model


def _read(content: bytes, classes: Iterable[type[Estimator]], trusted_pickle: bool) -> Saved:
    header, body = _parted(content)
    try:
        return _made_from(header, body, classes, trusted_pickle)
    except CheckpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"not as this onlineml writes files: {error!r}") from error


def _made_from(
    header: dict[str, Any], body: bytes, classes: Iterable[type[Estimator]], trusted_pickle: bool
) -> Saved:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        arrays = from_bytes(body)
    except SafetensorError as error:
        raise CheckpointError(f"the arrays cannot be read: {error}") from None
    reading = _Reading({own.__name__: own for own in classes}, trusted_pickle)
    attached = _unpacked(header.get("attached"), arrays, reading)
    if header["class"] != _PICKLE:
        return Saved(_built(header, arrays, reading), header["extra"], attached)
    if not trusted_pickle:
        raise CheckpointError(_WARNING.format(header["of"]))
    return Saved(pickle.loads(arrays["pickle"].tobytes()), header["extra"], attached)


class _Reading(NamedTuple):
    """The classes that a file may name beside the package's, and whether it may hold pickles."""

    own: Mapping[str, type[Estimator]]
    trusted: bool


class _DamagedError(CheckpointError):
    """Bytes that were right once: worth falling back to the previous file."""


def _parted(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Verified header and body."""
    if not content.startswith(MAGIC[: len(content)]):
        raise CheckpointError("not an onlineml model file")
    if len(content) < _PREFIX.size + _DIGEST_SIZE:
        raise _DamagedError(f"truncated at {len(content)} bytes")
    _, version, length = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise CheckpointError(f"file format {version}, this onlineml reads format {VERSION}")
    checked, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if hashlib.blake2b(checked, digest_size=_DIGEST_SIZE).digest() != digest:
        raise _DamagedError("corrupted or truncated: the digest does not match")
    end = _PREFIX.size + length
    try:
        header: dict[str, Any] = json.loads(checked[_PREFIX.size : end])
    except ValueError as error:
        raise CheckpointError(f"the header cannot be read: {error}") from None
    return header, checked[end:]


# -------------------------------------------------------------------- trees of plain values


def _described(model: Estimator, arrays: Arrays, trusted: bool) -> dict[str, Any]:
    name = type(model).__name__
    params = {
        key: _packed(value, arrays, f"{name}.{key}", trusted)
        for key, value in model.get_params(deep=False).items()
    }
    state = _packed(model.get_state(), arrays, name, trusted)
    return {"class": name, "params": params, "state": state, "nbytes": model.nbytes}


def _packed(value: Any, arrays: Arrays, where: str, trusted: bool) -> Any:
    """`value` for the header, its arrays (and, where trusted, pickles) moved to `arrays`."""
    if isinstance(value, np.ndarray):
        name = f"{len(arrays)} {where}"
        arrays[name] = np.ascontiguousarray(value)
        return {"$array": name}
    if isinstance(value, Estimator):
        params = value.get_params(deep=False)
        packed = {
            key: _packed(item, arrays, f"{where}.{key}", trusted) for key, item in params.items()
        }
        return {"$estimator": type(value).__name__, "params": packed}
    if isinstance(value, PrivacyOdometer):
        return {"$odometer": value.to_plain()}
    if isinstance(value, tuple):
        return {"$tuple": [_packed(item, arrays, where, trusted) for item in value]}
    if isinstance(value, list):
        return [_packed(item, arrays, where, trusted) for item in value]
    if isinstance(value, Mapping):
        items = [
            [_packed(k, arrays, where, trusted), _packed(v, arrays, f"{where}.{k}", trusted)]
            for k, v in value.items()
        ]
        return {"$mapping": items}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if trusted:
        name = f"{len(arrays)} {where}"
        arrays[name] = np.frombuffer(pickle.dumps(value), np.uint8)
        return {"$pickle": name, "of": f"{type(value).__module__}.{type(value).__name__}"}
    raise ValueError(
        f"{where}: got {type(value).__name__}, expected numbers, text, arrays or estimators "
        "(trusted_pickle=True pickles an object of another library)"
    )


def _unpacked(value: Any, arrays: Arrays, reading: _Reading) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays, reading) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$tuple" in value:
        return tuple(_unpacked(value["$tuple"], arrays, reading))
    if "$odometer" in value:
        return PrivacyOdometer.from_plain(value["$odometer"])
    if "$estimator" in value:
        return _class_of(value["$estimator"], reading.own)(
            **_named(value["params"], arrays, reading)
        )
    if "$pickle" in value:
        if not reading.trusted:
            raise CheckpointError(_WARNING.format(value["of"]))
        return pickle.loads(arrays[value["$pickle"]].tobytes())
    pairs = _unpacked(value["$mapping"], arrays, reading)
    return {key: item for key, item in pairs}


def _named(params: Mapping[str, Any], arrays: Arrays, reading: _Reading) -> dict[str, Any]:
    return {key: _unpacked(value, arrays, reading) for key, value in params.items()}


def _class_of(name: str, own: Mapping[str, type[Estimator]]) -> type[Estimator]:
    found = own.get(name) or estimator(name)
    if found is None:
        close = nearest(name, [*estimators(), *own])
        raise CheckpointError(f"unknown class {name!r}: {close}; see classes=")
    return found


def _built(header: Mapping[str, Any], arrays: Arrays, reading: _Reading) -> Estimator:
    kind = _class_of(header["class"], reading.own)
    try:
        model = kind(**_named(header["params"], arrays, reading))
        return model.set_state(_unpacked(header["state"], arrays, reading))
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"a {header['class']} of onlineml {header['onlineml']} that does not fit "
            f"onlineml {onlineml.__version__}: {error}"
        ) from error


# -------------------------------------------------------------------- files


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _write_atomically(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    descriptor, temporary = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _keep_previous(path)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:  # of a file without a name
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync(path.parent)


def _keep_previous(path: Path) -> None:
    """Link, not move: there is a whole file at `path` at every moment."""
    if path.exists():
        link = path.with_name(path.name + ".linking")
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        os.link(path, link)
        os.replace(link, _previous(path))


def sync(path: Path) -> None:
    """See that a file, or the names in a folder, outlive the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
