"""Directional linear minimum mean square error demosaic (DLMMSE).

L. Zhang, X. Wu, "Color demosaicking via directional linear minimum mean square-error estimation", IEEE Transactions
on Image Processing 14(12), 2005: green minus red (blue) is estimated along rows and along columns (section II), each
estimate is taken for the true difference plus noise and filtered by the local means and variances of the two (section
III), and the two are mixed by the inverse of the variances left over (section III-C). Red and blue follow from the
mean differences of their neighbours (section IV).

Windows as in the paper: nine samples (L = 4), first smoothed by a Gaussian of sigma 2. Strongest where the colours
rise and fall together; it has the least zipper of the methods here there, and loses to residual interpolation on
saturated colours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import halide as hl

from isp.engine.graph import tree_sum
from isp.stages.demosaic.directions import Axis, axes, color_from_differences, detail

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

L = 4
SIGMA = 2.0
FLOOR = 1e-9
"""Variance [squares of linear values, white 1] below which both parts count alike."""


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`."""
    (h, left_h), (v, left_v) = (_filtered(axis, m) for axis in axes(graph))
    x, y = graph.x, graph.y
    mixed = (h[x, y] * left_v[x, y] + v[x, y] * left_h[x, y]) / (left_h[x, y] + left_v[x, y])
    return color_from_differences(graph, m, graph.plane("difference", mixed, stored=True))


def _filtered(axis: Axis, m: Image) -> tuple[Image, Image]:
    """The difference along the axis after the filter, and the variance of what is still wrong with it."""
    other = axis.pair(m, 1) + axis.at(detail(axis, m), 0)
    # other minus own: at the next sites own and other change places, so every second sample has the other sign
    raw = axis.plane("raw", other - axis.at(m, 0))
    nine = range(-L, L + 1)
    bell = [math.exp(-0.5 * (i / SIGMA) ** 2) for i in nine]
    signs = [-1.0 if i % 2 else 1.0 for i in nine]
    taps = [s * b / sum(bell) for s, b in zip(signs, bell, strict=True)]
    smooth = axis.plane("smooth", tree_sum([axis.at(raw, i) * hl.f32(t) for i, t in zip(nine, taps, strict=True)]))
    away = axis.plane("away", axis.at(smooth, 0) - axis.at(raw, 0))

    def mean(terms: list[Expr]) -> Expr:
        return tree_sum(terms) * hl.f32(1 / len(terms))

    middle = axis.plane("middle", mean([axis.at(smooth, i) * hl.f32(s) for i, s in zip(nine, signs, strict=True)]))
    square = mean([axis.at(smooth, i) * axis.at(smooth, i) for i in nine])
    noise = axis.plane("noise", mean([axis.at(away, i) * axis.at(away, i) for i in nine]) + hl.f32(FLOOR))
    center = axis.at(middle, 0)
    signal = axis.plane("signal", hl.max(square - center * center, hl.f32(0)) + hl.f32(FLOOR))
    part = axis.plane("part", axis.at(signal, 0) / (axis.at(signal, 0) + axis.at(noise, 0)))
    filtered = axis.plane("filtered", center + axis.at(part, 0) * (axis.at(raw, 0) - center))
    return filtered, axis.plane("left", axis.at(part, 0) * axis.at(noise, 0))
