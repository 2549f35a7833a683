"""Lateral chromatic aberration: red and blue are moved onto green, in the mosaic, before colours are interpolated.

A lens draws each colour at its own size. What green shows at x, red shows at x + d(x), along the radius from the
optical centre (the radial model of D. C. Brown, "Close-range camera calibration", Photogrammetric Engineering 37 (1971)
855, for each colour relative to green):

    d = strength (c0 + c1 r^2 + c2 r^4 + c3 r^6) (x - centre),     r = 1 at the farthest corner of the frame

The new value of a red site interpolates between red sites that lie 2 px apart, which alone would blur red by more than
the shift is worth. But red less green changes slowly where both are registered. With D the difference of a red site s
from the green that belongs to it, which lies at s - d,

    R'(x) = G(x) + sum_s w_s (R(s) - G(s - d)),     w bilinear between the four red sites around x + d

so green supplies the detail. All s - d lie within 2 px of x. G is green interpolated along the calmer of row and
column (sums of absolute differences over 3 x 3). Where d is 0, R' is R. All this happens in bent values
(`isp.stages.demosaic.bend`), in which the detail of dark and bright colours is of one size: in linear light a white
edge would tint the black beside it.

Doing this before demosaic matters: with colours out of register its comparisons of colours fail, and what it makes of
edges cannot be moved back. `docs/optics.md` has figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.rectilinear import RectilinearWarp, polynomial, relative_radial
from isp.stage import Context, Plain, Stage, as_array
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

ENTRIES = 257
"""Points of the table of d over r^2: linear between them is within 1e-3 px of the polynomial for any lens."""
_CALM = 1e-3
"""Difference of greens, in bent values, below which a direction counts as calm."""
_SHAPES: tuple[tuple[int | None, ...], ...] = ((0,), (1,), (2,), (3,), (4,), (None, 2))
_DOC = "c0..c3 of where {} lies relative to green; or pairs of r and shift along it (r = 1 in the corner)"


class ChromaticAberration(Stage):
    """Move red and blue onto green, or, with a negative strength, away from it."""

    name = "chromatic_aberration"
    takes = ("mosaic",)
    parameters = (
        Param("red", "from_file", _DOC.format("red"), lower=-2, upper=2, shapes=_SHAPES, sources=("from_file",),
              tune="search"),
        Param("blue", "from_file", _DOC.format("blue"), lower=-2, upper=2, shapes=_SHAPES, sources=("from_file",),
              tune="search"),
        Param("centre", "from_file", "Optical centre x, y: 0 first pixel, 1 last", lower=-1, upper=2, shapes=((2,),),
              sources=("from_file",)),
        Param("strength", 1.0, "Share of the correction that is applied; below 0 adds the aberration", lower=-4,
              upper=4, tune="gradient"),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        warp = context.info.warp
        if name == "centre":
            return (0.5, 0.5) if warp is None else warp.centre
        if warp is None or len(warp.planes) < 3:
            return ()
        return tuple(relative_radial(warp, 0 if name == "red" else 2).tolist())

    def check(self, values: Mapping[str, Any]) -> None:
        for name in ("red", "blue"):
            table = values.get(name, ())
            if isinstance(table, tuple) and table and isinstance(table[0], tuple):
                radii = [row[0] for row in table]
                if radii[0] < 0 or any(a >= b for a, b in pairwise(radii)):
                    raise ValueError(f"{name}: the radii {radii} of a table must rise from 0 or more")

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return not values["strength"] or not any(np.any(as_array(values[name])) for name in ("red", "blue"))

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        _, _, corner = RectilinearWarp(((1.0, 0, 0, 0, 0, 0),), values["centre"]).frame(context.shape)
        radius = np.sqrt(np.linspace(0, 1, ENTRIES))
        largest = max(float(np.abs(table * radius).max()) for table in _tables(values)) * corner
        return {"largest": bucket(largest)}

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return int(structure["largest"]) + 4

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        cx, cy, corner = RectilinearWarp(((1.0, 0, 0, 0, 0, 0),), values["centre"]).frame(context.shape)
        px, py = context.phase
        return {"shift": np.stack(_tables(values)), "place": np.array([cx + px, cy + py, 1 / corner])}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        warp = context.info.warp
        if warp is None or len(warp.planes) < 3 or values["strength"] <= 0 or self.identity(values, context):
            return context
        # what is left for all colours to do is green's part
        return context.but(info=replace(context.info, warp=RectilinearWarp((warp.planes[1],), warp.centre)))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        from isp.engine.graph import tree_sum
        from isp.stages.demosaic.bend import BEND, bent, straight

        x, y, given = graph.x, graph.y, image
        image = bent(graph, image, hl.f32(BEND))
        green = _green(graph, image)
        place = arrays["place"]
        u, v = hl.f32(graph.column) - place[0], hl.f32(graph.row) - place[1]
        at = hl.min((u * u + v * v) * place[2] * place[2], hl.f32(1)) * hl.f32(ENTRIES - 1)
        entry = hl.clamp(hl.i32(hl.floor(at)), 0, ENTRIES - 2)
        # red lies on even rows, blue on odd ones
        row = y % 2
        low, high = arrays["shift"][row, entry], arrays["shift"][row, entry + 1]
        factor = low + (high - low) * (at - hl.f32(entry))

        def along(offset: Expr) -> tuple[Expr, Expr, list[Expr]]:
            """Nearer red site [px], the share of the next, and green's weights at -2..2."""
            limit = int(structure["largest"])
            pairs = hl.clamp(offset * factor, hl.f32(-limit), hl.f32(limit)) * hl.f32(0.5)
            whole = hl.floor(pairs)
            f = pairs - whole

            def share(k: int) -> Expr:
                def tent(t: Expr) -> Expr:
                    return hl.max(hl.f32(1) - hl.abs(t), hl.f32(0))

                return (hl.f32(1) - f) * tent(f * 2.0 + hl.f32(k)) + f * tent(f * 2.0 + hl.f32(k - 2))

            return hl.i32(whole) * 2, f, [share(k) for k in range(-2, 3)]

        nx, fx, wx = along(u)
        ny, fy, wy = along(v)
        sites = [image[x + nx + i, y + ny + j] for j in (0, 2) for i in (0, 2)]
        upper, lower = (sites[k] + (sites[k + 1] - sites[k]) * fx for k in (0, 2))
        moved = upper + (lower - upper) * fy
        rows = [tree_sum([green[x + i, y + j] * wx[i + 2] for i in range(-2, 3)]) * wy[j + 2] for j in range(-2, 3)]
        registered = graph.plane("bent_registered", moved + (green[x, y] - tree_sum(rows)))
        value, here = straight(graph, registered, hl.f32(BEND))[x, y], given[x, y]
        return graph.plane("registered", graph.site_color(value, here, value), by_site=True)


def _green(graph: Graph, image: Image) -> Image:
    """Green at every site, from greens alone: red and blue are not in register yet."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y = graph.x, graph.y
    left, right, top, bottom = image[x - 1, y], image[x + 1, y], image[x, y - 1], image[x, y + 1]
    across = graph.plane("across", hl.abs(left - right), stored=True)
    down = graph.plane("down", hl.abs(top - bottom), stored=True)
    # the sites of 3 x 3 that lie between greens, as this one does
    near = [(0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)]
    rough_x, rough_y = (
        tree_sum([plane[x + i, y + j] for i, j in near]) + hl.f32(_CALM) for plane in (across, down)
    )
    share = rough_y * rough_y / (rough_x * rough_x + rough_y * rough_y)
    between = (top + bottom) * hl.f32(0.5)
    between += ((left + right) * hl.f32(0.5) - between) * share
    here = image[x, y]
    return graph.plane("green", graph.site_color(between, here, between), stored=True, by_site=True)


def bucket(pixels: float) -> int:
    """The smallest of 2, 4, 8, ... that holds a displacement [px]: how far a compiled program reads."""
    return max(2, 1 << int(np.ceil(np.log2(max(pixels, 1.0)))))


def _tables(values: Mapping[str, Plain]) -> list[Float64]:
    """For red and blue d / (x - centre) over r^2 = 0..1, `ENTRIES` points."""
    square = np.linspace(0, 1, ENTRIES)
    radius = np.sqrt(square)
    tables = []
    for name in ("red", "blue"):
        given = as_array(values[name])
        if given.ndim == 2:
            # in the middle, where nothing moves, shift / r is held
            outer = np.maximum(radius, radius[1])
            table = np.interp(outer, given[:, 0], given[:, 1]) / outer
        else:
            table = polynomial(given, square)
        tables.append(table * as_array(values["strength"]))
    return tables
