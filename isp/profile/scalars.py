"""What a bare word in a profile means: one way to write each value, so that no two YAML readers disagree.

YAML 1.1 reads ``012`` as 10, ``12:30`` as 750, ``no`` as false and ``1e-3`` as text; YAML 1.2 disagrees on each.
Such words are refused with how to write what was meant. Words in quotes are always text.
"""

from __future__ import annotations

import math
import re
from typing import Final

import numpy as np

Scalar = str | int | float | bool

LONGEST_NUMBER: Final = 400
"""Longest number [characters]; every float64 has a decimal form shorter than this."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?")
_NUMBER_LIKE = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++"
    r"|[0-9][0-9_]*+(?::[0-9_.]++)++"
    r"|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9_]++)(?:[eE][-+]?[0-9]++)?)"
)
_NOT_FINITE = re.compile(r"[-+]?\.?(?:inf|infinity|nan)", re.IGNORECASE)
_SWITCH = re.compile(r"yes|no|on|off|true|false", re.IGNORECASE)
_NOTHING = re.compile(r"~|null|", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?")


def read_plain(word: str) -> Scalar:
    """The value of a word that is not in quotes.

    Returns
    -------
    str, int, float or bool
        Integers stay int; numbers with a decimal point are float.

    Raises
    ------
    ValueError
        One line: the word may be read in more than one way, or is not finite; how to write it.
    """
    if len(word) > LONGEST_NUMBER:
        return word
    if word in ("true", "false"):
        return word == "true"
    if _NUMBER.fullmatch(word):
        return _number(word)
    if _NOT_FINITE.fullmatch(word):
        raise ValueError(f"{word} is not allowed: NaN and infinity are refused; write a finite number")
    if _SWITCH.fullmatch(word):
        on = word.lower() in ("yes", "on", "true")
        raise ValueError(f"{word} may be read as text or as a switch; write {str(on).lower()}, or '{word}' for text")
    if _NOTHING.fullmatch(word):
        shown = f"{word} is" if word else "an empty value is"
        raise ValueError(f"{shown} not allowed; write a value, or leave the key out")
    if _NUMBER_LIKE.fullmatch(word):
        raise ValueError(f"{word} is not a plain decimal number; write {_decimal(word)}'{word}' for text")
    if _DATE.fullmatch(word):
        raise ValueError(f"{word} may be read as a date; write '{word}' for text")
    return word


def is_plain_text(text: str) -> bool:
    """True if `text` without quotes is read back as the same text."""
    try:
        return isinstance(read_plain(text), str)
    except ValueError:
        return False


def number_text(value: float) -> str:
    """The shortest plain decimal that reads back as `value`: 0.001, never 1e-3."""
    return str(np.format_float_positional(float(value), trim="-"))


def _number(word: str) -> int | float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word[:20]}... is not finite in 64 bits; write a smaller number")
    return value if "." in word else int(word)


def _decimal(word: str) -> str:
    """How to write the number that `word` stands for, with ", or " behind it; nothing where that is ambiguous."""
    bare = word.replace("_", "")
    try:
        value = float(int(bare, 0)) if re.match(r"[-+]?0[xXoObB]", bare) else float(bare)
    except (ValueError, OverflowError):
        return ""
    if not math.isfinite(value):
        return "a finite number, or "
    text = number_text(value)
    return f"{text}, or " if len(text) <= 40 else "a plain decimal number, or "
