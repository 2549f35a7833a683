"""Highlights: what to do where a colour has saturated, before demosaic spreads it.

After white balance the colours saturate at different levels (context.clip, times the lens-shading gain of the place),
so that a white sky turns magenta: green stops first while red and blue go on.

- `clip`: every colour is cut at the lowest of the three levels, which makes every saturated white neutral.
- `reconstruct`: a saturated site takes at least the level that the *other* colours, where they are not saturated, have
  around it (opposed colours: highlights are mostly reflections of the light source, so near neutral after white
  balance). Of the 3x3 sites around it the brighter and less saturated ones count more; a saturated one counts as
  what it is at least, where that raises the estimate. Where all are saturated the estimate goes to the highest of the
  three levels for every colour: neutral white, above 1. `knee` is where a value starts to count as saturated; over the
  next 4 % the estimate is blended in, so there is no visible border. The default is low because sensors saturate below
  the white level that their files state, each colour at its own level (a GoPro HERO6: G at 0.95, B at 0.92).

Sites below the knee come out exactly as they went in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.mesh import mesh_arrays, mesh_value

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_BLEND = 0.04
"""Share of the saturation level over which the estimate is blended in."""
_FAINT = 1e-3
"""Weight of the all-saturated estimate beside that of one unsaturated site at the white level."""


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
        arrays = {} if values["method"] == "clip" else {"knee": np.atleast_1d(as_array(values["knee"]))}
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
        knee = arrays["knee"][0]
        share = (here / level("level") - knee) * hl.f32(1 / _BLEND)
        saturated = graph.plane("saturated", hl.clamp(share, hl.f32(0), hl.f32(1)), stored=True, by_site=True)
        weight = graph.plane("weight", (hl.f32(1) - saturated[x, y]) * hl.max(here, hl.f32(0)), stored=True)
        bright = graph.plane("bright", hl.max(here, hl.f32(0)))

        def opposed(weight: Image, power: int) -> Expr:
            def term(i: int, j: int) -> Expr:
                return weight[x + i, y + j] * (image[x + i, y + j] if power else hl.f32(1))

            sides = (term(-1, 0) + term(1, 0)) + (term(0, -1) + term(0, 1))
            corners = (term(-1, -1) + term(1, -1)) + (term(-1, 1) + term(1, 1))
            # at a green site the corners are green too
            return sides + graph.by_site(corners, hl.f32(0), hl.f32(0), corners)

        white = level("highest")
        faint = hl.f32(_FAINT) * white
        estimate = (opposed(weight, 1) + faint * white) / (opposed(weight, 0) + hl.max(faint, hl.f32(1e-9)))
        # a saturated neighbour says "at least"
        least = opposed(bright, 1) / hl.max(opposed(bright, 0), hl.f32(1e-9))
        estimate = hl.max(estimate, least)
        rebuilt = here + saturated[x, y] * hl.max(estimate - here, hl.f32(0))
        return graph.plane(
            "rebuilt", hl.select(saturated[x, y] > hl.f32(0), rebuilt, here), by_site=True
        )
