"""Which of the lattices in a picture is the 24-patch chart, and which way it lies: told by its colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from isp.values import Float32, Float64
from reports.charts.lattice import Lattice, project
from reports.charts.references import COLUMNS, ROWS

SAMPLES = np.linspace(-0.2, 0.2, 5)
"""Where a cell is looked at, in steps from its middle."""
FLOOR = 0.01
"""Added before logarithms, relative to the brightest patch: glare and noise hide what is darker."""
FEWEST = 9
"""Regions that a place of the chart must hold."""
MOST = 0.6
"""Of the regions in the fullest place: places that hold fewer are not tried."""


@dataclass(frozen=True)
class Match:
    """A place for the chart.

    Parameters
    ----------
    homography : (3, 3) float64
        From (column, row) of the chart's patches, (0, 0) the brown one, to (x, y) [px].
    agreement : float
        Share of the variance of the chart's colours that the picture's explain, of the worst of lightness, red-green
        and blue-green.
    mirrored : bool
    inside : bool
        False where part of the chart is out of the picture.
    regions : int
        How many patches were seen as even regions.
    """

    homography: Float64
    agreement: float
    mirrored: bool
    inside: bool
    regions: int


def color_agreement(measured: Float64, references: Float64) -> Float64:
    """How well measured colours explain references.

    Parameters
    ----------
    measured : (N, 3) linear RGB of any camera, white balance and exposure
    references : (K, N, 3) linear RGB, white 1

    Returns
    -------
    (K,) float64
        0..1, the better of two fits by least squares: the references as an affine map of what was measured, which
        undoes the colours of a camera, and their logarithms as an affine map of its logarithms, which undoes gains and
        tone curves. Of each fit the coefficient of determination of lightness, red-green or blue-green, whichever is
        least.
    """
    fits = ((measured, references), (_logs(measured[None])[0], _logs(references)))
    return np.asarray(np.max([_determination(seen, wanted) for seen, wanted in fits], axis=0))


def _determination(seen: Float64, wanted: Float64) -> Float64:
    basis = np.linalg.qr(np.column_stack([np.ones(len(seen)), seen]))[0]
    parts = np.stack([wanted.mean(-1), wanted[..., 0] - wanted[..., 1], wanted[..., 2] - wanted[..., 1]], axis=-1)
    parts = parts - parts.mean(1, keepdims=True)
    explained = ((np.swapaxes(parts, 1, 2) @ basis) ** 2).sum(-1)
    return np.asarray((explained / np.maximum((parts**2).sum(1), 1e-12)).min(-1))


def best_match(light: Float32, lattice: Lattice, reference: Float64) -> tuple[Match | None, float]:
    """The best place of the chart on a lattice, and the agreement of the next best.

    Parameters
    ----------
    light : (h, w, 3) linear RGB
    lattice : Lattice
    reference : (24, 3) linear RGB
    """
    low = lattice.cells.min(0).astype(int)
    high = lattice.cells.max(0).astype(int)
    start = low - COLUMNS
    count = high - low + 1 + 2 * COLUMNS
    colors = cell_colors(light, lattice.homography, start, count)
    occupied = np.zeros((count[1], count[0]), bool)
    occupied[tuple((lattice.cells.astype(int) - start).T[::-1])] = True
    windows = [
        (wide, row, column, int(occupied[_window(wide, row, column)].sum()))
        for wide in (True, False)
        for row in range(count[1] - (ROWS if wide else COLUMNS) + 1)
        for column in range(count[0] - (COLUMNS if wide else ROWS) + 1)
    ]
    fewest = max(FEWEST, MOST * max(regions for *_, regions in windows))
    found: list[Match] = []
    for wide, row, column, regions in windows:
        seen = colors[_window(wide, row, column)].reshape(-1, 3)
        known = np.isfinite(seen).all(1)
        if regions < fewest or known.sum() < FEWEST + 3:
            continue
        layouts = _layouts(wide)
        scores = color_agreement(seen[known], np.stack([reference[order.ravel()] for order, _, _ in layouts])[:, known])
        shift = np.array([[1, 0, start[0] + column], [0, 1, start[1] + row], [0, 0, 1.0]])
        for (_, turn, mirrored), score in zip(layouts, scores, strict=True):
            matrix = lattice.homography @ shift @ turn
            found.append(Match(matrix, float(score), mirrored, bool(known.all()), regions))
    if not found:
        return None, 0.0
    found.sort(key=lambda match: -match.agreement)
    return found[0], found[1].agreement if len(found) > 1 else 0.0


def cell_colors(light: Float32, homography: Float64, start: np.ndarray, count: np.ndarray) -> Float64:
    """(rows, columns, 3) mean linear RGB in the middle of cells; NaN for cells that leave the picture."""
    columns, rows = (np.arange(n) + first for n, first in zip(count, start, strict=True))
    x, y = np.meshgrid(columns, rows)
    dx, dy = np.meshgrid(SAMPLES, SAMPLES)
    points = np.stack([x[..., None] + dx.ravel(), y[..., None] + dy.ravel()], axis=-1)
    depth = points @ homography[2, :2] + homography[2, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.floor(np.nan_to_num(project(homography, points), nan=-1.0, posinf=-1.0, neginf=-1.0))
    height, width = light.shape[:2]
    inside = (at >= 0).all(-1) & (at[..., 0] < width) & (at[..., 1] < height) & (depth > 0)
    at = np.where(inside[..., None], at, 0).astype(int)
    values = light[at[..., 1], at[..., 0]].astype(np.float64).mean(-2)
    values[~inside.all(-1)] = np.nan
    return np.asarray(values)


def _logs(light: Float64) -> Float64:
    """Logarithms of (K, N, 3) light relative to each channel's largest."""
    top = np.maximum(light.max(1, keepdims=True), 1e-12)
    return np.asarray(np.log(np.maximum(light / top, 0.0) + FLOOR))


def _window(wide: bool, row: int, column: int) -> tuple[slice, slice]:
    rows, columns = (ROWS, COLUMNS) if wide else (COLUMNS, ROWS)
    return slice(row, row + rows), slice(column, column + columns)


@cache
def _layouts(wide: bool) -> list[tuple[np.ndarray, Float64, bool]]:
    """Ways the chart can lie on a window: which patch each cell holds, (3, 3) from chart to cells, mirrored or not."""
    chart = np.arange(24).reshape(ROWS, COLUMNS)
    turns = (0, 2) if wide else (1, 3)
    found = []
    for mirrored in (False, True):
        for turn in turns:
            order = np.rot90(chart[:, ::-1] if mirrored else chart, -turn)
            places = np.array([np.argwhere(order == patch)[0][::-1] for patch in (0, 1, COLUMNS)], float)
            matrix = np.eye(3)
            matrix[:2, 0], matrix[:2, 1], matrix[:2, 2] = places[1] - places[0], places[2] - places[0], places[0]
            found.append((order, matrix, mirrored))
    return found
