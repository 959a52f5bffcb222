"""A user's mistake: one line that says what is wrong and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click


class Mistake(click.ClickException):
    """Shown as one line on stderr; the command ends with exit code 2."""

    exit_code = 2


def one_line(error: BaseException) -> str:
    """The message of `error` on one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or error}"
    notes = [f" ({note})" for note in getattr(error, "__notes__", ())]
    return printable(str(error) + "".join(notes)) or type(error).__name__


def printable(text: str) -> str:
    """`text` on one line, without what a file of bytes would do to a terminal."""
    seen = (c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))
    return "".join(seen)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names in `known` that `name` may have been meant for, best first."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), by_lower, n=3, cutoff=0.55)
    return [by_lower[match] for match in close]


def unknown(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> Mistake:
    """The mistake of naming a `kind` of thing that does not exist."""
    known = sorted(known)
    close = nearest(name, known)
    if close:
        due = f"did you mean {' or '.join(close)}?"
    elif known and len(known) <= 12:
        due = f"known: {', '.join(known)}"
    else:
        due = hint or "nothing is close to it"
    return Mistake(f"unknown {kind} {name!r}: {due}")
