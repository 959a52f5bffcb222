"""Every public docstring says what it costs, what is refused, and where the method comes from."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString

from onlineml.estimator import Estimator

#: Rooms that keep to it.
ROOMS = (
    "learners",
    "detectors",
    "transforms",
    "active",
    "rl",
    "graph",
    "unlearning",
    "datasets",
    "evaluation",
    "integrations",
)
#: Name -> why it has neither cost nor example, and refuses nothing.
RECORDS = {
    "Alerts": "fields that a method returns",
    "Answer": "fields that a method returns",
    "BudgetSpentError": "an error",
    "Chunk": "fields that a method returns",
    "DownloadError": "an error",
    "Drawing": "fields that a method returns",
    "Episodes": "fields that a method returns",
    "Forget": "fields that a method takes",
    "Generator": "what streams share, which tell of themselves",
    "Known": "fields that a function returns",
    "Label": "fields that a method takes",
    "Queries": "fields that a method returns",
    "Query": "fields that a method returns",
    "Receipt": "fields that a method returns",
    "Reward": "fields that a method takes",
    "Sample": "fields that a method takes",
    "Stream": "what streams share, which tell of themselves",
    "Transition": "fields that a method takes",
    "World": "what environments share, which tell of themselves",
    "names": "takes nothing",
    "AlertRecord": "fields that a function returns",
    "ChunkScores": "fields that a function returns",
    "Comparison": "fields that a function returns",
    "ContinualResult": "fields that a function returns",
    "ContinualRun": "fields that a function returns",
    "Detections": "fields that a function returns",
    "Metric": "fields that a function returns",
    "NABScore": "fields that a function returns",
    "PolicyValue": "fields that a function returns",
    "Result": "fields that a function returns",
    "Run": "fields that a function returns",
    "VUS": "fields that a function returns",
    "Tracker": "what trackers share",
    "WindowRecord": "fields that a tracker is told",
    "worst": "adds up fields",
} | dict.fromkeys(
    ("consolidate", "refit", "refund", "replace", "reset"), "makes what Graph.on takes, and checks"
)
#: Name -> why it has no source.
NO_SOURCE = dict.fromkeys(RECORDS, "a record") | {
    "ARFFStream": "reads a file",
    "ArrayStream": "reads arrays",
    "ArrowStream": "reads a file",
    "CSVStream": "reads a file",
    "FrameStream": "reads a table",
    "FromDict": "names columns",
    "Graph": "wires nodes",
    "InstanceNormalizer": "divides by a norm",
    "IterableStream": "reads pairs",
    "Keyed": "a model each",
    "MajorityClassifier": "counts labels",
    "MeanImputer": "fills in a mean",
    "MinMaxScaler": "divides by a range",
    "OneHotEncoder": "indicates values",
    "ParquetStream": "reads a file",
    "PeriodicSampling": "counts rows",
    "RandomSampling": "draws",
    "Recurring": "takes turns",
    "as_stream": "finds a reader",
    "chain": "one step after another",
    "consult": "a loop",
    "compare": "a loop",
    "detections": "counts rows",
    "film": "takes pictures",
    "load": "finds a stream",
    "metric": "finds a metric",
    "play": "a loop",
    "stretches": "counts rows",
    "supervise": "a loop",
    "test_then_train": "a loop",
} | dict.fromkeys(
    ("KafkaSink", "KafkaSource", "MockCluster", "RayExecutor", "Rollout", "load_model", "log_model",
     "RiverClassifier", "RiverDetector", "RiverDriftDetector", "RiverRegressor", "to_pysad",
     "to_river", "to_sklearn"), "speaks to another project"
)  # fmt: skip

#: Sources of which no part is named -> why. Each by how it begins.
_WHOLE = dict.fromkeys(
    ("Ksieniewicz, Zyblewski", "Muldal", "Pedregosa", "Tunyasuvunakool", "Yilmaz",
     "Zhao, Nasrullah"), "tells of a library"
) | dict.fromkeys(
    ("Altman", "Böhning", "Grimshaw", "Guyon", "Javed", "Komorniczak", "Leys", "Mahalanobis",
     "Massey", "Plackett", "Welford", "West", "Winters"), "a few pages of one method"
) | dict.fromkeys(
    ("Aggarwal, Sathe", "Cano", "Gallego-Mejia", "Gama, Sebastiao, Rodrigues", "Gogianu",
     "Gomes, Barddal, Boiko", "Gomes, Montiel", "Gui", "Holmes", "Intentional updates",
     "Liu, Cassales", "Martins", "Nesic", "Nowak", "Partridge", "Putina", "Schlimmer",
     "Sharifnassab", "Wang (2023)", "Williams, Peng"), "its parts are yet to be looked up"
)  # fmt: skip
_PARTS = "sections?|algorithms?|equations?|chapters?|theorems?|propositions?|lemmas?|tables?"
_PARTS += "|figures?|definitions?|corollary|examples?"
_NAMED = "sections?|definition|algorithms?|equations?"
#: What a source's part is called: by number, or by what it is about.
_PART = re.compile(
    rf"(?i:\b({_PARTS})) (\d|[A-Z]\b|[IVX]+\b)|(?i:\bthe ({_NAMED}) (on|of)\b)"
    r"|\b[Aa]ppendix\b|\bAbstract\b|\b[Ee]qs?\. "
)
_REFERENCE = re.compile(r"\.\. \[(\d+)\] ")
_COST = re.compile(r"[Tt]ime (and memory )?per (event|score|prediction)|O\(")
_NAME = re.compile(r"`([A-Za-z_]\w*)`")
_END = r"(\d+(?:\.\d+)?)"
_BELOW = re.compile(rf"`(\w+)` (>=?) {_END}(?! [`/])")
_ABOVE = re.compile(rf"`(\w+)` (<=?) {_END}")
_LEAST = re.compile(rf"{_END} (<=?) `(\w+)`")
_ELSEWHERE = re.compile(r"[Aa]s in `|as of `")
#: What most parameters are not; those that take all of them have no range to tell of.
_ODD = {"int": (-1, 0, 1), "float": (-1.0, 0.0, 2.0), "str": ("no such",), "Literal": ("no such",)}


def exported() -> dict[str, Any]:
    """Classes and functions that the rooms export, by name."""
    rooms = [importlib.import_module(f"onlineml.{room}") for room in ROOMS]
    found = {name: getattr(room, name) for room in rooms for name in room.__all__}
    return {name: item for name, item in found.items() if callable(item)}


EXPORTED = exported()
_MADE = re.compile(
    r"(Chain|Graph|Keyed|Replayable|Sharded)(Classifier|Regressor|\w*Detector|Transformer)"
)
NO_SOURCE |= {name: "made by what tells of it" for name in EXPORTED if _MADE.fullmatch(name)}
TELLING = [pytest.param(item, id=name) for name, item in EXPORTED.items() if name not in RECORDS]


def text_of(item: Any) -> str:
    return " ".join((inspect.getdoc(item) or "").split())


def sections_of(item: Any) -> Any:
    return NumpyDocString(inspect.getdoc(item) or "")


def is_estimator(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, Estimator)


def told_of(item: Any) -> str:
    """What the section "Raises" says."""
    return " ".join(line for entry in sections_of(item)["Raises"] for line in entry.desc)


@pytest.mark.parametrize("item", TELLING)
def test_cost_refusals_and_an_example_are_told(item: Any) -> None:
    sections = sections_of(item)
    assert _COST.search(text_of(item)), "no cost per event"
    assert "memory" in text_of(item).lower(), "no memory"
    assert sections["Raises"], "no section Raises"
    assert sections["Examples"], "no example"


@pytest.mark.parametrize("name", EXPORTED)
def test_sources_are_told(name: str) -> None:
    assert bool(sections_of(EXPORTED[name])["References"]) == (name not in NO_SOURCE)


def references(item: Any) -> dict[str, str]:
    """Sources by their numbers."""
    _, *found = _REFERENCE.split(" ".join(" ".join(sections_of(item)["References"]).split()))
    return dict(zip(found[::2], found[1::2], strict=True))


def part_of(item: Any, number: str, source: str) -> bool:
    """Whether the source, or a clause of the text that refers to it, names a part."""
    clauses = re.split(r"(?<=[.;:]) ", text_of(item))
    near = [clause for clause in clauses if f"[{number}]_" in clause]
    return any(_PART.search(text) for text in (source, *near))


@pytest.mark.parametrize("name", EXPORTED)
def test_parts_of_sources_are_named(name: str) -> None:
    item = EXPORTED[name]
    whole = [s for n, s in references(item).items() if not part_of(item, n, s)]
    assert [source for source in whole if not source.startswith((*_WHOLE,))] == []


def test_whole_sources_are_few() -> None:
    found = [(i, n, s) for i in EXPORTED.values() for n, s in references(i).items()]
    whole = [source for item, n, source in found if not part_of(item, n, source)]
    assert [name for name in _WHOLE if not any(s.startswith(name) for s in whole)] == []


@pytest.mark.parametrize("item", TELLING)
def test_parameters_are_those_of_the_signature(item: Any) -> None:
    told = ", ".join(entry.name.lstrip("*") for entry in sections_of(item)["Parameters"])
    assert sorted(filter(None, told.split(", "))) == sorted(inspect.signature(item).parameters)


@pytest.mark.parametrize("item", TELLING)
def test_refusals_name_what_there_is(item: Any) -> None:
    names = set(_NAME.findall(told_of(item)))
    known = {*inspect.signature(item).parameters, *dir(item), *EXPORTED, "PrivacyOdometer"}
    others = {"TreeAggregation"} if "privacy" in known else names & {*EXPORTED}
    for other in others:  # of which it says that theirs are refused
        known |= {*inspect.signature(EXPORTED[other]).parameters}
    assert names <= known


def refused(kind: Any) -> Iterator[str]:
    """Names of the parameters of which an odd value is refused on its own account."""
    if not is_estimator(kind):
        return
    for name, parameter in inspect.signature(kind).parameters.items():
        if name == "seed":
            continue  # of all, `Estimator` tells
        plain = re.split(r"\W", str(parameter.annotation))[0]
        for value in _ODD.get(plain, ()):
            try:
                kind(**{name: value})._accept_parameters()
            except ValueError as error:
                if re.match(rf"{name}\b", str(error)):
                    yield name


@pytest.mark.parametrize("item", TELLING)
def test_what_is_refused_is_told(item: Any) -> None:
    given = inspect.signature(item).parameters.values()
    if any(p.default is p.empty for p in given) or _ELSEWHERE.search(told_of(item)):
        return
    _skip_without_torch(item)
    assert set(refused(item)) <= set(_NAME.findall(told_of(item)))


def _skip_without_torch(item: Any) -> None:
    if any(entry.type == "ImportError" for entry in sections_of(item)["Raises"]):
        pytest.importorskip("torch")


def beyond(told: str) -> Iterator[tuple[str, float]]:
    """Names of parameters, and a value just out of the range that is told."""
    lows = [*_BELOW.findall(told), *((name, sign, end) for end, sign, name in _LEAST.findall(told))]
    for name, sign, end in lows:
        yield name, float(end) - sign.endswith("=")
    for name, sign, end in _ABOVE.findall(told):
        yield name, float(end) + sign.endswith("=")


@pytest.mark.parametrize("item", TELLING)
def test_what_is_told_is_refused(item: Any) -> None:
    given = inspect.signature(item).parameters
    if not is_estimator(item) or any(p.default is p.empty for p in given.values()):
        return
    _skip_without_torch(item)
    for name, value in beyond(told_of(item)):
        whole = str(given[name].annotation).startswith("int")
        model = item(**{name: int(value) if whole else value})
        with pytest.raises(ValueError, match=r"^\w+: got "):
            model._accept_parameters()


def test_exemptions_are_of_what_is_exported() -> None:
    assert {*RECORDS, *NO_SOURCE} <= {*EXPORTED}
