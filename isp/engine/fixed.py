"""Arithmetic of an integer datapath: what definitions compute in float32, on the numbers of `isp.engine.binary_point`.

Sums and products of `Fixed` are exact as long as they fit in 63 bits. Reciprocals and reciprocal roots: Newton's
iteration from a polynomial (M. D. Ercegovac, T. Lang, "Digital Arithmetic", 2004, chapter 7). Exponential and
logarithm: range reduction to one octave and a polynomial (J.-M. Muller, "Elementary Functions", 3rd ed. 2016, chapters
3 and 11), interpolating at Chebyshev's nodes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import halide as hl

from isp.engine.binary_point import (
    GUARD,
    HUGE,
    MOST,
    NOTHING,
    NUMBER,
    PLACE,
    PRECISE,
    RELATIVE,
    SHARE,
    Expr,
    Fixed,
    Grain,
    Number,
    Scaled,
    Whole,
    aligned,
    bounds_of,
    cast,
    constant,
    count_bits,
    fits,
    held,
    i32,
    i64,
    raised,
    scaled,
    settled,
    shortened,
    size_of,
    sized,
    times_power,
    typed,
    u64,
    whole_number,
    within,
)

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


# -- arithmetic ----------------------------------------------------------------------------------------------------


def add(a: Number, b: Number) -> Number:
    """a + b."""
    a, b = settled(a), settled(b)
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Fixed) and one.known == 0:
            return other
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        grain = a.grain.joined(b.grain)
        both = aligned(a, b)
        if both is not None:
            p, q = both
            low, high = p.low + q.low, p.high + q.high
            if count_bits(low, high) <= MOST:
                wide = p.wide or q.wide or count_bits(low, high) > 32
                return sized(cast(p.expr, wide) + cast(q.expr, wide), wide, p.shift, low, high, grain)
    return _scaled_sum(scaled(a), scaled(b))


def _scaled_sum(a: Scaled, b: Scaled) -> Scaled:
    exponent = hl.max(a.exponent, b.exponent)
    terms = [(i64(v.mantissa) << hl.u64(30)) >> u64(hl.min(exponent - v.exponent, 63)) for v in (a, b)]
    low, high = bounds_of((a.low + b.low, a.high + b.high))
    return _normalised(terms[0] + terms[1], exponent - 30, low, high, a.grain.joined(b.grain))


def _normalised(expr: Expr, exponent: Expr, low: float, high: float, grain: Grain) -> Scaled:
    """An int64 of at most 63 bits times 2^exponent."""
    inner = scaled(Fixed(expr, 0, -(2**62), 2**62, grain))
    return Scaled(
        inner.mantissa, hl.select(inner.mantissa == 0, hl.i32(NOTHING), inner.exponent + exponent), low, high, grain
    )


def negate(a: Number) -> Number:
    """-a."""
    if isinstance(a, Scaled):
        return Scaled(-a.mantissa, a.exponent, -a.high, -a.low, a.grain)
    wide = a.wide or count_bits(-a.high, -a.low) > 32
    return sized(-cast(a.expr, wide), wide, a.shift, -a.high, -a.low, a.grain)


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
    expr = result.expr if (count_bits(low, high) > 32) == result.wide else cast(result.expr, count_bits(low, high) > 32)
    return Fixed(expr, result.shift, low, high, PLACE)


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
    wide = i64(p.mantissa) * i64(q.mantissa)
    low, high = bounds_of([m * n for m in p.range for n in q.range])
    low = max(low, 0.0) if squared else low
    return _renormalised(wide, p.exponent + q.exponent, low, high, _product_grain(a, b))


def _product_grain(a: Number, b: Number) -> Grain:
    return a.grain.times(b.grain, size_of(a), size_of(b))


def _renormalised(product: Expr, exponent: Expr, low: float, high: float, grain: Grain) -> Scaled:
    """The product of two normalised mantissas, of 61 or 62 bits."""
    short = hl.abs(product) < hl.u64(2**61)
    # shifts go down: the smallest number of 31 bits and a sign would come out as one that cannot be negated
    mantissa = i32(hl.max(hl.select(short, product >> hl.u64(30), product >> hl.u64(31)), hl.i64(1 - 2**31)))
    exponent = exponent + hl.select(short, 30, 31)
    return Scaled(mantissa, hl.select(mantissa == 0, hl.i32(NOTHING), exponent), low, high, grain)


def _product(a: Fixed, b: Fixed) -> Fixed | None:
    """a b if it fits, with operands shortened to what they must resolve, at last without guard bits."""
    squared, grain = a is b, _product_grain(a, b)
    for spare in (0, 0, GUARD, GUARD):
        bounds = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
        low, high = (0 if squared and a.low < 0 < a.high else min(bounds)), max(bounds)
        excess = count_bits(low, high) - MOST
        if excess <= 0:
            wide = a.wide or b.wide or count_bits(low, high) > 32
            return sized(cast(a.expr, wide) * cast(b.expr, wide), wide, a.shift + b.shift, low, high, grain)
        least = [max(v.needed - spare, PRECISE) for v in (a, b)]
        if squared:
            a = b = shortened(a, max(least[0], a.bits - (excess + 1) // 2))
        # first the one that has most to spare
        elif a.bits - least[0] >= b.bits - least[1]:
            a = shortened(a, max(least[0], a.bits - excess))
        else:
            b = shortened(b, max(least[1], b.bits - excess))
    bounds = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
    return _product(a, b) if count_bits(min(bounds), max(bounds)) <= MOST else None


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
    inverse = _reciprocal(hl.max(i64(size), hl.i64(2**30)))
    quotient = i64(p.mantissa) * inverse
    if negative:
        quotient = hl.select(q.mantissa < 0, -quotient, quotient)
    low, high = _quotient_range(p.range, q.range)
    step = RELATIVE + min(math.log2(max(abs(low), abs(high)) or 1.0), 0.0)
    return _renormalised(quotient, p.exponent - q.exponent - 61, low, high, Grain(step, True))


def _quotient_range(above: tuple[float, float], below: tuple[float, float]) -> tuple[float, float]:
    if below[0] <= 0 <= below[1]:
        one_sided = below[0] >= 0 and above[0] >= 0
        return (0.0, HUGE) if one_sided else (-HUGE, HUGE)
    return bounds_of([p / q for p in above for q in below])


def _reciprocal_of(value: Fixed) -> Fixed:
    """1 over a constant, to 31 bits."""
    shift = 30 + abs(value.low).bit_length()
    inverse = round(Fraction(2**shift, value.low))
    return Fixed(typed(inverse, count_bits(inverse, inverse) > 32), shift - value.shift, inverse, inverse, NUMBER)


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
    x = i64(hl.select(odd, p.mantissa >> 1, p.mantissa))
    half = (p.exponent + hl.select(odd, 32, 31)) >> 1
    # 1 / sqrt of 0.25..1 (31 bits), as 1..2 (30 bits)
    y = _polynomial(x >> hl.u64(1), _ROOT_TERMS)
    for _ in range(3):
        t = (x * ((y * y) >> hl.u64(30))) >> hl.u64(31)
        y = (y * (hl.i64(3 * 2**30) - t)) >> hl.u64(31)
    mantissa = i32(hl.min((x * y) >> hl.u64(30), hl.i64(2**31 - 1)))
    # the root's slope is least where it is largest
    grain = Grain(p.grain.step - 1 - math.log2(high or 1.0), p.grain.share)
    return Scaled(mantissa, hl.select(p.mantissa == 0, hl.i32(NOTHING), half - 31), low, high, grain)


def _polynomial(x: Expr, terms: Sequence[float]) -> Expr:
    """Of x with 30 fraction bits, in int64; lowest power first."""
    value = hl.i64(round(terms[-1] * 2**30))
    for term in terms[-2::-1]:
        value = hl.i64(round(term * 2**30)) + ((value * x) >> hl.u64(30))
    return value


def exponential(a: Number) -> Number:
    """e^a, of what lies within -100..88; held at its ends."""
    low, high = (min(max(v, -100.0), 88.0) for v in a.range)
    x = shortened(_point(within(a, -100.0, 88.0)), 32)
    t = i64(x.expr) * hl.i64(round(math.log2(math.e) * 2**30))
    point = x.shift + 30
    # |t| < 2^62: what is shifted by more bits is as good as shifted by 63
    f = (t >> hl.u64(min(point - 30, 63))) & hl.i64(2**30 - 1) if point >= 30 else hl.i64(0)
    mantissa = hl.clamp(_polynomial(f, _EXP2_TERMS), hl.i64(2**30), hl.i64(2**31 - 1))
    return Scaled(i32(mantissa), i32(t >> hl.u64(min(point, 63))) - 30, math.exp(low), math.exp(high), SHARE)


def logarithm(a: Number) -> Number:
    """ln a, of what is positive; held at -104 below float32's smallest number."""
    p = scaled(a)
    f = i64(p.mantissa) - hl.i64(2**30)
    octave = hl.clamp(p.exponent + 30, -150, 150)
    log2 = (i64(octave) << hl.u64(30)) + ((_polynomial(f, _LOG_TERMS) * f) >> hl.u64(30))
    log2 = hl.select(p.mantissa > 0, log2, hl.i64(-150 * 2**30))
    span = 151 * 2**30
    return multiply(Fixed(log2, 30, -span, span, SHARE), constant(float.fromhex("0x1.62e43p-1")))


# -- comparison ----------------------------------------------------------------------------------------------------


def less(a: Number, b: Number) -> Expr:
    """a < b."""
    a, b = settled(a), settled(b)
    both = aligned(a, b) if isinstance(a, Fixed) and isinstance(b, Fixed) else None
    if both is not None:
        return both[0].expr < both[1].expr
    return scaled(_difference(a, b)).mantissa < 0


def equal(a: Number, b: Number) -> Expr:
    """a == b."""
    a, b = settled(a), settled(b)
    both = aligned(a, b) if isinstance(a, Fixed) and isinstance(b, Fixed) else None
    if both is not None:
        return both[0].expr == both[1].expr
    return scaled(_difference(a, b)).mantissa == 0


def _difference(a: Number, b: Number) -> Number:
    return subtract(scaled(a), scaled(b))


def select(condition: Expr, a: Number, b: Number) -> Number:
    """a where the condition holds, else b."""
    grain = a.grain.joined(b.grain)
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        both = aligned(a, b)
        if both is not None:
            p, q = both
            low, high = min(p.low, q.low), max(p.high, q.high)
            return sized(hl.select(condition, p.expr, q.expr), p.wide or q.wide, p.shift, low, high, grain)
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
        if isinstance(v, Scaled) and v.low <= high and v.high >= low and fits(v, max(v.low, low), min(v.high, high))
        else v for v in (a, b)
    )
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        both = aligned(a, b)
        if both is not None:
            p, q = both
            bounds = bound(p.low, q.low), bound(p.high, q.high)
            return sized(of(p.expr, q.expr), p.wide or q.wide, p.shift, *bounds, grain)
    smaller = bound(0, 1) == 0
    result = scaled(select(less(a, b), a, b) if smaller else select(less(a, b), b, a))
    return Scaled(result.mantissa, result.exponent, low, high, grain)


def absolute(a: Number) -> Number:
    """|a|."""
    if isinstance(a, Scaled):
        low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
        return Scaled(i32(hl.abs(a.mantissa)), a.exponent, low, max(abs(a.low), abs(a.high)), a.grain)
    if a.low >= 0:
        return a
    high = max(-a.low, a.high)
    low = 0 if a.high >= 0 else -a.high
    wide = a.wide or count_bits(low, high) > 32
    expr = cast(a.expr, wide)
    return sized(cast(hl.abs(expr), wide), wide, a.shift, low, high, a.grain)


# -- to integers ---------------------------------------------------------------------------------------------------

_LARGEST: Final = 2.0**31


def floor(a: Number) -> Fixed:
    """The whole number at or below a; what lies beyond 32 bits is held there."""
    value = _point(a)
    if value.shift <= 0:
        return value
    by = value.shift
    whole = sized(
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
    low, high = (math.trunc(times_power(1.0, -value.shift) * v) for v in (value.low, value.high))
    whole = floor(size)
    expr = raised(whole, 0).expr if whole.shift <= 0 else whole.expr
    if value.low < 0:
        expr = hl.select(value.expr < typed(0, value.wide), -expr, expr)
    low, high = max(low, -(2**31)), min(high, 2**31 - 1)
    expr = i32(hl.clamp(i64(expr), hl.i64(low), hl.i64(high)) if whole.wide else expr)
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
    expr = i32(a.expr)
    low, high = (struct.unpack("<f", struct.pack("<i", max(v, 0)))[0] for v in (a.low, a.high))
    return Scaled(((expr & 0x7FFFFF) | 0x800000) << 7, (expr >> 23) - (127 + 30), low, high, SHARE)
