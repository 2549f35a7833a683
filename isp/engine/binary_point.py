"""Numbers of an integer datapath as Halide expressions, and what decides how many bits they get.

A number is `Fixed`: an integer with a fixed binary point, of whose range bounds are known, so that no operation
overflows. What has too wide a range for that (the reciprocal of something small) is `Scaled`: a normalised mantissa of
31 bits and an exponent, as hardware dividers have them. A `Whole` is an integer of the definition itself: a coordinate,
a place in a table. `isp.engine.fixed` computes with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import halide as hl

Expr = Any  # hl.Expr; the package carries no type information

GUARD: Final = 8
"""Bits kept below what a number must resolve, so that a sum of many roundings stays below it."""
RELATIVE: Final = -20
"""What quotients and exponentials must resolve, as a power of two: they are shares, and factors of pixels."""
_LEAST_DIGITS: Final = 16
"""Digits that matter at least."""
_COARSEST: Final = -4
"""The coarsest least difference of a product, as a power of two, whatever its range."""
PRECISE: Final = 24
"""Digits of a parameter that count: as many as float32 has."""
MOST: Final = 63
"""Bits of an integer, its sign included; one is left for rounding."""
HUGE: Final = 1e300
NOTHING: Final = -4096
"""Exponent of a `Scaled` zero: below any other."""


@dataclass(frozen=True)
class Grain:
    """What a number must resolve, which decides how many bits it gets where not all fit.

    Attributes
    ----------
    step : the least difference that matters, as a power of two; -inf for constants and parameters, of which as many
        digits matter as float32 has
    share : True for what pixels are multiplied by: constants, parameters, quotients
    """

    step: float
    share: bool = False

    def joined(self, other: Grain) -> Grain:
        """Of a sum, or of one of two."""
        if self.share != other.share:
            return other if self.share else self
        return Grain(max(self.step, other.step), self.share)

    def times(self, other: Grain, size: float, other_size: float) -> Grain:
        """Of a product of numbers of these sizes, as powers of two."""
        whole = size + other_size
        if not self.share and not other.share:
            step = self.step + other.step
        elif self.share and other.share:
            step = max(self.step + other_size, other.step + size)
        else:
            step = self.step + other_size if other.share else other.step + size
        return Grain(min(step, _COARSEST, whole - _LEAST_DIGITS), self.share and other.share)

    def near(self, size: float) -> Grain:
        """Of what is known to be no larger than `size`, as a power of two."""
        return Grain(min(self.step, size - _LEAST_DIGITS), self.share)


NUMBER: Final = Grain(-math.inf, True)
"""Of constants and parameters."""
SHARE: Final = Grain(RELATIVE, True)
"""Of quotients."""
PLACE: Final = Grain(-16.0)
"""Of the way from one place of a table to the next."""


@dataclass(frozen=True, eq=False)
class Fixed:
    """`expr` 2^-shift, where expr is int32 or int64 and lies in low..high."""

    expr: Expr
    shift: int
    low: int
    high: int
    grain: Grain
    of: Fixed | None = None
    """The number of which it is the floor."""

    @property
    def bits(self) -> int:
        """Of the integer, its sign included."""
        return count_bits(self.low, self.high)

    @property
    def wide(self) -> bool:
        """True for int64."""
        return self.bits > 32

    @property
    def range(self) -> tuple[float, float]:
        """Bounds of the value."""
        one = Fraction(2) ** self.shift
        return float(self.low / one), float(self.high / one)

    @property
    def needed(self) -> int:
        """Bits that resolve what matters."""
        if math.isinf(self.grain.step):
            return PRECISE + 1
        return max(math.ceil(self.bits - self.shift - self.grain.step) + GUARD, 2)

    @property
    def known(self) -> Fraction | None:
        """Its value if it is a constant."""
        return self.low / Fraction(2) ** self.shift if self.low == self.high else None


@dataclass(frozen=True, eq=False)
class Scaled:
    """`mantissa` 2^exponent, both int32; the mantissa is 0 or has 31 bits. Bounds of the value, as far as known."""

    mantissa: Expr
    exponent: Expr
    low: float
    high: float
    grain: Grain

    @property
    def range(self) -> tuple[float, float]:
        """Bounds of the value."""
        return self.low, self.high


@dataclass(frozen=True, eq=False)
class Whole:
    """An integer of the definition, of any type, and its bounds."""

    expr: Expr
    low: int
    high: int
    cut: tuple[Fixed, int, int] | None = None
    """The number of which it is the whole part, held between two bounds."""


Number = Fixed | Scaled


def count_bits(low: int, high: int) -> int:
    """Bits that integers in low..high need, the sign included."""
    return 1 + max(high.bit_length() if high >= 0 else 0, (~low).bit_length() if low < 0 else 0)


def i32(expr: Expr) -> Expr:
    """As int32."""
    return hl.cast(hl.Int(32), expr)


def i64(expr: Expr) -> Expr:
    """As int64."""
    return hl.i64(expr) if isinstance(expr, int) else hl.cast(hl.Int(64), expr)


def u64(expr: Expr) -> Expr:
    """As uint64."""
    return hl.cast(hl.UInt(64), expr)


def typed(value: int, wide: bool) -> Expr:
    """A constant of int64 (`wide`) or int32."""
    return hl.i64(value) if wide else hl.i32(value)


def cast(expr: Expr, wide: bool) -> Expr:
    """As int64 (`wide`) or int32."""
    return i64(expr) if wide else i32(expr)


# -- from and to numbers -------------------------------------------------------------------------------------------


def constant(value: float) -> Fixed:
    """An exact number."""
    above, below = float(value).as_integer_ratio()
    shift = below.bit_length() - 1
    while above and above % 2 == 0:
        above, shift = above // 2, shift - 1
    shift = shift if above else 0
    return Fixed(typed(above, count_bits(above, above) > 32), shift, above, above, NUMBER)


def whole_number(value: Whole) -> Fixed:
    """An integer as a number."""
    grain = Grain(0.0) if value.cut is None else value.cut[0].grain
    return Fixed(cast(value.expr, count_bits(value.low, value.high) > 32), 0, value.low, value.high, grain)


def stored(value: Number) -> Number:
    """`value` as it is kept in memory: in 32 bits where the fraction bits that remain are enough."""
    value = settled(value)
    if isinstance(value, Fixed) and value.wide and value.needed < value.bits:
        return shortened(value, max(value.needed, 32))
    return value


def shortened(value: Fixed, bits: int) -> Fixed:
    """Rounded to so many bits."""
    drop = value.bits - bits
    while drop > 0:
        low, high = (v + (1 << drop - 1) >> drop for v in (value.low, value.high))
        if count_bits(low, high) <= bits:
            half = 1 << drop - 1
            wide = value.wide or count_bits(value.low + half, value.high + half) > 32
            expr = (cast(value.expr, wide) + typed(half, wide)) >> drop
            return Fixed(cast(expr, count_bits(low, high) > 32), value.shift - drop, low, high, value.grain)
        drop += 1
    return value


def raised(value: Fixed, shift: int) -> Fixed:
    """The same number with at least as many fraction bits; may be wider than fits."""
    more = shift - value.shift
    if more == 0:
        return value
    low, high = value.low << more, value.high << more
    if value.low == value.high:
        return Fixed(typed(low, count_bits(low, high) > 32), shift, low, high, value.grain)
    wide = count_bits(low, high) > 32
    expr = cast(value.expr, wide) << min(more, 63)
    return Fixed(expr, shift, low, high, value.grain)


def aligned(a: Fixed, b: Fixed) -> tuple[Fixed, Fixed] | None:
    """Both with the same fraction bits and of the same type, if they fit exactly."""
    shift = max(a.shift, b.shift)
    spare = MOST - max(a.bits + shift - a.shift, b.bits + shift - b.shift)
    if spare < 0:
        return None
    a, b = raised(a, shift), raised(b, shift)
    wide = a.wide or b.wide
    return replace(a, expr=cast(a.expr, wide)), replace(b, expr=cast(b.expr, wide))


def sized(expr: Expr, wide: bool, shift: int, low: int, high: int, grain: Grain) -> Fixed:
    """A result that was computed in int64 (`wide`) or int32."""
    now = count_bits(low, high) > 32
    return Fixed(expr if now == wide else cast(expr, now), shift, low, high, grain)


def scaled(value: Number) -> Scaled:
    """`value` with a mantissa and an exponent."""
    if isinstance(value, Scaled):
        return value
    low, high = value.range
    if value.low == value.high:
        size = abs(value.low)
        left = 31 - size.bit_length()
        mantissa = size << left if left >= 0 else size >> -left
        mantissa = -mantissa if value.low < 0 else mantissa
        return Scaled(hl.i32(mantissa), hl.i32(-value.shift - left if size else NOTHING), low, high, value.grain)
    wide = value.wide or value.low == -(2**31)
    expr = cast(value.expr, wide)
    word = hl.UInt(64 if wide else 32)
    size = hl.cast(word, hl.abs(expr))
    zeros = hl.count_leading_zeros(size)
    # to the top bit but one
    left = hl.max(zeros, hl.cast(word, 1)) - hl.cast(word, 1)
    raised = size << left
    mantissa = i32(raised >> hl.cast(word, 32)) if wide else i32(raised)
    mantissa = hl.select(expr < typed(0, wide), -mantissa, mantissa) if value.low < 0 else mantissa
    exponent = hl.i32((32 if wide else 0) - value.shift) - i32(left)
    if value.low <= 0 <= value.high:
        exponent = hl.select(mantissa == 0, hl.i32(NOTHING), exponent)
    return Scaled(mantissa, exponent, low, high, value.grain)


def held(value: Number, low: float, high: float) -> Fixed:
    """`value` with a fixed point, held to low..high.

    What lies outside gets the nearer bound.
    """
    if isinstance(value, Fixed):
        return value
    size = max(abs(low), abs(high))
    if size == 0:
        return constant(0)
    shift = 60 - math.frexp(size)[1]
    if not math.isinf(value.grain.step):
        shift = min(shift, GUARD - math.floor(value.grain.step))
    bounds = math.floor(times_power(low, shift)), math.ceil(times_power(high, shift))
    # with a bit more, for rounding; mantissas of 31 bits times 2^32 lie beyond all bounds
    by = value.exponent + (shift + 1)
    up, down = u64(hl.clamp(by, 0, 32)), u64(hl.clamp(-by, 0, 63))
    expr = (((i64(value.mantissa) << up) >> down) + hl.i64(1)) >> hl.u64(1)
    expr = hl.clamp(expr, hl.i64(bounds[0]), hl.i64(bounds[1]))
    return sized(expr, True, shift, *bounds, value.grain)


def times_power(value: float, shift: int) -> Fraction:
    """value 2^shift, exactly."""
    return Fraction(value) * Fraction(2) ** shift


def within(value: Number, low: float, high: float) -> Number:
    """`value`, held to what lies between, where that saves bits."""
    low, high = max(low, value.range[0]), min(high, value.range[1])
    if low > high or value.range == (low, high):
        return value
    value = replace(value, grain=value.grain.near(math.log2(max(abs(low), abs(high)) or 1.0)))
    if isinstance(value, Scaled):
        return held(value, low, high) if fits(value, low, high) else replace(value, low=low, high=high)
    least, most = math.floor(times_power(low, value.shift)), math.ceil(times_power(high, value.shift))
    expr = hl.clamp(value.expr, typed(least, value.wide), typed(most, value.wide))
    return sized(expr, value.wide, value.shift, least, most, value.grain)


def settled(value: Number) -> Number:
    """With a fixed point where its range is narrow enough."""
    if isinstance(value, Scaled) and fits(value, value.low, value.high):
        return held(value, value.low, value.high)
    return value


def fits(value: Scaled, low: float, high: float) -> bool:
    """True if 61 bits resolve what matters of what lies in low..high."""
    size = max(abs(low), abs(high))
    step = value.grain.step if not math.isinf(value.grain.step) else math.log2(size or 1) - PRECISE
    return size < 2.0**60 and math.frexp(size)[1] - math.floor(step) + GUARD <= 60


def size_of(value: Number) -> float:
    """Its largest absolute value as a power of two, or of a share the least one, if that is near."""
    low, high = value.range
    size = math.log2(max(abs(low), abs(high)) or 1.0)
    if not value.grain.share:
        return size
    if not math.isinf(value.grain.step):
        return min(size, 0.0)  # a quotient is near 1, whatever its range
    least = math.log2(min(abs(low), abs(high))) if low > 0 or high < 0 else size - 4
    return max(least, size - 8)


def bounds_of(bounds: Sequence[float]) -> tuple[float, float]:
    """The least and largest, held within what floats hold."""
    finite = [0.0 if math.isnan(b) else min(max(b, -HUGE), HUGE) for b in bounds]
    return min(finite), max(finite)
