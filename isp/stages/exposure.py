"""Exposure: one gain in stops, and the automatic one.

`from_file` is DNG's BaselineExposure (0 where it is absent). ``auto`` listens to two anchors. With Y the luminance of
the statistics thumbnail after white balance and matrix, over the boxes brighter than near black,

    middle  is the cube of the mean of cube roots of the middle 90 %: mean lightness (CIE 15, L* less its offset), which
            deep shadows pull down less than they do the log average of E. Reinhard et al., "Photographic tone
            reproduction for digital images", SIGGRAPH 2002. It should come out at mid-grey, 0.18.
    top     is the 98th percentile. It should come out as white things do in photographs, 0.68 of a perfect diffuser.

    ev = (1 - w) log2(0.18 / middle) + w log2(0.68 / top) + night

w is 0.5 and falls to 0 as the picture loses contrast (95th over 5th percentile, below 2 EV), since one tone says
nothing of white. So a chart is not brightened for its dark surround and snow keeps half of its key: a scene that holds
white and whose mean is k EV from mid-grey comes out about k / 2 from it, one that shows a single tone at mid-grey.

`night` keeps darkness dark: a quarter of the stops by which middle lies below 0.5 cd/m2 (a mid-grey at 9 lx), at most
one, where the frame says exposure, f-number and ISO. Their luminance is 120 N^2 / (t S) Y [cd/m2] (saturation-based
speed of ISO 12232: S = 78 / H, H = 0.65 L t / N^2).

Limits: top goes to at most 1.5 (the rest is left to the tone curve's shoulder). Where 1 % or more of the boxes are
saturated, top is not brought below 1, or below where it was, so that what has burnt out does not turn grey; with fewer
that limit fades. The whole is held in -2..+3 EV. Of what a merged set holds above twice the white of one frame half the
stops count; the others are left to `local_tone` and the shoulder. A frame with less than 2 % of its boxes above near
black is left as the file says. Everything is continuous in the picture, so it does not flicker.
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

MID_GREY, WHITE = 0.18, 0.68
"""Where middle and top should come out. WHITE is what brings the 98th percentile of photographs where it was (mean over
every other Kodak picture; with 0.43..0.56 EV of spread, against 0.65 for the middle)."""
WHITE_SHARE = 0.5
"""Weight of the white anchor."""
CONTRAST = 2.0
"""Contrast from which the white anchor has all its weight [EV]."""
BRIGHTEST = 1.5
BURNT = 0.01
"""Saturated share of the boxes from which highlights are not darkened."""
AUTO_RANGE = (-2.0, 3.0)
"""Bounds of the automatic exposure [EV]."""
DARK = 0.0005
"""Luminance near black (sensor white 1)."""
LEAST_SHARE = 0.02
DUSK, DARKER, DARKEST = 0.5, 0.25, 1.0
"""Luminance of middle [cd/m2] below which a picture stays darker, by which share of the stops, and by how many most."""
SATURATION = 120.0
"""Luminance that saturates at f/1, 1 s and ISO 1 [cd/m2]: 78 / 0.65."""
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
    light = np.sort(bright[bright > DARK], axis=None)
    if light.size < max(LEAST_SHARE * bright.size, 1):
        return None
    cut = light.size // 20
    middle = 3.0 * np.log2(np.cbrt(light[cut : light.size - cut]).mean())
    low, high, top = (np.log2(light[min(int(q * light.size), light.size - 1)]) for q in (0.05, 0.95, 0.98))
    weight = WHITE_SHARE * min((high - low) / CONTRAST, 1.0)
    wanted = (1 - weight) * (np.log2(MID_GREY) - middle) + weight * (np.log2(WHITE) - top)
    wanted = min(wanted + _night(context, middle), np.log2(BRIGHTEST) - top)
    burnt = float(np.mean(context.statistics.saturated.max(axis=2) > 0.5))
    fade = (1.0 - min(burnt / BURNT, 1.0)) * -AUTO_RANGE[0]
    return float(np.clip(max(wanted, -max(top, 0.0) - fade), *AUTO_RANGE))


def _night(context: Context, middle: float) -> float:
    """Stops by which a picture of little light stays darker, 0 or less; `middle` is log2 of its luminance."""
    info = context.info
    if not (info.exposure and info.f_number and info.iso):
        return 0.0
    seen = middle + np.log2(SATURATION * info.f_number**2 / (info.exposure * info.iso))
    return float(np.clip(DARKER * (seen - np.log2(DUSK)), -DARKEST, 0.0))


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
