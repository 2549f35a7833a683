"""The place of a chart made exact, and proved: every patch is looked for around where it should be."""

from __future__ import annotations

import numpy as np

from isp.values import Float32, Float64
from reports.charts.lattice import fit_homography, project
from reports.charts.references import COLUMNS, ROWS

PITCH = 24
"""Samples from patch to patch in the straightened picture."""
BOX = 17
"""Samples of a square that fits into a patch, and does not if moved by more than a tenth of the step."""
REACH = 9
"""Samples around its place in which a patch is looked for."""
CONTRAST = 4.0
"""Variance of a square over the border of a patch, by that of one inside: above it the place can be told."""
ROUNDS = 4
CELLS = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), axis=-1).reshape(-1, 2).astype(np.float64)
"""(24, 2) column and row of the patches."""


def refine(light: Float32, homography: Float64) -> tuple[Float64, Float64]:
    """Fit the chart's homography to where its patches are.

    Parameters
    ----------
    light : (h, w, 3) linear RGB
    homography : (3, 3) float64
        From (column, row) of the patches to (x, y) [px of `light`], right within about a third of a step.

    Returns
    -------
    homography : (3, 3) float64
    off : (24,) float64
        How far each patch then is from where it should be [steps]; NaN where that cannot be told.

    Notes
    -----
    In the picture straightened by the homography, the variance inside a square slightly smaller than a patch is least
    where the square lies within the patch. The middle of all such places is the patch's: no edge has to be found, and
    noise does not matter as long as it averages out over a patch.
    """
    off = np.full(len(CELLS), np.nan)
    for _ in range(ROUNDS):
        shifts = _shifts(_straightened(light, homography))
        off = np.linalg.norm(shifts, axis=1)
        known = np.isfinite(off)
        if known.sum() < len(CELLS) // 2:
            break
        # the middle is sure already; a patch that went to something else would pull the others along
        typical = float(np.median(off[known]))
        known &= off <= max(3 * typical, 0.05)
        if typical < 0.002:
            break
        homography = fit_homography(CELLS[known], project(homography, (CELLS + shifts)[known]))
    return homography, off


def _straightened(light: Float32, homography: Float64) -> Float32:
    """Square roots of light on the chart's own grid, a step of margin around the patches' centres."""
    from scipy.ndimage import map_coordinates

    x, y = ((np.arange((n + 1) * PITCH + 1) - PITCH) / PITCH for n in (COLUMNS, ROWS))
    at = project(homography, np.stack(np.meshgrid(x, y), axis=-1)) - 0.5
    root = np.sqrt(np.maximum(light, 0.0))
    planes = [map_coordinates(root[..., c], at.transpose(2, 0, 1)[::-1], order=1, mode="nearest") for c in range(3)]
    return np.stack(planes, axis=-1)


def _shifts(straight: Float32) -> Float64:
    """(24, 2) from where each patch should be to where it is [steps]; NaN where its border has no contrast."""
    from scipy.ndimage import uniform_filter

    values = straight.astype(np.float64)
    mean, square = (uniform_filter(v, (BOX, BOX, 0), mode="nearest") for v in (values, values**2))
    variance = np.maximum(square - mean**2, 0.0).sum(-1)
    ticks = np.arange(-REACH, REACH + 1) / PITCH
    found = np.full((len(CELLS), 2), np.nan)
    for number, (column, row) in enumerate(CELLS.astype(int)):
        x, y = (column + 1) * PITCH, (row + 1) * PITCH
        window = variance[y - REACH : y + REACH + 1, x - REACH : x + REACH + 1]
        least, usual = float(window.min()), float(np.median(window))
        if usual < CONTRAST * least or usual <= 0.0:
            continue
        weight = np.maximum(least + (usual - least) / 4 - window, 0.0)
        found[number] = weight.sum(0) @ ticks / weight.sum(), weight.sum(1) @ ticks / weight.sum()
    return found
