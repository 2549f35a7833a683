"""Finds a grid of dark dots on a light ground and tells which dot is which."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64
from reports.light import luminance
from reports.source import Source

FEWEST = 12
"""Dots below which there is no grid."""
ROUND = 0.25
"""Largest relative difference between a dot's axes: tilt and distortion of the corners stay below."""
NEAR = 0.25
"""How far from where its neighbours say a dot may lie [pitches]."""
DEEP = 0.25
"""Least contrast of a dot to the ground around it, relative to the ground."""
_STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class DotGrid:
    """Dots and their places in the grid.

    Parameters
    ----------
    centres : (N, 2) float64
        x, y of the centroids of darkness [px]; the centre of the top left pixel is (0.5, 0.5).
    indices : (N, 2) int64
        Column (to the right) and row (downwards); (0, 0) is the dot nearest to the middle of the picture.
    size : (width, height) [px]
    pitch : distance between neighbours around the middle [px]
    diameter : of the dots, median [px]
    """

    centres: Float64
    indices: NDArray[np.int64]
    size: tuple[int, int]
    pitch: float
    diameter: float

    def outlines(self) -> list[tuple[str, Float64]]:
        """A polygon around each dot: name, (N, 2) corners x, y [px]."""
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = np.stack([np.cos(turn), np.sin(turn)], 1) * self.diameter / 2
        names = [f"{column}, {row}" for column, row in self.indices.tolist()]
        return [(name, centre + ring) for name, centre in zip(names, self.centres, strict=True)]


def find_dots(source: Source) -> DotGrid | None:
    """The grid of dots that fills the picture.

    Dark spots are cut out of a reduced copy below the mean of their surroundings; those that are round, clear of the
    border and as large as most are refined to the centroid of darkness at full resolution. Indices spread from the
    middle dot by dot, each predicted from its neighbours, so that the grid may bend and miss dots.

    Parameters
    ----------
    source : Source
        Dots at least 5 px wide in its `overview`.

    Returns
    -------
    DotGrid or None
        None if fewer than 12 dots make a grid.
    """
    light, step = source.overview
    spots = _spots(luminance(light, source.space))
    if len(spots) < FEWEST:
        return None
    centres, diameters = spots[:, :2] * step, spots[:, 2] * step
    indices, pitch = _numbered(centres, np.array(source.shape[::-1]) / 2)
    placed = np.flatnonzero(indices[:, 0] != _NOWHERE)
    if len(placed) < FEWEST:
        return None
    refined = np.array([_centroid(source, centres[n], diameters[n], pitch) for n in placed])
    good = np.isfinite(refined[:, 0])
    if good.sum() < FEWEST:
        return None
    refined, numbers = refined[good], indices[placed][good]
    size = source.shape[1], source.shape[0]
    middle = np.argmin(np.hypot(*(refined - np.array(size) / 2).T))
    return DotGrid(refined, numbers - numbers[middle], size, pitch, float(np.median(diameters[placed])))


def _spots(plane: Float64) -> Float64:
    """(N, 3) x, y and diameter of dark round spots [px]."""
    from scipy.ndimage import find_objects, gaussian_filter, label, uniform_filter

    # two rounds: the surroundings are judged over a few dots, whose size is known after the first
    span = max(16, min(plane.shape) // 6)
    found = np.zeros((0, 3))
    for _ in range(2):
        around = uniform_filter(plane, span, mode="reflect")
        dark = gaussian_filter(plane, 0.7) < around * (1 - DEEP / 2)
        labels, count = label(dark)
        if not count:
            return np.zeros((0, 3))
        boxes = find_objects(labels)
        found = np.array([s for n, box in enumerate(boxes, 1) if (s := _shape(labels[box] == n, box, plane.shape))])
        if not len(found):
            return np.zeros((0, 3))
        typical = np.median(found[:, 2])
        found = found[np.abs(found[:, 2] / typical - 1) < 0.35]
        span = int(8 * typical)
    return found


def _shape(mask: NDArray[np.bool_], box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[float, ...] | None:
    """Centre and diameter of a spot if it is round and clear of the border."""
    rows, columns = box
    if rows.start < 1 or columns.start < 1 or rows.stop > shape[0] - 1 or columns.stop > shape[1] - 1:
        return None
    area = int(mask.sum())
    height, width = mask.shape
    if area < 15 or max(height, width) > (1 + 1.5 * ROUND) * min(height, width) + 1:
        return None
    y, x = (n.astype(np.float64) for n in np.nonzero(mask))
    spread = np.linalg.eigvalsh(np.cov(x, y) + np.eye(2) / 12)
    # a disk of this area has the variance area / 4 pi along both axes
    if not spread[0] > (1 - ROUND) ** 2 * spread[1] or abs(4 * np.pi * np.sqrt(np.prod(spread)) / area - 1) > ROUND:
        return None
    return columns.start + x.mean() + 0.5, rows.start + y.mean() + 0.5, 2 * np.sqrt(area / np.pi)


_NOWHERE = np.iinfo(np.int64).min


def _numbered(centres: Float64, middle: Float64) -> tuple[NDArray[np.int64], float]:
    """Column and row of each dot (`_NOWHERE` if it has none), and the pitch around the middle."""
    from scipy.spatial import cKDTree

    tree = cKDTree(centres)
    start = int(tree.query(middle)[1])
    numbers = np.full((len(centres), 2), _NOWHERE, np.int64)
    basis = _basis(centres, tree, start)
    if basis is None:
        return numbers, 0.0
    numbers[start] = 0
    taken = {(0, 0): start}
    vectors = {start: basis}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        basis = vectors[here]
        reach = NEAR * float(np.linalg.norm(basis, axis=1).min())
        # one step, or two where a dot is missing
        for stride in (1, 2):
            for column, row in _STEPS:
                move = np.array([column, row]) * stride
                place = tuple((numbers[here] + move).tolist())
                if place in taken:
                    continue
                away, there = tree.query(centres[here] + move @ basis, distance_upper_bound=reach)
                if not np.isfinite(away) or numbers[there, 0] != _NOWHERE:
                    continue
                numbers[there], taken[place] = place, int(there)
                vectors[int(there)] = _bent(basis, (centres[there] - centres[here]) / stride, column, row)
                queue.append(int(there))
    return numbers, float(np.sqrt(abs(np.linalg.det(vectors[start]))))


def _basis(centres: Float64, tree: object, start: int) -> Float64 | None:
    """(2, 2) steps to the right and down at one dot, from the nearest dots around."""
    _, near = tree.query(centres[start], min(13, len(centres)))  # type: ignore[attr-defined]
    gaps = centres[near[1:]] - centres[start]
    right, down = (gaps[np.abs(gaps[:, a]) > 1.5 * np.abs(gaps[:, 1 - a])] for a in (0, 1))
    if not len(right) or not len(down):
        return None
    first = [g[np.argmin(np.hypot(*g.T))] for g in (right, down)]
    return np.array([first[0] * np.sign(first[0][0]), first[1] * np.sign(first[1][1])])


def _bent(basis: Float64, step: Float64, column: int, row: int) -> Float64:
    """The basis after a step: its own vector as found, the other turned and scaled half as much."""
    axis = 0 if column else 1
    changed = basis.copy()
    changed[axis] = (basis[axis] + step * (column + row)) / 2
    return changed


def _centroid(source: Source, centre: Float64, diameter: float, pitch: float) -> Float64:
    """Centroid of darkness around a dot at full resolution [px]; NaN where it does not fit into the picture."""
    half = min(0.5 * pitch, 0.5 * diameter + max(4.0, 0.25 * diameter))
    height, width = source.shape
    for _ in range(2):
        left, top = (int(np.floor(c - half)) for c in centre)
        side = int(np.ceil(2 * half)) + 1
        if left < 0 or top < 0 or left + side > width or top + side > height:
            return np.full(2, np.nan)
        plane = luminance(source.light(top, left, side, side), source.space)
        y, x = np.mgrid[:side, :side] + 0.5
        away = np.hypot(x - centre[0] + left, y - centre[1] + top)
        ring = (away > 0.55 * diameter + 1.5) & (away <= half + 0.5)
        if ring.sum() < 8:
            return np.full(2, np.nan)
        # shading tilts the ground: a plane through the ring around the dot
        matrix = np.stack([np.ones(side * side), x.ravel(), y.ravel()], 1)
        ground = (matrix @ np.linalg.lstsq(matrix[ring.ravel()], plane[ring], rcond=None)[0]).reshape(side, side)
        dark = np.where(away <= half, 1 - plane / np.maximum(ground, 1e-9), 0.0)
        if not dark.sum() > DEEP / 4 * np.pi * diameter**2 / 4:
            return np.full(2, np.nan)
        centre = np.array([left + (dark * x).sum() / dark.sum(), top + (dark * y).sum() / dark.sum()])
    return np.asarray(centre)
