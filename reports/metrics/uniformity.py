"""Uniformity: how light and colour of an even field change over the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import CONFIDENCE, DRAWS, Estimate, Measured
from reports.light import Encoding, linear, luminance, to_lab
from reports.metrics.noise import checked

CELLS = 33
"""Cells of the map along the longer side, odd: one is the centre."""
FEWEST = 4
"""Side of a cell [px]."""
BLOCKS = 4
"""A cell is cut into 4 x 4 blocks, whose spread says how sure its mean is."""
CLIPPED = 0.01
"""Share of clipped pixels from which on a field is not that of the light."""


@dataclass(frozen=True)
class Shading(Measured):
    """Shading of an even field; percentages are of the centre's luminance.

    Parameters
    ----------
    corner : Estimate [%]
        Mean luminance of the four corners.
    worst, brightest : Estimate [%]
        The darkest and the brightest cell.
    nonuniformity : Estimate [%]
        brightest - worst.
    color : Estimate
        Largest distance ΔC*ab of a cell's a*b* from those of the centre.
    red, blue : Estimate [%]
        The R/G and B/G that differ most from the centre's: their change.
    light : (m, n, 3) float64
        Mean linear RGB of the cells, all equal where the picture has no colour.
    relative : (m, n) float64 [%]
        Luminance of the cells.
    chroma : (m, n) float64
        ΔC*ab of the cells from the centre; NaN without colour.
    radius, profile : (K,) float64
        Distance of zones from the centre, 1 for the corners, and their mean luminance [%].
    """

    corner: Estimate
    worst: Estimate
    brightest: Estimate
    nonuniformity: Estimate
    color: Estimate
    red: Estimate
    blue: Estimate
    light: Float64
    relative: Float64
    chroma: Float64
    radius: Float64
    profile: Float64


def shading(
    flat: ArrayLike, *, encoding: Encoding = "linear", space: str = "srgb", zones: int = 8, cells: int = CELLS,
    seed: int = 0,
) -> Shading:
    """Luminance and colour shading of a picture of an even field.

    Parameters
    ----------
    flat : (H, W) or (H, W, 3)
        The whole frame, lit evenly: codes or floating point.
    encoding, space : see `reports.metrics.snr`
    zones : int
        Rings of equal width from centre to corner, 2..64.
    cells : int
        Of the map along the longer side, 3..129; made odd.
    seed : int
        Of the draws that give the intervals.

    Returns
    -------
    Shading
        n.a. with the reason if the field is clipped, black, or too small.

    Raises
    ------
    UsageError
        A shape that is not a picture, zones or cells out of bounds, an unknown encoding.

    Notes
    -----
    ISO 17957:2015 measures luminance and colour nonuniformity on means over a grid of areas, here cells that cover the
    frame. Corners and centre are means of 3 x 3 cells. Colour: CIELAB with the centre scaled to L* = 100 and its own
    colour as white, so that neither exposure nor white balance counts. The light of cells, not of pixels, is compared,
    so noise hardly adds to the extremes; what it does add is extrapolated away (simulation and extrapolation, Cook and
    Stefanski 1994). Intervals are from draws of all cells within the uncertainty that the spread of their 16 blocks
    gives.
    """
    given = checked(flat)
    if not 2 <= zones <= 64 or not 3 <= cells <= 129:
        raise UsageError(f"zones={zones} must be in 2..64 and cells={cells} in 3..129")
    height, width = given.shape[:2]
    down, across = (_odd(cells * side / max(height, width)) for side in (height, width))
    why = ""
    if height < FEWEST * down or width < FEWEST * across:
        why = f"the picture of {width}x{height} pixels is too small for {across}x{down} cells"
    top = np.iinfo(given.dtype).max if given.dtype.kind in "ui" else math.inf
    share = float((given >= top).reshape(height * width, -1).any(axis=1).mean())
    if share > CLIPPED:
        why = f"{100 * share:.0f} % of the picture is clipped"
    if not why:
        light, error = _cells(linear(given, encoding, space), down, across)
        if not np.isfinite(light).all():
            why = "the picture holds values that are not finite"
        elif (luminance(_middle(light), space) <= 0).any():
            why = "the centre of the picture is black"
    if why:
        percent = Estimate.missing(why, "%")
        empty = frozen(np.full((down, across), math.nan))
        return Shading(
            percent, percent, percent, percent, Estimate.missing(why), percent, percent,
            frozen(np.full((down, across, 3), math.nan)), empty, empty, np.empty(0), np.empty(0),
        )  # fmt: skip
    return _shading(light, error, given.ndim == 3, space, zones, height / width, seed)


def _odd(count: float) -> int:
    return max(3, 2 * int(count / 2) + 1)


def _cells(light: Float64, down: int, across: int) -> tuple[Float64, Float64]:
    """(down, across, 3) means, and their standard deviations by the spread of blocks around a plane."""
    if light.ndim == 2:
        light = np.repeat(light[..., None], 3, axis=2)
    sides = zip((down, across), light.shape[:2], strict=True)
    rows, columns = (np.arange(BLOCKS * n + 1) * side // (BLOCKS * n) for n, side in sides)
    blocks = np.add.reduceat(np.add.reduceat(light, rows[:-1], axis=0), columns[:-1], axis=1)
    blocks /= (np.diff(rows)[:, None] * np.diff(columns))[..., None]
    parts = blocks.reshape(down, BLOCKS, across, BLOCKS, 3)
    mean = parts.mean((1, 3))
    # the shading itself is a slope within the cell, which is no uncertainty
    ramp = np.arange(BLOCKS) - (BLOCKS - 1) / 2
    off = parts - mean[:, None, :, None]
    for axis in (1, 3):
        shape = [1] * 5
        shape[axis] = BLOCKS
        slope = (off * ramp.reshape(shape)).mean((1, 3)) / (ramp**2).mean()
        off = off - slope[:, None, :, None] * ramp.reshape(shape)
    return mean, np.sqrt((off**2).sum((1, 3)) / (BLOCKS**2 - 3) / BLOCKS**2)


def _middle(light: Float64) -> Float64:
    """Mean of the 3 x 3 cells in the centre of (..., m, n, 3)."""
    m, n = light.shape[-3] // 2, light.shape[-2] // 2
    return np.asarray(light[..., m - 1 : m + 2, n - 1 : n + 2, :].mean((-3, -2)))


def _shading(
    light: Float64, error: Float64, colored: bool, space: str, zones: int, aspect: float, seed: int
) -> Shading:
    random = np.random.Generator(np.random.Philox(seed))
    # channels of a picture without colour are one and the same
    shape = (DRAWS // 4, *light.shape[:2], 3 if colored else 1)
    draws = light + error * random.standard_normal(shape)
    now, then = _numbers(light[None], colored, space), _numbers(draws, colored, space)
    names = ("corner", "worst", "brightest", "nonuniformity", "color", "red", "blue")
    found = {}
    for name, unit in zip(names, ("%", "%", "%", "%", "", "%", "%"), strict=True):
        if not colored and name in names[4:]:
            found[name] = Estimate.missing("the picture has no colour", unit)
            continue
        value, spread = float(now[name][0]), then[name]
        # noise makes extremes larger: once in the picture, once more in the draws from it. Extremes of noise alone
        # grow as its deviation, so the line over that, through 1 and sqrt 2, is followed back to 0
        drawn = float(spread.mean())
        clean = value - (drawn - value) / (math.sqrt(2) - 1)
        low, high = np.quantile(spread, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) - (drawn - clean)
        # a range and a distance are never below 0, however far the line leads
        least = 0.0 if name in ("nonuniformity", "color") else -math.inf
        clean, low, high = (max(float(v), least) for v in (clean, low, high))
        found[name] = Estimate(clean, (low, high), unit)
    relative = _relative(light, space)
    chroma = _chroma(light[None], space)[0] if colored else np.full(light.shape[:2], math.nan)
    y, x = (np.abs((np.arange(n) + 0.5) / n * 2 - 1) for n in light.shape[:2])
    radius = np.hypot(y[:, None] * aspect, x) / math.hypot(aspect, 1)
    zone = np.minimum((radius * zones).astype(int), zones - 1)
    count = np.maximum(np.bincount(zone.ravel(), minlength=zones), 1)
    middles, profile = (np.bincount(zone.ravel(), v.ravel(), zones) / count for v in (radius, relative))
    filled = np.bincount(zone.ravel(), minlength=zones) > 0
    return Shading(
        **found, light=frozen(light), relative=frozen(relative), chroma=frozen(chroma),
        radius=frozen(middles[filled]), profile=frozen(profile[filled]),
    )  # fmt: skip


def _relative(light: Float64, space: str) -> Float64:
    """Luminance of cells (..., m, n, 3) in % of the centre's."""
    return np.asarray(100 * luminance(light, space) / luminance(_middle(light), space)[..., None, None])


def _chroma(light: Float64, space: str) -> Float64:
    """ΔC*ab of cells (d, m, n, 3) from the centre, which is made white; each cell at its own lightness."""
    white = _middle(light)[:, None, None]
    lab = to_lab(light / white, space)
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]))


def _numbers(light: Float64, colored: bool, space: str) -> dict[str, Float64]:
    """The figures of each of (d, m, n, 3)."""
    relative = _relative(light, space)
    corners = [relative[:, a, b].mean((1, 2)) for a in (slice(3), slice(-3, None)) for b in (slice(3), slice(-3, None))]
    low, high = relative.min((1, 2)), relative.max((1, 2))
    found = {"corner": np.mean(corners, axis=0), "worst": low, "brightest": high, "nonuniformity": high - low}
    if colored:
        ratio = light[..., (0, 2)] / np.maximum(light[..., 1:2], 1e-12)
        change = 100 * (ratio / _ratio_of_middle(light) - 1)
        flat = change.reshape(len(change), -1, 2)
        worst = np.abs(flat).argmax(axis=1)
        found["color"] = _chroma(light, space).max((1, 2))
        found["red"], found["blue"] = (flat[np.arange(len(flat)), worst[:, c], c] for c in (0, 1))
    return found


def _ratio_of_middle(light: Float64) -> Float64:
    middle = _middle(light)
    return np.asarray((middle[..., (0, 2)] / np.maximum(middle[..., 1:2], 1e-12))[:, None, None])
