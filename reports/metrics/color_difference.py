"""Differences between colours in CIE L*a*b*: CIE 1976 and CIEDE2000, and what they are made of.

ISO/CIE 11664-4:2019 (L*a*b*, ΔE*ab, ΔC*ab, ΔH*ab), ISO/CIE 11664-6:2022 (CIEDE2000); numerics of CIEDE2000 after
G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary Test Data,
and Mathematical Observations", Color Res. Appl. 30 (2005) 21. All weighting factors k are 1.

All functions take arrays (..., 3) that broadcast and return float64 (...); the order of the two matters for signs only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64

_C7 = 25.0**7
"""Chroma to the seventh where greys stop being stretched (Sharma 2005, eq. 4)."""
ROUNDING = 1e-9
"""Hues [deg] so near to opposite count as opposite: two of Sharma's pairs are, but for the last bit."""


class Parts2000(NamedTuple):
    """What CIEDE2000 is made of: ΔE00² = lightness² + chroma² + hue² + rotation · chroma · hue.

    Parameters
    ----------
    lightness, chroma, hue : (...) float64
        ΔL'/S_L, ΔC'/S_C, ΔH'/S_H: positive where the second colour is lighter, stronger, at the larger hue angle.
    rotation : (...) float64
        R_T, which joins chroma and hue among the blues.
    """

    lightness: Float64
    chroma: Float64
    hue: Float64
    rotation: Float64


def delta_e_76(lab_a: ArrayLike, lab_b: ArrayLike) -> Float64:
    """ΔE*ab, the distance in L*a*b* (ISO/CIE 11664-4:2019, 4.3)."""
    a, b = _pair(lab_a, lab_b)
    return np.asarray(np.linalg.norm(b - a, axis=-1))


def delta_c(lab_a: ArrayLike, lab_b: ArrayLike) -> Float64:
    """ΔC*ab: chroma of the second minus chroma of the first; positive where the second is stronger."""
    a, b = _pair(lab_a, lab_b)
    return np.asarray(np.hypot(b[..., 1], b[..., 2]) - np.hypot(a[..., 1], a[..., 2]))


def delta_h(lab_a: ArrayLike, lab_b: ArrayLike) -> Float64:
    """ΔH*ab, the hue difference as a distance: positive where the second is at the larger hue angle.

    ΔE*ab² = ΔL*² + ΔC*ab² + ΔH*ab² (ISO/CIE 11664-4:2019, 4.3).
    """
    a, b = _pair(lab_a, lab_b)
    cross = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    chromas = np.hypot(a[..., 1], a[..., 2]) * np.hypot(b[..., 1], b[..., 2])
    squared = 2.0 * (chromas - a[..., 1] * b[..., 1] - a[..., 2] * b[..., 2])
    return np.asarray(np.where(cross < 0, -1.0, 1.0) * np.sqrt(np.maximum(squared, 0.0)))


def delta_e_2000(lab_a: ArrayLike, lab_b: ArrayLike) -> Float64:
    """ΔE00 (ISO/CIE 11664-6:2022); about 1 is just noticed side by side."""
    parts = parts_2000(lab_a, lab_b)
    squares = parts.lightness**2 + parts.chroma**2 + parts.hue**2 + parts.rotation * parts.chroma * parts.hue
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def parts_2000(lab_a: ArrayLike, lab_b: ArrayLike) -> Parts2000:
    """Lightness, chroma and hue parts of CIEDE2000 (Sharma 2005, eq. 2-21).

    Raises
    ------
    UsageError
        The last axis is not L*, a*, b*.
    """
    one, two = _pair(lab_a, lab_b)
    mean_c7 = ((np.hypot(one[..., 1], one[..., 2]) + np.hypot(two[..., 1], two[..., 2])) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + _C7))
    a1, a2 = stretch * one[..., 1], stretch * two[..., 1]
    c1, c2 = np.hypot(a1, one[..., 2]), np.hypot(a2, two[..., 2])
    h1, h2 = (np.degrees(np.arctan2(v[..., 2], a)) % 360.0 for v, a in ((one, a1), (two, a2)))

    colored = c1 * c2 > 0
    turn = np.where(colored, (h2 - h1 + 180.0) % 360.0 - 180.0, 0.0)
    # exactly opposite hues: the paper counts +180 where the second angle is the larger, -180 where it is not
    turn = np.where((turn == -180.0) & (h2 > h1), 180.0, turn)
    far = np.abs(h1 - h2) > 180.0 + ROUNDING
    mean_h = np.where(far, (h1 + h2 + np.where(h1 + h2 < 360.0, 360.0, -360.0)) / 2, (h1 + h2) / 2)
    mean_h = np.where(colored, mean_h, h1 + h2)
    mean_l, mean_c = (one[..., 0] + two[..., 0]) / 2, (c1 + c2) / 2

    angle = np.radians(mean_h)
    t = (
        1.0 - 0.17 * np.cos(angle - np.radians(30.0)) + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6.0)) - 0.20 * np.cos(4 * angle - np.radians(63.0))
    )  # fmt: skip
    s_l = 1.0 + 0.015 * (mean_l - 50.0) ** 2 / np.sqrt(20.0 + (mean_l - 50.0) ** 2)
    s_c = 1.0 + 0.045 * mean_c
    s_h = 1.0 + 0.015 * mean_c * t
    blue = np.radians(30.0 * np.exp(-(((mean_h - 275.0) / 25.0) ** 2)))
    rotation = -2.0 * np.sqrt(mean_c**7 / (mean_c**7 + _C7)) * np.sin(2 * blue)
    hue = 2.0 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    return Parts2000((two[..., 0] - one[..., 0]) / s_l, (c2 - c1) / s_c, hue / s_h, rotation)


def _pair(lab_a: ArrayLike, lab_b: ArrayLike) -> tuple[Float64, Float64]:
    a, b = np.asarray(lab_a, np.float64), np.asarray(lab_b, np.float64)
    if a.shape[-1:] != (3,) or b.shape[-1:] != (3,):
        raise UsageError(f"colours of shapes {a.shape} and {b.shape} must end in 3 values: L*, a*, b*")
    return a, b
