"""Colours that the patches of the 24-patch chart should have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D65, adaptation, rgb_to_xyz, xy_to_xyz, xyz_to_xy
from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.light import lab_to_xyz, xyz_to_lab

PATCHES = (
    "dark skin", "light skin", "blue sky", "foliage", "blue flower", "bluish green",
    "orange", "purplish blue", "moderate red", "purple", "yellow green", "orange yellow",
    "blue", "green", "red", "yellow", "magenta", "cyan",
    "white", "neutral 8", "neutral 6.5", "neutral 5", "neutral 3.5", "black",
)  # fmt: skip
"""The patches row by row, from the brown one."""
COLUMNS, ROWS = 6, 4

MEASURED: Mapping[str, str] = MappingProxyType(
    {
        "colorchecker_2005": "ColorChecker 2005",
        "colorchecker_before_2014": "ColorChecker24 - Before November 2014",
        "colorchecker_after_2014": "ColorChecker24 - After November 2014",
    }
)
"""Tables of xyY under D50 in colour-science: BabelColor's copy of GretagMacbeth's 2005 data, and X-Rite's data of the
two formulations."""
SPECTRA = ("iso", "ohta", "babel")
"""Reflectances, the ones the simulator paints its charts with (`sensors.scenes.materials.color_chart`)."""
DEFAULT = "colorchecker_after_2014"


@cache
def reference_lab(reference: str = DEFAULT, illuminant: str = "D65") -> Float64:
    """(24, 3) CIE L*a*b* (D65, 2 degrees) of the chart's patches, read-only.

    Parameters
    ----------
    reference : str
        A key of `MEASURED` (xyY under D50, taken to D65 by linear Bradford adaptation) or of `SPECTRA` (integrated
        under the light, 380..780 nm at 5 nm, CIE 1931 observer).
    illuminant : str
        Light on the chart, a CIE illuminant of colour-science. Its white becomes D65 (linear Bradford); for `SPECTRA`
        only, since tables of colours hold for one light.

    Raises
    ------
    UsageError
        A name that is not known, or another light for a table of colours.
    """
    if reference not in (*MEASURED, *SPECTRA):
        raise UsageError(f"reference {reference!r} is not known; references: {', '.join((*MEASURED, *SPECTRA))}")
    if reference in SPECTRA:
        xyz, white = _integrated(reference, illuminant)
    else:
        if illuminant != "D65":
            raise UsageError(f"reference {reference!r} holds colours, so its light cannot become {illuminant!r}; "
                             f"references with spectra: {', '.join(SPECTRA)}")  # fmt: skip
        xyz, white = _tabulated(MEASURED[reference])
    adapted = xyz @ adaptation(xyz_to_xy(white), D65).T
    return frozen(xyz_to_lab(adapted, xy_to_xyz(D65)))


def as_reference(reference: str | ArrayLike, illuminant: str = "D65") -> Float64:
    """`reference_lab` of a name, or a user's own 24 L*a*b* values (D65) after a check.

    Raises
    ------
    UsageError
        An unknown name, or values that are not (24, 3) finite numbers with L* in 0..100.
    """
    if isinstance(reference, str):
        return reference_lab(reference, illuminant)
    lab = np.asarray(reference, np.float64)
    if lab.shape != (24, 3) or not np.isfinite(lab).all() or lab[:, 0].min() < 0 or lab[:, 0].max() > 100:
        raise UsageError(f"reference of shape {lab.shape} must be 24 rows of finite L*, a*, b* with L* in 0..100")
    return frozen(lab)


@cache
def reference_rgb(reference: str = DEFAULT, space: str = "srgb") -> Float64:
    """(24, 3) linear RGB of `reference_lab`; below 0 where a colour lies outside the primaries of `space`."""
    lab = reference_lab(reference)
    return frozen(lab_to_xyz(lab) @ np.linalg.inv(rgb_to_xyz(space)).T)


def _tabulated(key: str) -> tuple[Float64, Float64]:
    import colour

    table = colour.CCS_COLOURCHECKERS[key]
    xyy = np.stack([np.asarray(value, np.float64) for value in table.data.values()])
    return np.asarray(colour.xyY_to_XYZ(xyy), np.float64), xy_to_xyz(table.illuminant)


def _integrated(name: str, illuminant: str) -> tuple[Float64, Float64]:
    from sensors.scenes.materials import color_chart, flat
    from sensors.spectrum import make_light, to_xyz

    light = make_light(illuminant, 1.0).spectrum
    white = to_xyz(flat(1.0)[0] * light)
    return to_xyz(color_chart(name)[1] * light) / white[1], white / white[1]
