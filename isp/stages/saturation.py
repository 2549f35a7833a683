"""Saturation: colours move away from, or towards, the grey of their own luminance.

    y = Y + s (x - Y),   s = amount (1 + vibrance (1 - chroma)),   chroma = (max - min) / max

with Y the luminance in linear Rec.2020, which stays as it is. `vibrance` moves pale colours more than vivid ones.
Nothing clips; strong settings may give negative values, which `encode` brings into its gamut.
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

_DARK = 1e-4
"""Below this largest value (white 1) chroma fades to 0: what is left there is noise."""


class Saturation(Stage):
    """Make colours more or less vivid at constant luminance."""

    name = "saturation"
    takes = ("scene", "display")
    parameters = (
        Param("amount", 1.0, "Factor on colourfulness; 0 is monochrome, 1 changes nothing", lower=0, upper=4,
              tune="gradient"),
        Param("vibrance", 0.0, "Share by which pale colours get more (or less) of it", lower=-1, upper=1,
              tune="gradient"),
    )

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return {
            "amount": np.array([as_array(values["amount"]), as_array(values["vibrance"])]),
            "luma": luma(WORKING),
        }

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, luma, amount = graph.x, graph.y, arrays["luma"], arrays["amount"]
        r, g, b = (image[x, y, c] for c in range(3))
        # planes of their own, though never stored: they keep the expressions of the derivative short
        grey = graph.plane("grey", luma[0] * r + luma[1] * g + luma[2] * b)[x, y]
        low, high = hl.min(r, hl.min(g, b)), hl.max(r, hl.max(g, b))
        chroma = hl.clamp((high - low) / hl.max(high, hl.f32(_DARK)), hl.f32(0), hl.f32(1))
        factor = graph.plane("factor", amount[0] * (hl.f32(1) + amount[1] * (hl.f32(1) - chroma)))[x, y]
        return graph.rgb("vivid", lambda c: grey + factor * (image[x, y, c] - grey))
