"""Counter-based random numbers as Halide expressions: a draw depends on its counter and key, and on nothing else.

Philox4x32-7: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011), table 2: seven
rounds are the fewest that pass every test of TestU01's BigCrush.
Normal quantile: Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37
(1988), routine PPND7 (relative error 1e-7).
"""

from __future__ import annotations

from typing import Any

Expr = Any  # hl.Expr; the package carries no type information

_ROUNDS = 7
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)

_CENTRE = (
    (5.9109374720e1, 1.5929113202e2, 5.0434271938e1, 3.3871327179e0),
    (6.7187563600e1, 7.8757757664e1, 1.7895169469e1, 1.0),
)
_TAIL = (
    (1.7023821103e-1, 1.3067284816e0, 2.7568153900e0, 1.4234372777e0),
    (1.2021132975e-1, 7.3700164250e-1, 1.0),
)


def philox(counter: tuple[Expr, Expr, Expr, Expr], key: tuple[Expr, Expr]) -> tuple[Expr, Expr, Expr, Expr]:
    """Four uint32 words of the counter (four uint32) under the key (two uint32)."""
    import halide as hl

    def word(value: int) -> Expr:
        return hl.cast(hl.UInt(32), hl.Expr(value)) if value < 2**31 else hl.cast(hl.UInt(32), value - 2**32)

    def product(a: Expr, b: Expr) -> tuple[Expr, Expr]:
        wide = hl.cast(hl.UInt(64), a) * hl.cast(hl.UInt(64), b)
        return hl.cast(hl.UInt(32), wide >> 32), hl.cast(hl.UInt(32), wide)

    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high0, low0 = product(word(_MULTIPLIERS[0]), c0)
        high1, low1 = product(word(_MULTIPLIERS[1]), c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + word(_WEYL[0]), k1 + word(_WEYL[1])
    return c0, c1, c2, c3


def folded(word: Expr) -> tuple[Expr, Expr]:
    """Whether the uniform of `word` lies above one half, and its distance to the nearer end (0, 0.5]."""
    import halide as hl

    upper = hl.cast(hl.Int(32), word) < 0
    near = hl.cast(hl.Int(32), hl.select(upper, ~word, word))
    return upper, (hl.f32(near) + hl.f32(0.5)) * hl.f32(2.0**-32)


def normal(word: Expr) -> Expr:
    """A standard normal deviate of one uint32 word; reaches 6.2 standard deviations."""
    import halide as hl

    upper, p = folded(word)
    q = hl.f32(0.5) - p
    centre = q * _ratio(hl.f32(0.180625) - q * q, *_CENTRE)
    tail = _ratio(hl.sqrt(-hl.log(p)) - hl.f32(1.6), *_TAIL)
    size = hl.select(q <= hl.f32(0.425), centre, tail)
    return hl.select(upper, size, -size)


def _ratio(x: Expr, above: tuple[float, ...], below: tuple[float, ...]) -> Expr:
    return _polynomial(x, above) / _polynomial(x, below)


def _polynomial(x: Expr, coefficients: tuple[float, ...]) -> Expr:
    import halide as hl

    value = hl.f32(coefficients[0])
    for c in coefficients[1:]:
        value = value * x + hl.f32(c)
    return value
