"""Correlated colour temperature and tint of a chromaticity, and back.

A. R. Robertson, "Computation of correlated color temperature and distribution temperature", J. Opt. Soc. Am. 58
(1968) 1528: 31 lines of constant temperature in the CIE 1960 uv diagram; a colour between two lines gets the
reciprocal temperature interpolated by its distances to them. Table as in Wyszecki & Stiles, "Color Science" (1982),
p. 228, with u at 325 mired corrected to 0.24792.

Tint is the distance from the Planckian locus along the line of constant temperature, times 3000, with Adobe's
sign: positive for light on the green side of the locus (daylight of 5500 K: +10), which a camera then corrects
towards magenta; negative for light on the magenta side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import Chromaticity
from isp.values import Float64, frozen

TINT_SCALE = 3000.0
"""Tint units per unit of CIE 1960 uv."""

COLDEST, HOTTEST = 1e6 / 600, 1e6
"""Temperatures the table is read at: its last line [K], and far enough towards its first, infinite one [K]."""

_LINES: Float64 = frozen(
    [
        # mired, u, v, slope of the line
        (0, 0.18006, 0.26352, -0.24341),
        (10, 0.18066, 0.26589, -0.25479),
        (20, 0.18133, 0.26846, -0.26876),
        (30, 0.18208, 0.27119, -0.28539),
        (40, 0.18293, 0.27407, -0.30470),
        (50, 0.18388, 0.27709, -0.32675),
        (60, 0.18494, 0.28021, -0.35156),
        (70, 0.18611, 0.28342, -0.37915),
        (80, 0.18740, 0.28668, -0.40955),
        (90, 0.18880, 0.28997, -0.44278),
        (100, 0.19032, 0.29326, -0.47888),
        (125, 0.19462, 0.30141, -0.58204),
        (150, 0.19962, 0.30921, -0.70471),
        (175, 0.20525, 0.31647, -0.84901),
        (200, 0.21142, 0.32312, -1.01820),
        (225, 0.21807, 0.32909, -1.21680),
        (250, 0.22511, 0.33439, -1.45120),
        (275, 0.23247, 0.33904, -1.72980),
        (300, 0.24010, 0.34308, -2.06370),
        (325, 0.24792, 0.34655, -2.46810),
        (350, 0.25591, 0.34951, -2.96410),
        (375, 0.26400, 0.35200, -3.58140),
        (400, 0.27218, 0.35407, -4.36330),
        (425, 0.28039, 0.35577, -5.37620),
        (450, 0.28863, 0.35714, -6.72620),
        (475, 0.29685, 0.35823, -8.59550),
        (500, 0.30505, 0.35907, -11.32400),
        (525, 0.31320, 0.35968, -15.62800),
        (550, 0.32129, 0.36011, -23.32500),
        (575, 0.32931, 0.36038, -40.77000),
        (600, 0.33724, 0.36051, -116.45000),
    ],
    np.float64,
)
_MIRED = _LINES[:, 0]
_LOCUS = _LINES[:, 1:3]
# unit vectors along the lines, pointing to the green side (towards larger v)
_ALONG = np.stack([-np.ones(31), -_LINES[:, 3]], axis=1) / np.hypot(1.0, _LINES[:, 3])[:, None]
_ACROSS = np.stack([_ALONG[:, 1], -_ALONG[:, 0]], axis=1)


def xy_to_uv(xy: ArrayLike) -> Float64:
    """CIE 1931 xy (2,) to CIE 1960 uv (2,)."""
    x, y = np.asarray(xy, np.float64)
    return np.asarray(np.array([4.0 * x, 6.0 * y]) / (-2.0 * x + 12.0 * y + 3.0))


def uv_to_xy(uv: ArrayLike) -> Chromaticity:
    """CIE 1960 uv (2,) to CIE 1931 xy."""
    u, v = (float(value) for value in np.asarray(uv, np.float64))
    scale = 2.0 * u - 8.0 * v + 4.0
    return 3.0 * u / scale, 2.0 * v / scale


def temperature_and_tint(xy: ArrayLike) -> tuple[float, float]:
    """Correlated colour temperature [K] and tint of a chromaticity.

    Beyond the table's ends the temperature is held at `COLDEST` and `HOTTEST`.
    """
    uv = xy_to_uv(xy)
    # signed distance to each line; positive on its warm side
    distance = np.einsum("ij,ij->i", uv - _LOCUS, _ACROSS)
    behind = np.flatnonzero(distance[1:] <= 0.0)
    line = int(behind[0]) + 1 if behind.size else len(_LINES) - 1
    before, after = distance[line - 1], -distance[line]
    share = float(np.clip(before / (before + after), 0.0, 1.0)) if before + after > 0 else 0.0
    mired = _MIRED[line - 1] + share * (_MIRED[line] - _MIRED[line - 1])
    locus, along = _place(line, share)
    return 1e6 / max(float(mired), 1e6 / HOTTEST), float((uv - locus) @ along) * TINT_SCALE


def chromaticity(temperature: float, tint: float = 0.0) -> Chromaticity:
    """CIE 1931 xy of a correlated colour temperature [K] and tint; the temperature is held inside the table."""
    mired = 1e6 / min(max(temperature, COLDEST), HOTTEST)
    line = min(max(int(np.searchsorted(_MIRED, mired)), 1), len(_LINES) - 1)
    share = (mired - _MIRED[line - 1]) / (_MIRED[line] - _MIRED[line - 1])
    locus, along = _place(line, float(share))
    return uv_to_xy(locus + along * (tint / TINT_SCALE))


def _place(line: int, share: float) -> tuple[Float64, Float64]:
    """Point of the locus and direction of constant temperature between two lines."""
    locus = _LOCUS[line - 1] + share * (_LOCUS[line] - _LOCUS[line - 1])
    along = _ALONG[line - 1] + share * (_ALONG[line] - _ALONG[line - 1])
    return locus, along / np.hypot(*along)
