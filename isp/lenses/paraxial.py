"""First-order optics: where rays close to the axis go (Welford, Aberrations of Optical Systems, 1986, chapter 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isp.lenses.prescription import Prescription
from isp.values import Float64


@dataclass(frozen=True)
class Pupil:
    """An image of the stop.

    Parameters
    ----------
    position : float
        On the axis [mm], positive towards the image; the entrance pupil's is measured from the first surface, the
        exit pupil's from the last.
    diameter : float
        [mm], of the whole stop.
    """

    position: float
    diameter: float


@dataclass(frozen=True)
class FirstOrder:
    """Focal length and back focus (last surface to focus) [mm], and the pupils."""

    focal_length: float
    back_focus: float
    entrance_pupil: Pupil
    exit_pupil: Pupil


@lru_cache(maxsize=256)
def first_order(prescription: Prescription, wavelength_nm: float) -> FirstOrder:
    """The first-order quantities at a wavelength [nm]. A lens without power has infinite or NaN lengths."""
    surfaces, stop = prescription.surfaces, prescription.stop
    n = [1.0, *(surface.glass.index(wavelength_nm) for surface in surfaces)]
    powers = [(n[i + 1] - n[i]) * surface.curvature for i, surface in enumerate(surfaces)]
    # behind the last surface and before the stop there is no step to another surface
    steps = [surface.thickness / n[i + 1] for i, surface in enumerate(surfaces)]
    whole = _matrix(powers, steps[:-1])
    before = _matrix(powers[:stop], steps[:stop])
    behind = _matrix(powers[stop:], steps[stop:-1])
    diameter = 2 * surfaces[stop].semi_diameter
    with np.errstate(divide="ignore", invalid="ignore"):
        focal_length = -1 / whole[1, 0]
        return FirstOrder(
            focal_length=float(focal_length),
            back_focus=float(focal_length * whole[0, 0]),
            # a ray from the pupil's centre on the axis meets the stop on the axis
            entrance_pupil=Pupil(float(before[0, 1] / before[0, 0]), float(diameter / abs(before[0, 0]))),
            exit_pupil=Pupil(float(-behind[0, 1] / behind[1, 1]), float(diameter / abs(behind[1, 1]))),
        )


def _matrix(powers: list[float], steps: list[float]) -> Float64:
    """Of heights and n x slope, from before the first surface to behind the last (or to the end of the last step)."""
    found = np.eye(2)
    for i, power in enumerate(powers):
        found = np.array([[1, 0], [-power, 1]]) @ found
        if i < len(steps):
            found = np.array([[1, steps[i]], [0, 1]]) @ found
    return found
