"""Exposure: one gain in stops, and the automatic one.

`from_file` is DNG's BaselineExposure (0 where it is absent). ``auto`` brings the picture's middle to mid-grey without
pushing its highlights too far: with Y the luminance of the statistics thumbnail after white balance and matrix,

    ev = min( log2(0.18 / middle), log2(1.5 / top) ), at least -log2(max(top, 1)), held in -2..+3 EV,

top being the 98th percentile of Y (so that saturated areas are never darkened to grey), and middle the cube of the mean
of cube roots over the middle 90 % of the boxes brighter than near black: the mean lightness (CIE 15, L* less its
offset), which deep shadows pull down less than they do the log average of E. Reinhard et al., "Photographic tone
reproduction for digital images", SIGGRAPH 2002. Highlights up to 1.5 times sensor white are left to the tone curve's
shoulder. Of what a merged set holds above twice the white of one frame half the stops count; the others are left to
`local_tone` and the shoulder. A frame with less than 2 % of its boxes above near black is left as the file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, luma
from isp.errors import InputError
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages import ccm, white_balance
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

MID_GREY = 0.18
BRIGHTEST = 1.5
AUTO_RANGE = (-2.0, 3.0)
"""Bounds of the automatic exposure [EV]."""
DARK = 0.0005
"""Luminance near black (sensor white 1)."""
LEAST_SHARE = 0.02
MERGED = 2.0
"""Camera RGB beyond what one frame holds (its white is 1): the light of a merged set."""


class Exposure(Stage):
    """Brighten or darken by a number of stops."""

    name = "exposure"
    takes = ("scene",)
    parameters = (
        Param(
            "ev", "from_file", "Exposure correction; from_file: the DNG's BaselineExposure; auto: from the picture",
            unit="EV", lower=-8, upper=8, sources=("from_file", "auto"), tune="gradient",
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        baseline = float(np.clip(context.info.baseline_exposure or 0.0, -8.0, 8.0))
        if word == "from_file":
            return baseline
        found = automatic(context)
        return baseline if found is None else found

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return {"gain": 2.0 ** np.atleast_1d(as_array(values["ev"]))}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        gain = 2.0 ** float(values["ev"])
        noise = context.noise.scaled((gain,) * 4) if context.noise is not None else None
        return context.but(noise=noise, clip=tuple(c * gain for c in context.clip))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        x, y, gain = graph.x, graph.y, arrays["gain"][0]
        return graph.rgb("exposed", lambda c: image[x, y, c] * gain)


def automatic(context: Context) -> float | None:
    """The automatic exposure [EV], or None where the picture is too dark to tell.

    Raises
    ------
    InputError
        There are no statistics.
    """
    if context.statistics is None:
        raise InputError("automatic exposure needs the statistics pass, which did not run")
    bright = luminance(context, beyond=0.5)
    seen = np.sort(bright[bright > DARK], axis=None)
    if seen.size < max(LEAST_SHARE * bright.size, 1):
        return None
    cut = seen.size // 20
    middle = 3.0 * np.log2(np.cbrt(seen[cut : seen.size - cut]).mean())
    top = np.log2(seen[min(int(0.98 * seen.size), seen.size - 1)])
    wanted = min(np.log2(MID_GREY) - middle, np.log2(BRIGHTEST) - top)
    return float(np.clip(max(wanted, -max(top, 0.0)), *AUTO_RANGE))


def luminance(context: Context, beyond: float = 1.0) -> Float64:
    """Luminance of the statistics thumbnail (h, w) through the white balance and matrix resolved so far.

    Of light above `MERGED`, the share `beyond` of its stops counts.
    """
    if context.statistics is None:
        raise InputError("luminance of the picture needs the statistics pass, which did not run")
    weights = luma(WORKING)
    if "ccm" in context.resolved:
        weights = weights @ ccm.to_working(context.resolved["ccm"])
    if "white_balance" in context.resolved:
        weights = weights * white_balance.gains(context.resolved["white_balance"], context)
    seen = context.statistics.thumbnail.astype(np.float64)
    held = np.where(seen > MERGED, MERGED * (np.maximum(seen, MERGED) / MERGED) ** beyond, seen)
    return np.asarray(held @ weights)
