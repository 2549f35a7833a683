"""A sensor's colour as a DNG file states it, computed from its spectral sensitivities (DNG 1.7, chapter 6).

For each of the two calibration lights, standard illuminant A and D65, the camera and the CIE 1931 observer look at the
same reflectances. The ForwardMatrix takes white-balanced camera RGB to XYZ adapted to D50 (linear Bradford); its rows
sum to D50, so that white stays white, and its six free numbers minimise the CIEDE2000 differences (CIE 142-2001)
between what the camera makes of the reflectances and what they are. It starts from the linear least-squares matrix.

The ColorMatrix is the inverse of the same mapping, without balance and adaptation: so it takes the XYZ of the light to
exactly the camera's neutral, and a developer that knows no ForwardMatrix gets the same colours.

The reflectances are the two measurements of the 24-patch ColorChecker in colour-science (BabelColor average; N. Ohta
1997). A larger set did not generalise better: with the 99 of CIE 224:2017 added, the mean difference over 190
reflectances in neither set changed by -2..+5 % (34 measured cameras), while the chart's own grew by 3..14 %.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from isp.color.spaces import D50, adaptation, xy_to_xyz
from isp.errors import UsageError
from isp.values import ColorCalibration, Float64, frozen
from sensors.sensitivity import Sensitivity
from sensors.spectrum import WAVELENGTHS, Light, make_light, on_grid, photon_rate, to_xyz

LIGHTS = (("A", 2856.0, "Standard light A"), ("D65", 6504.0, "D65"))
"""Calibration lights: illuminant, temperature that DNG gives it [K] (EXIF LightSource 17 and 21), and its name."""

_CHARTS = ("BabelColor Average", "ColorChecker N Ohta")
_MODERATE = 1.0
"""Colour difference from which on a patch counts by its size instead of its square, which brings the fit close to the
least mean difference (soft L1)."""
_WORST_CONDITION = 200.0
"""Condition number of the curves, each of unit area, beyond which a sensor does not tell colours apart; cameras have
2..10."""


def calibrate(sensitivity: Sensitivity) -> tuple[ColorCalibration, ColorCalibration]:
    """ColorMatrix and ForwardMatrix under standard illuminant A and D65.

    Parameters
    ----------
    sensitivity : Sensitivity
        Of three letters; the rows of the ColorMatrix are theirs in order (R, G, B, or R, Y, B).

    Returns
    -------
    (ColorCalibration, ColorCalibration)
        At 2856 K and 6504 K. The ColorMatrix maps the light's XYZ with Y = 1 to a camera neutral with a largest
        component of 1. Scaling the curves changes nothing beyond rounding.

    Raises
    ------
    UsageError
        A sensor without exactly three kinds of photosites, or whose channels are too alike.
    """
    _check_three(sensitivity)
    if np.linalg.cond(sensitivity.curves / sensitivity.curves.sum(axis=1)[:, None]) > _WORST_CONDITION:
        raise UsageError(f"sensitivity {sensitivity.name!r}: its three channels are too alike to tell colours apart")
    first, second = _matrices(sensitivity.curves.tobytes())
    (_, warm, warm_name), (_, cold, cold_name) = LIGHTS
    return (
        ColorCalibration(warm, first[0], first[1], illuminant=warm_name),
        ColorCalibration(cold, second[0], second[1], illuminant=cold_name),
    )


def neutral(sensitivity: Sensitivity, light: Light) -> tuple[float, float, float]:
    """What the three channels see of a perfect diffuser, the largest being 1: DNG's AsShotNeutral.

    A light of 0 lx has the neutral that its name has at any other level.

    Raises
    ------
    UsageError
        A sensor without exactly three kinds of photosites, or one of them sees nothing of this light.
    """
    _check_three(sensitivity)
    spectrum = light.spectrum if light.lux > 0 else make_light(light.name, 1.0).spectrum
    seen = _seen(sensitivity.curves, spectrum)
    if seen.min() <= 1e-4 * seen.max():
        dim = sensitivity.letters[int(seen.argmin())]
        raise UsageError(f"sensitivity {sensitivity.name!r}: {dim} sees nothing of light {light.name!r}")
    red, green, blue = (float(v) for v in seen / seen.max())
    return red, green, blue


@cache
def chart_reflectances() -> Float64:
    """(48, 81) reflectances that `calibrate` looks at: both ColorCheckers, patch by patch."""
    import colour

    sets = [colour.SDS_COLOURCHECKERS[name].values() for name in _CHARTS]
    return frozen(np.stack([on_grid(sd.wavelengths, sd.values) for patches in sets for sd in patches]))


def _check_three(sensitivity: Sensitivity) -> None:
    if len(sensitivity.letters) != 3:
        raise UsageError(
            f"sensitivity {sensitivity.name!r} has {len(sensitivity.letters)} kinds of photosites "
            f"({', '.join(sensitivity.letters)}); a colour calibration needs exactly 3"
        )


def _seen(curves: Float64, spectra: Float64) -> Float64:
    """Electrons (..., C), up to a factor, of spectra of power (..., 81)."""
    return np.asarray(photon_rate(spectra) @ curves.T)


@lru_cache(maxsize=64)
def _matrices(curves: bytes) -> tuple[tuple[Float64, Float64], ...]:
    """(ColorMatrix, ForwardMatrix) under each of `LIGHTS`."""
    efficiency = np.frombuffer(curves).reshape(3, len(WAVELENGTHS))
    return tuple(_under(efficiency, make_light(name, 1000.0)) for name, *_ in LIGHTS)


def _under(curves: Float64, light: Light) -> tuple[Float64, Float64]:
    patches = light.spectrum * chart_reflectances()
    white = _seen(curves, light.spectrum)
    to_d50 = adaptation(light.xy, D50)
    target = to_xyz(patches) / to_xyz(light.spectrum)[1] @ to_d50.T
    forward = _forward(_seen(curves, patches) / white, target)
    to_camera = np.diag(white / white.max()) @ np.linalg.solve(forward, to_d50)
    return frozen(to_camera), frozen(forward)


def _forward(camera: Float64, target: Float64) -> Float64:
    """(3, 3) from balanced camera RGB (N, 3) to XYZ of D50 (N, 3); maps (1, 1, 1) to D50."""
    import colour
    from scipy.optimize import least_squares

    white = xy_to_xyz(D50)

    def matrix(free: Float64) -> Float64:
        left = free.reshape(3, 2)
        return np.column_stack([left, white - left.sum(axis=1)])

    def lab(xyz: Float64) -> Float64:
        return np.asarray(colour.XYZ_to_Lab(xyz, D50))

    wanted = lab(target)

    def differences(free: Float64) -> Float64:
        return np.asarray(colour.difference.delta_E_CIE2000(lab(camera @ matrix(free).T), wanted))

    # with the third column given by the others: (camera - third) . left = target - third . white
    third = camera[:, 2:]
    start = np.linalg.lstsq(camera[:, :2] - third, target - third * white, rcond=None)[0].T.ravel()
    found = least_squares(
        differences, start, loss="soft_l1", f_scale=_MODERATE, x_scale="jac", ftol=1e-4, max_nfev=200
    )
    return matrix(np.asarray(found.x))
