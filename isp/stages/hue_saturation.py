"""Hue, saturation and lightness of eight bands of colour.

In Oklab (see `isp.stages.oklab`), with the hue h = atan2(b, a) and the chroma C = hypot(a, b),

    h' = h + shift(h),   C' = C saturation(h),   L' = L (1 + (lightness(h) - 1) C^2 / (C^2 + 0.05^2))

shift, saturation and lightness meet the numbers given at the bands' hues (`BANDS`) and pass smoothly between two
neighbours, by the weights w and 1 - w, w = cos^2: at every hue they add up to 1. Equal numbers in all bands act alike
on all hues. Greys have no hue, so nothing happens to them: a pixel below a chroma of 0.001 is exactly what it was, and
the change is full from 0.02 on.

The three functions are tabulated by the host over the angle on a square (|a| + |b| = 1), which needs no arc tangent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages import oklab
from isp.stages.oklab import cubed, root, row
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

BANDS = {"red": 25.0, "orange": 60.0, "yellow": 105.0, "green": 142.0, "cyan": 195.0, "blue": 260.0, "purple": 300.0,
         "magenta": 342.0}
"""Oklab hue of each band [degrees]. sRGB's red is at 29, yellow 110, green 142, cyan 195, blue 264, magenta 328; skin
lies between 35 and 65."""

_ENTRIES = 1024
NEUTRAL = (0.001, 0.02)
"""Chroma up to which nothing changes, and from which on everything does."""
PALE = 0.05
"""Chroma at which lightness changes by half."""
_COUNT = (len(BANDS),)


class HueSaturation(Stage):
    """Turn the hue, saturation and lightness of single bands of colour."""

    name = "hue_saturation"
    takes = ("scene", "display")
    parameters = (
        Param("hue", (0.0,) * len(BANDS), f"Turn of each band's hue: {', '.join(BANDS)}", unit="deg", lower=-45,
              upper=45, shapes=(_COUNT,), tune="gradient"),
        Param("saturation", (1.0,) * len(BANDS), "Factor on each band's chroma; 1 changes nothing", lower=0, upper=3,
              shapes=(_COUNT,), tune="gradient"),
        Param("lightness", (1.0,) * len(BANDS), "Factor on each band's lightness; 1 changes nothing", lower=0.5,
              upper=1.5, shapes=(_COUNT,), tune="gradient"),
    )

    def check(self, values: Mapping[str, Any]) -> None:
        turns = values.get("hue", ())
        if not isinstance(turns, tuple) or not turns:
            return
        places = np.array(list(BANDS.values())) + turns
        if (np.diff([*places, places[0] + 360.0]) <= 0).any():
            raise ValueError("hue turns one band past its neighbour; neighbours must keep their order")

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return not any(values["hue"]) and set(values["saturation"]) == {1.0} == set(values["lightness"])

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return {**oklab.arrays(), "table": tabulated(values)}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, one = graph.x, graph.y, hl.f32(1)
        rgb = [image[x, y, c] for c in range(3)]
        roots = [root(graph, row(arrays["lms"], i, rgb)) for i in range(3)]
        lab = graph.rgb("oklab", [row(arrays["lab"], i, roots) for i in range(3)], stored=True)
        light, a, b = (lab[x, y, c] for c in range(3))
        chroma2 = a * a + b * b
        place = _square_angle(a, b) * hl.f32(_ENTRIES / 4)
        low = hl.clamp(hl.i32(place), 0, _ENTRIES - 1)
        table = arrays["table"]
        part = place - hl.f32(low)
        cosine, sine, factor = (table[low, k] + (table[low + 1, k] - table[low, k]) * part for k in range(3))
        coloured = chroma2 / (chroma2 + hl.f32(PALE**2))
        turned = [light * (one + (factor - one) * coloured), a * cosine - b * sine, a * sine + b * cosine]
        back = [cubed(row(arrays["roots"], i, turned)) for i in range(3)]
        chroma = hl.sqrt(hl.max(chroma2, hl.f32(NEUTRAL[0] ** 2)))
        t = hl.min((chroma - hl.f32(NEUTRAL[0])) * hl.f32(1 / (NEUTRAL[1] - NEUTRAL[0])), one)
        share = t * t * (hl.f32(3) - hl.f32(2) * t)
        return graph.rgb("turned", [v + (row(arrays["rgb"], i, back) - v) * share for i, v in enumerate(rgb)])


def tabulated(values: Mapping[str, Plain]) -> Float64:
    """(_ENTRIES + 1, 3): saturation cos(shift), saturation sin(shift), lightness, over the angle on a square."""
    around = np.arange(_ENTRIES + 1) * (4.0 / _ENTRIES)
    # corner points of the square (1, 0), (0, 1), (-1, 0), (0, -1)
    corner = around % 4
    a = np.where(corner < 2, 1 - corner, corner - 3)
    b = np.where(corner < 1, corner, np.where(corner < 3, 2 - corner, corner - 4))
    weights = band_weights(np.degrees(np.arctan2(b, a)))
    turn, saturation, lightness = (weights @ as_array(values[n]) for n in ("hue", "saturation", "lightness"))
    angle = np.radians(turn)
    return np.stack([saturation * np.cos(angle), saturation * np.sin(angle), lightness], axis=1)


def band_weights(hue: Float64) -> Float64:
    """(n, bands): weight of each band at the Oklab hues (n,) [degrees]; every row adds up to 1."""
    centres = np.array(list(BANDS.values()))
    at = (hue - centres[0]) % 360.0 + centres[0]
    ends = np.append(centres, centres[0] + 360.0)
    low = np.clip(np.searchsorted(ends, at, side="right") - 1, 0, len(centres) - 1)
    part = (at - ends[low]) / (ends[low + 1] - ends[low])
    upper = np.sin(0.5 * np.pi * part) ** 2
    weights = np.zeros((len(hue), len(centres)))
    rows = np.arange(len(hue))
    weights[rows, low] = 1.0 - upper
    weights[rows, (low + 1) % len(centres)] += upper
    return weights


def _square_angle(a: Expr, b: Expr) -> Expr:
    """Where the ray through (a, b) meets the square |a| + |b| = 1, as length along it from (1, 0): 0..4."""
    import halide as hl

    along = b / hl.max(hl.abs(a) + hl.abs(b), hl.f32(1e-9))
    ahead = hl.select(b < hl.f32(0), hl.f32(4) + along, along)
    return hl.select(a < hl.f32(0), hl.f32(2) - along, ahead)
