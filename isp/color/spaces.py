"""RGB spaces as matrices, computed from the chromaticities their standards give, and adaptation between whites."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64, frozen

Chromaticity = tuple[float, float]

D65: Chromaticity = (0.3127, 0.3290)
"""White of Rec.2020, sRGB and Display P3 (CIE 1931 xy, the four digits their standards give)."""

D50: Chromaticity = (0.3457, 0.3585)
"""White of the profile connection space (DNG 1.7, chapter 6; ICC.1), CIE 1931 xy."""

WORKING = "rec2020"
"""The working space: linear, D65, unclipped."""

PRIMARIES: Mapping[str, tuple[Chromaticity, Chromaticity, Chromaticity]] = MappingProxyType(
    {
        "rec2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # ITU-R BT.2020-2, table 3
        "srgb": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # IEC 61966-2-1, table 1
        "display_p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # SMPTE EG 432-1
    }
)
"""xy of red, green and blue by space; all three spaces have the white D65."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to sharpened cone responses (Lam 1985; ICC.1:2022, annex E)."""


def xy_to_xyz(xy: ArrayLike) -> Float64:
    """XYZ (3,) with Y = 1 of a chromaticity (2,)."""
    x, y = np.asarray(xy, np.float64)
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def xyz_to_xy(xyz: ArrayLike) -> Chromaticity:
    """Chromaticity of XYZ (3,)."""
    X, Y, Z = (float(v) for v in np.asarray(xyz, np.float64))
    total = X + Y + Z
    return X / total, Y / total


@cache
def rgb_to_xyz(space: str) -> Float64:
    """(3, 3) from linear RGB of `space` to XYZ, white at Y = 1 (SMPTE RP 177).

    Raises
    ------
    UsageError
        `space` is not one of `PRIMARIES`.
    """
    if space not in PRIMARIES:
        raise UsageError(f"colour space {space!r} is not known; spaces: {', '.join(PRIMARIES)}")
    columns = np.stack([xy_to_xyz(xy) for xy in PRIMARIES[space]], axis=1)
    return frozen(columns * np.linalg.solve(columns, xy_to_xyz(D65)))


@cache
def conversion(source: str, target: str) -> Float64:
    """(3, 3) from linear RGB of one space to linear RGB of another."""
    return frozen(np.linalg.solve(rgb_to_xyz(target), rgb_to_xyz(source)))


@cache
def luma(space: str) -> Float64:
    """(3,) weights of R, G, B in the luminance Y."""
    return frozen(rgb_to_xyz(space)[1])


def adaptation(source: ArrayLike, target: ArrayLike) -> Float64:
    """(3, 3) linear Bradford adaptation of XYZ from the white `source` to the white `target`, both CIE 1931 xy.

    Cone gains are held in 0.1..10, which only whites outside the range of lights reach.
    """
    before, after = _BRADFORD @ xy_to_xyz(source), _BRADFORD @ xy_to_xyz(target)
    gains = np.clip(after / np.maximum(before, 1e-9), 0.1, 10.0)
    return np.asarray(np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD))


@cache
def pcs_to_rgb(space: str) -> Float64:
    """(3, 3) from XYZ relative to D50 to linear RGB of `space`."""
    return frozen(np.linalg.solve(rgb_to_xyz(space), adaptation(D50, D65)))


def srgb_encoded(linear: ArrayLike) -> Float64:
    """Linear values 0..1 through the sRGB transfer (IEC 61966-2-1, 5.2)."""
    x = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.asarray(np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055))
