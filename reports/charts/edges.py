"""Slanted edges anywhere in a picture: straight, alone, with even sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from isp.values import Float64, frozen
from reports.charts.edge_search import Segment, segments
from reports.light import luminance
from reports.metrics.edge_place import Line, locate, refusal
from reports.source import Source

Zone = Literal["centre", "middle", "corner"]
ZONES: dict[Zone, float] = {"centre": 0.3, "middle": 0.7, "corner": 1.0}
"""Where each zone ends, in distances from the centre to a corner."""
SLANTS = (2.0, 43.0)
"""Angles from the axes that are used [deg]."""
LENGTHS = (24, 120)
"""Of a region along the edge [px]."""
HALF = (10, 32)
"""Of a region on either side of the edge [px]."""
SMALLER = 0.7
"""What a region is reduced by when it holds more than an edge."""
CONTRAST = 0.1
"""Least contrast, Michelson's, of an edge that counts."""
FLAT = 0.06
"""Of the step: standard deviation of the sides' 4 x 4 means above which a region holds more than an edge."""
BEND = 3.0
"""Change of an edge's direction along its region [deg]."""
LARGEST = 160
"""Of a region that a simulated scene knows of [px]."""
_TRIES = 3
_MARGIN = 4


@dataclass(frozen=True)
class Edge:
    """A region with one slanted edge.

    Parameters
    ----------
    corners : (4, 2) float64, of the region, (x, y) of the upright picture, clockwise from the top left [px]
    angle : clockwise from the nearest axis [deg]
    horizontal : the edge runs more along the rows
    zone : ``centre``, ``middle`` or ``corner``
    contrast : Michelson's
    """

    corners: Float64
    angle: float
    horizontal: bool
    zone: Zone
    contrast: float

    @property
    def direction(self) -> str:
        """``horizontal`` or ``vertical``"""
        return "horizontal" if self.horizontal else "vertical"

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) [px]"""
        x, y = self.corners.mean(axis=0)
        return float(x), float(y)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, height, width) [px]"""
        (left, top), (right, bottom) = self.corners[0], self.corners[2]
        return int(top), int(left), int(bottom - top), int(right - left)

    def overlaps(self, other: Edge) -> bool:
        """Whether the two regions share more than a quarter of the smaller."""
        a, b = np.array(self.box), np.array(other.box)
        shared = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
        return bool((shared > 0).all() and shared.prod() > min(a[2:].prod(), b[2:].prod()) / 4)


@dataclass(frozen=True)
class Edges:
    """What `find_edges` found.

    Parameters
    ----------
    found : tuple of Edge
    reason : why there is none, or empty
    """

    found: tuple[Edge, ...]
    reason: str = ""

    def __iter__(self) -> Iterator[Edge]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def outlines(self) -> list[tuple[str, Float64]]:
        """(name, corners) of every region, for drawing."""
        return [(f"{i + 1}", edge.corners) for i, edge in enumerate(self.found)]


def find_edges(source: Source, most: int = 40) -> Edges:
    """Regions of a picture that hold one slanted edge each.

    Candidates are straight ridges of the gradient of the reduced picture; each is looked at in full resolution, in a
    smaller region if the first holds anything else. What is returned is spread over the picture.

    Parameters
    ----------
    source : Source
        Of any size: memory holds the reduced picture and one region.
    most : int
        Regions at most.

    Returns
    -------
    Edges
        Best first within each part of the picture; empty with the reason if there is none.
    """
    overview, step = source.overview
    found: list[Edge] = []
    for candidate in segments(luminance(overview, source.space), most=3 * most):
        if len(found) == most:
            break
        edge = _region(source, candidate, step)
        if edge is not None and not any(edge.overlaps(other) for other in found):
            found.append(edge)
    return Edges(tuple(found), "" if found else "no straight, isolated edge that slants by 2 to 43 degrees was found")


def edge_in(source: Source, corners: Sequence[Sequence[float]]) -> Edge | None:
    """The edge that a simulated scene says is inside these corners; None if it cannot be used."""
    box = np.asarray(corners, np.float64)
    (x0, y0), (x1, y1) = box.min(0), box.max(0)
    w, h = min(int(x1 - x0), LARGEST), min(int(y1 - y0), LARGEST)
    top, left = int((y0 + y1 - h) / 2), int((x0 + x1 - w) / 2)
    if min(top, left) < 0 or top + h > source.shape[0] or left + w > source.shape[1]:
        return None
    found = _look(source, (top, left, h, w), even=False)
    return None if found is None else _edge(source, (top, left, h, w), found)


def _region(source: Source, candidate: Segment, step: int) -> Edge | None:
    """The largest region about a candidate that holds one edge and nothing else."""
    x, y = ((v + 0.5) * step for v in candidate.center)
    slope = candidate.slope
    length, half = min(LENGTHS[1], 0.85 * candidate.length * step), float(HALF[1])
    centered = False
    for _ in range(_TRIES):
        if length < LENGTHS[0] or half < HALF[0]:
            return None
        # along a steep edge a long region would be a wide one
        along = max(float(LENGTHS[0]), min(length, 2 * half / max(abs(slope), 1e-6)))
        across = 2 * half + along * abs(slope)
        width, height = (along, across) if candidate.horizontal else (across, along)
        box = _inside(source, x, y, height, width)
        found = _look(source, box) if box else None
        if box and found is not None and found.turned == candidate.horizontal:
            if not centered and abs(found.column) > 2:
                shift = found.column * (-1 if found.mirrored else 1)
                x, y = (x, y + shift) if found.turned else (x + shift, y)
                centered = True
                continue
            return _edge(source, box, found)
        length, half = length * SMALLER, half * SMALLER
    return None


def _look(source: Source, box: tuple[int, int, int, int], even: bool = True) -> Line | None:
    """The edge in a region, if it is usable, and `even` beside it."""
    light = source.light(*box)
    if refusal(light):
        return None
    line = locate(luminance(light, source.space), light)
    if isinstance(line, str) or not SLANTS[0] <= abs(line.angle) <= SLANTS[1] or line.bend > BEND:
        return None
    low, high = line.levels
    if high - low < CONTRAST * (high + low):
        return None
    return line if _even(line) or not even else None


def _even(line: Line) -> bool:
    """Whether both sides are flat beyond the blur."""
    height, width = (n // 4 * 4 for n in line.light.shape)
    rows, x = np.arange(height) - (line.light.shape[0] - 1) / 2, np.arange(width) - (line.light.shape[1] - 1) / 2
    distance = _blocks((x - line.column - line.slope * rows[:, None]) / np.hypot(1, line.slope))
    means = _blocks(line.light[:height, :width])
    low, high = line.levels
    sides = (s for s in (distance < -7, distance > 7) if s.sum() > 1)
    return all(float(means[side].std()) < FLAT * (high - low) for side in sides)


def _blocks(values: Float64) -> Float64:
    height, width = values.shape
    return np.asarray(values.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3)))


def _inside(source: Source, x: float, y: float, height: float, width: float) -> tuple[int, int, int, int] | None:
    """(top, left, height, width) about a point, None where the picture ends."""
    h, w = round(height), round(width)
    top, left = round(y - h / 2), round(x - w / 2)
    bottom, right = (n - _MARGIN for n in source.shape)
    fits = min(top, left) >= _MARGIN and top + h <= bottom and left + w <= right
    return (top, left, h, w) if fits else None


def _edge(source: Source, box: tuple[int, int, int, int], line: Line) -> Edge:
    top, left, height, width = box
    corners = frozen(np.array([left, top]) + np.array([[0, 0], [width, 0], [width, height], [0, height]]), np.float64)
    low, high = line.levels
    contrast = (high - low) / (high + low) if high + low > 0 else float("nan")
    edge = Edge(corners, line.angle, line.turned, "corner", contrast)
    middle = np.array(source.shape[::-1]) / 2
    out = float(np.linalg.norm(np.array(edge.center) - middle) / np.linalg.norm(middle))
    return replace(edge, zone=next(zone for zone, end in ZONES.items() if out <= end))
