"""Directional demosaic with a posteriori decision (DDFAPD) and refining.

D. Menon, S. Andriani, G. Calvagno, "Demosaicing with directional filtering and a posteriori decision", IEEE
Transactions on Image Processing 16(1), 2007: green is interpolated along rows and along columns, the direction with
the smoother colour differences is chosen (section III), red and blue follow by bilinear interpolation of the colour
differences, and a last step replaces the high frequencies of each colour by those of the one that was measured
(section IV).

Everything is written in colour differences "measured minus green" k at red and blue sites, which shortens the paper's
steps: interpolating and then filtering differences of differences are linear filters of k with a stride of 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import halide as hl

from isp.engine.graph import tree_sum

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`.

    Naming: `_h` along the row, `_v` along the column; `k0` and `k1` colour differences before and after refining the
    green, `along` is 1 where the row was chosen. The planes mean something at red and blue sites only.
    """
    x, y = graph.x, graph.y
    half, quarter, third = hl.f32(0.5), hl.f32(0.25), hl.f32(1 / 3)

    def difference(one: Expr, two: Expr) -> Expr:
        # measured minus green, the green corrected by the Laplacian of the measured colour (equation 2)
        return m[x, y] - (one * half + (m[x, y] * half - two * quarter))

    k_h = graph.plane("k_h", difference(m[x - 1, y] + m[x + 1, y], m[x - 2, y] + m[x + 2, y]), stored=True)
    k_v = graph.plane("k_v", difference(m[x, y - 1] + m[x, y + 1], m[x, y - 2] + m[x, y + 2]), stored=True)
    step_h = graph.plane("step_h", hl.abs(k_h[x - 1, y] - k_h[x + 1, y]), stored=True)
    step_v = graph.plane("step_v", hl.abs(k_v[x, y - 1] - k_v[x, y + 1]), stored=True)
    # smoothness of the differences around the site, its own row (column) counting three times (equation 5)
    rough_h = 3.0 * (step_h[x - 1, y] + step_h[x + 1, y]) + tree_sum(
        [step_h[x, y - 1], step_h[x, y + 1]] + [step_h[x + i, y + j] for j in (-2, 2) for i in (-1, 1)]
    )
    rough_v = 3.0 * (step_v[x, y - 1] + step_v[x, y + 1]) + tree_sum(
        [step_v[x - 1, y], step_v[x + 1, y]] + [step_v[x + i, y + j] for i in (-2, 2) for j in (-1, 1)]
    )
    along = graph.plane("along", hl.select(rough_v >= rough_h, hl.f32(1), hl.f32(0)), stored=True)
    row = along[x, y] > half
    k0 = graph.plane("k0", hl.select(row, k_h[x, y], k_v[x, y]), stored=True)
    # the mean of three differences along the chosen direction, the outer two themselves means of neighbours
    outer = hl.select(row, k0[x - 2, y] + k0[x + 2, y], k0[x, y - 2] + k0[x, y + 2])
    k1 = graph.plane("k1", (k0[x, y] * 4.0 + outer) * hl.f32(1 / 6), stored=True)
    # the opposite colour: its difference from the measured one, before refining at the site and after it beside it
    mixed = graph.plane("mixed", k1[x, y] + k0[x, y] * half, stored=True)
    corners = (mixed[x - 1, y - 1] + mixed[x + 1, y - 1]) + (mixed[x - 1, y + 1] + mixed[x + 1, y + 1])
    ends = hl.select(row, mixed[x - 2, y] + mixed[x + 2, y], mixed[x, y - 2] + mixed[x, y + 2])
    here = m[x, y]
    opposite = here - (ends + mixed[x, y] * 2.0 - corners) * (half * third)
    green = here - k1[x, y]
    in_row = here + (k1[x - 1, y] + k1[x + 1, y]) * half
    in_column = here + (k1[x, y - 1] + k1[x, y + 1]) * half
    return graph.rgb(
        "menon",
        (
            graph.by_site(here, in_row, in_column, opposite),
            graph.by_site(green, here, here, green),
            graph.by_site(opposite, in_column, in_row, here),
        ),
        stored=True,
        by_site=True,
    )
