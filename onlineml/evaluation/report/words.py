"""Words and numbers of the page."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Iterator

from markupsafe import Markup, escape

import onlineml
from onlineml.evaluation.metrics import metric as metric_named
from onlineml.evaluation.report.svg import short_number

_SHARES = ("accuracy", "kappa", "f1", "g_mean", "auc", "precision")


def title_of(name: str) -> str:
    """A metric's title in running text: capitals stay only where they are its own."""
    title = metric_named(name).title
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def is_share(name: str) -> bool:
    """Whether a metric lies in -1 .. 1."""
    return any(word in name for word in _SHARES)


def known(value: float, other: float) -> float:
    """`value`, or `other` where it is NaN."""
    return other if math.isnan(value) else value


def number(value: float, name: str) -> str:
    """Shares with four decimals, other values with four digits."""
    if math.isnan(value):
        return "-"
    if is_share(name) or abs(value) < 1:
        return f"{value:.4f}".replace("-0.0000", "0.0000")
    return f"{value:#,.4g}".rstrip(".") if abs(value) < 1e4 else short_number(value)


def breakable(name: str) -> Markup:
    """A model's name that may break between the words of a class and before an argument."""
    return Markup(re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\()|(?<==)", "<wbr>", str(escape(name))))


def environment_facts() -> Iterator[tuple[str, str]]:
    """What the figures were made with."""
    from importlib.metadata import version

    yield "onlineml", onlineml.__version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield from ((name, version(name)) for name in ("numpy", "numba"))
    yield "platform", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
