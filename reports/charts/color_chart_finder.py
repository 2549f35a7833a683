"""The 24-patch colour chart found in any picture.

Even regions that lie in a lattice are candidates; their colours say which of them is the chart and which way it lies; a
last look at every patch proves it. White balance, exposure, tone curve and size do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from isp.values import Float32, Float64
from reports.charts.chart_refine import CELLS, PITCH, refine
from reports.charts.chart_search import Match, best_match
from reports.charts.color_chart import ColorChart, NotFound, chart_of_homography
from reports.charts.flat_regions import contrast, even_regions
from reports.charts.lattice import lattices, project
from reports.charts.references import COLUMNS, ROWS, reference_rgb
from reports.source import Source

LEVELS = (200, 400, 800, 1600)
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
    chart = chart_of_homography(np.diag([step, step, 1.0]) @ homography, best.agreement, "found")
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
    """`refine` on a copy with about as many pixels as samples from patch to patch, or half as many if it is noisy."""
    steps = np.linalg.norm(np.diff(project(homography, CELLS).reshape(ROWS, COLUMNS, 2), axis=1), axis=-1)
    factor = max(int(np.median(steps)) // PITCH, 1)
    for level, scale in (_reduced(light, factor), _reduced(light, 2 * factor)):
        found, off = refine(level, np.diag([1 / scale, 1 / scale, 1.0]) @ homography)
        if np.isfinite(off).sum() >= SEEN:
            break
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
