"""Values bent for comparing colours, and straightened again.

Methods that compare colours (differences, fitted gains) assume that detail is as large in one colour as in another. In
linear light it is proportional to each colour's level instead; behind a root the two come closer. With bend b,

    u = v sqrt((1 + b) / (1 + b |v|)),   v = u (b |u| + sqrt(b^2 u^2 + 4 (1 + b))) / (2 (1 + b)),

odd and smooth, 0 at 0 and 1 at 1: straight below 1 / b, where read noise reigns, a square root above it. For b = 0
values stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

BEND = 30.0
"""For a camera's light."""


def bent(graph: Graph, image: Image, bend: Expr) -> Image:
    """The mosaic in bent values."""
    import halide as hl

    value = image[graph.x, graph.y]
    root = hl.sqrt((hl.f32(1) + bend) / (hl.f32(1) + bend * hl.abs(value)))
    return graph.plane("bent", value * root, stored=True)


def straight(graph: Graph, image: Image, bend: Expr) -> Image:
    """A mosaic or picture in bent values as it was meant."""
    import halide as hl

    def linear(value: Expr) -> Expr:
        size = bend * hl.abs(value)
        top = hl.f32(1) + bend
        return value * (size + hl.sqrt(size * size + hl.f32(4) * top)) * (hl.f32(0.5) / top)

    if image.channels == 1:
        return graph.plane("straight", linear(image[graph.x, graph.y]))
    return graph.rgb("straight", lambda c: linear(image[graph.x, graph.y, c]))
