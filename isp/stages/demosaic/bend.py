"""Values bent for comparing colours, and straightened again.

Methods that compare colours (differences, fitted gains) assume that detail is as large in one colour as in another. In
linear light it is proportional to each colour's level instead; behind a root the two come closer. With bend b,

    u = v sqrt((1 + b) / (1 + b |v|)),   v = u (b |u| + sqrt(b^2 u^2 + 4 (1 + b))) / (2 (1 + b)),

odd and smooth, 0 at 0 and 1 at 1: straight below 1 / b, where read noise reigns, a square root above it. For b = 0
values stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.parameters import Param
from isp.stage import Context

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

BEND = 30.0
"""For a camera's light."""


def bend_param(what: str) -> Param:
    """The parameter `bend` of a stage; `what` is compared in bent values."""
    return Param(
        "bend", "from_file",
        f"{what} in bent values: straight below 1 / bend, a square root above; 0 leaves them as they are; from_file is "
        f"{BEND:g} where the frame is known to be a camera's light (it has a noise model or a white point) and 0 for a "
        "bare mosaic, whose values may be encoded",
        lower=0, upper=1000, sources=("from_file",), tune="gradient",
    )


def bend_of(context: Context) -> float:
    """What `from_file` stands for."""
    return BEND if context.noise is not None or context.neutral is not None else 0.0


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
