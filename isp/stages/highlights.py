"""Highlights: what to do where a colour has saturated, before demosaic spreads it.

After white balance the colours saturate at different levels (context.clip, times the lens-shading gain of the place),
so that a white sky turns magenta: green stops first while red and blue go on.

- `clip`: every colour is cut at the lowest of the three levels, which makes every saturated white neutral.
- `reconstruct`: a saturated site takes at least the mean of the two *other* colours around it (opposed colours:
  highlights are mostly reflections of the light source, so near neutral after white balance). Of the 3x3 sites around
  it the brighter count more; where one of the two is saturated itself it counts as at least the other. As both saturate
  the estimate goes to the highest of the three levels for every colour: neutral white, above 1. At a steep rim, as a
  lamp's at night, neighbours say nothing of each other: there all colours beside a saturated site are cut at its
  level, as `clip` does everywhere. `knee` is where a value starts to count as saturated; over the next 9 %, or up
  to the level, all this is blended in, so there is no visible border. Sensors saturate below the white level that
  their files state, each colour at its own: `auto` measures it where the picture shows it (`isp.stages.clipping`) and
  starts 8 % below; elsewhere 0.87 meets what is known of sensors (a GoPro HERO6: G at 0.95, B at 0.92).

On a CFA of k x k blocks of one colour "around" means the blocks around: k sites away.

Sites farther than the reach from any above the knee come out exactly as they went in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import COLORED, Context, Plain, Stage, as_array
from isp.stages.clipping import measured_levels
from isp.stages.mesh import mesh_arrays, mesh_value

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_START = 0.92
"""Knee over the level at which all of the estimate counts."""
_UNKNOWN = 0.87
"""Knee where the level could not be measured: saturated from 0.946."""
_STEEP = (0.9, 0.7)
"""A saturated site's neighbour of the same colour below these shares of the level: a rim begins, and is one."""


class Highlights(Stage):
    """Make saturated areas neutral: clip all colours alike, or rebuild the saturated ones from the others."""

    name = "highlights"
    takes = ("mosaic",)
    cfas = COLORED
    parameters = (
        Param(
            "method", "reconstruct", "clip (to the lowest saturation level); reconstruct (from unsaturated colours)",
            choices=("clip", "reconstruct"), structural=True, tune="search",
        ),
        Param(
            "knee", "auto",
            "Share of the stated level from which a value counts as saturated, one or for R, G, B; auto: 8 % below the "
            "level measured from the picture, 0.87 where it shows none",
            lower=0.4, upper=0.999, shapes=((), (3,)), sources=("auto",), tune="search",
        ),
    )

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        return bool(values["method"] == "reconstruct" and values["knee"] == "auto")

    def source(self, name: str, word: str, context: Context) -> Plain:
        return tuple(_UNKNOWN if level is None else _START * level for level in measured_levels(context))

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {
            "method": values["method"], "shaded": int(context.shading is not None), "block": context.cfa.block
        }

    def reach(self, structure: Mapping[str, str | int]) -> int:
        # the sites around, and theirs of the same colour
        return 3 * int(structure["block"]) if structure["method"] == "reconstruct" else 0

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        r, g, b = context.clip
        level = own = np.array([r, g, g, b])
        arrays = {}
        if values["method"] == "reconstruct":
            knee = np.broadcast_to(as_array(values["knee"]), 3)[[0, 1, 1, 2]]
            # a value at its level is saturated, however late the knee
            full = np.minimum(knee / _START, 1.0)
            arrays["knee"] = knee / full
            own = level * full
        if context.shading is None:
            return arrays | {"level": own, "lowest": level.min(keepdims=True), "highest": level.max(keepdims=True)}
        local = context.shading.gains * level

        def mesh(name: str, gains: NDArray[Any]) -> dict[str, NDArray[Any]]:
            found = mesh_arrays(np.broadcast_to(gains, local.shape), context.shading, context)  # type: ignore[arg-type]
            return {name: found["mesh"], "down": found["down"], "across": found["across"]}

        if values["method"] == "clip":
            # one level for all sites: below each of them, as the lowest at each point of the mesh
            return arrays | mesh("lowest", local.min(axis=2, keepdims=True))
        return arrays | mesh("level", context.shading.gains * own) | mesh("highest", local.max(axis=2, keepdims=True))

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        pick = min if values["method"] == "clip" else max
        return context.but(clip=(pick(context.clip),) * 3)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        from isp.engine.graph import tree_sum

        x, y = graph.x, graph.y
        here = image[x, y]

        def level(name: str) -> Expr:
            if structure["shaded"]:
                return mesh_value(graph, arrays, name)
            values = arrays[name]
            return graph.by_site(*(values[i] for i in range(4))) if name == "level" else values[0]

        if structure["method"] == "clip":
            return graph.plane("clipped", hl.min(here, level("lowest")))
        k = graph.block
        knee = arrays["knee"]
        zero, one, tiny = hl.f32(0), hl.f32(1), hl.f32(1e-9)
        white, own = level("highest"), level("level")
        start = graph.by_site(*(knee[i] for i in range(4)))
        share = hl.clamp((here / own - start) / (one - start), zero, one)
        saturated = graph.plane("saturated", share, stored=True, by_site=True)
        value = graph.plane("value", hl.max(here, zero))
        square = graph.plane("square", value[x, y] * value[x, y])
        free = graph.plane("free", (one - saturated[x, y]) * value[x, y])

        def around(name: str, plane: Image) -> tuple[Expr, Expr]:
            """Sums over the two other colours around a site."""
            sides = [plane[x - k, y] + plane[x + k, y], plane[x, y - k] + plane[x, y + k]]
            corners = tree_sum([plane[x + i, y + j] for j in (-k, k) for i in (-k, k)])
            cross = sides[0] + sides[1]
            # planes of their own, though never stored: the derivative stays short
            first = graph.plane(name, graph.by_site(cross, sides[0], sides[0], cross), by_site=True)
            second = graph.plane(f"{name}_too", graph.by_site(corners, sides[1], sides[1], corners), by_site=True)
            return first[x, y], second[x, y]

        total = [hl.max(t, tiny) for t in around("total", value)]
        mean = [s / t for s, t in zip(around("mean", square), total, strict=True)]
        known = [f / t for f, t in zip(around("known", free), total, strict=True)]
        opposed = [mean[i] + (one - known[i]) * hl.max(mean[1 - i] - mean[i], zero) for i in (0, 1)]
        # as the last of them saturates, the estimate moves to white just as that one's own does
        estimate = white + ((opposed[0] + opposed[1]) * hl.f32(0.5) - white) * hl.max(known[0], known[1])
        rebuilt = here + saturated[x, y] * hl.max(estimate - here, zero)
        near = [value[x + i, y + j] for i, j in ((-2 * k, 0), (2 * k, 0), (0, -2 * k), (0, 2 * k))]
        dimmest = hl.min(hl.min(near[0], near[1]), hl.min(near[2], near[3]))
        begins, full = _STEEP
        steep = hl.clamp((hl.f32(begins) - dimmest / own) * hl.f32(1 / (begins - full)), zero, one)
        roof = graph.plane("roof", white + saturated[x, y] * steep * (own - white), stored=True, by_site=True)
        lowest = roof[x, y]
        for i, j in ((i, j) for j in (-k, 0, k) for i in (-k, 0, k) if (i, j) != (0, 0)):
            lowest = hl.min(lowest, roof[x + i, y + j])
        touched = lowest < white
        result = hl.select(touched, hl.min(rebuilt, lowest), hl.select(saturated[x, y] > zero, rebuilt, here))
        return graph.plane("rebuilt", result, by_site=True)
