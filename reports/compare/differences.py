"""Where two pictures differ: maps of colour and of fine detail, and the places worth a look.

Colour and tone are compared as light averaged over squares of a few pixels, in CIEDE2000: noise and sharpness drop out
there. Fine detail is the lightness left when those means are taken away: its root mean square over a tile says how much
detail and noise a picture has, and the ratio of two pictures where one has more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isp.color.spaces import luma
from isp.values import Float32, Float64
from reports.light import to_lab
from reports.model import Crop, Figure
from reports.source import STRIP, Source, averaged

CELL_PIXELS = 400_000
"""Cells of a map, about: what a page shows, and a second of CIEDE2000."""
CROP = (240, 180)
"""Width and height of a crop [px]: four beside each other on a page at 100 %."""
CROPS = 6
_APART = 0.2
"""Distance of crops as a part of the picture's shorter side: six crops of one spot tell no more than one."""
_TILE = 8
"""Cells along the side of a tile of the detail map."""
_FARTHEST = 0.05
"""Shift by the size of the picture, from which it is taken for an accident."""
_SHIFT_NOTED = 0.3
"""Shift between pictures from which the report says so [px]."""


@dataclass(frozen=True)
class Cells:
    """A picture as cells of `step` x `step` pixels.

    Parameters
    ----------
    lab : (h, w, 3) CIE L*a*b* of each cell's mean light
    detail : (h, w) variance of the lightness L* of the pixels in each cell
    step : [px]
    """

    lab: Float64
    detail: Float32
    step: int


def cells(source: Source) -> Cells:
    """`Cells` of a picture, a strip at a time."""
    height, width = source.shape
    step = max(2, round((height * width / CELL_PIXELS) ** 0.5))
    step = min(step, height, width)
    rows, columns = height // step, width // step
    light = np.empty((rows, columns, 3))
    detail = np.empty((rows, columns), np.float32)
    at_once = max(1, STRIP // step)
    for top in range(0, rows, at_once):
        count = min(at_once, rows - top)
        part = source.light(top * step, 0, count * step, columns * step)
        light[top : top + count] = averaged(part, step)
        # lightness by the cube root alone: its linear foot only matters below 0.9 % of white
        lightness = np.cbrt(np.maximum(part @ luma(source.space), 0).astype(np.float32)) * np.float32(116)
        detail[top : top + count] = averaged(lightness * lightness, step) - averaged(lightness, step) ** 2
    return Cells(to_lab(light, source.space), detail, step)


@dataclass(frozen=True)
class Difference:
    """Two pictures of one size, cell by cell.

    Parameters
    ----------
    delta : (h, w) CIEDE2000 of the cells' mean light
    detail : (h, w) difference of the root mean square detail in L*, second minus first, smoothed over tiles
    step : side of a cell [px]
    shift : (dy, dx) of the second against the first [px], by phase correlation of the cells
    """

    delta: Float64
    detail: Float64
    step: int
    shift: tuple[float, float]


def compared(a: Cells, b: Cells) -> Difference:
    """How `b` differs from `a`."""
    from scipy.ndimage import uniform_filter

    from reports.metrics import delta_e_2000

    smooth = (uniform_filter(np.maximum(c.detail, 0).astype(np.float64), _TILE, mode="nearest") for c in (a, b))
    rms_a, rms_b = (np.sqrt(np.maximum(s, 0)) for s in smooth)
    return Difference(delta_e_2000(a.lab, b.lab), rms_b - rms_a, a.step, _shift(a, b))


def _shift(a: Cells, b: Cells) -> tuple[float, float]:
    from skimage.registration import phase_cross_correlation

    first, second = (c.lab[..., 0] - c.lab[..., 0].mean() for c in (a, b))
    if min(first.std(), second.std()) < 1.0 or min(first.shape) < 16:
        return 0.0, 0.0
    # the window keeps the frame's edge, which both share, from holding them in place
    window = np.hanning(first.shape[0])[:, None] * np.hanning(first.shape[1])
    moved, _error, _phase = phase_cross_correlation(first * window, second * window, upsample_factor=20)
    return float(-moved[0]) * a.step, float(-moved[1]) * a.step


def shift_note(difference: Difference, a: str, b: str) -> str:
    """A sentence if the pictures are not on top of each other, else empty."""
    dy, dx = difference.shift
    if max(abs(dy), abs(dx)) < max(_SHIFT_NOTED, difference.step / 20):
        return ""
    if max(abs(dy) / difference.delta.shape[0], abs(dx) / difference.delta.shape[1]) > _FARTHEST * difference.step:
        return f"{a} and {b} do not lie on each other, and no shift helps: maps and crops compare unlike places."
    return (
        f"{b} lies {dx:+.1f} px to the right and {dy:+.1f} px down against {a}: maps, crops and pixel-by-pixel "
        "figures contain this shift."
    )


def maps(difference: Difference, a: str, b: str) -> list[Figure]:
    """The two maps as figures."""
    from reports.figures.maps import detail_map, tone_map

    return [tone_map(difference.delta, a, b, difference.step), detail_map(difference.detail, a, b, difference.step)]


def interesting(
    sources: Sequence[Source], differences: Sequence[Difference], most: int = CROPS
) -> list[tuple[tuple[int, int, int, int], str]]:
    """Places (x, y, width, height) [px] where pictures differ most, with why; the strongest first, none overlapping.

    Half of them by colour and tone, half by detail; the order of the inputs does not matter.
    """
    from scipy.ndimage import uniform_filter

    height, width = sources[0].shape
    step = differences[0].step
    wide, high = min(CROP[0], width), min(CROP[1], height)
    size = (max(1, high // step), max(1, wide // step))
    tone = np.max([uniform_filter(d.delta, size, mode="nearest") for d in differences], axis=0)
    detail = np.max([uniform_filter(np.abs(d.detail), size, mode="nearest") for d in differences], axis=0)
    found: list[tuple[tuple[int, int, int, int], str]] = []
    for number in range(most):
        score, what = ((detail, "fine detail"), (tone, "colour or tone"))[number % 2]
        why = f"{what} differs {'most' if number < 2 else 'much too'}"
        if score.max() <= 1e-6:
            continue
        row, column = np.unravel_index(int(np.argmax(score)), score.shape)
        x = int(np.clip((column + 0.5) * step - wide / 2, 0, width - wide))
        y = int(np.clip((row + 0.5) * step - high / 2, 0, height - high))
        found.append(((x, y, wide, high), why))
        apart = max(2 * max(size), round(_APART * min(score.shape)))
        down, across = (slice(max(0, at - apart), at + apart + 1) for at in (row, column))
        tone[down, across] = detail[down, across] = 0  # the next place is another one
    return found


def crops(sources: Sequence[Source], places: Sequence[tuple[tuple[int, int, int, int], str]]) -> list[Crop]:
    """The places of every picture, lossless."""
    from reports.compare.views import png, screen

    return [
        Crop((x, y, w, h), tuple(png(screen(s, y, x, h, w)) for s in sources), why) for (x, y, w, h), why in places
    ]
