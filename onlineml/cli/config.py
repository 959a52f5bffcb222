"""What a run is made of: flags, a YAML or TOML file and `--set a.b=c`, checked in one place."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from onlineml.cli import specs
from onlineml.cli.mistakes import Mistake, nearest

#: Keys that say where results go, not what they are: they do not count for the hash.
_ELSEWHERE = frozenset({"out", "force", "track", "tracking_uri", "experiment", "processes"})


#: Keys that may be given in the singular: one of them is a list of one.
_SHARED = {
    "model": "models", "metric": "metrics", "strategy": "strategies", "budget": "budgets",
}  # fmt: skip


_LONGEST = 2**63 - 1  # of what files of results hold
Seed = Annotated[int, Field(ge=0, le=_LONGEST)]


class Strict(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", validate_default=True, defer_build=True)


class Step(Strict):
    """A class and its parameters."""

    name: str = Field(description="Name of a class, as `onlineml list` shows it.")
    params: dict[str, Any] = Field(default_factory=dict, description="Its parameters.")


class Chain(Strict):
    """Transformers and a model, in order."""

    chain: list[Step] = Field(min_length=2, description="Steps, in order.")


class Wiring(Strict):
    """A graph; what its nodes and signals say is checked when it is built."""

    graph: str = Field(default="graph", description="Its name.")
    nodes: dict[str, Any] = Field(min_length=1, description="name: {model: ..., after: ...}.")
    signals: dict[str, Any] = Field(
        default_factory=dict, description="detector: [{reset: node}, ...]."
    )
    output: str | list[str] | None = Field(default=None, description="The node that answers.")
    max_pending: int | None = Field(default=None, description="Most rows that wait for labels.")
    remember: int | None = Field(default=None, description="Rows kept to be forgotten.")
    replay: bool | None = Field(default=None, description="Whether they are, by replay.")

    @model_serializer(mode="wrap")
    def _given(self, handler: Any) -> dict[str, Any]:
        """What is unset is left out."""
        return {key: value for key, value in handler(self).items() if value not in (None, {})}


_GRAPH_KEYS = tuple(Wiring.model_fields)


def model_kind(value: Any) -> str:
    """Which of the kinds of models a value is."""
    if isinstance(value, Wiring) or "nodes" in value or "graph" in value:
        return "Wiring"
    return "Chain" if isinstance(value, Chain) or "chain" in value else "Step"


Model = Annotated[
    Annotated[Step, Tag("Step")]
    | Annotated[Chain, Tag("Chain")]
    | Annotated[Wiring, Tag("Wiring")],
    Discriminator(model_kind),
]


class Source(Strict):
    """A stream: by name, or a file."""

    name: str = Field(description="Name of a stream, or path of a file.")
    params: dict[str, Any] = Field(default_factory=dict, description="Its parameters.")
    target: str | None = Field(default=None, description="Column to predict, for a file.")


class Evaluation(Strict):
    """What `run` and `compare` share."""

    models: list[Model] = Field(min_length=1, description="Models to evaluate.")
    rows: int | None = Field(default=None, ge=1, description="Rows of the stream; all when unset.")
    metrics: list[str] = Field(default_factory=list, description="Metrics; the task's when unset.")
    window: int = Field(
        default=1000, ge=1, le=_LONGEST, description="Rows in a window of the curves."
    )
    label_delay: int | float = Field(
        default=0, ge=0, description="Rows (int) or seconds (float) until a label arrives."
    )
    strategies: list[Step] = Field(
        default_factory=list, description="Query strategies that buy labels; all come when unset."
    )
    budgets: list[Annotated[float, Field(gt=0)]] = Field(
        default_factory=list, description="Of the strategies: shares of the rows, or labels."
    )
    out: Path | None = Field(default=None, description="Output folder.")
    force: bool = Field(default=False, description="Write into a folder that exists.")
    track: bool = Field(default=False, description="Log to MLflow.")
    tracking_uri: str | None = Field(default=None, description="MLflow store.")
    experiment: str | None = Field(default=None, description="MLflow experiment.")

    @field_validator("models", "strategies", mode="before")
    @classmethod
    def _read_steps(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, list):
            return value
        plain = [as_plain(item) for item in value]
        for item in plain:
            if not isinstance(item, dict):
                due = "a name or name and params"
                raise Mistake(f"{info.field_name}: got {item!r}, expected {due}")
        return plain

    @model_validator(mode="after")
    def _budgets_are_spent(self) -> Evaluation:
        if self.budgets and not self.strategies:
            raise Mistake("a budget needs a strategy that spends it, such as MarginSampling")
        return self

    @field_validator("metrics", mode="before")
    @classmethod
    def _read_metrics(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        names = [name.strip() for item in value for name in str(item).split(",")]
        return [name for name in names if name]

    def plain(self) -> dict[str, Any]:
        """The resolved configuration as JSON values; loading it again gives the same run."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> str:
        """Hash of everything that the figures depend on."""
        kept = {key: value for key, value in self.plain().items() if key not in _ELSEWHERE}
        text = json.dumps(kept, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class RunConfig(Evaluation):
    """`onlineml run`: models on one stream."""

    stream: Source
    seeds: list[Seed] | None = Field(
        default=None, min_length=1, description="Seeds of the models; their own when unset."
    )
    alert_rate: float = Field(
        default=0.01, gt=0, lt=1, description="Share of rows that detectors raise alerts on."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, values: Any) -> Any:
        return renamed(values, {"seed": "seeds", **_SHARED})

    @field_validator("stream", mode="before")
    @classmethod
    def _read_stream(cls, value: Any) -> Any:
        return source(value) if isinstance(value, str) else value


class CompareConfig(Evaluation):
    """`onlineml compare`: models x streams x seeds."""

    streams: list[Source] = Field(min_length=1, description="Streams to evaluate on.")
    seeds: list[Seed] = Field(default=[1, 2, 3], min_length=1, description="One run per seed.")
    processes: int | None = Field(default=None, ge=1, description="Worker processes.")
    executor: Literal["process", "ray"] = Field(default="process", description="What runs them.")
    ray_address: str | None = Field(default=None, description="A running cluster of Ray.")

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, values: Any) -> Any:
        return renamed(values, {"stream": "streams", "seed": "seeds", **_SHARED})

    @field_validator("streams", mode="before")
    @classmethod
    def _read_streams(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [source(item) if isinstance(item, str) else item for item in value]


def source(text: str, target: str | None = None) -> dict[str, Any]:
    """A stream that was given as text: a file's path, or a name with parameters."""
    name, options = specs.file_and_options(text)
    spec = specs.parse(options or text) if options or not name else {"params": {}}
    if "chain" in spec:
        raise Mistake(f"cannot read stream {text!r}: write Name or Name(key=value)")
    spec["params"] = {key: specs.as_text(value) for key, value in spec["params"].items()}
    if name:
        spec["name"] = name
    return spec | ({} if target is None else {"target": target})


def as_plain(value: Any) -> Any:
    """What was given as text, taken apart."""
    return specs.parse(value) if isinstance(value, str) else value


def renamed(values: Any, singular: Mapping[str, str]) -> Any:
    """Allow `model:` for a list of one model, and so on."""
    if not isinstance(values, Mapping):
        return values
    found = dict(values)
    if "nodes" in found or "graph" in found:  # a graph's file, with what it is to be run on
        if "model" in found or "models" in found:
            raise Mistake("config: give a graph's nodes or models, not both")
        found["models"] = {key: found.pop(key) for key in _GRAPH_KEYS if key in found}
    for one, many in singular.items():
        if one in found:
            if many in found:
                raise Mistake(f"config: give {one!r} or {many!r}, not both")
            value = found.pop(one)
            found[many] = value
        if isinstance(found.get(many), str | int | float | dict):
            found[many] = [found[many]]
    return found


C = TypeVar("C", bound=Strict)


def resolve(
    kind: type[C], file: Path | None, flags: Mapping[str, Any], overrides: Iterable[str]
) -> C:
    """One checked configuration: the file, then the flags, then `--set`, the last one wins."""
    values = loaded(file) if file else {}
    for key, value in flags.items():
        values.pop(_SINGULAR.get(key, key), None)
        values[key] = value
    for assignment in overrides:
        _assign(values, assignment)
    try:
        with _without_plugins():
            return kind.model_validate(values)
    except ValidationError as error:
        raise Mistake(_first_problem(error, kind, file)) from error


@contextmanager
def _without_plugins() -> Iterator[None]:
    """Pydantic looks for plugins in every distribution that is installed; none concern us."""
    key = "PYDANTIC_DISABLE_PLUGINS"
    before = os.environ.get(key)
    os.environ[key] = "__all__"
    try:
        yield
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before


_SINGULAR = {many: one for one, many in _SHARED.items()} | {"streams": "stream", "seeds": "seed"}


def loaded(file: Path) -> dict[str, Any]:
    """A configuration file as it stands."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".toml":
            return tomllib.loads(text)
        values = specs.load_yaml(text)
    except ValueError as error:  # of either format
        raise Mistake(f"{file}: {error}") from error
    if isinstance(values, dict):
        return values
    came = "nothing" if values is None else type(values).__name__
    raise Mistake(f"{file}: got {came}, expected keys and values (of data: --stream {file})")


def _assign(values: dict[str, Any], assignment: str) -> None:
    """Carry out `a.b=c` in `values`; numbers count into lists."""
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise Mistake(f"--set {assignment!r}: write key.key=value")
    *parents, last = path.strip().split(".")
    place: Any = values
    for key in [*parents]:
        place = _entered(place, key, path)
    if isinstance(place, list):
        place[_index(place, last, path)] = _scalar(text)
    else:
        place[last] = _scalar(text)


def _entered(place: Any, key: str, path: str) -> Any:
    """The mapping or list under `key`, made or read from its text where need be."""
    if isinstance(place, list):
        index = _index(place, key, path)
        place[index] = as_plain(place[index])
        return place[index]
    many = {one: many for many, one in _SINGULAR.items()}.get(key)
    if key not in place and many in place and len(place[many]) == 1:
        return _entered(place[many], "0", path)
    if isinstance(place.get(key), str):
        place[key] = source(place[key]) if key == "stream" else as_plain(place[key])
    inner = place.setdefault(key, {})
    if not isinstance(inner, dict | list):
        raise Mistake(f"--set {path}: {key!r} is {inner!r}, it has no keys")
    return inner


def _index(place: list[Any], key: str, path: str) -> int:
    if not key.isdecimal() or int(key) >= len(place):
        raise Mistake(f"--set {path}: got {key!r}, expected a number below {len(place)}")
    return int(key)


def _scalar(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        try:
            return specs.load_yaml(text)
        except ValueError:
            return text


_KINDS = ("Step", "Chain", "Wiring", "Saved")  # which pydantic puts into its paths


def _first_problem(error: ValidationError, kind: type[BaseModel], file: Path | None) -> str:
    """The first complaint in words, with the key that was probably meant."""
    problems = error.errors(include_url=False)
    unknown_keys = [p for p in problems if p["type"] == "extra_forbidden"]
    problem = (unknown_keys or problems)[0]
    path = [part for part in problem["loc"] if part not in _KINDS]
    where = f"{file}: " if file else ""
    key = ".".join(str(part) for part in path)
    if problem["type"] == "extra_forbidden":
        known = _keys_at(kind, path[:-1])
        close = nearest(str(path[-1]), known)
        due = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
        return f"{where}unknown key {key!r}: {due}"
    if problem["type"] == "missing":
        of_agents = key == "models" and "env" in kind.model_fields
        option = "agent" if of_agents else str(path[-1]).rstrip("s")
        return f"{where}{key!r} is missing (a config key, or --{option})"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}{key}: got {problem['input']!r}, {message[:1].lower()}{message[1:]}"


def _keys_at(kind: type[BaseModel], path: Iterable[Any]) -> list[str]:
    keys: Mapping[str, type[BaseModel]] = {
        "models": Step, "model": Step, "strategies": Step, "chain": Step,
        "stream": Source, "streams": Source,
    }  # fmt: skip
    here = kind
    for part in path:
        field = here.model_fields.get(str(part))
        inner = None if field is None else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            here = inner
        here = keys.get(part, here)
    graph = _GRAPH_KEYS if here is kind and issubclass(kind, Evaluation) else ()
    return [*here.model_fields, *graph]
