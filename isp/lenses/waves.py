"""Interference over a pupil function: the contrast of an image, and the picture of a point."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError
from isp.lenses.pupil_function import FEWEST, PupilFunction, parts_of
from isp.values import Float64

PER_CYCLE = 8
"""Samples per turn of the phase between two sheared pupils, which changes by a turn per cycle of the blur."""
MOST = 2048
"""Samples across the opening, at most."""
Complex = NDArray[np.complex128]


def transfer(
    pupil: PupilFunction, point: tuple[float, float], wavelength_nm: float, fx: Float64, fy: Float64, *,
    perfect: bool = False,
) -> Complex:
    """The optical transfer function at spatial frequencies (N,) [cycles/mm] along x and y, about `point` (x, z) [mm].

    The autocorrelation of the pupil function (Goodman, 6.4.3), each shear by quadrature of its own (H. Hopkins, Proc.
    Phys. Soc. B 70, 1002, 1957): only the difference of two paths is sampled, which changes slowly where the path
    itself does not. `perfect` takes the aberrations away.

    Raises
    ------
    NumericError
        The blur holds more cycles than can be sampled.
    """
    x, y = (a[pupil.grid.passes] for a in pupil.grid.rays.at(point[1]))
    wave, found = wavelength_nm * 1e-6, np.zeros(len(fx), np.complex128)
    whole: dict[int, float] = {}
    for k, shear in enumerate(wave * np.stack([fx, fy], axis=1)):
        low, high = pupil.low + np.abs(shear) / 2, pupil.high - np.abs(shear) / 2
        if not (high > low).all():
            # beyond the cutoff
            continue
        cycles = 0.0 if perfect else float(np.abs(shear) @ [np.ptp(x), np.ptp(y)]) / wave
        count = FEWEST + math.ceil(PER_CYCLE * cycles)
        if count > MOST:
            raise NumericError(
                f"a blur {1e3 * float(np.hypot(np.ptp(x), np.ptp(y))):.0f} µm wide holds too many cycles at "
                f"{float(np.hypot(fx[k], fy[k])):g} / mm; take lower frequencies or less defocus"
            )
        if count not in whole:
            cosines, cell = parts_of(pupil.low, pupil.high, count)
            root, free, _ = pupil.sample(*cosines, point)
            whole[count] = float((root**2 * free).sum()) * cell
        (cx, cy), cell = parts_of(low, high, count)
        (root, free, path), other = (
            pupil.sample(cx + side * shear[0], cy + side * shear[1], point) for side in (0.5, -0.5)
        )
        # two edges closer than a sample are one: the lesser of the open parts, not their product
        light = root * other[0] * np.minimum(free, other[1])
        between = np.zeros(1) if perfect else 2 * np.pi / wave * (path - other[2])
        found[k] = (light * np.exp(1j * between)).sum() * cell / whole[count]
    return found


def interference(
    pupil: PupilFunction, point: tuple[float, float], wavelength_nm: float, places: Float64
) -> Float64:
    """Intensity (N, N), y along axis 0, at `places` (N,) [mm] along x and y around `point` (x, z) [mm].

    The Fourier transform of the pupil function as two matrix products (Soummer et al., Optics Express 15, 15935,
    2007), which needs no grid of the pupil to go with that of the picture.

    Raises
    ------
    NumericError
        The picture is so large that the phase over the pupil cannot be sampled.
    """
    x, y = (a[pupil.grid.passes] for a in pupil.grid.rays.at(point[1]))
    reach = float(np.abs(places).max()) + max(float(np.abs(x - point[0]).max()), float(np.abs(y).max()))
    wave = wavelength_nm * 1e-6
    # light repeats after wavelength over sample
    count = FEWEST + math.ceil(1.1 * reach * float(2 * pupil.half.max()) / wave)
    if count > MOST:
        raise NumericError(
            f"a picture {2e3 * reach:.0f} µm wide holds too many waves at {wavelength_nm:g} nm; take a smaller "
            "pitch or size, less defocus, or rays"
        )
    (cx, cy), _ = parts_of(pupil.low, pupil.high, count)
    root, free, path = pupil.sample(cx, cy, point)
    field = root * free * np.exp(2j * np.pi / wave * path)
    over_x, over_y = (np.exp(2j * np.pi / wave * np.outer(places, c)) for c in (cx, cy))
    return np.abs(np.asarray(over_y @ field @ over_x.T, np.complex128)) ** 2
