"""How far a white balance is off: angles between lights, chromaticity, colour temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import rgb_to_xyz
from isp.color.temperature import TINT_SCALE, temperature_and_tint, uv_to_xy
from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import Estimate, Measured, mean_of
from reports.light import to_lab

COLDEST, HOTTEST = 1700.0, 50_000.0
"""Temperatures that are told [K]: those between which Robertson's table and Ohno's method are accurate."""
FARTHEST = 0.05
"""From the Planckian locus, in CIE 1960 uv: beyond it a colour temperature means nothing (CIE 15:2018, 9.5)."""


@dataclass(frozen=True)
class WhiteError(Measured):
    """Means over neutral patches; each estimate keeps the patches' values as its items.

    Parameters
    ----------
    recovery : Estimate [deg]
        Angle between measured and expected RGB.
    reproduction : Estimate [deg]
        Angle between measured / expected and grey: how coloured a white surface comes out.
    delta_uv : Estimate
        Distance in the chromaticities u'v' (CIE 1976).
    duv : Estimate
        Change of the distance from the Planckian locus, CIE 1960 uv: positive is greener.
    cct : Estimate [K]
        Change of the correlated colour temperature: positive is bluer.
    delta_c : Estimate
        Distance in a*b*.
    uv : (N, 2) float64
        u'v' of each measured patch.
    """

    recovery: Estimate
    reproduction: Estimate
    delta_uv: Estimate
    duv: Estimate
    cct: Estimate
    delta_c: Estimate
    uv: Float64


def white_error(measured: ArrayLike, expected: ArrayLike = (1.0, 1.0, 1.0), *, space: str = "srgb") -> WhiteError:
    """Error of the white seen on neutral patches.

    Parameters
    ----------
    measured : (N, 3) or (3,) float
        Linear RGB of neutral patches in the picture. For the estimate of a light: RGB of the light itself.
    expected : (N, 3) or (3,) float
        Linear RGB they should have, (1, 1, 1) for a balanced picture. For the estimate of a light: the estimate,
        by which the picture would be divided. Brightness does not matter, save for `delta_c`, which is taken after
        both have the expected luminance.
    space : str
        Primaries of both.

    Returns
    -------
    WhiteError
        n.a. with the reason where RGB are not positive, or, for temperatures, too far from any black body. The
        intervals are of the mean over the patches (bootstrap); from fewer than three patches there is none.

    Raises
    ------
    UsageError
        Shapes that do not fit, or a space that is not known.

    Notes
    -----
    Recovery angle as in Hordley and Finlayson, J. Opt. Soc. Am. A 23 (2006) 1008. Reproduction angle of Finlayson and
    Zakizadeh, "Reproduction Angular Error", BMVC 2014: that between (measured / expected) and (1, 1, 1).
    Temperature and Duv as in Ohno, LEUKOS 10 (2014) 47, computed by colour-science.
    """
    got, wanted = np.atleast_2d(np.asarray(measured, np.float64)), np.asarray(expected, np.float64)
    if got.ndim != 2 or got.shape[1] != 3 or wanted.shape not in ((3,), got.shape):
        raise UsageError(
            f"measured RGB of shape {np.shape(measured)} must be (N, 3), expected RGB {wanted.shape} (3,) or the same"
        )
    matrix = rgb_to_xyz(space)
    wanted = np.broadcast_to(wanted, got.shape)
    lit = np.isfinite(got) & np.isfinite(wanted) & (got > 0) & (wanted > 0)
    if not len(got) or not lit.all():
        why = "neutral patches hold RGB that is not positive" if len(got) else "no neutral patch"
        none = Estimate.missing(why)
        degrees, kelvin = Estimate.missing(why, "deg"), Estimate.missing(why, "K")
        return WhiteError(degrees, degrees, none, none, kelvin, none, np.full((len(got), 2), math.nan))
    seen, meant = got @ matrix.T, wanted @ matrix.T
    uv, uv_meant = _uv(seen), _uv(meant)
    matched = got * (meant[:, 1:2] / seen[:, 1:2])
    gap = to_lab(matched, space)[:, 1:] - to_lab(wanted, space)[:, 1:]
    cct, duv = _temperature(uv, uv_meant)
    return WhiteError(
        mean_of(_angle(got, wanted), "deg"),
        mean_of(_angle(got / wanted, np.ones(3)), "deg"),
        mean_of(np.hypot(*(uv - uv_meant).T)),
        duv,
        cct,
        mean_of(np.hypot(*gap.T)),
        uv,
    )


def _angle(a: Float64, b: Float64) -> Float64:
    """Angle between vectors [deg]; from the cross product, since arccos loses the small ones."""
    across = np.linalg.norm(np.cross(a, np.broadcast_to(b, a.shape)), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, (a * b).sum(-1))))


def _uv(xyz: Float64) -> Float64:
    """u'v' (N, 2) of XYZ (CIE 15:2018, 8.2.2)."""
    return np.asarray(xyz[:, :2] * (4.0, 9.0) / (xyz @ (1.0, 15.0, 3.0))[:, None])


def _temperature(uv: Float64, uv_meant: Float64) -> tuple[Estimate, Estimate]:
    # CIE 1960 v is two thirds of CIE 1976 v'
    got, wanted = uv * (1.0, 2 / 3), uv_meant * (1.0, 2 / 3)
    # colour-science extrapolates beyond its table without a word, so what is out there never reaches it
    near = [temperature_and_tint(uv_to_xy(place)) for place in (*got, *wanted)]
    why = ""
    if max(abs(tint) for _, tint in near) > FARTHEST * TINT_SCALE:
        why = "too far from the colour of any black body"
    elif not all(COLDEST <= kelvin <= HOTTEST for kelvin, _ in near):
        why = f"colour temperature outside {COLDEST:.0f}..{HOTTEST:.0f} K"
    if why:
        return Estimate.missing(why, "K"), Estimate.missing(why)
    from colour.temperature import uv_to_CCT_Ohno2013

    gap = np.asarray(uv_to_CCT_Ohno2013(got)) - np.asarray(uv_to_CCT_Ohno2013(wanted))
    return mean_of(gap[:, 0], "K"), mean_of(gap[:, 1])
