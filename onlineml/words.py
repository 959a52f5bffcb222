"""Words of messages: long text cut short, things counted."""

from __future__ import annotations


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters, on one line; its middle goes.

    Examples
    --------
    >>> shortened("'/a/folder/with/a/very/long/name/state.onl'", 25)
    "'/a/folder/.../state.onl'"
    """
    text = text.replace("\n", " ")
    if len(text) <= most:
        return text
    last = (most - 3) // 2
    return f"{text[: most - 3 - last]}...{text[len(text) - last :]}"


def counted(n: int, what: str) -> str:
    """A number of things in words: `(s)` goes where there is one of them.

    Examples
    --------
    >>> counted(1, "dead letter(s)"), counted(2000, "dead letter(s)")
    ('1 dead letter', '2,000 dead letters')
    """
    return f"{n:,} {what.replace('(s)', '' if n == 1 else 's')}"
