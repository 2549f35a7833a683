"""Contrast of line patterns: by waves, and by rays where directions fold back and waves of rays are no picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from isp.lenses.beam import Grid
from isp.lenses.point_spread import diffraction
from isp.lenses.pupil_function import pupil_function
from isp.lenses.waves import Complex, transfer
from isp.values import Float64


class Modulation(NamedTuple):
    """Contrast of line patterns, 0..1: tangential varies along the radius of the image, sagittal across it."""

    tangential: Float64
    sagittal: Float64


def modulation(
    beams: Sequence[tuple[Grid, float]], plane: float, defocus: float, cycles_per_mm: Float64, *,
    perfect: bool = False,
) -> Modulation:
    """Of the beams of a point at several wavelengths: of their mean transfer function about one place.

    Parameters
    ----------
    beams : sequence of (Grid, wavelength [nm])
    plane : float
        z of the best axial focus [mm].
    defocus : float
        Of the image plane behind it [mm].
    cycles_per_mm : float64
        Any shape.
    perfect : bool
        Without aberrations.
    """
    wanted = np.ravel(cycles_per_mm)
    nothing = np.zeros(wanted.size)
    fx, fy = np.concatenate([wanted, nothing]), np.concatenate([nothing, wanted])
    first = beams[0][0]
    point = float(first.rays.at(plane + defocus)[0][first.passes].mean()), plane + defocus
    parts = []
    for grid, nm in beams:
        pupil = pupil_function(grid, plane, nm)
        if pupil is not None:
            parts.append(transfer(pupil, point, nm, fx, fy, perfect=perfect))
        else:
            limit = diffraction(grid, nm, fx, fy).astype(np.complex128)
            parts.append(limit if perfect else limit * ray_transfer(grid, point, fx, fy))
    contrast = np.reshape(np.abs(np.mean(parts, axis=0)), (2, *np.shape(cycles_per_mm)))
    return Modulation(contrast[0], contrast[1])


def ray_transfer(grid: Grid, point: tuple[float, float], fx: Float64, fy: Float64) -> Complex:
    """The transfer function of rays at frequencies (N,) [cycles/mm] about `point` (x, z) [mm]: their spot's alone."""
    x, y = (a[grid.passes] for a in grid.rays.at(point[1]))
    turns = (a * (x - point[0]) + b * y for a, b in zip(fx, fy, strict=True))
    return np.array([np.exp(-2j * np.pi * turn).mean() for turn in turns], np.complex128)
