"""Minimized-Laplacian residual interpolation (MLRI).

D. Kiku, Y. Monno, M. Tanaka, M. Okutomi, "Minimized-Laplacian residual interpolation for color image demosaicking",
SPIE 9023 (Digital Photography X), 2014: along rows and columns a guided filter makes a tentative estimate of one
colour from the other, fitted so that Laplacians (not values) agree; what the estimate misses at measured sites, the
residual, is interpolated linearly and added. The four sides are mixed by their gradients (Pekkucuksen and Altunbasak
2010), red and blue are interpolated by the same residual interpolation guided by green.

In the estimate "gain x guide + offset" plus interpolated residual, the offset and the mean of the guide cancel but for
their variation between neighbours, so only the gain is kept: green = mean of its two neighbours + gain x half the
Laplacian of the measured colour. The gain is averaged over the windows a site lies in, as in the guided filter.
Strongest where colours do not rise and fall together; more zipper than `zhang2005` where they do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import halide as hl

from isp.engine.graph import tree_sum
from isp.stages.demosaic.directions import Axis, axes, color_from_gains, detail, roughness, sides, weighted

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

TAPS = 4
SIGMA = 1.0
"""Samples to each side in the mean of differences, and the width of their Gaussian [px]."""
PRIOR = 1e-6
FLOOR = 1e-8
"""Squares of linear values (white 1) below which slopes and steps are taken for nothing."""


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`."""
    weights: list[Expr] = []
    estimates: list[Expr] = []
    bell = [math.exp(-0.5 * (i / SIGMA) ** 2) for i in range(TAPS)]
    for axis in axes(graph):
        other = _estimate(axis, m)
        weights += sides(axis, roughness(axis, m, other, 2), 2, FLOOR)
        # other minus own: at the next sites own and other change places, so every second sample has the other sign
        gap = axis.plane("signed", axis.at(other, 0) - axis.at(m, 0))
        for side in (-1, 1):
            terms = [axis.at(gap, side * i) * hl.f32((-1) ** i * b / sum(bell)) for i, b in enumerate(bell)]
            estimates.append(axis.plane(f"mean{side + 1}", tree_sum(terms))[graph.x, graph.y])
    k = graph.plane("difference", weighted(weights, estimates), stored=True)
    return color_from_gains(graph, m, k, PRIOR, 2)


def _estimate(axis: Axis, m: Image) -> Image:
    """The other colour of the axis at each site."""
    fine = detail(axis, m)
    guide = axis.plane("guide", axis.pair(fine, 1))
    sums = {}
    for name, one, two in (("both", fine, guide), ("power", guide, guide)):
        row = axis.plane(name, tree_sum([axis.at(one, i) * axis.at(two, i) for i in (-4, -2, 0, 2, 4)]))
        column = tree_sum([axis.at(row, 0, j) for j in (-2, 0, 2)])
        sums[name] = axis.at(axis.plane(f"{name}_sum", column, stored=False), 0)
    fit = axis.plane("fit", (sums["both"] + hl.f32(PRIOR)) / (sums["power"] + hl.f32(PRIOR)))
    beside = axis.plane("fits", tree_sum([axis.at(fit, 0, j) for j in (-2, 0, 2)]) * hl.f32(1 / 3))
    return axis.plane("other", axis.pair(m, 1) + axis.pair(beside, 1) * axis.at(fine, 0))
