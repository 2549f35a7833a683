"""The 8-point discrete cosine transform (DCT-II) as a flow graph of expressions, and its transpose.

C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989:
sums and differences of mirrored samples, then plane rotations. Both directions come out sqrt(8) times the orthonormal
ones, so a transform there and back multiplies by `SCALE` for every axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isp.engine.graph import Expr

ROOT = sqrt(2)
SCALE = 8
"""What forward and transpose together multiply by, for each axis."""


def forward(x: Sequence[Expr]) -> list[Expr]:
    """The eight coefficients of eight samples, times sqrt(8)."""
    import halide as hl

    root = hl.f32(ROOT)
    s0, s1, s2, s3 = (x[i] + x[7 - i] for i in range(4))
    d0, d1, d2, d3 = (x[i] - x[7 - i] for i in range(4))
    low, high = s0 + s3, s1 + s2
    y2, y6 = _turned(s1 - s2, s0 - s3, 6, ROOT)
    a, b = _turned(d3, d0, 3)
    c, d = _turned(d2, d1, 1)
    sum4, sum7 = a + d, b + c
    return [low + high, sum7 + sum4, y2, (b - c) * root, low - high, (a - d) * root, y6, sum7 - sum4]


def transpose(y: Sequence[Expr]) -> list[Expr]:
    """Eight samples from eight coefficients, times sqrt(8)."""
    import halide as hl

    root = hl.f32(ROOT)
    sum4, sum7 = y[1] - y[7], y[1] + y[7]
    y3, y5 = y[3] * root, y[5] * root
    d3, d0 = _turned(sum4 + y5, sum7 + y3, -3)
    d2, d1 = _turned(sum7 - y3, sum4 - y5, -1)
    t2, t3 = _turned(y[2], y[6], -6, ROOT)
    low, high = y[0] + y[4], y[0] - y[4]
    s, d = [low + t3, high + t2, high - t2, low - t3], [d0, d1, d2, d3]
    return [s[i] + d[i] for i in range(4)] + [s[i] - d[i] for i in (3, 2, 1, 0)]


def _turned(a: Expr, b: Expr, sixteenths: int, size: float = 1.0) -> tuple[Expr, Expr]:
    """The vector (a, b) turned by -pi/16 times `sixteenths`, times `size`."""
    import halide as hl

    c, s = (hl.f32(size * f(sixteenths * pi / 16)) for f in (cos, sin))
    return a * c + b * s, b * c - a * s
