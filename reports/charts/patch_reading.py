"""The colours of a chart's patches, read at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64, frozen
from reports.charts.color_chart import ColorChart
from reports.charts.references import PATCHES
from reports.source import Source

CLIPPED = 0.01
"""Share of a patch's pixels at the largest value from which its mean is too low to be used."""
OUTLIER = 5.0
"""Robust standard deviations beyond which a pixel is dust, a scratch or a hot pixel."""
ALIKE = 0.02
"""Of the median: pixels within it are never outliers, so that a patch without noise keeps its quantisation."""
ENOUGH = 1_000_000
"""Pixels of a patch that are read; of larger ones every n-th row and column."""
FEWEST = 4
"""Pixels without which a patch is not read."""


@dataclass(frozen=True)
class PatchReadings:
    """Linear RGB of 24 patches, row by row from the brown one.

    Parameters
    ----------
    rgb : (24, 3) float64
        Means over the pixels kept; NaN where a patch could not be read.
    std : (24, 3) float64
        Standard deviation of those pixels: noise and unevenness.
    clipped : (24,) bool
        More than 1 % of the pixels are at the largest code (of floating point: at 1, if display-referred).
    count : (24,) int
        Pixels kept.
    space : primaries of `rgb`
    notes : sentences on patches that are clipped or could not be read
    """

    rgb: Float64
    std: Float64
    clipped: NDArray[np.bool_]
    count: NDArray[np.int64]
    space: str
    notes: tuple[str, ...] = ()

    @property
    def unusable(self) -> NDArray[np.bool_]:
        """(24,) clipped or not read: what to give `patch_errors` as `exclude`."""
        return np.asarray(self.clipped | (self.count == 0))


def read_patches(source: Source, chart: ColorChart) -> PatchReadings:
    """Mean colour of every patch, without dust.

    Parameters
    ----------
    source : Source
    chart : ColorChart
        A patch that is not wholly in the picture is not read.

    Returns
    -------
    PatchReadings

    Notes
    -----
    Pixels of which a channel is further than 5 standard deviations (1.4826 times the median absolute deviation) from
    the patch's median are left out.
    """
    rgb, std = np.full((24, 3), np.nan), np.full((24, 3), np.nan)
    clipped, count = np.zeros(24, bool), np.zeros(24, np.int64)
    for number, quad in enumerate(chart.patches):
        light, top = _pixels(source, quad)
        if len(light) < FEWEST:
            continue
        clipped[number] = top.mean() > CLIPPED
        middle = np.median(light, axis=0)
        away = np.abs(light - middle)
        limit = np.maximum(OUTLIER * 1.4826 * np.median(away, axis=0), ALIKE * np.abs(middle))
        kept = light[(away <= limit).all(1)]
        rgb[number], std[number], count[number] = kept.mean(0), kept.std(0), len(kept)
    notes = []
    for which, why in ((clipped, "clipped"), (count == 0, "too small, or out of the picture")):
        if which.any():
            notes.append(f"{why}: " + ", ".join(np.array(PATCHES)[which]))
    return PatchReadings(frozen(rgb), frozen(std), frozen(clipped), frozen(count), source.space, tuple(notes))


def _pixels(source: Source, quad: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    """(N, 3) light of the pixels whose centres lie inside, and which of them have a channel at the largest value."""
    left, top = np.floor(quad.min(0)).astype(int)
    right, bottom = np.ceil(quad.max(0)).astype(int)
    if left < 0 or top < 0 or right > source.shape[1] or bottom > source.shape[0]:
        return np.empty((0, 3)), np.empty(0, bool)
    step = max(int(np.sqrt((right - left) * (bottom - top) / ENOUGH)), 1)
    x, y = np.meshgrid(np.arange(left, right, step) + 0.5, np.arange(top, bottom, step) + 0.5)
    inside = np.ones(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(quad, np.roll(quad, -1, 0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    part = (top, left, bottom - top, right - left)
    codes = source.codes(*part)[::step, ::step][inside]
    if codes.dtype.kind in "ui":
        largest = codes >= np.iinfo(codes.dtype).max
    else:
        largest = (codes >= 1.0) & (source.referred == "display")
    return source.light(*part)[::step, ::step][inside], np.asarray(largest.any(1))
