"""One page per room, made from what the room exports."""

import importlib
import inspect
from pathlib import Path

#: Page -> (module whose exports stand on it, where they must be defined).
PAGES = {
    "base": ("onlineml.base", ""),
    "learners": ("onlineml.learners", ""),
    "anomaly_detectors": ("onlineml.detectors", "onlineml.detectors.anomaly"),
    "drift_detectors": ("onlineml.detectors", "onlineml.detectors.drift"),
    "transforms": ("onlineml.transforms", ""),
    "graph": ("onlineml.graph", ""),
    "active": ("onlineml.active", ""),
    "unlearning": ("onlineml.unlearning", ""),
    "rl": ("onlineml.rl", ""),
    "evaluation": ("onlineml.evaluation", ""),
    "datasets": ("onlineml.datasets", ""),
    "integrations": ("onlineml.integrations", ""),
    "kernels": ("onlineml.kernels", ""),
    "persistence": ("onlineml.persistence", ""),
    "checks": ("onlineml.checks", ""),
}


def write_pages(folder: Path) -> None:
    """Write the pages into `folder`, where they differ from what is there."""
    folder.mkdir(exist_ok=True)
    for name, (module, below) in PAGES.items():
        _write(folder / f"{name}.rst", _page(name, module, below))
    rooms = "\n   ".join(PAGES)
    _write(folder / "index.rst", f"Reference\n=========\n\n.. toctree::\n\n   {rooms}\n")


def _page(name: str, module: str, below: str) -> str:
    title = name.replace("_", " ").capitalize() if below else module
    says = inspect.getdoc(importlib.import_module(module)) or ""
    lines = [title, "=" * len(title), "", f"``from {module} import ...``", "", says, ""]
    found = exports(module, below)
    lines += [".. list-table::", "   :widths: 30 70", ""]
    for item in found:
        kind = "class" if inspect.isclass(item) else "func"
        lines += [f"   * - :{kind}:`~{_path(item)}`", f"     - {_first_sentence(item)}"]
    for item in found:
        how = "class" if inspect.isclass(item) else "function"
        lines += ["", f".. auto{how}:: {_path(item)}"]
        if inspect.isclass(item):
            lines += ["   :members:", "   :show-inheritance:", ""]
    return "\n".join(lines) + "\n"


def exports(module: str, below: str) -> list[object]:
    """Classes and functions that `module` exports."""
    room = importlib.import_module(module)
    names = getattr(room, "__all__", None) or [
        name for name, item in vars(room).items() if getattr(item, "__module__", "") == module
    ]
    found = (getattr(room, name) for name in sorted(names) if not name.startswith("_"))
    return [
        item
        for item in found
        if (inspect.isclass(item) or inspect.isfunction(item))
        and item.__module__.startswith(below or "onlineml")
    ]


def _path(item: object) -> str:
    return f"{item.__module__}.{item.__qualname__}"  # type: ignore[attr-defined]  # classes, functions


def _first_sentence(item: object) -> str:
    return (inspect.getdoc(item) or "").split("\n\n")[0].replace("\n", " ")


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
