"""Regions in rows and columns, seen in perspective: grown from neighbour to neighbour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64
from reports.charts.flat_regions import Regions

NEIGHBOURS = 8
"""Regions around a region that are tried as its neighbours in the lattice."""
DISTANCE = (0.9, 2.6)
"""From a region to its neighbour, in its own widths: gaps of charts, and what blur eats from small patches."""
ALIKE = 2.2
"""Ratio of neighbours' areas."""
SQUARE = 0.7, 1.7
"""Sine of the angle between rows and columns at least, ratio of their steps at most."""
TOLERANCE = 0.25
"""Distance from the predicted place, in steps, at which a region is the next of the lattice."""
FEWEST = 9
"""Regions of a lattice worth a look."""


@dataclass(frozen=True)
class Lattice:
    """A projective grid.

    Parameters
    ----------
    cells : (N, 2) int
        Column and row of the regions found; not starting at 0.
    places : (N, 2) float64
        Their centres [px].
    homography : (3, 3) float64
        From (column, row) to (x, y) [px]; right-handed: rows run clockwise from columns.
    """

    cells: Float64
    places: Float64
    homography: Float64


def lattices(regions: Regions) -> Iterator[Lattice]:
    """Every lattice of at least `FEWEST` regions, once."""
    from scipy.spatial import cKDTree

    if len(regions.areas) < FEWEST:
        return
    tree = cKDTree(regions.centers)
    near = tree.query(regions.centers, min(NEIGHBOURS + 1, len(regions.areas)))[1][:, 1:]
    taken: set[int] = set()
    for seed in range(len(regions.areas)):
        if seed in taken:
            continue
        best: dict[tuple[int, int], int] = {}
        for right, down in _corners(regions, seed, near[seed]):
            grown = _grow(regions, tree, seed, right, down)
            if len(grown) > len(best):
                best = grown
            if len(best) >= 24:
                break
        if len(best) < FEWEST:
            continue
        taken.update(best.values())
        places = regions.centers[list(best.values())]
        found = fit_lattice(_shortest(np.array(list(best)), places), places)
        if found is not None:
            yield found


def fit_lattice(cells: ArrayLike, places: ArrayLike, tolerance: float = 0.15) -> Lattice | None:
    """A lattice through cells at places, without those further off than `tolerance` steps; None if few agree."""
    index, at = np.asarray(cells, np.float64), np.asarray(places, np.float64)
    for _ in range(3):
        # four points on two lines fix nothing
        if len(index) < FEWEST or min(len(np.unique(index[:, 0])), len(np.unique(index[:, 1]))) < 3:
            return None
        matrix = fit_homography(index, at)
        off = np.linalg.norm(project(np.asarray(np.linalg.inv(matrix)), at) - index, axis=1)
        if off.max() <= tolerance:
            return Lattice(index, at, matrix)
        keep = off <= max(tolerance, float(np.median(off)) * 2)
        index, at = index[keep], at[keep]
    return None


def fit_homography(source: ArrayLike, target: ArrayLike) -> Float64:
    """(3, 3) projective map from points (N, 2) to points (N, 2), N >= 4, by least squares.

    The direct linear transformation with normalised points: Hartley and Zisserman, "Multiple View Geometry" (2003),
    algorithm 4.2.
    """
    (a, to_a), (b, to_b) = _normalised(source), _normalised(target)
    x, y = b.T
    one, zero = np.ones(len(a)), np.zeros((len(a), 3))
    rows = np.column_stack([a, one])
    system = np.concatenate([np.hstack([rows, zero, -x[:, None] * rows]), np.hstack([zero, rows, -y[:, None] * rows])])
    # the singular vector of the least singular value, without the large factor that a full decomposition makes
    least = np.linalg.eigh(system.T @ system)[1][:, 0]
    matrix = np.linalg.inv(to_b) @ least.reshape(3, 3) @ to_a
    return np.asarray(matrix / matrix[2, 2])


def project(matrix: Float64, points: ArrayLike) -> Float64:
    """Points (..., 2) through a homography (3, 3)."""
    given = np.asarray(points, np.float64)
    mapped = given @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def _normalised(points: ArrayLike) -> tuple[Float64, Float64]:
    given = np.asarray(points, np.float64)
    middle = given.mean(0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(given - middle, axis=1).mean()), 1e-12)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1.0]])
    return (given - middle) * scale, matrix


def _corners(regions: Regions, seed: int, near: Float64) -> Iterator[tuple[Float64, Float64]]:
    """Steps to pairs of neighbours that may be the next in the row and in the column, the nearest first."""
    steps = regions.centers[near] - regions.centers[seed]
    lengths = np.linalg.norm(steps, axis=1)
    width = np.sqrt(regions.areas[seed])
    ratio = regions.areas[near] / regions.areas[seed]
    fits = (lengths > DISTANCE[0] * width) & (lengths < DISTANCE[1] * width) & (ratio < ALIKE) & (ratio > 1 / ALIKE)
    steps, lengths = steps[fits], lengths[fits]
    pairs = []
    for i in range(len(steps)):
        for j in range(len(steps)):
            cross = steps[i, 0] * steps[j, 1] - steps[i, 1] * steps[j, 0]
            longer = max(lengths[i], lengths[j]) / min(lengths[i], lengths[j])
            if cross > SQUARE[0] * lengths[i] * lengths[j] and longer < SQUARE[1]:
                pairs.append((lengths[i] + lengths[j], i, j))
    for _, i, j in sorted(pairs)[:4]:
        yield steps[i], steps[j]


def _shortest(cells: Float64, places: Float64) -> Float64:
    """Cells counted by the shortest steps: a lattice that began at a gap was grown along its diagonals.

    The reduction of two vectors by Lagrange and Gauss.
    """
    steps = np.linalg.lstsq(np.column_stack([cells, np.ones(len(cells))]), places, rcond=None)[0][:2]
    change = np.eye(2)  # from steps of the lattice to the shorter ones
    for _ in range(8):
        if steps[0] @ steps[0] > steps[1] @ steps[1]:
            swap = np.array([[0.0, 1.0], [-1.0, 0.0]])
            steps, change = swap @ steps, swap @ change
        times = np.round(steps[0] @ steps[1] / max(steps[0] @ steps[0], 1e-12))
        if times == 0:
            break
        shear = np.array([[1.0, 0.0], [-times, 1.0]])
        steps, change = shear @ steps, shear @ change
    return np.asarray(np.rint(cells @ np.linalg.inv(change)))


def _grow(regions: Regions, tree: object, seed: int, right: Float64, down: Float64) -> dict[tuple[int, int], int]:
    """Cells of the lattice and the regions in them."""
    cells = {(0, 0): seed}
    used = {seed}
    queue = deque([((0, 0), right, down)])
    while queue:
        (column, row), right, down = queue.popleft()
        here = cells[column, row]
        for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            cell = (column + dx, row + dy)
            if cell in cells:
                continue
            step = dx * right + dy * down
            gap, next_one = tree.query(regions.centers[here] + step)  # type: ignore[attr-defined]
            ratio = regions.areas[next_one] / regions.areas[here]
            if gap > TOLERANCE * np.linalg.norm(step) or next_one in used or not 1 / ALIKE < ratio < ALIKE:
                continue
            cells[cell] = int(next_one)
            used.add(int(next_one))
            seen = (regions.centers[next_one] - regions.centers[here]) * (dx + dy)
            queue.append((cell, (right + seen) / 2 if dx else right, (down + seen) / 2 if dy else down))
    return cells
