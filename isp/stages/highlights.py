"""Highlights: what to do where a colour has saturated, before demosaic spreads it.

After white balance the colours saturate at different levels (context.clip, times the lens-shading gain of the place),
so that a white sky turns magenta: green stops first while red and blue go on.

- `clip`: every colour is cut at the lowest of the three levels, which makes every saturated white neutral.
- `reconstruct`: a saturated site takes at least the level that the *other* colours, where they are not saturated, have
  around it (opposed colours: highlights are mostly reflections of the light source, so near neutral after white
  balance). Of the 3x3 sites around it the brighter and less saturated ones count more; a saturated one counts as
  what it is at least, where that raises the estimate. Where all are saturated the estimate goes to the highest of the
  three levels for every colour: neutral white, above 1. `knee` is where a value starts to count as saturated; over
  the next 4 % (or up to the level) the estimate is blended in, so there is no visible border. The default is low
  because sensors saturate below the white level that their files state, each colour at its own level (a GoPro HERO6:
  G at 0.95, B at 0.92).

Sites below the knee come out exactly as they went in.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage
from isp.stages.mesh import mesh_arrays, mesh_value

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_BLEND = 0.04
"""Share of the saturation level over which the estimate is blended in."""


class Highlights(Stage):
    """Make saturated areas neutral: clip all colours alike, or rebuild the saturated ones from the others."""

    name = "highlights"
    takes = ("mosaic",)
    parameters = (
        Param(
            "method", "reconstruct", "clip (to the lowest saturation level); reconstruct (from unsaturated colours)",
            choices=("clip", "reconstruct"), structural=True, tune="search",
        ),
        Param(
            "knee", 0.87, "Share of the saturation level from which a value counts as saturated",
            lower=0.5, upper=0.999, tune="search",
        ),
    )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"method": values["method"], "shaded": int(context.shading is not None)}

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return 1 if structure["method"] == "reconstruct" else 0

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        r, g, b = context.clip
        level = np.array([r, g, g, b])
        arrays = {}
        if values["method"] == "reconstruct":
            knee = float(values["knee"])
            # a value at its level is saturated, however late the knee
            arrays["knee"] = np.array([knee, 1 / min(_BLEND, 1 - knee)])
        if context.shading is None:
            return arrays | {"level": level, "lowest": level.min(keepdims=True), "highest": level.max(keepdims=True)}
        local = context.shading.gains * level

        def mesh(name: str, gains: NDArray[Any]) -> dict[str, NDArray[Any]]:
            found = mesh_arrays(np.broadcast_to(gains, local.shape), context.shading, context)  # type: ignore[arg-type]
            return {name: found["mesh"], "down": found["down"], "across": found["across"]}

        if values["method"] == "clip":
            # one level for all sites: below each of them, as the lowest at each point of the mesh
            return arrays | mesh("lowest", local.min(axis=2, keepdims=True))
        return arrays | mesh("level", local) | mesh("highest", local.max(axis=2, keepdims=True))

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        pick = min if values["method"] == "clip" else max
        return context.but(clip=(pick(context.clip),) * 3)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        here = image[x, y]

        def level(name: str) -> Expr:
            if structure["shaded"]:
                return mesh_value(graph, arrays, name)
            values = arrays[name]
            return graph.by_site(*(values[i] for i in range(4))) if name == "level" else values[0]

        if structure["method"] == "clip":
            return graph.plane("clipped", hl.min(here, level("lowest")))
        knee = arrays["knee"]
        share = (here / level("level") - knee[0]) * knee[1]
        saturated = graph.plane("saturated", hl.clamp(share, hl.f32(0), hl.f32(1)), stored=True, by_site=True)
        value = graph.plane("value", hl.max(here, hl.f32(0)))
        free = graph.plane("free", hl.f32(1) - saturated[x, y])
        weight = graph.plane("weight", free[x, y] * value[x, y], stored=True)

        def opposed(name: str, plane: Callable[[Expr, Expr], Expr], join: Callable[[Expr, Expr], Expr]) -> Expr:
            def at(i: int, j: int) -> Expr:
                return plane(x + i, y + j)

            sides = join(join(at(-1, 0), at(1, 0)), join(at(0, -1), at(0, 1)))
            corners = join(join(at(-1, -1), at(1, -1)), join(at(-1, 1), at(1, 1)))
            # at a green site the corners are green too
            both = graph.by_site(join(sides, corners), sides, sides, join(sides, corners))
            # a plane of its own, though never stored: the derivative stays short
            return graph.plane(name, both, by_site=True)[x, y]

        white = level("highest")
        tiny = hl.f32(1e-9)
        light = opposed("light", lambda i, j: weight[i, j] * image[i, j], operator.add)
        estimate = light / hl.max(opposed("weights", lambda i, j: weight[i, j], operator.add), tiny)
        # as the last of them saturates, the estimate moves to white just as that one's own does
        share = opposed("freest", lambda i, j: free[i, j], hl.max)
        estimate = white + (estimate - white) * share
        # a saturated neighbour says "at least"
        least = opposed("least", lambda i, j: value[i, j] * value[i, j], operator.add)
        least = least / hl.max(opposed("values", lambda i, j: value[i, j], operator.add), tiny)
        estimate = hl.max(estimate, least)
        rebuilt = here + saturated[x, y] * hl.max(estimate - here, hl.f32(0))
        return graph.plane("rebuilt", hl.select(saturated[x, y] > hl.f32(0), rebuilt, here), by_site=True)
