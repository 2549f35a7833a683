"""Numbers of an integer datapath as Halide expressions: what definitions compute in float32, computed in integers.

A number is `Fixed`: an integer with a fixed binary point, of whose range bounds are known, so that no operation
overflows. What has too wide a range for that (the reciprocal of something small) is `Scaled`: a normalised mantissa of
31 bits and an exponent, as hardware dividers have them. Sums and products of `Fixed` are exact as long as they fit in
63 bits. A `Whole` is an integer of the definition itself: a coordinate, a place in a table.

Reciprocals and reciprocal roots: Newton's iteration from a polynomial (M. D. Ercegovac, T. Lang, "Digital Arithmetic",
2004, chapter 7). Exponential and logarithm: range reduction to one octave and a polynomial (J.-M. Muller, "Elementary
Functions", 3rd ed. 2016, chapters 3 and 11), interpolating at Chebyshev's nodes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import halide as hl

Expr = Any  # hl.Expr; the package carries no type information

_GUARD: Final = 8
"""Bits kept below what a number must resolve, so that a sum of many roundings stays below it."""
_RELATIVE: Final = -20
"""What quotients and exponentials must resolve, as a power of two: they are shares, and factors of pixels."""
_LEAST_DIGITS: Final = 16
"""Digits that matter at least."""
_COARSEST: Final = -4
"""The coarsest least difference of a product, as a power of two, whatever its range."""
_PRECISE: Final = 24
"""Digits of a parameter that count: as many as float32 has."""
_MOST: Final = 63
"""Bits of an integer, its sign included; one is left for rounding."""
_HUGE: Final = 1e300
_NOTHING: Final = -4096
"""Exponent of a `Scaled` zero: below any other."""
_EXP2_TERMS: Final = (
    1.00000000253, 0.69314693276, 0.24023045441, 0.0554806302, 0.00968418631, 0.00123913318, 0.00021865785,
)  # fmt: skip
"""2^x for x = 0..1 (3e-9), lowest power first."""
_LOG_TERMS: Final = (
    1.44269503967, -0.72134722457, 0.48088628905, -0.36047894517, 0.2868917424, -0.23209533715, 0.17857672808,
    -0.11812845455, 0.05915997586, -0.01902600989, 0.00286619692,
)  # fmt: skip
"""log2(1 + x) / x for x = 0..1 (1e-9)."""
_ROOT_TERMS: Final = (3.07433113, -5.69307943, 5.86152376, -2.24789665)
"""1 / sqrt(x) for x = 0.25..1 (0.018)."""


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
SHARE: Final = Grain(_RELATIVE, True)
"""Of quotients."""
_PLACE: Final = Grain(-16.0)
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
        return _bits(self.low, self.high)

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
            return _PRECISE + 1
        return max(math.ceil(self.bits - self.shift - self.grain.step) + _GUARD, 2)

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


def _bits(low: int, high: int) -> int:
    return 1 + max(high.bit_length() if high >= 0 else 0, (~low).bit_length() if low < 0 else 0)


def _i32(expr: Expr) -> Expr:
    return hl.cast(hl.Int(32), expr)


def _i64(expr: Expr) -> Expr:
    return hl.i64(expr) if isinstance(expr, int) else hl.cast(hl.Int(64), expr)


def _u64(expr: Expr) -> Expr:
    return hl.cast(hl.UInt(64), expr)


def _of(value: int, wide: bool) -> Expr:
    return hl.i64(value) if wide else hl.i32(value)


def _cast(expr: Expr, wide: bool) -> Expr:
    return _i64(expr) if wide else _i32(expr)


# -- from and to numbers -------------------------------------------------------------------------------------------


def constant(value: float) -> Fixed:
    """An exact number."""
    above, below = float(value).as_integer_ratio()
    shift = below.bit_length() - 1
    while above and above % 2 == 0:
        above, shift = above // 2, shift - 1
    shift = shift if above else 0
    return Fixed(_of(above, _bits(above, above) > 32), shift, above, above, NUMBER)


def whole_number(value: Whole) -> Fixed:
    """An integer as a number."""
    grain = Grain(0.0) if value.cut is None else value.cut[0].grain
    return Fixed(_cast(value.expr, _bits(value.low, value.high) > 32), 0, value.low, value.high, grain)


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
        if _bits(low, high) <= bits:
            expr = (_cast(value.expr, value.wide) + _of(1 << drop - 1, value.wide)) >> drop
            return Fixed(_cast(expr, _bits(low, high) > 32), value.shift - drop, low, high, value.grain)
        drop += 1
    return value


def _raised(value: Fixed, shift: int) -> Fixed:
    """The same number with at least as many fraction bits; may be wider than fits."""
    more = shift - value.shift
    if more == 0:
        return value
    low, high = value.low << more, value.high << more
    if value.low == value.high:
        return Fixed(_of(low, _bits(low, high) > 32), shift, low, high, value.grain)
    wide = _bits(low, high) > 32
    expr = _cast(value.expr, wide) << min(more, 63)
    return Fixed(expr, shift, low, high, value.grain)


def _aligned(a: Fixed, b: Fixed) -> tuple[Fixed, Fixed] | None:
    """Both with the same fraction bits and of the same type, if they fit exactly."""
    shift = max(a.shift, b.shift)
    spare = _MOST - max(a.bits + shift - a.shift, b.bits + shift - b.shift)
    if spare < 0:
        return None
    a, b = _raised(a, shift), _raised(b, shift)
    wide = a.wide or b.wide
    return replace(a, expr=_cast(a.expr, wide)), replace(b, expr=_cast(b.expr, wide))


def _sized(expr: Expr, wide: bool, shift: int, low: int, high: int, grain: Grain) -> Fixed:
    """A result that was computed in int64 (`wide`) or int32."""
    now = _bits(low, high) > 32
    return Fixed(expr if now == wide else _cast(expr, now), shift, low, high, grain)


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
        return Scaled(hl.i32(mantissa), hl.i32(-value.shift - left if size else _NOTHING), low, high, value.grain)
    wide = value.wide or value.low == -(2**31)
    expr = _cast(value.expr, wide)
    word = hl.UInt(64 if wide else 32)
    size = hl.cast(word, hl.abs(expr))
    zeros = hl.count_leading_zeros(size)
    # to the top bit but one
    left = hl.max(zeros, hl.cast(word, 1)) - hl.cast(word, 1)
    raised = size << left
    mantissa = _i32(raised >> hl.cast(word, 32)) if wide else _i32(raised)
    mantissa = hl.select(expr < _of(0, wide), -mantissa, mantissa) if value.low < 0 else mantissa
    exponent = hl.i32((32 if wide else 0) - value.shift) - _i32(left)
    if value.low <= 0 <= value.high:
        exponent = hl.select(mantissa == 0, hl.i32(_NOTHING), exponent)
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
        shift = min(shift, _GUARD - math.floor(value.grain.step))
    bounds = math.floor(_times(low, shift)), math.ceil(_times(high, shift))
    # with a bit more, for rounding; mantissas of 31 bits times 2^32 lie beyond all bounds
    by = value.exponent + (shift + 1)
    up, down = _u64(hl.clamp(by, 0, 32)), _u64(hl.clamp(-by, 0, 63))
    expr = (((_i64(value.mantissa) << up) >> down) + hl.i64(1)) >> hl.u64(1)
    expr = hl.clamp(expr, hl.i64(bounds[0]), hl.i64(bounds[1]))
    return _sized(expr, True, shift, *bounds, value.grain)


def _times(value: float, shift: int) -> Fraction:
    return Fraction(value) * Fraction(2) ** shift


def within(value: Number, low: float, high: float) -> Number:
    """`value`, held to what lies between, where that saves bits."""
    low, high = max(low, value.range[0]), min(high, value.range[1])
    if low > high or value.range == (low, high):
        return value
    value = replace(value, grain=value.grain.near(math.log2(max(abs(low), abs(high)) or 1.0)))
    if isinstance(value, Scaled):
        return held(value, low, high) if _fits(value, low, high) else replace(value, low=low, high=high)
    least, most = math.floor(_times(low, value.shift)), math.ceil(_times(high, value.shift))
    expr = hl.clamp(value.expr, _of(least, value.wide), _of(most, value.wide))
    return _sized(expr, value.wide, value.shift, least, most, value.grain)


def settled(value: Number) -> Number:
    """With a fixed point where its range is narrow enough."""
    if isinstance(value, Scaled) and _fits(value, value.low, value.high):
        return held(value, value.low, value.high)
    return value


def _fits(value: Scaled, low: float, high: float) -> bool:
    """True if 61 bits resolve what matters of what lies in low..high."""
    size = max(abs(low), abs(high))
    step = value.grain.step if not math.isinf(value.grain.step) else math.log2(size or 1) - _PRECISE
    return size < 2.0**60 and math.frexp(size)[1] - math.floor(step) + _GUARD <= 60


def _size(value: Number) -> float:
    """Its largest absolute value as a power of two, or of a share the least one, if that is near."""
    low, high = value.range
    size = math.log2(max(abs(low), abs(high)) or 1.0)
    if not value.grain.share:
        return size
    if not math.isinf(value.grain.step):
        return min(size, 0.0)  # a quotient is near 1, whatever its range
    least = math.log2(min(abs(low), abs(high))) if low > 0 or high < 0 else size - 4
    return max(least, size - 8)


def _range(bounds: Sequence[float]) -> tuple[float, float]:
    finite = [0.0 if math.isnan(b) else min(max(b, -_HUGE), _HUGE) for b in bounds]
    return min(finite), max(finite)


# -- arithmetic ----------------------------------------------------------------------------------------------------


def add(a: Number, b: Number) -> Number:
    """a + b."""
    a, b = settled(a), settled(b)
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Fixed) and one.known == 0:
            return other
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        grain = a.grain.joined(b.grain)
        both = _aligned(a, b)
        if both is not None:
            p, q = both
            low, high = p.low + q.low, p.high + q.high
            if _bits(low, high) <= _MOST:
                wide = p.wide or q.wide or _bits(low, high) > 32
                return _sized(_cast(p.expr, wide) + _cast(q.expr, wide), wide, p.shift, low, high, grain)
    return _scaled_sum(scaled(a), scaled(b))


def _scaled_sum(a: Scaled, b: Scaled) -> Scaled:
    exponent = hl.max(a.exponent, b.exponent)
    terms = [(_i64(v.mantissa) << hl.u64(30)) >> _u64(hl.min(exponent - v.exponent, 63)) for v in (a, b)]
    low, high = _range((a.low + b.low, a.high + b.high))
    return _normalised(terms[0] + terms[1], exponent - 30, low, high, a.grain.joined(b.grain))


def _normalised(expr: Expr, exponent: Expr, low: float, high: float, grain: Grain) -> Scaled:
    """An int64 of at most 63 bits times 2^exponent."""
    inner = scaled(Fixed(expr, 0, -(2**62), 2**62, grain))
    return Scaled(
        inner.mantissa, hl.select(inner.mantissa == 0, hl.i32(_NOTHING), inner.exponent + exponent), low, high, grain
    )


def negate(a: Number) -> Number:
    """-a."""
    if isinstance(a, Scaled):
        return Scaled(-a.mantissa, a.exponent, -a.high, -a.low, a.grain)
    wide = a.wide or _bits(-a.high, -a.low) > 32
    return _sized(-_cast(a.expr, wide), wide, a.shift, -a.high, -a.low, a.grain)


def fraction(a: Fixed, whole: Whole) -> Number:
    """a less its whole part that was held to places of a table: what lies between is between 0 and 1."""
    result = subtract(a, whole_number(whole))
    if whole.cut is None or whole.cut[0] is not a or not isinstance(result, Fixed):
        return result
    _, least, most = whole.cut
    one = 1 << result.shift if result.shift >= 0 else 1
    low, high = result.low, result.high
    if a.low >= 0:
        bounds = (v << (result.shift - a.shift) for v in (a.low, a.high))
        first, last = bounds
        low, high = max(low, min(0, first - least * one)), min(high, max(one, last - most * one))
    expr = result.expr if (_bits(low, high) > 32) == result.wide else _cast(result.expr, _bits(low, high) > 32)
    return Fixed(expr, result.shift, low, high, _PLACE)


def subtract(a: Number, b: Number) -> Number:
    """a - b."""
    return add(a, negate(b))


def multiply(a: Number, b: Number) -> Number:
    """a b."""
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        for one, other in ((a, b), (b, a)):
            if one.low == one.high and one.low in (0, 1):
                grain = _product_grain(one, other)
                return Fixed(other.expr, other.shift + one.shift, other.low, other.high, grain) if one.low \
                    else constant(0)
        product = _product(a, b)
        if product is not None:
            return product
    p, q = scaled(a), scaled(b)
    squared = a is b
    wide = _i64(p.mantissa) * _i64(q.mantissa)
    low, high = _range([m * n for m in p.range for n in q.range])
    low = max(low, 0.0) if squared else low
    return _renormalised(wide, p.exponent + q.exponent, low, high, _product_grain(a, b))


def _product_grain(a: Number, b: Number) -> Grain:
    return a.grain.times(b.grain, _size(a), _size(b))


def _renormalised(product: Expr, exponent: Expr, low: float, high: float, grain: Grain) -> Scaled:
    """The product of two normalised mantissas, of 61 or 62 bits."""
    short = hl.abs(product) < hl.u64(2**61)
    mantissa = _i32(hl.select(short, product >> hl.u64(30), product >> hl.u64(31)))
    exponent = exponent + hl.select(short, 30, 31)
    return Scaled(mantissa, hl.select(mantissa == 0, hl.i32(_NOTHING), exponent), low, high, grain)


def _product(a: Fixed, b: Fixed) -> Fixed | None:
    """a b if it fits, with operands shortened to what they must resolve, at last without guard bits."""
    squared, grain = a is b, _product_grain(a, b)
    for spare in (0, 0, _GUARD, _GUARD):
        bounds = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
        low, high = (0 if squared and a.low < 0 < a.high else min(bounds)), max(bounds)
        excess = _bits(low, high) - _MOST
        if excess <= 0:
            wide = a.wide or b.wide or _bits(low, high) > 32
            return _sized(_cast(a.expr, wide) * _cast(b.expr, wide), wide, a.shift + b.shift, low, high, grain)
        least = [max(v.needed - spare, _PRECISE) for v in (a, b)]
        if squared:
            a = b = shortened(a, max(least[0], a.bits - (excess + 1) // 2))
        # first the one that has most to spare
        elif a.bits - least[0] >= b.bits - least[1]:
            a = shortened(a, max(least[0], a.bits - excess))
        else:
            b = shortened(b, max(least[1], b.bits - excess))
    bounds = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
    return _product(a, b) if _bits(min(bounds), max(bounds)) <= _MOST else None


def divide(a: Number, b: Number) -> Number:
    """a / b; saturates where b is 0."""
    if isinstance(b, Fixed) and b.low == b.high and b.low:
        if abs(b.low) == 1:
            # a constant: 1 over 2^k is 2^-k
            return multiply(a, Fixed(hl.i32(b.low), -b.shift, b.low, b.low, NUMBER))
        return multiply(a, _reciprocal_of(b))
    p, q = scaled(a), scaled(b)
    negative = q.low < 0
    size = hl.abs(q.mantissa) if negative else q.mantissa
    inverse = _reciprocal(hl.max(_i64(size), hl.i64(2**30)))
    quotient = _i64(p.mantissa) * inverse
    if negative:
        quotient = hl.select(q.mantissa < 0, -quotient, quotient)
    low, high = _quotient_range(p.range, q.range)
    step = _RELATIVE + min(math.log2(max(abs(low), abs(high)) or 1.0), 0.0)
    return _renormalised(quotient, p.exponent - q.exponent - 61, low, high, Grain(step, True))


def _quotient_range(above: tuple[float, float], below: tuple[float, float]) -> tuple[float, float]:
    if below[0] <= 0 <= below[1]:
        one_sided = below[0] >= 0 and above[0] >= 0
        return (0.0, _HUGE) if one_sided else (-_HUGE, _HUGE)
    return _range([p / q for p in above for q in below])


def _reciprocal_of(value: Fixed) -> Fixed:
    """1 over a constant, to 31 bits."""
    shift = 30 + abs(value.low).bit_length()
    inverse = round(Fraction(2**shift, value.low))
    return Fixed(_of(inverse, _bits(inverse, inverse) > 32), shift - value.shift, inverse, inverse, NUMBER)


def _reciprocal(x: Expr) -> Expr:
    """2^61 / x for int64 x in 2^30..2^31 - 1, to about 2^-29 of it."""
    y = hl.i64(round(48 / 17 * 2**30)) - ((x * hl.i64(round(32 / 17 * 2**30))) >> hl.u64(31))
    for _ in range(3):
        y = (y * (hl.i64(2**31) - ((x * y) >> hl.u64(31)))) >> hl.u64(30)
    return hl.min(y, hl.i64(2**31))


def square_root(a: Number) -> Number:
    """The root of a, 0 where a is negative."""
    if a.range[0] < 0:
        a = maximum(a, constant(0))
    low, high = (math.sqrt(max(v, 0.0)) for v in a.range)
    p = scaled(a)
    odd = (p.exponent & 1) == 0  # 31 bits before the point: an even exponent needs one more
    x = _i64(hl.select(odd, p.mantissa >> 1, p.mantissa))
    half = (p.exponent + hl.select(odd, 32, 31)) >> 1
    # 1 / sqrt of 0.25..1 (31 bits), as 1..2 (30 bits)
    y = _polynomial(x >> hl.u64(1), _ROOT_TERMS)
    for _ in range(3):
        t = (x * ((y * y) >> hl.u64(30))) >> hl.u64(31)
        y = (y * (hl.i64(3 * 2**30) - t)) >> hl.u64(31)
    mantissa = _i32(hl.min((x * y) >> hl.u64(30), hl.i64(2**31 - 1)))
    # the root's slope is least where it is largest
    grain = Grain(p.grain.step - 1 - math.log2(high or 1.0), p.grain.share)
    return Scaled(mantissa, hl.select(p.mantissa == 0, hl.i32(_NOTHING), half - 31), low, high, grain)


def _polynomial(x: Expr, terms: Sequence[float]) -> Expr:
    """Of x with 30 fraction bits, in int64; lowest power first."""
    value = hl.i64(round(terms[-1] * 2**30))
    for term in terms[-2::-1]:
        value = hl.i64(round(term * 2**30)) + ((value * x) >> hl.u64(30))
    return value


def exponential(a: Number) -> Number:
    """e^a; 0 below -100."""
    low, high = (min(max(v, -100.0), 88.0) for v in a.range)
    x = shortened(_point(within(a, -100.0, 88.0)), 32)
    t = _i64(x.expr) * hl.i64(round(math.log2(math.e) * 2**30))
    point = x.shift + 30
    f = (t >> hl.u64(point - 30)) & hl.i64(2**30 - 1) if point >= 30 else hl.i64(0)
    mantissa = hl.clamp(_polynomial(f, _EXP2_TERMS), hl.i64(2**30), hl.i64(2**31 - 1))
    return Scaled(_i32(mantissa), _i32(t >> hl.u64(point)) - 30, math.exp(low), math.exp(high), SHARE)


def logarithm(a: Number) -> Number:
    """ln a, of what is positive; held at -104 below float32's smallest number."""
    p = scaled(a)
    f = _i64(p.mantissa) - hl.i64(2**30)
    octave = hl.clamp(p.exponent + 30, -150, 150)
    log2 = (_i64(octave) << hl.u64(30)) + ((_polynomial(f, _LOG_TERMS) * f) >> hl.u64(30))
    log2 = hl.select(p.mantissa > 0, log2, hl.i64(-150 * 2**30))
    span = 151 * 2**30
    return multiply(Fixed(log2, 30, -span, span, SHARE), constant(float.fromhex("0x1.62e43p-1")))


# -- comparison ----------------------------------------------------------------------------------------------------


def less(a: Number, b: Number) -> Expr:
    """a < b."""
    a, b = settled(a), settled(b)
    both = _aligned(a, b) if isinstance(a, Fixed) and isinstance(b, Fixed) else None
    if both is not None:
        return both[0].expr < both[1].expr
    return scaled(_difference(a, b)).mantissa < 0


def equal(a: Number, b: Number) -> Expr:
    """a == b."""
    a, b = settled(a), settled(b)
    both = _aligned(a, b) if isinstance(a, Fixed) and isinstance(b, Fixed) else None
    if both is not None:
        return both[0].expr == both[1].expr
    return scaled(_difference(a, b)).mantissa == 0


def _difference(a: Number, b: Number) -> Number:
    return subtract(scaled(a), scaled(b))


def select(condition: Expr, a: Number, b: Number) -> Number:
    """a where the condition holds, else b."""
    grain = a.grain.joined(b.grain)
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        both = _aligned(a, b)
        if both is not None:
            p, q = both
            low, high = min(p.low, q.low), max(p.high, q.high)
            return _sized(hl.select(condition, p.expr, q.expr), p.wide or q.wide, p.shift, low, high, grain)
    s, t = scaled(a), scaled(b)
    return Scaled(
        hl.select(condition, s.mantissa, t.mantissa), hl.select(condition, s.exponent, t.exponent),
        min(s.low, t.low), max(s.high, t.high), grain,
    )


def minimum(a: Number, b: Number) -> Number:
    """The smaller."""
    return _extreme(a, b, hl.min, min)


def maximum(a: Number, b: Number) -> Number:
    """The larger."""
    return _extreme(a, b, hl.max, max)


def _extreme(a: Number, b: Number, of: Any, bound: Callable[[Any, Any], Any]) -> Number:
    low, high = (bound(p, q) for p, q in zip(a.range, b.range, strict=True))
    grain = a.grain.joined(b.grain)
    # what lies beyond the result's bounds is not the result
    a, b = (
        held(v, max(v.low, low), min(v.high, high))
        if isinstance(v, Scaled) and v.low <= high and v.high >= low and _fits(v, max(v.low, low), min(v.high, high))
        else v for v in (a, b)
    )
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        both = _aligned(a, b)
        if both is not None:
            p, q = both
            bounds = bound(p.low, q.low), bound(p.high, q.high)
            return _sized(of(p.expr, q.expr), p.wide or q.wide, p.shift, *bounds, grain)
    smaller = bound(0, 1) == 0
    result = scaled(select(less(a, b), a, b) if smaller else select(less(a, b), b, a))
    return Scaled(result.mantissa, result.exponent, low, high, grain)


def absolute(a: Number) -> Number:
    """|a|."""
    if isinstance(a, Scaled):
        low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
        return Scaled(_i32(hl.abs(a.mantissa)), a.exponent, low, max(abs(a.low), abs(a.high)), a.grain)
    if a.low >= 0:
        return a
    high = max(-a.low, a.high)
    low = 0 if a.high >= 0 else -a.high
    wide = a.wide or _bits(low, high) > 32
    expr = _cast(a.expr, wide)
    return _sized(_cast(hl.abs(expr), wide), wide, a.shift, low, high, a.grain)


# -- to integers ---------------------------------------------------------------------------------------------------

_LARGEST: Final = 2.0**31


def floor(a: Number) -> Fixed:
    """The whole number at or below a; what lies beyond 32 bits is held there."""
    value = _point(a)
    if value.shift <= 0:
        return value
    by = value.shift
    whole = _sized(
        value.expr >> min(by, 63 if value.wide else 31), value.wide, 0, value.low >> by, value.high >> by, Grain(0.0)
    )
    return replace(whole, of=a if isinstance(a, Fixed) else None)


def nearest_even(a: Number) -> Fixed:
    """The nearest whole number, of two the even one."""
    value = _point(a)
    if value.shift <= 0:
        return value
    half = add(value, constant(0.5))
    up = floor(half)
    tie = equal(subtract(half, up), constant(0))
    odd = (up.expr & 1) == 1
    result = select(tie & odd, subtract(up, constant(1)), up)
    return floor(result)


def _point(a: Number) -> Fixed:
    if isinstance(a, Fixed):
        return a
    return held(a, max(a.low, -_LARGEST), min(a.high, _LARGEST))


def truncated(a: Number) -> Whole:
    """The whole part of a as an int32."""
    value = _point(a)
    size = absolute(value)
    low, high = (math.trunc(_times(1.0, -value.shift) * v) for v in (value.low, value.high))
    whole = floor(size)
    expr = _raised(whole, 0).expr if whole.shift <= 0 else whole.expr
    if value.low < 0:
        expr = hl.select(value.expr < _of(0, value.wide), -expr, expr)
    low, high = max(low, -(2**31)), min(high, 2**31 - 1)
    expr = _i32(hl.clamp(_i64(expr), hl.i64(low), hl.i64(high)) if whole.wide else expr)
    return Whole(expr, low, high, (a.of or a, low, high) if isinstance(a, Fixed) else None)


def bits_of(a: Number) -> Whole:
    """The bits of a positive number as float32 has them, cut off.

    Raises
    ------
    ValueError
        It may not be positive.
    """
    p = scaled(a)
    if p.low <= 0:
        raise ValueError("bits of a number that may not be positive")
    expr = ((p.exponent + (30 + 127)) << 23) + ((p.mantissa - 2**30) >> 7)
    low, high = (struct.unpack("<i", struct.pack("<f", min(v, 3e38)))[0] for v in p.range)
    return Whole(expr, low - 1, high + 1)


def from_bits(a: Whole) -> Scaled:
    """The positive number whose bits these are."""
    expr = _i32(a.expr)
    low, high = (struct.unpack("<f", struct.pack("<i", max(v, 0)))[0] for v in (a.low, a.high))
    return Scaled(((expr & 0x7FFFFF) | 0x800000) << 7, (expr >> 23) - (127 + 30), low, high, SHARE)
