"""Defringe: purple and green seams along bright, high-contrast edges lose their colour.

They come from longitudinal chromatic aberration (red and blue lie out of focus where green is sharp, or the other way
round) and from blooming; S. B. Kang, "Automatic removal of chromatic aberration from a single image", CVPR 2007. As in
S.-W. Chung, B.-K. Kim, W.-J. Song, "Detecting and eliminating chromatic aberration in digital images", ICIP 2009, green
is trusted, and the colour differences across an edge may not go beyond what they are at its two ends. With the hue
as in HSV's hexagon, h = atan2(b, a) of

    a = R - (G + B) / 2,   b = sqrt(3) / 2 (G - B),   Y = (R + 2 G + B) / 4

and for each band the share s = (a cos h0 + b sin h0) / Y of colour towards its middle h0, held at 0 or more,

    s_end  = second smallest over the four lines through the pixel of the larger s at the line's two ends
    factor = 1 - amount w_hue w_edge (1 - min(1, s_end / s))
    R' = G + factor (R - G),   B' = G + factor (B - G)

An end of a line is the smaller s of the two points `radius` and half that away. w_hue is 1 inside the band and falls
to 0 over `_SOFT` degrees beyond; w_edge rises from 0 to 1 while the range of Y within `radius` goes from half of `edge`
to `edge` (both by 3 t^2 - 2 t^3). A purple thing has purple at one end of all lines through its rim (of three at a
corner) and keeps it; only what is narrower than `radius` and lies at such an edge is taken for a fringe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_SOFT = 20.0
"""Degrees over which a band's weight ends."""
_DARK = 1e-3
"""Added to luma (white 1) in ratios: below, colour is noise."""
_TINY = 1e-9


class Defringe(Stage):
    """Take the colour out of purple and green fringes at bright edges."""

    name = "defringe"
    takes = ("camera", "scene")
    parameters = (
        Param("purple", 0.0, "Share of purple fringes that is removed; 0 is off", lower=0, upper=1, tune="gradient"),
        Param("green", 0.0, "The same for green fringes", lower=0, upper=1, tune="gradient"),
        Param("purple_hues", (240.0, 325.0), "First and last hue of purple fringes (red 0, green 120, blue 240)",
              unit="deg", lower=-360, upper=720, shapes=((2,),), tune="search"),
        Param("green_hues", (90.0, 165.0), "The same for green ones", unit="deg", lower=-360, upper=720,
              shapes=((2,),), tune="search"),
        Param("edge", 0.4, "Range of luma within `radius` from which on an edge has fringes (white 1)", lower=0.02,
              upper=10, tune="gradient"),
        Param("radius", 5, "Widest fringe", unit="px", lower=2, upper=16, integer=True, structural=True,
              tune="search"),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        for name in ("purple_hues", "green_hues"):
            hues = values.get(name)
            if isinstance(hues, tuple) and not 0 < hues[1] - hues[0] <= 180 - _SOFT:
                raise ValueError(
                    f"{name} [{hues[0]:g}, {hues[1]:g}] must rise, by at most {180 - _SOFT:g} deg from first to last"
                )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"radius": int(values["radius"])}

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["purple"] == 0 and values["green"] == 0)

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return int(structure["radius"])

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        bands = []
        for name in ("purple", "green"):
            first, last = np.radians(as_array(values[f"{name}_hues"]))
            middle, half = (first + last) / 2, (last - first) / 2
            outer = np.cos(half + np.radians(_SOFT))
            bands.append([values[name], np.cos(middle), np.sin(middle), outer, 1 / (np.cos(half) - outer)])
        return {"bands": np.array(bands, np.float64), "edge": 2 / np.atleast_1d(as_array(values["edge"]))}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, bands, radius = graph.x, graph.y, arrays["bands"], int(structure["radius"])
        zero, one, half = hl.f32(0), hl.f32(1), hl.f32(0.5)
        r, g, b = (image[x, y, c] for c in range(3))
        light = graph.plane("luma", (r + b) * hl.f32(0.25) + g * half, stored=True)
        plane = [graph.plane("a", r - (g + b) * half)[x, y], graph.plane("b", (g - b) * hl.f32(np.sqrt(0.75)))[x, y]]
        towards = [hl.max(plane[0] * bands[k, 1] + plane[1] * bands[k, 2], zero) for k in range(2)]
        scale = one / (hl.max(light[x, y], zero) + hl.f32(_DARK))
        share = graph.stack("share", [t * scale for t in towards], stored=True)

        range_ = _extreme(graph, "high", light, radius, hl.max) - _extreme(graph, "low", light, radius, hl.min)
        at_edge = graph.plane("at_edge", _smooth(range_ * arrays["edge"][0] - one), stored=True)[x, y]
        length = hl.sqrt(plane[0] * plane[0] + plane[1] * plane[1] + hl.f32(_TINY**2))

        less = []
        for k in range(2):
            ends = [hl.max(_end(share, graph, k, i, j, radius), _end(share, graph, k, -i, -j, radius))
                    for i, j in ((1, 0), (0, 1), (1, 1), (1, -1))]
            allowed = graph.plane(f"allowed{k}", _second(ends))[x, y]
            in_band = _smooth((towards[k] / length - bands[k, 3]) * bands[k, 4])
            over = one - hl.min(allowed / hl.max(share[x, y, k], hl.f32(_TINY)), one)
            less.append(bands[k, 0] * in_band * over)
        factor = graph.plane("factor", one - at_edge * hl.min(less[0] + less[1], one))
        return graph.rgb("clean", lambda c: g + factor[x, y] * (image[x, y, c] - g))


def _smooth(t: Expr) -> Expr:
    import halide as hl

    t = hl.clamp(t, hl.f32(0), hl.f32(1))
    return t * t * (hl.f32(3) - hl.f32(2) * t)


def _extreme(graph: Graph, name: str, light: Image, radius: int, pick: Callable[[Expr, Expr], Expr]) -> Expr:
    """The largest or smallest value within a square."""
    x, y = graph.x, graph.y
    around = range(-radius, radius + 1)
    rows = graph.plane(f"{name}_row", reduce(pick, [light[x + i, y] for i in around]), stored=True)
    return graph.plane(name, reduce(pick, [rows[x, y + j] for j in around]))[x, y]


def _second(four: list[Expr]) -> Expr:
    """The second smallest of four."""
    import halide as hl

    a, b, c, d = four
    return hl.min(hl.max(hl.min(a, b), hl.min(c, d)), hl.min(hl.max(a, b), hl.max(c, d)))


def _end(share: Image, graph: Graph, k: int, i: int, j: int, radius: int) -> Expr:
    """The share at one end of a line in direction (i, j): the smaller of that at the radius and half-way there."""
    import halide as hl

    # diagonal lines are as long as upright ones
    far = round(radius / np.hypot(i, j))
    near = -(-far // 2)
    return hl.min(*(share[graph.x + i * n, graph.y + j * n, k] for n in (far, near)))
