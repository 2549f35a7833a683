"""Checks of numbers and maps that come from a person or a file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isp.errors import UsageError
from isp.values import Float64, frozen

LETTERS = "RGYBWCM"
"""Letters of colour filters a lens may speak of."""


def number(name: str, value: Any, low: float, high: float, unit: str = "") -> float:
    """`value` as a float.

    Raises
    ------
    UsageError
        It is not a finite number in low..high.
    """
    given = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    if not given or not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"lens: {name} {value!r} must be a number in {low:g}..{high:g}{' ' if unit else ''}{unit}")
    return float(value)


def plane(name: str, value: Any, low: float, high: float, shape: str, longest: int) -> Float64:
    """`value` as a frozen 2-D float64 array of 2..`longest` rows and columns in low..high.

    Raises
    ------
    UsageError
        It is not; `shape` says in words what shape is allowed.
    """
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"lens: {name} must be {shape} of numbers") from None
    if array.ndim != 2 or not all(2 <= n <= longest for n in array.shape):
        raise UsageError(f"lens: {name} of shape {array.shape} must be {shape}")
    if not np.isfinite(array).all() or array.min() < low or array.max() > high:
        raise UsageError(f"lens: {name} must hold numbers in {low:g}..{high:g}")
    return frozen(array)


def letter(name: str, value: Any) -> str:
    """`value` as the letter of a colour filter; UsageError if it is none."""
    if not isinstance(value, str) or len(value) != 1 or value not in LETTERS:
        raise UsageError(f"lens: {name} {value!r} is not the letter of a colour filter; allowed: {', '.join(LETTERS)}")
    return value
