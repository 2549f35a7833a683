"""The stages of a developed input: what each gave, and what it cost, from a variant compiled stage by stage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import srgb_encoded
from isp.values import Mosaic, Picture
from reports.compare.views import png
from reports.estimate import Estimate
from reports.model import Stages, Tap

if TYPE_CHECKING:
    from isp.pipeline import Pipeline, StageCost
    from isp.values import RawFrame

CROP = (320, 240)
"""Width and height of a tap [px]."""
REPEATS = 3
_T = 4.303
"""97.5 % point of Student's t with `REPEATS` - 1 degrees of freedom."""
_ABOUT = (
    "Every stage was compiled on its own and timed on rows around the crop, {pixels:.1f} MP, {repeats} times; fused, "
    "the whole took {fused:.0f} ms per megapixel, against {apart:.0f} for the sum. Memory is what a stage keeps of its "
    "input's rows (or of whole frames), without scratch memory inside its program."
)


def stages_of(
    index: int, pipeline: Pipeline, raw: RawFrame, centre: tuple[int, int] | None, fused_seconds: float
) -> Stages:
    """Taps, time and memory of each stage.

    Parameters
    ----------
    index : of the input
    centre : (x, y) in the upright picture of what the taps show; the middle if None
    fused_seconds : what the fused program took for the frame [s]
    """
    costs = pipeline.costs(raw, _place(raw, centre), repeats=REPEATS)
    height, width = raw.shape
    taps = tuple(_tap(cost, height * width) for cost in costs)
    apart = sum(float(t.milliseconds) for t in taps)
    fused = fused_seconds / (height * width) * 1e9
    about = _ABOUT.format(pixels=costs[0].pixels / 1e6 if costs else 0, repeats=REPEATS, fused=fused, apart=apart)
    return Stages(index, taps, about)


def _tap(cost: StageCost, frame_pixels: int) -> Tap:
    per_megapixel = np.array(cost.seconds) / cost.pixels * 1e9
    middle = float(per_megapixel.mean())
    half = _T * float(per_megapixel.std(ddof=1)) / math.sqrt(len(per_megapixel)) if len(per_megapixel) > 1 else math.nan
    image, note = visible(cost.value)
    return Tap(
        cost.name, png(image), Estimate(middle, (max(middle - half, 0.0), middle + half), "ms/MP"),
        Estimate(cost.held / frame_pixels, unit="B/px", reason="counted, not estimated"), note,
    )  # fmt: skip


def visible(value: Mosaic | Picture) -> tuple[NDArray[np.uint8], str]:
    """sRGB codes (h, w, 3), upright, of what a stage gave, and what was done to make it visible.

    Light is scaled so that its 99 % point is near white: brightness of taps is not comparable.
    """
    from isp.color.spaces import conversion
    from isp.color.transfer import decoded
    from isp.values import oriented

    if isinstance(value, Mosaic):
        low, high = (float(v) for v in np.quantile(value.data, (0.001, 0.99)))
        low = min(low, 0.0) if high < 100 else low  # digital numbers stand on a pedestal
        grey = srgb_encoded((value.data - low) / max(high - low, 1e-9) * 0.9)
        codes = np.rint(np.repeat(grey[..., None], 3, axis=-1) * 255).astype(np.uint8)
        return np.ascontiguousarray(oriented(codes, value.info.orientation)), "mosaic as grey, scaled"
    light = value.data.astype(np.float64)
    note = "as encoded"
    if value.transfer == "linear":
        light = light / max(float(np.quantile(light, 0.99)), 1e-9) * 0.9
        note = "camera RGB, scaled" if value.space == "camera" else "linear light, scaled"
    else:
        light = decoded(light, value.transfer, value.space)
    if value.space not in ("srgb", "camera"):
        light = light @ conversion(value.space, "srgb").T
    codes = np.rint(srgb_encoded(light) * 255).astype(np.uint8)
    return np.ascontiguousarray(oriented(codes, value.orientation)), note


def _place(raw: RawFrame, centre: tuple[int, int] | None) -> tuple[int, int, int, int]:
    """The crop in the frame as it is stored, from a point of the upright picture."""
    height, width = raw.shape
    w, h = min(CROP[0], width), min(CROP[1], height)
    x, y = width // 2, height // 2
    if centre is not None:
        x, y = _stored(centre, (height, width), raw.info.orientation)
    left, top = int(np.clip(x - w // 2, 0, width - w)), int(np.clip(y - h // 2, 0, height - h))
    return left // 2 * 2, top // 2 * 2, w, h


def _stored(point: tuple[int, int], shape: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(x, y) in the stored frame of a point of the upright one (EXIF orientation, undone)."""
    x, y = point
    height, width = shape
    if orientation in (5, 6, 7, 8):
        height, width = width, height
    if orientation in (2, 3, 6, 7):
        x = width - 1 - x
    if orientation in (3, 4, 7, 8):
        y = height - 1 - y
    return (y, x) if orientation in (5, 6, 7, 8) else (x, y)
