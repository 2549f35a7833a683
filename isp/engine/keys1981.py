"""Cubic convolution: R. G. Keys, IEEE Trans. ASSP 29 (1981) 1153, a = -1/2, exact for polynomials of degree 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isp.engine.graph import Expr


def cubic_weights(f: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """Weights (sum 1) of the samples at -1, 0, 1 and 2 for a place `f` = 0..1 behind sample 0, float32 expressions."""
    import halide as hl

    half, one = hl.f32(0.5), hl.f32(1)
    return (
        ((-half * f + one) * f - half) * f,
        (hl.f32(1.5) * f - hl.f32(2.5)) * f * f + one,
        ((hl.f32(-1.5) * f + hl.f32(2)) * f + half) * f,
        (half * f - half) * f * f,
    )
