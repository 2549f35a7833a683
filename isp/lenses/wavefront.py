"""The wavefront of a beam: how far its light is from meeting in one point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isp.lenses.pupil_function import PupilFunction, parts_of
from isp.values import Float64

HALF_WAVE = 0.5
"""Path difference between samples from which on their phase is not known."""


@dataclass(frozen=True, eq=False)
class Wavefront:
    """The wave of one point and wavelength, against the sphere about its image in a plane.

    The image point is the one in that plane for which `rms_waves` is the smallest (no tilt is left).

    Parameters
    ----------
    cosine_x, cosine_y : (n,) float64
        Direction cosines behind the lens, ascending; x is radial, outwards.
    opd_waves : (n, n) float64
        Optical path from the object to the image point less its mean over the opening [wavelengths], positive where
        it is longer; axis 0 along y; NaN where less than half of a sample is open.
    amplitude : (n, n) float64
        0 where no light gets through, with mean square 1 where it does.
    rms_waves : float
        Root mean square of `opd_waves`, weighted by the light.
    strehl : float
        Intensity in the image point relative to a wave without aberrations of the same amplitude, 0..1; NaN where the
        path differs by half a wave or more from sample to sample: more of them may tell.
    center_mm : float
        Image height of the image point.
    """

    cosine_x: Float64
    cosine_y: Float64
    opd_waves: Float64
    amplitude: Float64
    rms_waves: float
    strehl: float
    center_mm: float

    @property
    def peak_to_valley_waves(self) -> float:
        """Greatest minus least of `opd_waves`."""
        return float(np.nanmax(self.opd_waves) - np.nanmin(self.opd_waves))


def wavefront_of(pupil: PupilFunction, plane: float, wavelength_nm: float, count: int) -> Wavefront:
    """The wavefront about the best image point in the plane z = `plane` [mm], on `count` x `count` samples."""
    wave = wavelength_nm * 1e-6
    (cx, cy), _ = parts_of(pupil.low, pupil.high, count)
    root, free, path = pupil.sample(cx, cy, (pupil.point[0], plane))
    amplitude, light = root * free, root**2 * free
    light /= light.sum()
    inside = light > 0
    # the tilt that least squares leave is the place of the image point
    columns = np.stack([a[inside] for a in np.broadcast_arrays(1.0, cx, cy[:, None])])
    weighted = columns * light[inside]
    mean, tilt_x, tilt_y = np.linalg.solve(
        np.einsum("ik,jk->ij", weighted, columns), np.einsum("ik,k->i", weighted, path[inside])
    )
    waves = (path - mean - tilt_x * cx - tilt_y * cy[:, None]) / wave
    share, opd = amplitude / amplitude.sum(), np.where(free >= 0.5, waves, math.nan)
    steps = np.concatenate([np.abs(np.diff(opd, axis=axis)).ravel() for axis in (0, 1)])
    told = float(np.max(steps, initial=0.0, where=~np.isnan(steps))) < HALF_WAVE
    strehl = float(abs((share * np.exp(2j * np.pi * waves)).sum()) ** 2) if told else math.nan
    return Wavefront(
        cx, cy, opd, amplitude / math.sqrt(float((amplitude[inside] ** 2).mean())),
        math.sqrt(float((light * waves**2).sum())), strehl, pupil.point[0] - float(tilt_x),
    )
