"""Words for messages: one printable line of bounded length, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_MESSAGE = 600
"""Longest message or quoted name [characters]; a hostile file must not fill the terminal."""


def one_line(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """`text` with everything that is not printable escaped, cut to `longest` characters."""
    whole = str(text)
    cut = whole if len(whole) <= longest else whole[: longest - 3] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def quoted(text: object) -> str:
    """A value for a message, short: text in quotes, everything else as a profile writes it."""
    if isinstance(text, bool):
        return str(text).lower()
    if isinstance(text, str):
        return repr(text if len(text) <= 60 else text[:57] + "...")
    return one_line(text, 60)


def did_you_mean(name: str, names: Iterable[str], what: str) -> str:
    """The nearest of `names`, or all of them: ``did you mean 'contrast'?`` or ``parameters: a, b``."""
    known = list(names)
    # difflib is quadratic in the length of what it compares
    near = difflib.get_close_matches(name[:60], known, 1)
    return f"did you mean {near[0]!r}?" if near else f"{what}: {', '.join(known) or 'none'}"
