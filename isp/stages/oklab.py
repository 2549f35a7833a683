"""Oklab in definitions: a space in which hue stays constant as a colour gets lighter or paler.

B. Ottosson, "A perceptual color space for image processing", 2020 (public domain): L, a, b are a matrix of the cube
roots of l, m, s, and those a matrix of linear RGB. The matrix from the working space is scaled so that its greys have
l = m = s. Below 10^-6 the cube root is a straight line: it has a slope at 0, and negative values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isp.color.spaces import WORKING, conversion
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph

_SRGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
ROOTS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LEAST = 1e-6
_EXPONENT = 709921077
"""Two thirds of the exponent's bias in a float's bits, 127 2^23, less 0.04 % to centre the error (W. Kahan, "Computing
a real cube root", 1991); Halley's steps follow."""


def arrays() -> dict[str, Float64]:
    """The four matrices (3, 3) as arrays for a definition: to lms, to Lab, and back."""
    lms = _SRGB_TO_LMS @ conversion(WORKING, "srgb")
    lms = lms / lms.sum(axis=1, keepdims=True)
    return {"lms": lms, "lab": ROOTS_TO_LAB, "roots": np.linalg.inv(ROOTS_TO_LAB), "rgb": np.linalg.inv(lms)}


def row(matrix: Any, i: int, values: list[Expr]) -> Expr:
    """One row of a matrix times three values."""
    return matrix[i, 0] * values[0] + matrix[i, 1] * values[1] + matrix[i, 2] * values[2]


def root(graph: Graph, value: Expr) -> Expr:
    """The cube root, a straight line about 0."""
    import halide as hl

    size = hl.abs(value)
    held = hl.max(size, hl.f32(_LEAST))
    # a third of the exponent is right to 4 %; each step triples the digits, and has the root's own derivative
    third = hl.i32(hl.f32(hl.reinterpret(hl.Int(32), held)) * hl.f32(1 / 3))
    root = hl.reinterpret(hl.Float(32), third + _EXPONENT)
    for _ in range(2):
        cube = root * root * root
        step = root * ((cube + held) + held) / ((cube + cube) + held)
        root = graph.within(step, hl.f32(0.99 * _LEAST ** (1 / 3)), hl.max(held, hl.f32(1)))
    root = hl.select(value < hl.f32(0), -root, root)
    least = hl.f32(_LEAST ** (1 / 3))
    straight = graph.within(value * hl.f32(_LEAST ** (-2 / 3)), -least, least)
    return hl.select(size < hl.f32(_LEAST), straight, root)


def moved(roots: list[Expr], a: Expr, b: Expr, arrays: Any) -> list[Expr]:
    """What to add to the RGB of cone roots `roots` to move it by (a, b) in Oklab; exactly 0 where both are 0."""
    inverse = arrays["roots"]
    signals = [cubed(r + inverse[i, 1] * a + inverse[i, 2] * b) - cubed(r) for i, r in enumerate(roots)]
    return [row(arrays["rgb"], i, signals) for i in range(3)]


def cubed(value: Expr) -> Expr:
    """The reverse of `root`."""
    import halide as hl

    least = _LEAST ** (1 / 3)
    return hl.select(hl.abs(value) < hl.f32(least), value * hl.f32(least**2), value * value * value)
