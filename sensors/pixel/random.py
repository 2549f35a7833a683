"""Random numbers of the photosites as Halide expressions: the draw belongs to a place, not to the tile.

`philox` and `normal` are the engine's. Poisson quantile: summation of the distribution below `SMALL_MEAN`, above it
the Cornish-Fisher expansion of the continuous quantile to order 1/mean (Giles, "Algorithm 955: approximation of the
inverse Poisson cumulative distribution function", ACM TOMS 42 (2016), equation for Q_N3), rounded down.
"""

from __future__ import annotations

from typing import Any

from isp.engine.random import folded, normal, philox

__all__ = ["SMALL_MEAN", "exponential", "normal", "philox", "poisson"]

Expr = Any  # hl.Expr; the package carries no type information

SMALL_MEAN = 10.5
"""Mean [e-] below which the Poisson distribution is summed term by term."""
_TERMS = 38
"""Terms summed: beyond them lies less than 2^-33 of a distribution of mean `SMALL_MEAN`."""
_NEAR_TERMS = 28
"""Terms after which less than `_FAR` is left."""
_FAR = 1e-5
"""Probability of the upper end that is found from its terms rather than from the sum below it."""


def poisson(mean: Expr, word: Expr) -> Expr:
    """A Poisson deviate (float32, whole) of mean `mean` >= 0 [e-] from one uint32 word."""
    import halide as hl

    upper, p = folded(word)
    few, many = hl.min(mean, hl.f32(SMALL_MEAN)), hl.max(mean, hl.f32(SMALL_MEAN))
    z = normal(word)
    large = hl.max(hl.floor(_continuous(many, z)), hl.f32(0))
    # float32 sums end 1e-7 short of 1: the far end is found from the next term t of the tail, which is about
    # t / (1 - mean / (k + 2)); for the k in there an estimate does
    far = upper & (p < hl.f32(_FAR))
    u = hl.select(far, hl.f32(-1), upper, hl.f32(1) - p, p)
    end = p * (hl.f32(1) - few / (hl.max(_continuous(few, z), few) + hl.f32(2)))
    end = hl.select(far, end, hl.f32(2))
    term = hl.exp(-few)
    below = term
    count = hl.f32(0)
    for k in range(_TERMS):
        term = term * (few * hl.f32(1.0 / (k + 1)))
        more = term > end
        if k < _NEAR_TERMS:
            more = more | (u > below)
            below = below + term
        count = hl.select(more, count + hl.f32(1), count)
    return hl.select(mean < hl.f32(SMALL_MEAN), count, large)


def _continuous(mean: Expr, z: Expr) -> Expr:
    """The continuous Poisson quantile of the standard normal deviate `z`: Cornish-Fisher, to order 1/mean."""
    import halide as hl

    z2, root = z * z, hl.sqrt(mean)
    series = hl.f32(1 / 3) + z2 * hl.f32(1 / 6)
    series += -z * (hl.f32(1 / 36) + z2 * hl.f32(1 / 72)) / root
    series += (hl.f32(-8 / 405) + z2 * (hl.f32(7 / 810) + z2 * hl.f32(1 / 270))) / mean
    return mean + root * z + series


def exponential(word: Expr) -> Expr:
    """An exponential deviate of mean 1 from one uint32 word."""
    import halide as hl

    upper, p = folded(word)
    return -hl.log(hl.select(upper, hl.f32(1) - p, p))
