"""Bilinear demosaic: the mean of the nearest samples of a colour. The baseline every paper compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import halide as hl

if TYPE_CHECKING:
    from isp.engine.graph import Graph, Image


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`."""
    x, y = graph.x, graph.y
    here = m[x, y]
    row = (m[x - 1, y] + m[x + 1, y]) * hl.f32(0.5)
    column = (m[x, y - 1] + m[x, y + 1]) * hl.f32(0.5)
    cross = (row + column) * hl.f32(0.5)
    corners = (m[x - 1, y - 1] + m[x + 1, y - 1] + (m[x - 1, y + 1] + m[x + 1, y + 1])) * hl.f32(0.25)
    red = graph.by_site(here, row, column, corners)
    green = graph.by_site(cross, here, here, cross)
    blue = graph.by_site(corners, column, row, here)
    return graph.rgb("bilinear", (red, green, blue), stored=True, by_site=True)
