"""Lights and what a spectrum amounts to: photometry, photons, CIE XYZ.

Every spectral array of the simulator lives on one grid, 380..780 nm in steps of 5 nm, and is integrated as a sum of
samples times the step (CIE 015:2018, 7.1: summation at 5 nm is accurate enough for all but line spectra, whose tables
the CIE gives binned at 5 nm). Data of the CIE come from colour-science.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import Chromaticity, xyz_to_xy
from isp.color.temperature import temperature_and_tint
from isp.errors import UsageError
from isp.values import Float64, frozen

STEP = 5.0
"""Distance between samples [nm]."""

WAVELENGTHS: Float64 = frozen(np.arange(380.0, 780.0 + STEP, STEP))
"""(81,) wavelengths of all spectral arrays [nm]."""

PLANCK = 6.62607015e-34
"""Planck constant h [J s], exact (SI 2019)."""

LIGHT_SPEED = 299_792_458.0
"""Speed of light c [m/s], exact (SI)."""

LUMINOUS_EFFICACY = 683.0
"""Maximum luminous efficacy K_m [lm/W] (CIE 015:2018)."""

BRIGHTEST = 2e5
"""Largest illuminance allowed [lx]; full sunlight is about 1.2e5 lx."""

BLACKBODY_RANGE = (1700.0, 25_000.0)
DAYLIGHT_RANGE = (4000.0, 25_000.0)
"""Temperatures allowed [K]: those whose correlated colour temperature is defined, and CIE 015:2018, eq. 4.8-4.9."""

_FORMS = "a CIE illuminant (A, D50, D65, FL2, LED-B1, ...), a black body such as 2856K, or daylight:5200"


@dataclass(frozen=True)
class Light:
    """A light on the scene.

    Parameters
    ----------
    name : str
        As asked for, in its usual spelling.
    spectrum : (81,) float64
        Spectral irradiance on the scene [W m^-2 nm^-1].
    lux : float
        Illuminance [lx] that `spectrum` amounts to.
    xy : (float, float)
        CIE 1931 chromaticity.
    cct : float
        Correlated colour temperature [K] (Robertson 1968).

    Raises
    ------
    UsageError
        `spectrum` is not 81 finite numbers >= 0.
    """

    name: str
    spectrum: Float64
    lux: float
    xy: Chromaticity
    cct: float

    def __post_init__(self) -> None:
        spectrum = frozen(self.spectrum, np.float64)
        if spectrum.shape != WAVELENGTHS.shape or not np.isfinite(spectrum).all() or (spectrum < 0).any():
            raise UsageError(
                f"light {self.name!r}: spectrum of shape {spectrum.shape} must be "
                f"{len(WAVELENGTHS)} finite numbers >= 0 [W m^-2 nm^-1] at 380..780 nm in steps of 5 nm"
            )
        object.__setattr__(self, "spectrum", spectrum)


def make_light(illuminant: str, lux: float) -> Light:
    """A light by name.

    Parameters
    ----------
    illuminant : str
        A CIE illuminant of colour-science in any case (`A`, `C`, `D50`, `D65`, `E`, `FL1`..`FL12` or `F1`..`F12`,
        `FL3.1`.., `HP1`..`HP5`, `LED-B1`.., `ID65`, `ISO 7589 Photoflood`, ...); `2856K` or `blackbody:2856` for a
        Planckian radiator of 1700..25000 K; `daylight:5200` for CIE daylight of 4000..25000 K.
    lux : float
        Illuminance on the scene [lx], 0..2e5.

    Raises
    ------
    UsageError
        An unknown name (the nearest is suggested), or a temperature or illuminance out of bounds.
    """
    if isinstance(lux, bool) or not isinstance(lux, int | float | np.number) or not 0 <= float(lux) <= BRIGHTEST:
        raise UsageError(f"illuminance {lux!r} lx must be a number in 0..{BRIGHTEST:g}")
    name, spectrum = _relative(_canonical(illuminant))
    per_unit = LUMINOUS_EFFICACY * float(integrate(spectrum * observer()[1]))
    xy = xyz_to_xy(integrate(spectrum * observer()))
    return Light(name, spectrum * (float(lux) / per_unit), float(lux), xy, temperature_and_tint(xy)[0])


def integrate(spectra: ArrayLike) -> Float64:
    """Integral over wavelength of (..., 81) sampled values: (...), the sum of samples times 5 nm."""
    return np.asarray(np.sum(np.asarray(spectra, np.float64), axis=-1) * STEP)


def photon_rate(irradiance: ArrayLike) -> Float64:
    """Photons of a spectral irradiance.

    Parameters
    ----------
    irradiance : (..., 81)
        [W m^-2 nm^-1].

    Returns
    -------
    (..., 81) float64
        [photons s^-1 m^-2 nm^-1]: irradiance times lambda / (h c).
    """
    return np.asarray(np.asarray(irradiance, np.float64) * (WAVELENGTHS * 1e-9 / (PLANCK * LIGHT_SPEED)))


def to_xyz(radiance: ArrayLike) -> Float64:
    """Absolute CIE 1931 XYZ (2 degree observer) of a spectral radiance.

    Parameters
    ----------
    radiance : (..., 81)
        [W m^-2 sr^-1 nm^-1].

    Returns
    -------
    (..., 3) float64
        683 lm/W times the integrals with the colour matching functions; Y is the luminance [cd/m^2].
    """
    return np.asarray(np.asarray(radiance, np.float64) @ observer().T * (STEP * LUMINOUS_EFFICACY))


@cache
def observer() -> Float64:
    """(3, 81) colour matching functions of the CIE 1931 2 degree observer; row 1 is the luminous efficiency V."""
    import colour

    table = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    return frozen(np.ascontiguousarray(on_grid(table.wavelengths, table.values.T)))


def on_grid(wavelengths: ArrayLike, values: ArrayLike, beyond: str = "nearest") -> Float64:
    """Spectra measured at other wavelengths, on the simulator's grid.

    Samples at a grid wavelength are taken as they are; between samples a monotone cubic (Fritsch & Carlson 1980) is
    used, which cannot overshoot.

    Parameters
    ----------
    wavelengths : (N,)
        [nm], increasing; N >= 2.
    values : (..., N)
    beyond : str
        What lies outside the measured range: `nearest` holds the end values (CIE 015:2018, 7.2.3, for lights and
        reflectances), `zero` is for sensitivities.

    Returns
    -------
    (..., 81) float64
    """
    from scipy.interpolate import PchipInterpolator

    at, given = np.asarray(wavelengths, np.float64), np.asarray(values, np.float64)
    inside = np.clip(WAVELENGTHS, at[0], at[-1])
    found = np.asarray(PchipInterpolator(at, given, axis=-1)(inside))
    return found * (inside == WAVELENGTHS) if beyond == "zero" else found


def _canonical(illuminant: str) -> str:
    """The name as colour-science or `_radiator` has it."""
    text = illuminant.strip() if isinstance(illuminant, str) else ""
    if re.fullmatch(r"\d+(\.\d*)?\s*[kK]", text):
        return f"blackbody:{_kelvin(text, BLACKBODY_RANGE, illuminant):g}K"
    kind, colon, amount = text.partition(":")
    if colon and kind.strip().lower() in ("blackbody", "daylight"):
        kind = kind.strip().lower()
        bounds = BLACKBODY_RANGE if kind == "blackbody" else DAYLIGHT_RANGE
        return f"{kind}:{_kelvin(amount, bounds, illuminant):g}K"
    names = _names()
    key = re.sub(r"^f(?=\d)", "fl", text.lower())
    if key in names:
        return names[key]
    near = difflib.get_close_matches(key, names, 1, 0.5)
    hint = f"did you mean {names[near[0]]!r}? " if near else ""
    raise UsageError(f"illuminant {illuminant!r} is not known; {hint}allowed: {_FORMS}")


def _kelvin(text: str, bounds: tuple[float, float], illuminant: str) -> float:
    try:
        value = float(text.strip().rstrip("kK"))
    except ValueError:
        value = math.nan
    if not bounds[0] <= value <= bounds[1]:
        raise UsageError(f"illuminant {illuminant!r}: the temperature must be {bounds[0]:g}..{bounds[1]:g} K")
    return value


@cache
def _names() -> Mapping[str, str]:
    """Lower-case names of the illuminants to their own spelling."""
    import colour

    return MappingProxyType({str(name).lower(): str(name) for name in colour.SDS_ILLUMINANTS})


@cache
def _relative(name: str) -> tuple[str, Float64]:
    """Name for people and spectrum (81,) up to a factor."""
    import colour

    kind, colon, amount = name.partition(":")
    shape = colour.SpectralShape(WAVELENGTHS[0], WAVELENGTHS[-1], STEP)
    if not colon:
        table = colour.SDS_ILLUMINANTS[name]
    elif kind == "blackbody":
        table = colour.sd_blackbody(float(amount[:-1]), shape)
        name = amount
    else:
        xy = colour.temperature.CCT_to_xy_CIE_D(float(amount[:-1]))
        table = colour.sd_CIE_illuminant_D_series(xy, shape=shape)
    return name, frozen(np.maximum(on_grid(table.wavelengths, table.values), 0.0))
