"""Straight pieces of edges in the gradient of a reduced picture: candidates, not yet measured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.values import Float32, Float64

SHORTEST = 9
"""Of a piece [px of the reduced picture]."""
LONGEST = 60
"""Of a piece: longer edges become several."""
STRAIGHT = 0.6
"""Root mean square distance from the line [px of the reduced picture]."""
SLANTS = (1.0, 44.0)
"""Angles from the axes that are kept; the reduced picture knows them to about a degree [deg]."""
COHERENT = 0.9
"""Of the structure tensor: 1 where all gradients around are parallel, less at corners and in texture."""
WEAKEST = 0.02
"""Least gradient, of the 99.9th percentile of the picture's."""
FAINT = 6.0
"""Least gradient over the median of the picture's: noise has none above."""
GRID = 6
"""The picture is divided into so many parts a side, which take turns."""


@dataclass(frozen=True)
class Segment:
    """A straight piece of an edge, in pixels of the reduced picture.

    Parameters
    ----------
    center : (x, y), the centres of pixels at whole numbers
    length : [px]
    slope : columns per row of a nearly vertical one, rows per column of a nearly horizontal one
    horizontal : nearly horizontal
    strength : gradient times root of length
    """

    center: tuple[float, float]
    length: float
    slope: float
    horizontal: bool
    strength: float


def segments(light: ArrayLike, most: int) -> list[Segment]:
    """The strongest straight pieces, the parts of the picture by turns.

    Parameters
    ----------
    light : (h, w) luminance
    most : pieces at most
    """
    from scipy.ndimage import label

    given = np.asarray(light, np.float32)
    ridge, size = _ridges(given)
    labels, count = label(ridge, np.ones((3, 3)))
    y, x = np.nonzero(ridge)
    order = np.argsort(labels[y, x], kind="stable")
    y, x = y[order], x[order]
    ends = np.cumsum(np.bincount(labels[y, x], minlength=count + 1))
    found: list[Segment] = []
    for first, last in pairwise(ends):
        if last - first >= SHORTEST:
            points = np.column_stack([x[first:last], y[first:last]]).astype(np.float64)
            found.extend(_pieces(points, size[y[first:last], x[first:last]]))
    return _by_turns(found, given.shape, most)


def _ridges(light: Float32) -> tuple[NDArray[np.bool_], Float32]:
    """Where the gradient is largest across itself and parallel around; and its size."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    # the square root evens out photon noise, so that bright texture does not outshine dark edges
    smooth = gaussian_filter(np.sqrt(np.maximum(light, 0.0)), 1.0, mode="nearest")
    down, right = np.gradient(smooth)
    size = np.hypot(down, right)
    xx, yy, xy = (gaussian_filter(v, 2.5) for v in (right * right, down * down, right * down))
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-30)
    floor = max(WEAKEST * float(np.quantile(size, 0.999)), FAINT * float(np.median(size)), 1e-6)
    y, x = np.nonzero((size > floor) & (coherence > COHERENT))
    peak = size[y, x]
    away = np.stack([down[y, x], right[y, x]]) / peak
    for sign in (1, -1):
        # strict on one side only: of two equal neighbours one is the ridge
        beside = map_coordinates(size, np.stack([y, x]) + sign * away, order=1, mode="nearest")
        kept = peak > beside if sign > 0 else peak >= beside
        y, x, peak, away = y[kept], x[kept], peak[kept], away[:, kept]
    ridge = np.zeros(size.shape, bool)
    ridge[y, x] = True
    return ridge, size


def _pieces(points: Float64, size: Float32) -> list[Segment]:
    """Straight pieces of connected pixels, halved until they are straight and short enough."""
    if len(points) < SHORTEST:
        return []
    center = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - center).T))
    along, across = (points - center) @ vectors[:, 1], (points - center) @ vectors[:, 0]
    length = float(np.ptp(along))
    if float(np.sqrt(np.mean(across**2))) > STRAIGHT or length > LONGEST:
        upper = along > np.median(along)
        if not upper.any():
            return []
        return _pieces(points[upper], size[upper]) + _pieces(points[~upper], size[~upper])
    x, y = vectors[:, 1]
    horizontal = bool(abs(x) > abs(y))
    slope = float(y / x if horizontal else x / y)
    angle = float(np.degrees(np.arctan(abs(slope))))
    # a line has a pixel in every column or row; fewer are fragments of something else
    if length < SHORTEST or not SLANTS[0] <= angle <= SLANTS[1] or len(points) < 0.6 * length:
        return []
    strength = float(np.median(size) * np.sqrt(length))
    return [Segment((float(center[0]), float(center[1])), length, slope, horizontal, strength)]


def _by_turns(found: list[Segment], shape: tuple[int, ...], most: int) -> list[Segment]:
    """Strongest first, every part of the picture once before any twice."""
    ranks: dict[tuple[int, int, bool], int] = {}
    ranked = []
    for piece in sorted(found, key=lambda s: -s.strength):
        x, y = piece.center
        cell = int(GRID * x / shape[1]), int(GRID * y / shape[0]), piece.horizontal
        ranks[cell] = ranks.get(cell, 0) + 1
        ranked.append((ranks[cell], -piece.strength, piece))
    return [piece for _, _, piece in sorted(ranked, key=lambda r: r[:2])][:most]
