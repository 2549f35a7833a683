"""Straight slanted edges anywhere in a picture, and what they say about sharpness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isp.values import Float64, frozen
from reports.light import luminance
from reports.metrics.sfr import SlantedEdge, slanted_edge
from reports.source import Source

ALONG, ACROSS = 80, 60
"""Length and width of a region [px]."""
TILE = 12
"""Side of a tile in which the direction of an edge is judged, in the reduced picture [px]."""
COHERENT = 0.9
"""Least share of the gradient's energy in one direction."""
SLANTS = (2.0, 43.0)
"""Usable slants from the pixel axes [deg]."""
CONTRAST, SNR = 0.1, 12.0
"""Least contrast and signal to noise of an edge that counts."""
CROWDED = 0.22
"""Share of pixels between the two levels, above which a region holds more than an edge."""
TRIED = 40
"""Most places that are looked at closely."""
ZONES = ("centre", "middle", "corner")
_ZONE_ENDS = (0.35, 0.7)
"""Of half the diagonal."""


@dataclass(frozen=True)
class Edge:
    """One edge.

    Parameters
    ----------
    corners : (4, 2) of its region (x, y) [px], clockwise from the top left
    vertical : True if it is nearer to vertical
    zone : ``centre``, ``middle``, ``corner``
    result : SlantedEdge of the luminance
    """

    corners: Float64
    vertical: bool
    zone: str
    result: SlantedEdge

    def outlines(self) -> list[tuple[str, Float64]]:
        """What to draw."""
        return [(f"{float(self.result.mtf50):.2f}", self.corners)]


def find_edges(source: Source, most: int = 40) -> list[Edge]:
    """Regions with one usable edge each, the strongest first, none overlapping.

    An edge is usable if it is straight, alone in its region of 60 x 80 px, 2 to 43 degrees off the pixel axes, not
    clipped, of enough contrast, and far enough above the noise for an MTF50. Candidates are found in the reduced
    picture and measured in the full one.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    light, step = source.overview
    y = np.cbrt(np.maximum(luminance(light, source.space), 0))
    smooth = gaussian_filter(y, 1.0)
    across, down = np.gradient(smooth, axis=1), np.gradient(smooth, axis=0)
    xx, yy, xy = (uniform_filter(v, TILE) for v in (across * across, down * down, across * down))
    energy = xx + yy
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(energy, 1e-12)
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))  # of the gradient
    slant = np.abs((angle + 45) % 90 - 45)
    score = np.where((coherence > COHERENT) & (slant >= SLANTS[0]) & (slant <= SLANTS[1]), energy, 0.0)
    found: list[Edge] = []
    apart = max(TILE, math.ceil(ALONG / step))
    for _ in range(TRIED):
        row, column = np.unravel_index(int(np.argmax(score)), score.shape)
        if score[row, column] <= 1e-7 or len(found) >= most:
            break
        score[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
        edge = measured(source, ((column + 0.5) * step, (row + 0.5) * step), bool(abs(angle[row, column]) < 45))
        if edge is not None:
            found.append(edge)
    return found


def measured(source: Source, centre: tuple[float, float], vertical: bool) -> Edge | None:
    """The edge in the region around a point; None if it is not usable."""
    height, width = source.shape
    w, h = (ACROSS, ALONG) if vertical else (ALONG, ACROSS)
    if w > width or h > height:
        return None
    left, top = int(np.clip(centre[0] - w / 2, 0, width - w)), int(np.clip(centre[1] - h / 2, 0, height - h))
    return _edge(source, left, top, w, h)


def edge_in(source: Source, corners: Sequence[Sequence[float]]) -> Edge | None:
    """The edge that a simulated scene says is inside these corners."""
    box = np.asarray(corners, np.float64)
    (x0, y0), (x1, y1) = box.min(0), box.max(0)
    height, width = source.shape
    w, h = int(min(x1 - x0, 2 * ALONG)), int(min(y1 - y0, 2 * ALONG))
    left, top = int((x0 + x1 - w) / 2), int((y0 + y1 - h) / 2)
    if w < ACROSS // 2 or h < ACROSS // 2 or left < 0 or top < 0 or left + w > width or top + h > height:
        return None
    return _edge(source, left, top, w, h)


def _edge(source: Source, left: int, top: int, w: int, h: int) -> Edge | None:
    codes = source.codes(top, left, h, w)
    if _crowded(source.light(top, left, h, w)):
        return None
    ends = (codes.max(), codes.min()) if codes.dtype.kind == "u" else (0, 1)
    if codes.dtype.kind == "u" and (
        np.mean(codes == np.iinfo(codes.dtype).max) > 0.02 or np.mean(codes == 0) > 0.02 or ends[0] == ends[1]
    ):
        return None
    result = slanted_edge(source.light(top, left, h, w), space=source.space)
    if not result.mtf50.known or result.contrast < CONTRAST or result.snr < SNR:
        return None
    if not SLANTS[0] <= abs(result.angle) <= SLANTS[1]:
        return None
    corners = np.array([[left, top], [left + w, top], [left + w, top + h], [left, top + h]], np.float64)
    return Edge(frozen(corners), result.vertical, zone_of(corners.mean(0), source.shape), result)


def _crowded(light: Float64) -> bool:
    """Whether there is more than an edge between two even areas: cheap, for the many places that are none."""
    from scipy.ndimage import gaussian_filter

    y = gaussian_filter(light.mean(2), 1.0)
    low, high = (float(v) for v in np.quantile(y, (0.1, 0.9)))
    level = (y - low) / max(high - low, 1e-9)
    between = float(np.mean((level > 0.2) & (level < 0.8)))
    beyond = float(np.mean((level < -0.35) | (level > 1.35)))
    return between > CROWDED or beyond > CROWDED / 4 or high - low < 1e-4


def zone_of(point: Any, shape: tuple[int, int]) -> str:
    """``centre``, ``middle`` or ``corner``, by the distance from the middle of the picture."""
    x, y = float(point[0]) - shape[1] / 2, float(point[1]) - shape[0] / 2
    radius = math.hypot(x, y) / (math.hypot(*shape) / 2)
    return ZONES[int(radius > _ZONE_ENDS[0]) + int(radius > _ZONE_ENDS[1])]
