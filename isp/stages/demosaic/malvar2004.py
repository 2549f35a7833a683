"""Gradient-corrected linear demosaic.

H. S. Malvar, L.-W. He, R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color
images", ICASSP 2004: bilinear interpolation plus a correction by the Laplacian of the colour at the site, with the
paper's gains alpha = 1/2, beta = 5/8, gamma = 3/4 (its figure 2, coefficients over 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import halide as hl

if TYPE_CHECKING:
    from isp.engine.graph import Graph, Image


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`.

    Naming: `sides` are the four next sites in a row and column, `corners` the four diagonal ones, `row2` and
    `column2` the sites two away. All sums are divided by 8 at the end.
    """
    x, y = graph.x, graph.y
    here = m[x, y]
    row, column = m[x - 1, y] + m[x + 1, y], m[x, y - 1] + m[x, y + 1]
    row2, column2 = m[x - 2, y] + m[x + 2, y], m[x, y - 2] + m[x, y + 2]
    corners = (m[x - 1, y - 1] + m[x + 1, y - 1]) + (m[x - 1, y + 1] + m[x + 1, y + 1])
    eighth = hl.f32(0.125)
    # green at red and blue sites
    green = (here * 4.0 + (row + column) * 2.0 - (row2 + column2)) * eighth
    # red or blue at green sites: its neighbours lie in the row, or in the column
    in_row = (here * 5.0 + row * 4.0 - corners - row2 + column2 * hl.f32(0.5)) * eighth
    in_column = (here * 5.0 + column * 4.0 - corners - column2 + row2 * hl.f32(0.5)) * eighth
    # red at blue sites and blue at red sites
    opposite = (here * 6.0 + corners * 2.0 - (row2 + column2) * hl.f32(1.5)) * eighth
    return graph.rgb(
        "malvar",
        (
            graph.by_site(here, in_row, in_column, opposite),
            graph.by_site(green, here, here, green),
            graph.by_site(opposite, in_column, in_row, here),
        ),
        stored=True,
        by_site=True,
    )
