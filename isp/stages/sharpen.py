"""Sharpen: an unsharp mask on lightness, with coring and a limit on overshoot.

On p = sqrt(Y + c), Y the luminance in linear Rec.2020 and c = 1e-4 (a perceptual scale with a finite slope at black):

    d  = p - gaussian(p, radius)
    d' = d d^2 / (d^2 + coring^2)                                        noise and flat skin stay as they are
    p' = p + amount d', held in (min - overshoot, max + overshoot) of the 3 x 3 neighbourhood of p

and the colour follows by one factor for all three channels, (p' / p)^2, so hue and saturation stay. Unsharp masking
with such a limit is common practice in cameras; the separable Gaussian covers 7 x 7 pixels. The coring is the Wiener
gain of detail over noise of that size: smooth, and without effect on strong detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, luma
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

_REACH = 3
_FLOOR = 1e-4


class Sharpen(Stage):
    """Steeper edges in lightness, without amplifying noise or drawing halos."""

    name = "sharpen"
    takes = ("scene", "display")
    parameters = (
        Param("amount", 0.6, "Gain of the detail that is added", lower=0, upper=5, tune="gradient"),
        Param("radius", 1.0, "Standard deviation of the Gaussian", unit="px", lower=0.3, upper=2, tune="gradient"),
        Param("coring", 0.008, "Detail of this size gets half the gain, smaller less, on the square-root scale",
              lower=0, upper=0.2, tune="gradient"),
        Param("overshoot", 0.03, "How far beyond its neighbours a pixel may go, on the square-root scale", lower=0,
              upper=1, tune="gradient"),
    )

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return _REACH

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        bell = np.exp(-0.5 * (np.arange(_REACH + 1) / as_array(values["radius"])) ** 2)
        limits = [as_array(values[name]) for name in ("amount", "coring", "overshoot")]
        return {"limits": np.array(limits), "luma": luma(WORKING), "weights": bell / (bell[0] + 2 * bell[1:].sum())}

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, zero = graph.x, graph.y, hl.f32(0)
        luma, w, limits = arrays["luma"], arrays["weights"], arrays["limits"]
        bright = luma[0] * image[x, y, 0] + luma[1] * image[x, y, 1] + luma[2] * image[x, y, 2]
        p = graph.plane("lightness", hl.sqrt(hl.max(bright, zero) + hl.f32(_FLOOR)), stored=True)

        def line(at: Any) -> Any:
            return at(0) * w[0] + sum((at(-i) + at(i)) * w[i] for i in range(1, _REACH + 1))

        across = graph.plane("across", line(lambda i: p[x + i, y]), stored=True)
        # planes of their own, though never stored: they keep the expressions of the derivative short
        blurred = graph.plane("blurred", line(lambda i: across[x, y + i]))[x, y]
        detail = graph.plane("detail", p[x, y] - blurred)[x, y]
        power = detail * detail
        cored = detail * (power / (power + limits[1] * limits[1] + hl.f32(1e-12)))

        def span(choose: Any, name: str) -> Any:
            row = graph.plane(name, choose(choose(p[x - 1, y], p[x, y]), p[x + 1, y]))
            return choose(choose(row[x, y - 1], row[x, y]), row[x, y + 1])

        low, high = span(hl.min, "lowest") - limits[2], span(hl.max, "highest") + limits[2]
        sharp = hl.clamp(p[x, y] + limits[0] * cored, hl.max(low, zero), high)
        ratio = graph.plane("ratio", sharp / p[x, y], stored=True)[x, y]
        return graph.rgb("sharpened", lambda c: image[x, y, c] * (ratio * ratio))
