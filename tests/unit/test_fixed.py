"""Integer arithmetic against float64: every operation, over ranges that fit a fixed point and ranges that do not."""

from __future__ import annotations

import math
from dataclasses import replace

import halide as hl
import numpy as np
import pytest

from isp.engine import binary_point, fixed
from isp.engine.binary_point import NUMBER, Fixed, Grain, Scaled

COUNT = 4096


def numbers(low, high, bits, shift, seed=1):
    """Random integers of `bits` bits in the range, and both ends."""
    rng = np.random.Generator(np.random.Philox(seed))
    a, b = math.ceil(low * 2.0**shift), math.floor(high * 2.0**shift)
    # as many small ones as large ones
    size = np.exp2(rng.uniform(0, bits, COUNT)).astype(np.int64) * rng.choice([-1, 1], COUNT)
    values = np.clip(size, a, b)
    values[:3] = a, b, min(max(0, a), b)
    return values, a, b


class Run:
    """Inputs as `Fixed` numbers, and what an expression of them gives, in float64."""

    def __init__(self):
        self.x = hl.Var("x")
        self.kept = []

    def given(self, low, high, shift=14, bits=16, seed=1):
        values, a, b = numbers(low, high, bits, shift, seed)
        wide = binary_point.count_bits(a, b) > 32
        array = np.ascontiguousarray(values, np.int64 if wide else np.int32)
        buffer = hl.Buffer(array)
        self.kept += [array, buffer]
        return Fixed(buffer[self.x], shift, a, b, Grain(-shift)), values / 2.0**shift

    def value(self, number):
        f = hl.Func("f")
        if isinstance(number, Scaled):
            f[self.x] = (number.mantissa, number.exponent)
            m, e = (np.asarray(b) for b in f.realize([COUNT]))
            assert ((np.abs(m.astype(np.int64)) >= 2**30 - 8) | (m == 0)).all(), "a mantissa is not normalised"
            return np.ldexp(m.astype(np.float64), np.where(m == 0, 0, e))
        f[self.x] = number.expr
        raw = np.asarray(f.realize([COUNT])).astype(np.int64)
        assert raw.dtype == np.int64
        assert ((raw >= number.low) & (raw <= number.high)).all(), "outside its own bounds"
        return raw / 2.0**number.shift


def near(found, wanted, relative=2e-8, absolute=0.0):
    error = np.abs(found - wanted)
    assert (error <= relative * np.abs(wanted) + absolute).all(), error.max()


PAIRS = [((-4, 4), (-4, 4)), ((0, 1), (-4, 3)), ((0, 4), (0.25, 4))]


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_sums_products_and_comparisons_are_exact(one, two):
    run = Run()
    (a, p), (b, q) = run.given(*one), run.given(*two, shift=20, bits=22, seed=2)
    exact = {
        fixed.add: p + q, fixed.subtract: p - q, fixed.multiply: p * q, fixed.minimum: np.minimum(p, q),
        fixed.maximum: np.maximum(p, q),
    }  # fmt: skip
    for operation, wanted in exact.items():
        assert np.array_equal(run.value(operation(a, b)), wanted), operation.__name__
    assert np.array_equal(run.value(fixed.absolute(a)), np.abs(p))
    chosen = fixed.select(fixed.less(a, b), fixed.multiply(a, a), b)
    assert np.array_equal(run.value(chosen), np.where(p < q, p * p, q))


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_scaled_numbers_are_right_to_29_bits(one, two):
    run = Run()
    (a, p), (b, q) = run.given(*one), run.given(*two, shift=20, bits=22, seed=2)
    s, t = binary_point.scaled(a), binary_point.scaled(b)
    s, t = (Scaled(v.mantissa, v.exponent, -1e9, 1e9, Grain(-40)) for v in (s, t))  # too wide for a fixed point
    near(run.value(fixed.multiply(s, t)), p * q)
    near(run.value(fixed.add(s, t)), p + q, 1e-8, 1e-12)
    near(run.value(fixed.subtract(s, t)), p - q, 1e-8, 1e-12)
    near(run.value(fixed.divide(s, t))[q != 0], p[q != 0] / q[q != 0])
    assert np.array_equal(run.value(fixed.minimum(s, t)), np.minimum(p, q))
    assert np.array_equal(run.value(fixed.maximum(s, b)), np.maximum(p, q))
    near(run.value(fixed.absolute(s)), np.abs(p), 0)
    near(run.value(binary_point.held(s, -2.5, 0.75)), np.clip(p, -2.5, 0.75), 0, 2.0**-43)


def test_quotients_that_are_powers_of_two_keep_their_sign():
    run = Run()
    (a, p), _ = run.given(0.25, 4, shift=20, bits=22), None
    s = Scaled(*(getattr(binary_point.scaled(a), n) for n in ("mantissa", "exponent")), 0.25, 4, Grain(-40))
    ratio = fixed.divide(fixed.negate(s), s)
    ratio = Scaled(ratio.mantissa, ratio.exponent, -1e9, 1e9, Grain(-40))
    ones = np.ones(len(p))
    near(run.value(ratio), -ones)
    near(run.value(fixed.absolute(ratio)), ones)
    near(run.value(fixed.multiply(ratio, ratio)), ones)
    near(run.value(fixed.subtract(binary_point.constant(1), ratio)), 2 * ones)


def test_rounding_to_fewer_bits_does_not_overflow():
    run = Run()
    top = 2**31 - 1
    array = np.full(COUNT, top - 5, np.int32)
    buffer = hl.Buffer(array)
    run.kept += [array, buffer]
    number = binary_point.shortened(Fixed(buffer[run.x], 0, 0, top, Grain(0)), 24)
    assert np.array_equal(run.value(number), np.full(COUNT, 2.0**31))


def test_the_exponential_of_a_narrow_range():
    run = Run()
    a, p = run.given(0.01, 0.06, shift=36, bits=32)
    near(run.value(fixed.exponential(a)), np.exp(p), 1e-8)


def test_quotients_saturate_where_the_divisor_is_nothing():
    run = Run()
    (a, p), (b, q) = run.given(-4, 4), run.given(0, 4, seed=3)
    held = fixed.minimum(fixed.divide(a, b), binary_point.constant(3))
    held = fixed.maximum(held, binary_point.constant(-0.5))
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.clip(np.nan_to_num(p / q, nan=0), -0.5, 3)
    near(run.value(held), wanted, 1e-8, 2e-9)
    tiny = fixed.maximum(b, binary_point.constant(float(np.float32(1e-12))))
    near(run.value(fixed.divide(a, tiny)), p / np.maximum(q, np.float32(1e-12)))


def test_a_divisor_that_is_a_constant():
    run = Run()
    a, p = run.given(-4, 4)
    assert np.array_equal(run.value(fixed.divide(a, binary_point.constant(-0.125))), p / -0.125)
    near(run.value(fixed.divide(a, binary_point.constant(3))), p / 3, 1e-9)


@pytest.mark.parametrize(("low", "high", "shift", "bits"), [(0, 4, 14, 16), (-4, 4, 14, 16), (0, 2000, 40, 51)])
def test_roots(low, high, shift, bits):
    run = Run()
    a, p = run.given(low, high, shift, bits)
    near(run.value(fixed.square_root(a)), np.sqrt(np.maximum(p, 0)), 4e-9)


def test_exponentials_and_logarithms():
    run = Run()
    a, p = run.given(-200, 4, 20, 28)
    found, wanted = run.value(fixed.exponential(a)), np.exp(np.maximum(p, -100))
    near(found, wanted, 1e-7, 1e-30)
    b, q = run.given(2.0**-20, 500, 20, 29)
    near(run.value(fixed.logarithm(b)), np.log(q), 1e-7, 1e-8)


def test_rounding():
    run = Run()
    a, p = run.given(-60, 60, 10, 16)
    assert np.array_equal(run.value(fixed.floor(a)), np.floor(p))
    assert np.array_equal(run.value(fixed.nearest_even(a)), np.rint(p))
    b, q = run.given(-60, 60, 1, 7)
    assert np.array_equal(run.value(fixed.nearest_even(b)), np.rint(q))
    whole = fixed.truncated(a)
    assert np.array_equal(run.value(binary_point.whole_number(whole)), np.trunc(p))


def test_bits_are_those_of_float32():
    run = Run()
    a, p = run.given(2.0**-10, 30, 14, 18)
    bits = fixed.bits_of(a)
    assert np.array_equal(run.value(binary_point.whole_number(bits)), p.astype(np.float32).view(np.int32))
    assert np.array_equal(run.value(fixed.from_bits(bits)), p)
    with pytest.raises(ValueError, match="may not be positive"):
        fixed.bits_of(binary_point.constant(0))


def test_what_is_kept_in_memory_has_32_bits_where_they_are_enough():
    run = Run()
    (a, p), (b, q) = run.given(-4, 4), run.given(0, 1, 30, 32, seed=4)
    product = binary_point.stored(fixed.multiply(a, replace(b, grain=NUMBER)))
    assert isinstance(product, Fixed)
    assert product.bits == 32
    near(run.value(product), p * q, 0, 2.0 ** -(product.shift + 1))
