"""Visual noise: what an eye sees of a patch's noise from its distance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D65, adaptation, rgb_to_xyz, xy_to_xyz
from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import Estimate, Measured
from reports.light import Encoding, linear, xyz_to_lab
from reports.metrics.noise import checked, detrended, moments, unusable
from reports.metrics.perceptual import PIXELS_PER_DEGREE

EDITION = "ISO 15739:2013, annex B"
SMALLEST = 32
"""Side of a patch from which its slow noise can be told from uneven light [px]."""
WEIGHTS = (1.0, 0.852, 0.323)
"""Of the standard deviations of L*, u* and v* (ISO 15739:2013, annex B)."""
EQUAL_ENERGY = (1 / 3, 1 / 3)
"""White E, CIE 1931 xy: there X = Y = Z, so greys have no opponent chroma."""
OPPONENT = np.array([[0, 1, 0], [1, -1, 0], [0, 0.4, -0.4]])
"""From XYZ under E to A, C1 (red-green) and C2 (yellow-blue)."""
_LUMINANCE = (75.0, 0.8, 0.2, 34.05)  # a, c, b and the divisor of a f^c exp(-b f), which makes its peak 3
_RED_GREEN = (109.14130, 0.00038, 3.42436, 93.59711, 0.00367, 2.16771)  # Johnson and Fairchild 2003, table 2
_YELLOW_BLUE = (7.032845, 0.000004, 4.258205, 40.690950, 0.103909, 1.648658)

_NOTHING = 1e-9  # L* of rounding errors


@dataclass(frozen=True)
class VisualNoise(Measured):
    """Visible noise of one patch.

    Parameters
    ----------
    value : Estimate
        Weighted sum of the three deviations.
    lightness, red_green, yellow_blue : Estimate
        Standard deviations of L*, u*, v* behind the eye's filter.
    pixels_per_degree : float
    edition : str
        Whose definition this is.
    """

    value: Estimate
    lightness: Estimate
    red_green: Estimate
    yellow_blue: Estimate
    pixels_per_degree: float
    edition: str = EDITION


def pixels_per_degree(distance: float, pitch: float) -> float:
    """Pixels that a degree of the visual field spans: distance to the picture and its pixel pitch, in one unit."""
    if not (math.isfinite(distance) and math.isfinite(pitch) and distance > 0 and pitch > 0):
        raise UsageError(f"distance={distance} and pitch={pitch} must be > 0")
    return 2 * distance / pitch * math.tan(math.radians(0.5))


def contrast_sensitivity(frequency: ArrayLike) -> tuple[Float64, Float64, Float64]:
    """Sensitivity to contrast of luminance, red-green and yellow-blue at a frequency [cycles/degree].

    1 at frequency 0; that of luminance is band-pass with the peak 3 at 4 cycles/degree.
    """
    f = np.abs(np.asarray(frequency, np.float64))
    a, c, b, divisor = _LUMINANCE
    # the mean is not seen as noise, and no conversion to L* would do without it
    achromatic = np.where(f > 0, a * f**c * np.exp(-b * f) / divisor, 1.0)
    red_green, yellow_blue = (
        (a1 * np.exp(-b1 * f**c1) + a2 * np.exp(-b2 * f**c2)) / (a1 + a2)
        for a1, b1, c1, a2, b2, c2 in (_RED_GREEN, _YELLOW_BLUE)
    )
    return achromatic, red_green, yellow_blue


def visual_noise(
    patch: ArrayLike, viewing: float = PIXELS_PER_DEGREE, *, encoding: Encoding = "linear", space: str = "srgb"
) -> VisualNoise:
    """Visual noise of an even patch seen from a distance.

    Parameters
    ----------
    patch : (h, w) or (h, w, 3)
        Of at least 32 x 32 pixels: codes or floating point, white at 1.
    viewing : float
        Pixels per degree of the visual field, see `pixels_per_degree`. Default: that of `flip`, a 4K display at 0.7 m.
    encoding, space : see `reports.metrics.snr`

    Returns
    -------
    VisualNoise
        n.a. with the reason for patches that are too small, clipped or not finite; 0 without noise.

    Raises
    ------
    UsageError
        A shape that is not a patch, an unknown encoding, or a viewing condition that is not above 0.

    Notes
    -----
    ISO 15739:2013, annex B (the same in 2017): light as XYZ under the white E, opponent channels A, C1, C2, each
    filtered in the frequency domain by the eye's contrast sensitivity (Johnson and Fairchild 2003), back to XYZ, to D65
    and to CIELUV: ``sigma(L*) + 0.852 sigma(u*) + 0.323 sigma(v*)``. Different here: the polynomial of degree 2 in x
    and y is taken out first, uneven light is not noise. The edition of 2023 weighs CIELAB behind another filter; its
    constants are not public. The interval is that of a normal sum over independent frequencies.
    """
    given = checked(patch)
    if not (math.isfinite(viewing) and viewing > 0):
        raise UsageError(f"viewing={viewing} must be > 0 pixels per degree")
    why = unusable(given)
    height, width = given.shape[:2]
    if not why and min(height, width) < SMALLEST:
        why = f"the patch of {width}x{height} pixels is smaller than {SMALLEST}x{SMALLEST}"
    light = linear(given, encoding, space)
    if not why and not np.isfinite(light).all():
        why = "the patch holds values that are not finite"
    if why:
        none = Estimate.missing(why)
        return VisualNoise(none, none, none, none, viewing)
    light = light if light.ndim == 3 else np.repeat(light[..., None], 3, axis=2)
    luv = np.moveaxis(_luv(_seen(light @ rgb_to_xyz(space).T, viewing)), -1, 0)
    deviations, covariance = _deviations([detrended(plane) for plane in luv])
    weights = np.array(WEIGHTS)
    errors = np.sqrt(np.diag(covariance))
    total = _positive(float(weights @ deviations), math.sqrt(max(float(weights @ covariance @ weights), 0.0)))
    lightness, red_green, yellow_blue = (
        _positive(float(value), float(error)) for value, error in zip(deviations, errors, strict=True)
    )
    return VisualNoise(total, lightness, red_green, yellow_blue, viewing)


def _positive(value: float, error: float) -> Estimate:
    """A deviation is log-normal rather than normal: it is never below 0."""
    if value <= _NOTHING:
        return Estimate(0.0, (0.0, 0.0))
    log = Estimate.normal(math.log(value), error / value)
    return Estimate(value, (math.exp(log.interval[0]), math.exp(log.interval[1])))


def _seen(xyz: Float64, viewing: float) -> Float64:
    """XYZ (h, w, 3) under D65 behind the filters of the eye."""
    matrix = OPPONENT @ adaptation(D65, EQUAL_ENERGY)
    planes = np.moveaxis(xyz @ matrix.T, -1, 0)
    height, width = planes.shape[1:]
    frequency = viewing * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    filtered = []
    for plane, response in zip(planes, contrast_sensitivity(frequency), strict=True):
        noise = detrended(plane)
        filtered.append(plane.mean() + np.fft.irfft2(np.fft.rfft2(noise) * response, noise.shape))
    return np.asarray(np.stack(filtered, axis=-1) @ np.linalg.inv(matrix).T)


def _luv(xyz: Float64) -> Float64:
    """CIE L*u*v* (CIE 15:2018, 8.2.2) of XYZ under D65; black has no colour."""
    white = xy_to_xyz(D65)
    weigh = np.array([1.0, 15.0, 3.0])
    sums = (xyz @ weigh)[..., None]
    lit = sums > 1e-9
    off = np.where(lit, xyz[..., :2] / np.where(lit, sums, 1.0) - white[:2] / (white @ weigh), 0.0) * (4.0, 9.0)
    lightness = xyz_to_lab(xyz, white)[..., :1]
    return np.concatenate([lightness, 13 * lightness * off], axis=-1)


def _deviations(planes: list[Float64]) -> tuple[Float64, Float64]:
    """(3,) standard deviations of planes of noise, and (3, 3) the covariance of their errors.

    Powers at different frequencies are independent and scatter as an exponential distribution: the mean square of a
    periodogram is twice the square of its mean. So are those of two planes, as far as these are correlated.
    """
    powers = np.stack([np.abs(np.fft.fft2(plane)).ravel() ** 2 / plane.size**2 for plane in planes])
    variances = powers.sum(axis=1)
    deviations = np.sqrt([moments(plane).variance for plane in planes])
    products = np.array([[float((a * b).mean()) for b in planes] for a in planes])
    alike = products**2 / np.maximum(np.outer(variances, variances), 1e-300)
    # a frequency and its mirror image are one
    scatter = powers @ powers.T / np.maximum(np.outer(variances, variances), 1e-300) * 2 * alike / (1 + alike)
    return deviations, scatter * np.outer(deviations, deviations) / 4
