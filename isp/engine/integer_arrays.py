"""Arrays as integers: how many fraction bits their elements have, between what they lie, and how they are read.

Elements that are read at places which are computed share one binary point; where a place is known when compiling, each
has its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import frexp, ldexp
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from isp.engine.binary_point import Number
    from isp.engine.definitions import Term

_DIGITS: Final = 30
"""Bits of an array's largest element, without its sign; one is left for what lies beyond its bounds."""


@dataclass(frozen=True)
class Span:
    """Between which numbers the elements of an array lie."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"{self.low.shape}{self.low.tolist()}{self.high.tolist()}"


@dataclass(frozen=True)
class Table:
    """An array as integers: the image that holds it, and bounds and fraction bits of each element (NumPy's order)."""

    image: Any
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    shifts: NDArray[np.int32]

    @classmethod
    def of(cls, image: Any, span: Span, known: tuple[bool, ...] = ()) -> Table:
        """How an array is kept of which some axes are only read at `known` places."""
        low, high = span.low, span.high
        known = known or (False,) * low.ndim
        moving = tuple(i for i, fixed in enumerate(known) if not fixed)
        size = np.maximum(np.abs(low), np.abs(high)).max(axis=moving, keepdims=True, initial=0)
        shifts = np.array([_fraction_bits(s) for s in size.ravel()], np.int32).reshape(size.shape)
        least, most = low.min(axis=moving, keepdims=True), high.max(axis=moving, keepdims=True)
        # what is interpolated between nodes may lie beyond them by float32's last bit
        spare = np.where(least < most, size * 2.0**-20, 0.0)
        least, most = least - spare, most + spare
        return cls(image, _integers_of(least, shifts), _integers_of(most, shifts), shifts)

    @classmethod
    def baked(cls, array: NDArray[Any], known: tuple[bool, ...] = ()) -> Table:
        """An array that stands in a definition."""
        import halide as hl

        table = cls.of(None, Span(array.astype(np.float64), array.astype(np.float64)), known)
        integers = np.ascontiguousarray(_integers_of(array, table.shifts), np.int32)
        # a buffer with memory of its own: Halide does not hold on to an array
        return replace(table, image=hl.Buffer(integers).copy())

    def element(self, term: Term, place: tuple[Any, ...]) -> Number:
        """The element that the call `term` reads at a place."""
        import halide as hl

        from isp.engine.binary_point import NUMBER, Fixed, constant

        index = tuple(
            int(a.value) if n > 1 else 0 for a, n in zip(reversed(term.arguments), self.shifts.shape, strict=True)
        )
        low, high, shift = (int(v[index]) for v in (self.low, self.high, self.shifts))
        if low == high:
            return constant(ldexp(low, -shift))
        return Fixed(hl.cast(hl.Int(32), self.image[place]), shift, low, high, NUMBER)


def known_places(terms: Iterable[Term]) -> dict[str, tuple[bool, ...]]:
    """Of each array that is read, which of its axes (NumPy's order) are only read at places known when compiling."""
    found: dict[str, tuple[bool, ...]] = {}
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        waiting += term.arguments
        if term.what == "call":
            known = tuple(a.what == "number" for a in reversed(term.arguments))
            before = found.get(term.name, known)
            found[term.name] = tuple(p and q for p, q in zip(before, known, strict=True))
    return found


def _fraction_bits(size: float) -> int:
    """Fraction bits that give numbers up to `size` all their digits."""
    return min(_DIGITS - (frexp(size)[1] if size else 0), 120)


def _integers_of(values: NDArray[Any], shifts: NDArray[np.int32]) -> NDArray[np.int64]:
    """The integers that stand for numbers, as `isp.c` makes them."""
    return np.asarray(np.floor(np.ldexp(np.asarray(values, np.float64), shifts) + 0.5), np.int64)
