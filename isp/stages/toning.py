"""Toning: a tint for the shadows and one for the highlights, as in toned prints and graded films.

In Oklab (see `isp.stages.oklab`), at constant lightness L,

    (a, b)' = (a, b) + strength w(L)

w is the shadows' colour at L = 0.35 and the highlights' at L = 0.8, passes smoothly from one to the other, and goes to
0 in black and in white: ink stays black and paper white. On a grey picture the two colours are met exactly, on any
other they are added. (Toning by chemistry does the same to a print: silver takes colour where there is some, and the
highlights of a partial toning turn first.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages import oklab
from isp.stages.oklab import moved, root, row
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

SHADOWS, HIGHLIGHTS = 0.35, 0.8
"""Oklab lightness at which each colour is met: display light of 0.043 and 0.51."""
_ENTRIES = 256
_PAIR = ((2,),)


class Toning(Stage):
    """Tint shadows and highlights, each in a colour of its own."""

    name = "toning"
    takes = ("display",)
    parameters = (
        Param("hue", (60.0, 60.0), "Oklab hue of the tint in shadows and in highlights", unit="deg", lower=-360,
              upper=360, shapes=_PAIR, tune="gradient"),
        Param("chroma", (0.0, 0.0), "Oklab chroma of the tint in shadows and in highlights; sepia has about 0.05",
              lower=0, upper=0.2, shapes=_PAIR, tune="gradient"),
        Param("strength", 1.0, "Share of the tint; 0 changes nothing", lower=0, upper=1, tune="gradient"),
    )

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return values["strength"] == 0 or not any(values["chroma"])

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        angle, size = np.radians(as_array(values["hue"])), as_array(values["chroma"]) * as_array(values["strength"])
        tints = np.stack([size * np.cos(angle), size * np.sin(angle)], axis=1)
        return {**oklab.arrays(), "table": shares(np.arange(_ENTRIES + 1) / _ENTRIES) @ tints}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, table = graph.x, graph.y, arrays["table"]
        rgb = [image[x, y, c] for c in range(3)]
        roots = graph.rgb("roots", [root(graph, row(arrays["lms"], i, rgb)) for i in range(3)], stored=True)
        cones = [roots[x, y, c] for c in range(3)]
        place = hl.clamp(row(arrays["lab"], 0, cones), hl.f32(0), hl.f32(1)) * hl.f32(_ENTRIES)
        low = hl.clamp(hl.i32(place), 0, _ENTRIES - 1)
        part = place - hl.f32(low)
        a, b = (table[low, k] + (table[low + 1, k] - table[low, k]) * part for k in range(2))
        change = moved(cones, a, b, arrays)
        return graph.rgb("toned", [v + change[i] for i, v in enumerate(rgb)])


def shares(lightness: Float64) -> Float64:
    """(n, 2): share of the shadows' and of the highlights' colour at Oklab lightness (n,) 0..1."""
    def step(t: Float64) -> Float64:
        t = np.clip(t, 0.0, 1.0)
        return np.asarray(t * t * (3.0 - 2.0 * t))

    along = step((lightness - SHADOWS) / (HIGHLIGHTS - SHADOWS))
    ends = step(lightness / SHADOWS) * step((1.0 - lightness) / (1.0 - HIGHLIGHTS))
    return np.stack([ends * (1.0 - along), ends * along], axis=1)
