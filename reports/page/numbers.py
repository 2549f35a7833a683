"""Numbers as they are printed: no digit that the interval does not support."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.estimate import Estimate

UNCERTAIN_DIGITS = 2
"""Significant digits of an interval's half width (JCGM 100:2008, 7.2.6)."""
PLAIN_DIGITS = 4
"""Significant digits of a value without interval."""
MOST_DIGITS = 6
"""However narrow the interval."""
_PLAIN = (-4, 5)  # powers of ten written out; others as x 10^n
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Rounded:
    """A number as text.

    Parameters
    ----------
    value : ``0.312``, ``−1.4``, ``12 340``, or ``n.a.``
    interval : ``[0.308, 0.316]``, or empty
    power : ``× 10⁻⁶``, which value and interval share, or empty
    unit : empty for a plain number
    """

    value: str
    interval: str = ""
    power: str = ""
    unit: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.value, self.interval, self.power, self.unit) if part)


def rounded(estimate: Estimate, *, signed: bool = False) -> Rounded:
    """An estimate with the digits that its interval supports.

    The half width of the interval keeps two significant digits, and value and bounds end where it ends; without an
    interval the value keeps four, and a whole number stays one.

    Parameters
    ----------
    estimate : Estimate
    signed : bool
        Write the plus of positive values, as differences need.

    Examples
    --------
    >>> str(rounded(Estimate(0.31234, (0.3101, 0.3149), "cycles/pixel")))
    '0.3123 [0.3101, 0.3149] cycles/pixel'
    >>> str(rounded(Estimate(41234.0, (40800.0, 41700.0), "e-")))
    '41\u202f230 [40\u202f800, 41\u202f700] e-'
    """
    value = float(estimate)
    if not math.isfinite(value):
        return Rounded("n.a.")
    low, high = estimate.interval
    sure = estimate.sure
    magnitude = _exponent(max(abs(value), abs(low), abs(high)) if sure else abs(value))
    half = (high - low) / 2 if sure else 0.0
    digits = UNCERTAIN_DIGITS + magnitude - _exponent(half) if half > 0 else PLAIN_DIGITS
    digits = min(max(digits, 1), MOST_DIGITS)
    if half == 0 and value.is_integer() and magnitude <= _PLAIN[1]:
        digits = magnitude + 1  # a count
    power = 0 if _PLAIN[0] <= magnitude <= _PLAIN[1] else magnitude
    places = digits - 1 - magnitude + power

    def text(number: float, plus: bool = False) -> str:
        found = _grouped(round(number / 10.0**power, places), max(places, 0), plus)
        return found.rstrip("0").rstrip(".") if not sure and "." in found else found  # no digits that nothing supports

    return Rounded(
        text(value, signed),
        f"[{text(low)}, {text(high)}]" if sure else "",
        f"× 10{str(power).translate(_RAISED)}" if power else "",
        estimate.unit,
    )


def chance(p: float) -> str:
    """A probability of chance: ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def stars(p: float) -> int:
    """How sure, out of 3: p below 0.001, below 0.01, or not."""
    return 3 if p < 0.001 else 2 if p < 0.01 else 1


def _exponent(number: float) -> int:
    return math.floor(math.log10(number)) if number > 0 else 0


def _grouped(number: float, places: int, plus: bool) -> str:
    number += 0.0  # -0.0 becomes 0.0
    text = f"{abs(number):,.{places}f}" if abs(number) >= 10_000 else f"{abs(number):.{places}f}"
    return ("−" if number < 0 else "+" if plus and number > 0 else "") + text.replace(",", "\u202f")
