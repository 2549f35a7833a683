"""The 24-patch colour chart in a picture: found, given by hand, or known from a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float32, Float64, frozen
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
AGREEMENT = 0.8
"""Least `Match.agreement` of a chart."""
SURE = 0.9
"""Agreement at which the search ends."""
MARGIN = 0.05
"""By which the next best place or turn must agree less."""


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
    """Find the 24-patch chart in any picture: linear or rendered, white-balanced or not, turned any way."""
    light, step = source.overview
    best: Match | None = None
    for longest in LEVELS:
        level, scale = _level(light, longest)
        gradient = contrast(level)
        for threshold in THRESHOLDS:
            for lattice in lattices(even_regions(gradient, threshold)):
                match, second = best_match(level, lattice, reference_rgb("iso"))
                if match is None or match.agreement - second < MARGIN:
                    continue
                if best is None or match.agreement > best.agreement:
                    to_picture = np.diag([scale * step, scale * step, 1.0])
                    best = Match(to_picture @ match.homography, match.agreement, match.mirrored, match.inside, match.regions)
            if best is not None and best.agreement >= SURE:
                break
        if best is not None and best.agreement >= SURE:
            break
    if best is None or best.agreement < AGREEMENT:
        return NotFound("no 24 patches of its colours in rows of six")
    if best.mirrored:
        return NotFound("the chart is mirrored")
    chart = _chart(best.homography, best.agreement, "found")
    if not best.inside or (chart.corners < 0).any() or (chart.corners > source.shape[::-1]).any():
        return NotFound("part of the chart is out of the picture")
    return chart


def _level(light: Float32, longest: int) -> tuple[Float32, float]:
    """The picture reduced or enlarged to a longest side, and the size of its pixels."""
    from scipy.ndimage import zoom

    height, width = light.shape[:2]
    factor = max(height, width) / longest
    if factor >= 2:
        step = int(factor)
        rows, columns = height // step, width // step
        part = light[: rows * step, : columns * step]
        return part.reshape(rows, step, columns, step, 3).mean((1, 3)), float(step)
    if factor < 0.75:
        return zoom(light, (2, 2, 1), order=1, grid_mode=True, mode="nearest"), 0.5
    return light, 1.0


def _chart(homography: Float64, confidence: float, how: str) -> ColorChart:
    half = PATCH / 2
    outer = np.array([[-half, -half], [COLUMNS - 1 + half, -half], [COLUMNS - 1 + half, ROWS - 1 + half], [-half, ROWS - 1 + half]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * INNER / 2
    centers = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), axis=-1).reshape(24, 1, 2)
    corners = project(homography, outer)
    along = corners[1] - corners[0] + corners[2] - corners[3]
    turn = round(np.degrees(np.arctan2(along[1], along[0])) / 90) % 4 * 90
    return ColorChart(frozen(corners), frozen(project(homography, centers + square)), turn, confidence, how)
