"""Which room may import which, and what `import onlineml` may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import onlineml

PACKAGE = Path(onlineml.__file__).parent

# A room may import the rooms of the lines above its own.
ORDER = [
    {"kernels"},
    {"categories", "words"},
    {"schema"},
    {"labels", "new_text", "odometer", "parameters", "receipt", "weights"},
    {"new_columns", "shared_budget"},
    {"estimator", "watching", "base", "datasets", "network"},
    {"nn", "transforms", "memory"},
    {"detectors"},
    {"learners"},
    {"active", "unlearning", "rl"},
    {"graph", "registry", "persistence", "checks"},
    {"evaluation"},
    {"integrations", "cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# Within one line, only these; they have no way back.
NEIGHBORS = {
    ("base", "estimator"),
    ("base", "watching"),
    ("watching", "estimator"),
    ("checks", "graph"),
    ("checks", "persistence"),
    ("checks", "registry"),
    ("persistence", "registry"),
    ("graph", "registry"),
    ("cli", "integrations"),
}
# Events reach models through the evaluation: estimators know nothing of where rows come from.
MAY_IMPORT_DATASETS = {"datasets", "evaluation", "integrations", "cli", "checks"}
# These meet every estimator by name; they load a room only when one of its classes comes along.
LAZY = {"registry", "persistence", "checks"}


def faults(source: str, module: str) -> Iterator[str]:
    """What is wrong with the imports of `module`, whose text is `source`."""
    room = module.split(".")[1]
    if room not in LEVEL:
        yield f"{module}: the room {room!r} has no place in the order"
        return
    for target, line, lazy in imports(ast.parse(source), module):
        other = target.split(".")[1]
        where = f"{module}:{line} imports {target}"
        if other == room or other.startswith("__"):
            continue
        if other not in LEVEL:
            yield f"{where}, which has no place in the order"
        elif LEVEL[other] >= LEVEL[room] and (room, other) not in NEIGHBORS:
            yield f"{where}, which does not lie below it"
        elif other == "datasets" and room not in MAY_IMPORT_DATASETS:
            yield f"{where}: models know nothing of where rows come from"
        elif room in LAZY and not lazy and LEVEL["base"] < LEVEL[other] < LEVEL[room]:
            yield f"{where} at its top: do it inside the function that needs it"


def imports(tree: ast.Module, module: str) -> Iterator[tuple[str, int, bool]]:
    """Modules of the package that `module` imports: name, line, whether inside a function."""
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name != "onlineml"]
        elif isinstance(node, ast.Attribute):  # after `import onlineml`: what is taken from it
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            names = [f"onlineml.{node.attr}"] if owner == "onlineml" else []
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            # `from onlineml import base` imports the module `base`, if there is one
            names = [
                f"{origin}.{alias.name}" if origin == "onlineml" else origin for alias in node.names
            ]
        for name in names:
            if name.split(".")[0] == "onlineml":
                yield name, node.lineno, node in inside


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        parts = ("onlineml", *path.relative_to(PACKAGE).with_suffix("").parts)
        if parts != ("onlineml", "__init__"):
            found.append((".".join(parts), path))
    return found


@pytest.mark.parametrize(("module", "path"), [pytest.param(m, p, id=m) for m, p in modules()])
def test_imports_run_one_way(module: str, path: Path) -> None:
    assert list(faults(path.read_text(), module)) == []


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("onlineml.learners.x", "from onlineml.evaluation import prequential", "not lie below"),
        ("onlineml.learners.x", "def f():\n    import onlineml.graph", "not lie below"),
        ("onlineml.learners.x", "from ..graph import chain", "not lie below"),
        ("onlineml.learners.x", "from onlineml.datasets import SEA", "where rows come from"),
        ("onlineml.schema", "from onlineml.labels import codes_of", "not lie below"),
        ("onlineml.rl.x", "from onlineml.active import Budget", "not lie below"),
        ("onlineml.persistence", "from onlineml.learners import GaussianNB", "inside the function"),
        ("onlineml.utils.x", "", "no place"),
        ("onlineml.graph", "from onlineml.misc import f", "no place"),
        ("onlineml.learners.x", "import onlineml\nf = onlineml.cli.main", "not lie below"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str, words: str) -> None:
    (fault,) = faults(source, module)
    assert words in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("onlineml.learners.x", "from onlineml.base import Classifier\nimport numpy"),
        ("onlineml.learners.x", "from onlineml.learners.y import Y\nfrom . import z"),
        ("onlineml.persistence", "def f():\n    from onlineml.learners import GaussianNB"),
        ("onlineml.evaluation.x", "from onlineml.datasets import Stream"),
        ("onlineml.datasets.x", "from onlineml.kernels import jit"),
        ("onlineml.persistence", "import onlineml\nversion = onlineml.__version__"),
    ],
)
def test_a_right_arrow_is_let_through(module: str, source: str) -> None:
    assert list(faults(source, module)) == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "numba torch mlflow pandas polars matplotlib pyarrow river sklearn scipy"
    code = f"import sys, onlineml; print(*sorted(set({heavy.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_importing_the_rooms_compiles_nothing() -> None:
    """The first compile or load of a kernel brings in scipy.linalg, and a second with it."""
    code = "import sys; from onlineml.registry import estimators; estimators(); "
    code += "print('scipy.linalg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_room_loads_the_files_that_are_asked_for() -> None:
    """A room of a hundred learners must not cost a user of one of them half a second."""
    code = "import sys; from onlineml.learners import GaussianNB; "
    code += "print(*(m for m in sys.modules if m.startswith('onlineml.learners.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["onlineml.learners.gaussian_nb"]


def test_type_information_is_shipped() -> None:
    assert (PACKAGE / "py.typed").exists()
