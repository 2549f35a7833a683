"""The 24-patch colour chart in a picture: found, given by hand, or known from a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float32, Float64, frozen
from reports.charts.chart_refine import CELLS, PITCH, refine
from reports.charts.chart_search import Match, best_match
from reports.charts.flat_regions import contrast, even_regions
from reports.charts.lattice import fit_homography, lattices, project
from reports.charts.references import COLUMNS, PATCHES, ROWS, reference_rgb
from reports.source import Source

PATCH = 1 / 1.15
"""Width of a patch by the step from patch to patch: 40 mm patches with gaps of 6 mm."""
INNER = 0.5
"""Of the step from patch to patch: what is averaged."""
LEVELS = (400, 800, 1600)
"""Longest sides of the reduced pictures searched [px], the cheapest first."""
THRESHOLDS = (0.02, 0.04, 0.08, 0.012)
"""Gradients between even and edge (`contrast`), the likeliest first."""
AGREEMENT = 0.85
"""Least `Match.agreement` of a chart."""
SURE = 0.9
"""Agreement at which the search ends."""
MARGIN = 0.05
"""By which the next best place or turn must agree less."""
SLACK = 0.05
"""By which a corner may be out of the picture, in patches: as exact as corners are."""
NEAR, SEEN = 0.1, 14
"""Patches that must lie within so many steps of where the perspective puts them, of 24."""


@dataclass(frozen=True)
class NotFound:
    """Why there is no chart: a phrase that can follow "no colour chart: ". False in conditions."""

    reason: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class ColorChart:
    """Where a 24-patch chart lies.

    Parameters
    ----------
    corners : (4, 2) float64
        (x, y) [px] of the outer corners of the corner patches, from the brown one's along the first row and on; 0 is the
        outer edge of the first pixel.
    patches : (24, 4, 2) float64
        (x, y) [px] of the middle part of each patch, row by row from the brown one, that is safe to average.
    orientation : int
        0, 90, 180, 270: by how much the chart is turned clockwise, to the nearest quarter [deg].
    confidence : float
        0..1: how well the colours agree with the chart's (see `chart_search.Match`); 1 by hand or from the truth.
    how : str
        ``found``, ``by hand``, ``truth``
    """

    corners: Float64
    patches: Float64
    orientation: int
    confidence: float
    how: str

    def outlines(self) -> list[tuple[str, Float64]]:
        """What to draw: name and (N, 2) points."""
        numbered = [(str(number), quad) for number, quad in enumerate(self.patches, 1)]
        return [("colour chart", self.corners), *numbered]


def find_color_chart(source: Source) -> ColorChart | NotFound:
    """Find the 24-patch chart in any picture: linear or rendered, white-balanced or not, turned any way.

    Parameters
    ----------
    source : Source

    Returns
    -------
    ColorChart or NotFound
        A chart only if its colours agree with their order, all of it is in the picture, and its patches are where the
        perspective puts them. Of several charts the one whose colours agree best.
    """
    light, step = source.overview
    best = _search(light)
    if best is None:
        return NotFound("no 24 patches of its colours in rows of six")
    if best.mirrored:
        return NotFound("the chart is mirrored")
    if not best.inside:
        return NotFound("part of the chart is out of the picture")
    homography, off = _refined(light, best.homography)
    near = np.isfinite(off) & (off < NEAR)
    if near.sum() < SEEN:
        return NotFound(f"a chart's colours, but only {near.sum()} of its 24 patches are seen clearly")
    chart = _chart(np.diag([step, step, 1.0]) @ homography, best.agreement, "found")
    slack = SLACK * float(np.linalg.norm(chart.corners[1] - chart.corners[0])) / COLUMNS
    if (chart.corners < -slack).any() or (chart.corners > np.array(source.shape[::-1]) + slack).any():
        return NotFound("part of the chart is out of the picture")
    return chart


def _search(light: Float32) -> Match | None:
    """The best place in pixels of `light`, if it is good enough."""
    reference = reference_rgb("iso")
    best: Match | None = None
    for level, scale in _levels(light):
        gradient = contrast(level)
        for threshold in THRESHOLDS:
            for lattice in lattices(even_regions(gradient, threshold)):
                match, second = best_match(level, lattice, reference)
                if match is None or match.agreement < max(AGREEMENT, second + MARGIN):
                    continue
                if best is None or match.agreement > best.agreement:
                    best = replace(match, homography=np.diag([scale, scale, 1.0]) @ match.homography)
            if best is not None and best.agreement >= SURE:
                return best
    return best


def _refined(light: Float32, homography: Float64) -> tuple[Float64, Float64]:
    """`refine` on a copy reduced so far that a step has about as many pixels as samples."""
    steps = np.linalg.norm(np.diff(project(homography, CELLS).reshape(ROWS, COLUMNS, 2), axis=1), axis=-1)
    factor = max(int(np.median(steps)) // PITCH, 1)
    level, scale = _reduced(light, factor)
    to_level = np.diag([1 / scale, 1 / scale, 1.0])
    found, off = refine(level, to_level @ homography)
    return np.diag([scale, scale, 1.0]) @ found, off


def _reduced(light: Float32, step: int) -> tuple[Float32, float]:
    rows, columns = light.shape[0] // step, light.shape[1] // step
    part = light[: rows * step, : columns * step]
    return part.reshape(rows, step, columns, step, 3).mean((1, 3)), float(step)


def _levels(light: Float32) -> Iterator[tuple[Float32, float]]:
    """The picture reduced or enlarged to about the `LEVELS`, and the size of its pixels."""
    from scipy.ndimage import zoom

    longest = max(light.shape[:2])
    for factor in dict.fromkeys(max(round(longest / level), longest / level > 0.75) for level in LEVELS):
        if factor > 1:
            yield _reduced(light, factor)
        elif factor == 1:
            yield light, 1.0
        else:
            yield zoom(light, (2, 2, 1), order=1, grid_mode=True, mode="nearest"), 0.5


def _chart(homography: Float64, confidence: float, how: str) -> ColorChart:
    half = PATCH / 2
    right, bottom = COLUMNS - 1 + half, ROWS - 1 + half
    outer = np.array([[-half, -half], [right, -half], [right, bottom], [-half, bottom]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * INNER / 2
    corners = project(homography, outer)
    along = corners[1] - corners[0] + corners[2] - corners[3]
    turn = round(np.degrees(np.arctan2(along[1], along[0])) / 90) % 4 * 90
    return ColorChart(frozen(corners), frozen(project(homography, CELLS[:, None] + square)), turn, confidence, how)
